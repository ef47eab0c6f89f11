"""A request with 10,000 hosts in the pool, beside 1: the cost is to be flat."""

from __future__ import annotations

from . import growth
from .base import Target, Workload
from .running import measuring

WORKLOAD = Workload(
    name="growth_hosts",
    title="growth: a request with 10,000 hosts in the pool, beside 1",
    unit="×",
    measure=measuring(growth.hosts),
    targets=(Target("asyncio", 1.25), Target("uvloop", 1.25), Target("trio", 1.25)),
    lacking=frozenset({"aiohttp", "httpx2", "pyreqwest", "floor"}),
    rounds=1,
)
