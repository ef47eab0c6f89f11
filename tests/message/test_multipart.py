"""Multipart bodies, compared with aiohttp's where it is right."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from anyiohttp._message.multipart import MultipartWriter, Part
from anyiohttp._message.payload_base import BLOCK, FILE_BLOCK, Payload, get_payload
from anyiohttp._message.payload_memory import BytesPayload, StringPayload
from anyiohttp.exceptions import (
    BodyNotReplayableError,
    BodySizeMismatchError,
    InvalidBodyError,
    InvalidRequestError,
)

pytestmark = pytest.mark.anyio


async def collect(payload: Payload) -> bytes:
    chunks = []
    while chunk := await payload.next_chunk():
        chunks.append(chunk)
    assert await payload.next_chunk() == b""
    return b"".join(chunks)


async def generate(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class Collector:
    """What aiohttp's payloads write to."""

    def __init__(self) -> None:
        self.data = b""

    async def write(self, chunk: bytes) -> None:
        self.data += bytes(chunk)


def reference(fill: Callable[[Any], object], **kwargs: Any) -> tuple[str, bytes, int | None]:
    """What aiohttp makes of the same calls: content type, body, size."""

    async def write() -> tuple[str, bytes, int | None]:
        writer = aiohttp.MultipartWriter(**kwargs)
        fill(writer)
        collector = Collector()
        size = writer.size
        await writer.write(collector)  # type: ignore[arg-type]
        return writer.content_type, collector.data, size

    return asyncio.run(write())


def ours(fill: Callable[[Any], object], **kwargs: Any) -> tuple[str, bytes, int | None]:
    writer = MultipartWriter(**kwargs)
    fill(writer)
    size = writer.size
    body = anyio.run(collect, writer)
    assert size is None or size == len(body)
    return writer.content_type, body, size


def fill_mixed(writer: Any) -> None:
    writer.append("text é")
    writer.append(b"bytes", {"X-Header": "1"})
    writer.append(io.BytesIO(b"file"))
    writer.append("a = é\r\n" * 20, {"Content-Transfer-Encoding": "quoted-printable"})
    writer.append(b"\0\xff" * 99, {"Content-Transfer-Encoding": "base64"})
    writer.append(b"as is", {"Content-Transfer-Encoding": "binary"})
    writer.append(b"as is", {"Content-Encoding": "identity"})


def fill_sized(writer: Any) -> None:
    writer.append("text é")
    writer.append_json({"a": [1, "é"]}, {"X-Header": "1"})
    writer.append_form({"a": "b c", "d": ["é", 1]})
    writer.append_form([("a", "b"), ("a", "c")], {"X-Header": "2"})


def fill_form(writer: Any) -> None:
    part = writer.append("text")
    part.set_content_disposition("form-data", name="n")
    writer.append(b"no name")


@pytest.mark.parametrize(
    ("fill", "subtype"),
    [
        (lambda _: None, "mixed"),
        (lambda _: None, "form-data"),
        (fill_mixed, "mixed"),
        (fill_mixed, "related"),
        (fill_sized, "mixed"),
        (fill_sized, "form-data"),
        (fill_form, "mixed"),
        (fill_form, "form-data"),
    ],
)
@pytest.mark.parametrize("boundary", ["b", "a b:c", "----x'()+_,-./:=?0"])
def test_same_bytes_as_aiohttp(fill: Callable[[Any], None], subtype: str, boundary: str) -> None:
    kwargs = {"subtype": subtype, "boundary": boundary}
    theirs = reference(fill, **kwargs)
    assert ours(fill, **kwargs) == theirs


def test_nested_same_as_aiohttp() -> None:
    def fill(kind: type, outer: Any) -> None:
        inner = kind("related", boundary="inner")
        inner.append("one")
        outer.append(inner)
        outer.append("two")

    theirs = reference(lambda w: fill(aiohttp.MultipartWriter, w), boundary="outer")
    assert ours(lambda w: fill(MultipartWriter, w), boundary="outer") == theirs


def test_nested_part_may_grow_after_it_was_added() -> None:
    outer, inner = MultipartWriter(boundary="o"), MultipartWriter(boundary="i")
    outer.append(inner)
    inner.append("late")
    body = anyio.run(collect, outer)
    assert outer.size == len(body)
    assert f"Content-Length: {inner.size}".encode() in body


def test_random_boundary() -> None:
    one, other = MultipartWriter(), MultipartWriter()
    assert one.boundary != other.boundary
    assert one.content_type == f"multipart/mixed; boundary={one.boundary}"


@pytest.mark.parametrize("boundary", ["", "é", "a\r\nb", "a\0", 'a"b', "a\\b", "end ", "x" * 71])
def test_invalid_boundaries(boundary: str) -> None:
    with pytest.raises(InvalidRequestError, match="boundary"):
        MultipartWriter(boundary=boundary)


def test_invalid_subtype() -> None:
    with pytest.raises(InvalidRequestError, match="subtype"):
        MultipartWriter("mixed\r\nX: 1")


async def test_parts_and_containers() -> None:
    with MultipartWriter(boundary="b") as writer:
        assert writer  # although it is empty
        assert len(writer) == 0
        part = writer.append("x", {"Content-Encoding": "gzip"})
        assert list(writer) == [Part(part, "gzip", None)]
        assert len(writer) == 1
        given = StringPayload("y")
        assert writer.append(given, {"X": "1"}) is given
        assert given.headers["X"] == "1"
        assert writer.append(StringPayload("z")).headers["Content-Length"] == "1"
    assert writer.autoclose
    await writer.aclose()


async def test_content_codings_of_parts() -> None:
    data = b"data " * 1000
    writer = MultipartWriter(boundary="b")
    writer.append(data, {"Content-Encoding": "GZIP"})
    writer.append(data, {"Content-Encoding": "deflate", "Content-Transfer-Encoding": "base64"})
    assert writer.size is None
    assert writer.at_hand is None
    for _ in range(2):
        body = await collect(writer)
        first, second = (part.split(b"\r\n\r\n", 1)[1] for part in body.split(b"\r\n--b")[:2])
        assert gzip.decompress(first) == data
        # As aiohttp writes it, and as its servers read it: they take no other.
        assert zlib.decompress(base64.b64decode(second), wbits=-zlib.MAX_WBITS) == data
        assert b"Content-Length" not in body
        await writer.rewind()
    assert writer.decode().count(data.decode()) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "br"},
        {"Content-Transfer-Encoding": "uuencode"},
        {"X": "a\r\nb"},
        {"X\n": "a"},
        {"X: b": "a"},
        {"": "a"},
        {"X": "a\0"},
        {"X": "\ud800"},
    ],
)
def test_headers_that_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        MultipartWriter().append("x", headers)


@pytest.mark.parametrize(
    "name", ["Content-Encoding", "Content-Length", "Content-Transfer-Encoding"]
)
def test_headers_that_parts_of_forms_must_not_have(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        MultipartWriter("form-data").append("x", {name: "1"})


def test_objects_that_cannot_be_parts() -> None:
    with pytest.raises(InvalidBodyError, match="object"):
        MultipartWriter().append(object())


# --- streaming ------------------------------------------------------------------------------


async def test_small_parts_are_at_hand() -> None:
    writer = MultipartWriter("form-data", boundary="b")
    for number in range(100):
        writer.append(str(number))
    body = writer.at_hand
    assert body is not None
    assert len(body) == writer.size
    assert await writer.next_chunk() == body
    assert await writer.next_chunk() == b""
    await writer.aclose()
    assert await collect(writer) == body  # as good as new
    assert await writer.as_bytes() == body
    assert writer.decode() == body.decode()


async def test_many_parts_come_in_blocks() -> None:
    writer = MultipartWriter(boundary="b")
    for _ in range(20):
        writer.append(b"x" * (BLOCK // 4))
    assert writer.at_hand is None
    chunks = []
    while chunk := await writer.next_chunk():
        chunks.append(chunk)
    assert sum(map(len, chunks)) == writer.size
    assert max(map(len, chunks)) < 2 * BLOCK


async def test_streams_and_files_as_parts(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"
    path.write_bytes(b"F" * (FILE_BLOCK + 10))
    writer = MultipartWriter(boundary="b")
    writer.append("before")
    file = path.open("rb")
    writer.append(file)
    assert writer.replayable
    assert not writer.autoclose
    size = writer.size
    assert size is not None
    for _ in range(2):
        body = await collect(writer)
        assert len(body) == size
        assert b"F" * (FILE_BLOCK + 10) + b"\r\n--b--\r\n" in body
        await writer.rewind()
    writer.append(generate(b"one", b"", b"two"))
    assert not writer.replayable
    assert writer.size is None
    assert b"\r\n\r\nonetwo\r\n--b--\r\n" in await collect(writer)
    assert writer.consumed
    with pytest.raises(BodyNotReplayableError):
        await writer.rewind()
    await writer.aclose()
    assert file.closed
    with pytest.raises(TypeError):
        writer.decode()


async def test_what_is_ready_does_not_wait() -> None:
    async def never() -> AsyncIterator[bytes]:
        await anyio.sleep_forever()
        yield b""

    writer = MultipartWriter(boundary="b")
    writer.append("ready")
    writer.append(never())
    assert b"ready" in await writer.next_chunk()
    with anyio.move_on_after(0) as scope:
        await writer.next_chunk()
    assert scope.cancelled_caught
    await writer.aclose()


class Liar(BytesPayload):
    """A payload of a user's that is not as long as it says."""

    claimed = 3
    at_hand = None

    @property
    def size(self) -> int:
        return self.claimed


@pytest.mark.parametrize("data", [b"ab", b"abcd"])
async def test_part_that_lies_about_its_size(data: bytes) -> None:
    writer = MultipartWriter(boundary="b")
    writer.append(Liar(data))
    with pytest.raises(BodySizeMismatchError, match=f"gave {len(data)} bytes"):
        await collect(writer)


async def test_all_parts_are_closed_even_if_one_fails() -> None:
    class Stuck(BytesPayload):
        closed = False

        async def aclose(self) -> None:
            self.closed = True
            raise RuntimeError("stuck")

    writer = MultipartWriter()
    parts = [Stuck(b""), Stuck(b"")]
    for part in parts:
        writer.append(part)
    with pytest.raises(RuntimeError, match="stuck"):
        await writer.aclose()
    assert all(part.closed for part in parts)


async def test_registered_like_any_payload() -> None:
    writer = MultipartWriter()
    assert get_payload(writer) is writer
