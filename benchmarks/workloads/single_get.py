"""A small GET, one after the other."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, calls, measuring


async def run(bench: Bench) -> float:
    url = bench.site.http + "/small"
    async with bench.client(limit=64) as client:
        each = bench.repeats(8000, 400)
        return await calls(bench, lambda: client.get(url), tasks=1, each=each)


WORKLOAD = Workload(
    name="single_get",
    title="small GET, one task",
    unit="µs",
    measure=measuring(run),
    targets=(Target("asyncio", 0.75, "aiohttp"), Target("trio", 0.25, "httpx2")),
)
