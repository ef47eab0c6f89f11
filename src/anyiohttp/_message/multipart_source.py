"""The bytes of a multipart body, shared by its readers.

Knows: how to get more bytes, and to give back those that nobody has used.
Must not know: what a delimiter is.
Called by: ``multipart_reader``.

All readers of one body look at the same buffer: what one has read ahead is the next one's.
"""

from __future__ import annotations

from typing import Protocol

from ..exceptions import MalformedMultipartError

__all__ = ("PartContent", "PartSource")

_BLOCK = 64 * 1024


class PartContent(Protocol):
    """What a multipart body is read from; a `StreamReader` is one."""

    async def read(self, n: int, /) -> bytes:
        """Return at most ``n`` bytes; ``b""`` at the end."""
        ...

    def at_eof(self) -> bool:
        """Return whether everything has been read."""
        ...

    def unread_data(self, data: bytes, /) -> None:
        """Put bytes back in front of what comes next."""
        ...


class PartSource:
    """Bytes from a content, as far as they are not used up.

    Args:
        content: is read.

    Attributes:
        buffer: what was received and not used; users remove what they use.
        ended: whether no more will come.
    """

    def __init__(self, content: PartContent) -> None:
        self._content = content
        self.buffer = bytearray()
        self.ended = False

    @property
    def exhausted(self) -> bool:
        """Whether no more will come, as far as that can be told without asking for it."""
        return self.ended or self._content.at_eof()

    async def more(self) -> None:
        """Receive something, or learn that there is no more. Cancelled, it loses nothing here.

        Raises:
            ClientError: what the content raises.
        """
        data = await self._content.read(_BLOCK)
        if data:
            self.buffer += data
        else:
            self.ended = True

    async def readline(self, limit: int) -> bytes:
        """Return the next line, without its end.

        Raises:
            MalformedMultipartError: it is longer than ``limit``, or the content ends in it.
        """
        buffer = self.buffer
        searched = 0
        while (end := buffer.find(b"\n", searched)) < 0 and len(buffer) <= limit + 2:
            if self.ended:
                raise MalformedMultipartError("the multipart body ends in the head of a part")
            searched = len(buffer)
            await self.more()
        line = bytes(buffer[: end + 1]).rstrip(b"\r\n")
        if end < 0 or len(line) > limit:
            raise MalformedMultipartError(f"a line of a part's head is longer than {limit} bytes")
        del buffer[: end + 1]
        return line

    def at_eof(self) -> bool:
        """Return whether everything has been used."""
        return not self.buffer and self.exhausted

    def give_back(self) -> None:
        """Give the content back what was not used."""
        if self.buffer:
            self._content.unread_data(bytes(self.buffer))
            self.buffer.clear()
        self.ended = False
