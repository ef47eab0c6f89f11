"""From the bytes after a head to the bytes of the body.

Knows: how each framing ends a body (RFC 9112 6.3), chunks and trailers (7.1).
Must not know: streams, content codings, what becomes of the connection.
Called by: ``exchange``.

A body is fed what arrives and returns what it means. Its `complete` is set when its last byte has
come, and `excess` when more came after that: nobody asked for those bytes, and they are never
delivered.

Chunks are taken apart here rather than by httptools, which says neither where in its input a
message ended nor how long a chunk's extensions are, so that neither excess nor extensions without
end could be noticed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from ..base import MessageLimits, RawHeaders
from .framing import Delimiter, ParseError, ResponseFraming
from .parsing import Section, parse_section

__all__ = ("FramedBody", "TunnelBody", "body_for")

#: All of a body's chunk extensions, and zeros before chunk sizes, together; as hyper.
MAX_EXTENSIONS = 16 * 1024

#: A chunk's size line without extensions: digits enough for any size.
_PLAIN_SIZE_LINE = 18

_CHUNK_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,15})[ \t]*")

#: Trailers have the form of a head's fields; this stands for the line before them.
_BEFORE_TRAILERS = b"HTTP/1.1 200 OK\r\n"


class FramedBody:
    """A body as it is framed; this one has no bytes at all.

    Attributes:
        complete: whether the last byte has come.
        excess: whether bytes came after it.
        trailers: the fields after the body.
    """

    __slots__ = ("complete", "excess", "trailers")

    _nothing: ClassVar[RawHeaders] = ()

    def __init__(self) -> None:
        self.complete = True
        self.excess = False
        self.trailers = self._nothing

    def feed(self, data: bytes) -> bytes:
        """Take what came, return what it means; may be empty.

        Raises:
            ParseError: the framing is wrong.
        """
        if data:
            self.excess = True
        return b""

    def end(self) -> None:
        """Take note of the connection's end.

        Raises:
            ParseError: the body is not complete.
        """

    def take_chunk_ends(self) -> Sequence[int]:
        """Return where chunks ended in what was fed last, as positions in the body, once."""
        return ()


class TunnelBody(FramedBody):
    """No body, and what follows is not HTTP; it is never fed."""

    __slots__ = ()


class LengthBody(FramedBody):
    """A body of so many bytes."""

    __slots__ = ("_left", "_length")

    def __init__(self, length: int) -> None:
        self.complete = length == 0
        self.excess = False
        self.trailers = self._nothing
        self._length = self._left = length

    def feed(self, data: bytes) -> bytes:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.complete = True
        if left < 0:
            self.excess = True
            data = data[: self._left]
        self._left = 0
        return data

    def end(self) -> None:
        if not self.complete:
            raise ParseError(
                f"the connection ended after {self._length - self._left} of {self._length} bytes"
            )


class WholeBody(FramedBody):
    """A body that came to the byte together with its head: only that, once, is it fed.

    It has no state: one does for all.
    """

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        return data


_WHOLE = WholeBody()


class UntilEndBody(FramedBody):
    """A body that lasts until the connection ends."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        self.complete = True


class ChunkedBody(FramedBody):
    """A body in chunks, with trailers."""

    __slots__ = ("_ends", "_extensions", "_left", "_limits", "_line", "_size", "_tail", "_trailing")

    def __init__(self, limits: MessageLimits) -> None:
        super().__init__()
        self.complete = False
        self._limits = limits
        self._line = b""  # the beginning of a size line
        self._left = 0  # bytes of the chunk that are still to come
        self._tail = 0  # bytes of the CRLF after it that are still to come
        self._size = 0
        self._ends: list[int] = []  # of chunks, in what was fed last
        self._extensions = 0
        self._trailing: Section | None = None

    def feed(self, data: bytes) -> bytes:
        trailing = self._trailing
        if trailing is not None or self.complete:
            self._feed_trailers(data)
            return b""
        pieces: list[bytes] = []
        size = self._size
        ends = self._ends
        if ends:
            # Nobody asked. One that comes by itself belongs to what comes with it all the same.
            ends[:] = [size] if ends[-1] == size else []
        position, end = 0, len(data)
        while position < end:
            if self._left:
                piece = data[position : position + self._left]
                pieces.append(piece)
                taken = len(piece)
                size += taken
                position += taken
                self._left -= taken
            elif self._tail:
                wanted = b"\r\n"[-self._tail :]
                found = data[position : position + self._tail]
                if not wanted.startswith(found):
                    raise ParseError("a chunk is longer than its size says")
                position += len(found)
                self._tail -= len(found)
                if not self._tail:
                    ends.append(size)
            else:
                position = self._read_size(data, position)
                if self._trailing is not None:
                    self._feed_trailers(data[position:])
                    break
        self._size = size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def take_chunk_ends(self) -> Sequence[int]:
        ends, self._ends = self._ends, []
        return ends

    def _read_size(self, data: bytes, position: int) -> int:
        """Read a chunk's size line from ``position``; return where it ends."""
        newline = data.find(b"\n", position)
        if newline < 0:
            self._line += data[position:]
            self._count_extensions(len(self._line))
            self._check_size_so_far()
            return len(data)
        line = self._line + data[position:newline]
        self._line = b""
        self._extensions += self._count_extensions(len(line))
        # A bare LF is tolerated in heads, not here (RFC 9112 2.2 and 11.2).
        size, _, extensions = line[:-1].partition(b";")
        match = _CHUNK_SIZE.fullmatch(size)
        if match is None or line[-1:] != b"\r" or b"\r" in extensions or b"\0" in extensions:
            raise ParseError(f"invalid chunk size line {line[:32]!r}")
        self._left = int(match[1], 16)
        if self._left:
            self._tail = 2
        else:
            self._trailing = Section(self._limits, _BEFORE_TRAILERS)
        return newline + 1

    def _count_extensions(self, length: int) -> int:
        extra = max(0, length - _PLAIN_SIZE_LINE)
        if self._extensions + extra > MAX_EXTENSIONS:
            raise ParseError(f"more than {MAX_EXTENSIONS} bytes of chunk extensions")
        return extra

    def _check_size_so_far(self) -> None:
        """Refuse a size line that has not ended as soon as it cannot become one."""
        size = self._line.partition(b";")[0].removesuffix(b"\r")
        if size and _CHUNK_SIZE.fullmatch(size) is None:
            raise ParseError(f"invalid chunk size line {self._line[:32]!r}")

    def _feed_trailers(self, data: bytes) -> None:
        section = self._trailing
        if section is None:
            self.excess = self.excess or bool(data)
            return
        found = section.feed(data)
        if found is None:
            return
        self._trailing = None
        self.complete = True
        self.excess = bool(found[1])
        if len(found[0]) > len(_BEFORE_TRAILERS) + 2:
            self.trailers = parse_section(found[0], self._limits).headers

    def end(self) -> None:
        if not self.complete:
            raise ParseError(
                f"the connection ended after {self._size} bytes of chunks, before the last one"
            )


_LENGTH = Delimiter.LENGTH


def body_for(framing: ResponseFraming, limits: MessageLimits, begun: int = -1) -> FramedBody:
    """Return a body that is read as ``framing`` says.

    Args:
        framing: how it ends.
        limits: how much is accepted of trailers.
        begun: how many bytes it will be fed first, if that is known.
    """
    delimiter = framing.delimiter
    if delimiter is _LENGTH:
        if framing.length == begun:
            return _WHOLE
        return LengthBody(framing.length)
    if delimiter is Delimiter.CHUNKED:
        return ChunkedBody(limits)
    if delimiter is Delimiter.END:
        return UntilEndBody()
    if delimiter is Delimiter.TUNNEL:
        return TunnelBody()
    return FramedBody()
