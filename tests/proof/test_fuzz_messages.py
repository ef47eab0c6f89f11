"""Fuzz of what has a grammar of its own inside of messages: challenges, multipart bodies.

The examples are the same each time, as in `test_fuzz`.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proof.ledger import LEDGER
from tests.proof.test_fuzz import OVER_MEMORY, PURE, changed, texts
from yarl import URL

from anyiohttp import MalformedMultipartError, MultipartReader, StreamReader
from anyiohttp._client.digest import DigestCredentials, DigestSession
from anyiohttp._connect.challenges import parse_challenges, parse_parameters, quoted

CHALLENGE_WORDS = (
    "Digest ",
    "Basic ",
    "Negotiate",
    ", ",
    ",",
    "=",
    '"',
    "\\",
    "realm=",
    'nonce="n"',
    'qop="auth,auth-int"',
    "qop=",
    "algorithm=",
    "SHA-256",
    "-sess",
    "stale=true",
    "charset=UTF-8",
    "userhash=true",
    'domain="/a http://b/ "',
    "domain=",
    "opaque=",
    " ",
    "\ud800",
    "\udcff",
)
#: What no field of a response holds: controls, and surrogates that stand for no byte.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")


@PURE
@given(st.lists(texts("Digest realm=r,nonce=n,", *CHALLENGE_WORDS), max_size=3), texts("u", "ä"))
def test_challenges(fields: list[str], login: str) -> None:
    """Whatever a server asks for: an answer that says nothing more, or none."""
    with LEDGER.trial("fuzz", target="challenges"):
        for challenge in parse_challenges(fields):
            assert challenge.scheme == challenge.scheme.lower() != ""
            assert all(challenge.parameters) or not challenge.parameters
        try:
            credentials = DigestCredentials(login, "secret")
        except ValueError:
            return
        url = URL("http://a/b?c")
        assert credentials.is_for(url)
        fields = [_IMPOSSIBLE.sub("", field) for field in fields]
        session = credentials.challenged(url, fields)
        if not isinstance(session, DigestSession):
            return
        answer = session.answer(credentials.login_and_password, "GET", "/b?c", cnonce="c")
        said = parse_parameters(answer.field.removeprefix("Digest "))
        assert said["realm"] == session.challenge.realm
        assert said["nonce"] == session.challenge.nonce
        assert said.get("opaque") == session.challenge.opaque
        assert said.get("username", "").isascii() or not session.challenge.utf8
        assert "secret" not in answer.field
        credentials.informed(url, session, answer, fields[0])


@PURE
@given(texts('"', "\\", ",", "=", "é", "\udcff"))
def test_quoted_strings(text: str) -> None:
    with LEDGER.trial("fuzz", target="quoted strings"):
        assert parse_parameters(f"a={quoted(text)}, b=c") == {"a": text, "b": "c"}


MULTIPART = [
    b"--b\r\nA: 1\r\n\r\none\r\n--b\r\nContent-Length: 3\r\n\r\ntwo\r\n--b--\r\n",
    b"--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c--\r\n--b--\r\n",
    b"--b\r\nContent-Transfer-Encoding: base64\r\nContent-Encoding: gzip\r\n\r\nH4sI\r\n--b--",
]


async def _parts(reader: MultipartReader, size: int) -> bytes:
    """All parts of a body, in chunks or as a whole."""
    found = b""
    async for part in reader:
        if isinstance(part, MultipartReader):
            found += await _parts(part, size)
            continue
        assert not (part.name or part.filename or "").startswith("\r")
        if size:
            while chunk := await part.read_chunk(size):
                found += chunk
        else:
            found += await part.read()
        assert part.at_eof()
    assert reader.at_eof()
    return found


@pytest.mark.anyio
@OVER_MEMORY
@given(
    body=st.one_of(changed(MULTIPART), st.binary(max_size=60)),
    cuts=st.lists(st.integers(0, 120), max_size=5).map(sorted),
    size=st.integers(1, 9),
)
async def test_multipart_bodies(
    anyio_backend: object, body: bytes, cuts: list[int], size: int
) -> None:
    """The same parts, or the same error of ours, in whatever pieces they come and are read."""
    with LEDGER.trial("fuzz", target="multipart bodies", backend=anyio_backend):
        results: list[bytes | None] = []
        for pieces, chunk in (([body], 0), (_cut(body, cuts), size)):
            content = StreamReader()
            for piece in pieces:
                content.feed_data(piece)
            content.feed_eof()
            reader = MultipartReader({"Content-Type": "multipart/mixed; boundary=b"}, content)
            try:
                results.append(await _parts(reader, chunk))
            except MalformedMultipartError:
                results.append(None)
        assert results[0] == results[1]


def _cut(body: bytes, cuts: list[int]) -> list[bytes]:
    ends = [*cuts, len(body)]
    return [body[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
