"""WebSockets: what goes over the wire both ways, and how each end of a conversation is told."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer
from yarl import URL

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NAMES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

Talk = Callable[[ScriptedPeer], Awaitable[None]]


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, bits: int = 0) -> bytes:
    """Return an unmasked frame, as servers send them."""
    first = (0x80 if fin else 0) | bits | opcode
    if len(payload) < 126:
        return bytes((first, len(payload))) + payload
    return bytes((first, 126)) + struct.pack("!H", len(payload)) + payload


async def receive_frame(peer: ScriptedPeer) -> tuple[str, bytes]:
    """Read a masked frame, and return its kind and what was in it."""
    first, second = await peer.receive_exactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await peer.receive_exactly(2))
    mask = await peer.receive_exactly(4)
    data = await peer.receive_exactly(size)
    return _NAMES[first & 0x0F], bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


async def _open(stage: Stage, talk: Talk, *extra: bytes, **reply: bytes) -> URL:
    """Start a server that shakes hands and then talks."""

    async def script(peer: ScriptedPeer) -> None:
        head, _ = await peer.receive_request()
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        lowered = {name.lower(): value for name, value in fields.items()}
        key = lowered[b"sec-websocket-key"]
        for name in ("origin", "sec-websocket-protocol", "sec-websocket-version", "upgrade"):
            if name.encode() in lowered:
                stage.saw(f"asked {name} {peer.number}", lowered[name.encode()].decode())
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        lines = [
            reply.get("status", b"HTTP/1.1 101 Switching Protocols"),
            b"Upgrade: " + reply.get("upgrade", b"websocket"),
            b"Connection: " + reply.get("connection", b"Upgrade"),
            b"Sec-WebSocket-Accept: " + reply.get("accept", accept),
            *extra,
        ]
        await peer.send(b"\r\n".join(lines) + b"\r\n\r\n")
        await talk(peer)

    return (await stage.scripted(script)).with_scheme("ws")


async def _heard(stage: Stage, ws: Any) -> None:
    """Receive until it is over, and note everything."""
    for number in range(10):
        message = await ws.receive()
        data = "an error" if isinstance(message.data, Exception) else message.data
        stage.saw(f"message {number}", [message.type.name, data, message.extra])
        if message.type.name in ("CLOSE", "CLOSED", "CLOSING", "ERROR"):
            break
    stage.saw("closed", ws.closed)
    stage.saw("close code", ws.close_code)
    exception = ws.exception()
    stage.saw("exception", exception and type(exception).__name__)


def hears(name: str, *frames: bytes, answered: int = 1, end: bool = False, **options: Any) -> None:
    """Register a scenario: the server sends these frames, and notes what is answered."""

    async def play(aiohttp: Any, stage: Stage) -> None:
        async def talk(peer: ScriptedPeer) -> None:
            await peer.send(b"".join(frames))
            if end:
                return
            for number in range(answered):
                stage.saw(f"answer {number}", await receive_frame(peer))

        url = await _open(stage, talk)
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url, **options) as ws:
                await _heard(stage, ws)

    play.__name__ = name
    scenario(play)


_BYE = frame(8, struct.pack("!H", 1000) + b"bye")

hears("hears_text", frame(1, "grüß".encode()), frame(1), _BYE)
hears("hears_bytes", frame(2, b"\x00\xff"), frame(2, b"x" * 300), _BYE)
hears("hears_fragments", frame(1, b"one ", fin=False), frame(0, b"two"), _BYE)
hears(
    "hears_a_ping_between_fragments",
    frame(2, b"a", fin=False),
    frame(9, b"?"),
    frame(0, b"b"),
    _BYE,
    answered=2,
)
hears("hears_a_character_in_two_fragments", frame(1, b"\xc3", fin=False), frame(0, b"\xbc"), _BYE)
hears("hears_a_ping_by_hand", frame(9, b"?"), _BYE, autoping=False)
hears("hears_a_pong_by_hand", frame(10, b"!"), _BYE, autoping=False)
hears("hears_pongs_that_mean_nothing", frame(10, b"!"), frame(1, b"a"), _BYE)
hears("hears_close_without_a_code", frame(8))
hears("hears_close_with_a_code", frame(8, struct.pack("!H", 1001)))
hears("hears_close_with_an_own_code", frame(8, struct.pack("!H", 4000) + "tschüß".encode()))
hears("hears_close_without_autoclose", _BYE, autoclose=False)
hears("hears_text_that_is_none", frame(1, b"\xff\xfe"))
hears("hears_a_reserved_bit", frame(1, b"a", bits=0x40))
hears("hears_an_unknown_opcode", frame(3, b"a"))
hears("hears_a_continuation_of_nothing", frame(0, b"a"))
hears("hears_a_message_inside_of_another", frame(1, b"a", fin=False), frame(1, b"b"))
hears("hears_a_ping_in_fragments", frame(9, b"a", fin=False))
hears("hears_a_ping_that_is_too_long", frame(9, b"a" * 126))
hears("hears_close_with_one_byte", frame(8, b"a"))
hears("hears_close_with_a_code_that_is_none", frame(8, struct.pack("!H", 1005)))
hears("hears_a_message_that_is_too_large", frame(2, b"a" * 200), max_msg_size=100)
hears("hears_the_largest_message", frame(2, b"a" * 100), _BYE, max_msg_size=100)
hears("hears_nothing_any_more", frame(1, b"a"), end=True)
hears("hears_the_end_at_once", end=True)


@scenario
async def sending(aiohttp: Any, stage: Stage) -> None:
    done = anyio.Event()

    async def talk(peer: ScriptedPeer) -> None:
        for number in range(7):
            stage.saw(f"sent {number}", await receive_frame(peer))
        await peer.send(frame(8, struct.pack("!H", 1000)))
        done.set()

    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(await _open(stage, talk)) as ws:
            await ws.send_str("grüß")
            await ws.send_bytes(b"\x00\xff")
            await ws.send_json({"a": [1, None]})
            await ws.ping(b"?")
            await ws.pong(b"!")
            await ws.send_frame(b"frame", aiohttp.WSMsgType.TEXT)
            stage.saw("open", [ws.closed, ws.close_code, ws.protocol, ws.exception()])
            stage.saw("close", await ws.close(code=4001, message="bye"))
            stage.saw("again", await ws.close())
            stage.saw("code", ws.close_code)
            await stage.fails("after", ws.send_str("x"))
        with anyio.fail_after(5):
            await done.wait()


@scenario
async def what_cannot_be_sent(aiohttp: Any, stage: Stage) -> None:
    url = (stage.url / "websocket").with_scheme("ws")
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            await stage.fails("bytes as text", ws.send_str(b"x"))
            await stage.fails("text as bytes", ws.send_bytes("x"))
            await stage.fails("no JSON", ws.send_json(object()))


@scenario
async def receiving_by_kind(aiohttp: Any, stage: Stage) -> None:
    url = (stage.url / "websocket").with_scheme("ws")
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            await ws.send_str("text")
            stage.saw("text", await ws.receive_str())
            await ws.send_bytes(b"bytes")
            stage.saw("bytes", await ws.receive_bytes())
            await ws.send_json({"a": 1})
            stage.saw("json", await ws.receive_json())
            await ws.send_bytes(b"x")
            await stage.fails("text of bytes", ws.receive_str())
            await ws.send_str("x")
            await stage.fails("bytes of text", ws.receive_bytes())
            await ws.send_str("{")
            await stage.fails("json of none", ws.receive_json())


@scenario
async def iterating(aiohttp: Any, stage: Stage) -> None:
    async def talk(peer: ScriptedPeer) -> None:
        await peer.send(frame(1, b"a") + frame(2, b"b") + frame(9) + frame(1, b"c") + _BYE)
        await receive_frame(peer)
        await receive_frame(peer)

    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(await _open(stage, talk)) as ws:
            stage.saw("messages", [message.data async for message in ws])
            stage.saw("code", ws.close_code)


@scenario
async def a_timeout_of_receive(aiohttp: Any, stage: Stage) -> None:
    url = (stage.url / "websocket").with_scheme("ws")
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            await stage.fails("nothing comes", ws.receive(timeout=0.05))
            stage.saw("closed", ws.closed)
        timeout = aiohttp.ClientWSTimeout(ws_receive=0.05)
        async with session.ws_connect(url, timeout=timeout) as ws:
            await stage.fails("of the connection", ws.receive())


@scenario
async def protocols(aiohttp: Any, stage: Stage) -> None:
    async def talk(peer: ScriptedPeer) -> None:
        await peer.send(_BYE)
        await receive_frame(peer)

    url = await _open(stage, talk, b"Sec-WebSocket-Protocol: two")
    async with aiohttp.ClientSession() as session:
        for name, asked in {"one of them": ("one", "two"), "another": ("one",)}.items():
            async with session.ws_connect(url, protocols=asked) as ws:
                stage.saw(name, ws.protocol)
                await ws.receive()


@scenario
async def what_goes_with_the_request(aiohttp: Any, stage: Stage) -> None:
    url = (stage.url / "websocket").with_scheme("ws")
    async with aiohttp.ClientSession(headers={"X-A": "session"}) as session:
        async with session.ws_connect(
            url,
            origin="http://example.org",
            headers={"X-B": "request"},
            params={"a": "b"},
            auth=aiohttp.BasicAuth("user", "pass"),
        ) as ws:
            stage.saw("open", ws.closed)
            stage.saw("nothing known", ws.get_extra_info("nothing", 7))
            stage.saw("peer", ws.get_extra_info("peername")[0])


@scenario
async def over_http_urls_and_tls(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, url in {
            "http": stage.url / "websocket",
            "https": stage.tls_url / "websocket",
            "wss": (stage.tls_url / "websocket").with_scheme("wss"),
        }.items():
            async with session.ws_connect(url, ssl=stage.trust.client) as ws:
                await ws.send_str(name)
                stage.saw(name, await ws.receive_str())


@scenario
async def through_a_proxy(aiohttp: Any, stage: Stage) -> None:
    url = (stage.url / "websocket").with_scheme("ws")

    async def talk() -> None:
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url, proxy=stage.proxy_url) as ws:
                await ws.send_str("a")
                stage.saw("echo", await ws.receive_str())

    await stage.fails("talk", talk())
    stage.saw("tunnels", stage.server.proxy_counts.tunnels)


def refused(name: str, **reply: bytes) -> None:
    """Register a scenario: the server's answer is no handshake."""

    async def play(aiohttp: Any, stage: Stage) -> None:
        async def talk(peer: ScriptedPeer) -> None:
            await anyio.sleep(0)

        url = await _open(stage, talk, b"Content-Length: 0", **reply)
        async with aiohttp.ClientSession() as session:
            await stage.fails("handshake", session.ws_connect(url))

    play.__name__ = name
    scenario(play)


refused("handshake_with_200", status=b"HTTP/1.1 200 OK")
refused("handshake_with_404", status=b"HTTP/1.1 404 Not Found")
refused("handshake_with_another_key", accept=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
refused("handshake_with_another_upgrade", upgrade=b"h2c")
refused("handshake_with_another_connection", connection=b"close")


@scenario
async def a_handshake_that_finds_nobody(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        await stage.fails("refused", session.ws_connect(f"ws://127.0.0.1:{stage.free_port()}/"))
        await stage.fails("no WebSocket", session.ws_connect(stage.url / "status" / "200"))


@scenario
async def messages_and_codes_as_values(aiohttp: Any, stage: Stage) -> None:
    stage.saw("types", {each.name: each.value for each in aiohttp.WSMsgType})
    stage.saw("codes", {each.name: each.value for each in aiohttp.WSCloseCode})
    message = aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, '{"a": 1}', None)
    stage.saw("json", message.json())
    stage.saw("tuple", [message.type.name, message.data, message.extra])


@scenario
async def ws_response_class(aiohttp: Any, stage: Stage) -> None:
    class Mine(aiohttp.ClientWebSocketResponse):  # type: ignore[misc]
        async def ask(self, question: str) -> str:
            await self.send_str(question)
            answer: str = await self.receive_str()
            return answer

    url = (stage.url / "websocket").with_scheme("ws")
    async with aiohttp.ClientSession(ws_response_class=Mine) as session:
        async with session.ws_connect(url) as ws:
            stage.saw("own", isinstance(ws, Mine))
            stage.saw("answer", await ws.ask("?"))
