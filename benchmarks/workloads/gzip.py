"""80 MB of gzip, decoded while it is streamed."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, downloads, measuring


async def run(bench: Bench) -> float:
    return await downloads(bench, bench.site.http, file="gzip", times=2)


WORKLOAD = Workload(
    name="gzip",
    title="80 MB of gzip decoded while streaming",
    unit="ms",
    measure=measuring(run),
    targets=(Target("asyncio", 0.7, "aiohttp"), Target("trio", 1.0, "httpx2")),
    lacking=frozenset({"floor"}),
)
