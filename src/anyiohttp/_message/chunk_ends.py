"""Where HTTP's chunks end in a stream, for those who want to know.

Knows: positions in a stream.
Must not know: how chunks are framed, how the stream is buffered.
Called by: ``reader``, from when somebody asks it for chunks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

__all__ = ("ChunkEnds",)


class ChunkEnds:
    """The ends of chunks ahead of a position.

    Args:
        take: returns the ends that have come since it was called last, as positions in the stream;
            ``None`` if the stream has no chunks of its own.
    """

    __slots__ = ("_ahead", "_take")

    def __init__(self, take: Callable[[], Sequence[int] | None]) -> None:
        self._take = take
        self._ahead: deque[int] = deque()

    def next_end(self, position: int, received: int) -> int | None:
        """Return where the chunk ends that is read at ``position``, and forget that end.

        Args:
            position: how much of the stream has been read.
            received: how much of it has come.

        Returns:
            ``None`` if the end has not come yet. In a stream without chunks, what has come counts
            as one.
        """
        found = self._take()
        if found is None:
            return received if received > position else None
        ahead = self._ahead
        ahead.extend(found)
        # What is below may know of ends before it has handed out their chunks.
        while ahead and ahead[0] <= received:
            end = ahead.popleft()
            if end >= position:
                return end
        return None
