"""A pinned certificate: the digest that the peer's certificate must have.

Knows: the digests of a certificate's DER form, told apart by their length.
Must not know: TLS, connections.
Called by: users make a `Fingerprint`; `tls` checks it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from ..exceptions import ServerFingerprintMismatch

__all__ = ("Fingerprint",)


#: By the size of a digest, the name by which `hashlib` makes it.
_DIGESTS = {16: "md5", 20: "sha1", 32: "sha256"}


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
                f"{_DIGESTS[size]} is too weak to pin a certificate with; use sha256",
                DeprecationWarning,
                stacklevel=3,  # 2 is the dataclass's own __init__
            )

    def __repr__(self) -> str:
        name = _DIGESTS[len(self.fingerprint)]
        return f"Fingerprint({name}: {self.fingerprint.hex()})"

    def check(self, der: bytes | None, host: str, port: int | None) -> None:
        """Check the peer's certificate, given in DER form; ``None`` if it showed none.

        Raises:
            ServerFingerprintMismatch: it is not the pinned one.
        """
        import hashlib  # few pin certificates
        import hmac

        got = b""
        if der is not None:
            name = _DIGESTS[len(self.fingerprint)]
            got = hashlib.new(name, der, usedforsecurity=name == "sha256").digest()
        if not hmac.compare_digest(got, self.fingerprint):
            raise ServerFingerprintMismatch(self.fingerprint, got, host, port)
