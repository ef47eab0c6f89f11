"""Threads that may be given up: each holds its place until it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from anyiohttp._net.threads import run_abandonable

pytestmark = pytest.mark.anyio


class Work:
    """Threads that wait for the test."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[int] = []
        self.ended: list[int] = []

    def __call__(self, number: int) -> int:
        self.begun.append(number)
        assert self.go.wait(20)
        self.ended.append(number)
        return number


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.go.set()


async def until(condition: object) -> None:
    with anyio.fail_after(20):
        while not condition():  # type: ignore[operator]
            await checkpoint()


async def test_what_the_function_returns_and_raises(anyio_backend: object) -> None:
    limiter = anyio.CapacityLimiter(1)
    assert await run_abandonable(limiter, int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await run_abandonable(limiter, int, "x")
    await until(lambda: not limiter.borrowed_tokens)


async def test_an_abandoned_thread_keeps_its_place(work: Work) -> None:
    limiter = anyio.CapacityLimiter(2)
    async with anyio.create_task_group() as tasks:
        for number in range(2):
            tasks.start_soon(run_abandonable, limiter, work, number)
        await until(lambda: len(work.begun) == 2)
        tasks.cancel_scope.cancel()
    assert limiter.borrowed_tokens == 2
    with anyio.move_on_after(0.02) as scope:
        await run_abandonable(limiter, work, 2)
    assert scope.cancelled_caught
    assert len(work.begun) == 2
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_abandonable, limiter, work, 3)
        await checkpoint()
        work.go.set()
    assert 3 in work.ended
    await until(lambda: not limiter.borrowed_tokens)


async def test_given_up_before_it_began(work: Work) -> None:
    limiter = anyio.CapacityLimiter(1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_abandonable(limiter, work, 0)
    assert scope.cancelled_caught
    await until(lambda: not limiter.borrowed_tokens)
    work.go.set()
    assert await run_abandonable(limiter, work, 1) == 1
    assert work.begun == [1]


def test_the_event_loop_ends_first() -> None:
    """A thread that outlives its event loop just ends."""
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(20)
        ended.set()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run_abandonable, anyio.CapacityLimiter(1), hold)
            await anyio.to_thread.run_sync(begun.wait, 20)
            tasks.cancel_scope.cancel()

    for backend in ("asyncio", "trio"):
        begun.clear()
        go.clear()
        ended.clear()
        anyio.run(main, backend=backend)
        go.set()
        assert ended.wait(20)
