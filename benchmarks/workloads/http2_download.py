"""A download of 128 MB over TLS by HTTP/2, in whatever pieces it comes."""

from __future__ import annotations

from .base import NO_HTTP2, Target, Workload
from .running import Bench, downloads, measuring


async def run(bench: Bench) -> float:
    return await downloads(bench, bench.site.http2, times=2, http2=True)


WORKLOAD = Workload(
    name="http2_download",
    title="128 MB download over TLS, HTTP/2",
    unit="ms",
    measure=measuring(run),
    targets=(Target("asyncio", 0.5, "httpx2"), Target("trio", 0.5, "httpx2")),
    lacking=NO_HTTP2,
)
