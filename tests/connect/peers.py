"""Whom the tests of this folder connect to: listeners, a blackhole, a proxy, scripted resolvers."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ByteStream
from anyio.streams.tls import TLSAttribute

from anyiohttp._net.streams import NetworkStream, SocketStream
from anyiohttp._net.tls import TLSStream
from anyiohttp.abc import AbstractResolver, ResolveResult

Handler = Callable[[NetworkStream], Awaitable[None]]

GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


@dataclass
class Peer:
    """A listener, and what it saw."""

    port: int = 0
    #: How many connections were made.
    accepted: int = 0
    #: What arrived, inside TLS, by connection.
    received: list[bytearray] = field(default_factory=list)
    #: What each server side's TLS said: the name asked for, and whether a certificate was shown.
    names: list[str | None] = field(default_factory=list)
    client_certificates: list[object] = field(default_factory=list)
    #: Set when a connection has ended.
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def data(self) -> bytes:
        return b"".join(self.received)


async def echo(stream: NetworkStream) -> None:
    """Send back what comes until the peer ends."""
    while True:
        await stream.send(await stream.receive())


@asynccontextmanager
async def listening(
    handler: Handler = echo,
    *,
    host: str = "127.0.0.1",
    path: Path | str | None = None,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[Peer]:
    """Serve ``handler`` over TCP or a unix socket, inside TLS if a context is given."""
    peer = Peer()

    async def serve_one(raw: NetworkStream) -> None:
        peer.accepted += 1
        try:
            stream = raw if context is None else await _secured(raw, context, peer)
            await handler(_Recorder(stream, peer))
            await stream.aclose()
        except GONE:
            pass
        finally:
            raw.abort()
            peer.ended.set()

    async def accept_all() -> None:
        while True:
            await anyio.wait_readable(listener)
            sock, _ = listener.accept()
            sock.setblocking(False)
            tasks.start_soon(serve_one, SocketStream(sock))

    family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setblocking(False)
        listener.bind(str(path) if path else (host, 0))
        listener.listen()
        peer.port = 0 if path else listener.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(accept_all)
            yield peer
            tasks.cancel_scope.cancel()


async def _secured(raw: NetworkStream, context: ssl.SSLContext, peer: Peer) -> TLSStream:
    def note_name(_: object, name: str | None, __: object) -> None:
        peer.names.append(name)

    context.sni_callback = note_name
    stream = TLSStream(raw, context, server_side=True)
    await stream.handshake()
    peer.client_certificates.append(stream.extra(TLSAttribute.peer_certificate))
    return stream


class _Recorder(NetworkStream):
    """A stream that notes what arrives."""

    def __init__(self, stream: NetworkStream, peer: Peer) -> None:
        self._stream = stream
        self._seen = bytearray()
        peer.received.append(self._seen)

    def receive_nowait(self, max_bytes: int = 65536) -> bytes:
        data = self._stream.receive_nowait(max_bytes)
        self._seen += data
        return data

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = await self._stream.receive(max_bytes)
        self._seen += data
        return data

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        return self._stream.try_send(data)

    async def flush(self) -> None:
        await self._stream.flush()

    def abort(self) -> None:
        self._stream.abort()

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def encrypted(self) -> bool:
        return self._stream.encrypted

    @property
    def alpn_protocol(self) -> str | None:
        return self._stream.alpn_protocol

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes


async def read_head(stream: NetworkStream) -> bytes:
    """Return a message head, its empty line included; nothing may follow it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive()
    return head


def proxy(target_port: int, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Handler:
    """A proxy that answers any CONNECT alike and relays to a port of this machine."""

    async def handle(stream: NetworkStream) -> None:
        await read_head(stream)
        await stream.send(answer)
        async with (
            await anyio.connect_tcp("127.0.0.1", target_port) as target,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_relay, stream, target, tasks.cancel_scope)
            await _relay(target, stream, tasks.cancel_scope)

    return handle


async def _relay(source: ByteStream, sink: ByteStream, scope: anyio.CancelScope) -> None:
    try:
        while True:
            await sink.send(await source.receive())
    except GONE:
        scope.cancel()


def answering(*pieces: bytes) -> Handler:
    """Read a head, send the pieces one by one, then read until the peer ends."""

    async def handle(stream: NetworkStream) -> None:
        await read_head(stream)
        for piece in pieces:
            await stream.send(piece)
            await anyio.lowlevel.checkpoint()
        await stream.receive()

    return handle


async def silent(stream: NetworkStream) -> None:
    """Say nothing until the peer ends."""
    while True:
        await stream.receive()


async def gone(stream: NetworkStream) -> None:
    """Hang up at once."""


@contextmanager
def refused_port() -> Iterator[int]:
    """A port that refuses connections: bound, not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextmanager
def blackhole() -> Iterator[int]:
    """A port that answers nothing: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers: list[socket.socket] = []
        try:
            while True:
                filler = socket.socket()
                fillers.append(filler)
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
                if not select.select([], [filler], [], 0.1)[1]:
                    break
                assert len(fillers) < 20, "this kernel's queue cannot be filled"
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


def address(
    port: int, host: str = "127.0.0.1", family: int = socket.AF_INET, hostname: str = "host.test"
) -> ResolveResult:
    """One of a resolver's answers."""
    return ResolveResult(
        hostname=hostname, host=host, port=port, family=family, proto=socket.IPPROTO_TCP, flags=0
    )


class ScriptedResolver(AbstractResolver):
    """Answers as told, and notes what it was asked."""

    def __init__(self, *answers: ResolveResult, error: Exception | None = None) -> None:
        self.answers = list(answers)
        self.error = error
        self.asked: list[tuple[str, int, int]] = []
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append((host, port, family))
        await anyio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        return list(self.answers)

    async def close(self) -> None:
        self.closed = True
