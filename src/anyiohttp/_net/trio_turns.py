"""Waiting for one's turn on trio.

Knows: trio's scheduler.
Must not know: what the turn is for.
Called by: ``turns``.

An event, its set of tasks and anyio's adapters of it and of the scope are a dozen objects, which
the garbage collector walks again and again while thousands wait; a scope with a deadline is six
more. A turn has one waiter, and those who wait until the same moment (as most do: see
`ClientTimeout.ceil_threshold`) have one scope, which one of them keeps round its own wait:

* when the deadline passes, the keeper wakes the others, which were late as well;
* when the keeper goes for another reason, whichever it is, the one who came last is woken to keep
  watch. Turns mostly come in order, so that this one is likely to stay: few are woken for it. If
  the deadline passes meanwhile, the new scope finds that at once.

So the scope is never anybody's but the keeper's, and nothing outlives the waits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import Abort, RunVar, checkpoint, current_task, reschedule
from trio.lowlevel import wait_task_rescheduled as suspend

from .streams import DeadlinePassed

if TYPE_CHECKING:
    from trio.lowlevel import RaiseCancelT, Task

__all__ = ("TrioTurn",)


class TrioTurn:
    """A turn on trio; see `turns.Turn`."""

    __slots__ = ("_late", "_set", "_task", "_watch")

    def __init__(self) -> None:
        self._set = False
        self._late = False
        self._task: Task | None = None  # while it is suspended
        self._watch: _Watch | None = None  # while another turn keeps it for this one

    def set(self) -> None:
        """Let it go on; more than once does no harm."""
        self._set = True
        self._wake()

    def be_late(self) -> None:
        """Let it go on without its turn: the deadline has passed."""
        self._late = True
        self._wake()

    def keep_watch(self) -> None:
        """Let it go on and keep the watch that was kept for it."""
        self._wake()

    async def wait_before(self, deadline: float) -> None:
        """Wait until it is set; see `Turn`."""
        if self._set:
            await checkpoint()
            return
        if deadline == math.inf:
            self._task = current_task()
            await suspend(self._give_up)
            return
        watches = _watches()
        watch = watches.get(deadline)
        if watch is None:
            watch = watches[deadline] = _Watch(deadline)
        else:
            self._watch = watch
            watch.others[self] = None
            self._task = current_task()
            await suspend(self._give_up)
            if self._late:
                raise DeadlinePassed
            if watch.keeper is not self:
                return
        watch.keeper = self
        # From here on it is the keeper, and the watch is passed on however it ends.
        passed = False
        try:
            if not self._set:
                with trio.CancelScope(deadline=deadline) as scope:
                    self._task = current_task()
                    await suspend(self._give_up)
                passed = scope.cancelled_caught
        finally:
            watch.leave(watches, passed=passed)
        if passed:
            raise DeadlinePassed

    def _wake(self) -> None:
        task = self._task
        if task is not None:
            self._forget_task()
            reschedule(task)

    def _give_up(self, _: RaiseCancelT) -> Abort:
        self._forget_task()
        return Abort.SUCCEEDED

    def _forget_task(self) -> None:
        self._task = None
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.others.pop(self, None)


class _Watch:
    """One deadline, who has the scope for it, and the others who wait until then.

    Attributes:
        keeper: has the scope, or was woken to make it.
        others: all of them suspended; who came last is last.
    """

    __slots__ = ("_deadline", "keeper", "others")

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.keeper: TrioTurn | None = None
        self.others: dict[TrioTurn, None] = {}

    def leave(self, watches: dict[float, _Watch], *, passed: bool) -> None:
        """Let the keeper go.

        Args:
            watches: where it is known by its deadline.
            passed: whether the deadline has passed.
        """
        others = self.others
        if others and not passed:
            self.keeper, _ = others.popitem()
            self.keeper.keep_watch()
            return
        self.keeper = None
        del watches[self._deadline]
        for turn in tuple(others):
            turn.be_late()


_kept: RunVar[dict[float, _Watch]] = RunVar("anyiohttp_watches")


def _watches() -> dict[float, _Watch]:
    """Return the watches of the running loop, by deadline."""
    try:
        return _kept.get()
    except LookupError:
        watches: dict[float, _Watch] = {}
        _kept.set(watches)
        return watches
