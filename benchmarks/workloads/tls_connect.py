"""200 new TLS connections to one host, one after the other, with session resumption on.

The server closes after each answer. anyio's streams cannot resume, so there is no floor.
"""

from __future__ import annotations

from .base import Target, Workload
from .running import Bench, calls, measuring


async def run(bench: Bench) -> float:
    url = bench.site.https + "/close"
    async with bench.client(limit=64) as client:
        each = bench.spec.each or (40 if bench.spec.quick else 200)
        resumed = count = 0

        async def get() -> bytes:
            nonlocal resumed, count
            answer = await client.get(url)
            resumed += answer.endswith(b"r\n")
            count += 1
            return answer

        value = await calls(bench, get, tasks=1, each=each)
        bench.remark = f"{resumed} of {count} resumed"
        return value


WORKLOAD = Workload(
    name="tls_connect",
    title="TLS: 200 new connections to one host, session resumption on",
    unit="µs",
    measure=measuring(run),
    targets=(Target("asyncio", 0.6, "aiohttp"), Target("trio", 0.5, "httpx2")),
    lacking=frozenset({"floor"}),
)
