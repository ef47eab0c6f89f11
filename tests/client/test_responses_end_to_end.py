"""Responses, end to end: every attribute of a real one, `raise_for_status`, and how they end."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from multidict import CIMultiDictProxy
from tests.servers import Script, ScriptedPeer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio


def always(answer: bytes) -> Script:
    """A script that gives every request the same answer."""

    async def script(peer: ScriptedPeer) -> None:
        while True:
            await peer.receive_head()
            await peer.send(answer)

    return script


FULL = (
    b"HTTP/1.1 203 Quite So\r\n"
    b"Content-Type: Text/HTML; Charset=ISO-8859-1\r\n"
    b"Content-Length: 4\r\n"
    b'Content-Disposition: attachment; filename="it is.txt"; size=4\r\n'
    b'Link: </page/2>; rel="next", <http://other.test/>; rel=up\r\n'
    b"Set-Cookie: a=1; Path=/\r\n"
    b"set-cookie: b=2\r\n"
    b"X-Utf8: gr\xc3\xbc\xc3\x9fe\r\n"
    b"X-Bytes: \xff\r\n"
    b"X-Empty:\r\n"
    b"X-Many: 1\r\n"
    b"x-many: 2\r\n"
    b"\r\nbody"
)


async def test_every_attribute(scripted_server: StartScripted) -> None:
    server = await scripted_server(always(FULL))
    url = (server.url / "a%20b").with_query("q=1").with_fragment("part")
    async with anyiohttp.ClientSession() as session, session.put(url, headers={"X": "y"}) as r:
        assert r.status == 203
        assert r.reason == "Quite So"
        assert r.version == anyiohttp.HttpVersion11 == (1, 1)
        assert r.ok
        assert r.method == "PUT"
        assert r.url == r.real_url == url
        assert r.url.fragment == "part"
        assert r.host == "127.0.0.1"
        assert r.history == ()
        assert r.content_type == "text/html"
        assert r.charset == "ISO-8859-1"  # as sent
        assert r.content_length == 4
        assert r.content_disposition is not None
        assert r.content_disposition.type == "attachment"
        assert r.content_disposition.filename == "it is.txt"
        assert r.content_disposition.parameters["size"] == "4"
        assert r.links["next"]["url"] == server.url / "page/2"
        assert r.links["up"]["url"] == URL("http://other.test/")
        assert {name: morsel.value for name, morsel in r.cookies.items()} == {"a": "1", "b": "2"}
        assert r.trailers == {}
        info = r.request_info
        assert (info.method, info.url, info.real_url) == ("PUT", url, url)
        assert info.headers["x"] == "y"
        assert info.headers["User-Agent"].startswith("anyiohttp/")
        assert await r.text() == "body"


async def test_headers_and_raw_headers(scripted_server: StartScripted) -> None:
    server = await scripted_server(always(FULL))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert isinstance(r.headers, CIMultiDictProxy)
        assert r.headers["content-LENGTH"] == "4"
        assert r.headers.getall("X-Many") == ["1", "2"]
        assert r.headers["X-Utf8"] == "grüße"
        assert r.headers["X-Bytes"].encode("utf-8", "surrogateescape") == b"\xff"
        assert r.headers["X-Empty"] == ""
        assert r.raw_headers[0] == (b"Content-Type", b"Text/HTML; Charset=ISO-8859-1")
        assert (b"set-cookie", b"b=2") in r.raw_headers
        assert (b"X-Bytes", b"\xff") in r.raw_headers
        assert len(r.raw_headers) == len(FULL.split(b"\r\n")) - 3


async def test_a_bare_response(scripted_server: StartScripted) -> None:
    server = await scripted_server(always(b"HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n"))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert r.version == anyiohttp.HttpVersion10
        assert not r.reason
        assert r.content_type == "application/octet-stream"
        assert r.charset is None
        assert r.content_disposition is None
        assert dict(r.links) == {}
        assert dict(r.cookies) == {}
        assert await r.read() == b""


async def test_interim_responses_are_not_the_response(scripted_server: StartScripted) -> None:
    server = await scripted_server(
        always(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload"
            b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        )
    )
    async with anyiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url) as r:
                assert r.status == 200
                assert "Link" not in r.headers
                assert await r.read() == b"ok"
    assert server.connections == 1


@pytest.mark.parametrize("pieces", ["bytewise", "at once"])
async def test_a_response_in_any_pieces(scripted_server: StartScripted, pieces: str) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        if pieces == "bytewise":
            await peer.send_bytewise(FULL)
        else:
            await peer.send(FULL)

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert len(r.raw_headers) == 11
        assert await r.text() == "body"


async def test_header_limits_have_exact_edges(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        head = await peer.receive_head()
        size, count = (int(part) for part in head.split()[1].strip(b"/").split(b"-"))
        fields = b"X: y\r\n" * (count - 2)
        value = b"v" * (size - len(b"Long"))
        await peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLong: %b\r\n%b\r\n" % (value, fields)
        )

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:

        async def ask(size: int, count: int, **options: int) -> int:
            async with session.get(server.url / f"{size}-{count}", **options) as r:  # type: ignore[arg-type]
                return len(r.raw_headers)

        assert await ask(8190, 128) == 128
        with pytest.raises(anyiohttp.ClientResponseError):
            await ask(8200, 128)
        with pytest.raises(anyiohttp.ClientResponseError):
            await ask(100, 129)
        assert await ask(20_000, 200, max_field_size=30_000, max_headers=200) == 200
        with pytest.raises(anyiohttp.ClientResponseError):
            await ask(100, 5, max_field_size=90)


# --- raise_for_status ---


async def test_raise_for_status(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        async with session.get("status/399") as r:
            assert r.ok
            assert r.raise_for_status() is None
        async with session.get("status/404") as r:
            assert not r.ok
            with pytest.raises(anyiohttp.ClientResponseError) as caught:
                r.raise_for_status()
            # Inside of the block, the body can still be read.
            assert await r.text() == "404\n"
        error = caught.value
        assert (error.status, error.message) == (404, "Not Found")
        assert error.request_info.url == loopback.url / "status/404"
        assert error.headers is not None
        assert error.headers["Content-Type"] == "text/plain"
        assert error.history == ()
        assert str(error) == f"404, message='Not Found', url='{loopback.url}status/404'"


async def test_raise_for_status_outside_of_a_block_releases(loopback: LoopbackServer) -> None:
    routes = f"stream/{2**24}"
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        good = await session.get(routes)
        good.raise_for_status()
        assert not good.closed
        good.close()
        r = await session.get("status/500")
        with pytest.raises(anyiohttp.ClientResponseError):
            r.raise_for_status()
        assert r.closed
        with pytest.raises(anyiohttp.ClientConnectionError):
            await r.read()


async def test_raise_for_status_of_session_and_request(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url, raise_for_status=True) as session:
        assert session.raise_for_status is True
        with pytest.raises(anyiohttp.ClientResponseError) as caught:
            await session.get("status/503")
        assert caught.value.status == 503
        async with session.get("status/503", raise_for_status=False) as r:
            assert r.status == 503
        async with session.get("status/200") as r:
            assert r.status == 200
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        with pytest.raises(anyiohttp.ClientResponseError):
            await session.get("status/400", raise_for_status=True)
    with pytest.raises(anyiohttp.ClientResponseError):
        await anyiohttp.request("GET", loopback.url / "status/400", raise_for_status=True)


async def test_raise_for_status_as_a_function(scripted_server: StartScripted) -> None:
    class NotGoodError(Exception):
        pass

    async def check(r: anyiohttp.ClientResponse) -> None:
        text = await r.text()
        if "not good" in text:
            raise NotGoodError(text)

    server = await scripted_server(always(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nnot good"))
    async with anyiohttp.ClientSession(raise_for_status=check) as session:
        with pytest.raises(NotGoodError, match="not good"):
            await session.get(server.url)
        async with session.get(server.url, raise_for_status=False) as r:
            assert await r.text() == "not good"


# --- how they end ---


async def test_closed_and_connection(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        async with session.get(f"stream/{2**24}") as r:
            assert not r.closed
            assert r.connection is not None
        assert r.closed
        assert r.connection is None
    assert r.status == 200  # the head stays
    assert r.headers["Content-Length"] == str(2**24)


@pytest.mark.parametrize("end", ["release", "close"])
async def test_release_and_close_are_done_when_they_return(
    loopback: LoopbackServer, end: str
) -> None:
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        r = await session.get(f"stream/{2**24}")
        waitable = getattr(r, end)()
        assert r.closed
        async with session.get("get") as other:
            assert other.status == 200
        assert await waitable is None


async def test_an_exception_in_the_block_releases(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        with pytest.raises(ZeroDivisionError):
            async with session.get(f"stream/{2**24}") as r:
                raise ZeroDivisionError
        assert r.closed
        async with session.get("get") as r:
            assert r.status == 200


async def test_an_unclosed_response_is_warned_of_and_closed(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        r = await session.get(f"stream/{2**24}")
        assert not r.closed
        with pytest.warns(ResourceWarning, match="Unclosed response"):  # noqa: PT031
            del r
            gc.collect()
        async with session.get("get") as other:
            assert other.status == 200


async def test_a_response_that_arrived_in_full_needs_no_closing(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        await session.get("get")  # the fixture that looks for leaks would see a warning
        gc.collect()


async def test_an_unclosed_session_is_warned_of(loopback: LoopbackServer) -> None:
    session = anyiohttp.ClientSession(base_url=loopback.url)
    async with session.get("get") as r:
        await r.read()
    with pytest.warns(ResourceWarning) as warned:  # noqa: PT031
        del session, r
        gc.collect()
    assert "Unclosed client session" in "".join(str(warning.message) for warning in warned)


async def test_closing_the_session_ends_its_responses(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        r = await session.get(f"stream/{2**24}")
    with pytest.raises(anyiohttp.ClientError):
        await r.read()
    assert r.closed


async def test_a_one_shot_session_ends_with_its_response(loopback: LoopbackServer) -> None:
    r = await anyiohttp.request("GET", loopback.url / "json")
    assert (await r.json())["name"] == "anyiohttp"
    assert r.closed
    async with anyiohttp.request("GET", loopback.url / f"stream/{2**24}") as r:
        assert await r.content.readexactly(1)
    assert r.closed
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_repr_shows_no_password(loopback: LoopbackServer) -> None:
    url = loopback.url.with_user("user").with_password("secret") / "basic-auth/user/secret"
    async with anyiohttp.ClientSession() as session, session.get(url) as r:
        assert r.status == 200
        texts = [repr(r), str(r.url), repr(r.request_info), str(r.request_info.url)]
        assert not [text for text in texts if "user:secret" in text or "dXNlc" in text]
        assert "200 OK" in repr(r)


async def test_extra_info(loopback: LoopbackServer, client_ssl_context: ssl.SSLContext) -> None:
    async with anyiohttp.ClientSession() as session:
        async with session.get(loopback.url / f"stream/{2**24}") as r:
            assert r.get_extra_info("peername")[1] == loopback.url.port
            assert r.get_extra_info("ssl_object") is None
            assert r.get_extra_info("nonsense", 7) == 7
        assert r.get_extra_info("peername", "gone") == "gone"
        async with session.get(loopback.tls_url / f"stream/{2**24}", ssl=client_ssl_context) as r:
            certificate = r.get_extra_info("peercert")
            assert ("DNS", "localhost") in certificate["subjectAltName"]
            assert r.get_extra_info("cipher")


@pytest.mark.parametrize(
    "make",
    [lambda session, url: session.get(url), lambda session, url: session.request("GET", url)],
    ids=["get", "request"],
)
async def test_a_call_works_both_ways(
    loopback: LoopbackServer,
    make: Callable[
        [anyiohttp.ClientSession, URL], anyiohttp.RequestContext[anyiohttp.ClientResponse]
    ],
) -> None:
    async with anyiohttp.ClientSession() as session:
        r = await make(session, loopback.url / "get")
        assert (await r.json())["method"] == "GET"
        async with make(session, loopback.url / "get") as r:
            assert (await r.json())["method"] == "GET"
        # A response that was awaited can be entered.
        async with await make(session, loopback.url / "get") as r:
            assert r.status == 200


async def test_a_response_class_of_ones_own(loopback: LoopbackServer) -> None:
    class Mine(anyiohttp.ClientResponse):
        def date(self) -> datetime:
            return datetime.now(UTC)

    async with (
        anyiohttp.ClientSession(base_url=loopback.url, response_class=Mine) as session,
        session.get("redirect/1") as r,
    ):
        assert isinstance(r, Mine)
        assert isinstance(r.history[0], Mine)
        assert r.date()
