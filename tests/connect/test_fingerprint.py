from __future__ import annotations

import hashlib

import pytest

from anyiohttp._connect.fingerprint import Fingerprint
from anyiohttp.exceptions import ServerFingerprintMismatch

DER = b"a certificate"
SHA256 = hashlib.sha256(DER).digest()


def weak(digest: bytes) -> Fingerprint:
    with pytest.warns(DeprecationWarning, match="too weak"):
        return Fingerprint(digest)


@pytest.mark.parametrize("name", ["md5", "sha1"])
def test_old_digests_work_with_a_warning_that_names_the_caller(name: str) -> None:
    digest = hashlib.new(name, DER).digest()
    with pytest.warns(DeprecationWarning, match=name) as caught:
        pin = Fingerprint(digest)
    assert caught[0].filename == __file__
    pin.check(DER, "h", 1)
    with pytest.raises(ServerFingerprintMismatch):
        pin.check(b"another", "h", 1)


def test_sha256_matches_without_a_warning() -> None:
    Fingerprint(SHA256).check(DER, "h", 1)


def test_mismatch_tells_everything() -> None:
    with pytest.raises(ServerFingerprintMismatch) as caught:
        Fingerprint(SHA256).check(b"another", "host.test", 443)
    error = caught.value
    assert error.expected == SHA256
    assert error.got == hashlib.sha256(b"another").digest()
    assert (error.host, error.port) == ("host.test", 443)


def test_no_certificate_is_a_mismatch() -> None:
    with pytest.raises(ServerFingerprintMismatch) as caught:
        Fingerprint(SHA256).check(None, "h", None)
    assert caught.value.got == b""


@pytest.mark.parametrize("size", [0, 15, 31, 33, 64])
def test_other_lengths_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        Fingerprint(b"x" * size)


def test_text_is_refused() -> None:
    with pytest.raises(TypeError):
        Fingerprint("x" * 32)  # type: ignore[arg-type]


def test_is_a_value() -> None:
    assert Fingerprint(SHA256) == Fingerprint(bytearray(SHA256))
    assert hash(Fingerprint(SHA256)) == hash(Fingerprint(bytearray(SHA256)))
    assert Fingerprint(SHA256) != Fingerprint(b"x" * 32)
    assert Fingerprint(SHA256).fingerprint == SHA256
    with pytest.raises(AttributeError):
        Fingerprint(SHA256).fingerprint = b""  # type: ignore[misc]


def test_repr_names_the_digest() -> None:
    assert repr(Fingerprint(SHA256)) == f"Fingerprint(sha256: {SHA256.hex()})"
    assert repr(weak(b"\x01" * 16)).startswith("Fingerprint(md5: 0101")
