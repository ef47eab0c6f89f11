"""Timers that waits share: one is left for the wait that comes next, and holds nothing alive."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import anyiohttp
from anyiohttp._net.alarms import Alarms, alarms_of
from anyiohttp._net.streams import DeadlinePassed


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the timers that were made, and knows those that may still go off."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[asyncio.TimerHandle] = []

    def call_at(self, *args, **kwargs):
        timer = super().call_at(*args, **kwargs)
        self.timers.append(timer)
        return timer

    @property
    def waiting(self) -> list[float]:
        return [timer.when() for timer in self.timers if not timer.cancelled()]


@pytest.fixture
def loop():
    loop = CountingLoop()
    yield loop
    loop.close()


def wait(loop: CountingLoop, alarms: Alarms, *deadlines: float) -> None:
    waiters = [(deadline, loop.create_future()) for deadline in deadlines]
    for deadline, waiter in waiters:
        alarms.set(loop, deadline, waiter)
    for deadline, waiter in waiters:
        alarms.clear(deadline, waiter)


def test_waits_with_one_deadline_have_one_timer(loop):
    alarms = Alarms()
    end = loop.time() + 60
    wait(loop, alarms, end, end)
    wait(loop, alarms, end)
    assert len(loop.timers) == 1


@pytest.mark.parametrize("together", [True, False])
def test_no_more_than_one_timer_is_left(loop, together):
    alarms = Alarms()
    ends = [loop.time() + 60 + number for number in range(4)]
    if together:
        wait(loop, alarms, *ends)
    else:
        for end in ends:
            wait(loop, alarms, end)
    assert loop.waiting == ends[-1:]


def test_a_timer_that_was_left_goes_off_for_the_next_wait_and_not_for_the_last(loop):
    alarms = Alarms()
    end = loop.time() + 0.02
    before = loop.create_future()
    alarms.set(loop, end, before)
    alarms.clear(end, before)
    waiter = loop.create_future()
    alarms.set(loop, end, waiter)
    with pytest.raises(DeadlinePassed):
        loop.run_until_complete(waiter)
    assert not before.done()
    wait(loop, alarms, end + 60)  # what went off is forgotten
    assert len(loop.timers) == 2


def test_a_timer_that_was_left_holds_no_loop_alive():
    async def use():
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        end = loop.time() + 60
        alarms_of(loop).set(loop, end, waiter)
        alarms_of(loop).clear(end, waiter)
        return weakref.ref(loop)

    loop = asyncio.run(use())
    gc.collect()
    assert loop() is None


@pytest.mark.parametrize("how", ["kept", "cut off"])
def test_none_is_left_when_a_session_has_ended(loop, how):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        if how == "kept":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    asked, ended = asyncio.Event(), asyncio.Event()

    async def use():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with anyiohttp.ClientSession() as session:
            if how == "kept":
                async with session.get(url) as response:
                    assert await response.text() == "ok"
            else:
                call = asyncio.ensure_future(session.get(url))
                await asked.wait()
                assert any(when > loop.time() + 100 for when in loop.waiting)
                await session.close()
                with pytest.raises(anyiohttp.ClientConnectionError):
                    await call
        await ended.wait()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(use())
    assert [when for when in loop.waiting if when > loop.time() + 1] == []
