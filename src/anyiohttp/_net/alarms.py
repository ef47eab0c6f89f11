"""Timers of asyncio's loops that many waits share.

Knows: asyncio's timers and futures.
Must not know: what is waited for.
Called by: `asyncio_streams` and `uvloop_streams` for each wait that has a deadline; `turns`.

A timer for each wait costs more than the read that ends it. Most deadlines are whole seconds of the
clock (`ClientTimeout.ceil_threshold`), so that waits which begin in the same second end together:
they share one timer. When the last of them is over, the timer is left for the next wait, which most
often ends at the same moment: a task that makes one request after the other makes one timer in a
second. When the next one ends at another moment, the timer goes: no loop has more than one that
nobody waits for, and it does nothing when its time comes. It also goes when a connection is closed,
so that none is left when a session has ended.
"""

from __future__ import annotations

import asyncio
import math
from weakref import WeakKeyDictionary, ref

from .streams import DeadlinePassed

__all__ = ("Alarms", "AsyncioTurn", "alarms_of")

_Waiter = asyncio.Future[bytes]


class Alarms:
    """The alarms of one event loop: for each deadline a timer and those who wait."""

    __slots__ = ("_alarms", "_unused")

    def __init__(self) -> None:
        # A timer knows its loop, which holds it for as long as it runs; we hold neither alive.
        self._alarms: dict[float, tuple[set[_Waiter], ref[asyncio.TimerHandle]]] = {}
        self._unused = math.inf  # the deadline for which nobody waited at last

    def set(self, loop: asyncio.AbstractEventLoop, deadline: float, waiter: _Waiter) -> None:
        """Have `DeadlinePassed` raised by ``waiter`` at ``deadline``, unless it is `clear`ed.

        Args:
            loop: the one whose alarms these are; they hold no loop alive.
            deadline: on its clock.
            waiter: what is waited for.
        """
        alarm = self._alarms.get(deadline)
        if alarm is None:
            self.drop_unused()
            timer = loop.call_at(deadline, self._ring, deadline)
            alarm = self._alarms[deadline] = (set(), ref(timer))
        alarm[0].add(waiter)

    def clear(self, deadline: float, waiter: _Waiter) -> None:
        """The wait has ended."""
        alarm = self._alarms.get(deadline)
        if alarm is None:
            return
        waiters = alarm[0]
        waiters.discard(waiter)
        if not waiters and self._unused != deadline:
            self.drop_unused()
            self._unused = deadline

    def drop_unused(self) -> None:
        """Stop the timer that was left for the next wait, if there is one."""
        alarm = self._alarms.get(self._unused)
        if alarm is None or alarm[0]:
            return
        del self._alarms[self._unused]
        timer = alarm[1]()
        if timer is not None:
            timer.cancel()

    def _ring(self, deadline: float) -> None:
        waiters, _ = self._alarms.pop(deadline)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(DeadlinePassed())


_alarms: WeakKeyDictionary[asyncio.AbstractEventLoop, Alarms] = WeakKeyDictionary()


def alarms_of(loop: asyncio.AbstractEventLoop) -> Alarms:
    """Return the alarms of an event loop."""
    found = _alarms.get(loop)
    if found is None:
        found = _alarms[loop] = Alarms()
    return found


class AsyncioTurn:
    """A `turns.Turn` on asyncio's loops.

    Args:
        loop: the running one.
    """

    __slots__ = ("_loop", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: _Waiter = loop.create_future()

    def set(self) -> None:
        """Let it go on."""
        if not self._waiter.done():
            self._waiter.set_result(b"")

    async def wait_before(self, deadline: float) -> None:
        """Wait until it is set; see `turns.Turn`."""
        if deadline == math.inf:
            await self._waiter
            return
        if self._loop.time() >= deadline:
            raise DeadlinePassed
        alarms = alarms_of(self._loop)
        alarms.set(self._loop, deadline, self._waiter)
        try:
            await self._waiter
        finally:
            alarms.clear(deadline, self._waiter)
