"""A download of 128 MB, in whatever pieces it comes (``iter_any``)."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, measuring, transfers


async def run(bench: Bench) -> float:
    url = bench.site.http + "/download"
    async with bench.client(limit=1) as client:
        size = bench.site.sizes["download"]
        return await transfers(bench, lambda: client.download(url), size=size, times=4)


WORKLOAD = Workload(
    name="download",
    title="128 MB download, streamed by `iter_any`",
    unit="ms",
    measure=measuring(run),
    targets=(
        Target("asyncio", 1.1, "floor"),
        Target("uvloop", 1.1, "floor"),
        Target("trio", 1.1, "floor"),
    ),
)
