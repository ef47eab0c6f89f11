"""80 MB of gzip, decoded while it is streamed."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, transfers


async def run(bench: Bench) -> float:
    url = bench.site.http + "/gzip"
    async with bench.client(limit=1) as client:
        size = bench.site.sizes["gzip"]
        return await transfers(bench, lambda: client.download(url), size=size, times=2)


WORKLOAD = Workload(
    name="gzip",
    title="80 MB of gzip decoded while streaming",
    unit="ms",
    measure=measuring(run),
    targets=(Target("asyncio", 0.7, "aiohttp"), Target("trio", 1.0, "httpx2")),
    lacking=frozenset({"floor"}),
)
