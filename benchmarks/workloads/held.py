"""Memory, told apart by what is resident: requests that wait, and connections that are idle.

What is freed goes back to the system first, as far as the allocators can.
"""

from __future__ import annotations

import ctypes
import gc

import anyio

from ..holding import Holder
from ..machine import resident_bytes
from .running import Bench

COUNT = 2000
KB = 1000


async def waiting(bench: Bench) -> float:
    """KB for each of many requests that the server does not answer before they are measured."""
    count = 500 if bench.spec.quick else COUNT
    with Holder() as holder:
        url = f"http://{holder.address(0)}/held"
        async with bench.client(limit=count) as client:
            await client.get(f"http://{holder.address(0)}/now")
            before = measured()
            during = 0

            async def request() -> None:
                await client.get(url)

            async def measure() -> None:
                nonlocal during
                with anyio.fail_after(300):
                    while holder.held() < count:  # noqa: ASYNC110
                        await anyio.sleep(0.05)  # for another process
                during = measured()
                holder.release()

            async with anyio.create_task_group() as group:
                group.start_soon(measure)
                await bench.tasks(count, request)
    return (during - before) / count / KB


async def idle(bench: Bench) -> float:
    """KB for each of many connections to addresses of their own, opened one after the other.

    Over one address they would have to be opened by requests at once, whose memory would not all
    go back to the system and would hide what a connection keeps.
    """
    count = 500 if bench.spec.quick else COUNT
    few = 100
    with Holder(few + count) as holder:
        async with bench.client(limit=few + count) as client:
            for number in range(few):
                await client.get(f"http://{holder.address(number)}/now")
            before = measured()
            for number in range(few, few + count):
                await client.get(f"http://{holder.address(number)}/now")
            after = measured()
            if holder.connections() < few + count:
                raise RuntimeError("the connections were not kept")
    return (after - before) / count / KB


def measured() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident_bytes()
