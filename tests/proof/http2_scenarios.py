"""What a client does on a connection that it shares with itself, in HTTP/2.

Those who play along are siblings of the victim, on the same connection: whatever becomes of the
victim, they get their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from anyio.lowlevel import checkpoint
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from tests.proof.scenarios import NARROW_TLS, SCENARIOS, SetUp, Victim, scenario, upload
from tests.proof.stage import ORIGIN, PROXY, Stage, body_of, judge, turns

from anyiohttp.testing import HTTP2Peer, Peer

__all__ = ()


def http2(name: str, **traits: Any) -> Callable[[SetUp], SetUp]:
    return scenario(f"HTTP/2: {name}", http2=True, in_turns=True, **traits)


def siblings(stage: Stage, *kinds: str) -> None:
    """Have others make requests on the connection, beside the victim."""
    for kind in kinds:
        stage.along(stage.fetch, kind)


async def share_a_connection(stage: Stage, *kinds: str) -> None:
    """Make a connection, and have others make requests on it beside the victim."""
    stage.open_origin()
    await stage.fetch()
    siblings(stage, *kinds)


class ScriptedOrigin:
    """Answers as the origin does, and can do more than it does, frame by frame.

    Whatever the client resets meanwhile is passed over.

    Args:
        settings: of the server's.
    """

    def __init__(self, settings: dict[SettingCodes | int, int] | None = None) -> None:
        self._settings = settings
        self._bodies: dict[int, bytes] = {}

    async def __call__(self, peer: Peer) -> None:
        server = HTTP2Peer(peer, self._settings)
        asked: dict[int, list[str]] = {}
        while True:
            event = await server.next_event()
            number = getattr(event, "stream_id", 0)
            if isinstance(event, RequestReceived):
                asked[number] = dict(event.headers)[":path"].split("/")[1:]
                self._bodies[number] = b""
                await self.begin(server, number, *asked[number])
            elif isinstance(event, DataReceived):
                self._bodies[number] += event.data
                server.acknowledge(event)
            elif isinstance(event, StreamEnded):
                await self.answer(server, number, *asked.pop(number))

    async def begin(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        """A request's head has come."""

    async def answer(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        """A request has come whole."""
        bodies = {"plain": body_of(marker), "upload": self._bodies[number]}
        await server.respond(number, bodies.get(kind, marker.encode()))


# --- requests -------------------------------------------------------------------------------


@http2("several ask before there is a connection, the victim first", timed=True)
async def dial_for_many(stage: Stage) -> Victim:
    stage.open_origin()

    async def play() -> None:
        await stage.until(lambda: stage.connector.stats.dialing > 0)
        siblings(stage, "echo", "later", "plain")

    stage.along(play)
    return stage.fetch


@http2("several ask before there is a connection, the victim waits")
async def wait_for_a_dial(stage: Stage) -> Victim:
    stage.open_origin()
    siblings(stage, "echo", "later", "plain")
    await stage.until(lambda: stage.connector.stats.dialing > 0)
    return stage.fetch


@http2("the victim reads for all", sockets=True, timed=True, shared=True)
async def reads_for_all(stage: Stage) -> Victim:
    stage.open_origin()
    await stage.fetch()

    async def play() -> None:
        await stage.until(lambda: stage.connector.stats.busy > 0)
        siblings(stage, "later", "gzip", "plain")

    stage.along(play)

    async def victim() -> None:
        await stage.fetch("gzip")

    return victim


@http2("others read for the victim", timed=True, shared=True)
async def others_read(stage: Stage) -> Victim:
    await share_a_connection(stage, "later", "gzip", "plain")
    await stage.until(lambda: stage.connector.stats.busy > 0)
    await turns(1)

    async def victim() -> None:
        await stage.fetch("plain")

    return victim


@http2("half-read body beside others", shared=True)
async def half_read(stage: Stage) -> Victim:
    await share_a_connection(stage, "gzip", "plain")

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("gzip", marker)) as response:
            got = await response.content.readexactly(900)
            await checkpoint()
        judge(got, body_of(marker)[: len(got)])

    return victim


@http2("ALPN over TLS", narrow=NARROW_TLS, sockets=True)
async def alpn(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    return stage.fetch


@http2("ALPN over TLS, through CONNECT", narrow=NARROW_TLS, direct=False)
async def alpn_through_connect(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    stage.options["proxy"] = stage.network.proxy(PROXY).url
    return stage.fetch


@http2("ALPN over TLS, through SOCKS", narrow=NARROW_TLS, direct=False)
async def alpn_through_socks(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    stage.network.socks_proxy(PROXY)
    stage.options["proxy"] = f"socks5h://{PROXY}"
    return stage.fetch


@http2("prior knowledge through SOCKS, beside others", direct=False, shared=True)
async def through_socks(stage: Stage) -> Victim:
    stage.network.socks_proxy(PROXY)
    stage.options["proxy"] = f"socks5h://{PROXY}"
    await share_a_connection(stage, "later", "gzip")

    async def victim() -> None:
        await stage.fetch("gzip")

    return victim


@http2("waiting for a stream", timed=True)
async def waiting_for_a_stream(stage: Stage) -> Victim:
    stage.open_origin()
    settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    server = stage.network.serve_http2(ORIGIN, stage.origin.routes, settings=settings)
    stage.url = server.url
    siblings(stage, "later", "gzip")
    await stage.until(lambda: stage.connector.stats.busy > 0)
    return stage.fetch


class Limited(ScriptedOrigin):
    """Does not begin with what its first connection is asked for ``again``."""

    async def begin(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        if kind == "again" and server.peer.number == 0:
            await turns(1)
            await server.send_frames(GoAwayFrame(0, last_stream_id=number - 2))


@http2("not begun with before GOAWAY")
async def goaway(stage: Stage) -> Victim:
    stage.play_origin(Limited())
    await stage.fetch()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.post(stage.path("again", marker), data=b"once") as response:
            judge(await response.read(), marker.encode())

    return victim


class Leaving(ScriptedOrigin):
    """Says GOAWAY in the middle of an answer, and finishes what it has begun with."""

    async def answer(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        if kind != "half":
            await super().answer(server, number, kind, marker)
            return
        body = body_of(marker)
        await server.respond(number, body[:500], end=False)
        await turns(2)
        await server.send_frames(GoAwayFrame(0, last_stream_id=server.h2.highest_inbound_stream_id))
        await turns(2)
        await server.send_data(number, body[500:], end=True)


@http2("GOAWAY in the middle of an answer", timed=True)
async def goaway_in_the_middle(stage: Stage) -> Victim:
    stage.play_origin(Leaving())
    await stage.fetch()
    siblings(stage, "plain")

    async def victim() -> None:
        await stage.fetch("half")
        await stage.fetch("plain")

    return victim


class Refusing(ScriptedOrigin):
    """Refuses each request for ``refused`` once."""

    def __init__(self) -> None:
        super().__init__()
        self._refused: set[str] = set()

    async def answer(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        if kind == "refused" and marker not in self._refused:
            self._refused.add(marker)
            with suppress(StreamClosedError):
                server.h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        await super().answer(server, number, kind, marker)


@http2("refused stream", shared=True)
async def refused(stage: Stage) -> Victim:
    stage.play_origin(Refusing())
    await stage.fetch()
    siblings(stage, "plain")

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.post(stage.path("refused", marker), data=b"twice") as response:
            judge(await response.read(), marker.encode())

    return victim


class Verbose(ScriptedOrigin):
    """Says something before each answer and after it."""

    async def answer(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        for _ in range(2):
            await server.send_fields(number, [(":status", "103"), ("link", "</a>")])
            await turns(1)
        body = body_of(marker) if kind == "plain" else marker.encode()
        await server.respond(number, body, end=False)
        await turns(1)
        await server.send_fields(number, [("x-marker", marker)], end=True)


@http2("informational responses and trailers", shared=True, timed=True)
async def informational(stage: Stage) -> Victim:
    stage.play_origin(Verbose())
    await stage.fetch()
    siblings(stage, "plain")

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("verbose", marker)) as response:
            judge(await response.read(), marker.encode())
            assert response.trailers["X-Marker"] == marker

    return victim


class Changeable(ScriptedOrigin):
    """Changes its mind about everything while it is sent an upload."""

    async def begin(self, server: HTTP2Peer, number: int, kind: str, marker: str) -> None:
        if kind != "upload":
            return
        for window, streams in ((10, 1), (70_000, 100), (1_000, 5), (100_000, 100)):
            server.h2.update_settings(
                {
                    SettingCodes.INITIAL_WINDOW_SIZE: window,
                    SettingCodes.MAX_CONCURRENT_STREAMS: streams,
                    SettingCodes.MAX_FRAME_SIZE: 16_384 + window,
                    SettingCodes.HEADER_TABLE_SIZE: window // 20,
                }
            )
            await server.flush()
            await turns(3)


@http2("SETTINGS that change during an upload", shared=True, narrow=0, timed=True)
async def changing_settings(stage: Stage) -> Victim:
    stage.play_origin(Changeable())
    await stage.fetch()
    siblings(stage, "plain", "later")

    async def victim() -> None:
        marker = stage.marker()
        data = marker.encode() * 10_000
        await upload(stage, data, marker, data)

    return victim


# --- uploads --------------------------------------------------------------------------------


@http2("upload without a block", timed=True, shared=True)
async def upload_without_block(stage: Stage) -> Victim:
    await share_a_connection(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        response = await stage.session.post(stage.path("upload", marker), data=stage.pieces(marker))
        judge(await response.read(), body_of(marker, 4))

    return victim


# --- what is played over HTTP/1.1, too ----------------------------------------------------------


def again(name: str, *beside: str, called: str = "", **traits: Any) -> None:
    """Play a scenario of HTTP/1.1 over HTTP/2.

    Args:
        name: the scenario's.
        *beside: what others ask for meanwhile, on the same connection.
        called: its name over HTTP/2, if that is another.
        **traits: those that are others.
    """
    plain = SCENARIOS[name]
    same = {trait: getattr(plain, trait) for trait in ("sockets", "timed", "narrow", "by_time")}

    @http2(called or name, **{**same, **traits})
    async def set_up(stage: Stage) -> Victim:
        victim = await plain.set_up(stage)
        if beside and not stage.world.connections:
            await stage.fetch()
        siblings(stage, *beside)
        return victim


again("new connection", timed=False)
again("kept connection", sockets=False, shared=True)
again("redirect chain", sockets=False, timed=False)
again("streaming upload from an async generator", "gzip", sockets=False, timed=False, shared=True)
again(
    "upload of more bytes than the network takes at once",
    "gzip",
    called="upload of more bytes than the windows allow at once",
    shared=True,
)
again("early response during upload", "plain", sockets=False, timed=False)
again("answer read while the body is sent", "gzip", timed=False, shared=True)
again("the end of a block whose body is still being sent", "gzip", sockets=False, shared=True)
for _name in (
    "upload that waits for 100 (Continue)",
    "server-sent events",
    "server-sent events, the next one",
    "WebSocket from its handshake to its end",
    "WebSocket over TLS",
    "WebSocket, receive()",
    "WebSocket, sending",
    "WebSocket, close()",
    "WebSocket, close() while another receives",
    "WebSocket, receive() while another closes",
    "WebSocket with a heartbeat that nobody answers",
):
    again(_name, "later", "gzip", shared=True)


@http2("WebSocket, more bytes than the windows allow at once", shared=True, sockets=True, narrow=0)
async def large_messages(stage: Stage) -> Victim:
    await share_a_connection(stage, "gzip", "later")

    async def victim() -> None:
        marker = stage.marker()
        large = marker.ljust(150_000, ".")
        async with stage.session.ws_connect(stage.path("talk", marker)) as talk:
            await talk.send_str(large)
            await talk.send_str("end")
            judge((await talk.receive_str()).encode(), f"{large}|end".encode())

    return victim


@http2("WebSocket that shares a tunnel", narrow=NARROW_TLS, direct=False, shared=True)
async def websocket_through_connect(stage: Stage) -> Victim:
    stage.open_origin(tls=True)
    stage.options["proxy"] = proxy = stage.network.proxy(PROXY).url
    await stage.fetch()
    siblings(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.ws_connect(stage.path("talk", marker), proxy=proxy) as talk:
            await talk.send_str("end")
            assert await talk.receive_str() == "end"

    return victim


# --- closing --------------------------------------------------------------------------------


@http2("session.close() while others are busy", closes=True)
async def close_beside_others(stage: Stage) -> Victim:
    stage.open_origin()
    response = await stage.session.get(stage.path("hold", stage.marker()))
    assert response.status == 200

    async def victim() -> None:
        await stage.session.close()
        await response.release()
        await checkpoint()

    return victim
