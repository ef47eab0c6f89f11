"""The socket stream on asyncio's event loops, uvloop among them: the fast path.

Knows: asyncio's readers and timers.
Must not know: anything that `streams` does not.
Called by: `sockets.socket_stream`; `uvloop_streams` takes the waiting from here.

anyio's `wait_readable` registers a reader and removes it again for every wait, and a deadline costs
a cancel scope; together they cost more than the read itself. Here the reader stays registered
between waits: the loop's callback reads the socket and hands the bytes to whoever waits. When
something happens and nobody waits, the callback reads nothing and takes the reader away: bytes that
nobody asked for stay in the kernel, where the probe at check-out finds them.

A deadline is a timer that waits share (`alarms`); none is left once the connections are closed.

Cancellation: bytes that were handed to a wait which was cancelled in the same moment are kept for
the next one, and so are those that were read without one.
"""

from __future__ import annotations

import asyncio
import math
import socket
from weakref import WeakKeyDictionary, ref

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from .alarms import alarms_of
from .outbox import Outbox
from .streams import MAX_READ, DeadlinePassed, SendStalled, SocketStream

__all__ = ("AsyncioSocketStream", "LoopSocketStream", "watching_loop")


def watching_loop(loop: object) -> asyncio.AbstractEventLoop | None:
    """Return the loop if it is one of asyncio that can watch sockets (Windows' proactor cannot)."""
    if not isinstance(loop, asyncio.AbstractEventLoop):
        return None
    watches = _watching.get(type(loop))
    if watches is None:
        watches = _watching[type(loop)] = _can_watch(loop)
    return loop if watches else None


_watching: dict[type, bool] = {}  # whether loops of that class do


def _can_watch(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        loop.remove_reader(-1)
    except NotImplementedError:
        return False
    except (ValueError, OSError):
        pass  # such a descriptor is not watched, which is what was to be found out
    return True


# The streams have the outbox. It would hold the loop, by the streams that it holds, if that ends
# before its turn does.
_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[Outbox]] = WeakKeyDictionary()


def _outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    known = _outboxes.get(loop)
    found = None if known is None else known()
    if found is None:
        found = Outbox()
        _outboxes[loop] = ref(found)
    return found


class LoopSocketStream(SocketStream):
    """What the streams on asyncio's event loops share, however bytes come: a wait is a future.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.
        loop: the running event loop; the stream is never used on another.
    """

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock)
        self._loop = loop
        self._alarms = alarms_of(loop)
        self._outbox = _outbox_of(loop)
        self._waiter: asyncio.Future[bytes] | None = None
        self._wanted = MAX_READ

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        return await self.receive_before(math.inf, max_bytes)

    @property
    def wakes(self) -> bool:
        return True

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(DeadlinePassed())

    def send_soon(self, data: bytes) -> bool:
        outbox = self._outbox
        if not outbox.takes():
            return self.try_send(data)
        self._hold(data)
        if outbox.add(self):
            self._loop.call_soon(outbox.send)
        return True

    def _stall(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(SendStalled())
        else:
            self._stalled = True

    def _begin_wait(self, max_bytes: int) -> asyncio.Future[bytes]:
        if self._stalled:
            self._say_stalled()
        if self._waiter is not None:
            raise anyio.BusyResourceError("reading from")
        self._wanted = max_bytes
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._waiter = waiter
        return waiter

    def _keep_result_of(self, waiter: asyncio.Future[bytes]) -> None:
        """Keep what was handed to a wait that was cancelled in the same moment."""
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self._kept = waiter.result() + self._kept

    def _end_wait(self, deadline: float, waiter: asyncio.Future[bytes]) -> None:
        self._alarms.clear(deadline, waiter)
        if self._closed:
            self._alarms.drop_unused()

    async def _let_others_run(self, data: bytes) -> None:
        """Yield with ``data`` in hand: a shielded checkpoint at a third of its price."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._kept = data + self._kept
            raise
        if self._stalled:  # what is held was sent meanwhile
            self._say_stalled(data)


class AsyncioSocketStream(LoopSocketStream):
    """A connected TCP or unix socket on an asyncio event loop.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.
        loop: the running event loop; the stream is never used on another.
    """

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sock, loop)
        self._number = sock.fileno()  # with the socket, the loop would make texts of it
        # The standard library's loops run what is scheduled before what sockets bring, and anyio
        # schedules the delivery of a cancellation anew until it has arrived: it ends a wait that
        # begins after it before any bytes do. uvloop looks at the sockets first.
        self._delivers_first = isinstance(loop, asyncio.BaseEventLoop)
        self._watching = False
        self._eager = False
        self._flushing = False

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        # A reader is served before a timer of the same moment: a peer that always has something
        # to say would never run out of time.
        if deadline != math.inf and self._loop.time() >= deadline:
            raise DeadlinePassed
        if self._kept or self._eager or not self._delivers_first:
            await checkpoint_if_cancelled()
            data = self._at_hand(max_bytes)
            if data:
                await self._let_others_run(data)
                return data
        if self._closed:
            raise anyio.ClosedResourceError
        loop = self._loop
        waiter = self._begin_wait(max_bytes)
        try:
            if not self._watching:
                loop.add_reader(self._number, self._on_readable)
                self._watching = True
            if deadline != math.inf:
                self._alarms.set(loop, deadline, waiter)
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
        # A full read promises more: then it pays to try before the next wait.
        self._eager = len(data) >= max_bytes
        if not data:
            raise anyio.EndOfStream
        return data

    def _at_hand(self, max_bytes: int) -> bytes:
        """Return what was kept, or is likely to be there; ``b""`` if it is not."""
        data = b""
        if self._kept or self._eager:
            try:
                data = self.receive_nowait(max_bytes)
            except anyio.WouldBlock:
                return b""
            self._eager = len(data) >= max_bytes
        return data

    def _on_readable(self) -> None:
        waiter = self._waiter
        if waiter is None:
            # Nobody asked: what it is stays in the kernel, and the loop stops telling of it.
            self._watching = False
            self._loop.remove_reader(self._number)
        elif not waiter.done():
            try:
                waiter.set_result(self._recv(self._wanted))
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as exc:
                waiter.set_exception(exc)

    async def _writable(self) -> None:
        self._flushing = True
        try:
            await super()._writable()
        finally:
            self._flushing = False

    def _wake(self) -> None:
        if self._flushing:  # the only wait that is anyio's
            super()._wake()

    def abort(self) -> None:
        if self._closed:
            return
        self._kept = b""
        if self._watching:
            self._watching = False
            try:
                self._loop.remove_reader(self._number)
            except RuntimeError:
                pass  # the loop was closed, and its selector with it
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(anyio.ClosedResourceError())
        self._alarms.drop_unused()
        super().abort()
