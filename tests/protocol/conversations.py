"""Both sides of an exchange: a request with defaults, a recorded connection, a scripted peer."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout
from anyiohttp._net.failures import NETWORK_FAILURES
from anyiohttp._net.streams import NetworkStream, SocketStream
from anyiohttp._net.tls import TLSStream
from anyiohttp._protocol.base import Body, Exchange, RequestHead
from anyiohttp._protocol.http1.connection import HTTP11Connection
from anyiohttp.testing.streams import memory_stream_pair

#: Plays the server; over memory it gets a `MemoryStream`.
Script = Callable[[Any], Awaitable[None]]


def request(method: str = "GET", **changes: Any) -> RequestHead:
    """A request's head with defaults that do not matter."""
    values: dict[str, Any] = {"scheme": "http", "authority": "example.org", "target": "/"}
    if method == "CONNECT":
        values["target"] = ""
    return RequestHead(method, **{**values, **changes})


def call(**limits: float) -> Call:
    """A call of ``example.org`` with some limits; five seconds in all, so that no test hangs."""
    return Call("example.org", ClientTimeout(**{"total": 5, **limits}))


class Recorded:
    """A connection that has told what changed, one end of a pair, and the other end."""

    def __init__(self, stream: NetworkStream) -> None:
        self.connection = HTTP11Connection(stream)
        self.changes: list[tuple[int, int]] = []
        self.connection.on_change = self._note

    def _note(self, connection: Any) -> None:
        self.changes.append((connection.in_flight, connection.capacity))

    async def exchange(
        self, head: RequestHead | None = None, body: Body = None, limits: Call | None = None
    ) -> Exchange:
        """Reserve a place and exchange."""
        self.connection.reserve()
        return await self.connection.exchange(head or request(), body, limits or call())

    @property
    def free(self) -> bool:
        """Whether the next exchange may begin."""
        return (self.connection.in_flight, self.connection.capacity) == (0, 1)

    @property
    def dead(self) -> bool:
        """Whether the place is free and the connection is given up."""
        return (self.connection.in_flight, self.connection.capacity) == (0, 0)


@asynccontextmanager
async def peer(script: Script, capacity: int = 64 * 1024) -> AsyncIterator[Recorded]:
    """A connection in memory whose other end is played by ``script``; closed in the end."""
    async with _played(script, *memory_stream_pair(capacity)) as client:
        yield client


@asynccontextmanager
async def tcp_peer(script: Script) -> AsyncIterator[Recorded]:
    """The same over a loopback socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    for sock in (ours, theirs):
        sock.setblocking(False)
    async with _played(script, SocketStream(ours), SocketStream(theirs)) as client:
        yield client


@asynccontextmanager
async def tls_peer(
    script: Script, ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> AsyncIterator[Recorded]:
    """The same over TLS in memory; ``script`` gets the `TLSStream`."""
    client_end, server_end = memory_stream_pair()
    client = TLSStream(client_end, ours, server_hostname="localhost")
    server = TLSStream(server_end, theirs, server_side=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.handshake)
        await client.handshake()
    async with _played(script, client, server) as recorded:
        yield recorded


@asynccontextmanager
async def _played(
    script: Script, client: NetworkStream, server: NetworkStream
) -> AsyncIterator[Recorded]:
    async def play() -> None:
        # The client may leave in the middle of any script.
        with contextlib.suppress(anyio.EndOfStream, *NETWORK_FAILURES):
            await script(server)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(play)
        try:
            yield Recorded(client)
        finally:
            client.abort()
            server.abort()
            tasks.cancel_scope.cancel()


async def read_head(stream: NetworkStream) -> bytes:
    """What the client sends up to the end of a head; more if it came along."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    return data


class Replies:
    """A script that reads a head and then sends ``pieces``, each when the last one was taken.

    Attributes:
        sent: set when all were sent.
        received: what came with the head.
    """

    def __init__(self, *pieces: bytes, end: bool = False, reset: bool = False) -> None:
        self.sent = anyio.Event()
        self.received = b""
        self._pieces = pieces
        self._end = end
        self._reset = reset

    async def __call__(self, stream: Any) -> None:
        self.received = await read_head(stream)
        for number, piece in enumerate(self._pieces):
            if number:
                await anyio.wait_all_tasks_blocked()
            await stream.send(piece)
        if self._end:
            stream.end()
        if self._reset:
            stream.reset()
        self.sent.set()
        await anyio.sleep_forever()


async def read_all(exchange: Exchange) -> bytes:
    """The whole body."""
    data = b""
    while piece := await exchange.receive():
        data += piece
    return data


class Pieces:
    """A body in pieces; an exception among them is raised in its turn."""

    def __init__(self, *pieces: bytes | BaseException, size: int | None = None) -> None:
        self.size = size
        self.asked = 0
        self._pieces = list(pieces)

    async def next_chunk(self) -> bytes:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    async def aclose(self) -> None:
        raise AssertionError("whoever made the body closes it")


class Stuck(Pieces):
    """A body whose next piece never comes after those given."""

    async def next_chunk(self) -> bytes:
        if not self._pieces:
            self.asked += 1
            await anyio.sleep_forever()
        return await super().next_chunk()
