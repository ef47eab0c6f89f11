"""The session over real connections: both call forms, defaults, options, ends of life."""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from multidict import MultiDict
from tests.servers import ScriptedPeer, ScriptedServer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]


async def told(response: anyiohttp.ClientResponse) -> dict[str, Any]:
    """What the loopback server says it was asked; fields as a mapping of the last of each name."""
    answer = await response.json()
    answer["fields"] = dict(answer["headers"])
    return answer


async def ok(peer: ScriptedPeer) -> None:
    """Answer every request with its number on the connection."""
    for number in itertools.count():
        await peer.receive_request()
        await peer.answer(b"%d" % number)


def head_of(server: ScriptedServer) -> bytes:
    """All that the server's last connection received."""
    return bytes(server.peers[-1].received)


def drop(held: list[object]) -> None:
    """Let the garbage collector have what was held."""
    held.clear()
    gc.collect()


# --- both forms, every method ---------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
async def test_methods(loopback: LoopbackServer, method: str) -> None:
    async with anyiohttp.ClientSession() as session:
        call = getattr(session, method.lower())
        async with call(loopback.url / "echo") as response:
            assert response.status == 200
            assert response.method == method
            assert response.request_info.method == method
            if method != "HEAD":
                assert (await told(response))["method"] == method
            else:
                assert await response.read() == b""
        response = await call(loopback.url / "echo")
        assert response.status == 200
        await response.read()
    assert loopback.counts.connections == 1


@pytest.mark.parametrize(
    ("given", "sent"), [("get", "GET"), ("PURGE", "PURGE"), ("m-search", "M-SEARCH"), ("x!", "X!")]
)
async def test_any_method_string(loopback: LoopbackServer, given: str, sent: str) -> None:
    async with (
        anyiohttp.ClientSession() as session,
        session.request(given, loopback.url / "get") as response,
    ):
        assert (await told(response))["method"] == sent


@pytest.mark.parametrize("method", ["", "GET /", "G\r\nX", "É", "ß", "\u0131", "GET\0"])
async def test_methods_that_must_not_be_sent(scripted_server: StartScripted, method: str) -> None:
    server = await scripted_server(ok)
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(anyiohttp.InvalidRequestError, match="method") as caught:
            await session.request(method, server.url)
        assert isinstance(caught.value, ValueError)
        async with session.get(server.url):
            pass
    assert head_of(server).startswith(b"GET / HTTP/1.1\r\n")


async def test_head_does_not_follow_redirects_unless_asked(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession() as session:
        async with session.head(loopback.url / "redirect/1") as response:
            assert response.status == 302
        async with session.head(loopback.url / "redirect/1", allow_redirects=True) as response:
            assert response.status == 200


async def test_a_task_can_be_made_of_a_call(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(session.get, "get")
        tasks.start_soon(session.request, "GET", "get")
    assert loopback.counts.requests == 2


# --- request() without a session ------------------------------------------------------------


async def test_one_shot(loopback: LoopbackServer) -> None:
    async with anyiohttp.request("GET", loopback.url / "get") as response:
        assert (await told(response))["path"] == "/get"
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_one_shot_awaited_and_read(loopback: LoopbackServer) -> None:
    response = await anyiohttp.request("POST", loopback.url / "echo", json={"a": 1})
    assert json.loads((await told(response))["body"]) == {"a": 1}
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


@pytest.mark.parametrize("how", ["read", "close", "release", "content"])
async def test_one_shot_awaited_ends_with_its_response(loopback: LoopbackServer, how: str) -> None:
    response = await anyiohttp.request("GET", loopback.url / "stream/5000000")
    assert not response.closed
    assert loopback.counts.open == 1
    if how == "content":
        async for _ in response.content.iter_any():
            pass
    else:
        result = getattr(response, how)()
        assert result is not None
        await result
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_one_shot_that_is_dropped(loopback: LoopbackServer) -> None:
    held: list[object] = [await anyiohttp.request("GET", loopback.url / "stream/5000000")]
    with pytest.warns(ResourceWarning, match="Unclosed response") as caught:
        drop(held)
    assert len(caught) == 1
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_one_shot_that_fails(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()

    server = await scripted_server(script)
    with pytest.raises(anyiohttp.ServerDisconnectedError):
        await anyiohttp.request("GET", server.url)
    with pytest.raises(anyiohttp.InvalidURL):
        async with anyiohttp.request("GET", "nowhere"):
            pass


async def test_one_shot_that_is_cancelled(loopback: LoopbackServer) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyiohttp.request, "GET", loopback.url / "slow")
        await loopback.counts.wait_for(lambda counts: counts.requests == 1)
        tasks.cancel_scope.cancel()
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_one_shot_on_a_connector_of_the_users(loopback: LoopbackServer) -> None:
    async with anyiohttp.TCPConnector() as connector:
        for _ in range(2):
            async with anyiohttp.request("GET", loopback.url / "get", connector=connector) as got:
                assert got.status == 200
        assert not connector.closed
    assert loopback.counts.connections == 1


async def test_one_shot_in_http_1_0(loopback: LoopbackServer) -> None:
    async with anyiohttp.request(
        "GET", loopback.url / "get", version=anyiohttp.HttpVersion10, loop=None
    ) as response:
        assert response.status == 200


# --- life of a session ----------------------------------------------------------------------


async def test_close(loopback: LoopbackServer) -> None:
    session = anyiohttp.ClientSession()
    async with session.get(loopback.url / "get"):
        pass
    assert not session.closed
    assert "TCPConnector" in repr(session)
    connector = session.connector
    assert connector is not None
    await session.close()
    await session.close()
    assert session.closed
    assert connector.closed
    assert session.connector is None
    assert repr(session) == "<ClientSession closed>"
    await loopback.counts.wait_for(lambda counts: counts.open == 0)
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get(loopback.url)


async def test_close_in_a_cancelled_scope(loopback: LoopbackServer) -> None:
    session = anyiohttp.ClientSession()
    async with session.get(loopback.url / "get"):
        pass
    with anyio.CancelScope() as scope:
        scope.cancel()
        await session.close()
    assert session.closed
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_detach(loopback: LoopbackServer) -> None:
    session = anyiohttp.ClientSession()
    connector = session.connector
    assert connector is not None
    session.detach()
    assert session.closed
    assert session.connector is None
    assert not connector.closed
    async with (
        anyiohttp.ClientSession(connector=connector) as other,
        other.get(loopback.url / "get") as response,
    ):
        assert response.status == 200
    assert connector.closed


async def test_ownership(loopback: LoopbackServer) -> None:
    connector = anyiohttp.TCPConnector()
    for owner in (False, False, True):
        async with anyiohttp.ClientSession(connector=connector, connector_owner=owner) as session:
            assert session.connector_owner is owner
            async with session.get(loopback.url / "get"):
                pass
        assert connector.closed is owner
    assert loopback.counts.connections == 1


async def test_closed_with_its_connector(loopback: LoopbackServer) -> None:
    connector = anyiohttp.TCPConnector()
    async with anyiohttp.ClientSession(connector=connector) as session:
        await connector.close()
        assert session.closed
        with pytest.raises(RuntimeError, match="Session is closed"):
            await session.get(loopback.url)


async def test_unclosed_session_warns(loopback: LoopbackServer) -> None:
    session = anyiohttp.ClientSession()
    async with session.get(loopback.url / "get"):
        pass
    gone = weakref.ref(session)
    held: list[object] = [session]
    del session
    with pytest.warns(ResourceWarning) as caught:
        drop(held)
    assert gone() is None
    assert any("Unclosed client session" in str(warning.message) for warning in caught)
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_unclosed_response_warns_and_gives_its_connection_back(
    loopback: LoopbackServer,
) -> None:
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session:
        held: list[object] = [await session.get(loopback.url / "stream/5000000")]
        with pytest.warns(ResourceWarning, match="Unclosed response"):
            drop(held)
        with anyio.fail_after(5):
            async with session.get(loopback.url / "get") as response:
                assert response.status == 200


async def test_a_finished_response_needs_no_closing(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession() as session:
        response = await session.get(loopback.url / "get")
        await response.read()
        del response
        gc.collect()


async def test_a_session_that_could_not_be_made() -> None:
    with pytest.raises(anyiohttp.InvalidURL):
        anyiohttp.ClientSession("nowhere")
    gc.collect()


def test_made_and_closed_outside_of_any_event_loop() -> None:
    session = anyiohttp.ClientSession(cookies={"a": "b"})
    session.detach()
    assert session.closed


async def test_only_async_with() -> None:
    session = anyiohttp.ClientSession()
    with pytest.raises(TypeError, match="async with"), session:  # type: ignore[attr-defined]
        pass
    await session.close()


async def test_from_several_tasks(loopback: LoopbackServer) -> None:
    """Opened by one task, used by many, closed by another."""
    session = anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=5))
    seen: list[int] = []

    async def ask(number: int) -> None:
        async with session.get(loopback.url / "get", params={"n": number}) as response:
            answer = await told(response)
            assert answer["query"] == [["n", str(number)]]
            seen.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(ask, number)
    assert sorted(seen) == list(range(40))
    assert loopback.counts.connections <= 5
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.close)
    assert session.closed


# --- what a session holds -------------------------------------------------------------------


async def test_what_a_session_says_of_itself() -> None:
    jar = anyiohttp.DummyCookieJar()
    auth = anyiohttp.BasicAuth("a", "b")
    timeout = anyiohttp.ClientTimeout(total=3)
    async with anyiohttp.ClientSession(
        cookie_jar=jar,
        headers={"A": "b"},
        skip_auto_headers=["user-agent"],
        auth=auth,
        timeout=timeout,
        version=anyiohttp.HttpVersion10,
        json_serialize=repr,
        raise_for_status=True,
        auto_decompress=False,
        trust_env=True,
        requote_redirect_url=False,
    ) as session:
        assert session.cookie_jar is jar
        assert dict(session.headers) == {"A": "b"}
        assert session.skip_auto_headers == {"User-Agent"}
        assert session.auth is auth
        assert session.timeout is timeout
        assert session.version == (1, 0)
        assert session.json_serialize is repr
        assert session.raise_for_status is True
        assert session.auto_decompress is False
        assert session.trust_env is True
        assert session.requote_redirect_url is False
        assert session.connector_owner is True


async def test_defaults() -> None:
    async with anyiohttp.ClientSession() as session:
        assert isinstance(session.cookie_jar, anyiohttp.CookieJar)
        assert isinstance(session.connector, anyiohttp.TCPConnector)
        assert session.timeout.total == 300
        assert session.timeout.sock_connect == 30
        assert session.version == (1, 1)
        assert session.json_serialize is json.dumps
        assert session.auth is None
        assert not session.headers
        assert session.skip_auto_headers == frozenset()
        assert (session.raise_for_status, session.trust_env) == (False, False)
        assert (session.auto_decompress, session.requote_redirect_url) == (True, True)


async def test_timeout_as_a_number() -> None:
    async with anyiohttp.ClientSession(timeout=7) as session:
        assert session.timeout == anyiohttp.ClientTimeout(total=7)


# --- base_url and params --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "url", "target"),
    [
        ("", "get", "/get"),
        ("", "/get?a=b", "/get?a=b"),
        ("api/v1/", "users", "/api/v1/users"),
        ("api/v1/", "/users", "/users"),
        ("api/v1/", "../v2/users", "/api/v2/users"),
        ("api/v1/", "", "/api/v1/"),
        ("api/v1/", URL("users?x=1"), "/api/v1/users?x=1"),
    ],
)
async def test_base_url(
    scripted_server: StartScripted, base: str, url: str | URL, target: str
) -> None:
    server = await scripted_server(ok)
    async with (
        anyiohttp.ClientSession(f"{server.url}/{base}") as session,
        session.get(url) as response,
    ):
        assert str(response.url) == f"{server.url}{target}"
    assert head_of(server).startswith(f"GET {target} HTTP/1.1\r\n".encode())


async def test_an_absolute_url_overrides_base_url(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession("http://nowhere.invalid/") as session,
        session.get(loopback.url / "get") as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize("base", ["http://h/path", "/relative/", "ftp://h/", "http:///"])
def test_base_urls_that_are_none(base: str) -> None:
    with pytest.raises((anyiohttp.InvalidURL, anyiohttp.NonHttpUrlClientError)):
        anyiohttp.ClientSession(base)


@pytest.mark.parametrize(
    ("session_params", "url", "params", "query"),
    [
        (None, "get", {"a": "1"}, [["a", "1"]]),
        (None, "get", {"a": 1, "b": [2, 3]}, [["a", "1"], ["b", "2"], ["b", "3"]]),
        (None, "get", [("a", "1"), ("a", "2")], [["a", "1"], ["a", "2"]]),
        (None, "get", MultiDict([("a", "1"), ("a", "2")]), [["a", "1"], ["a", "2"]]),
        (None, "get", "a=1&b=%20", [["a", "1"], ["b", " "]]),
        (None, "get?x=y", {"a": "1"}, [["x", "y"], ["a", "1"]]),
        (None, "get?x=y", None, [["x", "y"]]),
        ({"k": "v"}, "get", None, [["k", "v"]]),
        ({"k": "v"}, "get", {"a": "1"}, [["k", "v"], ["a", "1"]]),
        ({"k": "v"}, "get", {"k": "w"}, [["k", "w"]]),
        ({"k": "v"}, "get?k=w", None, [["k", "w"]]),
        ([("k", "v"), ("k", "w")], "get", None, [["k", "v"], ["k", "w"]]),
        (None, "get", {"ключ": "знач&ение=+"}, [["ключ", "знач&ение=+"]]),
    ],
)
async def test_params(
    loopback: LoopbackServer, session_params: Any, url: str, params: Any, query: list[list[str]]
) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url, params=session_params) as session,
        session.get(url, params=params) as response,
    ):
        assert (await told(response))["query"] == query


# --- header fields --------------------------------------------------------------------------


async def test_automatic_fields(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession() as session,
        session.get(loopback.url / "headers") as response,
    ):
        names = [name for name, _ in await response.json()]
    assert names == ["Host", "Accept", "Accept-Encoding", "User-Agent"]


async def test_fields_are_merged(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(headers={"X-One": "1", "X-Two": "2"}) as session,
        session.get(
            loopback.url / "headers", headers=[("x-two", "b"), ("X-Three", "c"), ("X-Three", "d")]
        ) as response,
    ):
        fields = [(k, v) for k, v in await response.json() if k.lower().startswith("x-")]
        sent = response.request_info.headers
    assert fields == [("X-One", "1"), ("x-two", "b"), ("X-Three", "c"), ("X-Three", "d")]
    assert sent.getall("X-Three") == ["c", "d"]


async def test_fields_of_the_session_may_change(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url, headers={"X-Token": "1"}) as session:
        for value in ("1", "2"):
            session.headers["X-Token"] = value
            async with session.get("get") as response:
                assert (await told(response))["fields"]["X-Token"] == value
        del session.headers["x-token"]
        async with session.get("get") as response:
            assert "X-Token" not in (await told(response))["fields"]


async def test_skip_auto_headers(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url, skip_auto_headers=["User-Agent"]) as session:
        async with session.post("echo", data=b"x", skip_auto_headers={"content-type"}) as response:
            fields = (await told(response))["fields"]
        assert set(fields) == {"Host", "Accept", "Accept-Encoding", "Content-Length"}
        async with session.post("echo", data=b"x") as response:
            fields = (await told(response))["fields"]
        assert fields["Content-Type"] == "application/octet-stream"
        assert "User-Agent" not in fields


async def test_a_host_of_the_users(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.get("headers", headers={"host": "example.org"}) as response,
    ):
        hosts = [v for k, v in await response.json() if k.lower() == "host"]
    assert hosts == ["example.org"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-C: d"),
        ("X-A", "b\nc"),
        ("X-A", "b\0c"),
        ("X-A", "\x7f"),
        ("X A", "b"),
        ("X-A:", "b"),
        ("", "b"),
        ("X-Ä", "b"),
        ("X-A\r\nX-B", "b"),
    ],
)
async def test_fields_that_must_not_be_sent(
    scripted_server: StartScripted, name: str, value: str
) -> None:
    server = await scripted_server(ok)
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.InvalidRequestError) as caught:
            await session.get("/", headers={name: value})
        assert isinstance(caught.value, ValueError)
        session.headers[name] = value
        with pytest.raises(anyiohttp.InvalidRequestError):
            await session.get("/")
        del session.headers[name]
        async with session.get("/") as response:
            assert await response.text() == "0"  # the first request that any connection got
        assert server.connections == 1


@pytest.mark.parametrize("value", [1, b"bytes", None])
async def test_values_that_are_no_text(scripted_server: StartScripted, value: Any) -> None:
    server = await scripted_server(ok)
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.InvalidRequestError, match="X-A"):
            await session.get("/", headers={"X-A": value})


# --- options of a request -------------------------------------------------------------------


@pytest.mark.parametrize("version", [anyiohttp.HttpVersion10, (1, 0)])
async def test_http_1_0(scripted_server: StartScripted, version: Any) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        await peer.answer(b"one", b"Connection: keep-alive")
        await peer.receive_request()
        await peer.answer(b"two")
        await peer.wait_closed()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url, version=version) as session:
        for body in ("one", "two"):
            async with session.post("/", data=b"x") as response:
                assert await response.text() == body
        assert server.connections == 1
        # The second answer did not say that the connection stays.
        await server.wait_for(lambda server: server.open == 0)
    head = head_of(server)
    assert head.startswith(b"POST / HTTP/1.0\r\nHost: ")
    assert b"\r\nConnection: keep-alive\r\n" in head


async def test_http_1_0_has_no_chunks(scripted_server: StartScripted) -> None:
    server = await scripted_server(ok)
    async with anyiohttp.ClientSession(server.url, version=anyiohttp.HttpVersion10) as session:
        with pytest.raises(anyiohttp.InvalidRequestError, match=r"HTTP/1\.0"):
            await session.post("/", data=b"x", chunked=True)


@pytest.mark.parametrize(("session_wide", "of_request"), [(True, None), (False, True)])
async def test_raise_for_status(
    loopback: LoopbackServer, session_wide: bool, of_request: bool | None
) -> None:
    async with anyiohttp.ClientSession(loopback.url, raise_for_status=session_wide) as session:
        with pytest.raises(anyiohttp.ClientResponseError) as caught:
            await session.get("status/404", raise_for_status=of_request)
        assert caught.value.status == 404
        assert caught.value.message == "Not Found"
        assert caught.value.request_info.url == loopback.url / "status/404"
        assert caught.value.headers is not None
        assert caught.value.headers["Content-Type"] == "text/plain"
        async with session.get("status/399", raise_for_status=of_request) as response:
            assert response.status == 399
    assert loopback.counts.connections == 1


async def test_raise_for_status_off_for_a_request(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url, raise_for_status=True) as session,
        session.get("status/500", raise_for_status=False) as response,
    ):
        assert response.status == 500


@pytest.mark.parametrize("session_wide", [True, False])
async def test_raise_for_status_of_the_users(loopback: LoopbackServer, session_wide: bool) -> None:
    class Rejected(Exception):
        pass

    async def check(response: anyiohttp.ClientResponse) -> None:
        if response.status == 418:
            raise Rejected(await response.text())

    defaults: dict[str, Any] = {"raise_for_status": check} if session_wide else {}
    options: dict[str, Any] = {} if session_wide else {"raise_for_status": check}
    async with anyiohttp.ClientSession(
        loopback.url, connector=anyiohttp.TCPConnector(limit=1), **defaults
    ) as session:
        with pytest.raises(Rejected, match="418"):
            await session.get("status/418", **options)
        async with session.get("status/500", **options) as response:
            assert response.status == 500


async def test_json_serialize(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(
            loopback.url, json_serialize=lambda value: f"<{value!r}>"
        ) as session,
        session.post("echo", json={"a": None}) as response,
    ):
        answer = await told(response)
    assert answer["body"] == "<{'a': None}>"
    assert answer["fields"]["Content-Type"] == "application/json"


@pytest.mark.parametrize("value", [0, "", [], {}, False, "text", {"ü": [1, None]}])
async def test_json(loopback: LoopbackServer, value: Any) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("echo", json=value) as response,
    ):
        assert json.loads((await told(response))["body"]) == value


async def test_cookies_of_session_and_request(loopback: LoopbackServer) -> None:
    # The jar keeps no cookies for addresses unless it is told to.
    jar = anyiohttp.CookieJar(unsafe=True)
    async with anyiohttp.ClientSession(
        loopback.url, cookies={"s": "1", "t": "2"}, cookie_jar=jar
    ) as session:
        async with session.get("cookies", cookies={"t": "3", "u": "4"}) as response:
            assert sorted(await response.json()) == [["s", "1"], ["t", "3"], ["u", "4"]]
        async with session.get("cookies") as response:
            assert sorted(await response.json()) == [["s", "1"], ["t", "2"]]


async def test_auth_of_session_request_and_url(loopback: LoopbackServer) -> None:
    auth = anyiohttp.BasicAuth("user", "pass")
    path = "basic-auth/user/pass"
    async with anyiohttp.ClientSession(loopback.url, auth=auth) as session:
        async with session.get(path) as response:
            assert response.status == 200
        async with session.get(path, auth=anyiohttp.BasicAuth("user", "wrong")) as response:
            assert response.status == 401
        with pytest.raises(ValueError, match="AUTHORIZATION"):
            await session.get(path, headers={"Authorization": "Basic x"})
    async with anyiohttp.ClientSession() as session:
        url = loopback.url.with_user("user").with_password("pass") / path
        async with session.get(url) as response:
            assert response.status == 200
            assert response.url == loopback.url / path
        with pytest.raises(ValueError, match="credentials encoded in URL"):
            await session.get(url, auth=auth)


async def test_auto_decompress(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url, auto_decompress=False) as session:
        async with session.get("gzip") as response:
            assert (await response.read())[:2] == b"\x1f\x8b"
        async with session.get("gzip", auto_decompress=True) as response:
            assert (await told(response))["path"] == "/gzip"


async def test_limits_of_heads(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        while True:
            await peer.receive_request()
            await peer.answer(b"", b"X-Long: " + b"x" * 1000)

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url, max_field_size=1007) as session:
        async with session.get("/", max_field_size=2000) as response:
            assert len(response.headers["X-Long"]) == 1000
        with pytest.raises(anyiohttp.ClientResponseError):
            await session.get("/", max_field_size=100)
        with pytest.raises(anyiohttp.ClientResponseError):
            await session.get("/", max_headers=1)
        with pytest.raises(anyiohttp.ClientResponseError):
            await session.get("/", max_line_size=5)


async def test_read_bufsize(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url, read_bufsize=1000) as session:
        async with session.get("stream/100000") as response:
            with pytest.raises(ValueError, match="Chunk too big"):
                await response.content.readuntil(b"never there")
        async with session.get("stream/100000", read_bufsize=100_000) as response:
            # What ends without a separator comes out whole.
            assert len(await response.content.readuntil(b"never there")) == 100_000


async def test_middlewares_of_session_and_request(loopback: LoopbackServer) -> None:
    seen: list[str] = []

    def named(name: str) -> anyiohttp.ClientMiddlewareType:
        async def middleware(
            request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
        ) -> anyiohttp.ClientResponse:
            seen.append(name)
            request.headers[f"X-{name}"] = "was here"
            response = await handler(request)
            seen.append(name)
            return response

        return middleware

    async with anyiohttp.ClientSession(
        loopback.url, middlewares=(named("outer"), named("inner"))
    ) as session:
        async with session.get("get") as response:
            assert {"X-outer", "X-inner"} <= set((await told(response))["fields"])
        assert seen == ["outer", "inner", "inner", "outer"]
        seen.clear()
        async with session.get("get", middlewares=(named("own"),)):
            assert seen == ["own", "own"]
        async with session.get("get", middlewares=()):
            assert seen == ["own", "own"]


async def test_a_cancelled_middleware_leaves_no_response_open(loopback: LoopbackServer) -> None:
    async def holding(
        request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        response = await handler(request)
        got.append(response)
        if "fail" in request.url.query:
            raise ValueError("with a response to look at")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await handler(request)
        await anyio.sleep_forever()
        return response

    got: list[anyiohttp.ClientResponse] = []
    async with anyiohttp.ClientSession(loopback.url, middlewares=[holding]) as session:
        with anyio.move_on_after(0.05):
            await session.get("stream/1000000")
        assert got[0].closed
        assert session.connector is not None
        assert session.connector.stats.busy == 0
        with pytest.raises(ValueError, match="to look at"):
            await session.get("stream/1000000?fail")
        assert len(await got[1].read()) == 1_000_000


@pytest.mark.parametrize("name", ["timeout_seconds", "verify", "stream", "Data"])
async def test_unknown_options(name: str) -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(TypeError, match=name):
            await session.get("http://localhost", **{name: 1})
    with pytest.raises(TypeError, match=name):
        anyiohttp.ClientSession(**{name: 1})
    with pytest.raises(TypeError, match=name):
        await anyiohttp.request("GET", "http://localhost", **{name: 1})


async def test_options_that_contradict_each_other() -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="data and json"):
            await session.post("http://localhost", data=b"", json=1)
        with pytest.raises(ValueError, match="verify_ssl"):
            await session.get("https://localhost", verify_ssl=False, ssl=False)


async def test_response_class(loopback: LoopbackServer) -> None:
    class Answer(anyiohttp.ClientResponse):
        async def shout(self) -> str:
            return (await self.text()).upper()

    async with (
        anyiohttp.ClientSession(loopback.url, response_class=Answer) as session,
        session.get("status/200") as response,
    ):
        assert isinstance(response, Answer)
        assert await response.shout() == "200\n"


async def test_fallback_charset(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        await peer.answer("grüß".encode("latin-1"), b"Content-Type: text/plain")

    def resolve(response: anyiohttp.ClientResponse, body: bytes) -> str:
        assert (response.content_type, body) == ("text/plain", b"gr\xfc\xdf")
        return "latin-1"

    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession(fallback_charset_resolver=resolve) as session,
        session.get(server.url) as response,
    ):
        assert await response.text() == "grüß"


# --- cancellation ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["slow", "stream/50000000"])
async def test_a_cancelled_call_leaves_the_session_usable(
    loopback: LoopbackServer, path: str
) -> None:
    async def read() -> None:
        async with session.get(path) as response:
            await response.content.read(1)
            started.set()
            await anyio.sleep_forever()

    async with anyiohttp.ClientSession(
        loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        for count in range(1, 4):
            started = anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                if path == "slow":
                    await loopback.counts.wait_for(lambda counts, n=count: counts.requests == n)
                else:
                    await started.wait()
                tasks.cancel_scope.cancel()
            await loopback.counts.wait_for(lambda counts: counts.open == 0)
        async with session.get("get") as response:
            assert response.status == 200


async def test_foreign_scopes_see_their_own_cancellation(loopback: LoopbackServer) -> None:
    forms: list[Callable[[], Awaitable[Any]]] = []
    async with anyiohttp.ClientSession(loopback.url) as session:
        forms.append(lambda: session.get("slow"))
        forms.append(lambda: anyiohttp.request("GET", loopback.url / "slow"))
        for form in forms:
            with anyio.move_on_after(0.02) as scope:
                await form()
            assert scope.cancelled_caught
            with pytest.raises(TimeoutError), anyio.fail_after(0.02):
                await form()


@pytest.mark.parametrize("method", [None, 5, b"GET"])
async def test_a_method_that_is_no_text_is_refused(method: object) -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(anyiohttp.InvalidRequestError, match="the method must be str, not"):
            await session.request(method, "http://127.0.0.1:1/")  # type: ignore[arg-type]
