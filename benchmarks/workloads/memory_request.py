"""Memory for each of 2,000 requests at once that wait for their answers."""

from __future__ import annotations

from .base import Target, Workload
from .held import waiting
from .running import measuring

WORKLOAD = Workload(
    name="memory_request",
    title="memory per concurrent request, 2,000 of them",
    unit="KB",
    measure=measuring(waiting),
    targets=(Target("asyncio", 1.0, "aiohttp"), Target("trio", 1.0, "httpx2")),
    rounds=1,
)
