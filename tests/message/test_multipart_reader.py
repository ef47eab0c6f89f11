"""Multipart bodies as they are received: parts, nested bodies, codings, limits, and what is broken.

Where nothing depends on the backend, a reader is fed in advance and run without one.
"""

from __future__ import annotations

import base64
import gzip
import json
import quopri
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

import anyiohttp
from anyiohttp import (
    BodyPartReader,
    BodyTooLargeError,
    ClientSession,
    ContentDecodingError,
    MalformedMultipartError,
    MultipartReader,
    MultipartWriter,
    StreamReader,
)
from anyiohttp.multipart import BodyPartReaderPayload, MultipartResponseWrapper
from anyiohttp.testing import MemoryNetwork, Request, Response

T = TypeVar("T")
HEADERS = {"Content-Type": "multipart/mixed; boundary=b"}


def run(function: Callable[[], Awaitable[T]]) -> T:
    """Run what never has to wait for anything but a turn of the event loop."""
    coroutine = function().__await__()
    while True:
        try:
            next(coroutine)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class Pieces:
    """A content in such pieces; it notes when it is asked at its end."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    async def read(self, n: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def at_eof(self) -> bool:
        return not self.pieces

    def unread_data(self, data: bytes) -> None:
        self.pieces.insert(0, data)


def bytewise(data: bytes) -> Pieces:
    return Pieces(*(data[i : i + 1] for i in range(len(data))))


def reader_of(data: bytes, headers: dict[str, str] = HEADERS, **options: Any) -> MultipartReader:
    return MultipartReader(headers, Pieces(data), **options)


def part_of(data: bytes, headers: dict[str, str] | None = None, **options: Any) -> BodyPartReader:
    return BodyPartReader(b"--b", headers or {}, Pieces(data + b"\r\n--b--\r\n"), **options)


async def tree_of(reader: MultipartReader) -> list[Any]:
    """The parts of a body; lists for nested ones."""
    found: list[Any] = []
    async for part in reader:
        if isinstance(part, MultipartReader):
            found.append(await tree_of(part))
        else:
            found.append(await part.read())
    assert reader.at_eof()
    assert await reader.next() is None
    return found


BODIES: dict[str, tuple[bytes, list[Any]]] = {
    "two": (b"--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
    "none": (b"--b--\r\n", []),
    "no end of line": (b"--b\r\n\r\none\r\n--b--", [b"one"]),
    "empty parts": (b"--b\r\n\r\n\r\n--b\r\n\r\n--b\r\nA: 1\r\n\r\n--b--", [b"", b"", b""]),
    "ends of lines": (b"--b\r\n\r\n\r\n\r\n\n\r\r\n--b--\r\n", [b"\r\n\r\n\n\r"]),
    "preamble and epilogue": (b"This is\r\nMIME --b\r\n--b\r\n\r\n1\r\n--b--\r\nbye", [b"1"]),
    "padding": (b"--b \t\r\n\r\n1\r\n--b \r\n\r\n2\r\n--b-- \r\n", [b"1", b"2"]),
    "folded": (b"--b\r\nA: 1\r\n 2\r\n\r\n1\r\n--b--\r\n", [b"1"]),
    "bare line ends in the head": (b"--b\nA: 1\n\n1\r\n--b--\r\n", [b"1"]),
    "alike": (
        b"--b\r\n\r\n--bc\r\n--b-\r\n--b--x\r\n -b\r\n--b--\r\n",
        [b"--bc\r\n--b-\r\n--b--x\r\n -b"],
    ),
    "lengths": (
        b"--b\r\nContent-Length: 9\r\n\r\n\r\n--b--\r\n\r\n"
        b"--b\r\nContent-Length: 0\r\n\r\n\r\n--b--",
        [b"\r\n--b--\r\n", b""],
    ),
    "nested": (
        b"--b\r\nContent-Type: multipart/x; boundary=bb\r\n\r\n"
        b"intro\r\n--bb\r\n\r\n1\r\n--bb\r\n\r\n2\r\n--bb--\r\noutro\r\n"
        b"--b\r\n\r\n3\r\n--b\r\nContent-Type: multipart/y; boundary=c\r\n\r\n--c--\r\n--b--\r\n",
        [[b"1", b"2"], b"3", []],
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str):
    data, expected = BODIES[name]
    assert run(lambda: tree_of(reader_of(data))) == expected
    assert run(lambda: tree_of(MultipartReader(HEADERS, bytewise(data)))) == expected


#: Of these a beginning may be another whole body.
AMBIGUOUS = {"alike"}


@pytest.mark.parametrize("name", sorted(BODIES.keys() - AMBIGUOUS))
def test_cut_at_every_byte(name: str):
    """Each cut is an error, unless all but the last end of line was there."""
    data, expected = BODIES[name]
    needed = data.index(b"--b--", data.rindex(b"\r\n\r\n") if b"\r\n\r\n" in data else 0) + 5
    for end in range(len(data)):
        for content in (Pieces(data[:end]), bytewise(data[:end])):
            reader = MultipartReader(HEADERS, content)
            if end >= needed:
                assert run(lambda r=reader: tree_of(r)) == expected  # type: ignore[misc]
                continue
            with pytest.raises(MalformedMultipartError):
                run(lambda r=reader: tree_of(r))  # type: ignore[misc]


def test_a_cut_part_is_handed_out_and_then_an_error():
    part = BodyPartReader(b"--b", {}, Pieces(b"some\r\n--"))
    assert run(lambda: part.read_chunk()) == b"some"
    assert run(lambda: part.read_chunk()) == b"\r\n--"
    for read in (part.read_chunk, part.read, part.readline, part.release):
        with pytest.raises(MalformedMultipartError, match="ends within a part"):
            run(read)
    assert not part.at_eof()


# --- reading a part -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "17"}])
def test_chunks(size: int, headers: dict[str, str]):
    data = b"some\r\n--bc\r\nthing"
    for content in (Pieces(data + b"\r\n--b--\r\n"), bytewise(data + b"\r\n--b\r\n")):
        part = BodyPartReader(b"--b", headers, content)
        chunks: list[bytes] = []
        while chunk := run(lambda p=part: p.read_chunk(size)):  # type: ignore[misc]
            chunks.append(chunk)
        assert b"".join(chunks) == data
        assert max(map(len, chunks)) <= size
        assert part.at_eof()
        assert run(part.read) == b""
        assert run(part.next) is None
        assert run(part.release) is None
        # What comes behind the part is left for whoever reads on.
        assert b"".join(content.pieces).startswith(b"--b")


def test_a_part_ends_with_its_last_chunk():
    part = part_of(b"123456")
    chunks = []
    while not part.at_eof():
        chunks.append(run(lambda: part.read_chunk(3)))
    assert chunks == [b"123", b"456"]


def test_lines():
    data = b"one\n\r\ntwo\r\n--bx\nlast"
    for content in (Pieces(data + b"\r\n--b--"), bytewise(data + b"\r\n--b--")):
        part = BodyPartReader(b"--b", {}, content)
        lines = []
        while line := run(part.readline):
            lines.append(line)
        assert lines == [b"one\n", b"\r\n", b"two\r\n", b"--bx\n", b"last"]
        assert part.at_eof()
    part = part_of(b"a line\nand the rest")
    assert run(part.readline) == b"a line\n"
    assert run(lambda: part.read_chunk(4)) == b"and "
    assert run(part.readline) == b"the rest"


def test_iteration_gives_the_whole_part():
    async def collect() -> list[bytes]:
        return [data async for data in part_of(b"all of it")]

    assert run(collect) == [b"all of it"]


def test_next_skips_what_was_not_read():
    async def skip() -> list[object]:
        reader = reader_of(BODIES["nested"][0])
        nested = await reader.next()
        assert isinstance(nested, MultipartReader)
        assert nested.depth == 1
        first = await nested.next()
        assert isinstance(first, BodyPartReader)
        second = await reader.next()
        assert isinstance(second, BodyPartReader)
        assert nested.at_eof()
        assert first.at_eof()
        await reader.release()
        return [await second.read(), await reader.next(), reader.at_eof()]

    assert run(skip) == [b"", None, True]


def test_readers_of_ones_own():
    class Part(BodyPartReader):
        pass

    class Inner(MultipartReader):
        part_reader_cls = Part

    class Outer(MultipartReader):
        multipart_reader_cls = Inner

    async def kinds() -> list[type]:
        found = []
        reader = Outer(HEADERS, Pieces(BODIES["nested"][0]))
        async for part in reader:
            found.append(type(part))
            if isinstance(part, MultipartReader):
                found += [type(inner) async for inner in part]
        return found

    assert run(kinds) == [Inner, Part, Part, BodyPartReader, Inner]


# --- what a part says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        (None, None, None),
        ('form-data; name="f"; filename="a b.txt"', "f", "a b.txt"),
        ("form-data; name=f; filename*=UTF-8''%e2%82%ac%20rates", "f", "€ rates"),
        ('form-data; name="ü"; filename="ü.txt"', "ü", "ü.txt"),
        ("attachment; filename=\"plain\"; filename*=utf-8''better", None, "better"),
        ("attachment; filename*0=one; filename*1=two", None, "onetwo"),
        ('form-data; name="f"; filename=""', "f", ""),
    ],
)
def test_names(disposition: str | None, name: str | None, filename: str | None):
    part = part_of(b"", {} if disposition is None else {"Content-Disposition": disposition})
    assert (part.name, part.filename) == (name, filename)


def test_contents():
    text = "Grüße"
    assert run(part_of(text.encode()).text) == text
    latin = {"Content-Type": "text/plain; charset=latin1"}
    assert run(part_of(text.encode("latin1"), latin).text) == text
    assert run(lambda: part_of(text.encode("cp1252")).text(encoding="cp1252")) == text
    assert run(part_of(json.dumps([text]).encode()).json) == [text]
    assert run(part_of(b"").json) is None
    assert run(part_of(b"a=1&b=&a=%C3%BC\r\n").form) == [("a", "1"), ("b", ""), ("a", "ü")]
    assert run(part_of(b"").form) == []
    with pytest.raises(ValueError, match="cannot be decoded with utf-8"):
        run(part_of(b"\xff").form)
    with pytest.raises(UnicodeDecodeError):
        run(part_of(b"\xff").text)


def test_the_charset_of_a_form():
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    field = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'

    async def read() -> list[str]:
        body = field % (b"_charset_", b"latin1") + field % (b"f", b"\xfc") + b"--b--"
        return [await part.text() async for part in reader_of(body, form)]  # type: ignore[union-attr]

    assert run(read) == ["ü"]
    body = field % (b"_charset_", b"x" * 32) + b"--b--"
    with pytest.raises(MalformedMultipartError, match="charset"):
        run(reader_of(body, form).next)


# --- codings ------------------------------------------------------------------------------------

TEXT = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\r\n" * 50
RAW = TEXT.encode()
DEFLATED = zlib.compress(RAW)


@pytest.mark.parametrize(
    ("coded", "headers"),
    [
        (RAW, {}),
        (RAW, {"Content-Transfer-Encoding": "BINARY"}),
        (RAW, {"Content-Transfer-Encoding": "8bit", "Content-Encoding": "identity"}),
        (base64.b64encode(RAW), {"Content-Transfer-Encoding": "base64"}),
        (base64.encodebytes(RAW), {"Content-Transfer-Encoding": "Base64"}),
        (quopri.encodestring(RAW), {"Content-Transfer-Encoding": "quoted-printable"}),
        (gzip.compress(RAW), {"Content-Encoding": "gzip"}),
        (DEFLATED, {"Content-Encoding": "deflate"}),
        (zlib.compress(RAW, wbits=-15), {"Content-Encoding": "deflate"}),
        (gzip.compress(RAW) * 2, {"Content-Encoding": "gzip"}),
        (
            base64.encodebytes(DEFLATED),
            {"Content-Transfer-Encoding": "base64", "Content-Encoding": "deflate"},
        ),
    ],
)
@pytest.mark.anyio
async def test_codings(coded: bytes, headers: dict[str, str]) -> None:
    expected = RAW * (coded.count(b"\x1f\x8b\x08") or 1)
    end = b"\r\n--b--"
    for content in (Pieces(coded + end), bytewise(coded + end)):
        part = BodyPartReader(b"--b", headers, content)
        assert await part.read(decode=True) == expected
    part = part_of(coded, headers)
    whole = await part.read()
    assert whole == coded
    assert part.decode(whole) == expected
    assert b"".join([piece async for piece in part.decode_iter(whole)]) == expected
    payload = anyiohttp.get_payload(part_of(coded, headers))
    assert isinstance(payload, BodyPartReaderPayload)
    got = b""
    while chunk := await payload.next_chunk():
        got += chunk
    assert got == expected


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64])
def test_base64_in_chunks(size: int):
    coded = base64.encodebytes(RAW[:300]).replace(b"\n", b"\r\n")
    part = BodyPartReader(
        b"--b", {"Content-Transfer-Encoding": "base64"}, bytewise(coded + b"\r\n--b--")
    )
    chunks = []
    while chunk := run(lambda: part.read_chunk(size)):
        chunks.append(chunk)
    assert max(map(len, chunks)) <= size
    if size >= 8:
        assert b"".join(map(part.decode, chunks)) == RAW[:300]
    assert b"".join(chunks) == coded


@pytest.mark.parametrize(
    ("coded", "headers", "error"),
    [
        (b"x", {"Content-Transfer-Encoding": "uuencode"}, MalformedMultipartError),
        (b"x", {"Content-Encoding": "snappy"}, MalformedMultipartError),
        (b"x", {"Content-Encoding": "gzip, snappy"}, MalformedMultipartError),
        (b"QUI", {"Content-Transfer-Encoding": "base64"}, MalformedMultipartError),
        (b"Q", {"Content-Transfer-Encoding": "base64"}, MalformedMultipartError),
        (gzip.compress(RAW)[:-1], {"Content-Encoding": "gzip"}, ContentDecodingError),
        (DEFLATED[:-9], {"Content-Encoding": "deflate"}, ContentDecodingError),
        (b"no gzip", {"Content-Encoding": "gzip"}, ContentDecodingError),
    ],
)
def test_codings_that_are_broken(coded: bytes, headers: dict[str, str], error: type[Exception]):
    with pytest.raises(error):
        run(lambda: part_of(coded, headers).read(decode=True))
    with pytest.raises(error):
        part_of(coded, headers).decode(coded)
    assert run(part_of(coded, headers).read) == coded


def test_parts_of_a_form_are_in_no_coding():
    """RFC 7578 4.8: neither is the length believed."""
    headers = {"Content-Encoding": "gzip", "Content-Length": "1"}
    assert (
        run(lambda: part_of(b"plain", headers, subtype="form-data").read(decode=True)) == b"plain"
    )


# --- limits -------------------------------------------------------------------------------------


def test_a_part_that_is_too_large():
    part = part_of(b"x" * 11, client_max_size=10)
    with pytest.raises(BodyTooLargeError, match="10 bytes"):
        run(part.read)
    part = part_of(b"x" * 11, client_max_size=10, max_size_error_cls=KeyError)
    with pytest.raises(KeyError):
        run(part.read)
    part = part_of(gzip.compress(b"x" * 1001), {"Content-Encoding": "gzip"}, client_max_size=1000)
    with pytest.raises(BodyTooLargeError):
        run(lambda: part.read(decode=True))
    assert run(part_of(b"x" * 10, client_max_size=10).read) == b"x" * 10


@pytest.mark.anyio
async def test_a_bomb() -> None:
    layers = zlib.compress(zlib.compress(b"\0" * 20_000_000, 9), 9)
    headers = {"Content-Encoding": "deflate, deflate"}
    with pytest.raises(BodyTooLargeError):
        await part_of(layers, headers).read(decode=True)
    with pytest.raises(BodyTooLargeError):
        part_of(layers, headers).decode(layers)


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"--b", *lines, b"", b"x", b"--b--"])


@pytest.mark.parametrize(
    ("lines", "fine"),
    [
        ([b"A: " + b"x" * 8187], True),
        ([b"A: " + b"x" * 8188], False),
        ([b"A: x"] * 128, True),
        ([b"A: x"] * 129, False),
        ([b"no field"], False),
        ([b"A: \0"], False),
    ],
)
def test_heads_are_held_to_limits(lines: list[bytes], fine: bool):
    reader = reader_of(head(*lines))
    if fine:
        assert run(reader.next) is not None
        return
    with pytest.raises(MalformedMultipartError):
        run(reader.next)


def test_other_limits_of_heads():
    with pytest.raises(MalformedMultipartError, match="more than 1"):
        run(reader_of(head(b"A: 1", b"B: 2"), max_headers=1).next)
    with pytest.raises(MalformedMultipartError, match="longer than 5"):
        run(reader_of(head(b"A: 123"), max_field_size=5).next)


def test_the_depth_is_limited():
    def nested(depth: int) -> bytes:
        opened = [
            b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (number, number + 1)
            for number in range(depth)
        ]
        closed = [b"--b%d--\r\n" % number for number in reversed(range(depth + 1))]
        return b"".join([*opened, *closed])

    headers = {"Content-Type": "multipart/mixed; boundary=b0"}
    reader = reader_of(nested(32), headers)
    run(reader.release)
    assert reader.at_eof()
    with pytest.raises(MalformedMultipartError, match="in one another"):
        run(reader_of(nested(1000), headers).release)


@pytest.mark.parametrize("length", ["-1", "+1", "1_0", " 1", "", "x", "\u0661"])
def test_lengths_that_are_none(length: str):
    with pytest.raises(MalformedMultipartError, match="Content-Length"):
        part_of(b"x", {"Content-Length": length})


@pytest.mark.parametrize("length", [3, 5, 10_000])
def test_lengths_that_are_wrong(length: int):
    with pytest.raises(MalformedMultipartError):
        run(part_of(b"four", {"Content-Length": str(length)}).read)


def test_a_line_that_is_too_long():
    part = part_of(b"x" * 600_000)
    with pytest.raises(MalformedMultipartError, match="longer than"):
        run(part.readline)


@pytest.mark.parametrize(
    "data",
    [
        b"--b\r\n\r\nx\r\n" * 20_000 + b"--b--",
        b"--b\r\n\r\n" + b"\r\n--" * 200_000 + b"\r\n--b--",
        b"--b\r\n\r\n" + b"\r\n--bc" * 100_000 + b"\r\n--b--",
        b"\r" * 1_000_000 + b"\r\n--b--",
        b"--b\r\n\r\n" + b"\n" * 200_000 + b"\r\n--b--",
    ],
)
def test_it_is_linear(data: bytes):
    async def read() -> None:
        content = StreamReader()
        content.feed_data(data)
        content.feed_eof()
        async for part in MultipartReader(HEADERS, content):
            assert isinstance(part, BodyPartReader)
            while await part.read_chunk(100):
                pass

    begun = time.process_time()
    run(read)
    assert time.process_time() - begun < 5


# --- from a response ----------------------------------------------------------------------------


def writer() -> MultipartWriter:
    inner = MultipartWriter("alternative", boundary="inner")
    inner.append("one")
    inner.append_json({"two": 2})
    made = MultipartWriter("mixed", boundary="b")
    made.append(inner)
    made.append(RAW, {"Content-Encoding": "gzip", "Content-Transfer-Encoding": "base64"})
    made.append(RAW, {"Content-Transfer-Encoding": "quoted-printable"})
    made.append_form({"a": "ü"})
    return made


async def serve(request: Request) -> Response:
    made = writer()
    body = await made.as_bytes()
    if request.target == "/cut":
        body = body[:-8]

    async def chunked(send: Callable[[bytes], Awaitable[None]]) -> None:
        for start in range(0, len(body), 100):
            await send(body[start : start + 100])

    return Response(200, headers=[("Content-Type", made.content_type)], writer=chunked)


@pytest.mark.anyio
async def test_a_response() -> None:
    async with MemoryNetwork() as network:
        server = network.serve("multipart.example", serve)
        async with ClientSession(server.url, connector=network.connector(limit=1)) as session:
            for _ in range(2):
                async with session.get("/") as response:
                    reader = MultipartReader.from_response(response)
                    assert isinstance(reader, MultipartResponseWrapper)
                    inner = await reader.next()
                    assert isinstance(inner, MultipartReader)
                    assert [await part.read() async for part in inner] == [b"one", b'{"two": 2}']  # type: ignore[call-arg]
                    parts = [part async for part in _decoded(reader)]
                    assert parts == [RAW, RAW, b"a=%C3%BC"]
                    assert await reader.next() is None
                    assert reader.at_eof()
                    assert response.closed
            assert server.connections == 1
            with pytest.raises(MalformedMultipartError):
                async with session.get("/cut") as response:
                    async for part in MultipartReader.from_response(response):
                        await part.release()


async def _decoded(reader: MultipartResponseWrapper):  # type: ignore[no-untyped-def]
    while (part := await reader.next()) is not None:
        yield await part.read(decode=True)  # type: ignore[call-arg]


@pytest.mark.anyio
async def test_a_part_is_sent_on() -> None:
    async def echo(request: Request) -> Response:
        disposition = request.headers.get("Content-Disposition", "")
        return Response(200, await request.read(), [("X-Disposition", disposition)])

    async def files(request: Request) -> Response:
        made = MultipartWriter("form-data", boundary="b")
        made.append(RAW).set_content_disposition("form-data", name="f", filename="x.txt")
        return Response(200, await made.as_bytes(), [("Content-Type", made.content_type)])

    async with MemoryNetwork() as network:
        server = network.serve("multipart.example", {"/echo": echo, "/files": files})
        async with (
            ClientSession(server.url, connector=network.connector()) as session,
            session.get("/files") as response,
        ):
            part = await MultipartReader.from_response(response).next()
            async with session.post("/echo", data=part) as echoed:
                assert await echoed.read() == RAW
