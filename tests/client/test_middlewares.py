"""Middlewares: what they see of a request, what they may change, how often they may send."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import AsyncIterator
from io import BytesIO

import anyio
import pytest
from yarl import URL

import anyiohttp
from anyiohttp import (
    BodyNotReplayableError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    HttpVersion10,
    InvalidBodyError,
    Payload,
)
from anyiohttp.testing import MemoryNetwork, Request, Response, json_response

pytestmark = pytest.mark.anyio


async def echo(request: Request) -> Response:
    body = await request.read()
    return json_response(
        {
            "method": request.method,
            "target": request.target,
            "headers": [list(item) for item in request.headers.items()],
            "body": body.decode("latin1"),
        }
    )


async def ask(
    *middlewares: ClientMiddlewareType, method: str = "GET", **options: object
) -> dict[str, object]:
    """What the server saw of a request."""
    async with MemoryNetwork() as network:
        server = network.serve("origin.example", echo)
        network.proxy("proxy.example", port=8080)
        async with (
            anyiohttp.ClientSession(server.url, connector=network.connector(limit=1)) as session,
            session.request(method, "/path?q#part", middlewares=middlewares, **options) as response,  # type: ignore[arg-type]
        ):
            seen: dict[str, object] = await response.json()
    seen["headers"] = {str(name).lower(): value for name, value in seen["headers"]}  # type: ignore[attr-defined]
    return seen


async def test_what_a_request_says_of_itself() -> None:
    seen: dict[str, object] = {}

    async def look(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for name in (
            *("method", "url", "original_url", "host", "port", "version", "chunked", "compress"),
            *("body", "proxy", "proxy_headers", "ssl", "server_hostname"),
        ):
            seen[name] = getattr(request, name)
        seen["is_ssl"] = request.is_ssl()
        seen["session"] = type(request.session)
        return await handler(request)

    await ask(look)
    url = URL("http://origin.example/path?q#part")
    assert seen == {
        "method": "GET",
        "url": url,
        "original_url": url,
        "host": "origin.example",
        "port": 80,
        "version": (1, 1),
        "chunked": None,
        "compress": None,
        "body": b"",
        "proxy": None,
        "proxy_headers": None,
        "ssl": True,
        "server_hostname": None,
        "is_ssl": False,
        "session": anyiohttp.ClientSession,
    }
    await ask(look, method="POST", data=b"x" * 100, compress="gzip", chunked=True)
    assert isinstance(seen["body"], Payload)
    assert (seen["compress"], seen["chunked"]) == ("gzip", True)


async def test_what_may_be_changed() -> None:
    async def change(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        request.method = "PUT"
        request.url = request.url.with_path("/other")
        request.headers["X-Added"] = "1"
        request.version = HttpVersion10
        request.ssl = ssl.create_default_context()
        request.server_hostname = "name.example"
        assert isinstance(request.ssl, ssl.SSLContext)
        assert request.server_hostname == "name.example"
        return await handler(request)

    seen = await ask(change)
    assert (seen["method"], seen["target"]) == ("PUT", "/other")
    assert seen["headers"]["x-added"] == "1"  # type: ignore[index]
    assert seen["headers"]["connection"] == "keep-alive"  # type: ignore[index]


async def test_a_proxy_and_what_it_is_told() -> None:
    async def detour(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        request.proxy = "http://proxy.example:8080"  # type: ignore[assignment]
        assert request.proxy == URL("http://proxy.example:8080")
        assert request.proxy_headers is not None
        request.proxy_headers["X-Tell"] = "proxy"
        return await handler(request)

    async def straight(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        assert request.proxy is not None
        assert request.proxy_headers == {"X-Said": "1"}
        request.copy().proxy_headers["X-Said"] = "2"  # type: ignore[index]
        assert request.proxy_headers == {"X-Said": "1"}
        request.proxy = None
        return await handler(request)

    seen = await ask(detour)
    assert seen["headers"]["x-tell"] == "proxy"  # type: ignore[index]
    seen = await ask(straight, proxy="http://nowhere.example", proxy_headers={"X-Said": "1"})
    assert "x-said" not in seen["headers"]  # type: ignore[operator]


# --- bodies -------------------------------------------------------------------------------------


class Noting(anyiohttp.BytesPayload):
    """A body that counts how often it was closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


@pytest.mark.parametrize(
    ("new", "body", "content_type", "length"),
    [
        (b"bytes", "bytes", "application/json", "5"),
        ("text", "text", "application/json", "4"),
        (None, "", "application/json", "0"),
        ({"a": "b"}, "a=b", "application/json", "3"),
        (BytesIO(b"file"), "file", "application/json", "4"),
    ],
)
async def test_another_body(new: object, body: str, content_type: str, length: str) -> None:
    async def change(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        await request.update_body(new)
        return await handler(request)

    seen = await ask(change, method="POST", json={"long": "enough to be another length"})
    headers = seen["headers"]
    assert isinstance(headers, dict)
    assert seen["body"] == body
    assert headers["content-type"] == content_type  # the user's, or of the body that was
    assert headers["content-length"] == length
    assert "transfer-encoding" not in headers


async def test_a_body_where_there_was_none() -> None:
    async def change(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        request.body = {"a": "b"}  # type: ignore[assignment]
        return await handler(request)

    seen = await ask(change, method="POST")
    assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded"  # type: ignore[index]
    seen = await ask(change, method="POST", skip_auto_headers=["content-type"])
    assert "content-type" not in seen["headers"]  # type: ignore[operator]
    assert seen["body"] == "a=b"


async def test_a_compressed_body_stays_compressed() -> None:
    async def change(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        request.update_body(b"y" * 1000)
        request.update_body(request.body)  # as it is
        assert request.compress == "gzip"
        return await handler(request)

    async def look(request: Request) -> Response:
        return Response(200, gzip.decompress(await request.read()))

    async with MemoryNetwork() as network:
        server = network.serve("origin.example", look)
        async with (
            anyiohttp.ClientSession(connector=network.connector()) as session,
            session.post(
                server.url, data=b"x" * 1000, compress="gzip", middlewares=[change]
            ) as response,
        ):
            assert await response.read() == b"y" * 1000


async def test_all_bodies_are_closed_once_and_a_redirect_begins_anew() -> None:
    bodies: list[Noting] = []

    async def change(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        assert request.body is original
        for text in (b"one", b"two"):
            bodies.append(Noting(text))
            request.update_body(bodies[-1])
        return await handler(request)

    async def hop(request: Request) -> Response:
        assert await request.read() == b"two"
        if request.target == "/":
            return Response(307, b"", [("Location", "/next")])
        return Response(200, b"")

    original = Noting(b"original")
    async with MemoryNetwork() as network:
        server = network.serve("origin.example", hop)
        async with (
            anyiohttp.ClientSession(connector=network.connector()) as session,
            session.post(server.url, data=original, middlewares=[change]) as response,
        ):
            assert response.status == 200
    assert [body.closed for body in [original, *bodies]] == [1] * 5


async def test_a_body_that_cannot_be() -> None:
    async def change(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        with pytest.raises(InvalidBodyError):
            request.update_body(object())
        return await handler(request)

    assert (await ask(change, method="POST", data=b"kept"))["body"] == "kept"


# --- sending ------------------------------------------------------------------------------------


def twice() -> ClientMiddlewareType:
    async def send(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        first = await handler(request)
        assert (await first.json())["body"] == "all of it"
        return await handler(request)

    return send


@pytest.mark.parametrize("data", [b"all of it", BytesIO(b"all of it"), "all of it"])
async def test_what_is_sent_twice_has_its_body_twice(data: object) -> None:
    assert (await ask(twice(), method="POST", data=data))["body"] == "all of it"


async def test_what_cannot_be_sent_twice() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"all "
        yield b"of it"

    with pytest.raises(BodyNotReplayableError, match="must be sent again"):
        await ask(twice(), method="POST", data=pieces())


async def test_at_once() -> None:
    """A middleware may send in parallel; the request's own copy is what it changes."""

    async def hedge(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        responses: list[ClientResponse] = []

        async def send(number: int) -> None:
            copy = request.copy()
            copy.headers["X-Number"] = str(number)
            responses.append(await handler(copy))

        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(send, number)
        numbers = set()
        for response in responses[1:]:
            numbers.add(dict((await response.json())["headers"])["X-Number"])
        assert len(numbers) == 2
        return responses[0]

    async with MemoryNetwork() as network:
        server = network.serve("origin.example", echo)
        async with (
            anyiohttp.ClientSession(connector=network.connector()) as session,
            session.get(server.url, middlewares=[hedge]) as response,
        ):
            assert response.status == 200


async def test_requests_of_a_middlewares_own() -> None:
    async def token(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        async with request.session.post("/token", data=b"x", middlewares=()) as response:
            request.headers["X-Token"] = (await response.json())["target"]
        return await handler(request)

    async with MemoryNetwork() as network:
        server = network.serve("origin.example", echo)
        async with (
            anyiohttp.ClientSession(
                server.url, connector=network.connector(limit=1), middlewares=[token]
            ) as session,
            session.get("/") as response,
        ):
            assert ["X-Token", "/token"] in (await response.json())["headers"]


async def test_changes_are_gone_when_it_is_resent() -> None:
    """A middleware that adds a field does so once, also if the kept connection was dead."""

    async def add(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        runs.append(1)
        request.headers.add("X-Added", "1")
        return await handler(request)

    async def ending(request: Request) -> Response:
        seen.append(request.headers.getall("X-Added"))
        return Response(200, b"", silent_close=True)

    runs: list[int] = []
    seen: list[list[str]] = []
    async with MemoryNetwork() as network:
        server = network.serve("origin.example", ending)
        async with anyiohttp.ClientSession(
            server.url, connector=network.connector(), middlewares=[add]
        ) as session:
            for _ in range(3):
                async with session.get("/"):
                    pass
    assert seen == [["1"]] * 3
    assert len(runs) == 3
