"""WebSockets with servers of other projects: ``websockets``, and nginx between it and us."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from tests.integration.conftest import Squid
from tests.integration.daemons import free_ports, public_directory, running, running_nginx
from yarl import URL

from anyiohttp import (
    ClientSession,
    ClientWSTimeout,
    ServerTimeoutError,
    WSCloseCode,
    WSMessage,
    WSMsgType,
    WSServerHandshakeError,
)

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Servers:
    """Where to find the server; see `websocket_server`.

    Attributes:
        plain: without compression.
        deflate: with compression.
        narrow: with compression, small windows and no context takeover.
        nginx: `deflate` behind nginx.
    """

    plain: URL
    deflate: URL
    narrow: URL
    nginx: URL


_NGINX = """\
access_log off;
server {{
    listen 127.0.0.1:{port};
    location /led {{ return 302 /behind/echo; }}
    location /behind/ {{
        proxy_pass http://127.0.0.1:{behind};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }}
    location / {{
        proxy_pass http://127.0.0.1:{behind};
        proxy_http_version 1.1;
    }}
}}
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """The server, and nginx before it."""
    *ports, front = free_ports(4)
    script = str(Path(__file__).with_name("websocket_server.py"))
    command = [sys.executable, script, *map(str, ports)]
    with public_directory("websockets") as directory:
        (directory / "nginx").mkdir()
        http = _NGINX.format(port=front, behind=ports[1])
        with (
            running(command, ports=ports, directory=directory),
            running_nginx(http, ports=[front], directory=directory / "nginx"),
        ):
            yield Servers(*(URL(f"http://127.0.0.1:{port}") for port in (*ports, front)))


@pytest.fixture(params=["plain", "deflate", "narrow", "nginx"])
def url(servers: Servers, request: pytest.FixtureRequest) -> URL:
    """Each way to the server."""
    found: URL = getattr(servers, request.param)
    return found / "behind" if request.param == "nginx" else found


async def test_echo(url: URL) -> None:
    noise = random.Random(1).randbytes(300_000)
    async with (
        ClientSession() as session,
        session.ws_connect(url / "echo", protocols=["superchat"], compress=15) as websocket,
    ):
        assert websocket.protocol == "superchat"
        for data in ("", "ä" * 100, "x" * 70_000, "ä" * 100):
            await websocket.send_str(data)
            assert await websocket.receive_str() == data
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(websocket.send_bytes, noise)
            assert await websocket.receive_bytes() == noise
        await websocket.send_str("once " * 50, compress=10)
        assert await websocket.receive_str() == "once " * 50
        await websocket.send_str("ä" * 100)
        assert await websocket.receive_str() == "ä" * 100
    assert websocket.close_code == WSCloseCode.OK
    assert websocket.exception() is None


async def test_fragments_with_pings_between(url: URL) -> None:
    async with (
        ClientSession() as session,
        session.ws_connect(url / "fragments", compress=15) as websocket,
    ):
        text = "".join(map(str, range(3000)))
        await websocket.send_str(text)
        assert await websocket.receive_str() == text
        await websocket.send_bytes(text.encode())
        assert await websocket.receive_bytes() == text.encode()


async def test_what_is_negotiated(servers: Servers) -> None:
    async with ClientSession() as session:
        for url, compress, agreed, forgets in (
            (servers.plain, 15, 0, False),
            (servers.deflate, 0, 0, False),
            (servers.deflate, 15, 15, False),
            (servers.deflate, 9, 15, False),
            (servers.narrow, 15, 10, True),
        ):
            async with session.ws_connect(url / "echo", compress=compress) as websocket:
                assert websocket.compress == agreed
                assert websocket.client_notakeover is forgets
                await websocket.send_str("a")
                assert await websocket.receive_str() == "a"


async def test_sixteen_mebibytes(servers: Servers) -> None:
    data = bytes(range(256)) * (1 << 16)
    async with (
        ClientSession() as session,
        session.ws_connect(servers.nginx / "behind/echo", max_msg_size=0) as websocket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(websocket.send_bytes, data)
        assert await websocket.receive_bytes() == data


async def test_the_server_closes(url: URL) -> None:
    async with ClientSession() as session, session.ws_connect(url / "close") as websocket:
        assert await websocket.receive() == WSMessage(WSMsgType.CLOSE, 4000, "as you wish")
        assert websocket.closed
    assert websocket.close_code == 4000


async def test_the_server_pings_and_counts(url: URL) -> None:
    async with ClientSession() as session:
        async with session.ws_connect(url / "ping") as websocket:
            assert await websocket.receive_str() == "answered"
        async with session.ws_connect(url / "count/500", compress=15) as websocket:
            got = [message.data async for message in websocket]
        assert got == [str(number) for number in range(500)]
        assert websocket.close_code == WSCloseCode.OK


async def test_heartbeats(servers: Servers) -> None:
    """Answered by a server that reads, and not by one that does not."""
    async with ClientSession() as session:
        async with session.ws_connect(servers.nginx / "behind/echo", heartbeat=0.2) as websocket:
            await anyio.sleep(0.5)
            await websocket.send_str("still here")
            assert await websocket.receive_str() == "still here"
        async with session.ws_connect(servers.plain / "deaf", heartbeat=0.1) as websocket:
            assert await websocket.receive_str() == "deaf"
            message = await websocket.receive()
            assert message.type is WSMsgType.ERROR
            assert isinstance(message.data, ServerTimeoutError)
        assert websocket.close_code == WSCloseCode.ABNORMAL_CLOSURE


async def test_a_server_that_does_not_answer_the_close(servers: Servers) -> None:
    timeout = ClientWSTimeout(ws_close=0.1)
    async with (
        ClientSession() as session,
        session.ws_connect(servers.plain / "deaf", timeout=timeout) as websocket,
    ):
        assert await websocket.receive_str() == "deaf"
    assert websocket.close_code == WSCloseCode.ABNORMAL_CLOSURE
    assert isinstance(websocket.exception(), ServerTimeoutError)


async def test_a_redirect_leads_to_it(servers: Servers) -> None:
    async with ClientSession() as session, session.ws_connect(servers.nginx / "led") as websocket:
        await websocket.send_str("a")
        assert await websocket.receive_str() == "a"


async def test_a_proxy_that_does_not_pass_the_upgrade_on(servers: Servers) -> None:
    async with ClientSession() as session:
        with pytest.raises(WSServerHandshakeError) as caught:
            await session.ws_connect(servers.nginx / "echo")
        assert caught.value.status >= 400


async def test_through_a_tunnel(servers: Servers, squid: Squid) -> None:
    proxy = squid.url.with_user(squid.user).with_password(squid.password)
    async with (
        ClientSession(proxy=proxy) as session,
        session.ws_connect(servers.plain.with_scheme("ws") / "echo") as websocket,
    ):
        await websocket.send_str("a")
        assert await websocket.receive_str() == "a"
