"""How long a request waits for its answer, measured by tracing."""

import time
from types import SimpleNamespace

import anyiohttp


# --8<-- [start:trace]
def timing(seconds: list[float]) -> anyiohttp.TraceConfig:
    async def started(
        session: anyiohttp.ClientSession,
        context: SimpleNamespace,
        params: anyiohttp.TraceRequestStartParams,
    ) -> None:
        context.started = time.perf_counter()

    async def ended(
        session: anyiohttp.ClientSession,
        context: SimpleNamespace,
        params: anyiohttp.TraceRequestEndParams,
    ) -> None:
        seconds.append(time.perf_counter() - context.started)

    config = anyiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_end.append(ended)
    return config


# --8<-- [end:trace]


async def main(url: str) -> None:
    seconds: list[float] = []
    async with anyiohttp.ClientSession(trace_configs=[timing(seconds)]) as session:
        async with session.get(f"{url}/get") as response:
            assert response.status == 200
    assert 0 < seconds[0] < 60
