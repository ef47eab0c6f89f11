"""A SOCKS proxy: SOCKS4, SOCKS4a and SOCKS5, CONNECT only.

Knows: RFC 1928, RFC 1929 and the older protocol, from the server's side.
Must not know: listeners.
Called by: `anyiohttp.testing.network`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream

from .proxy import ConnectHost
from .wire import PEER_GONE

__all__ = ("serve_socks",)

#: Receives exactly so many bytes.
_Receive = Callable[[int], Awaitable[bytes]]

_BOUND = b"\0\0\0\0\0\0"


async def serve_socks(
    stream: ByteStream,
    receive: _Receive,
    *,
    connect: ConnectHost,
    auth: tuple[str, str] | None = None,
) -> None:
    """Serve one connection until either side ends it.

    Args:
        stream: the connection.
        receive: receives exactly so many bytes of it.
        connect: opens a stream to a host and port.
        auth: the user and password to ask for; SOCKS4 asks for the user alone.
    """
    (version,) = await receive(1)
    if version == 5:
        origin = await _greet_5(stream, receive, connect, auth)
    else:
        origin = await _greet_4(stream, receive, connect, auth)
    if origin is None:
        return
    try:
        async with anyio.create_task_group() as tasks:
            for source, sink in ((stream, origin), (origin, stream)):
                tasks.start_soon(_pump, source, sink, tasks.cancel_scope.cancel)
    finally:
        with anyio.CancelScope(shield=True):
            await origin.aclose()


async def _greet_4(
    stream: ByteStream,
    receive: _Receive,
    connect: ConnectHost,
    auth: tuple[str, str] | None,
) -> ByteStream | None:
    _, *port = await receive(3)
    address = await receive(4)
    user = await _until_nul(receive)
    host = str(ipaddress.IPv4Address(address))
    if host.startswith("0.0.0."):
        host = (await _until_nul(receive)).decode()
    if auth is not None and user != auth[0].encode():
        await stream.send(b"\0\x5d" + _BOUND)
        return None
    try:
        origin = await connect(host, int.from_bytes(bytes(port)))
    except OSError:
        await stream.send(b"\0\x5b" + _BOUND)
        return None
    await stream.send(b"\0\x5a" + _BOUND)
    return origin


async def _until_nul(receive: _Receive) -> bytes:
    data = b""
    while (byte := await receive(1)) != b"\0":
        data += byte
    return data


async def _greet_5(
    stream: ByteStream,
    receive: _Receive,
    connect: ConnectHost,
    auth: tuple[str, str] | None,
) -> ByteStream | None:
    (count,) = await receive(1)
    wanted = 0 if auth is None else 2
    if wanted not in await receive(count):
        await stream.send(b"\5\xff")
        return None
    await stream.send(bytes([5, wanted]))
    if auth is not None:
        await receive(1)
        given = tuple([(await receive((await receive(1))[0])).decode() for _ in range(2)])
        await stream.send(b"\1\0" if given == auth else b"\1\1")
        if given != auth:
            return None
    _, _, _, kind = await receive(4)
    if kind == 3:
        host = (await receive((await receive(1))[0])).decode()
    else:
        host = str(ipaddress.ip_address(await receive(4 if kind == 1 else 16)))
    port = int.from_bytes(await receive(2))
    try:
        origin = await connect(host, port)
    except OSError:
        await stream.send(b"\5\5\0\1" + _BOUND)
        return None
    await stream.send(b"\5\0\0\1" + _BOUND)
    return origin


async def _pump(source: ByteStream, sink: ByteStream, on_end: Callable[[], None]) -> None:
    try:
        while True:
            await sink.send(await source.receive())
    except PEER_GONE:
        on_end()
