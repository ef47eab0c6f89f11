"""A small GET over TLS, by 64 tasks over 64 kept connections."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, calls, measuring

TASKS = 64


async def run(bench: Bench) -> float:
    url = bench.site.https + "/small"
    async with bench.client(limit=TASKS) as client:
        return await calls(bench, lambda: client.get(url), tasks=TASKS, each=bench.repeats(200, 15))


WORKLOAD = Workload(
    name="tls_get",
    title="the same small GET over TLS",
    unit="µs",
    measure=measuring(run),
    targets=(
        Target("asyncio", 0.75, "aiohttp"),
        Target("uvloop", 0.75, "aiohttp"),
        Target("trio", 0.15, "httpx2"),
    ),
)
