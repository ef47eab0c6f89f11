"""Waiting for one's turn on trio.

Knows: trio's scheduler.
Must not know: what the turn is for.
Called by: ``turns``.

An event, its set of tasks and anyio's adapters of it and of the scope are a dozen objects, which
the garbage collector walks again and again while thousands wait. A turn has one waiter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import Abort, checkpoint, current_task, reschedule
from trio.lowlevel import wait_task_rescheduled as suspend

from .streams import DeadlinePassed

if TYPE_CHECKING:
    from trio.lowlevel import RaiseCancelT, Task

__all__ = ("TrioTurn",)


class TrioTurn:
    """A turn on trio; see `turns.Turn`."""

    __slots__ = ("_set", "_task")

    def __init__(self) -> None:
        self._set = False
        self._task: Task | None = None

    def set(self) -> None:
        """Let it go on; more than once does no harm."""
        self._set = True
        task, self._task = self._task, None
        if task is not None:
            reschedule(task)

    async def wait_before(self, deadline: float) -> None:
        """Wait until it is set; see `Turn`."""
        if deadline == math.inf:
            await self._wait()
            return
        with trio.CancelScope(deadline=deadline):
            await self._wait()
            return
        raise DeadlinePassed

    async def _wait(self) -> None:
        if self._set:
            await checkpoint()
            return
        self._task = current_task()
        await suspend(self._give_up)

    def _give_up(self, _: RaiseCancelT) -> Abort:
        self._task = None
        return Abort.SUCCEEDED
