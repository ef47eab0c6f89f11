"""WebSockets: the handshake, messages, closing, mistakes of the peer."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer
from tests.websocket_peers import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    accept,
    close_frame,
    frame,
    receive_frame,
)
from yarl import URL

Script = Callable[[ScriptedPeer], Awaitable[None]]


async def talking(stage: Stage, script: Script, *fields: bytes) -> URL:
    """Start a server that accepts a handshake and plays a script."""

    async def play(peer: ScriptedPeer) -> None:
        await peer.send(accept(await peer.receive_head(), *fields))
        await script(peer)

    return await stage.scripted(play)


def saying(*data: bytes) -> Script:
    """Say something; answer the close, and then wait until the client has gone."""

    async def script(peer: ScriptedPeer) -> None:
        await peer.send(b"".join(data))
        while (await receive_frame(peer)).opcode != CLOSE:
            pass
        await peer.send(close_frame(1000))
        await peer.wait_closed()

    return script


async def echo(peer: ScriptedPeer) -> None:
    while True:
        found = await receive_frame(peer)
        await peer.send(frame(found.opcode, found.data))
        if found.opcode == CLOSE:
            return


def saw(stage: Stage, label: str, message: Any) -> None:
    """Note a message."""
    stage.saw(f"{label} type", message.type.name)
    stage.saw(f"{label} type's number", int(message.type))
    stage.saw(f"{label} extra", message.extra)
    if isinstance(message.data, Exception):
        stage.saw(f"{label} error", type(message.data).__name__)
        stage.saw(f"{label} error's code", getattr(message.data, "code", None))
    else:
        stage.saw(f"{label} data", message.data)


def state(stage: Stage, label: str, websocket: Any) -> None:
    stage.saw(f"{label}: closed", websocket.closed)
    stage.saw(f"{label}: code", websocket.close_code)
    stage.saw(f"{label}: failed", websocket.exception() is not None)


@scenario
async def websocket_handshake(aiohttp: Any, stage: Stage) -> None:
    heads: list[bytes] = []

    async def play(peer: ScriptedPeer) -> None:
        head = await peer.receive_head()
        heads.append(head)
        await peer.send(accept(head, b"Sec-WebSocket-Protocol: b"))
        await echo(peer)

    url = await stage.scripted(play)
    async with aiohttp.ClientSession(headers={"X-Session": "1"}) as session:
        async with session.ws_connect(
            url / "path",
            protocols=("a", "b"),
            origin="http://here.example",
            headers={"X-Own": "2"},
            params={"q": "1"},
            method="get",
        ) as websocket:
            stage.saw("protocol", websocket.protocol)
            stage.saw("compress", websocket.compress)
            stage.saw("notakeover", websocket.client_notakeover)
            state(stage, "open", websocket)
        state(stage, "after", websocket)
    lines = heads[0].decode().split("\r\n")[:-2]
    stage.saw("request", lines[0])
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    for name in ("sec-websocket-key", "user-agent", "accept-encoding"):
        fields.pop(name)
    stage.saw("fields", sorted(fields.items()))


@scenario
async def websocket_messages(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, echo)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket:
            await websocket.send_str("ä")
            saw(stage, "text", await websocket.receive())
            await websocket.send_bytes(b"\xff")
            saw(stage, "binary", await websocket.receive())
            await websocket.send_json({"a": [1]})
            stage.saw("json", await websocket.receive_json())
            await websocket.send_json_bytes({"a": 1}, dumps=lambda value: b"{}")
            stage.saw("bytes", await websocket.receive_bytes())
            await websocket.send_frame(b"raw", aiohttp.WSMsgType.TEXT)
            message = await websocket.receive()
            stage.saw("raw", message.data)
            stage.saw("is a", [isinstance(message, tuple), message._fields])
            for value in (b"x", 1, None):
                await stage.fails(f"send_str {value!r}", websocket.send_str(value))
            for wrong in ("x", 1):
                await stage.fails(f"send_bytes {wrong!r}", websocket.send_bytes(wrong))


@scenario
async def websocket_messages_of_another_type(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, saying(frame(BINARY, b"a"), frame(TEXT, b"b"), frame(BINARY, b"c")))
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket:
            await stage.fails("receive_str", websocket.receive_str())
            await stage.fails("receive_bytes", websocket.receive_bytes())
            await stage.fails("receive_json", websocket.receive_json())


@scenario
async def websocket_iteration(aiohttp: Any, stage: Stage) -> None:
    fragments = frame(TEXT, b"b", fin=False) + frame(PING, b"p") + frame(CONT, b"c")
    url = await talking(stage, saying(frame(TEXT, b"a"), fragments, close_frame(1001, b"bye")))
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket:
            stage.saw("messages", [message.data async for message in websocket])
            state(stage, "after", websocket)
            saw(stage, "then", await websocket.receive())


@scenario
async def websocket_pings(aiohttp: Any, stage: Stage) -> None:
    for autoping in (True, False):
        pings = saying(frame(PING, b"1"), frame(PONG, b"2"), frame(TEXT, b"a"))
        url = await talking(stage, pings)
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url, autoping=autoping) as websocket:
                for number in range(1 if autoping else 3):
                    saw(stage, f"{autoping} {number}", await websocket.receive())


@scenario
async def websocket_text_as_bytes(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, saying(frame(TEXT, b"\xff"), frame(TEXT, b"[1]"), frame(TEXT, b"x")))
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, decode_text=False) as websocket:
            saw(stage, "text", await websocket.receive())
            stage.saw("json", await websocket.receive_json())
            stage.saw("str", await websocket.receive_str())


_MISTAKES = {
    "reserved bit": frame(TEXT, b"a", rsv=4),
    "other reserved bit": frame(TEXT, b"a", rsv=1),
    "opcode": frame(3, b"a"),
    "fragmented ping": frame(PING, b"a", fin=False),
    "long ping": frame(PING, b"a" * 126),
    "continuation": frame(CONT, b"a"),
    "text in fragments": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    "no UTF-8": frame(TEXT, b"\xff"),
    "no UTF-8 in fragments": frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"\xff"),
    "too big": frame(BINARY, b"a" * 101),
    "too big in fragments": frame(BINARY, b"a" * 60, fin=False) + frame(CONT, b"a" * 60),
    "close of one byte": frame(CLOSE, b"\x03"),
    "close code": close_frame(999),
    "close reason": close_frame(1000, b"\xff"),
}


@scenario
async def websocket_mistakes(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, data in _MISTAKES.items():
            told: list[Any] = []
            heard = anyio.Event()

            async def script(
                peer: ScriptedPeer, data: bytes, told: list[Any], heard: anyio.Event
            ) -> None:
                await peer.send(frame(TEXT, b"before") + data)
                told.append(await receive_frame(peer))
                heard.set()

            url = await talking(stage, partial(script, data=data, told=told, heard=heard))
            async with session.ws_connect(url, max_msg_size=100) as websocket:
                stage.saw(f"{name}, before", (await websocket.receive()).data)
                saw(stage, name, await websocket.receive())
                state(stage, name, websocket)
                saw(stage, f"{name}, then", await websocket.receive())
            with anyio.fail_after(5):
                await heard.wait()
            stage.saw(f"{name}, told", [told[0].opcode, told[0].data])


@scenario
async def websocket_closed_by_the_server(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for code in (1000, 1001, 3000, 4999):
            url = await talking(stage, saying(close_frame(code, b"bye")))
            async with session.ws_connect(url) as websocket:
                saw(stage, f"{code}", await websocket.receive())
                state(stage, f"{code}", websocket)
                stage.saw(f"{code}, closing again", await websocket.close())


@scenario
async def websocket_closed_without_a_code(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.send(close_frame(None))
        await receive_frame(peer)

    url = await talking(stage, script)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket:
            saw(stage, "close", await websocket.receive())
            state(stage, "after", websocket)


@scenario
async def websocket_closed_by_hand(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, saying(close_frame(1001)))
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, autoclose=False) as websocket:
            saw(stage, "close", await websocket.receive())
            state(stage, "before", websocket)
            await websocket.send_str("last")
            stage.saw("closed", await websocket.close(code=4000, message=b"so long"))
            state(stage, "after", websocket)


@scenario
async def websocket_close(aiohttp: Any, stage: Stage) -> None:
    told: list[Any] = []

    async def script(peer: ScriptedPeer) -> None:
        told.append(await receive_frame(peer))
        await peer.send(frame(TEXT, b"dropped") + close_frame(4001, b"too"))
        await peer.wait_closed()

    url = await talking(stage, script)
    async with aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(url)
        stage.saw("closed", await websocket.close(code=4000, message=b"bye"))
        stage.saw("again", await websocket.close())
        state(stage, "after", websocket)
        saw(stage, "then", await websocket.receive())
        await stage.fails("send", websocket.send_str("a"))
        await stage.fails("ping", websocket.ping())
        await stage.fails("receive_str", websocket.receive_str())
    stage.saw("told", [told[0].opcode, told[0].data])


@scenario
async def websocket_ends(aiohttp: Any, stage: Stage) -> None:
    for name, data in {
        "at once": b"",
        "after a message": frame(TEXT, b"a"),
        "within": b"\x81\x05a",
    }.items():

        async def script(peer: ScriptedPeer, data: bytes) -> None:
            await peer.send(data)

        url = await talking(stage, partial(script, data=data))
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url) as websocket:
                if name == "after a message":
                    saw(stage, name, await websocket.receive())
                saw(stage, f"{name}, the end", await websocket.receive())
                state(stage, name, websocket)


@scenario
async def websocket_no_answer_to_the_close(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.wait_closed()

    url = await talking(stage, script)
    async with aiohttp.ClientSession() as session:
        timeout = aiohttp.ClientWSTimeout(ws_close=0.05)
        async with session.ws_connect(url, timeout=timeout) as websocket:
            stage.saw("closed", await websocket.close())
            state(stage, "after", websocket)
            stage.saw("timeout", isinstance(websocket.exception(), TimeoutError))


@scenario
async def websocket_receive_timeout(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, echo)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket:
            try:
                await websocket.receive(timeout=0.01)
            except TimeoutError:
                stage.saw("timeout", True)
            stage.saw("closed", websocket.closed)
            await websocket.send_str("still here")
            saw(stage, "message", await websocket.receive(timeout=10))


@scenario
async def websocket_heartbeat(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        stage.saw("asked", (await receive_frame(peer)).opcode)
        await peer.wait_closed()

    url = await talking(stage, script)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, heartbeat=0.05) as websocket:
            saw(stage, "message", await websocket.receive())
            state(stage, "after", websocket)
            saw(stage, "then", await websocket.receive())


@scenario
async def websocket_closed_in_another_task(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, echo)
    async with aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(url)
        got: list[Any] = []

        async def receive() -> None:
            got.append(await websocket.receive())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            stage.saw("closed", await websocket.close())
        saw(stage, "received", got[0])
        saw(stage, "then", await websocket.receive())
        state(stage, "after", websocket)


@scenario
async def websocket_received_twice_at_a_time(aiohttp: Any, stage: Stage) -> None:
    url = await talking(stage, echo)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(websocket.receive)
                await anyio.wait_all_tasks_blocked()
                await stage.fails("second", websocket.receive())
                await websocket.send_str("for the first")


_ANSWERS = {
    "200": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!",
    "no upgrade": b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "no connection": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n",
    "no key": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
}


@scenario
async def websocket_handshakes_that_fail(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, answer in _ANSWERS.items():

            async def play(peer: ScriptedPeer, answer: bytes) -> None:
                await peer.receive_head()
                await peer.send(answer)
                await peer.wait_closed()

            url = await stage.scripted(partial(play, answer=answer), name=name.upper())
            try:
                await session.ws_connect(url)
            except aiohttp.WSServerHandshakeError as exc:
                stage.saw(name, [exc.status, exc.message])
        for compress in (1, 8, 16):
            await stage.fails(f"compress {compress}", session.ws_connect(url, compress=compress))


@scenario
async def websocket_compression(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, answer in {
            "plain": b"",
            "server's bits": b"; server_max_window_bits=9",
            "client's bits": b"; client_max_window_bits=10",
            "no takeover": b"; client_no_context_takeover; server_no_context_takeover",
        }.items():
            told: list[Any] = []

            async def script(peer: ScriptedPeer, told: list[Any]) -> None:
                told.append(await receive_frame(peer))
                await receive_frame(peer)
                await peer.send(close_frame(1000))

            field = b"Sec-WebSocket-Extensions: permessage-deflate" + answer
            url = await talking(stage, partial(script, told=told), field)
            async with session.ws_connect(url, compress=15) as websocket:
                stage.saw(f"{name}, compress", websocket.compress)
                stage.saw(f"{name}, no takeover", websocket.client_notakeover)
                await websocket.send_str("Hello Hello Hello")
            stage.saw(f"{name}, compressed", told[0].rsv1)


@scenario
async def websocket_redirected_with_a_cookie(aiohttp: Any, stage: Stage) -> None:
    heads: list[bytes] = []

    async def play(peer: ScriptedPeer) -> None:
        while True:
            head = await peer.receive_head()
            heads.append(head)
            if b"/there" not in head:
                fields = (b"Location: /there", b"Set-Cookie: a=b; Path=/")
                await peer.answer(b"", *fields, status=b"302 Found")
                continue
            await peer.send(accept(head))
            await echo(peer)
            return

    url = await stage.scripted(play)
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.ws_connect(url) as websocket:
            await websocket.send_str("a")
            stage.saw("echo", await websocket.receive_str())
    stage.saw("requests", [head.split(b"\r\n")[0] for head in heads])
    stage.saw("cookie", b"Cookie: a=b\r\n" in heads[-1])


@scenario
async def websocket_names(aiohttp: Any, stage: Stage) -> None:
    stage.saw("types", {name: int(value) for name, value in aiohttp.WSMsgType.__members__.items()})
    stage.saw("codes", {name: int(code) for name, code in aiohttp.WSCloseCode.__members__.items()})
    error = aiohttp.WebSocketError(1002, "text")
    stage.saw("error", [error.code, str(error), list(error.args)])
    message = aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, "[1]", "")
    stage.saw("message", [list(message), message.json()])
    stage.saw(
        "timeout",
        [aiohttp.ClientWSTimeout(1, 2).ws_receive, aiohttp.ClientWSTimeout(1, 2).ws_close],
    )
