"""A download of 128 MB over TLS, in whatever pieces it comes."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, transfers


async def run(bench: Bench) -> float:
    url = bench.site.https + "/download"
    async with bench.client(limit=1) as client:
        size = bench.site.sizes["download"]
        return await transfers(bench, lambda: client.download(url), size=size, times=2)


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
