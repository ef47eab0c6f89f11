"""The pipeline: the order of its steps, middlewares, resending, one place closing bodies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
from tests.servers import Script, ScriptedPeer, StartScripted

import anyiohttp
from anyiohttp._client.middlewares import RunMiddlewares
from anyiohttp._client.pipeline import (
    ChooseProxy,
    DropExpectation,
    RaiseForStatusStep,
    Settle,
)
from anyiohttp._client.request import ClientRequest, RequestOptions
from anyiohttp._client.steps import OptionalStep, Step, build_pipeline, needed_steps
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Handler = Callable[[anyiohttp.ClientRequest], Awaitable[anyiohttp.ClientResponse]]


class Watched(anyiohttp.Payload):
    """A body that notes what is done with it."""

    def __init__(self, *chunks: bytes, replayable: bool = True, fail: bool = False) -> None:
        super().__init__(b"".join(chunks))
        self.chunks = chunks
        self.can_replay = replayable
        self.fail = fail
        self.log: list[str] = []
        self._next = 0

    @property
    def replayable(self) -> bool:
        return self.can_replay

    @property
    def consumed(self) -> bool:
        return not self.can_replay and self._next > 0

    async def next_chunk(self) -> bytes:
        if self._next == 0:
            self.log.append("begin")
        if self.fail:
            raise ZeroDivisionError("the body's own")
        chunk = self.chunks[self._next] if self._next < len(self.chunks) else b""
        self._next += 1
        return chunk

    async def rewind(self) -> None:
        await super().rewind()
        self.log.append("rewind")
        self._next = 0

    async def aclose(self) -> None:
        self.log.append("close")


# --- the order ---


async def test_the_first_step_is_outermost() -> None:
    log: list[str] = []

    def step(name: str) -> Step:
        async def run(request: ClientRequest, handle: Handler) -> anyiohttp.ClientResponse:
            log.append(f"{name} in")
            response = await handle(request)
            log.append(f"{name} out")
            return response

        return run

    async def send(request: ClientRequest) -> anyiohttp.ClientResponse:
        log.append("send")
        return "response"  # type: ignore[return-value]

    handler = build_pipeline([step("a"), step("b")], send)
    assert await handler("request") == "response"  # type: ignore[arg-type, comparison-overlap]
    assert log == ["a in", "b in", "send", "b out", "a out"]


async def middleware(request: ClientRequest, handle: Handler) -> anyiohttp.ClientResponse:
    return await handle(request)


OPTIONAL: list[OptionalStep] = [
    Settle(),
    RaiseForStatusStep(),
    ChooseProxy(trust_env=False),
    DropExpectation(),
    RunMiddlewares(),
]


@pytest.mark.parametrize(
    ("options", "has_body", "needed"),
    [
        (RequestOptions(), False, []),
        (RequestOptions(), True, ["Settle", "DropExpectation"]),
        (RequestOptions(upload_tracker=anyiohttp.UploadTracker()), False, ["Settle"]),
        (RequestOptions(raise_for_status=True), False, ["RaiseForStatusStep"]),
        (RequestOptions(proxy="http://proxy.test"), False, ["ChooseProxy"]),
        (
            RequestOptions(middlewares=[middleware]),
            False,
            ["DropExpectation", "RunMiddlewares"],
        ),
    ],
)
def test_what_options_do_not_ask_for_is_left_out(
    options: RequestOptions, has_body: bool, needed: list[str]
) -> None:
    async def always(request: ClientRequest, handle: Handler) -> anyiohttp.ClientResponse:
        return await handle(request)

    steps: list[Step] = [always, *OPTIONAL]
    found = needed_steps(steps, options, has_body=has_body)
    assert [type(step).__name__ for step in found] == ["function", *needed]
    assert ChooseProxy(trust_env=True).applies(RequestOptions(), has_body=False)


async def test_a_middleware_sees_what_will_be_sent(loopback: LoopbackServer) -> None:
    seen: list[anyiohttp.ClientRequest] = []

    async def look(request: anyiohttp.ClientRequest, handle: Handler) -> anyiohttp.ClientResponse:
        seen.append(request)
        return await handle(request)

    async with anyiohttp.ClientSession(
        middlewares=[look],
        auth=anyiohttp.BasicAuth("user", "password"),
        cookies={"shared": "1"},
        headers={"X-Session": "s"},
    ) as session:
        url = (loopback.url / "headers").with_query(q="1").with_fragment("part")
        async with session.post(
            url, data=b"body", cookies={"own": "2"}, proxy=loopback.proxy_url
        ) as r:
            sent = dict(await r.json())
    (request,) = seen
    assert request.method == "POST"
    assert request.url == url
    assert request.session is session
    assert request.body is not None
    assert request.body.size == 4
    assert request.proxy is not None
    assert request.headers["Authorization"] == "Basic dXNlcjpwYXNzd29yZA=="
    assert sorted(request.headers["Cookie"].split("; ")) == ["own=2", "shared=1"]
    for name, value in request.headers.items():
        assert sent[name] == value
    assert "password" not in repr(request)


async def test_each_hop_passes_through_cookies_auth_and_middlewares(
    loopback: LoopbackServer,
) -> None:
    hops: list[tuple[str, str | None]] = []

    async def look(request: anyiohttp.ClientRequest, handle: Handler) -> anyiohttp.ClientResponse:
        hops.append((request.url.path, request.headers.get("Cookie")))
        # It is a copy: what is changed here does not last for the next hop.
        request.headers["X-Seen"] = "yes"
        assert request.headers.getall("X-Seen") == ["yes"]
        return await handle(request)

    jar = anyiohttp.CookieJar(unsafe=True)
    async with (
        anyiohttp.ClientSession(middlewares=[look], cookie_jar=jar) as session,
        session.get(loopback.url / "cookies/set", params={"a": "1", "b": "2"}) as r,
    ):
        assert r.status == 200
    assert hops == [("/cookies/set", None), ("/cookies/set", "a=1"), ("/cookies", "a=1; b=2")]


async def test_raise_for_status_sees_the_end_of_the_chain_only(loopback: LoopbackServer) -> None:
    checked: list[int] = []

    async def check(r: anyiohttp.ClientResponse) -> None:
        checked.append(r.status)

    async with (
        anyiohttp.ClientSession(raise_for_status=check) as session,
        session.get(loopback.url / "redirect/2") as r,
    ):
        assert len(r.history) == 2
    assert checked == [200]


async def test_a_failed_check_frees_the_connection(loopback: LoopbackServer) -> None:
    async def check(r: anyiohttp.ClientResponse) -> None:
        raise ZeroDivisionError

    connector = anyiohttp.TCPConnector(limit=1)
    async with anyiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(ZeroDivisionError):
            await session.get(loopback.url / f"stream/{2**24}", raise_for_status=check)
        async with session.get(
            loopback.url / "get", timeout=anyiohttp.ClientTimeout(pool=0.05)
        ) as r:
            assert r.status == 200


# --- middlewares ---


def adding(name: str, log: list[str]) -> anyiohttp.ClientMiddlewareType:
    async def add(request: anyiohttp.ClientRequest, handler: Handler) -> anyiohttp.ClientResponse:
        log.append(f"{name} in")
        request.headers.add("X-Path", name)
        response = await handler(request)
        log.append(f"{name} out")
        return response

    return add


async def test_the_first_middleware_is_outermost(loopback: LoopbackServer) -> None:
    log: list[str] = []
    middlewares = (adding("a", log), adding("b", log))
    async with (
        anyiohttp.ClientSession(middlewares=middlewares) as session,
        session.get(loopback.url / "headers") as r,
    ):
        assert [value for name, value in await r.json() if name == "X-Path"] == ["a", "b"]
    assert log == ["a in", "b in", "b out", "a out"]


async def test_a_requests_middlewares_replace_the_sessions(loopback: LoopbackServer) -> None:
    log: list[str] = []
    async with anyiohttp.ClientSession(middlewares=[adding("session", log)]) as session:
        for middlewares in ((), (adding("request", log),), None):
            async with session.get(loopback.url / "get", middlewares=middlewares) as r:
                assert r.status == 200
    assert log == ["request in", "request out", "session in", "session out"]


async def test_a_middleware_may_refuse_before_anything_is_looked_up() -> None:
    class RefusedError(Exception):
        pass

    async def refuse(
        request: anyiohttp.ClientRequest, handler: Handler
    ) -> anyiohttp.ClientResponse:
        raise RefusedError(request.url.host)

    body = Watched(b"never sent")
    async with anyiohttp.ClientSession(middlewares=[refuse]) as session:
        with pytest.raises(RefusedError, match=r"no-such\.invalid"):
            await session.post("http://no-such.invalid/", data=body)
    assert body.log == ["close"]


async def test_a_middleware_may_try_again(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        await peer.answer(b"later", status=b"503 Later")
        _, body = await peer.receive_request()
        assert body == b"body"
        await peer.send(OK)

    async def retry(request: anyiohttp.ClientRequest, handler: Handler) -> anyiohttp.ClientResponse:
        response = await handler(request)
        if response.status == 503:
            await response.release()
            response = await handler(request)
        return response

    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession(middlewares=[retry]) as session,
        session.put(server.url, data=b"body") as r,
    ):
        assert r.status == 200
    assert server.connections == 1


async def test_a_middleware_may_change_where_it_goes(loopback: LoopbackServer) -> None:
    async def divert(
        request: anyiohttp.ClientRequest, handler: Handler
    ) -> anyiohttp.ClientResponse:
        request.url = loopback.url / "echo"
        request.method = "PUT"
        return await handler(request)

    async with (
        anyiohttp.ClientSession(middlewares=[divert]) as session,
        session.get("http://no-such.invalid/x") as r,
    ):
        told = await r.json()
    assert (told["method"], told["path"]) == ("PUT", "/echo")
    assert dict(told["headers"])["Host"] == f"127.0.0.1:{loopback.url.port}"


# --- resending ---


def dying(first: bytes, requests: list[bytes], *, also_second: bool = False) -> Script:
    """A script that answers once, and on the kept connection takes a request and dies.

    Args:
        first: what it still says to the second request.
        requests: is told of every request.
        also_second: whether the next connection dies as well.
    """

    async def script(peer: ScriptedPeer) -> None:
        requests.append((await peer.receive_request())[0])
        if peer.number == 0:
            await peer.send(OK)
            requests.append((await peer.receive_request())[0])
            if first:
                await peer.send(first)
        elif not also_second:
            await peer.send(OK)
            await peer.wait_closed()

    return script


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_a_dead_kept_connection_is_not_noticed(
    scripted_server: StartScripted, method: str
) -> None:
    requests: list[bytes] = []
    server = await scripted_server(dying(b"", requests))
    body = Watched(b"one", b"two") if method == "PUT" else None
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            await r.read()
        async with session.request(method, server.url, data=body) as r:
            assert r.status == 200
    assert [request.split()[0].decode() for request in requests] == ["GET", method, method]
    assert server.connections == 2
    if body is not None:
        assert body.log == ["begin", "rewind", "begin", "close"]


@pytest.mark.parametrize(
    ("method", "data", "first"),
    [
        ("POST", b"x", b""),
        ("PATCH", b"x", b""),
        ("GET", None, b"HTTP/1.1 2"),
        ("PUT", "generator", b""),
    ],
    ids=["POST", "PATCH", "answered", "not replayable"],
)
async def test_what_is_not_sent_again(
    scripted_server: StartScripted, method: str, data: object, first: bytes
) -> None:
    requests: list[bytes] = []
    server = await scripted_server(dying(first, requests))
    if data == "generator":
        data = Watched(b"once", replayable=False)
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            await r.read()
        with pytest.raises(anyiohttp.ClientConnectionError):
            await session.request(method, server.url, data=data)
    assert len(requests) == 2
    if isinstance(data, Watched):
        assert data.log == ["begin", "close"]


async def test_it_is_sent_again_once_only(scripted_server: StartScripted) -> None:
    requests: list[bytes] = []
    server = await scripted_server(dying(b"", requests, also_second=True))
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            await r.read()
        with pytest.raises(anyiohttp.ServerDisconnectedError):
            await session.get(server.url)
    assert len(requests) == 3


async def test_a_new_connection_that_dies_is_not_tried_again(
    scripted_server: StartScripted,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(anyiohttp.ServerDisconnectedError):
            await session.get(server.url)
    assert server.connections == 1


async def test_each_leg_of_a_chain_is_resent_for_itself(scripted_server: StartScripted) -> None:
    paths: list[bytes] = []

    async def script(peer: ScriptedPeer) -> None:
        while True:
            paths.append((await peer.receive_head()).split()[1])
            seen = paths.count(paths[-1])
            if paths[-1] == b"/start":
                await peer.send(OK)
            elif seen == 1:
                return
            elif paths[-1] == b"/first":
                await peer.answer(b"", b"Location: /second", status=b"302 Found")
            else:
                await peer.send(OK)

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url / "start") as r:
            await r.read()
        async with session.get(server.url / "first") as r:
            assert r.url.path == "/second"
    assert paths == [b"/start", b"/first", b"/first", b"/second", b"/second"]


async def test_a_kept_connection_that_times_out_is_not_sent_again(
    scripted_server: StartScripted,
) -> None:
    requests: list[bytes] = []

    async def script(peer: ScriptedPeer) -> None:
        requests.append(await peer.receive_head())
        await peer.send(OK)
        requests.append(await peer.receive_head())
        await peer.wait_closed()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:
        async with session.get(server.url) as r:
            await r.read()
        with pytest.raises(anyiohttp.SocketTimeoutError):
            await session.get(server.url, timeout=anyiohttp.ClientTimeout(sock_read=0.03))
    assert len(requests) == 2


# --- one place closes bodies ---


async def test_a_body_is_closed_once_when_all_is_well(loopback: LoopbackServer) -> None:
    body = Watched(b"one", b"two")
    async with (
        anyiohttp.ClientSession() as session,
        session.post(loopback.url / "upload", data=body) as r,
    ):
        assert body.log == ["begin", "close"]
        assert (await r.json())["size"] == 6


@pytest.mark.parametrize("status", [303, 307])
async def test_a_body_is_closed_once_after_a_redirect(
    loopback: LoopbackServer, status: int
) -> None:
    body = Watched(b"one", b"two")
    async with (
        anyiohttp.ClientSession() as session,
        session.post(f"{loopback.url}redirect-to?url=/echo&status={status}", data=body) as r,
    ):
        assert r.status == 200
    replayed = [] if status == 303 else ["rewind", "begin"]
    assert body.log == ["begin", *replayed, "close"]


async def test_a_body_that_fails_is_closed_and_its_error_comes_out(
    loopback: LoopbackServer,
) -> None:
    body = Watched(b"one", fail=True)
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(anyiohttp.RequestBodyError, match="the body's own") as caught:
            await session.post(loopback.url / "upload", data=body)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert body.log == ["begin", "close"]


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("redirect-to?url=/echo&status=307", {}, anyiohttp.BodyNotReplayableError),
        ("redirect-to?url=ftp://x/&status=307", {}, anyiohttp.NonHttpUrlRedirectClientError),
        (
            "redirect-to?url=/echo&status=307",
            {"max_redirects": 1},
            anyiohttp.TooManyRedirects,
        ),
        ("status/500", {"raise_for_status": True}, anyiohttp.ClientResponseError),
        ("get", {"headers": {"Bad\n": "x"}}, anyiohttp.InvalidRequestError),
        ("get", {"proxy": "http://no-such.invalid"}, anyiohttp.ClientConnectorDNSError),
        ("get", {"proxy": "ftp://x"}, anyiohttp.InvalidURL),
        ("slow", {"timeout": 0.03}, anyiohttp.ServerTimeoutError),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_body_is_closed_once_whatever_fails(
    loopback: LoopbackServer, path: str, options: dict[str, object], error: type[Exception]
) -> None:
    body = Watched(b"once", replayable=False)
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(error):
            await session.post(f"{loopback.url}{path}", data=body, **options)  # type: ignore[arg-type]
    assert body.log.count("close") == 1
    assert body.log[-1] == "close"


async def test_a_cancelled_call_closes_its_body(scripted_server: StartScripted) -> None:
    class ClosesSlowly(Watched):
        async def aclose(self) -> None:
            await anyio.lowlevel.checkpoint()  # a cancelled scope would end it here
            await super().aclose()

    server = await scripted_server(lambda peer: peer.wait_closed())
    body = ClosesSlowly(b"body")
    async with anyiohttp.ClientSession() as session:
        with anyio.move_on_after(0.03) as scope:
            await session.post(server.url, data=body)
        assert scope.cancelled_caught
    assert body.log[-1] == "close"


async def test_a_body_that_cannot_be_closed_does_not_keep_the_connection(
    loopback: LoopbackServer,
) -> None:
    class Unclosable(Watched):
        async def aclose(self) -> None:
            raise ZeroDivisionError("while closing")

    connector = anyiohttp.TCPConnector(limit=1)
    async with anyiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(ZeroDivisionError, match="while closing"):
            await session.post(loopback.url / "upload", data=Unclosable(b"x" * 2**17))
        async with session.get(
            loopback.url / "get", timeout=anyiohttp.ClientTimeout(pool=0.05)
        ) as r:
            assert r.status == 200


async def test_the_tracker_is_settled_whatever_happens(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession() as session:
        tracker = anyiohttp.UploadTracker()
        async with session.post(
            f"{loopback.url}redirect-to?url=/upload&status=307",
            data=Watched(b"one", b"two"),
            upload_tracker=tracker,
        ) as r:
            assert (await r.json())["size"] == 6
        await tracker.upload_complete
        assert (tracker.attempts, tracker.bytes_written) == (2, 6)

        tracker = anyiohttp.UploadTracker()
        with pytest.raises(anyiohttp.ClientConnectorError):
            await session.get("http://no-such.invalid/", upload_tracker=tracker)
        assert tracker.upload_complete.done()
        outcome = tracker.upload_complete.exception()
        assert isinstance(outcome, anyiohttp.UploadAbortedError)  # nothing was uploaded, as aiohttp
        assert isinstance(outcome.__cause__, anyiohttp.ClientConnectorError)


async def test_an_expectation_that_failed_is_dropped(scripted_server: StartScripted) -> None:
    heads: list[bytes] = []

    async def script(peer: ScriptedPeer) -> None:
        heads.append(await peer.receive_head())
        if len(heads) == 1:
            await peer.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
            await peer.wait_closed()
            return
        await peer.receive_exactly(4)
        await peer.send(OK)

    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession() as session,
        session.post(server.url, data=b"body", expect100=True) as r,
    ):
        assert r.status == 200
    assert [b"100-continue" in head for head in heads] == [True, False]


async def test_netrc_is_asked_last(
    loopback: LoopbackServer, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/netrc"
    with open(path, "w") as file:  # noqa: PTH123
        file.write("machine 127.0.0.1 login net password rc\n")
    monkeypatch.setenv("NETRC", path)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    net, own = anyiohttp.BasicAuth("net", "rc"), anyiohttp.BasicAuth("own", "x")

    async with anyiohttp.ClientSession(trust_env=True) as session:

        async def sent(**options: object) -> str:
            async with session.get(loopback.url / "headers", **options) as r:  # type: ignore[arg-type]
                return str(dict(await r.json())["Authorization"])

        assert await sent() == net.encode()
        assert await sent(auth=own) == own.encode()
        assert await sent(headers={"Authorization": "Custom x"}) == "Custom x"


async def test_redirects_that_are_not_followed(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        async with session.get("redirect/1", allow_redirects=False) as r:
            assert (r.status, r.history) == (302, ())
        async with session.get("status/302") as r:
            assert (r.status, r.history) == (302, ())  # it does not say where to


async def test_what_was_meant_for_one_origin_stays_there(
    loopback: LoopbackServer, scripted_server: StartScripted
) -> None:
    heads: list[bytes] = []

    async def script(peer: ScriptedPeer) -> None:
        heads.append(await peer.receive_head())
        await peer.send(OK)

    other = await scripted_server(script)
    auth = anyiohttp.BasicAuth("user", "secret")
    async with (
        anyiohttp.ClientSession(auth=auth) as session,
        session.get(
            loopback.url / "redirect-to", params={"url": str(other.url)}, cookies={"own": "1"}
        ) as r,
    ):
        assert r.history[0].request_info.headers["Authorization"] == auth.encode()
        assert r.history[0].request_info.headers["Cookie"] == "own=1"
    assert b"Authorization" not in heads[0]
    assert b"Cookie" not in heads[0]


async def test_an_expectation_that_failed_too_late(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.receive_until(b"once")
        await peer.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")

    server = await scripted_server(script)
    body = Watched(b"once", replayable=False)
    async with (
        anyiohttp.ClientSession() as session,
        session.post(server.url, data=body, expect100=True) as r,
    ):
        assert r.status == 417  # all that can be done is to say so
    assert body.log == ["begin", "close"]


async def test_a_cancelled_middleware_holds_no_connection(loopback: LoopbackServer) -> None:
    async def linger(
        request: anyiohttp.ClientRequest, handler: Handler
    ) -> anyiohttp.ClientResponse:
        await handler(request)
        await anyio.sleep_forever()
        raise AssertionError

    connector = anyiohttp.TCPConnector(limit=1)
    async with anyiohttp.ClientSession(connector=connector) as session:
        with anyio.move_on_after(0.03) as scope:
            await session.get(loopback.url / f"stream/{2**24}", middlewares=[linger])
        assert scope.cancelled_caught
        async with session.get(
            loopback.url / "get", timeout=anyiohttp.ClientTimeout(pool=0.05)
        ) as r:
            assert r.status == 200


async def test_a_peer_is_told_that_the_connection_will_be_closed(
    loopback: LoopbackServer,
) -> None:
    connector = anyiohttp.TCPConnector(force_close=True)
    async with anyiohttp.ClientSession(connector=connector) as session:
        for _ in range(2):
            async with session.get(loopback.url / "headers") as r:
                assert dict(await r.json())["Connection"] == "close"
    assert loopback.counts.connections == 2
