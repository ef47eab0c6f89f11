"""A small GET, by 64 tasks over 64 kept connections."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, small_gets


async def run(bench: Bench) -> float:
    return await small_gets(bench, bench.site.http)


WORKLOAD = Workload(
    name="small_get",
    title="small GET, 64 tasks on 64 kept connections",
    unit="µs",
    measure=measuring(run),
    targets=(
        Target("asyncio", 0.70, "aiohttp"),
        Target("asyncio", 1.8, "floor"),
        Target("uvloop", 0.65, "aiohttp"),
        Target("trio", 0.10, "httpx2"),
        Target("trio", 1.1, "pyreqwest", "asyncio"),
    ),
)
