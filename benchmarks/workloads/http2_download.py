"""A download of 128 MB over TLS by HTTP/2, in whatever pieces it comes."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, transfers


async def run(bench: Bench) -> float:
    url = bench.site.http2 + "/download"
    async with bench.client(limit=1, http2=True) as client:
        size = bench.site.sizes["download"]
        return await transfers(bench, lambda: client.download(url), size=size, times=2)


WORKLOAD = Workload(
    name="http2_download",
    title="128 MB download over TLS, HTTP/2",
    unit="ms",
    measure=measuring(run),
    targets=(Target("asyncio", 0.5, "httpx2"), Target("trio", 0.5, "httpx2")),
    lacking=frozenset({"aiohttp", "pyreqwest", "floor"}),
)
