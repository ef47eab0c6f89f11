"""Growth, as a ratio: what a request costs where there is much of something and where there is not.

Both are measured in one process, one after the other, and several times; the least of each counts.
"""

from __future__ import annotations

import resource

from ..holding import Holder
from .running import Bench, Meter

LIMIT = 8
FEW, MANY = 10, 5000
HOSTS = 10_000
#: Hosts that are asked, of those in the pool.
ASKED = 50


async def waiting(bench: Bench) -> float:
    """5,000 tasks that wait for one of 8 connections, beside 10."""
    url = bench.site.http + "/small"
    many = 1000 if bench.spec.quick else MANY
    async with bench.client(limit=LIMIT) as client:

        async def get() -> None:
            await client.get(url)

        async def cost(tasks: int) -> float:
            times = max(1, many // tasks)
            with Meter() as meter:
                for _ in range(times):
                    await bench.tasks(tasks, get)
            return meter.cpu / (times * tasks) * 1e6

        await bench.tasks(LIMIT, get)
        found = [(await cost(LIMIT + FEW), await cost(LIMIT + many)) for _ in range(3)]
    return _ratio(bench, found, f"with {FEW} waiting", f"with {many:,}")


async def hosts(bench: Bench) -> float:
    """10,000 hosts with a connection each in the pool, beside one."""
    # The server has two files for each.
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    count = 500 if bench.spec.quick else min(HOSTS, files // 2 - 500)
    with Holder(count) as holder:
        urls = [f"http://{holder.address(number)}/now" for number in range(count)]
        async with bench.client(limit=count) as client:

            async def cost(asked: list[str]) -> float:
                for url in asked:
                    await client.get(url)
                with Meter() as meter:
                    for _ in range(20):
                        for url in asked:
                            await client.get(url)
                return meter.cpu / (20 * len(asked)) * 1e6

            few = [await cost(urls[:1] * ASKED) for _ in range(3)]
            for url in urls:
                await client.get(url)
            many = [await cost(urls[:: count // ASKED]) for _ in range(3)]
    return _ratio(bench, list(zip(few, many, strict=True)), "with 1 host", f"with {count:,}")


def _ratio(bench: Bench, found: list[tuple[float, float]], little: str, much: str) -> float:
    few, many = min(few for few, _ in found), min(many for _, many in found)
    bench.remark = f"{few:.0f} µs {little}, {many:.0f} µs {much}"
    return many / few
