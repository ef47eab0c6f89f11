"""`StreamReader`: a stream of bytes, read in whichever pieces the user likes.

Knows: pieces, lines, separators, limits.
Must not know: HTTP, codings, connections.
Called by: ``response`` (its ``content``), users who feed one as the body of a request.

A reader always *pulls* from a source: see ``sources``. Nothing is received before somebody reads,
so that a slow reader slows the peer down, and memory holds one piece.

Bytes wait in one buffer. Whole lines are moved from it many at a time, to a ``BytesIO`` that hands
them out: a line that is at hand costs neither a copy of the rest nor a trip through the event loop.
What was not asked for goes back when something else is read, so every way of reading continues
where the last one stopped. For the same
reason cancelling a read loses nothing that is in the buffer (`StreamReader.read` of everything
is the one exception).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import NoReturn

from .chunk_ends import ChunkEnds
from .iterators import AsyncStreamIterator, ChunkTupleAsyncStreamIterator
from .sources import ByteSource, DecodedSource, FedSource

__all__ = (
    "DEFAULT_LIMIT",
    "AsyncStreamIterator",
    "ChunkTupleAsyncStreamIterator",
    "StreamReader",
)

#: aiohttp 3.14's ``read_bufsize``.
DEFAULT_LIMIT = 2**18

#: Stands for no lines at hand; never written to.
_NO_LINES = BytesIO()

#: Between so many reads from the buffer the clock is looked at once.
_READS_UNWATCHED = 16

_ALREADY_WAITING = "read called while another coroutine is already waiting for incoming data"


class StreamReader:
    r"""A stream of bytes.

    Make one yourself to feed it from another task (`feed_data`, `feed_eof`, `set_exception`), for
    example as the body of a request. A response's ``content`` is fed by its connection.

    ``async for line in reader`` gives lines with their ``\n``; breaking out of it leaves nothing
    behind, and what was not read yet can still be read.

    Args:
        protocol: accepted for aiohttp's sake and not used.
        limit: in bytes; a line may be twice as long.
        timer: accepted for aiohttp's sake and not used.
        loop: accepted for aiohttp's sake and not used.
        source: asked for bytes when somebody reads, instead of `feed_data`.
        on_end: called once, when the source has ended, failed or was cancelled.
        watch: called now and then while the buffer alone is read; what it raises fails the stream.
        chunk_ends: see `ChunkEnds`; without it, each piece that the source gives is a chunk.
    """

    def __init__(
        self,
        protocol: object = None,
        limit: int = DEFAULT_LIMIT,
        *,
        timer: object = None,
        loop: object = None,
        source: ByteSource | None = None,
        on_end: Callable[[], None] | None = None,
        watch: Callable[[], None] | None = None,
        chunk_ends: Callable[[], Sequence[int] | None] | None = None,
    ) -> None:
        del protocol, timer, loop
        self._feed: FedSource | None = None
        if source is None:
            source = self._feed = FedSource()
        self._source = source
        self._limit = limit
        self._on_end = on_end
        self._watch = watch
        self._take_chunk_ends = chunk_ends
        self._chunk_ends: ChunkEnds | None = None
        self._unwatched = 0
        self._buffer = bytearray()
        self._lines = _NO_LINES  # whole lines from the front of the buffer, as far as not read
        self._lines_end = 0
        self._received = 0
        self._eof = False
        self._receiving = False
        self._exception: BaseException | None = None

    def __repr__(self) -> str:
        held = self._lines_end - self._lines.tell() + len(self._buffer)
        words = [f"{held} bytes"] if held else []
        if self._eof:
            words.append("eof")
        if self._exception is not None:
            words.append(f"e={self._exception!r}")
        return f"<{' '.join(['StreamReader', *words])}>"

    # --- feeding ---

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Add bytes to the stream; wakes the task that waits for them.

        Args:
            data: copied if it is not ``bytes``.
            size: accepted for aiohttp's sake and not used.

        Returns:
            ``False``, as aiohttp does.

        Raises:
            RuntimeError: the end was fed before, or the stream is a response's.
        """
        feed = self._own_feed()
        if feed.eof:
            raise RuntimeError("feed_data after feed_eof")
        if data:
            feed.feed(bytes(data))
        return False

    def feed_eof(self) -> None:
        """End the stream. What was fed before can still be read."""
        self._own_feed().feed_eof()

    def _own_feed(self) -> FedSource:
        if self._feed is None:
            raise RuntimeError("this stream is fed by a response")
        return self._feed

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Make every read from now on fail, and the one that waits.

        Args:
            exc: what they raise.
            exc_cause: its cause.
        """
        if exc_cause is not None:
            exc.__cause__ = exc_cause
        self._exception = exc
        self._drop_lines()
        self._buffer.clear()
        if self._feed is not None:
            self._feed.fail(exc)

    def unread_data(self, data: bytes) -> None:
        """Put bytes back in front of what comes next."""
        self._join_lines()
        self._buffer[0:0] = data

    # --- what is known of it ---

    def exception(self) -> BaseException | None:
        """Return what made the stream fail, if it did."""
        return self._exception

    def is_eof(self) -> bool:
        """Return whether the end of the stream has arrived, read or not."""
        if self._feed is not None:
            return self._feed.eof
        return self._eof or (not self._buffer and not self._lines_left() and self.at_eof())

    def at_eof(self) -> bool:
        """Return whether everything has been read and the end has arrived."""
        if self._buffer or self._lines_left():
            return False
        if not self._eof and not self._receiving and self._exception is None:
            try:
                self._buffer += self._receive_nowait()
            except Exception:
                return False  # it is remembered, and raised where something is read
        return self._eof and not self._buffer

    @property
    def consumed(self) -> bool:
        """Whether there was something to read and all of it has been read."""
        return self.total_bytes > 0 and self.at_eof()

    @property
    def total_bytes(self) -> int:
        """How many bytes have come into the stream, decoded."""
        return self._received if self._feed is None else self._feed.total_bytes

    @property
    def total_raw_bytes(self) -> int:
        """How many bytes that took on the wire, content-coded."""
        if isinstance(self._source, DecodedSource):
            return self._source.raw_bytes
        return self.total_bytes

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """Return the limit given, and how long a line may be."""
        return self._limit, 2 * self._limit

    # --- receiving ---

    async def _receive(self) -> bytes:
        """Return what comes next, past the buffer; ``b""`` at the end."""
        if self._exception is not None:
            raise self._exception
        if self._eof:
            return b""
        if self._receiving:
            raise RuntimeError(_ALREADY_WAITING)
        self._receiving = True
        try:
            data = await self._source.receive()
        except BaseException as exc:
            self._fail(exc)
            raise
        finally:
            self._receiving = False
        if data:
            self._received += len(data)
        else:
            self._end()
        return data

    def _receive_nowait(self) -> bytes:
        try:
            data = self._source.receive_nowait()
        except BaseException as exc:
            self._fail(exc)
            raise
        if data is None:
            return b""
        if data:
            self._received += len(data)
        else:
            self._end()
        return data

    def _fail(self, exc: BaseException) -> None:
        if self._exception is not None:
            return
        if isinstance(exc, Exception):
            self._exception = exc
        if self._feed is None:
            self._tell_end()

    def _end(self) -> None:
        self._eof = True
        self._tell_end()

    def _tell_end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def _lines_left(self) -> bool:
        return self._lines.tell() < self._lines_end

    def _drop_lines(self) -> None:
        self._lines = _NO_LINES
        self._lines_end = 0

    def _join_lines(self) -> None:
        if self._lines_end:
            self._buffer[0:0] = self._lines.read()
            self._drop_lines()

    def _take(self, count: int) -> bytes:
        """Return up to ``count`` bytes from the front of the buffer."""
        if count >= len(self._buffer):
            data = bytes(self._buffer)
            self._buffer.clear()
            return data
        self._unwatched += 1
        if self._unwatched >= _READS_UNWATCHED:
            self._look_at_the_clock()
        with memoryview(self._buffer) as view:
            data = bytes(view[:count])
        del self._buffer[:count]
        return data

    def _look_at_the_clock(self) -> None:
        self._unwatched = 0
        if self._watch is not None:
            try:
                self._watch()
            except Exception as exc:
                self._fail(exc)
                raise

    def _check(self) -> None:
        """Begin a read other than of lines."""
        if self._exception is not None:
            raise self._exception
        if self._lines_end:
            self._join_lines()
        if self._buffer and self._feed is not None:
            self._buffer += self._receive_nowait()

    # --- reading ---

    async def read(self, n: int = -1) -> bytes:
        """Return at most ``n`` bytes, as soon as there are any; all of the rest if ``n`` is -1.

        ``b""`` means the end (or that ``n`` is 0).

        Raises:
            ClientPayloadError: the body broke off, or its coding is wrong.
            ClientError: the connection failed, a timeout ran out, or the response was released.
            RuntimeError: another task is waiting on this stream.

        Cancelled while it reads everything, it loses what it had read; otherwise nothing.
        """
        self._check()
        if n == 0:
            return b""
        if n < 0:
            blocks = [self._take(len(self._buffer))] if self._buffer else []
            while block := await self._receive():
                blocks.append(block)
            return blocks[0] if len(blocks) == 1 else b"".join(blocks)
        if not self._buffer:
            data = await self._receive()
            if len(data) <= n:
                return data
            self._buffer += memoryview(data)[n:]
            return data[:n]
        return self._take(n)

    async def readany(self) -> bytes:
        """Return whatever is there, waiting only if nothing is; ``b""`` at the end.

        Raises as `read`; cancelled, it loses nothing.
        """
        self._check()
        if self._buffer:
            return self._take(len(self._buffer))
        return await self._receive()

    async def readexactly(self, n: int) -> bytes:
        """Return exactly ``n`` bytes.

        Raises:
            asyncio.IncompleteReadError: the stream ended before; its ``partial`` has what came.

        Raises also as `read`; cancelled, it loses nothing.
        """
        self._check()
        while len(self._buffer) < n:
            data = await self._receive()
            if not data:
                _raise_incomplete(self._take(len(self._buffer)), n)
            self._buffer += data
        return self._take(n) if n > 0 else b""

    async def readchunk(self) -> tuple[bytes, bool]:
        """Return a piece of a chunk, and whether that was its end; ``(b"", False)`` at the end.

        Chunks are those of HTTP/1.1's framing. They are told apart in what this method receives,
        and in what was received just before it was first called. A body that has no chunks has
        no ends of any, but over HTTP/2, and where a content coding was taken off, each piece
        counts as a chunk. Nothing that was fed by `feed_data` does.

        Raises as `read`; cancelled, it loses nothing.
        """
        if self._take_chunk_ends is None:
            data = await self.readany()
            return data, bool(data) and self._feed is None
        self._check()
        ends = self._chunk_ends
        if ends is None:
            ends = self._chunk_ends = ChunkEnds(self._take_chunk_ends)
        position = self._received - len(self._buffer)
        end = ends.next_end(position, self._received)
        if end is None and not self._buffer:
            self._buffer += await self._receive()
            end = ends.next_end(position, self._received)
        if end is None:
            return self._take(len(self._buffer)), False
        return self._take(end - position), True

    def read_nowait(self, n: int = -1) -> bytes:
        """Return at most ``n`` bytes of what is at hand, maybe nothing; everything if ``n`` is -1.

        Raises:
            RuntimeError: a task is waiting on this stream.

        Raises also as `read`.
        """
        self._check()
        if self._receiving:
            raise RuntimeError("Called while some coroutine is waiting for incoming data.")
        if not self._buffer and not self._eof:
            self._buffer += self._receive_nowait()
        return self._take(len(self._buffer) if n < 0 else n)

    # --- lines ---

    def __aiter__(self) -> StreamReader:
        return self

    async def __anext__(self) -> bytes:
        for line in self._lines:  # not ``next``, which costs a third more
            return line
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        r"""Return the next line with its ``\n``; the last one may lack it; ``b""`` at the end.

        Args:
            max_line_length: in bytes; by default twice the reader's limit.

        Raises:
            ValueError: the line is longer. It stays in the stream.

        Raises also as `read`; cancelled, it loses nothing.
        """
        if max_line_length is not None:
            return await self.readuntil(b"\n", max_size=max_line_length)
        line = self._lines.readline()
        if line:
            return line
        if not self._split_lines():
            # No whole line is at hand: a part of one, or nothing.
            line = await self.readuntil(b"\n")
            self._split_lines()
            return line
        return self._lines.readline()

    def _split_lines(self) -> bool:
        """Move the whole lines at hand out of the buffer, unless the first of them is too long."""
        # No line within so many bytes can be too long, so that none has to be measured.
        end = self._buffer.rfind(b"\n", 0, 2 * self._limit) + 1
        if end:
            self._lines = BytesIO(self._take(end))
            self._lines_end = end
        return end > 0

    async def readuntil(self, separator: bytes = b"\n", *, max_size: int | None = None) -> bytes:
        """Return everything up to and with the separator; the rest if it does not come again.

        Args:
            separator: at least one byte.
            max_size: in bytes, with the separator; by default twice the reader's limit.

        Raises:
            ValueError: the separator is empty, or does not come within ``max_size`` bytes, which
                stay in the stream.

        Raises also as `read`; cancelled, it loses nothing.
        """
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        self._check()
        longest = max_size or 2 * self._limit
        buffer = self._buffer
        start = 0
        while True:
            found = buffer.find(separator, start)
            end = found + len(separator) if found >= 0 else len(buffer)
            if end > longest:
                raise ValueError(
                    f"Chunk too big: no {separator!r} within {longest} bytes "
                    "(see read_bufsize and max_line_length)"
                )
            if found >= 0:
                return self._take(end)
            # A separator may begin in what is here and end in what comes.
            start = max(0, len(buffer) - len(separator) + 1)
            data = await self._receive()
            if not data:
                return self._take(len(buffer))
            buffer += data

    # --- iterating ---

    def iter_chunked(self, n: int) -> AsyncStreamIterator:
        """Iterate over pieces of at most ``n`` bytes, as `read` returns them."""
        return AsyncStreamIterator(lambda: self.read(n))

    def iter_any(self) -> AsyncStreamIterator:
        """Iterate over whatever arrives, as it arrives, as `readany` returns it."""
        return AsyncStreamIterator(self.readany)

    def iter_chunks(self) -> ChunkTupleAsyncStreamIterator:
        """Iterate over what `readchunk` returns."""
        return ChunkTupleAsyncStreamIterator(self.readchunk)


def _raise_incomplete(partial: bytes, expected: int) -> NoReturn:
    # Only the error is asyncio's, because aiohttp's users catch it by that name.
    from asyncio import IncompleteReadError

    raise IncompleteReadError(partial, expected)
