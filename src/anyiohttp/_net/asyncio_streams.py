"""The socket stream on asyncio's event loops, uvloop among them: the fast path.

Knows: asyncio's readers and timers.
Must not know: anything that `streams` does not.
Called by: `sockets.socket_stream`.

anyio's `wait_readable` registers a reader and removes it again for every wait, and a deadline costs
a cancel scope; together they cost more than the read itself. Here the reader stays registered
between waits: the loop's callback reads the socket and hands the bytes to whoever waits. When
something happens and nobody waits, the callback reads nothing and takes the reader away: bytes that
nobody asked for stay in the kernel, where the probe at check-out finds them.

A deadline is a timer, which outlives the wait that it was made for: most waits end long before
their deadline, and the next one's is later. A timer that goes off too early for the wait of that
moment is set anew, and one that nobody waits for is gone. There is one for each stream at most.

Cancellation: bytes that were handed to a wait which was cancelled in the same moment are kept for
the next one, and so are those that were read without one.
"""

from __future__ import annotations

import asyncio
import math
import socket

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from .streams import MAX_READ, DeadlinePassed, SocketStream

__all__ = ("AsyncioSocketStream", "watching_loop")


def watching_loop(loop: object) -> asyncio.AbstractEventLoop | None:
    """Return the loop if it is one of asyncio that can watch sockets (Windows' proactor cannot)."""
    if not isinstance(loop, asyncio.AbstractEventLoop):
        return None
    try:
        loop.remove_reader(-1)
    except NotImplementedError:
        return None
    except (ValueError, OSError):
        pass  # such a descriptor is not watched, which is what was to be found out
    return loop


class AsyncioSocketStream(SocketStream):
    """A connected TCP or unix socket on an asyncio event loop.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.
        loop: the running event loop; the stream is never used on another.
    """

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock)
        self._loop = loop
        # The standard library's loops run what is scheduled before what sockets bring, and anyio
        # schedules the delivery of a cancellation anew until it has arrived: it ends a wait that
        # begins after it before any bytes do. uvloop looks at the sockets first.
        self._delivers_first = isinstance(loop, asyncio.BaseEventLoop)
        self._waiter: asyncio.Future[bytes] | None = None
        self._wanted = MAX_READ
        self._watching = False
        self._eager = False
        self._kept = b""  # handed to a wait that was cancelled in the same moment
        self._deadline = math.inf  # of the wait
        self._timer: asyncio.TimerHandle | None = None
        self._timer_end = math.inf  # when it goes off

    @property
    def silent(self) -> bool:
        return not self._kept and super().silent

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if self._kept:
            data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
            return data
        return super().receive_nowait(max_bytes)

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        return await self.receive_before(math.inf, max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        # A reader is served before a timer of the same moment: a peer that always has something
        # to say would never run out of time.
        loop = self._loop
        if deadline != math.inf and loop.time() >= deadline:
            raise DeadlinePassed
        if self._kept or self._eager or not self._delivers_first:
            await checkpoint_if_cancelled()
        if self._kept or self._eager:
            try:
                data = self.receive_nowait(max_bytes)
            except anyio.WouldBlock:
                pass
            else:
                self._eager = len(data) >= max_bytes
                await self._let_others_run(data)
                return data
        elif self._closed:
            raise anyio.ClosedResourceError
        if self._waiter is not None:
            raise anyio.BusyResourceError("reading from")
        waiter: asyncio.Future[bytes] = loop.create_future()
        self._waiter = waiter
        self._wanted = max_bytes
        try:
            if not self._watching:
                loop.add_reader(self._socket, self._on_readable)
                self._watching = True
            self._deadline = deadline
            if deadline < self._timer_end:
                self._set_timer(deadline)
            data = await waiter
        except asyncio.CancelledError:
            self._keep_result_of(waiter)
            raise
        finally:
            self._waiter = None
        # A full read promises more: then it pays to try before the next wait.
        self._eager = len(data) >= max_bytes
        if not data:
            raise anyio.EndOfStream
        return data

    def _keep_result_of(self, waiter: asyncio.Future[bytes]) -> None:
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self._kept = waiter.result()

    async def _let_others_run(self, data: bytes) -> None:
        """Yield with ``data`` in hand: a shielded checkpoint at a third of its price."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._kept = data + self._kept
            raise

    def _set_timer(self, end: float) -> None:
        self._drop_timer()
        self._timer = self._loop.call_at(end, self._on_timer)
        self._timer_end = end

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_end = math.inf

    def _on_timer(self) -> None:
        end = self._timer_end
        self._drop_timer()
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._deadline <= end:
            waiter.set_exception(DeadlinePassed())
        elif self._deadline != math.inf:
            self._set_timer(self._deadline)

    def _on_readable(self) -> None:
        waiter = self._waiter
        if waiter is None:
            # Nobody asked: what it is stays in the kernel, and the loop stops telling of it.
            self._watching = False
            self._loop.remove_reader(self._socket)
        elif not waiter.done():
            try:
                waiter.set_result(self._recv(self._wanted))
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as exc:
                waiter.set_exception(exc)

    def abort(self) -> None:
        if self._closed:
            return
        self._kept = b""
        self._drop_timer()
        if self._watching:
            self._watching = False
            try:
                self._loop.remove_reader(self._socket)
            except RuntimeError:
                pass  # the loop was closed, and its selector with it
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(anyio.ClosedResourceError())
        super().abort()
