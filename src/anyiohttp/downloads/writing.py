"""From connections to the disk: blocks are collected, queued and written by one task.

Knows: how much memory waits for the disk.
Must not know: HTTP, who sends what.
Called by: ``transfer``.

Only the writer waits for the disk, in a worker thread, while the event loop goes on receiving. What
was received is in a buffer or in the queue until it has been written, so that nothing is lost of it
when the download is cancelled: `BlockWriter.write_rest` brings it to the file.
"""

from __future__ import annotations

from collections import deque

import anyio
from anyio import to_thread

from .digests import Hash
from .files import Block, PartFile

__all__ = ("BlockBuffer", "BlockWriter")


class BlockWriter:
    """Writes blocks in the order in which they come.

    Args:
        part: where they go.
        limit: how many may wait; who brings more waits too.
    """

    def __init__(self, part: PartFile, limit: int) -> None:
        self._part = part
        self._limit = limit
        self._blocks: deque[Block] = deque()
        self._changed = anyio.Event()
        self._ended = False

    def put(self, block: Block) -> None:
        """Add a block, however many there are; ``await room()`` afterwards."""
        self._blocks.append(block)
        self._tell()

    async def room(self) -> None:
        """Wait until no more blocks are waiting than may."""
        while len(self._blocks) > self._limit:
            await self._changed.wait()

    async def drained(self) -> None:
        """Wait until no block is waiting."""
        while self._blocks:
            await self._changed.wait()

    def end(self) -> None:
        """Let `run` return when all is written."""
        self._ended = True
        self._tell()

    async def run(self) -> None:
        """Write what comes, until `end`.

        Cancelled, it leaves what it has not written to `write_rest`.
        """
        while self._blocks or not self._ended:
            if self._blocks:
                await self._write()
            else:
                await self._changed.wait()

    async def _write(self) -> None:
        batch = list(self._blocks)
        await to_thread.run_sync(self._part.write, batch)
        for _ in batch:
            self._blocks.popleft()
        self._tell()

    async def write_rest(self) -> None:
        """Write what is left after `run` was cancelled or has failed.

        Called with cancellation shielded: it waits for the disk only, and for little of that.
        """
        if self._blocks:
            await self._write()

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


class BlockBuffer:
    """Collects what one connection receives, to be written in blocks.

    Args:
        writer: gets the blocks.
        offset: where the first byte belongs.
        size: of a block.
        check: goes over all of it.
    """

    __slots__ = ("_check", "_count", "_offset", "_pieces", "_size", "_writer")

    def __init__(
        self, writer: BlockWriter, offset: int, size: int, check: Hash | None = None
    ) -> None:
        self._writer = writer
        self._offset = offset
        self._size = size
        self._check = check
        self._pieces: list[bytes] = []
        self._count = 0

    def add(self, data: bytes) -> bool:
        """Take bytes; return whether a block went to the writer."""
        self._pieces.append(data)
        self._count += len(data)
        if self._count < self._size:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Give what is there to the writer."""
        if self._pieces:
            self._writer.put(Block(self._offset, self._pieces, self._check))
            self._offset += self._count
            self._pieces, self._count = [], 0
