"""A small GET over TLS, by 64 tasks over one connection of HTTP/2."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, calls, measuring

TASKS = 64


async def run(bench: Bench) -> float:
    url = bench.site.http2 + "/small"
    async with bench.client(limit=1, http2=True) as client:
        return await calls(bench, lambda: client.get(url), tasks=TASKS, each=bench.repeats(200, 15))


WORKLOAD = Workload(
    name="http2_get",
    title="small GET, 64 tasks on one TLS connection, HTTP/2",
    unit="µs",
    measure=measuring(run),
    targets=(Target("asyncio", 0.5, "httpx2"), Target("trio", 0.5, "httpx2")),
    lacking=frozenset({"aiohttp", "pyreqwest", "floor"}),
)
