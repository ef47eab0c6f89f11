"""A small GET over TLS, by 64 tasks over 64 kept connections."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, small_gets


async def run(bench: Bench) -> float:
    return await small_gets(bench, bench.site.https)


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
