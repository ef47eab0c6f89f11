"""Memory for each of 2,000 idle kept connections. The floor has no pool for more than one host."""

from __future__ import annotations

from .base import Target, Workload
from .held import idle
from .running import measuring

WORKLOAD = Workload(
    name="memory_idle",
    title="memory per idle kept connection, 2,000 of them",
    unit="KB",
    measure=measuring(idle),
    targets=(Target("asyncio", 1.0, "aiohttp"), Target("trio", 1.0, "httpx2")),
    lacking=frozenset({"floor"}),
    rounds=1,
)
