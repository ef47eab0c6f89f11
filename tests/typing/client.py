"""What type checkers must say of programs: checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from ssl import SSLContext
from typing import Any, assert_type

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

import anyiohttp as aiohttp
from anyiohttp import hdrs


async def requests(session: aiohttp.ClientSession) -> None:
    async with session.get("http://localhost/", params={"a": 1, "b": ["c", "d"]}) as response:
        assert_type(response, aiohttp.ClientResponse)
    assert_type(await session.post(URL("http://localhost/"), json={"a": 1}), aiohttp.ClientResponse)
    async with aiohttp.request("GET", "http://localhost/", timeout=3) as response:
        assert_type(response.status, int)
    async with session.request(
        hdrs.METH_PUT,
        "http://localhost/",
        data=b"x",
        headers={hdrs.CONTENT_TYPE: "text/plain"},
        cookies={"a": "b"},
        auth=aiohttp.BasicAuth("user", "password"),
        timeout=aiohttp.ClientTimeout(total=1, sock_read=0.5),
        ssl=False,
        proxy="http://localhost:8080",
        compress="gzip",
        raise_for_status=True,
        upload_tracker=aiohttp.UploadTracker(),
        middlewares=(),
        trace_request_ctx={"any": "thing"},
    ) as response:
        assert_type(await response.text(), str)
    session.get("http://localhost/", colour="red")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    session.get("http://localhost/", max_redirects="3")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    session.get(b"http://localhost/")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def responses(response: aiohttp.ClientResponse) -> None:
    assert_type(response.url, URL)
    assert_type(response.method, str)
    assert_type(response.reason, str | None)
    assert_type(response.version, aiohttp.HttpVersion)
    assert_type(response.headers, CIMultiDictProxy[str])
    assert_type(response.cookies, SimpleCookie)
    assert_type(response.history, tuple[aiohttp.ClientResponse, ...])
    assert_type(response.request_info, aiohttp.RequestInfo)
    assert_type(response.ok, bool)
    assert_type(response.charset, str | None)
    assert_type(await response.read(), bytes)
    assert_type(await response.json(), Any)
    assert_type(response.content, aiohttp.StreamReader)
    assert_type(await response.content.readchunk(), tuple[bytes, bool])
    async for line in response.content:
        assert_type(line, bytes)
    async for block in response.content.iter_chunked(1024):
        assert_type(block, bytes)
    async for block, ended in response.content.iter_chunks():
        assert_type(block, bytes)
        assert_type(ended, bool)


async def sessions(context: SSLContext) -> None:
    class Mine(aiohttp.ClientResponse):
        pass

    connector = aiohttp.TCPConnector(limit=10, limit_per_host=2, ssl=context, ttl_dns_cache=None)
    assert_type(connector.limit, int)
    assert_type(connector.closed, bool)
    async with aiohttp.ClientSession(
        "http://localhost/",
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=Mine,
        request_class=aiohttp.ClientRequest,
        json_serialize_bytes=lambda value: b"",
        raise_for_status=True,
        trust_env=True,
    ) as session:
        assert_type(session, aiohttp.ClientSession)
        assert_type(session.closed, bool)
        assert_type(session.headers, CIMultiDict[str])
        assert_type(session.timeout, aiohttp.ClientTimeout)
        assert_type(session.requote_redirect_url, bool)
        session.requote_redirect_url = False
    aiohttp.ClientSession(conector=connector)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def conversations(session: aiohttp.ClientSession) -> None:
    async with session.ws_connect("ws://localhost/", heartbeat=5, protocols=("a",)) as ws:
        assert_type(ws.closed, bool)
        assert_type(ws.close_code, int | None)
        message = await ws.receive()
        assert_type(message.type, aiohttp.WSMsgType)
        assert_type(await ws.receive_bytes(), bytes)
        assert_type(await ws.close(code=aiohttp.WSCloseCode.OK), bool)
        async for message in ws:
            assert_type(message.type, aiohttp.WSMsgType)


async def middlewares(session: aiohttp.ClientSession) -> None:
    async def sign(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert_type(request.headers, CIMultiDict[str])
        assert_type(request.url, URL)
        await request.update_body(b"new")
        response = await handler(request)
        assert_type(response, aiohttp.ClientResponse)
        return response

    given: aiohttp.ClientMiddlewareType = sign
    async with session.get("http://localhost/", middlewares=(given, sign)) as response:
        assert_type(response.status, int)

    async def wrong(request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        raise NotImplementedError

    session.get("/", middlewares=(wrong,))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def tracing() -> None:
    async def started(
        session: aiohttp.ClientSession, context: object, params: aiohttp.TraceRequestStartParams
    ) -> None:
        assert_type(params.url, URL)
        assert_type(params.method, str)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)


async def bodies() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"piece"

    form = aiohttp.FormData({"a": "b"})
    form.add_field("file", b"x", filename="x", content_type="text/plain")
    assert_type(form(), aiohttp.Payload)
    with aiohttp.MultipartWriter("mixed") as writer:
        assert_type(writer.append("text"), aiohttp.Payload)
    assert_type(aiohttp.get_payload(pieces()), aiohttp.Payload)


def errors(error: aiohttp.ClientResponseError, connect: aiohttp.ClientConnectorError) -> None:
    assert_type(error.status, int)
    assert_type(error.message, str)
    assert_type(connect.host, str)
    assert_type(aiohttp.BasicAuth("a").encode(), str)
    assert_type(aiohttp.encode_basic_auth("a", "b"), str)
