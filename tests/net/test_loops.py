"""Which event loop is running is found where more than one could be meant."""

from __future__ import annotations

import asyncio

import anyio
import pytest
import trio

from anyiohttp._net.loops import on_trio, running_loop


def test_none_is_running() -> None:
    with pytest.raises(anyio.NoEventLoopError):
        running_loop()


@pytest.mark.anyio
async def test_it_is_the_one_that_anyio_names(anyio_backend_name: str) -> None:
    loop, clock = running_loop()
    assert loop is anyio.lowlevel.current_token().native_token
    assert on_trio(loop) is (anyio_backend_name == "trio")
    assert clock() == pytest.approx(anyio.current_time(), abs=10)


def test_trio_as_a_guest_of_asyncio() -> None:
    async def as_guest() -> tuple[object, float]:
        loop, clock = running_loop()
        assert clock() == pytest.approx(trio.current_time(), abs=10)
        return loop, clock()

    async def as_host() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        trio.lowlevel.start_guest_run(
            as_guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=done.set_result,
        )
        guest, _ = (await done).unwrap()
        assert on_trio(guest)
        assert running_loop()[0] is loop

    asyncio.run(as_host())
