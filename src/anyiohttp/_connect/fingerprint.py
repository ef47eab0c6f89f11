"""A pinned certificate: the digest that the peer's certificate must have.

Knows: the digests of a certificate's DER form, told apart by their length.
Must not know: TLS, connections.
Called by: users make a `Fingerprint`; `tls` checks it.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from ..exceptions import ServerFingerprintMismatch

__all__ = ("Fingerprint",)


def _md5(der: bytes) -> bytes:
    return hashlib.md5(der, usedforsecurity=False).digest()


def _sha1(der: bytes) -> bytes:
    return hashlib.sha1(der, usedforsecurity=False).digest()


def _sha256(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()


_DIGESTS: dict[int, tuple[str, Callable[[bytes], bytes]]] = {
    16: ("md5", _md5),
    20: ("sha1", _sha1),
    32: ("sha256", _sha256),
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The digest of the one certificate that is accepted.

    As ``ssl=Fingerprint(…)`` it stands in for verification; as ``fingerprint=`` it is asked for
    besides.

    Args:
        fingerprint: SHA-256 (32 bytes) of the certificate's DER form. SHA-1 (20) and MD5 (16) are
            accepted with a `DeprecationWarning`: who can make collisions can get around them.

    Raises:
        ValueError: the length is that of no known digest.
    """

    fingerprint: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", bytes(self.fingerprint))
        size = len(self.fingerprint)
        if size not in _DIGESTS:
            raise ValueError(f"a fingerprint has 16, 20 or 32 bytes, not {size}")
        if size < 32:
            warnings.warn(
                f"{_DIGESTS[size][0]} is too weak to pin a certificate with; use sha256",
                DeprecationWarning,
                stacklevel=3,  # 2 is the dataclass's own __init__
            )

    def __repr__(self) -> str:
        name, _ = _DIGESTS[len(self.fingerprint)]
        return f"Fingerprint({name}: {self.fingerprint.hex()})"

    def check(self, der: bytes | None, host: str, port: int | None) -> None:
        """Check the peer's certificate, given in DER form; ``None`` if it showed none.

        Raises:
            ServerFingerprintMismatch: it is not the pinned one.
        """
        _, digest = _DIGESTS[len(self.fingerprint)]
        got = digest(der) if der is not None else b""
        if not hmac.compare_digest(got, self.fingerprint):
            raise ServerFingerprintMismatch(self.fingerprint, got, host, port)
