"""What users put in the place of our own: classes, functions, constants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import anyiohttp
from anyiohttp import hdrs
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio


async def told(response: anyiohttp.ClientResponse) -> dict[str, Any]:
    answer: dict[str, Any] = await response.json()
    return answer


def fields(answer: dict[str, Any]) -> dict[str, str]:
    return dict(answer["headers"])


# --- classes --------------------------------------------------------------------------------


async def test_request_class(loopback: LoopbackServer) -> None:
    class Signed(anyiohttp.ClientRequest):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.headers["X-Signed"] = f"{self.method} {self.url.path}"

    async with anyiohttp.ClientSession(loopback.url, request_class=Signed) as session:
        async with session.get("echo") as response:
            assert fields(await told(response))["X-Signed"] == "GET /echo"
        async with session.get("redirect-to?url=/echo") as response:
            assert fields(await told(response))["X-Signed"] == "GET /echo"  # each hop its own


async def test_a_middleware_may_choose_the_response_class(loopback: LoopbackServer) -> None:
    class Loud(anyiohttp.ClientResponse):
        pass

    async def loud(
        request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        assert request.response_class is anyiohttp.ClientResponse
        if request.url.path == "/status/201":
            request.response_class = Loud
        return await handler(request)

    async with anyiohttp.ClientSession(loopback.url, middlewares=(loud,)) as session:
        async with session.get("status/201") as response:
            assert type(response) is Loud
        async with session.get("status/200") as response:
            assert type(response) is anyiohttp.ClientResponse


# --- what a middleware sees -----------------------------------------------------------------


SEEN = (
    "original_url",
    "version",
    "chunked",
    "compress",
    "ssl",
    "server_hostname",
    "method",
    "session",
)


async def test_what_a_middleware_sees_of_a_request(loopback: LoopbackServer) -> None:
    seen: list[dict[str, object]] = []

    async def look(
        request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        seen.append({name: getattr(request, name) for name in SEEN})
        return await handler(request)

    url = loopback.url.with_path("/echo").with_fragment("part")
    async with anyiohttp.ClientSession(middlewares=(look,)) as session:
        async with session.get(url) as response:
            assert response.status == 200
        async with session.post(
            url, data=b"x", compress=True, chunked=True, ssl=False, server_hostname="other"
        ) as response:
            assert response.status == 200
    plain = {"original_url": url, "version": anyiohttp.HttpVersion11, "session": session}
    assert seen == [
        plain
        | {"chunked": None, "compress": None, "ssl": True, "server_hostname": None}
        | {"method": "GET"},
        plain
        | {"chunked": True, "compress": "deflate", "ssl": False, "server_hostname": "other"}
        | {"method": "POST"},
    ]


class Watched(anyiohttp.BytesPayload):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


@pytest.mark.parametrize(
    ("new", "body", "content_type"),
    [
        (b"bytes", "bytes", "application/octet-stream"),
        ("text", "text", "text/plain; charset=utf-8"),
        ({"a": "b"}, "a=b", "application/x-www-form-urlencoded"),
        (None, "", None),
    ],
)
async def test_update_body(
    loopback: LoopbackServer, new: object, body: str, content_type: str | None
) -> None:
    old = Watched(b"old")

    async def update(
        request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        request.headers.pop(hdrs.CONTENT_TYPE, None)
        await request.update_body(new)
        assert old.closed == 0  # a redirect may need it once more
        return await handler(request)

    async with (
        anyiohttp.ClientSession(loopback.url, middlewares=(update,)) as session,
        session.post("echo", data=old, headers={"Content-Length": "3"}) as response,
    ):
        answer = await told(response)
        assert answer["body"] == body
        assert fields(answer).get("Content-Type") == content_type
        assert old.closed == 1


async def test_an_updated_body_is_compressed_too(loopback: LoopbackServer) -> None:
    async def update(
        request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        await request.update_body(b"new " * 100)
        return await handler(request)

    async with (
        anyiohttp.ClientSession(loopback.url, middlewares=(update,)) as session,
        session.post("upload", data=b"old", compress="gzip") as response,
    ):
        assert (await response.json())["size"] < 60


# --- functions ------------------------------------------------------------------------------


async def test_json_serialize_bytes(loopback: LoopbackServer) -> None:
    def dumps(value: object) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    async with (
        anyiohttp.ClientSession(loopback.url, json_serialize_bytes=dumps) as session,
        session.post("echo", json={"a": [1, 2]}) as response,
    ):
        answer = await told(response)
        assert answer["body"] == '{"a":[1,2]}'
        assert fields(answer)["Content-Type"] == "application/json"
        assert session.json_serialize is json.dumps


async def test_requoting_can_be_switched_while_a_session_lives(loopback: LoopbackServer) -> None:
    path = "redirect-to?url=/headers%3Fa%253D%2520b"
    async with anyiohttp.ClientSession(loopback.url) as session:
        assert session.requote_redirect_url
        session.requote_redirect_url = False
        assert not session.requote_redirect_url
        async with session.get(path) as response:
            assert response.url.raw_query_string == "a%3D%20b"


@pytest.fixture
def fastest_zlib() -> Iterator[None]:
    yield
    from anyiohttp._message.coding_libraries import fastest_zlib

    anyiohttp.set_zlib_backend(fastest_zlib())


async def test_set_zlib_backend(loopback: LoopbackServer, fastest_zlib: None) -> None:
    import zlib

    calls: list[int] = []

    class Counting(ModuleType):
        error = zlib.error

        @staticmethod
        def decompressobj(wbits: int) -> Any:
            calls.append(wbits)
            return zlib.decompressobj(wbits)

    anyiohttp.set_zlib_backend(Counting("counting"))
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.get("gzip") as response,
    ):
        assert await response.read()
    assert calls


# --- values ---------------------------------------------------------------------------------


def test_etag() -> None:
    assert anyiohttp.ETag("a") == anyiohttp.ETag(value="a", is_weak=False)
    assert hash(anyiohttp.ETag("a")) != hash(anyiohttp.ETag("a", is_weak=True))


def test_chain_map_proxy() -> None:
    first, second = {"a": 1}, {"a": 2, "b": 3}
    chain = anyiohttp.ChainMapProxy([first, second])
    assert (chain["a"], chain["b"], chain.get("c"), chain.get("c", 4)) == (1, 3, None, 4)
    with pytest.raises(KeyError):
        chain["c"]
    assert (len(chain), sorted(chain), "b" in chain, "c" in chain) == (2, ["a", "b"], True, False)
    first["c"] = 5
    assert chain["c"] == 5
    assert repr(chain) == "ChainMapProxy({'a': 1, 'c': 5}, {'a': 2, 'b': 3})"
    assert not anyiohttp.ChainMapProxy([{}, {}])
    with pytest.raises(TypeError, match="forbidden"):
        type("Mine", (anyiohttp.ChainMapProxy,), {})
