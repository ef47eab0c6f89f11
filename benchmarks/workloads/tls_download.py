"""A download of 128 MB over TLS, in whatever pieces it comes."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, downloads, measuring


async def run(bench: Bench) -> float:
    return await downloads(bench, bench.site.https, times=2)


WORKLOAD = Workload(
    name="tls_download",
    title="the same download over TLS",
    unit="ms",
    measure=measuring(run),
    targets=(
        Target("asyncio", 0.75, "aiohttp"),
        Target("uvloop", 0.75, "aiohttp"),
        Target("trio", 0.25, "httpx2"),
    ),
)
