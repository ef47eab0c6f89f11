"""Bodies that arrive in pieces."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyiohttp._message.payload_base import Payload, get_payload
from anyiohttp._message.payload_files import BufferedReaderPayload, TextIOPayload
from anyiohttp._message.payload_streams import (
    AsyncFilePayload,
    AsyncIterablePayload,
    StreamReaderPayload,
    is_async_file,
)
from anyiohttp.exceptions import BodyNotReplayableError, InvalidBodyError, InvalidRequestError

pytestmark = pytest.mark.anyio


async def collect(payload: Payload) -> list[bytes]:
    chunks = []
    while chunk := await payload.next_chunk():
        chunks.append(chunk)
    assert await payload.next_chunk() == b""
    return chunks


class Source:
    """Pieces from an async generator that tells when it was finalised."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.finalised = False

    async def generate(self) -> AsyncIterator[Any]:
        try:
            for piece in self.pieces:
                yield piece
        finally:
            await anyio.lowlevel.checkpoint()
            self.finalised = True


class Pieces:
    """An async iterable whose iterators can be closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return PiecesIterator(self)


class PiecesIterator:
    def __init__(self, owner: Pieces) -> None:
        self.left = list(owner.pieces)
        self.owner = owner

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)

    async def aclose(self) -> None:
        self.owner.closed += 1


async def test_generator() -> None:
    source = Source(b"a", b"", bytearray(b"b"), b"", b"", memoryview(b"c"), b"")
    payload = get_payload(source.generate())
    assert isinstance(payload, AsyncIterablePayload)
    assert payload.size is None
    assert payload.at_hand is None
    assert not payload.replayable
    assert not payload.consumed
    assert not payload.autoclose
    assert await collect(payload) == [b"a", b"b", b"c"]
    assert payload.consumed
    with pytest.raises(BodyNotReplayableError):
        await payload.rewind()
    await payload.aclose()
    await payload.aclose()
    with pytest.raises(BodyNotReplayableError):
        await payload.next_chunk()


async def test_generator_that_was_not_begun_can_still_be_sent() -> None:
    payload = get_payload(Source(b"a").generate())
    await payload.rewind()
    assert await collect(payload) == [b"a"]
    await payload.aclose()


@pytest.mark.parametrize("read", [0, 1])
async def test_generator_is_closed_early(read: int) -> None:
    source = Source(b"a", b"b")
    generator = source.generate()
    payload = get_payload(generator)
    for _ in range(read):
        await payload.next_chunk()
    await payload.aclose()
    assert source.finalised is bool(read)
    assert payload.consumed
    with pytest.raises(StopAsyncIteration):
        await anext(generator)


async def test_cancelled_generator() -> None:
    cancelled = []

    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await anyio.sleep_forever()
        except BaseException as exc:
            cancelled.append(exc)
            raise

    payload = get_payload(generate())
    assert await payload.next_chunk() == b"a"
    with anyio.move_on_after(0) as scope:
        await payload.next_chunk()
    assert scope.cancelled_caught
    assert len(cancelled) == 1
    with anyio.CancelScope() as outer:
        outer.cancel()
        await payload.aclose()


@pytest.mark.parametrize("piece", ["text", None, 1, [b"a"]])
async def test_pieces_must_be_bytes(piece: object) -> None:
    payload = get_payload(Source(b"a", piece).generate())
    assert await payload.next_chunk() == b"a"
    with pytest.raises(InvalidBodyError, match=f"gave {type(piece).__name__}"):
        await payload.next_chunk()
    await payload.aclose()


async def test_errors_of_the_generator_come_out() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"a"
        raise KeyError("mine")

    payload = get_payload(generate())
    with pytest.raises(KeyError, match="mine"):
        await collect(payload)
    await payload.aclose()


async def test_iterables() -> None:
    pieces = Pieces(b"a", b"b")
    payload = get_payload(pieces)
    assert payload.autoclose
    await payload.next_chunk()
    await payload.aclose()
    assert pieces.closed == 1  # the iterator was made for this body
    iterator = aiter(pieces)
    payload = get_payload(iterator)
    assert await collect(payload) == [b"a", b"b"]
    await payload.aclose()
    assert pieces.closed == 1  # this one was the caller's
    payload = get_payload(Pieces())
    await payload.aclose()  # no iterator was made


async def test_memory_stream_as_a_body() -> None:
    sending, receiving = anyio.create_memory_object_stream[bytes](3)
    async with sending, receiving:
        for piece in (b"a", b"b"):
            await sending.send(piece)
        await sending.aclose()
        payload = get_payload(receiving)
        assert await collect(payload) == [b"a", b"b"]
        await payload.aclose()


class PlainIterator:
    def __init__(self) -> None:
        self.left = [b"a"]

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self


async def test_iterator_without_aclose() -> None:
    class Plain:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return PlainIterator()

    payload = get_payload(Plain())
    assert await collect(payload) == [b"a"]
    await payload.aclose()


def test_not_an_iterable() -> None:
    with pytest.raises(InvalidBodyError, match="int"):
        AsyncIterablePayload(1)  # type: ignore[arg-type]


async def test_kept_by_as_bytes() -> None:
    payload = get_payload(Source(b"a", b"b").generate())
    with pytest.raises(TypeError):
        payload.decode()
    assert await payload.as_bytes() == b"ab"
    assert payload.decode() == "ab"
    for _ in range(2):
        assert payload.replayable
        assert not payload.consumed
        assert await collect(payload) == [b"ab"]
        await payload.rewind()
    await payload.aclose()
    assert await payload.as_bytes() == b"ab"


# --- stream readers -------------------------------------------------------------------------


class Reader:
    """What is known of a stream reader: ``readany``."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    async def readany(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    async def read(self, n: int = -1) -> bytes:
        raise AssertionError("readany is the way")

    readline = read


async def test_stream_reader() -> None:
    reader = Reader(b"a", b"b", b"")
    payload = get_payload(reader)
    assert isinstance(payload, StreamReaderPayload)
    assert payload.size is None
    assert payload.autoclose
    assert await collect(payload) == [b"a", b"b"]
    reader.pieces.append(b"late")
    assert await payload.next_chunk() == b""
    assert payload.consumed
    await payload.aclose()
    with pytest.raises(BodyNotReplayableError):
        await payload.next_chunk()


# --- async files ----------------------------------------------------------------------------


async def test_files_of_anyio(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    async with await anyio.open_file(path, "rb") as file:
        payload = get_payload(file)
        assert isinstance(payload, BufferedReaderPayload)
        assert payload.size == 3
        assert payload.filename == "a.txt"
        assert await collect(payload) == [b"abc"]
        await payload.aclose()
    async with await anyio.open_file(path) as text:
        payload = get_payload(text)
        assert isinstance(payload, TextIOPayload)
        assert await collect(payload) == [b"abc"]
        await payload.aclose()


class AsyncFile:
    """An async file as other libraries have them: some methods are async, others are not."""

    def __init__(self, file: Any) -> None:
        self.file = file

    async def read(self, size: int = -1) -> Any:
        return self.file.read(size)

    async def readline(self) -> Any:
        return self.file.readline()

    def seekable(self) -> bool:
        return bool(self.file.seekable())

    async def tell(self) -> int:
        return int(self.file.tell())

    async def seek(self, position: int) -> int:
        return int(self.file.seek(position))

    async def close(self) -> None:
        self.file.close()


async def test_other_async_files() -> None:
    inner = io.BytesIO(b"_abc")
    inner.seek(1)
    file = AsyncFile(inner)
    assert is_async_file(file)
    payload = get_payload(file)
    assert isinstance(payload, AsyncFilePayload)
    await payload.rewind()
    assert await collect(payload) == [b"abc"]
    assert payload.replayable
    await payload.rewind()
    assert await collect(payload) == [b"abc"]
    await payload.rewind()
    assert await payload.as_bytes() == b"abc"
    await payload.aclose()
    assert inner.closed
    assert await collect(payload) == [b"abc"]  # kept by as_bytes


async def test_other_async_text_files() -> None:
    payload = get_payload(AsyncFile(io.StringIO("é" * 10)), encoding="utf-16")
    assert b"".join(await collect(payload)) == ("é" * 10).encode("utf-16")
    await payload.rewind()
    assert b"".join(await collect(payload)) == ("é" * 10).encode("utf-16")
    await payload.aclose()
    assert payload.consumed
    payload = get_payload(AsyncFile(io.StringIO("é")), encoding="ascii")
    with pytest.raises(InvalidRequestError, match="charset"):
        await payload.next_chunk()
    await payload.aclose()


class Minimal:
    """The least that is taken for an async file; its ``read`` gives what it was made with."""

    def __init__(self, *pieces: object) -> None:
        self.pieces = list(pieces)

    async def read(self, size: int = -1) -> object:
        return self.pieces.pop(0) if self.pieces else b""

    async def readline(self) -> object:
        raise AssertionError("lines are not wanted")


async def test_async_file_without_a_position() -> None:
    payload = get_payload(Minimal(b"a", b"b"))
    assert await collect(payload) == [b"a", b"b"]
    assert payload.consumed
    await payload.aclose()

    class Unseekable(Minimal):
        async def seekable(self) -> bool:
            return False

    payload = get_payload(Unseekable(b"a"))
    assert await collect(payload) == [b"a"]
    assert not payload.replayable
    await payload.aclose()


async def test_async_file_that_gives_neither_bytes_nor_text() -> None:
    payload = get_payload(Minimal(1))
    with pytest.raises(InvalidBodyError, match="int"):
        await payload.next_chunk()
    await payload.aclose()
