"""The scripted server does what tests expect of it."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSStream
from tests.servers import ScriptedPeer, ScriptedServer, StartScripted

pytestmark = pytest.mark.anyio


async def test_script_sees_each_connection(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        head, body = await peer.receive_request()
        assert head == b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
        assert body == b"abc"
        await peer.answer(b"%d" % peer.number)
        assert await peer.wait_closed() == b"rest"

    server = await scripted_server(script)
    for number in (b"0", b"1"):
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            await stream.send(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcrest")
            data = b""
            while not data.endswith(number):
                data += await stream.receive()
    await server.wait_for(lambda s: s.open == 0)
    assert server.connections == 2


async def test_pieces_arrive_one_by_one(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.send_bytewise(b"abc")

    server = await scripted_server(script)
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        assert [await stream.receive() for _ in range(3)] == [b"a", b"b", b"c"]


async def test_reset_and_half_close(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_exactly(1)
        if peer.number == 0:
            peer.reset()
        else:
            peer.half_close()
            assert await peer.receive_until(b"!") == b"still there!"

    server = await scripted_server(script)
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(b"x")
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(b"x")
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await stream.send(b"still there!")
        await server.wait_for(lambda s: s.open == 0)


async def test_tls_and_ipv6(
    scripted_server: StartScripted,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        assert await peer.receive_some() == b"hello"
        await peer.send(b"hello yourself")

    server = await scripted_server(script, tls=server_ssl_context, host="::1")
    assert server.url.scheme == "https"
    assert server.url.host == "::1"
    async with await anyio.connect_tcp("::1", server.port) as raw:
        stream = await TLSStream.wrap(raw, hostname="::1", ssl_context=client_ssl_context)
        await stream.send(b"hello")
        assert await stream.receive() == b"hello yourself"
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_unix_socket(scripted_server: StartScripted, unix_path: Path) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.send(b"hi")

    await scripted_server(script, unix_path=unix_path)
    async with await anyio.connect_unix(unix_path) as stream:
        assert await stream.receive() == b"hi"


async def test_failed_script_is_reported() -> None:
    async def script(peer: ScriptedPeer) -> None:
        raise AssertionError("the client is wrong")

    server = ScriptedServer(script)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run)
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
        await server.wait_for(lambda s: s.open == 0)
        tasks.cancel_scope.cancel()
    with pytest.raises(ExceptionGroup) as caught:
        server.raise_errors()
    assert caught.group_contains(AssertionError, match="the client is wrong")


async def test_loopback_fixture(loopback: object) -> None:
    url = loopback.url  # type: ignore[attr-defined]
    with socket.create_connection((url.host, url.port)):
        pass
