"""Certificates, SSL contexts, fingerprints and PEM files of a certificate authority for one run."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

#: The names and addresses every server certificate of the tests is good for.
SERVER_NAMES = ("localhost", "127.0.0.1", "::1", "tls.test", "*.tls.test")


@dataclass(frozen=True)
class CertFiles:
    """PEM files for servers that read their certificates from disk."""

    ca: Path
    #: The server's certificate chain, and its key.
    cert: Path
    key: Path
    #: Both in one file, as HAProxy wants them.
    combined: Path
    #: The client's certificate chain and key in one file.
    client: Path


@dataclass(frozen=True)
class Fingerprints:
    """Digests of a certificate's DER form."""

    md5: bytes
    sha1: bytes
    sha256: bytes


def server_context(
    cert: trustme.LeafCert, *, client_ca: trustme.CA | None = None, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """A server's context with this certificate.

    Args:
        cert: what to show.
        client_ca: if given, clients must show a certificate of this authority.
        alpn: protocols to offer.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    if client_ca is not None:
        client_ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def client_context(ca: trustme.CA, *, cert: trustme.LeafCert | None = None) -> ssl.SSLContext:
    """A client's context that trusts only this authority, and shows ``cert`` if asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    if cert is not None:
        cert.configure_cert(context)
    return context


def der(cert: trustme.LeafCert) -> bytes:
    """The certificate itself (not its chain) in DER form."""
    return ssl.PEM_cert_to_DER_cert(cert.cert_chain_pems[0].bytes().decode("ascii"))


def fingerprints(cert: trustme.LeafCert) -> Fingerprints:
    """The certificate's digests, by each algorithm a pin may use."""
    data = der(cert)
    return Fingerprints(
        md5=hashlib.md5(data, usedforsecurity=False).digest(),
        sha1=hashlib.sha1(data, usedforsecurity=False).digest(),
        sha256=hashlib.sha256(data).digest(),
    )


def write_files(
    directory: Path, ca: trustme.CA, cert: trustme.LeafCert, client: trustme.LeafCert
) -> CertFiles:
    """Write everything as PEM files into ``directory``."""
    files = CertFiles(
        ca=directory / "ca.pem",
        cert=directory / "server.crt",
        key=directory / "server.key",
        combined=directory / "server.pem",
        client=directory / "client.pem",
    )
    chain = b"".join(blob.bytes() for blob in cert.cert_chain_pems)
    ca.cert_pem.write_to_path(str(files.ca))
    files.cert.write_bytes(chain)
    cert.private_key_pem.write_to_path(str(files.key))
    files.combined.write_bytes(chain + cert.private_key_pem.bytes())
    client.private_key_and_cert_chain_pem.write_to_path(str(files.client))
    for path in (files.ca, files.cert, files.key, files.combined, files.client):
        # The servers started by root read these as another user.
        path.chmod(0o644)
    return files
