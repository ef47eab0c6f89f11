"""The peer's end of a connection, for a script that plays a server byte by byte.

`Dialogue` is what a script says and hears on any stream; `Peer` is that in a network in memory.

Knows: streams, where a request's head and body end.
Must not know: who listens where, what the client is.
Called by: scripts given to `MemoryNetwork.listen`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

import anyio

from .._net.streams import NetworkStream
from .server.wire import PEER_GONE
from .streams import MemoryStream

__all__ = ("Dialogue", "Peer", "Script")


class Dialogue(ABC):
    """What a script says and hears on one connection, byte by byte.

    Attributes:
        stream: what is said and heard: TLS if the listener has a context, faults included.
        number: 0 for the listener's first connection, 1 for the second, …
        received: everything the client sent so far, as far as it was read.
    """

    def __init__(self, stream: NetworkStream, number: int) -> None:
        self.stream = stream
        self.number = number
        self.received = bytearray()
        self._used = 0

    # --- receiving ---

    async def receive_some(self) -> bytes:
        """Return what arrives next; ``b""`` once the client has closed or reset."""
        if self._used == len(self.received):
            try:
                await self._fill()
            except PEER_GONE:
                return b""
        return self._take(len(self.received))

    async def receive_until(self, separator: bytes) -> bytes:
        """Return everything up to ``separator``, and the separator."""
        while (end := self.received.find(separator, self._used)) < 0:
            await self._fill()
        return self._take(end + len(separator))

    async def receive_exactly(self, count: int) -> bytes:
        """Return ``count`` bytes."""
        while len(self.received) < self._used + count:
            await self._fill()
        return self._take(self._used + count)

    async def receive_head(self) -> bytes:
        """Return a request's head, with the empty line."""
        return await self.receive_until(b"\r\n\r\n")

    async def receive_request(self) -> tuple[bytes, bytes]:
        """Return a request's head and its body; a chunked body as it was sent, without trailers."""
        head = await self.receive_head()
        return head, await self.receive_body(head)

    async def receive_body(self, head: bytes) -> bytes:
        """Return the body that follows a request's head, as `receive_request` does."""
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        if fields.get(b"transfer-encoding") != b"chunked":
            return await self.receive_exactly(int(fields.get(b"content-length", 0)))
        body, size = b"", -1
        while size:
            line = await self.receive_until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            body += line + await self.receive_exactly(size + 2)
        return body

    async def wait_closed(self) -> bytes:
        """Wait until the client has closed the connection. Returns what came before that."""
        parts = []
        while data := await self.receive_some():
            parts.append(data)
        return b"".join(parts)

    # --- sending ---

    async def send(self, data: bytes) -> None:
        """Send ``data`` in one write."""
        await self.stream.send(data)

    async def send_pieces(self, *pieces: bytes) -> None:
        """Send the pieces so that the client reads each before the next is sent."""
        for piece in pieces:
            await self.stream.send(piece)
            await self._wait_taken()

    async def send_bytewise(self, data: bytes) -> None:
        """Send each byte on its own."""
        await self.send_pieces(*(data[i : i + 1] for i in range(len(data))))

    async def answer(self, body: bytes = b"", *fields: bytes, status: bytes = b"200 OK") -> None:
        """Send a response with Content-Length.

        Args:
            body: its body.
            *fields: more header lines, without line ends.
            status: code and reason.
        """
        head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
        await self.send(b"\r\n".join([*head, b"", body]))

    # --- ending ---

    @abstractmethod
    def half_close(self) -> None:
        """End our side (FIN) and go on reading."""

    @abstractmethod
    def reset(self) -> None:
        """Close with a reset."""

    @abstractmethod
    def abort(self) -> None:
        """Close, without a TLS goodbye."""

    @abstractmethod
    async def _wait_taken(self) -> None:
        """Wait until the client has read what was sent."""

    async def _fill(self) -> None:
        data = await self.stream.receive()
        if not data:
            raise anyio.EndOfStream
        self.received += data

    def _take(self, end: int) -> bytes:
        data = bytes(self.received[self._used : end])
        self._used = end
        return data


class Peer(Dialogue):
    """One connection, seen from the server; made by a network for each that a client opens.

    What a script does not catch of the client's leaving (an end, a reset) just ends the script.
    What else it raises, a failed ``assert`` say, fails the network's block.

    Attributes:
        transport: the end in memory below the stream.
    """

    def __init__(self, stream: NetworkStream, transport: MemoryStream, number: int) -> None:
        super().__init__(stream, number)
        self.transport = transport

    def __repr__(self) -> str:
        return f"<Peer {self.number} of {self.transport!r}>"

    def half_close(self) -> None:
        self.transport.end()

    def reset(self) -> None:
        self.transport.reset()

    def abort(self) -> None:
        self.transport.abort()

    async def stall(self) -> None:
        """Do nothing until the client has gone."""
        await self.transport.wait_gone()

    async def _wait_taken(self) -> None:
        await self.transport.wait_taken()


#: Plays a server on one connection, which is closed when it returns.
Script = Callable[[Peer], Awaitable[None]]
