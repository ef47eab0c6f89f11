"""Turns: what one task waits for, and another sets."""

import math

import anyio
import anyio.lowlevel
import pytest

from anyiohttp._net.loops import running_loop
from anyiohttp._net.streams import DeadlinePassed
from anyiohttp._net.turns import Turn, make_turn

pytestmark = pytest.mark.anyio


def new_turn() -> Turn:
    return make_turn(running_loop()[0])


@pytest.mark.parametrize("limit", [10.0, math.inf])
async def test_a_turn_that_was_set_is_not_waited_for(limit: float) -> None:
    turn = new_turn()
    turn.set()
    turn.set()
    with anyio.fail_after(5):
        await turn.wait_before(anyio.current_time() + limit)


@pytest.mark.parametrize("limit", [10.0, math.inf])
async def test_who_waits_goes_on_when_it_is_set(limit: float) -> None:
    turn = new_turn()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turn.wait_before, anyio.current_time() + limit)
            await anyio.wait_all_tasks_blocked()
            turn.set()
            turn.set()


async def test_a_deadline_ends_the_wait() -> None:
    turn = new_turn()
    with anyio.fail_after(5), pytest.raises(DeadlinePassed):
        await turn.wait_before(anyio.current_time() + 0.01)
    turn.set()  # nobody waits any more


@pytest.mark.parametrize("limit", [10.0, math.inf])
async def test_who_was_cancelled_is_not_woken(limit: float) -> None:
    turn = new_turn()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turn.wait_before, anyio.current_time() + limit)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    turn.set()
    await anyio.lowlevel.checkpoint()


async def test_all_who_wait_until_one_moment_are_late_together() -> None:
    turns = [new_turn() for _ in range(5)]
    late = []
    deadline = anyio.current_time() + 0.05

    async def wait(turn: Turn) -> None:
        try:
            await turn.wait_before(deadline)
        except DeadlinePassed:
            late.append(turn)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for turn in turns:
                tasks.start_soon(wait, turn)
    assert set(late) == set(turns)
    # To the microsecond: uvloop's clock counts milliseconds, and a sum of floats may be above it.
    assert round(anyio.current_time() - deadline, 6) >= 0


#: Which of four go before the deadline that they share, in this order and in one turn of the loop.
LEAVERS = ([0], [3], [0, 3], [0, 3, 2], [0, 1, 2], [3, 2, 1], [0, 1, 2, 3], [3, 0, 1, 2])


class Four:
    """Four tasks that wait until one moment, and how each of the waits ended."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.turns = [new_turn() for _ in range(4)]
        self.scopes = [anyio.CancelScope() for _ in range(4)]
        self.ends: dict[int, str] = {}

    async def wait(self, number: int) -> None:
        self.ends[number] = "cancelled"
        with self.scopes[number]:
            try:
                await self.turns[number].wait_before(self.deadline)
            except DeadlinePassed:
                self.ends[number] = "late"
            else:
                self.ends[number] = "set"

    def let_go(self, number: int, how: str) -> None:
        if how == "set":
            self.turns[number].set()
        else:
            self.scopes[number].cancel()


async def test_the_deadline_holds_for_the_others_whoever_goes() -> None:
    start = anyio.current_time() + 1
    cases = [(how, gone) for how in ("set", "cancelled") for gone in LEAVERS]
    groups = [Four(start + number / 1000) for number in range(len(cases))]
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                for four in groups:
                    tasks.start_soon(four.wait, number)
                await anyio.wait_all_tasks_blocked()
            for four, (how, gone) in zip(groups, cases, strict=True):
                for number in gone:
                    four.let_go(number, how)
    for four, (how, gone) in zip(groups, cases, strict=True):
        assert four.ends == {**dict.fromkeys(range(4), "late"), **dict.fromkeys(gone, how)}, gone


async def test_a_newcomer_after_the_others_have_gone_has_its_deadline() -> None:
    deadline = anyio.current_time() + 0.05
    first, last = new_turn(), new_turn()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.wait_before, deadline)
            await anyio.wait_all_tasks_blocked()
            first.set()
        for _ in range(2):
            with pytest.raises(DeadlinePassed):
                await last.wait_before(deadline)
