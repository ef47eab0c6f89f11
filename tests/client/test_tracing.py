"""Tracing, end to end: which events there are, in which order, with what; and what failures do."""

from __future__ import annotations

import gc
import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from multidict import CIMultiDict
from yarl import URL

import anyiohttp
from anyiohttp import ClientSession, TraceConfig
from anyiohttp.testing import MemoryNetwork, Peer, Request, Response

pytestmark = pytest.mark.anyio

HOST = "origin.example"


EVENTS = tuple(TraceConfig().signals)
#: anyiohttp's own events, which have a test of their own.
OWN = ("attempt_start", "attempt_end", "attempt_exception")


class Notes(TraceConfig):
    """Listens to all events of aiohttp's and notes them.

    Attributes:
        events: names and parameters.
        contexts: one for each request.
    """

    def __init__(
        self,
        name: str = "",
        log: list[str] | None = None,
        events: Sequence[str] = tuple(event for event in EVENTS if event not in OWN),
    ) -> None:
        super().__init__(self._context)
        self.name = name
        self.log: list[str] = [] if log is None else log
        self.events: list[tuple[str, Any]] = []
        self.contexts: list[SimpleNamespace] = []
        self.sessions: set[object] = set()
        for event in events:
            self.signal(event).append(self._noting(event))

    def _context(self, trace_request_ctx: object) -> SimpleNamespace:
        self.contexts.append(SimpleNamespace(trace_request_ctx=trace_request_ctx))
        return self.contexts[-1]

    def _noting(self, event: str) -> Callable[[Any, Any, Any], Awaitable[None]]:
        async def note(session: object, context: object, params: Any) -> None:
            await checkpoint()
            self.sessions.add(session)
            assert context in self.contexts
            self.events.append((event, params))
            self.log.append(self.name + event)

        return note

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def of(self, event: str) -> list[Any]:
        return [params for name, params in self.events if name == event]

    def clear(self) -> None:
        self.events.clear()
        self.log.clear()


@pytest.fixture
async def network(anyio_backend: object) -> AsyncIterator[MemoryNetwork]:
    async with MemoryNetwork() as network:
        network.serve(
            HOST,
            {
                "/echo": echo,
                "/get": get,
                "/first": lambda request: redirect("/second"),
                "/second": lambda request: redirect("/get"),
                "/away": lambda request: redirect("http://other.example/get"),
                "/nowhere": lambda request: redirect("ftp://other.example/"),
                "/missing": missing,
            },
        )
        network.serve("other.example", get)
        network.listen("half.example", 80, half)
        yield network


async def half(peer: Peer) -> None:
    """Answers with half of a body, so that its connection stays in use."""
    while True:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        await peer.receive_head()


async def echo(request: Request) -> Response:
    return Response(200, await request.read())


async def get(request: Request) -> Response:
    return Response(200, b"body", headers=[("X-Saw", request.headers.get("X-Added", ""))])


async def missing(request: Request) -> Response:
    return Response(404, b"")


async def redirect(where: str) -> Response:
    return Response(307, b"", headers=[("Location", where)])


def session_of(network: MemoryNetwork, *configs: TraceConfig, **options: Any) -> ClientSession:
    options.setdefault("connector", network.connector())
    return ClientSession(f"http://{HOST}/", trace_configs=list(configs), **options)


NEW = [
    "connection_create_start",
    "dns_cache_miss",
    "dns_resolvehost_start",
    "dns_resolvehost_end",
    "connection_create_end",
]


# --- order and parameters ---


async def test_a_requests_events(network: MemoryNetwork) -> None:
    notes = Notes()
    async with session_of(network, notes, headers={"X-Own": "1"}) as session:
        assert session.trace_configs == [notes]
        async with session.post("echo?a=1#f", data=b"abc", trace_request_ctx={"id": 7}) as response:
            assert notes.names == [
                "request_start",
                *NEW,
                "request_headers_sent",
                "request_chunk_sent",
                "request_end",
            ]
            assert await response.text() == "abc"
            assert await response.read() == b"abc"
        assert notes.names[9:] == ["response_chunk_received"]  # once
        assert notes.sessions == {session}
    assert [context.trace_request_ctx for context in notes.contexts] == [{"id": 7}]
    url = URL(f"http://{HOST}/echo?a=1#f")
    own = CIMultiDict({"X-Own": "1"})
    bare = url.with_fragment(None)
    assert notes.of("request_start") == [anyiohttp.TraceRequestStartParams("POST", url, own)]
    assert notes.of("request_end") == [anyiohttp.TraceRequestEndParams("POST", url, own, response)]
    (sent,) = notes.of("request_headers_sent")
    assert (sent.method, sent.url) == ("POST", bare)
    assert sent.headers["Host"] == HOST
    assert sent.headers["Content-Length"] == "3"
    assert {"X-Own", "Accept", "User-Agent", "Content-Type"} <= set(sent.headers)
    assert notes.of("request_chunk_sent") == [
        anyiohttp.TraceRequestChunkSentParams("POST", bare, b"abc")
    ]
    assert notes.of("response_chunk_received") == [
        anyiohttp.TraceResponseChunkReceivedParams("POST", bare, b"abc")
    ]
    assert notes.of("dns_resolvehost_start") == [anyiohttp.TraceDnsResolveHostStartParams(HOST)]
    assert notes.of("dns_cache_miss") == [anyiohttp.TraceDnsCacheMissParams(HOST)]


async def test_a_kept_connection_and_a_known_address(network: MemoryNetwork) -> None:
    notes = Notes()
    async with session_of(network, notes) as session:
        async with session.get("get") as response:
            await response.content.read()  # reading the stream is not told of
        assert "response_chunk_received" not in notes.names
        notes.clear()
        async with session.get("get"):
            pass
        assert notes.names == [
            "request_start",
            "connection_reuseconn",
            "request_headers_sent",
            "request_end",
        ]
        async with session.get("http://half.example/"):
            notes.clear()
            async with session.get("http://half.example/"):
                pass
        assert notes.names == [
            "request_start",
            "connection_create_start",
            "dns_cache_hit",
            "connection_create_end",
            "request_headers_sent",
            "request_end",
        ]
    assert notes.of("dns_cache_hit") == [anyiohttp.TraceDnsCacheHitParams("half.example")]


async def test_without_a_cache(network: MemoryNetwork) -> None:
    notes = Notes()
    connector = network.connector(use_dns_cache=False)
    async with session_of(network, notes, connector=connector) as session, session.get("get"):
        pass
    assert notes.names[1:5] == [
        "connection_create_start",
        "dns_resolvehost_start",
        "dns_resolvehost_end",
        "connection_create_end",
    ]


async def test_addresses_are_not_looked_up(network: MemoryNetwork) -> None:
    network.serve("192.0.2.7", get)
    notes = Notes()
    async with session_of(network, notes) as session, session.get("http://192.0.2.7/"):
        pass
    assert notes.names == [
        "request_start",
        "connection_create_start",
        "connection_create_end",
        "request_headers_sent",
        "request_end",
    ]


@pytest.mark.parametrize("kept", [False, True])
async def test_waiting_for_a_connection(network: MemoryNetwork, kept: bool) -> None:
    go = anyio.Event()

    async def peer(peer: Peer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo")
        await go.wait()
        if kept:
            await peer.send(b"dy")
            await peer.receive_head()
            await peer.answer(b"again")

    network.listen("held.example", 80, peer)
    notes = Notes()
    connector = network.connector(limit=1)
    async with (
        session_of(network, connector=connector, connector_owner=False) as first,
        session_of(network, notes, connector=connector) as second,
        anyio.create_task_group() as tasks,
    ):
        held = await first.get("http://held.example/")

        async def wait() -> None:
            async with second.get("http://held.example/" if kept else "get") as response:
                await response.read()

        tasks.start_soon(wait)
        while not connector.stats.waiting or "connection_queued_start" not in notes.names:
            await checkpoint()
        assert notes.names == ["request_start", "connection_queued_start"]
        go.set()
        if kept:
            await held.read()
        held.close()
    assert notes.names[2:4] == [
        "connection_queued_end",
        "connection_reuseconn" if kept else "connection_create_start",
    ]


async def test_redirects(network: MemoryNetwork) -> None:
    notes = Notes()
    async with session_of(network, notes) as session:
        async with session.post("first", data=b"x", headers={"Authorization": "secret"}) as last:
            await last.read()
        told = notes.of("request_redirect")
        assert [params.url.path for params in told] == ["/first", "/second"]
        assert [params.response for params in told] == list(last.history)
        assert [p.url.path for p in notes.of("request_headers_sent")] == [
            "/first",
            "/second",
            "/get",
        ]
        assert [p.chunk for p in notes.of("request_chunk_sent")] == [b"x"] * 3
        assert [p.url.path for p in notes.of("request_start")] == ["/first"]
        (end,) = notes.of("request_end")
        assert (end.method, end.url.path) == ("POST", "/get")
        assert end.headers["Authorization"] == "secret"
        notes.clear()
        async with session.get("away", headers={"Authorization": "secret"}) as last:
            pass
        (end,) = notes.of("request_end")
        assert end.url == URL("http://other.example/get")
        assert "Authorization" not in end.headers  # which did not go there


async def test_bodies_in_chunks(network: MemoryNetwork) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    notes = Notes()
    async with session_of(network, notes) as session:
        for body, chunks in (
            (pieces(), [b"one", b"two"]),
            (io.BytesIO(b"file"), [b"file"]),
            (b"b" * 100_000, [b"b" * 100_000]),
            (b"", []),
            (None, []),
        ):
            notes.clear()
            async with session.put("echo", data=body) as response:
                await response.read()
            assert [params.chunk for params in notes.of("request_chunk_sent")] == chunks
            (head,) = notes.of("request_headers_sent")
            known = len(b"".join(chunks))
            if len(chunks) > 1:
                assert head.headers["Transfer-Encoding"] == "chunked"
            elif body is not None:
                assert head.headers["Content-Length"] == str(known)


async def test_a_body_that_waits_is_not_told_of_before(network: MemoryNetwork) -> None:
    notes = Notes()

    async def refuse(peer: Peer) -> None:
        await peer.receive_head()
        assert "request_headers_sent" in notes.names
        assert "request_chunk_sent" not in notes.names
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.receive_exactly(4)
        await peer.answer(b"")

    network.listen("waits.example", 80, refuse)
    async with (
        session_of(network, notes) as session,
        session.put("http://waits.example/", data=b"body", expect100=True),
    ):
        pass
    assert [params.chunk for params in notes.of("request_chunk_sent")] == [b"body"]


async def test_several_configurations_take_turns(network: MemoryNetwork) -> None:
    log: list[str] = []
    first, second = Notes("1 ", log), Notes("2 ", log)
    async with session_of(network, first, second) as session, session.get("get") as response:
        await response.read()
    assert log == [f"{n} {name}" for name in first.names for n in (1, 2)]
    assert first.contexts[0] is not second.contexts[0]


async def test_no_configuration(network: MemoryNetwork) -> None:
    async with session_of(network) as session:
        assert session.trace_configs == []
        async with session.get("get", trace_request_ctx=1) as response:
            assert await response.read() == b"body"
        late = TraceConfig()
        session.trace_configs.append(late)
        with pytest.raises(RuntimeError, match="non-frozen"):
            await session.get("get")
        late.freeze()
        async with session.get("get"):
            pass


async def test_attempts(network: MemoryNetwork) -> None:
    """Each hop is an attempt; so is what a middleware sends again."""

    async def twice(
        request: anyiohttp.ClientRequest, handle: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        (await handle(request)).close()
        return await handle(request)

    notes = Notes(events=(*OWN, "request_start", "request_redirect", "request_end"))
    async with session_of(network, notes) as session:
        async with session.get("second", middlewares=(twice,)) as response:
            await response.read()
        attempts = ["attempt_start", "attempt_end"] * 2
        assert notes.names == [
            "request_start",
            *attempts,
            "request_redirect",
            *attempts,
            "request_end",
        ]
        ends = notes.of("attempt_end")
        assert [end.url.path for end in ends] == ["/second", "/second", "/get", "/get"]
        assert [end.response.status for end in ends] == [307, 307, 200, 200]
        for start, end in zip(notes.of("attempt_start"), ends, strict=True):
            assert start.headers is end.headers
        notes.clear()
        with pytest.raises(anyiohttp.ClientConnectorDNSError) as caught:
            await session.get("http://absent.example/")
        assert notes.names == ["request_start", "attempt_start", "attempt_exception"]
        assert notes.of("attempt_exception")[0].exception is caught.value


# --- headers ---


async def test_headers_changed_at_the_start_are_sent(network: MemoryNetwork) -> None:
    config = TraceConfig()

    @config.on_request_start
    async def change(
        session: ClientSession, context: SimpleNamespace, params: anyiohttp.TraceRequestStartParams
    ) -> None:
        params.headers["X-Added"] = "yes"
        params.headers["User-Agent"] = "mine"
        del params.headers["X-Own"]

    notes = Notes()
    async with session_of(network, config, notes, headers={"X-Own": "1"}) as session:
        headers = iter([("X-Once", "a"), ("X-Once", "b")])
        async with session.get("get", headers=headers) as response:
            assert response.headers["X-Saw"] == "yes"
            sent = response.request_info.headers
        assert sent.getall("X-Once") == ["a", "b"]
        assert sent.getall("User-Agent") == ["mine"]
        assert "X-Own" not in sent
        assert sent.getall("Accept") == ["*/*"]
        assert session.headers == {"X-Own": "1"}


async def test_a_request_class_has_the_changed_headers(network: MemoryNetwork) -> None:
    made: list[CIMultiDict[str]] = []

    class Request(anyiohttp.ClientRequest):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self.headers)

    config = TraceConfig()

    @config.on_request_start
    async def change(session: object, context: object, params: Any) -> None:
        params.headers["X-Added"] = "yes"

    async with (
        session_of(network, config, request_class=Request) as session,
        session.get("get") as response,
    ):
        assert response.headers["X-Saw"] == "yes"
    assert all(headers["X-Added"] == "yes" for headers in made)


# --- failures ---


class Boom(Exception):
    pass


async def test_failures_are_told(network: MemoryNetwork) -> None:
    notes = Notes()
    async with session_of(network, notes, raise_for_status=True) as session:
        for path, url, error in (
            ("http://absent.example/", URL("http://absent.example/"), anyiohttp.ClientError),
            ("nowhere", URL(f"http://{HOST}/nowhere"), anyiohttp.NonHttpUrlRedirectClientError),
            ("missing", URL(f"http://{HOST}/missing"), anyiohttp.ClientResponseError),
        ):
            notes.clear()
            with pytest.raises(error) as caught:
                await session.get(path)
            (told,) = notes.of("request_exception")
            assert told.exception is caught.value
            assert (told.method, told.url) == ("GET", url)
            assert "request_end" not in notes.names
            assert notes.names[-1] == "request_exception"


async def test_what_cannot_be_requested_is_not_told(network: MemoryNetwork) -> None:
    notes = Notes()
    async with session_of(network, notes) as session:
        with pytest.raises(anyiohttp.NonHttpUrlClientError):
            await session.get("ftp://origin.example/")
        with pytest.raises(ValueError, match="same time"):
            await session.get("get", data=b"x", json=1)
    assert notes.events == []


@pytest.mark.parametrize("event", sorted(set(EVENTS) - {"connection_queued_start"}))
async def test_a_listener_that_raises(network: MemoryNetwork, event: str) -> None:
    """The call fails with that, leaves nothing behind, and the session goes on."""
    failing = TraceConfig()
    armed = True

    async def fail(session: object, context: object, params: object) -> None:
        if armed:
            await checkpoint()
            raise Boom(event)

    failing.signal(event).append(fail)
    before, after = Notes(), Notes()
    connector = network.connector(limit=1)
    tracked = anyiohttp.UploadTracker()
    path = {
        "request_redirect": "first",
        "request_exception": "nowhere",
        "attempt_exception": "http://absent.example/",
    }.get(event, "echo")
    async with session_of(network, before, failing, after, connector=connector) as session:
        if event in ("dns_cache_hit", "connection_reuseconn"):
            armed = False
            async with session.get("get") as response:
                await response.read()
            if event == "dns_cache_hit":
                async with session.get("http://other.example/get") as response:
                    await response.read()  # in the place of the one that was kept
            before.clear()
            after.clear()
            armed = True
        if event == "connection_queued_end":
            await _fail_in_the_queue(session)
        else:
            with pytest.raises(Boom, match=event):
                async with session.post(path, data=b"x", upload_tracker=tracked) as response:
                    await response.read()
            assert tracked.upload_complete.done()
        assert connector.stats.busy == connector.stats.dialing == connector.stats.waiting == 0
        if event == "request_start":
            # Who has heard of the start hears of the end, and nobody else.
            assert before.names == ["request_start", "request_exception"]
            assert after.names == []
        elif event not in (
            "response_chunk_received",
            "request_exception",
            "attempt_exception",
            "connection_queued_end",
        ):
            assert isinstance(before.events[-1][1].exception, Boom)
            assert isinstance(after.events[-1][1].exception, Boom)
        armed = False
        async with session.post("echo", data=b"again") as response:
            assert await response.read() == b"again"


async def _fail_in_the_queue(session: ClientSession) -> None:
    connector = session.connector
    assert connector is not None
    held = await session.get("http://half.example/")

    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            with pytest.raises(Boom):
                await session.get("get")

        tasks.start_soon(wait)
        while not connector.stats.waiting:
            await checkpoint()
        held.close()


async def test_a_failed_lookups_listener_spares_who_shares_it(network: MemoryNetwork) -> None:
    """One call's listener raises in the middle of a lookup that another call waits for."""
    failing = TraceConfig()
    leading = anyio.Event()

    async def fail(session: object, context: object, params: object) -> None:
        leading.set()
        for _ in range(10):
            await checkpoint()
        raise Boom

    failing.on_dns_resolvehost_start.append(fail)
    connector = network.connector()
    async with (
        session_of(network, failing, connector=connector, connector_owner=False) as bad,
        session_of(network, connector=connector) as good,
        anyio.create_task_group() as tasks,
    ):

        async def first() -> None:
            with pytest.raises(Boom):
                await bad.get("get")

        tasks.start_soon(first)
        await leading.wait()
        async with good.get("get") as response:
            assert await response.read() == b"body"


# --- cancellation ---


async def test_a_cancellation_is_told_and_comes_out(network: MemoryNetwork) -> None:
    """Listeners have time to hear of it, also if they await something."""
    notes = Notes()

    async def silent(peer: Peer) -> None:
        await peer.receive_head()
        scope.cancel()
        await peer.receive_until(b"never")

    network.listen("silent.example", 80, silent)
    async with session_of(network, notes) as session:
        with anyio.CancelScope() as scope:
            await session.get("http://silent.example/")
        assert scope.cancelled_caught
        (told,) = notes.of("request_exception")
        assert isinstance(told.exception, anyio.get_cancelled_exc_class())


async def test_a_listener_does_not_replace_a_cancellation(
    network: MemoryNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    config = TraceConfig()

    @config.on_request_exception
    async def fail(session: object, context: object, params: object) -> None:
        raise Boom

    async with session_of(network, config) as session:
        with anyio.CancelScope() as scope, caplog.at_level(logging.ERROR, "anyiohttp.client"):
            scope.cancel()
            await session.get("get")
        assert scope.cancelled_caught
    assert "on_request_exception failed" in caplog.text


async def test_a_call_that_is_given_up_without_an_event_loop(network: MemoryNetwork) -> None:
    """``close()`` of a call under way cannot await anything."""
    notes = Notes()
    async with session_of(network, notes) as session:
        call = session.get("get")
        call.send(None)
        call.close()
        gc.collect()
    assert notes.names == []


# --- other ways to the server ---


@pytest.mark.parametrize("version", ["http/1.1", "h2"])
@pytest.mark.parametrize("proxy", [None, "socks5", "socks5h"])
async def test_other_versions_and_ways(
    network: MemoryNetwork, version: str, proxy: str | None
) -> None:
    """All are told of as a plain request is; through SOCKS it is the proxy that is connected to."""
    host, looked_up = "way.example", ["way.example"]
    serve = network.serve_http2 if version == "h2" else network.serve
    serve(host, {"/first": lambda request: redirect("/get"), "/get": get})
    if proxy is not None:
        network.socks_proxy("proxy.example")
        looked_up = [*looked_up, "proxy.example"] if proxy == "socks5" else ["proxy.example"]
    notes = Notes()
    async with ClientSession(
        f"http://{host}/",
        connector=network.connector(http_versions=[version]),
        proxy=None if proxy is None else f"{proxy}://proxy.example",
        trace_configs=[notes],
    ) as session:
        async with session.post("first", data=b"x") as response:
            assert await response.read() == b"body"
        assert response.version == ((2, 0) if version == "h2" else (1, 1))
    sent = ["request_headers_sent", "request_chunk_sent"]
    assert notes.names == [
        "request_start",
        "connection_create_start",
        *NEW[1:4] * len(looked_up),
        "connection_create_end",
        *sent,
        "request_redirect",
        "connection_reuseconn",
        *sent,
        "request_end",
        "response_chunk_received",
    ]
    assert [params.host for params in notes.of("dns_resolvehost_end")] == looked_up
    assert [p.url.path for p in notes.of("request_headers_sent")] == ["/first", "/get"]
    assert [p.chunk for p in notes.of("request_chunk_sent")] == [b"x", b"x"]
    assert notes.of("response_chunk_received")[0].chunk == b"body"
