"""The socket stream on uvloop, whose own transports read for a third of what its readers cost.

Knows: asyncio's protocols and transports, as uvloop has them.
Must not know: anything that `streams` does not.
Called by: `sockets.open_stream`.

The transport reads as long as it may, and what it reads when nobody waits is kept here. At `_MUCH`
it pauses until somebody waits again. So the probe at check-out asks twice: whether something was
read, and whether something is in the kernel.

Where much comes, more is there: it is read past the transport, which would copy it once more.
Sending, too, goes past the transport to the socket, as long as the kernel takes it; the transport
has only what `flush` waits for. If that wait is cancelled, the transport has it still, and nothing
goes past it until it is sent.

uvloop looks at the sockets before it runs what is scheduled, and anyio delivers a cancellation by
what is scheduled: a peer that always has something to say would keep it out. So each read first
asks whether it is cancelled, but for the first one after something was sent: its answer takes
longer than the loop's next turn.
"""

from __future__ import annotations

import asyncio
import math
import socket
from typing import cast

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from .asyncio_streams import LoopSocketStream
from .streams import MAX_READ, NOTHING, DeadlinePassed

__all__ = ("UvloopSocketStream",)

#: The transport reads 250 KB at a time.
_MUCH = 128 * 1024


def _full_socket(data: object, flags: int = 0, /) -> int:
    """Send nothing: what the transport has goes first."""
    raise BlockingIOError


class UvloopSocketStream(LoopSocketStream, asyncio.Protocol):
    """A connected TCP or unix socket on a uvloop event loop; `open` it before anything else.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.
        loop: the running event loop; the stream is never used on another.
    """

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock, loop)
        self._transport: asyncio.Transport | None = None
        self._kept = b""  # read when nobody waited
        self._paused = False
        self._eager = False  # more is likely to be in the kernel
        self._ended = False
        self._failure: Exception | None = None
        self._writing: asyncio.Future[None] | None = None
        self._full = False

    async def open(self) -> None:
        """Hand the socket to the loop. A cancellation closes it."""
        loop, sock = self._loop, self._socket
        try:
            if sock.family == getattr(socket, "AF_UNIX", None):
                await loop.create_unix_connection(lambda: self, sock=sock)
            else:
                await loop.create_connection(lambda: self, sock=sock)
        except BaseException:
            self.abort()
            raise

    # --- what the transport calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are of a class of their own.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is not None and not self._kept and not waiter.done():
            if len(data) >= _MUCH:
                self._pause()
                self._eager = True
            if len(data) > self._wanted:
                data, self._kept = data[: self._wanted], data[self._wanted :]
            waiter.set_result(data)
            return
        self._kept += data
        if len(self._kept) >= _MUCH:
            self._pause()

    def _pause(self) -> None:
        if self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(b"")
        return True  # the transport stays open for what is still to be sent

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._full = False  # whatever the transport still had, it is lost
        if not self._closed:
            self._failure = exc
        lost = anyio.ClosedResourceError() if self._closed else exc or anyio.EndOfStream()
        for waiter in (self._waiter, self._writing):
            if waiter is not None and not waiter.done():
                waiter.set_exception(lost)

    def pause_writing(self) -> None:
        self._full = True
        self._send = _full_socket

    def resume_writing(self) -> None:
        self._full = False
        self._send = self._socket.send
        if self._writing is not None and not self._writing.done():
            self._writing.set_result(None)

    # --- receiving ---

    @property
    def silent(self) -> bool:
        return not self._kept and not self._ended and super().silent

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if self._closed:
            raise anyio.ClosedResourceError
        data = self._kept
        if data:
            self._kept = data[max_bytes:]
            return data[:max_bytes]
        if self._failure is not None:
            raise self._failure
        if self._ended:
            raise anyio.EndOfStream
        return super().receive_nowait(max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if deadline != math.inf and self._loop.time() >= deadline:
            raise DeadlinePassed
        if self._kept or self._eager or not self._answering:
            await checkpoint_if_cancelled()
        self._answering = False
        if self._kept or self._eager or self._ended or self._closed:
            data = self._at_hand(max_bytes)
            if data:
                await self._let_others_run(data)
                return data
        waiter = self._begin_wait(max_bytes)
        try:
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            if deadline != math.inf:
                self._alarms.set(self._loop, deadline, waiter)
            data = await waiter
        except asyncio.CancelledError:
            self._keep_result_of(waiter)
            raise
        finally:
            self._waiter = None
            if deadline != math.inf:
                self._end_wait(deadline, waiter)
        if self._stalled:
            self._say_stalled(data)
        if not data:
            raise anyio.EndOfStream
        return data

    def _at_hand(self, max_bytes: int) -> bytes:
        """Return what was kept, or is likely to be there; ``b""`` if it is not."""
        kept = bool(self._kept)
        try:
            data = self.receive_nowait(max_bytes)
        except anyio.WouldBlock:
            self._eager = False
            return b""
        self._eager = self._paused if kept else len(data) >= max_bytes
        return data

    # --- sending ---

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        if self._failure is not None:
            raise self._failure
        if self._writing is not None:
            raise anyio.BusyResourceError("writing to")
        return super().try_send(data)

    async def flush(self) -> None:
        self._held = self._stalled = False
        self._sent_since_yield = 0
        if self._writing is not None:
            raise anyio.BusyResourceError("writing to")
        if not self._unsent and not self._full:
            await checkpoint()
            return
        await checkpoint_if_cancelled()
        if self._failure is not None:
            raise self._failure
        if self._closed or self._transport is None:
            raise anyio.ClosedResourceError
        self._writing = writing = self._loop.create_future()
        try:
            if self._unsent:
                self._transport.write(bytes(self._unsent))
            if self._full:
                await writing
        finally:
            self._writing = None
            self._unsent = NOTHING

    # --- ending ---

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._held = False
        self._kept = b""
        for waiter in (self._waiter, self._writing):
            if waiter is not None and not waiter.done():
                waiter.set_exception(anyio.ClosedResourceError())
        self._alarms.drop_unused()
        transport, self._transport = self._transport, None
        if transport is None:
            self._socket.close()
            return
        try:
            # The loop closes the socket in its next turn; the peer is told now.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was faster
        try:
            transport.abort()
        except RuntimeError:
            pass  # the loop was closed, and the socket with it
