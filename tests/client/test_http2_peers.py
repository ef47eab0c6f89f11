"""HTTP/2 with peers that do what they may, and what they may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from tests.client.test_http2 import HOST, MB, scripted, serving, writing
from tests.websocket_peers import TEXT, frame

import anyiohttp
from anyiohttp import (
    ClientConnectionError,
    ClientPayloadError,
    ClientSession,
    HttpVersion10,
    MalformedResponseError,
    ServerDisconnectedError,
    UploadAbortedError,
    UploadTracker,
    WSMsgType,
    WSServerHandshakeError,
)
from anyiohttp._client.extended_connect import as_extended_connect
from anyiohttp._protocol.base import RequestHead
from anyiohttp.testing import (
    CertificateAuthority,
    HTTP2Peer,
    MemoryNetwork,
    Request,
    Response,
    accept_websocket,
    echo_websocket,
)

pytestmark = pytest.mark.anyio


async def get(session: ClientSession, path: str = "", **options: Any) -> bytes:
    async with session.get(path, **options) as response:
        return await response.read()


async def answer_all(peer: HTTP2Peer) -> None:
    """Answer every request with its path."""
    while True:
        request = await peer.request()
        path = dict(request.headers)[":path"]
        await peer.respond(request.stream_id, path.encode())


# --- messages -------------------------------------------------------------------------------


async def test_what_is_said_and_heard() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        assert list(request.headers)[:4] == [
            (":method", "GET"),
            (":authority", HOST),
            (":scheme", "http"),
            (":path", "/p?q=1"),
        ]
        names = {name for name, _ in request.headers}
        assert "host" not in names
        assert "connection" not in names
        number = request.stream_id
        await peer.send_fields(number, [(":status", "103"), ("link", "</a>")])
        headers = [("x-a", "b"), ("x-a", "c")]
        await peer.respond(number, b"body", headers=headers, end=False)
        await peer.send_fields(number, [("x-end", "yes")], end=True)
        await peer.wait_closed()

    async with scripted(script) as (session, _), session.get("/p", params={"q": "1"}) as response:
        assert (response.status, response.reason) == (200, "")
        assert response.version == (2, 0)
        assert response.headers.getall("X-A") == ["b", "c"]
        assert await response.read() == b"body"
        assert response.trailers["X-End"] == "yes"


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "5"), ("GET", 204, None), ("GET", 304, "5")]
)
async def test_without_a_body(method: str, status: int, length: str | None) -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        headers = [("content-length", length)] if length else []
        await peer.respond(request.stream_id, status=status, headers=headers)
        await answer_all(peer)

    async with scripted(script) as (session, listener):
        async with session.request(method, "") as response:
            assert response.status == status
            assert await response.read() == b""
        assert await get(session, "next") == b"/next"
        assert listener.connections == 1


async def test_expect_continue() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        assert ("expect", "100-continue") in list(request.headers)
        assert peer.count(DataReceived) == 0
        await peer.send_fields(request.stream_id, [(":status", "100")])
        await peer.respond(request.stream_id, await peer.body_of(request.stream_id))
        await peer.wait_closed()

    async with (
        scripted(script) as (session, _),
        session.post("", data=b"x" * 1000, expect100=True) as response,
    ):
        assert await response.read() == b"x" * 1000


# --- ends of streams ------------------------------------------------------------------------


async def test_a_cancelled_stream_is_reset_once_and_its_data_cost_nobody_anything() -> None:
    """Data on their way for it are neither answered one by one nor missing in the window."""

    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.respond(request.stream_id, b"x", end=False)
        reset = await peer.wait_for(StreamReset)
        assert reset.error_code == ErrorCodes.CANCEL
        await peer.send_frames(*[DataFrame(request.stream_id, bytes(16384))] * 100)
        request = await peer.request()
        assert peer.count(StreamReset) == 1
        await peer.respond(request.stream_id, b"next")
        await peer.wait_closed()

    async with scripted(script) as (session, listener):
        async with session.get("") as response:
            assert await response.content.read(1) == b"x"
        assert await get(session, "next") == b"next"
        assert listener.connections == 1


async def test_refused_requests_are_sent_again() -> None:
    async def script(peer: HTTP2Peer) -> None:
        for _ in range(3):
            request = await peer.request()
            await peer.send_frames(RstStreamFrame(request.stream_id, error_code=7))
        request = await peer.request()
        await peer.respond(request.stream_id, await peer.body_of(request.stream_id))
        await peer.wait_closed()

    async with scripted(script) as (session, listener):
        async with session.post("", data=b"once") as response:
            assert await response.read() == b"once"
        assert listener.connections == 1


async def test_a_refused_request_whose_body_is_gone_is_not_sent_again() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.wait_for(StreamEnded)
        await peer.send_frames(RstStreamFrame(request.stream_id, error_code=7))
        await peer.wait_closed()

    async with scripted(script) as (session, _):
        with pytest.raises(ServerDisconnectedError, match="REFUSED_STREAM"):
            await session.post("", data=body())


async def test_refusing_without_end_ends() -> None:
    async def script(peer: HTTP2Peer) -> None:
        while True:
            request = await peer.request()
            await peer.send_frames(RstStreamFrame(request.stream_id, error_code=7))

    async with scripted(script) as (session, _):
        with pytest.raises(ServerDisconnectedError, match=r"h2\.example:80 reset the stream"):
            await get(session)


async def test_an_early_refusal_stops_the_upload() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.respond(request.stream_id, b"too large", status=413)
        await peer.send_frames(RstStreamFrame(request.stream_id, error_code=0))
        await answer_all(peer)

    async with scripted(script) as (session, listener):
        async with session.post("", data=bytes(10_000_000)) as response:
            assert response.status == 413
            assert await response.read() == b"too large"
        assert await get(session, "next") == b"/next"
        assert listener.connections == 1


async def test_an_awaited_upload_is_finished_before_the_answer_is_given() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(10_000)
            await checkpoint()

    async with serving(echo) as (session, _):
        for data in (bytes(200_000), body()):
            response = await session.post("", data=data)
            assert response.status == 200
            assert len(await response.read()) == 200_000


async def echo(request: Request) -> Response:
    """Send back what comes; take no more of it while that is not taken."""

    async def write(send: Any) -> None:
        while data := await request.receive():
            await send(data)

    return Response(200, writer=write)


@pytest.mark.parametrize("tracked", [False, True])
async def test_a_large_body_in_memory_goes_out_while_its_echo_is_read(
    monkeypatch: pytest.MonkeyPatch, *, tracked: bool
) -> None:
    """Nobody could keep all of the echo, and the peer takes no more before it is read."""
    monkeypatch.setattr("anyiohttp._protocol.http2.streams.LARGEST_WINDOW", MB)
    size = 4 * MB
    async with serving(echo) as (session, listener), anyio.create_task_group() as tasks:

        async def beside() -> None:
            async with session.post("", data=b"beside") as other:
                assert await other.read() == b"beside"

        tracker = UploadTracker() if tracked else None
        response = await session.post("", data=bytes(size), upload_tracker=tracker)
        tasks.start_soon(beside)
        assert len(await response.read()) == size
        if tracker is not None:
            assert tracker.upload_complete.exception() is None
            assert tracker.bytes_written == size
        # Given up half-way, it leaves nothing.
        response = await session.post("", data=bytes(size))
        response.release()
        await beside()
        assert session.connector is not None
        assert session.connector.stats.busy == 0
        assert listener.connections == 1


async def test_more_of_an_answer_than_can_be_kept_while_the_request_is_sent() -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await checkpoint()

    async def handler(request: Request) -> Response:
        return Response(200, writer=writing(20 * 1024 * 1024))

    async with serving(handler) as (session, _):
        with pytest.raises(UploadAbortedError, match=r"h2\.example:80 .* enter .* 'async with'"):
            await session.post("", data=body())
        assert session.connector is not None
        assert session.connector.stats.busy == 0


@pytest.mark.parametrize(
    ("length", "body"), [("5", b"abc"), ("3", b"abcde")], ids=["too short", "too long"]
)
async def test_lengths_that_do_not_match(length: str, body: bytes) -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        headers = [("content-length", length)]
        await peer.respond(request.stream_id, body, headers=headers)
        await answer_all(peer)

    async with scripted(script) as (session, listener):
        with pytest.raises(ClientPayloadError, match="Content-Length"):
            await get(session)
        assert await get(session, "next") == b"/next"
        assert listener.connections == 1


# --- GOAWAY ---------------------------------------------------------------------------------


async def test_goaway_lets_finish_what_was_begun_and_sends_the_rest_elsewhere() -> None:
    both = anyio.Event()

    async def script(peer: HTTP2Peer) -> None:
        if peer.peer.number:
            await answer_all(peer)
        first = await peer.request()
        await peer.respond(first.stream_id, b"/fi", end=False)
        second = await peer.request()
        await peer.send_frames(GoAwayFrame(0, last_stream_id=first.stream_id))
        del second
        both.set()
        await peer.send_data(first.stream_id, b"rst", end=True)
        await peer.wait_closed()

    got: dict[str, bytes] = {}
    async with scripted(script) as (session, listener):

        async def post(path: str) -> None:
            async with session.post(path, data=b"x") as response:
                got[path] = await response.read()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(post, "first")
            await checkpoint()
            tasks.start_soon(post, "second")
            await both.wait()
        assert await get(session, "third") == b"/third"
        assert listener.connections == 2
    assert sorted(got.values()) in ([b"/first", b"/second"], [b"/first", b"/first"])


async def test_an_abrupt_goaway() -> None:
    async def script(peer: HTTP2Peer) -> None:
        if peer.peer.number:
            await answer_all(peer)
        request = await peer.request()
        goaway = GoAwayFrame(0, last_stream_id=request.stream_id, error_code=2)
        await peer.respond(request.stream_id, b"half", end=False)
        await peer.send_frames(goaway)

    async with scripted(script) as (session, listener):
        # Its end is seen by whichever comes first, a read or a write.
        with pytest.raises(ClientPayloadError, match=r"h2\.example:80"):
            await get(session)
        assert await get(session, "next") == b"/next"
        assert listener.connections == 2


async def test_goaway_on_an_idle_connection_is_seen_before_it_is_used() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.respond(request.stream_id, b"%d" % peer.peer.number)
        await peer.send_frames(GoAwayFrame(0, last_stream_id=request.stream_id))
        await peer.wait_closed()

    async with scripted(script) as (session, listener):
        for number in range(3):
            assert await get(session) == b"%d" % number
            for _ in range(5):
                await checkpoint()
        assert listener.connections == 3


# --- SETTINGS and PING ----------------------------------------------------------------------


async def test_fewer_streams_than_before() -> None:
    """Those beyond wait for another connection; nobody is refused."""

    async def script(peer: HTTP2Peer) -> None:
        if peer.peer.number:
            await answer_all(peer)
        request = await peer.request()
        await peer.send_frames(SettingsFrame(0, {SettingCodes.MAX_CONCURRENT_STREAMS: 1}))
        await peer.respond(request.stream_id, b"/0")
        while True:
            request = await peer.request()
            open_streams = peer.h2.open_inbound_streams
            assert open_streams <= 1
            await checkpoint()
            await peer.respond(request.stream_id, dict(request.headers)[":path"].encode())

    async with scripted(script) as (session, _):
        assert await get(session, "0") == b"/0"
        got: list[bytes] = []

        async def ask(number: int) -> None:
            got.append(await get(session, str(number)))

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(ask, number)
        assert sorted(got) == [b"/%d" % number for number in range(5)]


async def test_no_streams_at_all_any_more() -> None:
    async def script(peer: HTTP2Peer) -> None:
        if peer.peer.number:
            await answer_all(peer)
        request = await peer.request()
        await peer.send_frames(SettingsFrame(0, {SettingCodes.MAX_CONCURRENT_STREAMS: 0}))
        await peer.respond(request.stream_id, b"first")
        await peer.wait_closed()

    async with scripted(script) as (session, listener):
        assert await get(session) == b"first"
        assert await get(session, "second") == b"/second"
        assert listener.connections == 2


async def test_windows_that_become_negative_and_open_again() -> None:
    size = 200_000

    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        number = request.stream_id
        received = 0
        while received < 65535:
            received += len((await peer.wait_for(DataReceived)).data)
        # Everything is used up; now there is less than nothing.
        await peer.send_frames(
            SettingsFrame(0, {SettingCodes.INITIAL_WINDOW_SIZE: 10}),
            WindowUpdateFrame(0, window_increment=1_000_000),
            WindowUpdateFrame(number, window_increment=65_520),
        )
        for _ in range(10):
            await checkpoint()
        before = peer.count(DataReceived)
        await peer.send_frames(SettingsFrame(0, {SettingCodes.INITIAL_WINDOW_SIZE: 1_000_000}))
        peer.h2.increment_flow_control_window(1_000_000)
        peer.h2.increment_flow_control_window(1_000_000, number)
        while received < size:
            received += len((await peer.wait_for(DataReceived)).data)
        assert before == peer.count(DataReceived) or before
        await peer.respond(number, b"%d" % received)
        await peer.wait_closed()

    async with scripted(script) as (session, _), session.post("", data=bytes(size)) as response:
        assert await response.read() == b"%d" % size


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (SettingCodes.MAX_FRAME_SIZE, 100_000),
        (SettingCodes.HEADER_TABLE_SIZE, 0),
        (SettingCodes.HEADER_TABLE_SIZE, 100_000),
        (SettingCodes.INITIAL_WINDOW_SIZE, 1),
        (0x99, 5),
    ],
)
async def test_settings_that_change(setting: int, value: int) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, request.headers["X-A"].encode() + await request.read())

    async with serving(handler, settings={setting: value}) as (session, _):
        for number in range(3):
            headers = {"X-A": "same"}
            async with session.post("", data=b"x" * 500 * number, headers=headers) as response:
                assert await response.read() == b"same" + b"x" * 500 * number


async def test_pings_are_answered() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.send_frames(PingFrame(0, opaque_data=b"are you?"))
        answer = await peer.wait_for(PingAckReceived)
        await peer.respond(request.stream_id, answer.ping_data)
        await peer.wait_closed()

    async with scripted(script) as (session, _):
        assert await get(session) == b"are you?"


async def test_an_idle_connection_is_asked_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.respond(request.stream_id, b"%d" % peer.peer.number)
        if peer.peer.number:
            await answer_all(peer)
        await peer.peer.stall()

    monkeypatch.setattr("anyiohttp._protocol.http2.connection.PING_TIMEOUT", 0.05)
    async with scripted(script) as (session, listener):
        assert await get(session) == b"0"
        monkeypatch.setattr("anyiohttp._protocol.http2.connection.PING_AFTER", -1)
        # It does not answer: even what must not be sent twice goes to another.
        async with session.post("", data=b"x") as response:
            assert await response.read() == b"1"
        assert await get(session, "again") == b"/again"
        assert listener.connections == 2


# --- floods ---------------------------------------------------------------------------------


def flood(kind: str, stream: int) -> list[Frame]:
    frames: dict[str, list[Frame]] = {
        "PING": [PingFrame(0, opaque_data=bytes(8))],
        "SETTINGS": [SettingsFrame(0, {SettingCodes.MAX_CONCURRENT_STREAMS: 100})],
        "PRIORITY": [PriorityFrame(stream)],
        "WINDOW_UPDATE": [WindowUpdateFrame(0, window_increment=1)],
        "empty DATA": [DataFrame(stream, b"")],
        "RST_STREAM": [RstStreamFrame(stream - 2, error_code=8)],
        "CONTINUATION": [HeadersFrame(stream, b""), *[ContinuationFrame(stream, b"")] * 100],
        "informational": [HeadersFrame(stream, b"\x08\x03103", flags=["END_HEADERS"])],
    }
    return frames[kind] * (1 if kind == "CONTINUATION" else 6_000)


@pytest.mark.parametrize(
    "kind",
    ["PING", "SETTINGS", "PRIORITY", "WINDOW_UPDATE", "empty DATA", "RST_STREAM", "CONTINUATION"],
)
async def test_floods_are_cut(kind: str) -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.respond(request.stream_id, b"first")
        request = await peer.request()
        if kind != "CONTINUATION":
            await peer.respond(request.stream_id, b"x", end=False)
        await peer.send_frames(*flood(kind, request.stream_id))
        goaway = await peer.wait_for(ConnectionTerminated)
        assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM

    async with scripted(script) as (session, _):
        assert await get(session) == b"first"
        with pytest.raises((ClientPayloadError, MalformedResponseError), match="broke the rules"):
            await get(session, "flooded")


async def test_informational_responses_without_end_end_the_stream() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        await peer.send_frames(*flood("informational", request.stream_id)[:100])
        await answer_all(peer)

    async with scripted(script) as (session, listener):
        with pytest.raises(MalformedResponseError, match="more than 32 informational"):
            await get(session)
        assert await get(session, "next") == b"/next"
        assert listener.connections == 1


async def test_pings_at_leisure_are_no_flood() -> None:
    async def script(peer: HTTP2Peer) -> None:
        request = await peer.request()
        for _ in range(200):
            await peer.send_frames(PingFrame(0, opaque_data=bytes(8)))
            await peer.wait_for(PingAckReceived)
        await peer.respond(request.stream_id, b"%d" % peer.count(PingAckReceived))
        await peer.wait_closed()

    async with scripted(script) as (session, _):
        assert await get(session) == b"200"


# --- which version --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


BOTH = ("h2", "http/1.1")


@pytest.mark.parametrize(
    ("server", "client", "settings", "spoken"),
    [
        (BOTH, BOTH, {}, (2, 0)),
        (BOTH, BOTH, {"version": HttpVersion10}, (1, 1)),
        (BOTH, (), {}, (1, 1)),
        (("http/1.1",), BOTH, {}, (1, 1)),
        ((), BOTH, {}, (1, 1)),
    ],
)
async def test_alpn(
    authority: CertificateAuthority,
    server: tuple[str, ...],
    client: tuple[str, ...],
    settings: dict[str, Any],
    spoken: tuple[int, int],
) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, b"secure" if request.secure else b"")

    async with MemoryNetwork() as network:
        tls = authority.server_context(HOST, alpn=server)
        listener = network.serve_http2(HOST, handler, tls=tls)
        offered = client if "version" not in settings else ()
        connector = network.connector(ssl=authority.client_context(alpn=offered))
        async with (
            ClientSession(connector=connector, **settings) as session,
            session.get(listener.url) as response,
        ):
            assert await response.read() == b"secure"
            assert response.version == spoken


async def test_concurrent_calls_share_one_handshake(authority: CertificateAuthority) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, request.path.encode())

    async with MemoryNetwork() as network:
        for server, connections in ((BOTH, 1), (("http/1.1",), 20)):
            tls = authority.server_context(HOST, alpn=server)
            listener = network.serve_http2(HOST, handler, tls=tls)
            connector = network.connector(ssl=authority.client_context(alpn=BOTH))
            async with ClientSession(str(listener.url), connector=connector) as session:

                async def ask(session: ClientSession = session) -> None:
                    assert await get(session, "x") == b"/x"

                async with anyio.create_task_group() as tasks:
                    for _ in range(20):
                        tasks.start_soon(ask)
            assert 1 <= listener.connections <= connections
            assert connections > 1 or listener.connections == 1


async def test_what_does_not_speak_http2_is_refused(authority: CertificateAuthority) -> None:
    async def handler(request: Request) -> Response:
        return Response(200)

    async with MemoryNetwork() as network:
        listener = network.serve(HOST, handler, tls=authority.server_context(HOST))
        connector = network.connector(ssl=authority.client_context(), http_versions=["h2"])
        async with ClientSession(connector=connector) as session:
            with pytest.raises(anyiohttp.ClientConnectorError, match="does not speak HTTP/2"):
                await session.get(listener.url)
        listener = network.serve(HOST, handler)
        connector = network.connector(http_versions=["h2"])
        async with ClientSession(connector=connector) as session:
            with pytest.raises((ClientConnectionError, MalformedResponseError)):
                await session.get(listener.url)


async def test_through_a_proxy(authority: CertificateAuthority) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, request.path.encode())

    async with MemoryNetwork() as network:
        listener = network.serve_http2(HOST, handler, tls=authority.server_context(HOST, alpn=BOTH))
        proxy = network.proxy("proxy.example")
        network.socks_proxy("socks.example")
        connector = network.connector(ssl=authority.client_context(alpn=BOTH))
        async with ClientSession(connector=connector) as session:
            for through in (str(proxy.url), "socks5h://socks.example"):
                async with session.get(listener.url / "x", proxy=through) as response:
                    assert response.version == (2, 0)
                    assert await response.read() == b"/x"


# --- WebSockets -----------------------------------------------------------------------------

OFFERED = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}


async def websockets_too(request: Request) -> Response:
    if request.path == "/ws":
        return accept_websocket(request, echo_websocket)
    return Response(200, b"%d" % request.version[0])


async def test_a_websocket_on_a_stream() -> None:
    async with serving(websockets_too, settings=OFFERED) as (session, listener):
        async with session.ws_connect("ws") as websocket:
            await websocket.send_str("hello")
            assert await websocket.receive_str() == "hello"
            await websocket.send_bytes(bytes(300_000))
            assert len(await websocket.receive_bytes()) == 300_000
            assert await get(session) == b"2"
        assert websocket.close_code == 1000
        assert await get(session) == b"2"
        assert listener.connections == 1


async def test_a_websocket_that_is_given_up_leaves_the_connection_alone() -> None:
    async with serving(websockets_too, settings=OFFERED) as (session, listener):
        websocket = await session.ws_connect("ws")
        with anyio.move_on_after(0.01):
            await websocket.receive()
        assert await get(session) == b"2"
        await websocket.close()
        assert session.connector is not None
        assert session.connector.stats.busy == 0
        assert listener.connections == 1


@pytest.mark.parametrize("how", ["ended", "reset", "goes with the connection"])
async def test_a_websocket_that_is_over_as_soon_as_it_is_open(how: str) -> None:
    """What was said in the same breath is received all the same, as over HTTP/1.1."""

    async def script(peer: HTTP2Peer) -> None:
        number = (await peer.request()).stream_id
        peer.h2.send_headers(number, [(":status", "200")])
        peer.h2.send_data(number, frame(TEXT, b"hello"), end_stream=how == "ended")
        if how == "reset":
            peer.h2.reset_stream(number)
        await peer.flush()
        if how != "goes with the connection":
            await answer_all(peer)

    async with scripted(script, OFFERED) as (session, _):
        async with session.ws_connect("ws") as websocket:
            assert await websocket.receive_str() == "hello"
            assert (await websocket.receive()).type is WSMsgType.CLOSED
        assert session.connector is not None
        assert session.connector.stats.busy == 0
        if how != "goes with the connection":
            assert await get(session, "next") == b"/next"


async def test_a_websocket_where_it_is_not_offered() -> None:
    async with serving(websockets_too) as (session, _):
        with pytest.raises(ClientConnectionError, match="does not offer websocket over HTTP/2"):
            await session.ws_connect("ws")
        assert await get(session) == b"2"


async def test_a_websocket_that_is_refused() -> None:
    async def handler(request: Request) -> Response:
        return Response(403, b"no")

    async with serving(handler, settings=OFFERED) as (session, listener):
        with pytest.raises(WSServerHandshakeError, match="Invalid response status") as caught:
            await session.ws_connect("ws")
        assert caught.value.status == 403
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect("ws")
        assert listener.connections == 1


@pytest.mark.parametrize("offered", [True, False])
async def test_secure_websockets_share_the_connection_that_is_there(
    authority: CertificateAuthority, *, offered: bool
) -> None:
    """Otherwise they have one of HTTP/1.1."""
    async with MemoryNetwork() as network:
        tls = authority.server_context(HOST, alpn=BOTH)
        listener = network.serve_http2(
            HOST, websockets_too, tls=tls, settings=OFFERED if offered else None
        )
        # The context is used as it is: it is told what to offer for each kind of call.
        async with ClientSession(
            connector=network.connector(ssl=authority.client_context(alpn=BOTH))
        ) as session:
            assert await get(session, str(listener.url)) == b"2"
            url = str(listener.url / "ws").replace("https", "wss")
            plain = authority.client_context()
            context = {} if offered else {"ssl": plain}
            async with session.ws_connect(url, **context) as websocket:  # type: ignore[arg-type]
                await websocket.send_str("hello")
                assert await websocket.receive_str() == "hello"
            assert listener.connections == (1 if offered else 2)


def test_what_a_handshake_says_on_a_stream() -> None:
    headers = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "x"),
        ("Sec-WebSocket-Version", "13"),
    )
    head = RequestHead("GET", "https", "a.example", "/ws", headers, upgrade=True)
    said = as_extended_connect(head)
    assert (said.method, said.protocol, said.upgrade) == ("CONNECT", "websocket", False)
    assert (said.scheme, said.authority, said.target) == ("https", "a.example", "/ws")
    assert said.headers == (("Sec-WebSocket-Version", "13"),)
