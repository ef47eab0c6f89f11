"""A WebSocket on a byte stream: whole messages in, whole frames out.

Knows: streams, frames, who may read and write when.
Must not know: how the stream was got (HTTP/1.1's 101, a CONNECT of RFC 8441), closing handshakes,
heartbeats, what a ping leads to; ``_client.conversation`` decides all that.
Called by: ``_client.conversation``.

* One task receives; any number may send, and one of them at a time has its turn.
* A frame is made when it is its turn, and given to the stream whole. What the stream cannot pass on
  at once stays there: whoever was cancelled while it was flushed has still sent it, and whoever
  sends or receives next goes on flushing.
* Receiving never waits for the peer to read: what is left to flush then, a pong say, is flushed
  beside the wait. Two peers that both wait for the other to read would wait for ever.

Cancellation: a cancelled `receive` has lost nothing. A cancelled `send` has sent its frame or has
not; the connection goes on in either case. Nothing here closes the stream but `abort` and `aclose`.
"""

from __future__ import annotations

import math

import anyio

from ..._net.call import Call
from ..._net.deadlines import ClientTimeout
from ..._net.streams import NetworkStream
from ..._net.transfer import flush, receive, receive_before, receive_nowait, send_nowait
from ...exceptions import ClientConnectionResetError, ClientError
from .deflate import Deflate
from .frames import FrameParser, FrameWriter
from .messages import WSMessage, WSMessageTextBytes, WSMsgType

__all__ = ("WebSocketConnection",)

#: So many messages are handed out without letting other tasks run.
_MESSAGES_BEFORE_YIELD = 64
#: How much `collect` takes from the stream ahead of who receives.
_MOST_AHEAD = 256 * 1024
#: How long a polite close may take.
_CLOSE_TIMEOUT = 1.0


class WebSocketConnection:
    """Messages on a stream.

    Args:
        stream: after the handshake; the connection owns it.
        host: the peer, for error messages.
        max_size: bytes of a message that is received; 0 for any number.
        deflate: the negotiated compression.
        decode_text: whether text comes out as ``str``.

    Attributes:
        stream: the stream.
        host: the peer.
        closed: whether the stream was closed here.
    """

    def __init__(
        self,
        stream: NetworkStream,
        host: str,
        *,
        max_size: int = 0,
        deflate: Deflate | None = None,
        decode_text: bool = True,
    ) -> None:
        self.stream = stream
        self.host = host
        self.closed = False
        self._call = Call(host, ClientTimeout())
        self._parser = FrameParser(max_size=max_size, deflate=deflate, decode_text=decode_text)
        self._writer = FrameWriter(deflate)
        self._turn = anyio.Lock(fast_acquire=True)
        self._flushed = True  # the stream holds nothing that it has not sent
        self._pong: bytes | None = None  # waits for its turn
        self._since_yield = 0
        self._waiting = False
        self._scope: anyio.CancelScope | None = None  # round a wait that the stream cannot end

    def __repr__(self) -> str:
        return f"<WebSocketConnection {'closed' if self.closed else 'open'} over {self.stream!r}>"

    # --- receiving ---

    @property
    def receiving(self) -> bool:
        """Whether a task waits for the stream now."""
        return self._waiting

    def next_message(self) -> WSMessage | WSMessageTextBytes | None:
        """Return the next message of what has come; ``None`` if more must come first.

        Raises:
            WebSocketError: the peer broke a rule.
        """
        return self._parser.next_message()

    def owes_a_turn(self) -> bool:
        """Be asked before a message is taken: whether other tasks have to run first.

        A peer that always has more starves nobody.
        """
        self._since_yield += 1
        if self._since_yield < _MESSAGES_BEFORE_YIELD:
            return False
        self._since_yield = 0
        return True

    async def wait(self, deadline: float = math.inf) -> bool:
        """Wait until bytes have come; one task at a time.

        Args:
            deadline: until when, on the event loop's clock.

        Returns:
            Whether any have come. If not, the deadline has passed, or `interrupt` was called.

        Raises:
            ClientConnectionError: the connection has ended or failed.
        """
        self._since_yield = 0
        if self._flushed and self._pong is None and self.stream.wakes:
            self._waiting = True
            try:
                data = await receive_before(self.stream, self._call, deadline)
            finally:
                self._waiting = False
            if data is None:
                return False
            self._take(data)
            return True
        with anyio.CancelScope(deadline=deadline) as scope:
            # Seen by `interrupt` for as long as this wait lasts, and not longer.
            self._scope = scope
            self._waiting = True
            try:
                if self._flushed and self._pong is None:
                    self._take(await receive(self.stream, self._call))
                else:
                    await self._receive_and_flush()
                return True
            finally:
                self._waiting = False
                self._scope = None
        return False

    def interrupt(self) -> None:
        """Let a `wait` of another task end at once."""
        if self._scope is not None:
            self._scope.cancel()
        elif self._waiting:
            self.stream.wake()

    def collect(self) -> bool:
        """Take what has come without waiting, unless much of it waits to be received already.

        Returns:
            Whether the peer has been heard of: something has come, or there was no room to look.

        Raises:
            ClientConnectionError: the connection has ended or failed.
        """
        if self._parser.buffered > _MOST_AHEAD:
            return True
        data = receive_nowait(self.stream, self._call)
        if data is None:
            return False
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        if not data:
            raise ClientConnectionResetError(
                f"{self.host} ended the connection without a close frame"
            )
        self._parser.feed(data)

    async def _receive_and_flush(self) -> None:
        """Receive, and send what is still to be sent, a pong say, beside it."""
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._flush_beside)
            try:
                # Taken before anything else is awaited: it must not be lost to a cancellation.
                self._take(await receive(self.stream, self._call))
            except ClientError as exc:
                failure = exc  # is raised outside the task group, which would wrap it
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _flush_beside(self) -> None:
        try:
            async with self._turn:
                await self._flush()
        except ClientError:
            pass  # who receives will find out

    # --- sending ---

    async def send(
        self,
        opcode: WSMsgType | int,
        data: bytes | bytearray | memoryview,
        compress: int | None = None,
    ) -> None:
        """Send a message, or a control frame, as one frame.

        Args:
            opcode: what it is.
            data: what it carries.
            compress: see `FrameWriter.encode`.

        Raises:
            InvalidRequestError: it must not be sent.
            ClientConnectionError: the connection has failed.
        """
        if self._flushed and self._pong is None and not self._turn.locked():
            # What is not awaited needs no turn.
            if self._say(opcode, data, compress):
                return
            async with self._turn:
                await self._flush()
            return
        async with self._turn:
            await self._flush()
            self._say(opcode, data, compress)
            await self._flush()

    def _say(
        self, opcode: WSMsgType | int, data: bytes | bytearray | memoryview, compress: int | None
    ) -> bool:
        """Send a frame as far as that takes no waiting; return whether that was all."""
        # Nothing may come between these two: compression counts on what it was given.
        frame = self._writer.encode(opcode, data, compress)
        self._flushed = send_nowait(self.stream, frame, self._call)
        return self._flushed

    def send_soon(self, opcode: WSMsgType, data: bytes) -> None:
        """Send a control frame without waiting: at once if possible.

        If not, it goes as soon as somebody who sends or receives has waited for the stream. Only
        the latest is kept for that long (RFC 6455 5.5.3).

        Raises:
            ClientConnectionError: the connection has failed.
        """
        self._pong = self._writer.encode(opcode, data)
        if self._flushed and not self._turn.locked():
            self._send_pong()

    def _send_pong(self) -> None:
        pong, self._pong = self._pong, None
        if pong is not None:
            self._flushed = send_nowait(self.stream, pong, self._call)

    async def _flush(self) -> None:
        """Flush until all is sent; whoever calls it has the turn."""
        while True:
            if self._flushed:
                self._send_pong()
            if self._flushed:
                return
            await flush(self.stream, self._call)
            self._flushed = True

    # --- ending ---

    def abort(self) -> None:
        """Close the stream at once; safe to call again."""
        self.closed = True
        self.stream.abort()

    async def aclose(self) -> None:
        """Close the stream; over TLS with a goodbye, without waiting for the peer's.

        Cancellation closes it at once.
        """
        self.closed = True
        try:
            with anyio.move_on_after(_CLOSE_TIMEOUT):
                await self.stream.aclose()
        finally:
            self.stream.abort()
