"""A small GET over TLS, by 64 tasks over one connection of HTTP/2."""

from __future__ import annotations

from .base import NO_HTTP2, Target, Workload
from .running import Bench, measuring, small_gets


async def run(bench: Bench) -> float:
    return await small_gets(bench, bench.site.http2, http2=True)


WORKLOAD = Workload(
    name="http2_get",
    title="small GET, 64 tasks on one TLS connection, HTTP/2",
    unit="µs",
    measure=measuring(run),
    targets=(Target("asyncio", 0.5, "httpx2"), Target("trio", 0.5, "httpx2")),
    lacking=NO_HTTP2,
)
