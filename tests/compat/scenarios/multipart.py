"""Multipart bodies, read and written."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage


async def _reader_of(
    aiohttp: Any, stage: Stage, session: Any, body: bytes, subtype: str = "mixed"
) -> Any:
    url = await stage.answering(
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/%s; boundary=b\r\nContent-Length: %d\r\n\r\n"
        % (subtype.encode(), len(body))
        + body,
        name=f"SERVER{stage.requests}",
    )
    stage.requests += 1
    return aiohttp.MultipartReader.from_response(await session.get(url))


async def _note(aiohttp: Any, stage: Stage, reader: Any, label: str, **options: Any) -> None:
    number = 0
    async for part in reader:
        name = f"{label} {number}"
        number += 1
        stage.saw(f"{name} headers", dict(part.headers))
        if isinstance(part, aiohttp.MultipartReader):
            await _note(aiohttp, stage, part, name, **options)
            continue
        stage.saw(f"{name} names", (part.name, part.filename))
        stage.saw(f"{name} data", bytes(await part.read(**options)))
        stage.saw(f"{name} at its end", part.at_eof())
    stage.saw(f"{label} parts", number)
    stage.saw(f"{label} again", await reader.next())


BODIES = {
    "two parts": b"--b\r\nX: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
    "no parts": b"--b--\r\n",
    "empty parts": b"--b\r\n\r\n\r\n--b\r\nX: 1\r\n\r\n\r\n--b--\r\n",
    "preamble": b"Not for\r\nthe likes of you\r\n--b\r\n\r\n1\r\n--b--\r\n",
    "no last end of line": b"--b\r\n\r\n1\r\n--b--",
    "ends of lines inside": b"--b\r\n\r\n\r\n1\n\r\n\r\n--b--\r\n",
    "length": b"--b\r\nContent-Length: 5\r\n\r\n12345\r\n--b--\r\n",
    "nested": (
        b"--b\r\nContent-Type: multipart/related; boundary=inner\r\n\r\n"
        b"--inner\r\n\r\n1\r\n--inner\r\nContent-Type: text/plain\r\n\r\n2\r\n--inner--\r\n\r\n"
        b"--b\r\n\r\n3\r\n--b--\r\n"
    ),
    "names": (
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="b c.txt"\r\n\r\n1\r\n'
        b"--b\r\nContent-Disposition: attachment; filename*=UTF-8''%e2%82%ac\r\n\r\n2\r\n"
        b"--b\r\nContent-Disposition: broken\r\n\r\n3\r\n--b--\r\n"
    ),
}


@scenario
async def bodies(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, body in BODIES.items():
            reader = await _reader_of(aiohttp, stage, session, body)
            await _note(aiohttp, stage, reader, name)


@scenario
async def broken_bodies(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, body in {
            "no delimiter": b"nothing here\r\n",
            "cut in a part": b"--b\r\n\r\none",
            "length too long": b"--b\r\nContent-Length: 9\r\n\r\none\r\n--b--\r\n",
            "length too short": b"--b\r\nContent-Length: 2\r\n\r\none\r\n--b--\r\n",
            "length that is none": b"--b\r\nContent-Length: +3\r\n\r\none\r\n--b--\r\n",
            "head without colon": b"--b\r\nnot a field\r\n\r\none\r\n--b--\r\n",
        }.items():
            reader = await _reader_of(aiohttp, stage, session, body)
            stage.saw(name, await _fails(reader))
            await reader.release()


async def _fails(reader: Any) -> bool:
    try:
        async for part in reader:
            await part.read()
    except Exception:
        return True
    return False


@scenario
async def content_types_that_are_not_multipart(aiohttp: Any, stage: Stage) -> None:
    for name, content_type in {
        "no boundary": "multipart/mixed",
        "long boundary": "multipart/mixed; boundary=" + "b" * 71,
    }.items():
        stage.refuses(
            name, aiohttp.MultipartReader, {"Content-Type": content_type}, aiohttp.StreamReader
        )


@scenario
async def codings(aiohttp: Any, stage: Stage) -> None:
    data = b"some data " * 100
    raw = zlib.compressobj(wbits=-15)
    parts = [
        (b"Content-Transfer-Encoding: base64", base64.encodebytes(data)),
        (b"Content-Transfer-Encoding: quoted-printable", b"a=20b=\r\nc=C3=A4"),
        (b"Content-Transfer-Encoding: binary", data),
        (b"Content-Encoding: gzip", gzip.compress(data, mtime=0)),
        (b"Content-Encoding: deflate", raw.compress(data) + raw.flush()),
        (b"Content-Encoding: identity", data),
    ]
    body = b"".join(b"--b\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + b"--b--\r\n"
    async with aiohttp.ClientSession() as session:
        for decode in (False, True):
            reader = await _reader_of(aiohttp, stage, session, body)
            await _note(aiohttp, stage, reader, f"decode={decode}", decode=decode)


@scenario
async def ways_to_read_a_part(aiohttp: Any, stage: Stage) -> None:
    def one(data: bytes, head: bytes = b"") -> bytes:
        return b"--b\r\n%s\r\n\r\n%s\r\n--b--\r\n" % (head or b"X: 1", data)

    async with aiohttp.ClientSession() as session:
        for name, body, method in (
            ("text", one("ä".encode()), "text"),
            ("latin1", one(b"\xe4", b"Content-Type: text/plain; charset=latin1"), "text"),
            ("json", one(json.dumps({"a": [1]}).encode()), "json"),
            ("no json", one(b""), "json"),
            ("form", one(b"a=1&b=&a=%C3%A4"), "form"),
            ("next", one(b"all"), "next"),
            ("release", one(b"gone"), "release"),
        ):
            reader = await _reader_of(aiohttp, stage, session, body)
            part = await reader.next()
            result = await getattr(part, method)()
            stage.saw(name, bytes(result) if isinstance(result, bytearray) else result)
            stage.saw(f"{name}, what follows", await reader.next())
        reader = await _reader_of(aiohttp, stage, session, one(b"one\r\ntwo\nthree"))
        part = await reader.next()
        lines = []
        while line := await part.readline():
            lines.append(line)
        stage.saw("lines", lines)
        reader = await _reader_of(aiohttp, stage, session, one(b"x" * 10_000))
        part = await reader.next()
        whole = b""
        while chunk := await part.read_chunk(1000):
            whole += chunk
        stage.saw("chunks", len(whole))


@scenario
async def what_is_not_read_is_skipped(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        reader = await _reader_of(aiohttp, stage, session, BODIES["nested"])
        first = await reader.next()
        inner = await first.next()
        stage.saw("inner", bytes(await inner.read()))
        second = await reader.next()
        stage.saw("second", bytes(await second.read()))
        stage.saw("ends", (first.at_eof(), inner.at_eof(), await reader.next()))


@scenario
async def writing(aiohttp: Any, stage: Stage) -> None:
    with aiohttp.MultipartWriter("mixed", boundary="b") as writer:
        writer.append("text")
        writer.append(b"bytes", {"X-Own": "1"})
        writer.append_json({"a": 1})
        writer.append_form([("a", "1"), ("b", "ä")])
        writer.append("ünicode", {"Content-Transfer-Encoding": "base64"})
        writer.append("x = y", {"Content-Transfer-Encoding": "quoted-printable"})
        inner = aiohttp.MultipartWriter("related", boundary="c")
        inner.append("nested")
        writer.append(inner)
        stage.saw("parts", len(writer))
        stage.saw("type", writer.content_type)
        stage.saw("size", writer.size)
    async with aiohttp.ClientSession() as session:
        async with session.post(stage.url / "echo", data=writer) as response:
            stage.saw("status", response.status)


@scenario
async def parts_that_cannot_be(aiohttp: Any, stage: Stage) -> None:
    writer = aiohttp.MultipartWriter("mixed")
    stage.refuses("a number", writer.append, 1)
    stage.refuses("content coding", writer.append, "x", {"Content-Encoding": "snappy"})
    stage.refuses("transfer encoding", writer.append, "x", {"Content-Transfer-Encoding": "uu"})


@scenario
async def payloads_of_ones_own(aiohttp: Any, stage: Stage) -> None:
    class Numbers:
        pass

    @aiohttp.payload_type(Numbers)
    class NumbersPayload(aiohttp.Payload):  # type: ignore[misc, name-defined]
        _default_content_type = "text/x-numbers"

        def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
            return "123"

        async def write(self, writer: Any) -> None:
            for number in (b"1", b"2", b"3"):
                await writer.write(number)

    async with aiohttp.ClientSession() as session:
        async with session.post(stage.url / "echo", data=Numbers()) as response:
            stage.saw("status", response.status)
        stage.saw("bytes", await NumbersPayload(Numbers()).as_bytes())
        stage.saw("found", type(aiohttp.get_payload(Numbers())).__name__)
