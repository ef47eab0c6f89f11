"""A download of 128 MB, in whatever pieces it comes (``iter_any``)."""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, downloads, measuring


async def run(bench: Bench) -> float:
    return await downloads(bench, bench.site.http, times=4)


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
