"""Digests as people write them, and as servers send them."""

from __future__ import annotations

import base64
import hashlib

import pytest

from anyiohttp.downloads.digests import (
    Digest,
    Hash,
    digest_of_part,
    digests_of_whole,
    parse_digest,
    strongest,
)

DATA = b"hello"
SHA256, SHA512 = hashlib.sha256(DATA), hashlib.sha512(DATA)
B256, B512 = (base64.b64encode(each.digest()).decode() for each in (SHA256, SHA512))
MD5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"sha256:{SHA256.hexdigest()}",
        f"sha256:{SHA256.hexdigest().upper()}",
        f"SHA-256={SHA256.hexdigest()}",
        f"sha-256:{B256}",
        f"sha-256=:{B256}:",
        f"  sha_256 : {SHA256.hexdigest()} ",
    ],
)
def test_spellings(text: str) -> None:
    digest = parse_digest(text)
    assert digest == Digest("sha256", SHA256.digest())
    assert str(digest) == f"sha256:{SHA256.hexdigest()}"
    assert digest.matches(SHA256.digest())
    assert not digest.matches(bytes(32))


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha", "sha3-256", "blake2b", "sha384"])
def test_algorithms(algorithm: str) -> None:
    name = {"sha": "sha1", "sha3-256": "sha3_256"}.get(algorithm, algorithm)
    value = hashlib.new(name, DATA)
    assert parse_digest(f"{algorithm}:{value.hexdigest()}").matches(value.digest())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        SHA256.hexdigest(),
        "sha256:",
        f"sha256:{SHA256.hexdigest()[:-1]}",
        f"sha256:{SHA512.hexdigest()}",
        f"sha512:{SHA256.hexdigest()}",
        f"crc32:{SHA256.hexdigest()}",
        f"sha256:{'zz' * 32}",
        f"sha256:{B256[:-2]}",
        f"shake_128:{SHA256.hexdigest()}",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        parse_digest(text)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {"Repr-Digest": f"sha-256=:{B256}:"}, ["sha256"]),
        (206, {"Repr-Digest": f"sha-256=:{B256}:"}, ["sha256"]),
        (200, {"Content-Digest": f"sha-512=:{B512}:"}, ["sha512"]),
        (206, {"Content-Digest": f"sha-512=:{B512}:"}, []),
        (200, {"Content-MD5": MD5}, ["md5"]),
        (206, {"Content-MD5": MD5}, []),
        # the strongest of each field
        (200, {"Repr-Digest": f"sha-256=:{B256}:, sha-512=:{B512}:"}, ["sha512"]),
        (200, {"Repr-Digest": f"md5=:{MD5}:;q=1,unixsum=:AA==:"}, ["md5"]),
        (
            200,
            {"Repr-Digest": f"sha-256=:{B256}:", "Content-Digest": f"sha-256=:{B256}:"},
            ["sha256", "sha256"],
        ),
        # what means nothing says nothing
        (200, {"Repr-Digest": "sha-256=:AAAA:, sha-512=x, , =, sha-256"}, []),
        (200, {"Content-MD5": "nonsense"}, []),
        # of coded bytes, which are not the file's
        (200, {"Repr-Digest": f"sha-256=:{B256}:", "Content-Encoding": "gzip"}, []),
        (200, {}, []),
    ],
)
def test_what_servers_say(status: int, headers: dict[str, str], expected: list[str]) -> None:
    assert [digest.algorithm for digest in digests_of_whole(status, headers)] == expected


def test_of_a_part() -> None:
    assert digest_of_part({}) is None
    found = digest_of_part({"Content-Digest": f"sha-256=:{B256}:, sha-512=:{B512}:"})
    assert found == Digest("sha512", SHA512.digest(), "Content-Digest")


def test_the_strongest_of_each_source() -> None:
    weak, strong = Digest("md5", b"", "one"), Digest("sha512", b"", "one")
    other = Digest("sha1", b"", "other")
    assert strongest([weak, other, strong, weak]) == [strong, other]


def test_a_hash_goes_on_where_it_stopped() -> None:
    running = Hash("sha256")
    running.update(2, [b"llo"])  # not yet
    running.update(0, [b"h", b"e"])
    running.update(0, [b"he"])  # again
    running.update(2, [b"llo"])
    assert (running.position, running.digest()) == (5, SHA256.digest())
    middle = Hash("sha256", 100)
    middle.update(100, [DATA])
    assert middle.digest() == SHA256.digest()
