"""What ``async for`` goes over in a stream: pieces, or pieces with the ends of chunks.

Knows: which of a read function's results is the last.
Must not know: where the pieces come from.
Called by: ``reader``, whose ``iter_…`` methods return these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

__all__ = ("AsyncStreamIterator", "ChunkTupleAsyncStreamIterator")


class AsyncStreamIterator:
    """Iterates over what a read function returns, until it returns nothing."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], Awaitable[bytes]]) -> None:
        self._read = read

    def __aiter__(self) -> AsyncStreamIterator:
        return self

    async def __anext__(self) -> bytes:
        data = await self._read()
        if not data:
            raise StopAsyncIteration
        return data


class ChunkTupleAsyncStreamIterator:
    """Iterates over what ``readchunk`` returns."""

    __slots__ = ("_readchunk",)

    def __init__(self, readchunk: Callable[[], Awaitable[tuple[bytes, bool]]]) -> None:
        self._readchunk = readchunk

    def __aiter__(self) -> ChunkTupleAsyncStreamIterator:
        return self

    async def __anext__(self) -> tuple[bytes, bool]:
        chunk = await self._readchunk()
        if chunk == (b"", False):
            raise StopAsyncIteration
        return chunk
