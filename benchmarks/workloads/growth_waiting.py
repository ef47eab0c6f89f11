"""A request with 5,000 tasks waiting, beside 10: the cost is to be flat."""

from __future__ import annotations

from . import growth
from .base import Target, Workload
from .running import measuring

WORKLOAD = Workload(
    name="growth_waiting",
    title="growth: a request with 5,000 tasks waiting, beside 10",
    unit="×",
    measure=measuring(growth.waiting),
    targets=(Target("asyncio", 1.25), Target("uvloop", 1.25), Target("trio", 1.25)),
    lacking=frozenset({"aiohttp", "httpx2", "pyreqwest", "floor"}),
    rounds=2,
)
