"""Every way to read, over sources that give the bytes in every way."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._message.codings import make_decoder
from anyiohttp._message.reader import DEFAULT_LIMIT, StreamReader
from anyiohttp._message.sources import DecodedSource
from anyiohttp.exceptions import ClientPayloadError

pytestmark = pytest.mark.anyio

TEXT = b"first\nsecond\n\nfourth, longer than the others\nlast"


class Pieces:
    """A source that has its pieces; an error among them is raised, ``None`` is not at hand."""

    def __init__(self, pieces: Iterable[bytes | Exception | None]) -> None:
        self.pieces = list(pieces)
        self.received = 0

    async def receive(self) -> bytes:
        await checkpoint()
        while self.pieces and self.pieces[0] is None:
            self.pieces.pop(0)
        return self.receive_nowait() or b""

    def receive_nowait(self) -> bytes | None:
        piece = self.pieces.pop(0) if self.pieces else b""
        self.received += 1
        if isinstance(piece, Exception):
            raise piece
        return piece


class Stalled:
    """A source that never has anything."""

    async def receive(self) -> bytes:
        await anyio.sleep_forever()
        raise AssertionError

    def receive_nowait(self) -> None:
        return None


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def reader_of(*pieces: bytes | Exception | None, limit: int = DEFAULT_LIMIT) -> StreamReader:
    return StreamReader(None, limit, source=Pieces(pieces))


def fed(*pieces: bytes, eof: bool = True, limit: int = DEFAULT_LIMIT) -> StreamReader:
    reader = StreamReader(limit=limit)
    for piece in pieces:
        reader.feed_data(piece)
    if eof:
        reader.feed_eof()
    return reader


every_size = pytest.mark.parametrize("size", [1, 2, 7, 1000])
either = pytest.mark.parametrize("make", [reader_of, fed])


# --- pieces ---------------------------------------------------------------------------------


@every_size
@either
async def test_read_everything(size: int, make: type[StreamReader]) -> None:
    reader = make(*cut(TEXT, size))
    assert await reader.read() == TEXT
    assert await reader.read() == b""
    assert await reader.read(5) == b""
    assert await reader.readany() == b""
    assert await reader.readline() == b""
    assert reader.at_eof()
    assert reader.is_eof()
    assert reader.total_bytes == reader.total_raw_bytes == len(TEXT)


@every_size
@either
@pytest.mark.parametrize("n", [1, 3, 1000])
async def test_read_at_most(size: int, make: type[StreamReader], n: int) -> None:
    reader = make(*cut(TEXT, size))
    assert await reader.read(0) == b""
    data = b""
    async for piece in reader.iter_chunked(n):
        assert 0 < len(piece) <= n
        data += piece
    assert data == TEXT


async def test_read_everything_after_a_part() -> None:
    reader = reader_of(TEXT)
    assert await reader.read(3) == TEXT[:3]
    assert await reader.read() == TEXT[3:]


async def test_readany_gives_what_is_there() -> None:
    reader = reader_of(b"ab", b"cd")
    assert await reader.read(1) == b"a"
    assert await reader.readany() == b"b"
    assert [piece async for piece in reader.iter_any()] == [b"cd"]


@every_size
@either
async def test_readexactly(size: int, make: type[StreamReader]) -> None:
    reader = make(*cut(TEXT, size))
    assert await reader.readexactly(0) == b""
    assert await reader.readexactly(10) == TEXT[:10]
    assert await reader.readexactly(len(TEXT) - 10) == TEXT[10:]
    with pytest.raises(asyncio.IncompleteReadError):
        await reader.readexactly(1)


async def test_readexactly_of_too_little() -> None:
    with pytest.raises(asyncio.IncompleteReadError) as caught:
        await reader_of(b"ab", b"c").readexactly(5)
    assert caught.value.partial == b"abc"
    assert caught.value.expected == 5


async def test_chunks() -> None:
    assert [chunk async for chunk in reader_of(b"ab", b"c").iter_chunks()] == [
        (b"ab", True),
        (b"c", True),
    ]
    assert [chunk async for chunk in fed(b"ab", b"c").iter_chunks()] == [(b"abc", False)]


class Chunked(Pieces):
    """A source that knows where its chunks end."""

    def __init__(self, *pieces: tuple[bytes, list[int]]) -> None:
        super().__init__(piece for piece, _ in pieces)
        self._ends = [ends for _, ends in pieces]

    def take(self) -> list[int]:
        ends: list[int] = []
        for each in self._ends[: self.received]:
            ends += each
            each.clear()
        return ends


@pytest.mark.parametrize(
    ("pieces", "chunks"),
    [
        ([(b"abc", [3])], [(b"abc", True)]),
        ([(b"abcdef", [3, 4, 6])], [(b"abc", True), (b"d", True), (b"ef", True)]),
        ([(b"ab", []), (b"cd", [3])], [(b"ab", False), (b"c", True), (b"d", False)]),
        ([(b"abc", []), (b"", [3])], [(b"abc", False), (b"", True)]),
        ([(b"abc", []), (b"d", [3, 4])], [(b"abc", False), (b"", True), (b"d", True)]),
        ([(b"ab", []), (b"cd", [])], [(b"ab", False), (b"cd", False)]),
    ],
)
async def test_chunks_that_are_told_apart(
    pieces: list[tuple[bytes, list[int]]], chunks: list[tuple[bytes, bool]]
) -> None:
    source = Chunked(*((piece, [*ends]) for piece, ends in pieces))
    reader = StreamReader(source=source, chunk_ends=source.take)
    assert [chunk async for chunk in reader.iter_chunks()] == chunks
    assert await reader.readchunk() == (b"", False)


async def test_ends_that_are_known_before_their_chunks_are_handed_out() -> None:
    """What came with a response's head was taken apart before anybody read it."""
    ends = [[3, 6]]
    reader = StreamReader(source=Pieces([b"abcdef"]), chunk_ends=lambda: ends.pop() if ends else [])
    assert [chunk async for chunk in reader.iter_chunks()] == [(b"abc", True), (b"def", True)]


async def test_chunks_after_something_else_was_read() -> None:
    source = Chunked((b"abcdef", [3, 6]), (b"gh", [8]))
    reader = StreamReader(source=source, chunk_ends=source.take)
    assert await reader.read(2) == b"ab"
    assert await reader.readchunk() == (b"c", True)
    assert await reader.readexactly(1) == b"d"
    assert await reader.readchunk() == (b"ef", True)
    reader.unread_data(b"ef")
    assert await reader.read(2) == b"ef"
    assert await reader.readchunk() == (b"gh", True)


async def test_read_nowait() -> None:
    reader = reader_of(b"abc", None, b"de")
    assert reader.read_nowait(2) == b"ab"
    assert reader.read_nowait() == b"c"
    assert reader.read_nowait() == b""
    assert reader.read_nowait(0) == b""
    assert await reader.readany() == b"de"
    assert reader.read_nowait() == b""


async def test_unread_data() -> None:
    reader = reader_of(b"a\nb\nc\n")
    assert await reader.readline() == b"a\n"
    reader.unread_data(b"x")
    assert await reader.readline() == b"xb\n"
    reader.unread_data(b"y")
    assert await reader.read() == b"yc\n"


# --- lines ----------------------------------------------------------------------------------


@every_size
@either
async def test_lines(size: int, make: type[StreamReader]) -> None:
    lines = TEXT.splitlines(keepends=True)
    assert [line async for line in make(*cut(TEXT, size))] == lines
    reader = make(*cut(TEXT, size))
    assert [await reader.readline() for _ in lines] == lines
    assert await reader.readline() == b""


async def test_only_newlines_end_lines() -> None:
    data = b"a\rb\r\nc\x0bd\x0c\x85\n"
    assert [line async for line in reader_of(data)] == [b"a\rb\r\n", b"c\x0bd\x0c\x85\n"]


async def test_lines_at_hand_cost_no_wait() -> None:
    source = Pieces([b"".join(b"%d\n" % number for number in range(1000))])
    reader = StreamReader(source=source)
    assert await reader.readline() == b"0\n"
    with anyio.CancelScope() as scope:
        scope.cancel()  # a wait would be cancelled
        lines = [await anext(reader) for _ in range(999)]
    assert not scope.cancelled_caught
    assert lines[-1] == b"999\n"
    assert source.received == 1


@pytest.mark.parametrize("n", [0, 1, 2, 3])
async def test_breaking_out_of_lines_loses_nothing(n: int) -> None:
    reader = reader_of(*cut(TEXT, 20))
    lines = TEXT.splitlines(keepends=True)
    seen = 0
    async for _ in reader:
        seen += 1
        if seen > n:
            break
    assert repr(reader).startswith("<StreamReader ")
    assert not reader.at_eof()
    assert await reader.read(1) == b"".join(lines[seen:])[:1]
    assert await reader.read() == b"".join(lines[seen:])[1:]


@every_size
async def test_a_line_may_be_twice_the_limit(size: int) -> None:
    exact = b"x" * 19 + b"\n"
    longer = b"x" * 20 + b"\n"
    reader = reader_of(*cut(exact + exact + longer + b"z", size), limit=10)
    assert reader.get_read_buffer_limits() == (10, 20)
    assert await reader.readline() == exact
    assert await reader.readline() == exact
    with pytest.raises(ValueError, match="Chunk too big"):
        await reader.readline()
    assert await reader.readline(max_line_length=21) == longer
    assert [line async for line in reader] == [b"z"]


async def test_an_endless_line_is_cut() -> None:
    source = Pieces([b"x" * 10] * 1000)
    with pytest.raises(ValueError, match=r"Chunk too big: no b'\\n' within 40 bytes"):
        await anext(StreamReader(None, 20, source=source))
    assert source.received == 5


@every_size
@either
async def test_readuntil(size: int, make: type[StreamReader]) -> None:
    reader = make(*cut(b"one--two----three", size))
    assert await reader.readuntil(b"--") == b"one--"
    assert await reader.readuntil(b"--") == b"two--"
    assert await reader.readuntil(b"--") == b"--"
    assert await reader.readuntil(b"--") == b"three"
    assert await reader.readuntil(b"--") == b""
    with pytest.raises(ValueError, match="Separator"):
        await reader.readuntil(b"")


async def test_readuntil_with_a_size() -> None:
    reader = reader_of(b"12345--")
    with pytest.raises(ValueError, match="within 6 bytes"):
        await reader.readuntil(b"--", max_size=6)
    assert await reader.readuntil(b"--", max_size=7) == b"12345--"


@given(st.lists(st.binary(min_size=1, max_size=12)), st.lists(st.integers(0, 6), max_size=40))
def test_any_mixture_of_reads_gives_all_bytes_in_order(
    pieces: list[bytes], operations: list[int]
) -> None:
    async def run() -> bytes:
        reader = reader_of(*pieces)
        data = b""
        for operation in operations:
            if operation == 0:
                data += await reader.read(3)
            elif operation == 1:
                data += await reader.readline()
            elif operation == 2:
                data += await reader.readany()
            elif operation == 3:
                data += reader.read_nowait(2)
            elif operation == 4:
                data += await anext(reader, b"")
            elif operation == 5:
                data += await reader.readuntil(b"\x00\x00")
            else:
                reader.at_eof()
        return data + await reader.read()

    assert anyio.run(run) == b"".join(pieces)


# --- ends and errors --------------------------------------------------------------------------


async def test_at_eof_knows_an_end_that_is_at_hand() -> None:
    reader = reader_of(b"ab")
    assert not reader.at_eof()
    assert not reader.is_eof()
    assert await reader.readexactly(2) == b"ab"
    assert reader.is_eof()
    assert reader.at_eof()
    reader = reader_of(b"ab", None)
    assert await reader.readexactly(2) == b"ab"
    assert not reader.at_eof()
    assert await reader.read() == b""
    assert reader.at_eof()
    assert reader.consumed
    assert not reader_of().consumed


async def test_eof_of_a_fed_stream() -> None:
    reader = fed(b"ab")
    assert reader.is_eof()
    assert not reader.at_eof()
    assert await reader.read() == b"ab"
    assert reader.at_eof()


@either
async def test_feeding_wrongly(make: type[StreamReader]) -> None:
    with pytest.raises(RuntimeError, match=r"after feed_eof|fed by a response"):
        make(b"ab").feed_data(b"c")


async def test_feed_eof_to_a_response() -> None:
    with pytest.raises(RuntimeError, match="fed by a response"):
        reader_of(b"").feed_eof()


async def test_feed_data() -> None:
    reader = StreamReader(object(), timer=object(), loop=object())
    assert reader.feed_data(b"") is False
    assert reader.read_nowait() == b""
    assert reader.feed_data(bytearray(b"ab"), 2) is False
    assert reader.total_bytes == 2
    assert await reader.read(1) == b"a"
    reader.feed_data(b"cd")
    assert await reader.read(100) == b"bcd"


@pytest.mark.parametrize("how", ["data", "eof", "exception"])
async def test_feeding_wakes_the_reader(how: str) -> None:
    reader = StreamReader()
    results: list[bytes | str] = []

    async def read() -> None:
        try:
            results.append(await reader.readany())
        except OSError as exc:
            results.append(str(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="another coroutine is already waiting"):
            await reader.readline()
        with pytest.raises(RuntimeError, match="some coroutine is waiting"):
            reader.read_nowait()
        assert not reader.at_eof()
        if how == "data":
            reader.feed_data(b"x")
        elif how == "eof":
            reader.feed_eof()
        else:
            reader.set_exception(OSError("broken"), ValueError("why"))
    assert results == [{"data": b"x", "eof": b"", "exception": "broken"}[how]]


async def test_set_exception() -> None:
    reader = reader_of(b"a\nb\n", b"c")
    assert await reader.readline() == b"a\n"
    cause = ValueError("why")
    reader.set_exception(ClientPayloadError("broken"), cause)
    error = reader.exception()
    assert isinstance(error, ClientPayloadError)
    assert error.__cause__ is cause
    assert "broken" in repr(reader)
    for read in (reader.read, reader.readany, reader.readline, reader.readchunk, reader.readuntil):
        with pytest.raises(ClientPayloadError):
            await read()
    with pytest.raises(ClientPayloadError):
        await reader.readexactly(1)
    with pytest.raises(ClientPayloadError):
        await anext(reader)
    with pytest.raises(ClientPayloadError):
        reader.read_nowait()
    assert not reader.at_eof()


async def test_an_exception_between_two_receives() -> None:
    class Source(Pieces):
        async def receive(self) -> bytes:
            reader.set_exception(OSError("gave up"))
            return b"part"

    reader = StreamReader(source=Source([]))
    with pytest.raises(OSError, match="gave up"):
        await reader.read()


async def test_an_error_of_the_source_comes_after_the_data_and_stays() -> None:
    ends: list[str] = []
    source = Pieces([b"a\n", ClientPayloadError("cut")])
    reader = StreamReader(source=source, on_end=lambda: ends.append("end"))
    assert await reader.readline() == b"a\n"
    for _ in range(2):
        with pytest.raises(ClientPayloadError, match="cut"):
            await reader.readline()
    assert ends == ["end"]


async def test_an_error_found_by_at_eof_is_raised_by_the_read() -> None:
    reader = reader_of(ClientPayloadError("cut"))
    assert not reader.at_eof()
    with pytest.raises(ClientPayloadError, match="cut"):
        await reader.read()


async def test_on_end() -> None:
    ends: list[str] = []
    reader = StreamReader(source=Pieces([b"ab"]), on_end=lambda: ends.append("end"))
    assert await reader.readany() == b"ab"
    assert ends == []
    assert await reader.readany() == b""
    assert await reader.readany() == b""
    assert ends == ["end"]


async def test_cancellation_ends_what_is_pulled() -> None:
    ends: list[str] = []
    reader = StreamReader(source=Stalled(), on_end=lambda: ends.append("end"))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await reader.readany()
    assert scope.cancelled_caught
    assert ends == ["end"]
    assert reader.exception() is None


async def test_a_cancelled_read_of_a_fed_stream_loses_nothing() -> None:
    reader = fed(b"ab", eof=False)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader.readline)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    reader.feed_data(b"c\n")
    assert await reader.readline() == b"abc\n"


async def test_raw_bytes() -> None:
    whole = gzip.compress(bytes(10_000))
    decoder = make_decoder("gzip")
    assert decoder is not None
    reader = StreamReader(source=DecodedSource(Pieces([whole]), decoder))
    await reader.read()
    assert reader.total_bytes == 10_000
    assert reader.total_raw_bytes == len(whole)


async def test_repr() -> None:
    reader = reader_of(b"a\nb\nc")
    assert repr(reader) == "<StreamReader>"
    await reader.readline()
    assert repr(reader) == "<StreamReader 3 bytes>"
    await reader.read()
    assert repr(reader) == "<StreamReader eof>"
