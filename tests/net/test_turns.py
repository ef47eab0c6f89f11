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
