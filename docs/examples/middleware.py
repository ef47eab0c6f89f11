"""A middleware that sends again what a busy server turned down."""

import anyio

import anyiohttp
from anyiohttp.testing import MemoryNetwork, Request, Response


# --8<-- [start:retry]
async def retry_when_busy(
    request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
) -> anyiohttp.ClientResponse:
    for delay in (0.0, 0.01, 0.02):
        await anyio.sleep(delay)
        response = await handler(request)
        if response.status != 503:
            break
        response.release()
    return response


# --8<-- [end:retry]


# --8<-- [start:header]
async def add_trace_id(
    request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
) -> anyiohttp.ClientResponse:
    request.headers["X-Trace-Id"] = "42"
    return await handler(request)


# --8<-- [end:header]


async def main() -> None:
    seen: list[str | None] = []

    async def busy_at_first(request: Request) -> Response:
        seen.append(request.headers.get("X-Trace-Id"))
        return Response(503 if len(seen) < 3 else 200)

    async with MemoryNetwork() as network:
        server = network.serve("example.org", busy_at_first)
        # --8<-- [start:use]
        async with anyiohttp.ClientSession(
            connector=network.connector(), middlewares=[retry_when_busy, add_trace_id]
        ) as session:
            async with session.get(server.url) as response:
                assert response.status == 200
        # --8<-- [end:use]
    assert seen == ["42", "42", "42"]
