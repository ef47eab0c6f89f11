"""TLS over any stream: records, session tickets, ends with and without goodbye, TLS inside TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import anyio
import pytest
from anyio.streams.tls import TLSAttribute

from anyiohttp._net.streams import SocketStream
from anyiohttp._net.tls import TLSStream

pytestmark = pytest.mark.anyio

Sockets = tuple[SocketStream, SocketStream]
Ends = tuple[TLSStream, TLSStream]


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    client, server = map(SocketStream, ends)
    yield client, server
    client.abort()
    server.abort()


@pytest.fixture
def ends(
    sockets: Sockets, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> Ends:
    client, server = sockets
    return (
        TLSStream(client, client_ssl_context, server_hostname="localhost"),
        TLSStream(server, server_ssl_context, server_side=True),
    )


async def shake(*ends: TLSStream) -> None:
    async with anyio.create_task_group() as tasks:
        for end in ends:
            tasks.start_soon(end.handshake)


async def test_there_and_back(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await client.send(b"ping")
    assert await server.receive() == b"ping"
    await server.send(b"pong")
    assert await client.receive(2) == b"po"
    assert await client.receive() == b"ng"
    assert client.extra(TLSAttribute.tls_version) == "TLSv1.3"
    assert client.extra(TLSAttribute.peer_certificate_binary)
    assert client.extra(TLSAttribute.server_side) is False
    assert "TLSv1.3" in repr(client)


async def test_several_records_come_out_of_one_receive(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    data = bytes(100_000)
    got = b""
    sizes = []

    async def send() -> None:
        await server.send(data)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        while len(got) < len(data):
            part = await client.receive()
            sizes.append(len(part))
            got += part
    assert got == data
    assert max(sizes) > 16_384  # more than one record


async def test_a_session_ticket_does_not_break_the_quiet(ends: Ends) -> None:
    client, _ = ends
    await shake(*ends)
    # TLS 1.3 servers send tickets after the handshake: bytes on the socket, none for us.
    assert client.quiet
    assert client.quiet


async def test_data_breaks_the_quiet(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"!")
    assert not client.quiet


async def test_a_goodbye_is_an_end(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"last words")
    await server.aclose()
    assert await client.receive() == b"last words"
    with pytest.raises(anyio.EndOfStream):
        await client.receive()
    assert not client.quiet


async def test_an_end_without_goodbye_is_a_break(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"cut h")
    server.abort()
    assert await client.receive() == b"cut h"
    with pytest.raises(anyio.BrokenResourceError, match="without close_notify"):
        await client.receive()
    assert not client.quiet


async def test_an_end_in_the_handshake_is_a_break(ends: Ends) -> None:
    client, server = ends
    server.abort()
    with pytest.raises((anyio.BrokenResourceError, OSError)):
        await client.handshake()


async def test_garbage_in_the_handshake(sockets: Sockets, ends: Ends) -> None:
    client, _ = ends
    await sockets[1].send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        await client.handshake()


async def test_garbage_after_data_comes_after_the_data(sockets: Sockets, ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"fine")
    await sockets[1].send(b"not a record at all")
    assert await client.receive() == b"fine"
    with pytest.raises(ssl.SSLError):
        await client.receive()


async def test_an_untrusted_peer_hears_why(
    sockets: Sockets,
    client_ssl_context: ssl.SSLContext,
    untrusted_server_ssl_context: ssl.SSLContext,
) -> None:
    client = TLSStream(sockets[0], client_ssl_context, server_hostname="localhost")
    server = TLSStream(sockets[1], untrusted_server_ssl_context, server_side=True)
    outcome: list[Exception] = []

    async def serve() -> None:
        try:
            await server.handshake()
            await server.receive()
        except ssl.SSLError as exc:
            outcome.append(exc)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        with pytest.raises(ssl.SSLCertVerificationError):
            await client.handshake()
    assert "alert" in str(outcome[0]).lower()


async def test_more_than_the_socket_takes_is_flushed(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    data = bytes(2_000_000)
    got = 0
    assert not client.try_send(data)

    async def drain() -> None:
        nonlocal got
        while got < len(data):
            got += len(await server.receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain)
        await client.flush()
    assert got == len(data)


async def test_tls_inside_tls(
    ends: Ends, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    await shake(*ends)
    inner_client = TLSStream(ends[0], client_ssl_context, server_hostname="localhost")
    inner_server = TLSStream(ends[1], server_ssl_context, server_side=True)
    await shake(inner_client, inner_server)
    await inner_client.send(b"ping")
    assert await inner_server.receive() == b"ping"
    assert inner_client.quiet
    await inner_server.aclose()
    with pytest.raises(anyio.EndOfStream):
        await inner_client.receive()
    await inner_client.aclose()


async def test_a_session_is_resumed(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    session: ssl.SSLSession | None = None
    for reused in (False, True):
        raw = socket.socketpair()
        for end in raw:
            end.setblocking(False)
        client = TLSStream(
            SocketStream(raw[0]), client_ssl_context, server_hostname="localhost", session=session
        )
        server = TLSStream(SocketStream(raw[1]), server_ssl_context, server_side=True)
        await shake(client, server)
        await server.send(b"x")
        await client.receive()
        assert client.extra(TLSAttribute.ssl_object).session_reused is reused
        session = client.session
        client.abort()
        server.abort()


async def test_closing_a_broken_connection_raises_nothing(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    server.abort()
    await client.aclose()
    await client.aclose()


async def test_closing_before_the_handshake_raises_nothing(ends: Ends) -> None:
    await ends[0].aclose()
