"""Certificates and SSL contexts as fixtures."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
import trustme
from tests.certs.authority import (
    SERVER_NAMES,
    CertFiles,
    Fingerprints,
    client_context,
    fingerprints,
    server_context,
    write_files,
)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The authority that clients of the tests trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def untrusted_ca() -> trustme.CA:
    """An authority nobody trusts."""
    return trustme.CA(organization_name="nobody's authority")


@pytest.fixture(scope="session")
def server_cert(ca: trustme.CA) -> trustme.LeafCert:
    """A certificate for localhost, 127.0.0.1, ::1, tls.test and names under it."""
    return ca.issue_cert(*SERVER_NAMES)


@pytest.fixture(scope="session")
def issue_server_cert(ca: trustme.CA) -> Callable[..., trustme.LeafCert]:
    """A function that issues a certificate for other names, as ``trustme.CA.issue_cert`` does."""
    return ca.issue_cert


@pytest.fixture(scope="session")
def client_cert(ca: trustme.CA) -> trustme.LeafCert:
    """A client's certificate."""
    return ca.issue_cert("client@example.test", common_name="client")


@pytest.fixture(scope="session")
def server_ssl_context(server_cert: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context with `server_cert`."""
    return server_context(server_cert)


@pytest.fixture(scope="session")
def mtls_server_ssl_context(ca: trustme.CA, server_cert: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context that demands a client certificate."""
    return server_context(server_cert, client_ca=ca)


@pytest.fixture(scope="session")
def untrusted_server_ssl_context(untrusted_ca: trustme.CA) -> ssl.SSLContext:
    """A server's context whose certificate no client trusts."""
    return server_context(untrusted_ca.issue_cert(*SERVER_NAMES))


@pytest.fixture(scope="session")
def client_ssl_context(ca: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts `ca` only."""
    return client_context(ca)


@pytest.fixture(scope="session")
def mtls_client_ssl_context(ca: trustme.CA, client_cert: trustme.LeafCert) -> ssl.SSLContext:
    """A client's context that trusts `ca` only and shows `client_cert`."""
    return client_context(ca, cert=client_cert)


@pytest.fixture(scope="session")
def server_fingerprints(server_cert: trustme.LeafCert) -> Fingerprints:
    """The digests of `server_cert`: ``.md5``, ``.sha1``, ``.sha256``."""
    return fingerprints(server_cert)


@pytest.fixture(scope="session")
def cert_files(
    tmp_path_factory: pytest.TempPathFactory,
    ca: trustme.CA,
    server_cert: trustme.LeafCert,
    client_cert: trustme.LeafCert,
) -> CertFiles:
    """`ca`, `server_cert` and `client_cert` as PEM files."""
    return write_files(tmp_path_factory.mktemp("certs"), ca, server_cert, client_cert)
