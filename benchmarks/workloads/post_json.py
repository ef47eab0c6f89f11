"""A POST of 1 KB of JSON, by 64 tasks over 64 kept connections."""

from __future__ import annotations

import json

from .base import Target, Workload
from .running import TASKS, Bench, calls, measuring

DOCUMENT = {
    "id": 4711,
    "name": "a document",
    "tags": [f"tag number {number}" for number in range(20)],
    "values": [number * 1.5 for number in range(60)],
    "nested": {f"key{number}": {"on": True, "by": None} for number in range(9)},
}
assert 950 < len(json.dumps(DOCUMENT)) < 1100


async def run(bench: Bench) -> float:
    url = bench.site.http + "/post"
    async with bench.client(limit=TASKS) as client:
        # The server answers with the length of the request it read: three digits or four.
        return await calls(
            bench,
            lambda: client.post_json(url, DOCUMENT),
            tasks=TASKS,
            each=bench.repeats(200, 15),
            sizes=(4, 5),
        )


WORKLOAD = Workload(
    name="post_json",
    title="POST of 1 KB JSON, 64 tasks",
    unit="µs",
    measure=measuring(run),
    targets=(Target("asyncio", 0.70, "aiohttp"), Target("trio", 0.15, "httpx2")),
)
