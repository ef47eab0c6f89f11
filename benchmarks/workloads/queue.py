"""5,000 tasks at once, over a limit of 100 connections."""

from __future__ import annotations

from ..server import SMALL
from .base import Target, Workload
from .running import Bench, calls, measuring

LIMIT = 100


async def run(bench: Bench) -> float:
    url = bench.site.http + "/small"
    async with bench.client(limit=LIMIT) as client:
        # Opens the connections, and does not yet wait for any.
        await calls(bench, lambda: client.get(url), tasks=LIMIT, each=1)

        async def once() -> None:
            if len(await client.get(url)) != len(SMALL):
                raise RuntimeError("this is not the answer")

        count = 1000 if bench.spec.quick else 5000
        with bench.meter:
            await bench.tasks(count, once)
        return bench.meter.cpu / count * 1e6


WORKLOAD = Workload(
    name="queue",
    title="5,000 tasks at once over limit 100",
    unit="µs",
    measure=measuring(run),
    targets=(Target("asyncio", 0.70, "aiohttp"), Target("trio", 0.1, "httpx2")),
    lacking=frozenset({"floor"}),
    rounds=5,
)
