"""Cancellation comes at the point it is told to, on every backend and by every means."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint

from anyiohttp.testing import (
    Bounds,
    CancelledRun,
    Moment,
    VictimStuck,
    cancel_at,
    cancel_everywhere,
    distinct_moments,
)

pytestmark = pytest.mark.anyio

MOMENTS = pytest.mark.parametrize("moment", list(Moment))
BY_POINT = pytest.mark.parametrize("moment", [Moment.POINT, Moment.TASK, Moment.TASK_WOKEN])


class Victim:
    """Waits three times, and notes how far it came."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    async def run(self) -> str:
        for step in range(3):
            await checkpoint()
            self.steps.append(step)
        return "done"


@BY_POINT
async def test_each_point(moment: Moment):
    for number in (1, 2, 3):
        victim = Victim()
        run = await cancel_at(number, victim.run, moment=moment)
        assert (run.number, run.requested, run.cancelled) == (number, True, True)
        assert not run.completed
        assert run.value is None
        # A checkpoint that has been passed is passed; on trio it consists of two points.
        assert len(victim.steps) < number
    for number in (0, 100):
        run = await cancel_at(number, Victim().run, moment=moment)
        assert (run.requested, run.cancelled, run.value) == (False, False, "done")
        assert (run.points_after, run.seconds_after) == (0, 0)
        assert run.points >= 3


@MOMENTS
async def test_everywhere(moment: Moment):
    victims = []

    def make():
        victims.append(Victim())
        return victims[-1].run()

    runs: list[CancelledRun[str]] = [run async for run in cancel_everywhere(make, moment=moment)]
    assert [run.number for run in runs] == list(range(1, len(runs) + 1))
    assert [run.requested for run in runs] == [True] * (len(runs) - 1) + [False]
    assert all(run.cancelled or run.value == "done" for run in runs)
    assert runs[-1].value == "done"
    assert len(runs) >= 3
    # It was cancelled in each of its states; trio's order of tasks is random.
    while moment is Moment.TURN and {len(victim.steps) for victim in victims} < {0, 1, 2, 3}:
        async for _ in cancel_everywhere(make, moment=moment):
            pass
    assert {len(victim.steps) for victim in victims} == {0, 1, 2, 3}


@MOMENTS
async def test_waits_are_points(moment: Moment):
    async def victim() -> None:
        await anyio.Event().wait()

    if moment is Moment.TASK_WOKEN and moment in distinct_moments():
        # Nothing wakes it but the end of the test's patience.
        with pytest.raises(VictimStuck):
            await cancel_at(1, victim, moment=moment, bounds=Bounds(run_seconds=0.01))
        return
    run = await cancel_at(1, victim, moment=moment)
    assert (run.cancelled, run.points) == (True, 1 if moment is not Moment.TURN else run.points)


async def test_woken_and_cancelled_in_one_moment():
    """What the victim waited for has happened when asyncio's cancellation comes."""
    if Moment.TASK_WOKEN not in distinct_moments():
        pytest.skip("this backend cancels in one way only")
    event = anyio.Event()
    seen = []

    async def victim() -> None:
        try:
            await event.wait()
        except BaseException:
            seen.append(event.is_set())
            raise

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_set_soon, event)
        run = await cancel_at(1, victim, moment=Moment.TASK_WOKEN)
    assert run.cancelled
    assert seen == [True]


async def test_time_begins_when_the_victim_is_woken():
    """Until then it has not been cancelled, however long it waits."""
    if Moment.TASK_WOKEN not in distinct_moments():
        pytest.skip("this backend cancels in one way only")

    async def victim() -> None:
        await anyio.sleep(0.3)

    run = await cancel_at(1, victim, moment=Moment.TASK_WOKEN, bounds=Bounds(seconds=0.25))
    assert run.cancelled


async def _set_soon(event: anyio.Event) -> None:
    for _ in range(3):
        await checkpoint()
    event.set()


async def test_child_tasks_are_cancelled_half_way():
    async def child() -> None:
        for step in range(4):
            await checkpoint()
            states[-1] = step

    async def victim() -> None:
        states.append(-1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)

    states: list[int] = []
    while set(states) < {-1, 0, 1, 2, 3}:  # trio's order of tasks is random
        async for _ in cancel_everywhere(victim, moment=Moment.TURN):
            pass


@MOMENTS
async def test_what_the_victim_raises(moment: Moment):
    async def victim() -> None:
        try:
            for _ in range(20):
                await checkpoint()
        except BaseException:
            raise ValueError("instead") from None
        raise KeyError("by itself")

    with pytest.raises(ValueError, match="instead") as caught:
        await cancel_at(2, victim, moment=moment)
    assert "cancelled at" in caught.value.__notes__[0]
    with pytest.raises(KeyError) as other:
        await cancel_at(0, victim, moment=moment)
    assert not hasattr(other.value, "__notes__")
    await checkpoint()  # no cancellation is left over


@MOMENTS
async def test_a_victim_that_completes_all_the_same(moment: Moment):
    async def victim() -> str:
        with anyio.CancelScope(shield=True):
            await cancel_shielded_checkpoint()
            await cancel_shielded_checkpoint()
        return "done"

    if moment in (Moment.TASK, Moment.TASK_WOKEN) and moment in distinct_moments():
        run = await cancel_at(1, victim, moment=moment)
        assert run.cancelled  # asyncio's own cancellation does not know anyio's shields
    else:
        run = await cancel_at(1, victim, moment=moment)
        assert (run.requested, run.cancelled, run.value) == (True, False, "done")
    await checkpoint()


@BY_POINT
async def test_a_victim_that_goes_on_for_ever(moment: Moment):
    async def victim() -> None:
        while True:
            try:
                await checkpoint()
            except BaseException:
                await cancel_shielded_checkpoint()

    async def swallowing() -> None:
        try:
            await victim()
        except VictimStuck:
            pass

    for endless in (victim, swallowing):
        with pytest.raises(VictimStuck, match="for 10 points"):
            await cancel_at(2, endless, moment=moment, bounds=Bounds(points=10))
    await checkpoint()


async def test_a_victim_that_does_not_end_in_time(capsys: pytest.CaptureFixture[str]):
    async def shielded() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.05)

    with pytest.raises(VictimStuck, match=r"\.shielded") as caught:
        await cancel_at(1, shielded, bounds=Bounds(seconds=0.01))
    assert "cancelled at point 1" in str(caught.value)
    assert "VictimStuck" in capsys.readouterr().err


async def test_a_victim_that_hangs_by_itself():
    with pytest.raises(VictimStuck, match="not cancelled"):
        await cancel_at(7, anyio.sleep_forever, bounds=Bounds(run_seconds=0.01))


async def test_too_many_points():
    async def victim() -> None:
        for _ in range(20):
            await checkpoint()

    with pytest.raises(AssertionError, match="more than 5 points"):
        async for _ in cancel_everywhere(victim, most=5):
            pass


@MOMENTS
async def test_a_cancellation_from_outside_passes_through(moment: Moment):
    ended = []

    async def victim() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    with anyio.move_on_after(0.01) as scope:
        await cancel_at(50_000, victim, moment=moment)
    assert scope.cancelled_caught
    assert ended == [True]


async def test_native_cancellation_from_outside_passes_through():
    if Moment.TASK not in distinct_moments():
        pytest.skip("asyncio only")
    task = asyncio.ensure_future(cancel_at(50, anyio.sleep_forever))
    await checkpoint()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_any_awaitable_can_be_a_victim():
    class Awaitable:
        def __await__(self):
            return Victim().run().__await__()

    assert (await cancel_at(0, Awaitable)).value == "done"
    run = await cancel_at(1, Awaitable)
    assert run.cancelled


def test_how_moments_differ():
    async def moments() -> tuple[Moment, ...]:
        return distinct_moments()

    assert anyio.run(moments) == tuple(Moment)
    assert anyio.run(moments, backend="trio") == (Moment.POINT, Moment.TURN)
