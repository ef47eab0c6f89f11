"""What a client does, as scenarios of which each has a victim: one call that is cancelled anywhere.

A scenario sets the stage and returns its victim, which checks what it gets. The registry is
`SCENARIOS`; its names are those of the proof's table and of ``docs/guarantees.md``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from tests.proof.ledger import TruncatedAsComplete
from tests.proof.stage import ORIGIN, PROXY, Stage, body_of, judge, turns

import anyiohttp
from anyiohttp import (
    ClientConnectionError,
    ClientRequest,
    ClientResponse,
    ContentDecodingError,
    DigestAuthMiddleware,
    MultipartReader,
    WSMsgType,
)
from anyiohttp.testing import NO_FAULTS, Address, Faults, Peer

__all__ = ("SCENARIOS", "Scenario")

Victim = Callable[[], Awaitable[object]]
SetUp = Callable[[Stage], Awaitable[Victim]]


@dataclass(frozen=True)
class Scenario:
    """Something a client does.

    Args:
        name: what it is called.
        set_up: prepares a stage and returns the victim.
        limit: the connector's.
        settings: the connector's others.
        addresses: of the origin.
        sockets: whether it is played on sockets as well as in memory.
        memory: whether it is played in memory.
        closes: whether the victim closes the session, so that no request can follow.
        direct: whether each connection of the network is one of the pool's.
        timed: whether it is played with timeouts as well.
        http2: whether it is played over HTTP/2.
        shared: whether all of it, and what follows, is said on one connection, which therefore
            outlives the victim.
        by_time: whether it waits for time to pass, in turns without number.
        in_turns: whether it is played on one backend only in the ordinary tests, each on another.
        narrow: it is also played where so many bytes are on their way at most, so that each
            message is sent and received with many waits; 0 for not at all.
    """

    name: str
    set_up: SetUp
    limit: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    sockets: bool = False
    memory: bool = True
    closes: bool = False
    direct: bool = True
    timed: bool = False
    http2: bool = False
    shared: bool = False
    in_turns: bool = False
    by_time: bool = False
    narrow: int = 64


SCENARIOS: dict[str, Scenario] = {}

#: A server's session tickets must find room: it sends them before it reads the first request.
NARROW_TLS = 1024


def scenario(name: str, **traits: Any) -> Callable[[SetUp], SetUp]:
    def register(set_up: SetUp) -> SetUp:
        assert name not in SCENARIOS
        SCENARIOS[name] = Scenario(name, set_up, **traits)
        return set_up

    return register


# --- connections --------------------------------------------------------------------------------


@scenario("new connection", sockets=True, timed=True)
async def new_connection(stage: Stage) -> Victim:
    stage.open_origin()
    return stage.fetch


@scenario("kept connection", sockets=True)
async def kept_connection(stage: Stage) -> Victim:
    stage.open_origin()
    await stage.fetch()
    return stage.fetch


@scenario("kept connection that has ended", sockets=True)
async def ended_connection(stage: Stage) -> Victim:
    stage.open_origin()
    await stage.fetch("last")
    await turns(10)
    return stage.fetch


@scenario("kept connection that ends instead of answering")
async def resent(stage: Stage) -> Victim:
    stage.open_origin()
    stage.url = stage.url.with_port(8080)

    async def script(peer: Peer) -> None:
        while True:
            head = await peer.receive_head()
            if peer.number == 0 and b"/again/" in head:
                return
            await peer.answer(head.split()[1].rpartition(b"/")[2])

    stage.network.listen(ORIGIN, 8080, script)
    await stage.fetch()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("again", marker)) as response:
            judge(await response.read(), marker.encode())

    return victim


@scenario("connection to another host in the place of an idle one")
async def another_host(stage: Stage) -> Victim:
    stage.open_origin()
    stage.network.serve("other.example", stage.origin.routes)
    await stage.fetch()

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("later", marker).with_host("other.example")
        async with stage.session.get(url) as response:
            judge(await response.read(), marker.encode())

    return victim


@scenario("TLS handshake", narrow=NARROW_TLS, sockets=True, timed=True)
async def tls_handshake(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    return stage.fetch


@scenario("TLS handshake byte by byte", narrow=NARROW_TLS)
async def tls_bytewise(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    places = frozenset(range(0, 4000, 150))
    server = stage.network.serve(
        ORIGIN,
        stage.origin.routes,
        tls=stage.certificates.server,
        faults=lambda number: Faults(split=places) if number == 0 else NO_FAULTS,
    )
    assert server.url == stage.url
    return stage.fetch


@scenario("CONNECT", narrow=NARROW_TLS, direct=False, timed=True)
async def connect_tunnel(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    proxy = stage.network.proxy(PROXY, auth=("user", "password"))
    stage.options["proxy"] = proxy.url.with_user("user").with_password("password")
    return stage.fetch


@scenario("proxy TLS in TLS", narrow=NARROW_TLS, direct=False)
async def tls_in_tls(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    proxy = stage.network.proxy(PROXY, tls=stage.certificates.server)
    stage.options["proxy"] = proxy.url
    return stage.fetch


@scenario("forwarding proxy", direct=False)
async def forwarding_proxy(stage: Stage) -> Victim:
    stage.open_origin()
    proxy = stage.network.proxy(PROXY)
    stage.options["proxy"] = proxy.url
    return stage.fetch


@scenario("SOCKS5 with credentials", direct=False, timed=True)
async def socks5(stage: Stage) -> Victim:
    stage.open_origin()
    stage.network.socks_proxy(PROXY, auth=("user", "password"))
    stage.options["proxy"] = f"socks5h://user:password@{PROXY}"
    return stage.fetch


@scenario("SOCKS4a and TLS", narrow=NARROW_TLS, direct=False)
async def socks4a(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    stage.network.socks_proxy(PROXY)
    stage.options["proxy"] = f"socks4a://{PROXY}"
    return stage.fetch


@scenario(
    "SOCKS5 that is given one address after the other",
    addresses=(Address("2001:db8::1", refuse=True), Address("192.0.2.1")),
    direct=False,
)
async def socks5_addresses(stage: Stage) -> Victim:
    stage.open_origin()
    stage.network.socks_proxy(PROXY)
    stage.options["proxy"] = f"socks5://{PROXY}"
    return stage.fetch


@scenario("DNS lookup shared by two, the victim asks", limit=2)
async def lookup_led(stage: Stage) -> Victim:
    stage.open_origin()
    resolver = stage.network.resolver
    resolver.turns = 5

    async def other() -> None:
        await stage.until(lambda: bool(resolver.lookups))
        await stage.fetch()

    stage.along(other)
    return stage.fetch


@scenario("DNS lookup shared by two, the victim shares", limit=2)
async def lookup_shared(stage: Stage) -> Victim:
    stage.open_origin()
    resolver = stage.network.resolver
    resolver.turns = 6
    stage.along(stage.fetch)
    await stage.until(lambda: bool(resolver.lookups))
    return stage.fetch


@scenario(
    "happy eyeballs with a losing attempt",
    addresses=(Address("2001:db8::1", blackhole=True), Address("192.0.2.1", turns=4)),
    timed=True,
)
async def losing_attempt(stage: Stage) -> Victim:
    stage.open_origin()
    return stage.fetch


@scenario(
    "happy eyeballs with two winners",
    addresses=(
        Address("2001:db8::1", turns=5),
        Address("192.0.2.1", turns=4),
        Address("192.0.2.2", refuse=True),
        Address("2001:db8::2", turns=4),
    ),
)
async def two_winners(stage: Stage) -> Victim:
    stage.open_origin()
    return stage.fetch


# --- waiting in the pool ------------------------------------------------------------------------


class Holder:
    """Has the only connection, until it is told to give it back."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._response: ClientResponse | None = None

    async def begin(self) -> None:
        stage = self._stage
        self._response = await stage.session.get(stage.path("hold", stage.marker()))

    def give_back(self) -> None:
        """Give back a connection that can be used again."""
        assert self._response is not None
        self._response.release()

    async def read_to_the_end(self) -> None:
        assert self._response is not None
        self._stage.origin.go.set()
        await self._response.read()


async def queue_behind_the_victim(stage: Stage) -> None:
    """Have somebody wait behind the victim, once it waits."""
    await stage.until(lambda: stage.connector.stats.waiting == 1)
    stage.along(stage.fetch)
    await stage.until(lambda: stage.connector.stats.waiting == 2)
    await turns(2)


@scenario("waiting in the pool for a connection to be free", sockets=True, timed=True)
async def waiting(stage: Stage) -> Victim:
    stage.open_origin()
    holder = Holder(stage)
    await holder.begin()

    async def play() -> None:
        await queue_behind_the_victim(stage)
        await holder.read_to_the_end()

    stage.along(play)
    return stage.fetch


@scenario("waiting in the pool for leave to dial")
async def waiting_to_dial(stage: Stage) -> Victim:
    stage.open_origin()
    holder = Holder(stage)
    await holder.begin()

    async def play() -> None:
        await queue_behind_the_victim(stage)
        holder.give_back()  # in the middle of its body: the connection goes

    stage.along(play)
    return stage.fetch


def notified(*, first: str, dial: bool) -> SetUp:
    """The victim's turn comes, and it is cancelled, in the same tick."""

    async def set_up(stage: Stage) -> Victim:
        stage.open_origin()
        holder = Holder(stage)
        await holder.begin()
        scope = anyio.CancelScope()

        async def play() -> None:
            await queue_behind_the_victim(stage)
            if not dial:
                # All has arrived, so that giving it back does not end the connection.
                stage.origin.go.set()
                await turns(3)
            if first == "notified":
                holder.give_back()
                scope.cancel()
            else:
                scope.cancel()
                holder.give_back()

        async def victim() -> None:
            with scope:
                await stage.fetch()

        stage.along(play)
        return victim

    return set_up


for _first, _then in (("notified", "cancelled"), ("cancelled", "notified")):
    for _dial in (False, True):
        _what = "leave to dial" if _dial else "a connection"
        scenario(f"waiter {_first} and {_then} in one tick, with {_what}")(
            notified(first=_first, dial=_dial)
        )


# --- responses ----------------------------------------------------------------------------------


@scenario("head sent and not answered", sockets=True, timed=True)
async def unanswered(stage: Stage) -> Victim:
    stage.open_origin()
    await stage.fetch()

    async def victim() -> None:
        await stage.fetch("later")

    return victim


@scenario("half-read chunked gzip body", sockets=True, timed=True)
async def half_read(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("gzip", marker)) as response:
            got = await response.content.read(10)
            await checkpoint()
            got += await response.content.readexactly(900)
            await checkpoint()
        judge(got, body_of(marker)[: len(got)])

    return victim


@scenario("read()", sockets=True, timed=True)
async def read(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        await stage.fetch("gzip")

    return victim


@scenario("read() after the call, without a block")
async def read_without_block(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        response = await stage.session.get(stage.path("plain", marker))
        judge(await response.read(), body_of(marker))

    return victim


@scenario("text() over TLS", narrow=NARROW_TLS, sockets=True)
async def text_over_tls(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    await stage.fetch()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("gzip", marker)) as response:
            judge((await response.text()).encode(), body_of(marker))
            assert response.trailers["X-Marker"] == marker

    return victim


@scenario("line iteration with break", sockets=True)
async def lines(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        got = []
        async with stage.session.get(stage.path("gzip", marker)) as response:
            async for line in response.content:
                got.append(line)
                if len(got) == 80:
                    break
            await checkpoint()
        judge(b"".join(got), body_of(marker, 80))

    return victim


@scenario("chunk iteration with break")
async def chunks(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        got = b""
        async with stage.session.get(stage.path("plain", marker)) as response:
            async for chunk in response.content.iter_chunked(64):
                got += chunk
                if len(got) > 1000:
                    break
        judge(got, body_of(marker)[: len(got)])

    return victim


@scenario("the end of a response's block", sockets=True)
async def response_exit(stage: Stage) -> Victim:
    stage.open_origin()
    context = stage.session.get(stage.path("hold", stage.marker()))
    response = await context.__aenter__()
    await response.content.read(5)

    async def victim() -> None:
        await context.__aexit__(None, None, None)
        await checkpoint()

    return victim


@scenario("release() and close() of a response")
async def response_release(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        response = await stage.session.get(stage.path("plain", stage.marker()))
        await response.release()
        response = await stage.session.get(stage.path("plain", stage.marker()))
        await response.close()

    return victim


@scenario("redirect chain", timed=True, sockets=True)
async def redirects(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("hop", 3, marker)) as response:
            judge(await response.read(), marker.encode())
            assert len(response.history) == 3

    return victim


@scenario("trace listeners that take their time", timed=True)
async def traced(stage: Stage) -> Victim:
    stage.open_origin()
    told: list[str] = []

    def listener(event: str) -> Any:
        async def listen(session: object, context: object, params: object) -> None:
            await turns(2)
            told.append(event)

        return listen

    config = anyiohttp.TraceConfig()
    for event, signal in config.signals.items():
        signal.append(listener(event))
    session = anyiohttp.ClientSession(
        connector=stage.connector, connector_owner=False, trace_configs=[config]
    )

    async def victim() -> None:
        marker = stage.marker()
        try:
            async with session.post(stage.path("hop", 1, marker), data=marker) as response:
                judge(await response.read(), marker.encode())
        finally:
            session.detach()
            if "request_start" in told:
                # Who has heard of the beginning hears of the end.
                assert told.count("request_end") + told.count("request_exception") == 1

    return victim


@scenario("user middleware", timed=True)
async def middleware(stage: Stage) -> Victim:
    stage.open_origin()

    async def retry(
        request: ClientRequest, handler: Callable[[ClientRequest], Awaitable[ClientResponse]]
    ) -> ClientResponse:
        await checkpoint()
        response = await handler(request)
        await checkpoint()
        if response.status == 503:
            response.release()
            await checkpoint()
            response = await handler(request)
            await checkpoint()
        return response

    async def victim() -> None:
        await stage.fetch("once", middlewares=(retry,))

    return victim


@scenario("Digest, asked for and answered", timed=True)
async def digest(stage: Stage) -> Victim:
    stage.open_origin()
    middleware = DigestAuthMiddleware("user", "password")

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("guarded", marker)
        body = BytesIO(b"x" * 500)
        async with stage.session.post(url, data=body, middlewares=(middleware,)) as response:
            judge(await response.read(), marker.encode())

    return victim


@scenario("multipart body, part by part")
async def multipart(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        found = []
        async with stage.session.get(stage.path("parts", marker)) as response:
            async for part in MultipartReader.from_response(response):
                if isinstance(part, MultipartReader):
                    found += [await inner.read() async for inner in part]
                else:
                    found.append(await part.read(decode=True))
        for each in found:
            judge(each, marker.encode())
        assert len(found) == 3

    return victim


@scenario("raise_for_status that awaits")
async def awaiting_check(stage: Stage) -> Victim:
    stage.open_origin()

    async def check(response: ClientResponse) -> None:
        await response.content.read(10)
        await turns(2)

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("gzip", marker)
        async with stage.session.get(url, raise_for_status=check) as response:
            judge(await response.read(), body_of(marker)[10:])

    return victim


@scenario("bytes after a response that nobody asked for", sockets=True)
async def forged_response(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        await stage.fetch("more")
        await stage.fetch("later")

    return victim


@scenario("gzip body that is cut short")
async def cut_short(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        try:
            async with stage.session.get(stage.path("cut", marker)) as response:
                body = await response.read()
        except ContentDecodingError:
            return
        raise TruncatedAsComplete(f"{len(body)} bytes of {len(body_of(marker))}")

    return victim


# --- uploads ------------------------------------------------------------------------------------


async def upload(stage: Stage, data: object, marker: str, expected: bytes, **options: Any) -> None:
    async with stage.session.post(stage.path("upload", marker), data=data, **options) as response:
        judge(await response.read(), expected)


@scenario("streaming upload from an async generator", sockets=True, timed=True)
async def streaming_upload(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        await upload(stage, stage.pieces(marker), marker, body_of(marker, 4))

    return victim


@scenario("upload that waits for 100 (Continue)", sockets=True)
async def expecting_upload(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        await upload(stage, stage.pieces(marker), marker, body_of(marker, 4), expect100=True)

    return victim


@scenario("upload of more bytes than the network takes at once", sockets=True, narrow=0)
async def large_upload(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        data = marker.encode() * 20_000
        await upload(stage, data, marker, data)

    return victim


@scenario("early response during upload", sockets=True, timed=True)
async def early_response(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        data = stage.pieces(marker, 40, 32 * 1024)
        async with stage.session.post(stage.path("refuse", marker), data=data) as response:
            assert response.status == 413
            judge(await response.read(), marker.encode())

    return victim


@scenario("answer read while the body is sent", sockets=True, timed=True)
async def duplex(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        lines = [f"{marker} {place}\n".encode() for place in range(4)]
        url = stage.path("duplex", marker)
        async with stage.session.post(url, data=stage.pieces(marker)) as response:
            for line in lines:
                judge(await response.content.readline(), line)
            judge(await response.content.read(), b"")

    return victim


@scenario("the end of a block whose body is still being sent", sockets=True)
async def duplex_left(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("duplex", marker)
        data = stage.pieces(marker, 1000)
        async with stage.session.post(url, data=data) as response:
            judge(await response.content.readline(), f"{marker} 0\n".encode())
        await checkpoint()

    return victim


# --- closing ------------------------------------------------------------------------------------


@scenario(
    "session.close() that says goodbye",
    closes=True,
    sockets=True,
    settings={"ssl_shutdown_timeout": 1},
    narrow=NARROW_TLS,
)
async def polite_close(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    await stage.fetch()
    return stage.session.close


@scenario("session.close() while others are busy and wait", closes=True)
async def close_beside_others(stage: Stage) -> Victim:
    stage.open_origin()
    holder = Holder(stage)
    await holder.begin()

    async def other() -> None:
        try:
            await stage.fetch()
        except ClientConnectionError as exc:
            assert str(exc) == "Connector is closed"  # noqa: PT017
            return
        raise AssertionError("the session is closed")

    async def after() -> None:
        await stage.over.wait()
        holder.give_back()

    stage.along(other)
    stage.along(after)
    await stage.until(lambda: stage.connector.stats.waiting == 1)

    async def victim() -> None:
        await stage.session.close()
        await checkpoint()

    return victim


@scenario("a session's whole life", narrow=NARROW_TLS, closes=True, sockets=True)
async def whole_life(stage: Stage) -> Victim:
    stage.open_origin(tls=True)

    async def victim() -> None:
        async with stage.session:
            await stage.fetch("gzip")

    return victim


@scenario("request() without a session")
async def one_shot(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("gzip", marker)
        async with anyiohttp.request("GET", url, connector=stage.connector) as response:
            judge(await response.read(), body_of(marker))

    return victim


@scenario("request() with a connector of its own", memory=False, sockets=True)
async def one_shot_alone(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("gzip", marker).with_host("127.0.0.1")
        async with anyiohttp.request("GET", url) as response:
            judge(await response.read(), body_of(marker))

    return victim


# --- WebSockets and events --------------------------------------------------------------------


@scenario("WebSocket from its handshake to its end", sockets=True, timed=True)
async def websocket(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.ws_connect(stage.path("talk", marker)) as talk:
            await talk.send_str(marker)
            await talk.send_str("end")
            judge((await talk.receive_str()).encode(), f"{marker}|end".encode())

    return victim


@scenario("WebSocket over TLS", narrow=NARROW_TLS)
async def websocket_over_tls(stage: Stage) -> Victim:
    stage.open_origin(tls=True)

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.ws_connect(stage.path("talk", marker)) as talk:
            await talk.send_str("end")
            assert await talk.receive_str() == "end"

    return victim


@scenario("WebSocket, receive()", sockets=True, timed=True)
async def websocket_receive(stage: Stage) -> Victim:
    """What the victim has not got, whoever receives after it gets."""
    stage.open_origin()
    marker = stage.marker()
    tell = await stage.session.ws_connect(stage.path("tell", marker))
    got: list[str] = []

    async def victim() -> None:
        while len(got) < 4:
            got.append(await tell.receive_str())

    async def after() -> None:
        await stage.over.wait()
        assert not tell.closed
        while len(got) < 6:
            got.append(await tell.receive_str())
        expected = "".join(f"{marker} {number}" for number in range(6))
        judge("".join(got).encode(), expected.encode())
        await tell.close()

    stage.along(after)
    return victim


@scenario("WebSocket, sending", sockets=True, timed=True)
async def websocket_send(stage: Stage) -> Victim:
    """A message is sent whole or not at all, and the next one is understood."""
    stage.open_origin()
    marker = stage.marker()
    talk = await stage.session.ws_connect(stage.path("talk", marker))
    messages = [f"{marker} {number}".ljust(200, ".") for number in range(3)]

    async def victim() -> None:
        for message in messages:
            await talk.send_str(message)
            await talk.ping()
            await checkpoint()

    async def after() -> None:
        await stage.over.wait()
        await talk.send_str("end")
        heard = (await talk.receive_str()).split("|")
        assert heard[-1] == "end"
        judge("|".join(heard[:-1]).encode(), "|".join(messages[: len(heard) - 1]).encode())
        await talk.close()

    stage.along(after)
    return victim


@scenario("WebSocket, close()", sockets=True)
async def websocket_close(stage: Stage) -> Victim:
    stage.open_origin()
    talk = await stage.session.ws_connect(stage.path("talk", stage.marker()))

    async def victim() -> None:
        await checkpoint()
        assert await talk.close()
        assert talk.close_code == 1000

    async def after() -> None:
        await stage.over.wait()
        assert talk.closed or await talk.close()

    stage.along(after)
    return victim


@scenario("WebSocket, close() while another receives")
async def websocket_close_beside(stage: Stage) -> Victim:
    stage.open_origin()
    talk = await stage.session.ws_connect(stage.path("talk", stage.marker()))

    async def other() -> None:
        message = await talk.receive()
        assert message.type in (WSMsgType.CLOSING, WSMsgType.CLOSED)
        assert (await talk.receive()).type is WSMsgType.CLOSED

    async def after() -> None:
        await stage.over.wait()
        await talk.close()

    stage.along(other)
    stage.along(after)
    await turns(3)

    async def victim() -> None:
        await checkpoint()
        await talk.close()

    return victim


@scenario("WebSocket, receive() while another closes")
async def websocket_receive_beside(stage: Stage) -> Victim:
    stage.open_origin()
    talk = await stage.session.ws_connect(stage.path("talk", stage.marker()))

    async def other() -> None:
        await turns(4)
        assert await talk.close()
        assert talk.close_code == 1000

    stage.along(other)

    async def victim() -> None:
        assert (await talk.receive()).type is WSMsgType.CLOSING
        assert (await talk.receive()).type is WSMsgType.CLOSED

    return victim


@scenario("WebSocket with a heartbeat that nobody answers", narrow=0, by_time=True)
async def websocket_heartbeat(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        path = stage.path("deaf", stage.marker())
        async with stage.session.ws_connect(path, heartbeat=0.01) as deaf:
            await checkpoint()
            message = await deaf.receive()
            assert message.type in (WSMsgType.ERROR, WSMsgType.CLOSED)
            assert deaf.close_code == 1006

    return victim


@scenario("server-sent events", sockets=True, timed=True)
async def events(stage: Stage) -> Victim:
    stage.open_origin()

    async def victim() -> None:
        url = stage.path("events", stage.marker())
        async with stage.session.sse(url) as stream:
            got = [event.data async for event in stream]
        judge(" ".join(got).encode(), b"1 2 3 4 5 6")

    return victim


@scenario("server-sent events, the next one")
async def next_event(stage: Stage) -> Victim:
    """What the victim has not got, whoever asks after it gets."""
    stage.open_origin()
    stream = await stage.session.sse(stage.path("events", stage.marker())).__aenter__()
    got: list[str] = []

    async def victim() -> None:
        async for event in stream:
            got.append(event.data)  # noqa: PERF401 - each one as it comes

    async def after() -> None:
        await stage.over.wait()
        got.extend([event.data async for event in stream])
        stream.close()
        judge(" ".join(got).encode(), b"1 2 3 4 5 6")

    stage.along(after)
    return victim
