"""Bodies in, end to end: readers, codings, charsets, back-pressure, what ends an exchange."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import sys
import zlib
from asyncio import IncompleteReadError
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import brotli
import pytest
import zstandard
from tests.servers import Script, ScriptedPeer, StartScripted

import anyiohttp
from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.cli.loopback.handlers import pattern

pytestmark = pytest.mark.anyio

LINES = b"first line\nsecond line\n\nlast, without an end"


def answering(*responses: bytes) -> Script:
    """A script that answers each request of a connection with the next response."""

    async def script(peer: ScriptedPeer) -> None:
        for response in responses:
            await peer.receive_request()
            await peer.send(response)
        await peer.wait_closed()

    return script


def response(body: bytes = b"", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join([*head, b"", body])


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


# --- the readers ---


async def _everything(content: anyiohttp.StreamReader) -> bytes:
    return await content.read()


async def _by_n(content: anyiohttp.StreamReader) -> bytes:
    parts = []
    while part := await content.read(7):
        assert len(part) <= 7
        parts.append(part)
    return b"".join(parts)


async def _any(content: anyiohttp.StreamReader) -> bytes:
    parts = []
    while part := await content.readany():
        parts.append(part)
    return b"".join(parts)


async def _readline(content: anyiohttp.StreamReader) -> bytes:
    lines = [await content.readline() for _ in range(4)]
    assert lines == LINES.splitlines(keepends=True)
    assert await content.readline() == b""
    return b"".join(lines)


async def _readuntil(content: anyiohttp.StreamReader) -> bytes:
    assert await content.readuntil(b"line\n") == b"first line\n"
    assert await content.readuntil(b"line\n") == b"second line\n"
    return b"first line\nsecond line\n" + await content.readuntil(b"no such")


async def _readexactly(content: anyiohttp.StreamReader) -> bytes:
    first = await content.readexactly(5)
    assert first == b"first"
    second = await content.readexactly(20)
    assert len(second) == 20
    with pytest.raises(IncompleteReadError) as caught:
        await content.readexactly(1000)
    assert caught.value.expected == 1000
    return first + second + caught.value.partial


async def _readchunk(content: anyiohttp.StreamReader) -> bytes:
    parts = []
    while (chunk := await content.readchunk()) != (b"", False):
        parts.append(chunk[0])
    return b"".join(parts)


async def _nowait(content: anyiohttp.StreamReader) -> bytes:
    first = await content.readexactly(1)
    parts = [first]
    while not content.at_eof():
        parts.append(content.read_nowait(3) or await content.readany())
    return b"".join(parts)


async def _iter_chunked(content: anyiohttp.StreamReader) -> bytes:
    parts = [part async for part in content.iter_chunked(4)]
    assert max(map(len, parts)) <= 4
    return b"".join(parts)


async def _iter_any(content: anyiohttp.StreamReader) -> bytes:
    return b"".join([part async for part in content.iter_any()])


async def _iter_chunks(content: anyiohttp.StreamReader) -> bytes:
    return b"".join([part async for part, _ in content.iter_chunks()])


async def _lines(content: anyiohttp.StreamReader) -> bytes:
    lines = [line async for line in content]
    assert lines == LINES.splitlines(keepends=True)
    return b"".join(lines)


READERS = [
    _everything,
    _by_n,
    _any,
    _readline,
    _readuntil,
    _readexactly,
    _readchunk,
    _nowait,
    _iter_chunked,
    _iter_any,
    _iter_chunks,
    _lines,
]
FRAMINGS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(LINES), LINES),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(LINES, 6),
    "until close": b"HTTP/1.1 200 OK\r\n\r\n" + LINES,
    "gzip": response(gzip.compress(LINES), b"Content-Encoding: gzip"),
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__[1:])
async def test_every_reader_sees_the_whole_body(
    scripted_server: StartScripted,
    reader: Callable[[anyiohttp.StreamReader], Awaitable[bytes]],
    framing: str,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send_pieces(*(FRAMINGS[framing][i : i + 9] for i in range(0, 500, 9)))

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await reader(r.content) == LINES
        assert r.content.at_eof()
        assert await r.content.read() == b""
        assert r.closed


@pytest.mark.parametrize("query", ["", "?chunked"])
async def test_a_large_body_is_read_as_sent(loopback: LoopbackServer, query: str) -> None:
    size = 3 * 2**20 + 17
    async with (
        anyiohttp.ClientSession(base_url=loopback.url) as session,
        session.get(f"stream/{size}{query}") as r,
    ):
        assert await r.read() == pattern(size)


async def test_trailers_come_after_the_body(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(base_url=loopback.url) as session,
        session.get("chunked") as r,
    ):
        assert await r.text() == "one\ntwo\nthree\n"
        assert len(r.trailers["x-checksum"]) == 64
        assert "X-Checksum" not in r.headers


async def test_a_line_longer_than_the_limit_is_a_clear_error(
    scripted_server: StartScripted,
) -> None:
    server = await scripted_server(answering(response(b"x" * 5000 + b"\nrest")))
    async with (
        anyiohttp.ClientSession(read_bufsize=1024) as session,
        session.get(server.url) as r,
    ):
        with pytest.raises(ValueError, match="2048 bytes"):
            await r.content.readline()
        assert await r.content.read() == b"x" * 5000 + b"\nrest"


async def test_lines_may_be_as_long_as_aiohttps(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering(response(b"x" * (2**19 - 1) + b"\n")))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert len(await r.content.readline()) == 2**19


async def test_read_bufsize_of_a_request(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering(response(b"x" * 5000 + b"\n")))
    async with (
        anyiohttp.ClientSession(read_bufsize=1024) as session,
        session.get(server.url, read_bufsize=2**14) as r,
    ):
        assert len(await r.content.readline()) == 5001


# --- back-pressure and memory ---


async def test_nobody_reads_so_the_server_waits(scripted_server: StartScripted) -> None:
    block, blocks = pattern(2**16), 1024
    sent = 0

    async def script(peer: ScriptedPeer) -> None:
        nonlocal sent
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(block) * blocks))
        for _ in range(blocks):
            await peer.send(block)
            sent += 1

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.content.read(1) == block[:1]
        await anyio.wait_all_tasks_blocked()
        assert sent < blocks / 2
        size = 1
        while part := await r.content.readany():
            size += len(part)
        assert size == len(block) * blocks


MEASURE = """
import sys, anyio, anyiohttp

def kib(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1])

async def main(small, large, pause):
    async with anyiohttp.ClientSession(max_decompressed_ratio=None) as session:
        async with session.get(small) as r:
            await r.read()
        idle = kib("VmRSS")
        async with session.get(large) as r:
            size = len(await r.content.read(10))
            await anyio.sleep(pause)
            while part := await r.content.readany():
                size += len(part)
    print(size, kib("VmHWM") - idle)

backend, small, large = sys.argv[1:]
options = {"backend": "trio"} if backend == "trio" else {
    "backend": "asyncio", "backend_options": {"use_uvloop": backend == "uvloop"}}
anyio.run(main, small, large, 0.1, **options)
"""


async def _measure(backend: tuple[str, dict[str, bool]], small: str, large: str) -> tuple[int, int]:
    """Read ``large`` in a process of its own; return its size and the memory used, in KiB."""
    name = "uvloop" if backend[1].get("use_uvloop") else backend[0]
    command = [sys.executable, "-c", MEASURE, name, small, large]
    with anyio.fail_after(60):
        done = await anyio.run_process(command, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()
    size, used = map(int, done.stdout.split())
    return size, used


proc_only = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@proc_only
async def test_a_slow_reader_of_a_gibibyte_needs_little_memory(
    loopback: LoopbackServer, anyio_backend: tuple[str, dict[str, bool]]
) -> None:
    url = loopback.url
    size, used = await _measure(anyio_backend, f"{url}get", f"{url}stream/{2**30}")
    assert size == 2**30
    assert used < 32 * 1024


@proc_only
async def test_a_small_body_that_expands_needs_little_memory(
    scripted_server: StartScripted, anyio_backend: tuple[str, dict[str, bool]]
) -> None:
    member = gzip.compress(bytes(2**26))
    bomb = response(member * 4, b"Content-Encoding: gzip")
    server = await scripted_server(answering(response(b"ok"), bomb))
    size, used = await _measure(anyio_backend, str(server.url), str(server.url))
    assert size == 2**28
    assert used < 32 * 1024


# --- content codings ---


def _raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
BODY = pattern(70_000) + LINES


@pytest.mark.parametrize("coding", CODINGS)
async def test_codings(scripted_server: StartScripted, coding: str) -> None:
    coded = CODINGS[coding](BODY)
    whole = response(coded, b"Content-Encoding: " + coding.encode())
    server = await scripted_server(answering(whole, whole, whole))
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            assert await r.read() == BODY
            assert r.headers["Content-Encoding"] == coding
            assert r.content_length == len(coded)
            assert r.content.total_bytes == len(BODY)
            assert r.content.total_raw_bytes == len(coded)
        async with session.get(server.url) as r:
            assert b"".join([part async for part in r.content.iter_chunked(1000)]) == BODY
        async with session.get(server.url, auto_decompress=False) as r:
            assert await r.read() == coded
    assert server.connections == 1


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("deflate", _raw_deflate),
        ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
        ("identity", bytes),
        ("GZIP", gzip.compress),
    ],
)
async def test_unusual_codings(
    scripted_server: StartScripted, coding: str, encode: Callable[[bytes], bytes]
) -> None:
    whole = response(encode(BODY), b"Content-Encoding: " + coding.encode())
    server = await scripted_server(answering(whole))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.read() == BODY


async def test_what_can_be_decoded_is_what_is_asked_for(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        async with session.get("gzip?size=100000") as r:
            assert await r.read() == pattern(100_000)
        async with session.get("deflate") as r:
            told = dict((await r.json())["headers"])
    asked = [coding.strip() for coding in told["Accept-Encoding"].split(",")]
    assert asked == ["gzip", "deflate", "br", "zstd"]


async def test_auto_decompress_of_a_session(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url, auto_decompress=False) as session:
        assert session.auto_decompress is False
        async with session.get("gzip") as r:
            assert "headers" in json.loads(gzip.decompress(await r.read()))
        async with session.get("gzip", auto_decompress=True) as r:
            assert "headers" in await r.json()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("stream", [False, True], ids=["read", "stream"])
async def test_a_coding_cut_short_is_an_error(
    scripted_server: StartScripted, coding: str, stream: bool
) -> None:
    coded = CODINGS[coding](BODY)[:-5]
    field = b"Content-Encoding: " + coding.encode()
    server = await scripted_server(answering(response(coded, field), response(b"good")))
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session:
        async with session.get(server.url) as r:
            with pytest.raises(anyiohttp.ContentDecodingError) as caught:
                if stream:
                    while await r.content.read(1000):
                        pass
                else:
                    await r.read()
        assert isinstance(caught.value, anyiohttp.ClientPayloadError)
        async with session.get(server.url) as r:
            assert await r.read() == b"good"


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_body_that_is_not_of_its_coding_is_an_error(
    scripted_server: StartScripted, coding: str
) -> None:
    field = b"Content-Encoding: " + coding.encode()
    server = await scripted_server(answering(response(b"\x99 nothing of the kind" * 9, field)))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        with pytest.raises(anyiohttp.ContentDecodingError):
            await r.read()


# --- broken off ---


BROKEN_OFF = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nsome",
    "last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\nA: b",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-3],
}


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("sent", BROKEN_OFF)
async def test_a_body_that_broke_off_is_an_error(
    scripted_server: StartScripted, sent: str, reset: bool
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        if peer.number:
            await peer.send(response(b"good"))
            return
        await peer.send_pieces(BROKEN_OFF[sent])
        if reset:
            peer.reset()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session:
        try:
            async with session.get(server.url) as r:
                with pytest.raises(anyiohttp.ClientPayloadError):
                    await r.read()
                assert r.closed
                # It stays an error: what came is never passed off as the body.
                with pytest.raises(anyiohttp.ClientPayloadError):
                    await r.read()
        except anyiohttp.ClientConnectionError:
            assert reset  # it can overtake the head
        async with session.get(server.url) as r:
            assert await r.read() == b"good"


async def test_what_arrived_before_it_broke_off_can_be_streamed(
    scripted_server: StartScripted,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(BROKEN_OFF["length"])

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.content.readexactly(4) == b"some"
        with pytest.raises(anyiohttp.ClientPayloadError, match=r"127\.0\.0\.1"):
            await r.content.readany()


@pytest.mark.parametrize("goodbye", [True, False])
async def test_tls_without_a_goodbye_does_not_end_a_body(
    scripted_server: StartScripted,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
    goodbye: bool,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of it?")
        if not goodbye:
            peer.abort()

    server = await scripted_server(script, tls=server_ssl_context)
    async with (
        anyiohttp.ClientSession() as session,
        session.get(server.url, ssl=client_ssl_context) as r,
    ):
        if goodbye:
            assert await r.read() == b"all of it?"
        else:
            with pytest.raises(anyiohttp.ClientPayloadError):
                await r.read()


# --- reading twice, too late, not at all ---


async def test_read_gives_the_body_again(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        async with session.get("json") as r:
            body = await r.read()
            assert await r.read() is body
            assert (await r.text()).encode() == body
            assert await r.json() == json.loads(body)
        # What was read is kept, but read() itself is refused after the block, as by aiohttp.
        assert await r.json() == json.loads(body)
        assert (await r.text()).encode() == body
        with pytest.raises(anyiohttp.ClientConnectionError, match="closed"):
            await r.read()


@pytest.mark.parametrize("method", ["read", "text", "json"])
async def test_reading_after_the_stream_was_consumed(loopback: LoopbackServer, method: str) -> None:
    async with (
        anyiohttp.ClientSession(base_url=loopback.url) as session,
        session.get("json") as r,
    ):
        async for _ in r.content:
            pass
        with pytest.raises(anyiohttp.StreamConsumedError, match="already consumed") as caught:
            await getattr(r, method)()
        assert isinstance(caught.value, RuntimeError)


async def test_read_after_a_part_was_taken_is_the_rest(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering(response(LINES)))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        await r.content.readline()
        assert await r.read() == LINES.partition(b"\n")[2]


@pytest.mark.parametrize("end", ["block", "release", "close"])
@pytest.mark.parametrize("path", ["json", f"stream/{2**22}"], ids=["small", "large"])
async def test_reading_after_the_end_of_the_block(
    loopback: LoopbackServer, end: str, path: str
) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        if end == "block":
            async with session.get(path) as r:
                pass
        else:
            r = await session.get(path)
            assert await getattr(r, end)() is None
        assert r.closed
        with pytest.raises(anyiohttp.ClientConnectionError):
            await r.read()
        with pytest.raises(anyiohttp.ClientConnectionError):
            await r.content.readany()


# --- charset and JSON ---


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (b"text/plain; charset=latin-1", b"gr\xfc\xdfe", "grüße"),
        (b'text/plain; charset="ISO-8859-15"', b"\xa4", "€"),
        (b"text/plain", "grüße".encode(), "grüße"),
        (b"text/plain; charset=no-such", "grüße".encode(), "grüße"),
        (b"text/plain; charset=hex", "grüße".encode(), "grüße"),
        (b"application/json", "grüße".encode(), "grüße"),
        (b"text/html; charset=utf-16", "grüße".encode("utf-16"), "grüße"),
    ],
)
async def test_charset(
    scripted_server: StartScripted, content_type: bytes, body: bytes, text: str
) -> None:
    server = await scripted_server(answering(response(body, b"Content-Type: " + content_type)))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.text() == text


async def test_fallback_charset_resolver(scripted_server: StartScripted) -> None:
    asked: list[tuple[int, bytes]] = []

    def resolve(r: anyiohttp.ClientResponse, body: bytes) -> str:
        asked.append((r.status, body))
        return "cp1252"

    server = await scripted_server(
        answering(
            response(b"\x80", b"Content-Type: text/plain"),
            response(b"\x80", b"Content-Type: text/plain; charset=cp1251"),
        )
    )
    async with anyiohttp.ClientSession(fallback_charset_resolver=resolve) as session:
        async with session.get(server.url) as r:
            with pytest.raises(RuntimeError, match="not yet read"):
                r.get_encoding()
            assert await r.text() == "€"
        assert asked == [(200, b"\x80")]
        async with session.get(server.url) as r:
            assert r.get_encoding() == "cp1251"
            assert await r.text() == "Ђ"
    assert len(asked) == 1


async def test_encoding_and_errors_of_text(scripted_server: StartScripted) -> None:
    server = await scripted_server(
        answering(response(b"\xfcber", b"Content-Type: text/plain; charset=utf-8"))
    )
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.text(encoding="latin-1") == "über"
        assert await r.text(errors="replace") == "\ufffdber"
        with pytest.raises(UnicodeDecodeError):
            await r.text()


async def test_json(scripted_server: StartScripted) -> None:
    fields = [b"Content-Type: application/problem+json"]
    server = await scripted_server(answering(*[response(b' {"a": 1.5} ', *fields)] * 2))
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            assert await r.json() == {"a": 1.5}
            assert await r.json(loads=lambda text: text) == '{"a": 1.5}'
            assert await r.json(encoding="utf-8", content_type="application/problem+json")
            with pytest.raises(anyiohttp.ContentTypeError) as caught:
                await r.json(content_type="application/xml")
        assert caught.value.status == 200
        assert caught.value.request_info.url == server.url
        assert "application/problem+json" in caught.value.message


@pytest.mark.parametrize("body", [b'{"a": ', b"not json", b"{'a': 1}"])
async def test_json_that_is_none_raises(scripted_server: StartScripted, body: bytes) -> None:
    server = await scripted_server(answering(response(body, b"Content-Type: application/json")))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        with pytest.raises(json.JSONDecodeError):
            await r.json()


async def test_json_of_another_content_type(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering(response(b"[1]", b"Content-Type: text/html")))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        with pytest.raises(anyiohttp.ContentTypeError, match="text/html"):
            await r.json()
        assert await r.json(content_type=None) == [1]


async def test_json_of_a_blank_body(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering(response(b" ", b"Content-Type: application/json")))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.json() is None


# --- when the connection is free again ---


async def test_a_small_body_frees_the_connection_before_it_is_read(
    scripted_server: StartScripted,
) -> None:
    server = await scripted_server(answering(response(b"first"), response(b"second")))
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session:
        first = await session.get(server.url)
        assert first.closed
        assert first.connection is None
        async with session.get(server.url) as second:
            assert await second.read() == b"second"
        assert await first.read() == b"first"
    assert server.connections == 1


async def test_a_body_read_to_its_end_frees_the_connection(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        for _ in range(3):
            r = await session.get(f"stream/{2**20}?chunked")
            assert r.connection is not None
            assert len(await r.read()) == 2**20
            assert r.connection is None
    assert loopback.counts.connections == 1


async def test_giving_up_a_large_body_frees_the_slot(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        r = await session.get(f"stream/{2**26}")
        r.release()
        r.release()
        r = await session.get(f"stream/{2**26}")
        r.close()
        async with session.get(f"stream/{2**26}") as r:
            await r.content.readexactly(10)
        async with session.get("get") as r:
            assert (await r.json())["method"] == "GET"
    assert loopback.counts.connections == 4


@pytest.mark.parametrize(
    "iterate",
    [
        lambda content: content,
        lambda content: content.iter_any(),
        lambda content: content.iter_chunked(100),
        lambda content: content.iter_chunks(),
    ],
    ids=["lines", "any", "chunked", "chunks"],
)
async def test_breaking_out_of_an_iteration_leaves_nothing_behind(
    loopback: LoopbackServer, iterate: Callable[[anyiohttp.StreamReader], object]
) -> None:
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        async with session.get(f"stream/{2**26}") as r:
            async for part in iterate(r.content):  # type: ignore[attr-defined]
                assert part
                break
            # What was not read yet can still be read.
            assert len(await r.content.readexactly(1000)) == 1000
        async with session.get("get") as r:
            assert r.status == 200


async def test_cancelling_a_read_frees_the_slot(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        if peer.number == 0:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome")
            assert await peer.wait_closed() == b""
        await peer.answer(b"good")

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session:
        async with session.get(server.url) as r:
            with anyio.move_on_after(0.02) as scope:
                await r.read()
            assert scope.cancelled_caught
            assert r.closed
            with pytest.raises(anyiohttp.ClientError):
                await r.read()
        async with session.get(server.url) as r:
            assert await r.read() == b"good"


async def test_two_tasks_reading_at_a_time_is_a_clear_error(
    scripted_server: StartScripted,
) -> None:
    go_on = anyio.Event()

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await go_on.wait()
        await peer.send(b"body")

    server = await scripted_server(script)
    bodies: list[bytes] = []
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:

        async def read() -> None:
            bodies.append(await r.content.readany())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match="another coroutine"):
                await r.content.readany()
            go_on.set()
    assert bodies == [b"body"]


# --- responses without a body ---


@pytest.mark.parametrize("field", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 No Content"), ("GET", b"304 Not")]
)
async def test_no_body_whatever_the_head_says(
    scripted_server: StartScripted, method: str, status: bytes, field: bytes
) -> None:
    bodiless = b"HTTP/1.1 " + status + b"\r\n" + field + b"\r\n\r\n"
    answers = iter((bodiless, bodiless, response(b"next")))

    async def script(peer: ScriptedPeer) -> None:
        while True:
            await peer.receive_head()
            await peer.send(next(answers))

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:
        async with session.request(method, server.url) as r:
            assert await r.read() == b""
            assert await r.text() == ""
        async with session.request(method, server.url) as r:
            assert [line async for line in r.content] == []
            assert r.content.at_eof()
        async with session.get(server.url) as r:
            assert await r.read() == b"next"
    # A server that errs about 204 may well send the body, too.
    assert server.connections == (3 if status.startswith(b"204") else 1)


@pytest.mark.parametrize("path", ["/status/204", "/status/304", "/get"])
async def test_no_body_from_a_real_server(loopback: LoopbackServer, path: str) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        for _ in range(2):
            async with session.head(path) as r:
                assert await r.read() == b""
            async with session.get("/status/204") as r:
                assert r.status == 204
                assert await r.read() == b""
    assert loopback.counts.connections == 1


async def test_bytes_after_the_body_are_neither_body_nor_the_next_response(
    scripted_server: StartScripted,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        if peer.number == 0:
            await peer.send(response(b"body") + response(b"poison"))
            assert await peer.wait_closed() == b""
        await peer.answer(b"clean")

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            assert await r.read() == b"body"
        async with session.get(server.url) as r:
            assert await r.read() == b"clean"
    assert server.connections == 2
