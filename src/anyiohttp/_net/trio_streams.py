"""Socket streams on trio.

Knows: sockets, trio's waits, checkpoints and scopes.
Must not know: TLS, HTTP, who uses the stream and for how long.
Called by: ``sockets``.

anyio would ask anew for each wait which library the task belongs to, and put a scope of its own
round trio's: together that costs as much as the wait itself.

A wait for the socket costs four times as much as a checkpoint, and a scope for its deadline as much
again. Where many tasks run, the peer has answered by the time that all the others have had their
turn: so a read lets them run first, then tries, and waits only if nothing has come. Where that
proves vain, as with one task alone, it is tried more and more seldom. A read that was full promises
more and is tried, one that was not is waited for: what has come by then comes in one piece.

What is sent is held until the others have had their turn, too (`outbox`): the first one of them
that reads sends it all. Where a read is not tried, nothing is held.

Cancellation: the checkpoint and the wait both come before the read, so that nothing that was read
is ever lost, and each read has one of them.
"""

from __future__ import annotations

import math
import socket

import anyio
import trio
from trio.lowlevel import checkpoint, wait_readable

from .outbox import Outbox
from .streams import MAX_READ, DeadlinePassed, SocketStream

__all__ = ("TrioSocketStream",)

#: An answer that was not there at once so often in a row is waited for as often before the next
#: attempt, at most.
_MOST_PATIENT = 7


_outboxes: trio.lowlevel.RunVar[Outbox] = trio.lowlevel.RunVar("anyiohttp.outbox")


def _outbox_of_this_run() -> Outbox:
    try:
        return _outboxes.get()
    except LookupError:
        outbox = Outbox()
        _outboxes.set(outbox)
        return outbox


class TrioSocketStream(SocketStream):
    """A connected TCP or unix socket on trio."""

    _eager = False  # the last read was full
    _patience = 0  # so many answers are waited for after the next vain attempt
    _to_wait = 0  # so many of them are left

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._outbox = _outbox_of_this_run()

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        return await self.receive_before(math.inf, max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if self._promising():
            await checkpoint()
            # Whoever comes first sends for all; the answers take longer than that.
            if self._held and self._outbox.send() > 1:
                await checkpoint()
            # A peer that always has something to say must not keep a deadline out.
            if deadline != math.inf and trio.current_time() >= deadline:
                raise DeadlinePassed
            if self._stalled:
                self._say_stalled()
            data = self._at_hand(max_bytes)
            if data is not None:
                return data
        if self._closed:
            raise anyio.ClosedResourceError
        while True:
            if deadline == math.inf:
                await self._readable()
            else:
                with trio.CancelScope(deadline=deadline) as scope:
                    await self._readable()
                if scope.cancelled_caught:
                    raise DeadlinePassed
            data = self._at_hand(max_bytes)
            if data is not None:
                return data

    def send_soon(self, data: bytes) -> bool:
        if self._to_wait or not self._outbox.takes():
            return self.try_send(data)
        self._hold(data)
        self._outbox.add(self)
        return True

    def abort(self) -> None:
        self._outbox.discard(self)  # also if what it held was sent outside of it
        super().abort()

    def _promising(self) -> bool:
        """Whether what is to be read is likely to be there once all other tasks have run."""
        if not self._answering:
            return self._eager
        if self._to_wait:
            self._to_wait -= 1
            self._answering = False
            return False
        return True

    def _at_hand(self, max_bytes: int) -> bytes | None:
        """Return what has arrived; ``None`` if nothing has."""
        if self._closed:
            raise anyio.ClosedResourceError
        try:
            data = self._recv(max_bytes)
        except (BlockingIOError, InterruptedError):
            self._eager = False
            if self._answering:
                self._answering = False
                self._to_wait = self._patience = min(2 * self._patience + 1, _MOST_PATIENT)
            return None
        if not data:
            raise anyio.EndOfStream
        self._eager = len(data) >= max_bytes
        if self._answering:
            self._answering = False
            self._patience = 0
        return data

    async def _readable(self) -> None:
        try:
            await wait_readable(self._socket)
        except trio.ClosedResourceError:
            raise anyio.ClosedResourceError from None
        except trio.BusyResourceError:
            raise anyio.BusyResourceError("reading from") from None
