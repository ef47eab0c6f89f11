"""Reading bodies, in every way."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import gzip
import zlib
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer

_HEAD = b"HTTP/1.1 200 OK\r\n"


def _reply(body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields, b"", body])


@scenario
async def read_is_repeatable(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stage.url / "json") as response:
            first = await response.read()
            stage.saw("same", await response.read() == first)
            stage.saw("at eof", response.content.at_eof())
        stage.saw("json after the block", await response.json())
        await stage.fails("read after the block", response.read())


@scenario
async def charsets(aiohttp: Any, stage: Stage) -> None:
    for name, content_type in {
        "utf-8": b"text/plain; charset=utf-8",
        "latin1": b"text/plain; charset=iso-8859-1",
        "quoted": b'text/plain; charset="utf-16"',
        "unknown": b"text/plain; charset=klingon",
        "none": b"text/plain",
    }.items():
        url = await stage.answering(
            _reply("grü".encode("utf-16"), b"Content-Type: " + content_type), name=name
        )
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            stage.saw(f"{name} charset", response.charset)
            await response.read()
            stage.saw(f"{name} encoding", response.get_encoding())
            stage.saw(f"{name} text", await response.text(errors="replace"))
            stage.saw(f"{name} by hand", await response.text("utf-16"))
            await stage.fails(f"{name} ascii", response.text("ascii"))


@scenario
async def fallback_charset(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(_reply(b"\xe4", b"Content-Type: text/plain"))
    async with (
        aiohttp.ClientSession(
            fallback_charset_resolver=lambda response, body: f"cp{1251 + len(body)}"
        ) as session,
        session.get(url) as response,
    ):
        stage.refuses("before reading", response.get_encoding)
        stage.saw("text", await response.text())
        stage.saw("encoding", response.get_encoding())


@scenario
async def json_bodies(aiohttp: Any, stage: Stage) -> None:
    for name, reply in {
        "plain": _reply(b'{"a": 1}', b"Content-Type: application/json"),
        "suffix": _reply(b"[]", b"Content-Type: application/problem+json; charset=utf-8"),
        "text": _reply(b"{}", b"Content-Type: text/plain"),
        "untyped": _reply(b"{}"),
        "blank": _reply(b" \n", b"Content-Type: application/json"),
        "broken": _reply(b"{", b"Content-Type: application/json"),
        "utf-16": _reply('"ä"'.encode("utf-16"), b"Content-Type: application/json"),
        "upper": _reply(b"1", b"Content-Type: APPLICATION/JSON"),
    }.items():
        url = await stage.answering(reply, name=name)
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            await _try(stage, name, response.json())
            await _try(stage, f"{name} of any type", response.json(content_type=None))
            await _try(stage, f"{name} as text/plain", response.json(content_type="text/plain"))
            await _try(stage, f"{name} loaded", response.json(loads=len, content_type=None))


async def _try(stage: Stage, label: str, action: Any) -> None:
    try:
        stage.saw(label, await action)
    except ValueError as exc:
        stage.saw(label, type(exc).__name__)
    except Exception as exc:
        stage.observations.add_error(label, exc)


@scenario
async def pieces(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "stream" / "100000"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            sizes = [len(data) async for data in response.content.iter_chunked(1000)]
            stage.saw("iter_chunked", [sum(sizes), max(sizes)])
        async with session.get(url) as response:
            stage.saw("iter_any", sum([len(data) async for data in response.content.iter_any()]))
        async with session.get(url % {"chunked": "1"}) as response:
            whole = b"".join([data async for data, _ in response.content.iter_chunks()])
            stage.saw("iter_chunks", len(whole))
        async with session.get(url) as response:
            content = response.content
            stage.saw("read(10)", await content.readexactly(10))
            stage.saw("readexactly", len(await content.readexactly(50_000)))
            stage.saw("at_eof", content.at_eof())
            stage.saw("rest", len(await content.read()))
            stage.saw("at_eof then", content.at_eof())
            stage.saw("read past the end", await content.read())
            stage.saw("read(5) past the end", await content.read(5))
            stage.saw("readany past the end", await content.readany())
            stage.saw("readline past the end", await content.readline())
            stage.saw("readchunk past the end", await content.readchunk())
            stage.saw("read(0)", await content.read(0))


@scenario
async def chunks_kept_apart(aiohttp: Any, stage: Stage) -> None:
    """Where HTTP's chunks end, however the bytes were cut on their way."""
    body = b"6\r\nalpha;\r\n1\r\nx\r\nc;ext=1\r\nbeta, gamma,\r\n0\r\nX-Trailer: 1\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    cuts = [b""]

    async def script(peer: ScriptedPeer) -> None:
        while True:
            await peer.receive_head()
            await peer.send_pieces(*cuts)

    async def chunks_of(content: Any) -> list[bytes]:
        chunks = [b""]
        async for piece, ended in content.iter_chunks():
            chunks[-1] += piece
            if ended:
                chunks.append(b"")
        while chunks[-1:] == [b""]:
            chunks.pop()  # whether the last chunk comes by itself is a matter of time
        return chunks

    url = await stage.scripted(script)
    async with aiohttp.ClientSession() as session:
        for name, cuts in {  # noqa: B007 - the script sends them
            "at once": [head + body],
            "head first": [head, body],
            "in halves": [head, body[:20], body[20:]],
            "byte by byte": [head, *(body[i : i + 1] for i in range(len(body)))],
            "a length": [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"abc", b"def"],
        }.items():
            async with session.get(url) as response:
                stage.saw(name, await chunks_of(response.content))
        cuts = [head + body]
        async with session.get(url) as response:
            stage.saw("begun", await response.content.read(3))
            stage.saw("went on", await chunks_of(response.content))
        async with session.get(url) as response:
            stage.saw("first", await response.content.readchunk())
            stage.saw("second", await response.content.read(2))
            stage.saw("third", await response.content.readchunk())


@scenario
async def lines(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(_reply(b"one\ntwo\r\n\nfour;five\nsix"), keep=True)
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            stage.saw("async for", [line async for line in response.content])
        async with session.get(url) as response:
            content = response.content
            stage.saw("readline", await content.readline())
            stage.saw("readuntil", await content.readuntil(b";"))
            async for line in content:
                stage.saw("broken out of", line)
                break
            stage.saw("rest", await content.read())
        async with session.get(url) as response:
            await stage.fails("incomplete", response.content.readexactly(100))


@scenario
async def a_line_that_is_too_long(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(_reply(b"x" * 5000 + b"\nend\n"), keep=True)
    async with aiohttp.ClientSession(read_bufsize=1024) as session:
        async with session.get(url) as response:
            await stage.fails("session's limit", response.content.readline())
        async with session.get(url, read_bufsize=2**16) as response:
            stage.saw("request's limit", len(await response.content.readline()))


@scenario
async def empty_separator(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session, session.get(stage.url / "json") as response:
        await stage.fails("empty", response.content.readuntil(b""))


@scenario
async def read_nowait(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session, session.get(stage.url / "json") as response:
        await response.content.readexactly(1)
        stage.saw("two", response.content.read_nowait(2))
        stage.saw("rest", response.content.read_nowait())


@scenario
async def unread_and_read_again(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(_reply(b"abcdef"))
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        first = await response.content.readexactly(3)
        stage.saw("first", first)
        stage.saw("read gives the rest", await response.read())


@scenario
async def codings(aiohttp: Any, stage: Stage) -> None:
    raw = zlib.compressobj(wbits=-15)
    body = b"coded " * 1000
    for name, (coding, coded) in {
        "gzip": ("gzip", gzip.compress(body)),
        "x-gzip": ("x-gzip", gzip.compress(body)),
        "zlib deflate": ("deflate", zlib.compress(body)),
        "raw deflate": ("deflate", raw.compress(body) + raw.flush()),
        "two members": ("gzip", gzip.compress(body) + gzip.compress(b"second")),
        "identity": ("identity", body),
        "unknown": ("snappy", body),
        "upper": ("GZIP", gzip.compress(body)),
        "empty": ("gzip", b""),
        "garbage": ("gzip", b"this is no gzip at all"),
        "cut short": ("gzip", gzip.compress(body)[:-10]),
        "stacked": ("deflate, gzip", gzip.compress(zlib.compress(body))),
    }.items():
        reply = _reply(coded, b"Content-Encoding: " + coding.encode())
        url = await stage.answering(reply, name=name, keep=True)
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(url) as response:
                    stage.saw(name, len(await response.read()))
                    stage.saw(f"{name} header", response.headers.get("Content-Encoding"))
            except aiohttp.ClientError as exc:
                stage.observations.add_error(name, exc)


@scenario
async def brotli(aiohttp: Any, stage: Stage) -> None:
    # The stream of an empty last meta-block after "hello" stored uncompressed.
    coded = b"\x0b\x02\x80hello\x03"
    url = await stage.answering(_reply(coded, b"Content-Encoding: br"))
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        stage.saw("text", await response.text())


@scenario
async def no_decompression(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.get(stage.url / "gzip") as response:
            stage.saw("session", (await response.read())[:2])
            stage.saw("coding", response.headers["Content-Encoding"])
    async with aiohttp.ClientSession() as session:
        async with session.get(stage.url / "gzip", auto_decompress=False) as response:
            stage.saw("request", (await response.read())[:2])


@scenario
async def read_after_the_end(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "stream" / "500000"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            pass
        stage.saw("closed after the block", response.closed)
        await stage.fails("after the block", response.read())
        response = await session.get(url)
        response.release()
        await stage.fails("after release", response.read())
        response = await session.get(url)
        response.close()
        stage.saw("closed", response.closed)
        await stage.fails("after close", response.read())
        await stage.fails("content after close", response.content.read())


@scenario
async def read_after_the_stream_was_consumed(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session, session.get(stage.url / "json") as response:
        await response.content.read()
        await stage.fails("read", response.read())


@scenario
async def release_can_be_awaited(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.get(stage.url / "get")
        await response.release()
        stage.saw("released", response.closed)
        response = await session.get(stage.url / "get")
        response.close()
        stage.saw("closed", response.closed)


@scenario
async def bodies_that_break_off(aiohttp: Any, stage: Stage) -> None:
    for name, reply in {
        "length": _HEAD + b"Content-Length: 10\r\n\r\nabc",
        "chunk": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "between chunks": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "no chunk size": _HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nab\r\n",
        "until the end": _HEAD + b"\r\nall of it",
    }.items():
        url = await stage.answering(reply, name=name)
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(url) as response:
                    stage.saw(f"{name} status", response.status)
                    stage.saw(name, await response.read())
            except aiohttp.ClientError as exc:
                stage.observations.add_error(name, exc)


@scenario
async def responses_without_bodies(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.head(stage.url / "json") as response:
            stage.saw("HEAD", await response.read())
            stage.saw("length", response.content_length)
        for status in (204, 304):
            async with session.get(stage.url / "status" / str(status)) as response:
                stage.saw(f"{status}", await response.read())
                stage.saw(f"{status} json", await response.json(content_type=None))
    url = await stage.answering(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", keep=True
    )
    async with aiohttp.ClientSession() as session:
        for number in range(2):
            async with session.get(url) as response:
                stage.saw(f"with a length {number}", await response.read())


@scenario
async def chunked_with_trailers(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for number in range(2):
            async with session.get(stage.url / "chunked") as response:
                stage.saw(f"text {number}", await response.text())
    stage.saw("connections", stage.server.counts.connections)


@scenario
async def bytes_after_the_end(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(
        _HEAD + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        keep=True,
    )
    async with aiohttp.ClientSession() as session:
        for number in range(2):
            async with session.get(url) as response:
                stage.saw(f"text {number}", await response.text())
