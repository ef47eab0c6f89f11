"""Cancelling a call at each of its scheduling points in turn.

Knows: coroutines, what they yield to the event loop, anyio's cancel scopes, asyncio's tasks.
Must not know: HTTP.
Called by: tests.

A **scheduling point** of a victim is a moment in which its own coroutine gives control to the event
loop: the yield at the bottom of an ``await``. An ``await`` that does not wait is none; an
``await`` in a loop is as many as it waits times. What child tasks do are not the victim's points;
`Moment.TURN` counts turns of the event loop instead, in which every task that can run has run once.

The victim's coroutine is driven by a trampoline, which passes everything through in both directions
and counts. So it runs in the task that awaits `cancel_at`, with its context, on any event loop.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Self, TypeVar

import anyio
from anyio.lowlevel import checkpoint

__all__ = (
    "Bounds",
    "CancelledRun",
    "Moment",
    "VictimStuck",
    "cancel_at",
    "cancel_everywhere",
    "distinct_moments",
)

T = TypeVar("T")


class Moment(Enum):
    """When, and by what means, a victim is cancelled.

    ``POINT``: a cancel scope round the victim is cancelled as it comes to its n-th scheduling
    point. ``TURN``: the same in the event loop's n-th turn, wherever the victim and its child tasks
    are then; trio shuffles the tasks of a turn, so that each survey may see other states. The other
    two cancel as asyncio itself does (``Task.cancel``, ``asyncio.timeout``,
    ``asyncio.wait_for``), and are like ``POINT`` on trio: ``TASK`` as the victim comes to the
    point; ``TASK_WOKEN`` when what it waits for there has already happened, and it has not run yet:
    what it was given in that moment must not be lost.
    """

    POINT = "point"
    TURN = "turn"
    TASK = "task"
    TASK_WOKEN = "task woken"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a victim may take.

    Args:
        points: how many scheduling points it may have after its cancellation.
        seconds: how long it may go on after its cancellation.
        run_seconds: how long it may take without having been cancelled.
    """

    points: int = 100
    seconds: float = 5
    run_seconds: float = 60


class VictimStuck(AssertionError):
    """A victim did not end within its `Bounds`; the message says where it was."""


@dataclass(frozen=True, slots=True)
class CancelledRun(Generic[T]):
    """What became of one run of a victim.

    Args:
        number: at which point or turn it was to be cancelled.
        requested: whether it came so far. If not, it completed before, untouched.
        cancelled: whether it ended by the cancellation.
        value: what it returned; ``None`` if it was cancelled.
        points: how many scheduling points it had in all.
        points_after: how many of them after the cancellation.
        seconds_after: how long it went on after the cancellation.

    With ``requested`` and not ``cancelled``, the victim finished in spite of the cancellation:
    there was no further point at which it could be told, or what it did was shielded.
    """

    number: int
    requested: bool
    cancelled: bool
    value: T | None
    points: int
    points_after: int
    seconds_after: float

    @property
    def completed(self) -> bool:
        """Whether the victim returned a value."""
        return not self.cancelled


class _Trampoline(Generic[T]):
    """Drives a coroutine, passes through what it yields and gets, and counts.

    Args:
        victim: what is driven.
        on_point: called with what is being yielded, before the event loop sees it. An exception
            that it raises is thrown into the victim there.
    """

    def __init__(self, victim: Awaitable[T], on_point: Callable[[object], None]) -> None:
        self._coroutine = _as_coroutine(victim)
        self._on_point = on_point

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._coroutine.__await__()
        answer: Any = None
        error: BaseException | None = None
        while True:
            try:
                trap = steps.send(answer) if error is None else steps.throw(error)
            except StopIteration as stop:
                value: T = stop.value
                return value
            finally:
                error = None  # it refers to this frame
            try:
                self._on_point(trap)
                answer = yield trap
            except BaseException as exc:
                error = exc

    @property
    def where(self) -> str:
        """Where the victim is, outermost first."""
        lines = []
        inner: Any = self._coroutine
        while inner is not None:
            frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
            if frame is not None:
                name = frame.f_code.co_qualname
                lines.append(f"  {frame.f_code.co_filename}:{frame.f_lineno} in {name}")
            inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
        return "\n".join(lines)


async def _as_coroutine(victim: Awaitable[T]) -> T:
    return await victim


class _Run(Generic[T]):
    """One run of a victim."""

    def __init__(self, number: int, moment: Moment, bounds: Bounds) -> None:
        self._number = number
        self._moment = moment
        self._bounds = bounds
        self._scope = anyio.CancelScope()
        self._task = _asyncio_task()
        self._native = self._task is not None and moment in (Moment.TASK, Moment.TASK_WOKEN)
        self._requested = anyio.Event()
        self._requested_at = 0.0
        self._points = self._points_at_request = 0
        self._task_cancels = 0
        self._task_cancelled = False
        self._stuck = ""

    async def run(self, victim: _Trampoline[T]) -> CancelledRun[T]:
        value: T | None = None
        error: Exception | None = None
        async with anyio.create_task_group() as watchers:
            watchers.start_soon(self._watch, victim)
            if self._moment is Moment.TURN and self._number:
                watchers.start_soon(self._count_turns)
            try:
                value = await self._guarded(victim)
            except Exception as exc:
                error = exc  # is raised outside the task group, which would wrap it
            watchers.cancel_scope.cancel()
        try:
            if self._stuck:
                raise VictimStuck(self._stuck) from error
            if error is not None:
                if self._requested.is_set():
                    error.add_note(f"the victim was cancelled at {self._what}")
                raise error
        finally:
            error = None
        return self._outcome(value)

    async def _guarded(self, victim: _Trampoline[T]) -> T | None:
        try:
            with self._scope:
                return await victim
        except asyncio.CancelledError:
            if not self._task_cancels:
                raise
            self._task_cancelled = True
        finally:
            if self._task is not None:
                for _ in range(self._task_cancels):
                    self._task.uncancel()
        return None

    def on_point(self, trap: object) -> None:
        """Count, cancel when it is time, and lose patience."""
        self._points += 1
        if not self._requested.is_set():
            if self._moment is not Moment.TURN and self._points == self._number:
                self._request(trap)
        elif self._points - self._points_at_request > self._bounds.points:
            self._stuck = f"cancelled at {self._what}, it went on for {self._bounds.points} points"
            raise VictimStuck(self._stuck)

    def _request(self, trap: object) -> None:
        if not self._native:
            self._note_request()
            self._scope.cancel()
        elif self._moment is Moment.TASK_WOKEN and isinstance(trap, asyncio.Future):
            # This callback comes before the one that wakes the task, which is added after it.
            trap.add_done_callback(self._woken)
        else:
            self._woken()

    def _woken(self, _: object = None) -> None:
        self._note_request()
        self._cancel_task()

    def _note_request(self) -> None:
        self._requested.set()
        self._requested_at = time.monotonic()
        self._points_at_request = self._points

    def _cancel_task(self) -> None:
        assert self._task is not None
        self._task_cancels += 1
        self._task.cancel()

    async def _count_turns(self) -> None:
        for _ in range(self._number - 1):
            await checkpoint()
        self._request(None)

    async def _watch(self, victim: _Trampoline[T]) -> None:
        with anyio.move_on_after(self._bounds.run_seconds):
            await self._requested.wait()
            await anyio.sleep(self._bounds.seconds)
        how = f"cancelled at {self._what}" if self._requested.is_set() else "not cancelled"
        self._stuck = f"{how}, it has not ended in time; it is here:\n{victim.where}"
        # Should it be shielded, nothing else will ever be heard of it.
        print(f"VictimStuck: {self._stuck}", file=sys.stderr)  # noqa: T201
        self._scope.cancel()
        if self._task is not None:
            self._cancel_task()

    @property
    def _what(self) -> str:
        return f"{'turn' if self._moment is Moment.TURN else 'point'} {self._number}"

    def _outcome(self, value: T | None) -> CancelledRun[T]:
        requested = self._requested.is_set()
        return CancelledRun(
            number=self._number,
            requested=requested,
            cancelled=bool(self._scope.cancelled_caught or self._task_cancelled),
            value=value,
            points=self._points,
            points_after=self._points - self._points_at_request if requested else 0,
            seconds_after=time.monotonic() - self._requested_at if requested else 0,
        )


def _asyncio_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None  # another event loop


def distinct_moments() -> tuple[Moment, ...]:
    """Return the moments that differ from each other on the running event loop."""
    if _asyncio_task() is None:
        return (Moment.POINT, Moment.TURN)
    return tuple(Moment)


async def cancel_at(
    number: int,
    make_victim: Callable[[], Awaitable[T]],
    *,
    moment: Moment = Moment.POINT,
    bounds: Bounds = Bounds(),
) -> CancelledRun[T]:
    """Run a victim, and cancel it at its ``number``-th scheduling point.

    Args:
        number: at which point, or turn, from 1; 0 for never.
        make_victim: returns what to await, which is awaited in this task.
        moment: when exactly, and by what means.
        bounds: how long it may take.

    Returns:
        What became of it.

    Raises:
        VictimStuck: it did not end within the bounds.
        Exception: what the victim raised. A cancelled victim should raise nothing else than that.

    A cancellation from outside passes through to the victim and out of it. A victim that is
    shielded from cancellation, and stuck, is reported on stderr; on trio it cannot be ended.
    """
    run: _Run[T] = _Run(number, moment, bounds)
    return await run.run(_Trampoline(make_victim(), run.on_point))


class cancel_everywhere(Generic[T]):  # noqa: N801 - it reads as a function
    """Run a victim again and again, cancelled at its point 1, 2, 3, … until it completes.

    An asynchronous iterator of the runs; the last is the one that was not cancelled::

        async for run in cancel_everywhere(victim):
            ...  # is all as it was? does the next request work?

    Args:
        make_victim: makes a victim for each run.
        moment: see `cancel_at`.
        bounds: see `cancel_at`.
        most: how many runs there may be.

    Raises:
        AssertionError: it has more points than ``most``; a `VictimStuck` if a run did not end.
    """

    def __init__(
        self,
        make_victim: Callable[[], Awaitable[T]],
        *,
        moment: Moment = Moment.POINT,
        bounds: Bounds = Bounds(),
        most: int = 10_000,
    ) -> None:
        self._make_victim = make_victim
        self._moment = moment
        self._bounds = bounds
        self._most = most
        self._number = 0
        self._finished = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CancelledRun[T]:
        if self._finished:
            raise StopAsyncIteration
        self._number += 1
        if self._number > self._most:
            raise AssertionError(f"the victim has more than {self._most} points")
        run = await cancel_at(
            self._number, self._make_victim, moment=self._moment, bounds=self._bounds
        )
        self._finished = not run.requested
        return run
