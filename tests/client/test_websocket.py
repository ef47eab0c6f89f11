"""WebSockets end to end: the handshake, messages, heartbeats, closing; aiohttp's ways in all."""

from __future__ import annotations

import gc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, assert_type

import anyio
import pytest
from anyio.lowlevel import checkpoint
from anyio.streams.tls import TLSAttribute
from tests.websocket_peers import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Frame,
    accept,
    close_frame,
    frame,
    receive_frame,
)

import anyiohttp
from anyiohttp import (
    ClientConnectionError,
    ClientConnectionResetError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    InvalidRequestError,
    ServerTimeoutError,
    SocketTimeoutError,
    TraceConfig,
    WebSocketError,
    WSCloseCode,
    WSMessage,
    WSMessageTextBytes,
    WSMessageTypeError,
    WSMsgType,
    WSServerHandshakeError,
)
from anyiohttp.testing import CertificateAuthority, MemoryNetwork, Peer

pytestmark = pytest.mark.anyio

HOST = "peer.example"
URL = f"ws://{HOST}/chat"
#: No test waits so long.
PATIENCE = 20

Script = Callable[[Peer], Awaitable[None]]
Socket = ClientWebSocketResponse[bool]

CLOSED = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING = WSMessage(WSMsgType.CLOSING, None, None)


def text(data: str) -> WSMessage:
    return WSMessage(WSMsgType.TEXT, data, "")


@asynccontextmanager
async def serving(script: Script, *fields: bytes, **options: Any) -> AsyncIterator[ClientSession]:
    """A session, and a peer that accepts the handshake and plays a script."""

    async def play(peer: Peer) -> None:
        await peer.send(accept(await peer.receive_head(), *fields))
        await script(peer)

    capacity = options.pop("capacity", 64 * 1024)
    with anyio.fail_after(PATIENCE):
        async with MemoryNetwork(capacity=capacity) as network:
            network.listen(HOST, 80, play)
            connector = network.connector(limit=1)
            async with ClientSession(connector=connector, **options) as session:
                yield session
                stats = connector.stats
                assert (stats.busy, stats.idle, stats.dialing) == (0, 0, 0)
            assert not network.open_streams


@asynccontextmanager
async def opened(script: Script, *fields: bytes, **options: Any) -> AsyncIterator[Socket]:
    """An open WebSocket, and a peer that plays a script; it is closed at the end."""
    capacity = options.pop("capacity", 64 * 1024)
    async with (
        serving(script, *fields, capacity=capacity) as session,
        session.ws_connect(URL, **options) as websocket,
    ):
        yield websocket


async def says_goodbye(peer: Peer) -> None:
    """Answer the client's close frame."""
    while (found := await receive_frame(peer)).opcode != CLOSE:
        pass
    await peer.send(frame(CLOSE, found.data))


async def echo(peer: Peer) -> None:
    """Send back what comes, until the client closes."""
    while True:
        found = await receive_frame(peer)
        await peer.send(frame(found.opcode, found.data))
        if found.opcode == CLOSE:
            return


def saying(*data: bytes) -> Script:
    """Say something, and wait for the client to close."""

    async def script(peer: Peer) -> None:
        await peer.send(b"".join(data))
        await says_goodbye(peer)

    return script


async def silent(peer: Peer) -> None:
    await peer.stall()


def drop(held: list[Any]) -> None:
    """Let the garbage collector have what was held."""
    held.clear()
    gc.collect()


# --- the handshake ------------------------------------------------------------------------------


async def handshake_of(**options: Any) -> tuple[str, dict[str, str]]:
    """The request line and the fields of a handshake."""
    heads: list[bytes] = []

    async def play(peer: Peer) -> None:
        head = await peer.receive_head()
        heads.append(head)
        await peer.send(accept(head))
        await echo(peer)

    async with MemoryNetwork() as network:
        network.listen(HOST, 80, play)
        async with (
            ClientSession(connector=network.connector()) as session,
            session.ws_connect(options.pop("url", URL), **options),
        ):
            pass
    first, *lines = heads[0].decode().split("\r\n")[:-2]
    return first, {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}


async def test_what_a_handshake_says() -> None:
    line, fields = await handshake_of(
        url=f"http://user:pass@{HOST}/chat?a=1",
        params={"b": "2"},
        protocols=("x", "y"),
        origin="https://here.example",
        headers={"X-More": "1", "Sec-WebSocket-Key": "never"},
        compress=15,
    )
    assert line == "GET /chat?a=1&b=2 HTTP/1.1"
    assert len(fields.pop("sec-websocket-key")) == 24
    expected = {
        "host": HOST,
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": "x,y",
        "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
        "origin": "https://here.example",
        "x-more": "1",
        "authorization": "Basic dXNlcjpwYXNz",
    }
    assert {name: fields[name] for name in expected} == expected


async def test_a_method_and_fields_of_ones_own() -> None:
    line, fields = await handshake_of(method="POST", headers={"Connection": "keep-alive, Upgrade"})
    assert line.startswith("POST ")
    assert fields["connection"] == "keep-alive, Upgrade"


async def test_both_call_forms_and_what_is_agreed_on() -> None:
    fields = (
        b"Sec-WebSocket-Protocol: y",
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10",
    )
    async with serving(echo, *fields) as session:
        websocket = await session.ws_connect(URL, protocols=("x", "y"), compress=15)
        assert isinstance(websocket, ClientWebSocketResponse)
        assert websocket.protocol == "y"
        assert websocket.compress == 10
        assert not websocket.client_notakeover
        assert not websocket.closed
        assert websocket.close_code is None
        assert websocket.exception() is None
        assert "open ws://peer.example/chat" in repr(websocket)
        assert await websocket.close()
        assert not await websocket.close()
        assert websocket.closed
        assert websocket.close_code == 1000
        async with session.ws_connect(URL, compress=15) as websocket, websocket as same:
            assert same is websocket
        assert websocket.closed


async def test_compress_9_is_what_the_server_is_asked_for() -> None:
    fields = (b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9",)
    async with opened(echo, *fields, compress=9) as websocket:
        assert websocket.compress == 15


async def test_what_is_known_of_the_connection(scripted_server: Any) -> None:
    async def play(peer: Any) -> None:
        await peer.send(accept(await peer.receive_head()))
        await echo(peer)

    server = await scripted_server(play)
    async with ClientSession() as session, session.ws_connect(server.url) as websocket:
        assert websocket.get_extra_info("peername") == ("127.0.0.1", server.port)
        assert websocket.get_extra_info("nothing", 1) == 1
        await websocket.send_str("a")
        assert await websocket.receive_str() == "a"
    assert websocket.get_extra_info("peername", "gone") == "gone"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "Invalid response status"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "Invalid response status"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "Invalid upgrade header",
        ),
        (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: x\r\n\r\n", "Invalid connection"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01a",
            "Invalid challenge response",
        ),
    ],
)
async def test_answers_that_are_no_handshake(answer: bytes, message: str) -> None:
    async def play(peer: Peer) -> None:
        await peer.receive_head()
        await peer.send(answer)
        await peer.stall()

    async with MemoryNetwork() as network:
        network.listen(HOST, 80, play)
        connector = network.connector(limit=1)
        async with ClientSession(connector=connector) as session:
            with pytest.raises(WSServerHandshakeError, match=message) as caught:
                await session.ws_connect(URL)
            assert caught.value.status == int(answer[9:12])
            assert caught.value.headers is not None
            assert caught.value.request_info.url.path == "/chat"
            assert connector.stats.busy == 0


async def test_no_compression_of_such_a_size() -> None:
    async with ClientSession() as session:
        with pytest.raises(ValueError, match="between 9 and 15"):
            await session.ws_connect(URL, compress=8)
        with pytest.raises(TypeError, match="unexpected"):
            await session.ws_connect(URL, no_such=True)  # type: ignore[call-overload]


async def test_redirects_cookies_middlewares_and_tracing_apply() -> None:
    seen: list[bytes] = []
    traced: list[str] = []

    async def play(peer: Peer) -> None:
        while True:
            head = await peer.receive_head()
            seen.append(head)
            if b"/chat " in head:
                fields = (b"Location: /there", b"Set-Cookie: led=here")
                await peer.answer(b"", *fields, status=b"302 Found")
                continue
            await peer.send(accept(head))
            await echo(peer)
            return

    async def middleware(
        request: ClientRequest, handler: Callable[[ClientRequest], Awaitable[ClientResponse]]
    ) -> ClientResponse:
        request.headers["X-Middleware"] = "1"
        return await handler(request)

    trace = TraceConfig()
    for name in ("on_request_start", "on_request_redirect", "on_request_end"):

        async def note(*args: object, name: str = name) -> None:
            traced.append(name)

        getattr(trace, name).append(note)
    async with MemoryNetwork() as network:
        network.listen(HOST, 80, play)
        async with (
            ClientSession(
                connector=network.connector(), middlewares=[middleware], trace_configs=[trace]
            ) as session,
            session.ws_connect(URL) as websocket,
        ):
            await websocket.send_str("a")
            assert await websocket.receive_str() == "a"
    assert traced == ["on_request_start", "on_request_redirect", "on_request_end"]
    assert len(seen) == 2
    assert b"Cookie: led=here\r\n" in seen[1]
    assert b"X-Middleware: 1\r\n" in seen[1]
    assert b"Upgrade: websocket\r\n" in seen[1]


async def test_tls_and_proxies_apply() -> None:
    authority = CertificateAuthority()

    async def play(peer: Peer) -> None:
        await peer.send(accept(await peer.receive_head()))
        await echo(peer)

    async with MemoryNetwork() as network:
        network.listen(HOST, 443, play, tls=authority.server_context(HOST))
        network.listen(HOST, 80, play)
        proxy = network.proxy("proxy.example", auth=("user", "password"))
        connector = network.connector(ssl=authority.client_context())
        url = proxy.url.with_user("user").with_password("password")
        async with ClientSession(connector=connector) as session:
            for scheme in ("wss", "ws"):
                async with session.ws_connect(f"{scheme}://{HOST}/", proxy=url) as websocket:
                    await websocket.send_bytes(b"a" * 100_000)
                    assert await websocket.receive_bytes() == b"a" * 100_000
        assert proxy.requests == 2


async def test_http_2_is_not_offered_because_it_has_no_upgrade() -> None:
    spoken: list[str | None] = []

    async def play(peer: Peer) -> None:
        spoken.append(peer.stream.extra(TLSAttribute.alpn_protocol))
        await peer.send(accept(await peer.receive_head()))
        await echo(peer)

    context = CertificateAuthority().server_context(HOST)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with MemoryNetwork() as network:
        network.listen(HOST, 443, play, tls=context)
        async with (
            ClientSession(connector=network.connector()) as session,
            session.ws_connect(f"wss://{HOST}/", ssl=False) as websocket,
        ):
            await websocket.send_str("a")
            assert await websocket.receive_str() == "a"
    assert spoken == ["http/1.1"]


async def test_a_class_of_ones_own() -> None:
    class Mine(ClientWebSocketResponse):
        async def shout(self, data: str) -> None:
            await self.send_str(data.upper())

    async with (
        serving(echo, ws_response_class=Mine) as session,
        session.ws_connect(URL) as websocket,
    ):
        assert isinstance(websocket, Mine)
        await websocket.shout("a")
        assert await websocket.receive_str() == "A"


async def test_a_session_that_is_closed_ends_its_websockets() -> None:
    async with serving(silent) as session:
        websocket = await session.ws_connect(URL)
        async with anyio.create_task_group() as tasks:
            got: list[WSMessage] = []

            async def receive() -> None:
                got.append(await websocket.receive())

            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            await session.close()
        assert got == [CLOSED]
        assert websocket.close_code == 1006
        assert isinstance(websocket.exception(), ClientConnectionResetError)


async def test_one_that_is_dropped_is_closed_with_a_warning() -> None:
    async with serving(silent) as session:
        held = [await session.ws_connect(URL)]
        with pytest.warns(ResourceWarning, match="Unclosed WebSocket"):
            drop(held)


# --- messages -----------------------------------------------------------------------------------


async def test_every_way_to_send_and_receive() -> None:
    async with opened(echo) as websocket:
        await websocket.send_str("ä")
        assert await websocket.receive() == text("ä")
        await websocket.send_bytes(bytearray(b"\xff"))
        assert await websocket.receive() == WSMessage(WSMsgType.BINARY, b"\xff", "")
        await websocket.send_bytes(memoryview(b"\xff"))
        assert await websocket.receive_bytes() == b"\xff"
        await websocket.send_json({"a": [1]})
        assert await websocket.receive_json() == {"a": [1]}
        await websocket.send_json(1, dumps=lambda value: f"<{value}>")
        assert await websocket.receive_json(loads=len) == 3
        await websocket.send_json_bytes({}, dumps=lambda _: b"{}")
        message = await websocket.receive()
        assert message.type is WSMsgType.BINARY
        assert message.json() == {}
        await websocket.send_frame(b"x", WSMsgType.TEXT)
        assert await websocket.receive_str(timeout=5) == "x"


@pytest.mark.parametrize(
    ("send", "given"),
    [("send_str", b"x"), ("send_str", 1), ("send_bytes", "x"), ("send_bytes", 1)],
)
async def test_what_is_of_the_wrong_type(send: str, given: object) -> None:
    async with opened(echo) as websocket:
        with pytest.raises(TypeError, match="data argument must be"):
            await getattr(websocket, send)(given)
        with pytest.raises(InvalidRequestError):
            await websocket.ping(b"p" * 126)
        await websocket.send_str("a")
        assert await websocket.receive_str() == "a"


async def test_a_message_of_another_type() -> None:
    async with opened(saying(frame(BINARY, b"a"), frame(TEXT, b"b"))) as websocket:
        with pytest.raises(WSMessageTypeError, match=r"is not WSMsgType\.TEXT") as caught:
            await websocket.receive_str()
        assert isinstance(caught.value, TypeError)
        with pytest.raises(WSMessageTypeError, match=r"is not WSMsgType\.BINARY"):
            await websocket.receive_bytes()


async def test_iteration() -> None:
    data = [frame(TEXT, b"a"), frame(PING, b"p"), frame(TEXT, b"b", fin=False), frame(CONT, b"c")]
    async with opened(saying(*data, close_frame(1001, b"bye"))) as websocket:
        assert [message async for message in websocket] == [text("a"), text("bc")]
        assert websocket.close_code == 1001
        assert await websocket.receive() == CLOSED


async def test_pings_are_answered_and_pongs_swallowed() -> None:
    answered: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.send(frame(PING, b"1") + frame(PONG, b"2") + frame(TEXT, b"a"))
        answered.append(await receive_frame(peer))
        await says_goodbye(peer)

    async with opened(script) as websocket:
        assert await websocket.receive() == text("a")
    assert answered == [Frame(PONG, b"1")]


async def test_pings_without_autoping() -> None:
    answered: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.send(frame(PING, b"1") + frame(PONG, b"2"))
        answered.extend([await receive_frame(peer), await receive_frame(peer)])
        await says_goodbye(peer)

    async with opened(script, autoping=False) as websocket:
        assert await websocket.receive() == WSMessage(WSMsgType.PING, b"1", "")
        assert await websocket.receive() == WSMessage(WSMsgType.PONG, b"2", "")
        await websocket.pong(b"3")
        await websocket.ping()
    assert answered == [Frame(PONG, b"3"), Frame(PING, b"")]


async def test_text_that_is_not_decoded() -> None:
    async with (
        serving(saying(frame(TEXT, b"\xff"), frame(TEXT, b"[1]"), frame(TEXT, b"b"))) as session,
        session.ws_connect(URL, decode_text=False) as websocket,
    ):
        assert_type(websocket, ClientWebSocketResponse[Literal[False]])
        assert await websocket.receive() == WSMessageTextBytes(WSMsgType.TEXT, b"\xff", "")
        assert await websocket.receive_json() == [1]
        assert assert_type(await websocket.receive_str(), bytes) == b"b"


async def test_one_task_at_a_time_receives() -> None:
    async with opened(echo) as websocket, anyio.create_task_group() as tasks:
        tasks.start_soon(websocket.receive)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="Concurrent call to receive"):
            await websocket.receive()
        await websocket.send_str("for the first")


@pytest.mark.parametrize("how", ["option", "older option", "argument"])
async def test_nothing_comes_in_time(how: str) -> None:
    options: dict[str, Any] = {
        "option": {"timeout": ClientWSTimeout(ws_receive=0.01)},
        "older option": {"receive_timeout": 0.01},
        "argument": {},
    }[how]
    async with opened(echo, **options) as websocket:
        with pytest.raises(SocketTimeoutError, match=r"0\.01 s .*ws_receive.* peer\.example:80"):
            await websocket.receive(timeout=0.01 if how == "argument" else None)
        assert not websocket.closed
        await websocket.send_str("still here")
        assert await websocket.receive(timeout=10) == text("still here")
    assert websocket.close_code == 1000


async def test_a_cancelled_receive_loses_nothing() -> None:
    sent = frame(TEXT, b"a" * 300) + frame(TEXT, b"b")

    async def script(peer: Peer) -> None:
        await peer.send_bytewise(sent)
        await says_goodbye(peer)

    async with opened(script) as websocket:
        got: list[WSMessage] = []
        cancelled = 0
        while len(got) < 2:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:

                    async def cancel(scope: anyio.CancelScope = scope) -> None:
                        await checkpoint()
                        await checkpoint()
                        scope.cancel()

                    tasks.start_soon(cancel)
                    got.append(await websocket.receive())
            cancelled += scope.cancelled_caught
        assert got == [text("a" * 300), text("b")]
        assert cancelled > 20


MISTAKES = {
    "reserved bit": (frame(TEXT, b"a", rsv=4), 1002),
    "opcode": (frame(3), 1002),
    "continuation": (frame(CONT, b"a"), 1002),
    "UTF-8": (frame(TEXT, b"\xff"), 1007),
    "too big": (frame(BINARY, b"a" * 101), 1009),
    "masked": (frame(TEXT, b"a", masked=True), 1002),
    "close code": (close_frame(1005), 1002),
}


@pytest.mark.parametrize(("data", "code"), MISTAKES.values(), ids=MISTAKES)
async def test_mistakes_of_the_peer(data: bytes, code: int) -> None:
    told: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"before") + data)
        told.append(await receive_frame(peer))
        assert await peer.wait_closed() == b""

    async with opened(script, max_msg_size=100) as websocket:
        assert await websocket.receive() == text("before")
        message = await websocket.receive()
        assert message.type is WSMsgType.ERROR
        assert isinstance(message.data, WebSocketError)
        assert message.data.code == code
        assert websocket.closed
        assert websocket.close_code == code
        assert websocket.exception() is None
        assert await websocket.receive() == CLOSED
    assert told == [Frame(CLOSE, code.to_bytes(2, "big"))]


async def test_a_message_as_large_as_the_limit() -> None:
    async with opened(saying(frame(BINARY, b"a" * 100)), max_msg_size=100) as websocket:
        assert await websocket.receive_bytes() == b"a" * 100


async def test_sixteen_mebibytes_both_ways() -> None:
    data = bytes(range(256)) * (1 << 16)
    async with opened(echo, max_msg_size=0) as websocket, anyio.create_task_group() as tasks:
        tasks.start_soon(websocket.send_bytes, data)
        assert await websocket.receive_bytes() == data


@pytest.mark.parametrize(
    "parameters",
    ["", "; client_no_context_takeover; server_no_context_takeover", "; client_max_window_bits=9"],
)
async def test_compressed_both_ways(parameters: str) -> None:
    bits = 9 if "bits=9" in parameters else 15
    forgets = "no_context" in parameters
    compressed: list[bool] = []

    async def script(peer: Peer) -> None:
        inflater, deflater = zlib.decompressobj(-bits), zlib.compressobj(wbits=-15)
        while True:
            found = await receive_frame(peer)
            if found.opcode == CLOSE:
                await peer.send(frame(CLOSE, found.data))
                return
            compressed.append(found.rsv1)
            if forgets:
                inflater, deflater = zlib.decompressobj(-bits), zlib.compressobj(wbits=-15)
            data = inflater.decompress(found.data + b"\x00\x00\xff\xff")
            coded = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
            await peer.send(frame(found.opcode, coded[:-4], rsv=4))

    field = f"Sec-WebSocket-Extensions: permessage-deflate{parameters}".encode()
    async with opened(script, field, compress=15) as websocket:
        assert websocket.compress == bits
        assert websocket.client_notakeover is forgets
        for number in range(4):
            await websocket.send_str(f"number {number} " * 100)
            assert await websocket.receive_str() == f"number {number} " * 100
        await websocket.send_str("by itself " * 20, compress=9)
        assert await websocket.receive_str() == "by itself " * 20
        await websocket.send_str("number 0 " * 100)
        assert await websocket.receive_str() == "number 0 " * 100
    assert all(compressed)


# --- closing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, b"\x03\xe8"),
        ({"code": WSCloseCode.GOING_AWAY, "message": b"bye"}, b"\x03\xe9bye"),
        ({"code": 4000, "message": "bye"}, b"\x0f\xa0bye"),
        ({"code": 1006}, b""),
    ],
)
async def test_closing(options: dict[str, Any], sent: bytes) -> None:
    told: list[Frame] = []

    async def script(peer: Peer) -> None:
        told.append(await receive_frame(peer))
        await peer.send(frame(TEXT, b"on its way") + close_frame(4001, b"you too"))
        await peer.stall()

    async with opened(script) as websocket:
        assert await websocket.close(**options)
        assert websocket.close_code == 4001
        assert websocket.exception() is None
    assert told == [Frame(CLOSE, sent)]


@pytest.mark.parametrize("options", [{"code": 5000}, {"message": b"x" * 124}])
async def test_close_frames_that_must_not_be_sent(options: dict[str, Any]) -> None:
    async with opened(silent) as websocket:
        with pytest.raises(InvalidRequestError):
            await websocket.close(**options)
        assert websocket.closed


@pytest.mark.parametrize("code", [None, 1000, 1001, 4000])
async def test_the_peer_closes(code: int | None) -> None:
    told: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.send(close_frame(code, b"bye" if code else b""))
        told.append(await receive_frame(peer))
        assert await peer.wait_closed() == b""

    async with opened(script) as websocket:
        expected = WSMessage(WSMsgType.CLOSE, code or 0, "bye" if code else "")
        assert await websocket.receive() == expected
        assert websocket.closed
        assert websocket.close_code == (code or 1005)
        assert await websocket.receive() == CLOSED
    assert told == [Frame(CLOSE, b"\x03\xe8")]


async def test_the_peer_closes_and_is_answered_by_hand() -> None:
    told: list[Frame] = []

    async def script(peer: Peer) -> None:
        await peer.send(close_frame(1001))
        told.extend([await receive_frame(peer), await receive_frame(peer)])

    async with opened(script, autoclose=False) as websocket:
        assert (await websocket.receive()).type is WSMsgType.CLOSE
        assert not websocket.closed
        assert websocket.close_code == 1001
        await websocket.send_str("last")
        assert await websocket.close(code=4000)
    assert told == [Frame(TEXT, b"last"), Frame(CLOSE, b"\x0f\xa0")]


async def test_receiving_after_the_peer_has_closed_answers_it() -> None:
    async with opened(saying(close_frame(1001)), autoclose=False) as websocket:
        assert (await websocket.receive()).type is WSMsgType.CLOSE
        assert await websocket.receive() == CLOSED
        assert websocket.closed
        assert websocket.close_code == 1001


async def test_several_tasks_close() -> None:
    """The one that receives is told that all is over, as by aiohttp."""

    async def script(peer: Peer) -> None:
        await receive_frame(peer)
        await peer.stall()

    async with serving(script) as session:
        websocket = await session.ws_connect(URL, timeout=ClientWSTimeout(ws_close=0.2))
        got: list[WSMessage] = []
        closed: list[bool] = []
        async with anyio.create_task_group() as tasks:

            async def receive() -> None:
                got.append(await websocket.receive())

            async def close() -> None:
                closed.append(await websocket.close())

            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as closers:
                closers.start_soon(close)
                closers.start_soon(close)
        assert got == [CLOSED]
        assert sorted(closed) == [False, True]


async def test_another_task_closes() -> None:
    """The one that receives is told at once, whether the peer answers or not."""
    told: list[Frame] = []

    async def script(peer: Peer) -> None:
        told.append(await receive_frame(peer))
        await peer.stall()

    async with serving(script) as session:
        timeout = ClientWSTimeout(ws_close=0.2)
        websocket = await session.ws_connect(URL, timeout=timeout)
        got: list[WSMessage] = []
        async with anyio.create_task_group() as tasks:

            async def receive() -> None:
                got.append(await websocket.receive())
                got.append(await websocket.receive())
                assert websocket.close_code is None  # long before the peer would have to answer

            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            assert await websocket.close(code=4000)
        assert got == [CLOSING, CLOSED]
        assert websocket.close_code == 1006
        assert isinstance(websocket.exception(), TimeoutError)
        assert "0.2 s (ws_close)" in str(websocket.exception())
    assert told == [Frame(CLOSE, b"\x0f\xa0")]


@pytest.mark.parametrize("turns", range(8))
async def test_another_task_closes_while_the_receiver_lets_others_run(turns: int) -> None:
    """After so many messages it does, and then finds that nothing more has come."""
    async with opened(saying(frame(TEXT, b"a") * 64)) as websocket:
        async with anyio.create_task_group() as tasks:
            got = []

            async def iterate() -> None:
                async for message in websocket:
                    got.append(message)  # noqa: PERF401 - each one as it comes

            tasks.start_soon(iterate)
            while not got:
                await checkpoint()
            for _ in range(turns):
                await checkpoint()
            await websocket.close()
        assert len(got) <= 64
    assert websocket.close_code == 1000


async def test_iteration_ends_when_another_task_closes() -> None:
    async with opened(echo) as websocket, anyio.create_task_group() as tasks:
        ended = []

        async def iterate() -> None:
            ended.append([message async for message in websocket])

        tasks.start_soon(iterate)
        await websocket.send_str("a")
        await anyio.wait_all_tasks_blocked()
        await websocket.close()
    assert ended == [[text("a")]]
    assert websocket.close_code == 1000


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize("partial", [b"", b"\x81\x05abc"])
async def test_the_connection_ends(how: str, partial: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"a") + partial)
        await peer.transport.wait_taken()
        if how == "reset":
            peer.reset()

    async with opened(script) as websocket:
        assert await websocket.receive() == text("a")
        assert await websocket.receive() == CLOSED
        assert websocket.closed
        assert websocket.close_code == 1006
        assert isinstance(websocket.exception(), ClientConnectionError)


async def test_the_connection_ends_instead_of_the_close_frame() -> None:
    async def script(peer: Peer) -> None:
        await receive_frame(peer)

    async with opened(script) as websocket:
        assert await websocket.close()
        assert websocket.close_code == 1006
        assert isinstance(websocket.exception(), ClientConnectionResetError)


async def test_the_peer_does_not_read_the_close_frame() -> None:
    async with opened(silent, capacity=8, timeout=0.05) as websocket:
        with anyio.move_on_after(0.01):
            await websocket.send_str("x" * 100)
        assert await websocket.close()
        assert websocket.close_code == 1006
        assert isinstance(websocket.exception(), ServerTimeoutError)


async def test_nothing_is_sent_after_the_end() -> None:
    async with opened(echo) as websocket:
        await websocket.close()
        for send in (
            websocket.ping(),
            websocket.pong(),
            websocket.send_str("a"),
            websocket.send_bytes(b"a"),
            websocket.send_json(1),
            websocket.send_frame(b"a", WSMsgType.TEXT),
        ):
            with pytest.raises(ClientConnectionResetError):
                await send
        with pytest.raises(WSMessageTypeError):
            await websocket.receive_str()


async def test_the_block_fails() -> None:
    """What the block raises comes out as it is, heartbeat or not, and all is closed."""
    for heartbeat in (None, 30):
        with pytest.raises(KeyError):
            async with opened(echo, heartbeat=heartbeat) as websocket:
                raise KeyError
        assert websocket.closed
        assert websocket.close_code == 1000


async def test_the_block_is_cancelled() -> None:
    for heartbeat in (None, 30):
        with anyio.CancelScope() as scope:
            async with opened(silent, heartbeat=heartbeat) as websocket:
                scope.cancel()
                await websocket.receive()
        assert scope.cancelled_caught
        assert websocket.closed
        assert websocket.close_code == 1006


# --- heartbeats ---------------------------------------------------------------------------------

BEAT = 0.05


async def test_no_pong_in_time_while_receiving() -> None:
    """Awaited, it is the one who receives that keeps the time."""
    told: list[Frame] = []

    async def script(peer: Peer) -> None:
        told.append(await receive_frame(peer))
        assert await peer.wait_closed() == b""

    async with serving(script) as session:
        websocket = await session.ws_connect(URL, heartbeat=BEAT)
        message = await websocket.receive()
        assert message.type is WSMsgType.ERROR
        assert isinstance(message.data, ServerTimeoutError)
        assert "No PONG received after 0.025 seconds" in str(message.data)
        assert websocket.exception() is message.data
        assert websocket.closed
        assert websocket.close_code == 1006
        assert await websocket.receive() == CLOSED
    assert told == [Frame(PING, b"")]


@pytest.mark.parametrize("entered", [True, False])
async def test_pongs_keep_it_open(entered: bool) -> None:
    pings = 0

    async def script(peer: Peer) -> None:
        nonlocal pings
        while pings < 2:
            found = await receive_frame(peer)
            assert found.opcode == PING
            pings += 1
            await peer.send(frame(PONG, found.data))
        await peer.send(frame(TEXT, b"a"))
        await says_goodbye(peer)

    async with serving(script) as session:
        # Long enough for a busy machine to answer in half of it.
        context = session.ws_connect(URL, heartbeat=0.2)
        websocket = await (context.__aenter__() if entered else context)
        assert await websocket.receive() == text("a")
        await (context.__aexit__(None, None, None) if entered else websocket.close())
    assert pings == 2
    assert websocket.close_code == 1000


async def test_the_block_keeps_the_time_while_nobody_receives() -> None:
    seen = anyio.Event()

    async def script(peer: Peer) -> None:
        found = await receive_frame(peer)
        assert found.opcode == PING
        await peer.send(frame(PONG) + frame(TEXT, b"meanwhile"))
        found = await receive_frame(peer)
        assert found.opcode == PING
        await peer.send(frame(PONG))
        seen.set()
        await says_goodbye(peer)

    async with opened(script, heartbeat=0.2) as websocket:
        await seen.wait()
        assert not websocket.closed
        assert await websocket.receive() == text("meanwhile")
    assert websocket.close_code == 1000


async def test_the_block_notices_that_no_pong_comes_while_nobody_receives() -> None:
    gone = anyio.Event()

    async def script(peer: Peer) -> None:
        await peer.wait_closed()
        gone.set()

    async with opened(script, heartbeat=BEAT) as websocket:
        await gone.wait()
        assert websocket.closed
        assert websocket.close_code == 1006
        assert isinstance(websocket.exception(), ServerTimeoutError)
        with pytest.raises(ClientConnectionResetError):
            await websocket.send_str("a")
        assert await websocket.receive() == CLOSED


async def test_a_sender_is_woken_when_no_pong_comes() -> None:
    async with opened(silent, heartbeat=BEAT, capacity=8) as websocket:
        with pytest.raises(ClientConnectionResetError):
            await websocket.send_str("x" * 100)
        assert websocket.close_code == 1006


async def test_what_came_before_the_end_is_received_though_the_heartbeat_saw_the_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(frame(TEXT, b"a") + frame(TEXT, b"b"))

    async with opened(script, heartbeat=BEAT) as websocket:
        await anyio.sleep(BEAT * 3)  # the heartbeat's task has looked twice
        assert await websocket.receive() == text("a")
        assert await websocket.receive() == text("b")
        assert await websocket.receive() == CLOSED
        assert websocket.close_code == 1006


async def test_a_receive_timeout_beside_a_heartbeat() -> None:
    async with opened(echo, heartbeat=30) as websocket:
        with pytest.raises(SocketTimeoutError):
            await websocket.receive(timeout=0.01)
        assert not websocket.closed


def test_types() -> None:
    async def typed(session: anyiohttp.ClientSession) -> None:
        async with session.ws_connect(URL) as websocket:
            assert_type(websocket, ClientWebSocketResponse[Literal[True]])
            assert_type(await websocket.receive(), WSMessage)
            assert_type(await websocket.receive_str(), str)
            async for message in websocket:
                assert_type(message, WSMessage)
        assert_type(
            await session.ws_connect(URL, decode_text=bool(URL)), ClientWebSocketResponse[bool]
        )

    assert typed
    annotated: ClientWebSocketResponse | None = None
    assert annotated is None
