"""An upload of a file of 128 MB, which the server reads to its end before it answers."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, transfers


async def run(bench: Bench) -> float:
    url = bench.site.http + "/post"
    size = bench.site.sizes["download"]
    async with bench.client(limit=1) as client:

        async def upload() -> int:
            received = int(await client.upload(url, bench.site.upload))
            # The server counts the request's head, too, and chunks where there are any.
            return size if size < received < size * 1.01 + 1000 else received

        return await transfers(bench, upload, size=size, times=3)


WORKLOAD = Workload(
    name="upload",
    title="128 MB file upload",
    unit="ms",
    measure=measuring(run),
    targets=(Target("asyncio", 1.0, "aiohttp"), Target("trio", 0.4, "httpx2")),
)
