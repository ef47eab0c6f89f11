"""Digests: how a caller gives one, how a server sends one (RFC 9530, Content-MD5). Pure.

Knows: names of algorithms, their spellings, which is the strongest.
Must not know: files, requests.
Called by: ``options``, ``files``, ``task``, ``lists``, ``metalink``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .ranges import Headers, is_coded

__all__ = ("Digest", "Hash", "digest_of_part", "digests_of_whole", "parse_digest", "strongest")

#: The strongest first; the names are hashlib's.
_ALGORITHMS = (
    "sha512", "sha384", "sha256", "sha3_512", "sha3_384", "sha3_256",
    "blake2b", "blake2s", "sha224", "sha3_224", "sha1", "md5",
)  # fmt: skip
_SPELLINGS = {"sha": "sha1"}
#: Those of RFC 9530 that say anything against chance or malice.
_FIELD_ALGORITHMS = {"sha-512": "sha512", "sha-256": "sha256", "sha": "sha1", "md5": "md5"}
_MEMBER = re.compile(r"([a-z*][a-z0-9_\-.*]*)=:([A-Za-z0-9+/=]*):")


@dataclass(frozen=True, slots=True)
class Digest:
    """What the bytes of a file must hash to.

    Args:
        algorithm: hashlib's name.
        value: the digest.
        source: who says so.
    """

    algorithm: str
    value: bytes
    source: str = "digest="

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value.hex()}"

    def matches(self, value: bytes) -> bool:
        """Return whether ``value`` is the digest."""
        return hmac.compare_digest(self.value, value)


class Hash:
    """A hash over a file, as far as it has come.

    Args:
        algorithm: hashlib's name.
        position: where it begins.

    Attributes:
        algorithm: hashlib's name.
        position: where it goes on.
    """

    __slots__ = ("_hash", "algorithm", "position")

    def __init__(self, algorithm: str, position: int = 0) -> None:
        self.algorithm = algorithm
        self.position = position
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, offset: int, pieces: Sequence[bytes]) -> None:
        """Go on with the bytes from ``offset``; nothing happens if they are not the next."""
        if offset != self.position:
            return
        for piece in pieces:
            self._hash.update(piece)
            self.position += len(piece)

    def digest(self) -> bytes:
        """Return the digest so far."""
        return self._hash.digest()


def parse_digest(text: str, source: str = "digest=") -> Digest:
    """Read a digest as people write it: ``sha256:…`` or ``sha-256=…``, hexadecimal or base64.

    Args:
        text: the algorithm, a colon or an equals sign, and the value.
        source: who says so.

    Raises:
        ValueError: there is no such algorithm, or the value is not one of its digests.
    """
    match = re.fullmatch(r"\s*([A-Za-z0-9_-]+)\s*[:=]\s*:?([A-Za-z0-9+/=]+):?\s*", text)
    if match is None:
        raise ValueError(f"a digest is written like sha256:…, not {text!r}")
    algorithm = _algorithm(match[1])
    if algorithm is None:
        known = ", ".join(_ALGORITHMS)
        raise ValueError(f"no digest algorithm is called {match[1]!r}; known are {known}")
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    value = _value(match[2], size)
    if value is None:
        raise ValueError(f"{match[2]!r} is no {algorithm} digest: that has {size} bytes")
    return Digest(algorithm, value, source)


def _algorithm(name: str) -> str | None:
    name = name.lower()
    name = _SPELLINGS.get(name, name)
    for known in (name.replace("-", "_"), name.replace("-", "").replace("_", "")):
        if known in _ALGORITHMS:
            return known
    return None


def _value(text: str, size: int) -> bytes | None:
    if len(text) == 2 * size:
        try:
            return bytes.fromhex(text)
        except ValueError:
            return None
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return value if len(value) == size else None


def strongest(digests: Iterable[Digest]) -> list[Digest]:
    """Return the digests that are worth checking: of each source, the strongest."""
    best: dict[str, Digest] = {}
    for digest in digests:
        known = best.get(digest.source)
        if known is None or _strength(digest) < _strength(known):
            best[digest.source] = digest
    return list(best.values())


def _strength(digest: Digest) -> int:
    return _ALGORITHMS.index(digest.algorithm)


def digests_of_whole(status: int, headers: Headers) -> list[Digest]:
    """Return what a response's fields, or trailers, say of the whole file.

    ``Repr-Digest`` speaks of the whole file also if the body is a part of it; ``Content-Digest``
    and ``Content-MD5`` speak of the body. In a content coding all of them speak of the coded bytes,
    which are not the file's.
    """
    if is_coded(headers):
        return []
    found = _members(headers, "Repr-Digest")
    if status != 206:
        found += _members(headers, "Content-Digest")
        value = _value(headers.get("Content-MD5", "").strip(), 16)
        if value is not None:
            found.append(Digest("md5", value, "Content-MD5"))
    return strongest(found)


def digest_of_part(headers: Headers) -> Digest | None:
    """Return what ``Content-Digest`` says of the body of a 206."""
    found = strongest(_members(headers, "Content-Digest"))
    return found[0] if found else None


def _members(headers: Headers, field: str) -> list[Digest]:
    """The members of a dictionary of byte sequences (RFC 8941 3.2), those that mean something."""
    found = []
    for member in headers.get(field, "").split(","):
        match = _MEMBER.fullmatch(member.partition(";")[0].strip())
        algorithm = _FIELD_ALGORITHMS.get(match[1]) if match else None
        if match is None or algorithm is None:
            continue
        value = _value(match[2], hashlib.new(algorithm, usedforsecurity=False).digest_size)
        if value is not None:
            found.append(Digest(algorithm, value, field))
    return found
