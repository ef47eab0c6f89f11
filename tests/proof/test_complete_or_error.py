"""Complete or error: a body that was cut anywhere never passes for whole, and nothing is endless.

Whatever says where a body ends (Content-Length, the last chunk, close_notify, the end mark of each
content coding) is taken away at each byte in turn. What is larger, expands further or goes on
longer than the limits allow is cut, with an error of ours, and takes neither memory nor the next
request's connection.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import brotli
import pytest
import zstandard
from tests.proof.ledger import Hang, Ledger, TruncatedAsComplete

from anyiohttp import (
    BodyTooLargeError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ContentDecodingError,
    MalformedResponseError,
)
from anyiohttp._message.codings import MAX_CHUNK
from anyiohttp._message.limits import LEAST_ENCODED, MAX_DECOMPRESSED_RATIO
from anyiohttp.testing import CertificateAuthority, Faults, MemoryNetwork, Peer, assert_no_leaks

pytestmark = pytest.mark.anyio

HOST = "peer.example"
URL = f"http://{HOST}/"
PATIENT = ClientTimeout(total=20)
BODY = b"whole or not at all: 0123456789 abcdefghij\n"

#: What a peer sends for a path, and whether it closes then.
Answer = Callable[[str], tuple[bytes, bool]]


# --- the peer -------------------------------------------------------------------------------


def answering(answer: Answer) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        while True:
            head = await peer.receive_head()
            data, closes = answer(head.split(b" ")[1].decode())
            await peer.send(data)
            if closes:
                return

    return script


@asynccontextmanager
async def talking_to(
    script: Callable[[Peer], Awaitable[None]], *, capacity: int = 64 * 1024, **options: object
) -> AsyncIterator[ClientSession]:
    """A session with room for one connection, and a peer; nothing may be left of them."""
    async with assert_no_leaks(), MemoryNetwork(capacity=capacity) as network:
        network.listen(HOST, 80, script)
        connector = network.connector(limit=1)
        async with ClientSession(connector=connector, timeout=PATIENT, **options) as session:  # type: ignore[arg-type]
            yield session
            stats = connector.stats
            assert (stats.busy, stats.dialing, stats.waiting) == (0, 0, 0)


def framed(body: bytes, how: str, *fields: bytes) -> tuple[bytes, bool]:
    """Return a response whose framing is whole whatever its body is, and whether it closes."""
    head = b"\r\n".join([b"HTTP/1.1 200 OK", *fields, b""])
    if how == "content-length":
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), False
    if how == "chunked":
        half = len(body) // 2
        chunks = [
            b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part
        ]
        return head + b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % b"".join(chunks), False
    return head + b"\r\n" + body, True


FRAMINGS = ("content-length", "chunked", "until the end")


# --- ways to read ---------------------------------------------------------------------------


async def _text(response: ClientResponse) -> bytes:
    return (await response.text("latin-1")).encode("latin-1")


async def _json(response: ClientResponse) -> bytes:
    def loads(text: str) -> str:
        return text

    return str(await response.json(encoding="latin-1", loads=loads, content_type=None)).encode()


async def _iter_chunked(response: ClientResponse) -> bytes:
    return b"".join([piece async for piece in response.content.iter_chunked(7)])


async def _iter_any(response: ClientResponse) -> bytes:
    return b"".join([piece async for piece in response.content.iter_any()])


async def _iter_chunks(response: ClientResponse) -> bytes:
    return b"".join([piece async for piece, _ in response.content.iter_chunks()])


async def _lines(response: ClientResponse) -> bytes:
    return b"".join([line async for line in response.content])


async def _readline(response: ClientResponse) -> bytes:
    lines = []
    while line := await response.content.readline():
        lines.append(line)
    return b"".join(lines)


async def _readuntil(response: ClientResponse) -> bytes:
    parts = []
    while part := await response.content.readuntil(b"9"):
        parts.append(part)
    return b"".join(parts)


async def _read_nowait(response: ClientResponse) -> bytes:
    parts = []
    while part := await response.content.read(3):
        parts += [part, response.content.read_nowait()]
    return b"".join(parts)


Reader = Callable[[ClientResponse], Awaitable[bytes]]
READERS: dict[str, Reader] = {
    "read": ClientResponse.read,
    "text": _text,
    "json": _json,
    "iter_chunked": _iter_chunked,
    "iter_any": _iter_any,
    "iter_chunks": _iter_chunks,
    "lines": _lines,
    "readline": _readline,
    "readuntil": _readuntil,
    "read_nowait": _read_nowait,
}


def reader_for(number: int) -> tuple[str, Reader]:
    items = [item for item in READERS.items() if item[0] != "json"]  # it strips
    return items[number % len(items)]


async def fetch(session: ClientSession, path: str, number: int = 0, **options: object) -> bytes:
    with anyio.move_on_after(30):
        async with session.get(URL + path, **options) as response:  # type: ignore[arg-type]
            return await reader_for(number)[1](response)
    raise Hang(f"nothing came of {path}")


# --- cut inside the framing -------------------------------------------------------------------

RAW = {
    "content-length": b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n"
    b"10\r\n%b\r\n%x;a=b\r\n%b\r\n0\r\nX-End: yes\r\n\r\n" % (BODY[:16], len(BODY) - 16, BODY[16:]),
}


@pytest.mark.parametrize("how", RAW)
async def test_framing_cut_at_every_byte(
    ledger: Ledger, exhaustive: bool, backend: str, how: str
) -> None:
    whole = b"HTTP/1.1 200 OK\r\n" + RAW[how]

    def answer(path: str) -> tuple[bytes, bool]:
        position = int(path[1:])
        return whole[:position], position < len(whole)

    async with talking_to(answering(answer)) as session:
        for position in range(0, len(whole), 1 if exhaustive else 5):
            with (
                ledger.trial("framing cut", framing=how, position=position, backend=backend),
                pytest.raises(ClientError),
            ):
                got = await fetch(session, str(position), position)
                raise TruncatedAsComplete(f"cut at {position}: {got!r}")
        assert await fetch(session, str(len(whole))) == BODY


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_over_tls_only_a_goodbye_ends_a_body(
    ledger: Ledger, exhaustive: bool, backend: str, coding: str, authority: CertificateAuthority
) -> None:
    body = BODY if coding == "identity" else gzip.compress(BODY, mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\n\r\n" % coding.encode()
    whole = head + body

    async def script(peer: Peer) -> None:
        head = await peer.receive_head()
        await peer.send(whole)
        if b"/whole" not in head:
            peer.abort()

    async with assert_no_leaks(), MemoryNetwork() as network:
        context = authority.server_context(HOST)
        server = network.listen(HOST, 443, script, tls=context)
        connector = network.connector(ssl=authority.client_context(), limit=1)
        async with ClientSession(connector=connector, timeout=PATIENT) as session:
            async with session.get(server.url / "whole") as response:
                assert await response.read() == BODY
            positions = range(len(head), len(whole) + 1, 1 if exhaustive else 9)
            for position in [*positions, len(whole)]:
                server.faults = Faults(end_at=position, layer="plaintext", goodbye=False)
                with (
                    ledger.trial(
                        "no TLS goodbye", coding=coding, position=position, backend=backend
                    ),
                    pytest.raises(ClientError),
                ):
                    async with session.get(server.url / "cut") as response:
                        got = await reader_for(position)[1](response)
                    raise TruncatedAsComplete(f"cut at {position}: {got!r}")


# --- cut inside the content coding --------------------------------------------------------------


def _raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def _zstd(data: bytes, *, checksum: bool = False) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum).compress(data)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@dataclass(frozen=True)
class Coded:
    """A coded body.

    Args:
        coding: value of Content-Encoding.
        parts: what follows one another, each with an end mark of its own, and what they say.
    """

    coding: str
    parts: Sequence[tuple[bytes, bytes]]

    @property
    def bytes(self) -> bytes:
        return b"".join(part for part, _ in self.parts)

    def said_until(self, position: int, how: str) -> bytes | None:
        """What a body of so many bytes says if it is whole by itself."""
        end, said = 0, b""
        if position == 0:
            # No body at all, as of an answer that has none, if somebody says so.
            return None if how == "until the end" else b""
        for part, text in self.parts:
            end += len(part)
            said += text
            if end == position:
                return said
        return None


THIRD = len(BODY) // 3
THIRDS = (BODY[:THIRD], BODY[THIRD : 2 * THIRD], BODY[2 * THIRD :])
CODED = {
    "gzip": Coded("gzip", [(_gzip(BODY), BODY)]),
    "gzip, three members": Coded("gzip", [(_gzip(part), part) for part in THIRDS]),
    "gzip, stored": Coded("x-gzip", [(gzip.compress(BODY, 0, mtime=0), BODY)]),
    "deflate, zlib": Coded("deflate", [(zlib.compress(BODY), BODY)]),
    "deflate, raw": Coded("deflate", [(_raw_deflate(BODY), BODY)]),
    "br": Coded("br", [(brotli.compress(BODY), BODY)]),
    "zstd": Coded("zstd", [(_zstd(BODY), BODY)]),
    "zstd, checksum": Coded("zstd", [(_zstd(BODY, checksum=True), BODY)]),
    "zstd, three frames": Coded("zstd", [(_zstd(part), part) for part in THIRDS]),
    "gzip in br": Coded("gzip, br", [(brotli.compress(_gzip(BODY)), BODY)]),
    "br in gzip": Coded("br, gzip", [(_gzip(brotli.compress(BODY)), BODY)]),
    "zstd in deflate": Coded("zstd, deflate", [(zlib.compress(_zstd(BODY)), BODY)]),
    "deflate in gzip in zstd": Coded(
        "deflate, gzip, zstd", [(_zstd(_gzip(_raw_deflate(BODY))), BODY)]
    ),
}


@pytest.mark.parametrize("how", FRAMINGS)
@pytest.mark.parametrize("name", CODED)
async def test_coding_cut_at_every_byte(
    ledger: Ledger, exhaustive: bool, backend: str, name: str, how: str
) -> None:
    """The framing is whole: only the coding can tell."""
    coded = CODED[name]
    field = b"Content-Encoding: " + coded.coding.encode()

    def answer(path: str) -> tuple[bytes, bool]:
        return framed(coded.bytes[: int(path[1:])], how, field)

    async with talking_to(answering(answer)) as session:
        positions = range(0, len(coded.bytes), 1 if exhaustive else 7)
        for position in [*positions, len(coded.bytes) - 1, len(coded.bytes)]:
            with ledger.trial(
                "coding cut", coding=name, framing=how, position=position, backend=backend
            ):
                expected = coded.said_until(position, how)
                if expected is not None:
                    assert await fetch(session, str(position), position) == expected
                    continue
                with pytest.raises(ContentDecodingError):
                    got = await fetch(session, str(position), position)
                    raise TruncatedAsComplete(f"cut at {position}: {got!r}")
        assert await fetch(session, str(len(coded.bytes))) == BODY


@pytest.mark.parametrize("part", ["an inner body that is cut", "bytes behind the end"])
@pytest.mark.parametrize(
    ("coding", "inner", "outer"),
    [
        ("gzip, br", _gzip, brotli.compress),
        ("br, gzip", brotli.compress, _gzip),
        ("deflate, zstd", zlib.compress, _zstd),
        ("zstd, deflate", _zstd, zlib.compress),
    ],
)
async def test_inner_codings_are_checked(
    ledger: Ledger,
    exhaustive: bool,
    backend: str,
    coding: str,
    inner: Callable[[bytes], bytes],
    outer: Callable[[bytes], bytes],
    part: str,
) -> None:
    """The outer coding is whole: only the inner one can tell."""
    whole = inner(BODY)
    if part == "bytes behind the end":
        bodies = [whole + extra for extra in (b"x", whole[:9])]
    else:
        bodies = [whole[:end] for end in range(1, len(whole), 1 if exhaustive else 7)]

    def answer(path: str) -> tuple[bytes, bool]:
        body = outer(bodies[int(path[1:])])
        return framed(body, "chunked", b"Content-Encoding: " + coding.encode())

    async with talking_to(answering(answer)) as session:
        for number in range(len(bodies)):
            with (
                ledger.trial(
                    "inner coding", coding=coding, part=part, position=number, backend=backend
                ),
                pytest.raises(ContentDecodingError),
            ):
                got = await fetch(session, str(number), number)
                raise TruncatedAsComplete(f"{number}: {got!r}")


# --- limits of size and of expansion -----------------------------------------------------------

LIMIT = 1000
#: What is not JSON is not what is tested here.
LONG = json.dumps(["0123456789\n"] * 90).encode()[:LIMIT]
FORMS: dict[str, tuple[str, str, Callable[[bytes], bytes]]] = {
    "content-length": ("content-length", "identity", bytes),
    "chunked": ("chunked", "identity", bytes),
    "until the end": ("until the end", "identity", bytes),
    "gzip": ("content-length", "gzip", _gzip),
    "deflate, chunked": ("chunked", "deflate", _raw_deflate),
    "br": ("content-length", "br", brotli.compress),
    "zstd, until the end": ("until the end", "zstd", _zstd),
    "stacked": ("chunked", "gzip, br", lambda body: brotli.compress(_gzip(body))),
}


@pytest.mark.parametrize("of", ["session", "request"])
@pytest.mark.parametrize("form", FORMS)
async def test_max_body_size(ledger: Ledger, backend: str, form: str, of: str) -> None:
    how, coding, encode = FORMS[form]

    def answer(path: str) -> tuple[bytes, bool]:
        body = (LONG + b"x" * 100_000)[: int(path[1:])]
        return framed(encode(body), how, b"Content-Encoding: " + coding.encode())

    options = {"max_body_size": LIMIT}
    of_session, of_request = (options, {}) if of == "session" else ({"max_body_size": 1}, options)
    async with talking_to(answering(answer), **of_session) as session:
        for name, read in READERS.items():
            for size, ok in ((LIMIT, True), (LIMIT + 1, False), (100_000, False)):
                with ledger.trial(
                    "max_body_size", form=form, reader=name, of=of, size=size, backend=backend
                ):
                    async with session.get(f"{URL}{size}", **of_request) as response:
                        if ok:
                            assert await read(response) == LONG
                            continue
                        with pytest.raises(BodyTooLargeError, match=r"max_body_size \(1000 bytes"):
                            await read(response)
                        assert response.closed
                        assert response.content.total_bytes <= LIMIT
                        with pytest.raises(BodyTooLargeError):
                            await response.read()
        assert await fetch(session, str(LIMIT), **of_request) == LONG
        if of == "request":
            assert len(await fetch(session, "90000", max_body_size=None)) == 90_000


async def test_what_is_announced_too_large_is_not_downloaded(ledger: Ledger, backend: str) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.receive_head()
        if head.startswith(b"HEAD"):
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
            head = await peer.receive_head()
        # Whoever waits for a byte of the body waits in vain.
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        assert await peer.receive_some() == b""

    async with talking_to(script, max_body_size=1000) as session:
        for name, read in READERS.items():
            with ledger.trial("announced too large", reader=name, backend=backend):
                async with session.get(URL) as response:  # the status is the user's all the same
                    assert response.status == 200
                    with pytest.raises(BodyTooLargeError, match="1001 bytes was announced"):
                        await read(response)
                    assert response.closed
        async with session.head(URL) as response:  # the length is that of another body
            assert await response.read() == b""


ZEROS = bytes(2**20)


def _many(encoder: object, megabytes: int) -> bytes:
    pieces = [encoder.compress(ZEROS) for _ in range(megabytes)]  # type: ignore[attr-defined]
    return b"".join([*pieces, encoder.flush()])  # type: ignore[attr-defined]


def _brotli_bomb(megabytes: int) -> bytes:
    compressor = brotli.Compressor(quality=5)
    return b"".join([*(compressor.process(ZEROS) for _ in range(megabytes)), compressor.finish()])


def _gzip_bomb(megabytes: int) -> bytes:
    return _many(zlib.compressobj(9, wbits=31), megabytes)


def _name_without_end(length: int) -> bytes:
    """A gzip member that consists of the file name in its header: decoded, it gives nothing."""
    return _gzip(b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"a" * length)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: _gzip_bomb(64)),
    "deflate": ("deflate", lambda: _many(zlib.compressobj(9), 64)),
    "br": ("br", lambda: _brotli_bomb(64)),
    "zstd": ("zstd", lambda: _many(zstandard.ZstdCompressor().compressobj(), 64)),
    "gzip in gzip": ("gzip, gzip", lambda: _gzip(_gzip_bomb(64))),
    "a name without end": ("gzip, gzip", lambda: _name_without_end(2**24)),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_bombs(ledger: Ledger, backend: str, bomb: str) -> None:
    coding, make = BOMBS[bomb]
    coded = make()
    response_bytes = framed(coded, "content-length", b"Content-Encoding: " + coding.encode())

    def answer(path: str) -> tuple[bytes, bool]:
        return framed(BODY, "chunked") if path == "/ok" else response_bytes

    most = MAX_DECOMPRESSED_RATIO * max(LEAST_ENCODED, len(coded)) + MAX_CHUNK
    async with talking_to(answering(answer)) as session:
        for name in ("read", "text", "json", "iter_any", "iter_chunks"):
            with ledger.trial("bomb", bomb=bomb, reader=name, backend=backend):
                async with session.get(URL) as response:
                    with pytest.raises(BodyTooLargeError, match="max_decompressed_ratio is 1000"):
                        await READERS[name](response)
                    assert response.content.total_bytes <= most
        assert await fetch(session, "ok") == BODY


@pytest.mark.parametrize("of", ["session", "request"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_max_decompressed_ratio(ledger: Ledger, backend: str, coding: str, of: str) -> None:
    encode = {"gzip": _gzip, "deflate": zlib.compress, "br": brotli.compress, "zstd": _zstd}[coding]
    size = 2**20
    body = encode(bytes(size))
    limit = size / LEAST_ENCODED  # all of these bodies are shorter on the wire
    assert len(body) <= LEAST_ENCODED

    def answer(path: str) -> tuple[bytes, bool]:
        return framed(body, "content-length", b"Content-Encoding: " + coding.encode())

    for ratio, ok in ((limit, True), (limit - 1, False), (None, True), (1, False)):
        given = {"max_decompressed_ratio": ratio}
        of_session, of_request = (given, {}) if of == "session" else ({}, given)
        async with talking_to(answering(answer), **of_session) as session:
            for name in ("read", "text", "iter_any"):
                with ledger.trial(
                    "max_decompressed_ratio", coding=coding, of=of, ratio=ratio, backend=backend
                ):
                    async with session.get(URL, **of_request) as response:  # type: ignore[arg-type]
                        if ok:
                            assert len(await READERS[name](response)) == size
                            continue
                        with pytest.raises(BodyTooLargeError, match="max_decompressed_ratio"):
                            await READERS[name](response)
                        assert response.closed


# --- streams without end -------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
#: What is sent once, what is sent for ever, how much of it may be read at most, and the error.
ENDLESS: dict[str, tuple[bytes, bytes, int, type[ClientError]]] = {
    "empty lines": (b"", b"\r\n", 2_000, MalformedResponseError),
    "a status line": (b"HTTP/1.1 200 ", b"OK", 10_000, MalformedResponseError),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 2_000, MalformedResponseError),
    "103 Early Hints": (
        b"",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        3_000,
        MalformedResponseError,
    ),
    "103 with long fields": (
        b"",
        b"HTTP/1.1 103 Early Hints\r\n" + b"Link: %b\r\n" % (b"a" * 8000) * 8 + b"\r\n",
        33 * 70_000,
        MalformedResponseError,
    ),
    "a field's name": (OK, b"a", 10_000, MalformedResponseError),
    "a field's value": (OK + b"A: ", b"a", 10_000, MalformedResponseError),
    "white space in a field": (OK + b"A:", b" ", 12_000, MalformedResponseError),
    "fields": (OK, b"A: b\r\n", 2_000, MalformedResponseError),
    "long fields": (OK, b"A: " + b"b" * 8000 + b"\r\n", 1_100_000, MalformedResponseError),
    "a folded field": (OK + b"A: b\r\n", b" c\r\n", 12_000, MalformedResponseError),
    "fields with bare LF": (OK, b"A: b\n", 2_000, MalformedResponseError),
    "a chunk's extension": (CHUNKED + b"5;", b"a=b;", 20_000, ClientPayloadError),
    "extensions of chunks": (CHUNKED, b"1;%b\r\nx\r\n" % (b"a" * 100), 30_000, ClientPayloadError),
    "a chunk's size": (CHUNKED, b"0", 20_000, ClientPayloadError),
    "white space in a chunk's size": (CHUNKED + b"5", b" ", 20_000, ClientPayloadError),
    "a trailer's name": (CHUNKED + b"0\r\n", b"a", 10_000, ClientPayloadError),
    "a trailer's value": (CHUNKED + b"0\r\nA: ", b"a", 10_000, ClientPayloadError),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n", 2_000, ClientPayloadError),
    "a folded trailer": (CHUNKED + b"0\r\nA: b\r\n", b" c\r\n", 12_000, ClientPayloadError),
}


@pytest.mark.parametrize("step", [1, 1000], ids=["in small pieces", "in large pieces"])
@pytest.mark.parametrize("name", ENDLESS)
async def test_what_has_no_end_is_cut(ledger: Ledger, backend: str, name: str, step: int) -> None:
    start, repeated, most, error = ENDLESS[name]
    capacity = 1024
    piece = repeated * max(1, step // len(repeated))
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.receive_head()
        if peer.number:
            await peer.answer(BODY)
            return
        data = start + piece
        while True:
            await peer.send(data)  # until the client has gone, which ends the script
            sent += len(data)
            data = piece

    async with talking_to(script, capacity=capacity) as session:
        with ledger.trial("without end", stream=name, step=step, backend=backend):
            with pytest.raises(error) as caught:
                await fetch(session, "")
            assert type(caught.value) is error
            assert sent <= most + capacity + len(piece)
        assert await fetch(session, "next") == BODY


LIMITS = {"max_line_size": 100, "max_field_size": 50, "max_headers": 5}


def _head_of(kind: str, size: int) -> bytes:
    if kind == "max_line_size":
        return b"HTTP/1.1 200 " + b"x" * (size - 13) + b"\r\nContent-Length: 0\r\n\r\n"
    if kind == "max_field_size":
        return OK + b"Content-Length: 0\r\nA: %b\r\n\r\n" % (b"b" * (size - 1))
    return OK + b"Content-Length: 0\r\n" + b"A: b\r\n" * (size - 1) + b"\r\n"


@pytest.mark.parametrize("split", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("of", ["session", "request"])
@pytest.mark.parametrize("kind", LIMITS)
async def test_limits_of_a_head(
    ledger: Ledger, backend: str, kind: str, of: str, split: bool
) -> None:
    limit = LIMITS[kind]

    async def script(peer: Peer) -> None:
        while True:
            head = await peer.receive_head()
            data = _head_of(kind, int(head.split(b" ")[1][1:]))
            await (peer.send_bytewise(data) if split else peer.send(data))

    of_session, of_request = (LIMITS, {}) if of == "session" else ({}, LIMITS)
    async with talking_to(script, **of_session) as session:
        for size in (limit - 1, limit, limit + 1, 10 * limit):
            with ledger.trial(
                "limits of a head", limit=kind, of=of, size=size, split=split, backend=backend
            ):
                if size <= limit:
                    assert await fetch(session, str(size), **of_request) == b""
                    continue
                with pytest.raises(MalformedResponseError, match=f" {limit} "):
                    await fetch(session, str(size), **of_request)
