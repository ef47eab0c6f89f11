"""Reading HTTP/1.1 messages from a byte stream: heads, and bodies by their framing.

Knows: RFC 9112's message format, a stream with a buffer before it.
Must not know: what requests mean, or how they are answered.
Called by: `connection` for requests, `proxy` for the responses of origin servers.
"""

from __future__ import annotations

import anyio
from anyio.abc import ByteStream
from multidict import CIMultiDict

from ..._net.failures import NETWORK_FAILURES

__all__ = ("PEER_GONE", "BodyReader", "MalformedMessage", "Wire", "parse_fields")

#: What reading from or writing to a peer may raise that has gone.
PEER_GONE: tuple[type[Exception], ...] = (*NETWORK_FAILURES, anyio.EndOfStream)

#: A head longer than this is refused. Twice of what clients usually accept, so that their limits
#: can be tested.
MAX_HEAD = 128 * 1024
_READ_SIZE = 64 * 1024


class MalformedMessage(Exception):
    """The peer did not send HTTP/1.1."""


class Wire:
    """A stream, and what was read of it but not used yet.

    Attributes:
        stream: the stream.
        lingering: whether the peer may still be sending when this side has said its last word.
    """

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.lingering = False
        self._buffer = bytearray()

    async def read_until(self, separator: bytes) -> bytes:
        """Return everything before ``separator``, which is dropped.

        Raises:
            anyio.EndOfStream: the peer ended the stream before a byte came.
            MalformedMessage: it ended in the middle, or more than `MAX_HEAD` bytes came.
        """
        start = 0
        while (end := self._buffer.find(separator, start)) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise MalformedMessage(f"more than {MAX_HEAD} bytes in a head")
            start = max(0, len(self._buffer) - len(separator) + 1)
            if not await self._fill():
                if self._buffer:
                    raise MalformedMessage("the peer stopped in the middle of a message")
                raise anyio.EndOfStream
        data = bytes(self._buffer[:end])
        del self._buffer[: end + len(separator)]
        return data

    async def read_some(self, max_bytes: int) -> bytes:
        """Return between one and ``max_bytes`` bytes; ``b""`` once the peer has ended."""
        if not self._buffer and not await self._fill():
            return b""
        data = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        return data

    def take_buffered(self) -> bytes:
        """Return what was read ahead, for whoever takes the stream over."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    async def wait_ended(self) -> None:
        """Wait until the peer has ended its side or is gone; what it sends is dropped."""
        try:
            while await self._fill():
                self._buffer.clear()
        except NETWORK_FAILURES:
            pass

    async def _fill(self) -> bool:
        try:
            self._buffer += await self.stream.receive(_READ_SIZE)
        except anyio.EndOfStream:
            return False
        return True


class BodyReader:
    """The body of one message.

    Args:
        wire: where it comes from.
        size: its length; None if it is chunked or, with ``until_end``, ends with the stream.
        until_end: whether it ends with the stream.
    """

    def __init__(self, wire: Wire, size: int | None, *, until_end: bool = False) -> None:
        self._wire = wire
        self._chunked = size is None and not until_end
        self._until_end = until_end
        self._left = size or 0
        self._in_chunks = False
        self.ended = size == 0
        self.trailers: CIMultiDict[str] = CIMultiDict()

    @classmethod
    def of_request(cls, wire: Wire, headers: CIMultiDict[str]) -> BodyReader:
        """Frame a request's body (RFC 9112, section 6.3)."""
        codings = headers.getall("Transfer-Encoding", [])
        if codings:
            if "Content-Length" in headers:
                raise MalformedMessage("both Transfer-Encoding and Content-Length")
            if [coding.strip().lower() for coding in codings] != ["chunked"]:
                raise MalformedMessage(f"transfer coding {', '.join(codings)}")
            return cls(wire, None)
        return cls(wire, _content_length(headers) or 0)

    @classmethod
    def of_response(
        cls, wire: Wire, headers: CIMultiDict[str], method: str, status: int
    ) -> BodyReader:
        """Frame a response's body (RFC 9112, section 6.3)."""
        if method == "HEAD" or status in (204, 304):
            return cls(wire, 0)
        if "chunked" in headers.get("Transfer-Encoding", "").lower():
            return cls(wire, None)
        size = _content_length(headers)
        return cls(wire, size, until_end=size is None)

    async def receive(self) -> bytes:
        """Return the next part; ``b""`` at the end.

        Raises:
            MalformedMessage: the peer ended the stream before the body's end, or wrong framing.
        """
        if self.ended:
            return b""
        if self._chunked and self._left == 0 and not await self._start_chunk():
            return b""
        data = await self._wire.read_some(_READ_SIZE if self._until_end else self._left)
        if self._until_end:
            self.ended = not data
            return data
        if not data:
            raise MalformedMessage(f"the peer stopped {self._left} bytes before the body's end")
        self._left -= len(data)
        self.ended = self._left == 0 and not self._chunked
        return data

    async def _start_chunk(self) -> bool:
        """Read a chunk's size, or the trailers. Returns whether there is a chunk."""
        if self._in_chunks and await self._read_line():
            raise MalformedMessage("no line end after a chunk")
        self._in_chunks = True
        line = await self._read_line()
        try:
            self._left = int(line.partition(b";")[0].strip(), 16)
        except ValueError:
            raise MalformedMessage(f"chunk size {line!r}") from None
        if self._left == 0:
            lines: list[bytes] = []
            while line := await self._read_line():
                lines.append(line)
            self.trailers = parse_fields(lines)
            self.ended = True
        return not self.ended

    async def _read_line(self) -> bytes:
        try:
            return await self._wire.read_until(b"\r\n")
        except anyio.EndOfStream:
            raise MalformedMessage("the peer stopped in the middle of a chunked body") from None


def parse_fields(lines: list[bytes]) -> CIMultiDict[str]:
    """Parse field lines (RFC 9112, section 5); bytes outside ASCII are kept as surrogates."""
    fields: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        if not colon or not name or name != name.strip():
            raise MalformedMessage(f"field line {line!r}")
        fields.add(name, value.strip(" \t"))
    return fields


def _content_length(headers: CIMultiDict[str]) -> int | None:
    values = headers.getall("Content-Length", [])
    if not values:
        return None
    if len(values) > 1 or not (values[0].isascii() and values[0].isdigit()):
        raise MalformedMessage(f"Content-Length {', '.join(values)}")
    return int(values[0])
