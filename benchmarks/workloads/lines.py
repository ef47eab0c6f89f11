"""28 MB in lines of 46 bytes, by ``async for line``."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, transfers


async def run(bench: Bench) -> float:
    url = bench.site.http + "/lines"
    async with bench.client(limit=1) as client:
        count = bench.site.sizes["lines"]
        return await transfers(bench, lambda: client.lines(url), size=count, times=1)


WORKLOAD = Workload(
    name="lines",
    title="28 MB in 46-byte lines by `async for line`",
    unit="ms",
    measure=measuring(run),
    targets=(Target("asyncio", 0.1, "aiohttp"), Target("trio", 1.0, "httpx2")),
    lacking=frozenset({"floor", "pyreqwest"}),
)
