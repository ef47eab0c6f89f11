"""The loopback server's endpoints: plain, TLS, unix socket, proxy, proxy over TLS.

Knows: listening sockets, tasks.
Must not know: HTTP.
Called by: the demonstration, the tests.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup
from yarl import URL

from ..._net.streams import NetworkStream, SocketStream
from ..._net.tls import TLSStream
from ...testing.server.connection import Handler, serve_connection
from ...testing.server.proxy import Proxy
from ...testing.server.routing import router
from ...testing.server.wire import PEER_GONE
from .handlers import ROUTES

__all__ = ("Counts", "LoopbackServer", "serve")

_ServeStream = Callable[[NetworkStream], Coroutine[object, object, None]]
_Serve = Callable[[ssl.SSLContext | None, NetworkStream], Coroutine[object, object, None]]


class Counts:
    """What an endpoint has seen.

    Attributes:
        connections: accepted so far.
        open: connections that are open now.
        requests: request heads that arrived.
        tls_failures: TLS handshakes that failed.
        forwarded, tunnels, refused: a proxy's requests in absolute form, CONNECTs, and requests
            with wrong credentials.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.open = 0
        self.requests = 0
        self.tls_failures = 0
        self.forwarded = 0
        self.tunnels = 0
        self.refused = 0
        self._changed: anyio.Event | None = None

    def __repr__(self) -> str:
        seen = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return f"<Counts {' '.join(f'{name}={value}' for name, value in seen.items())}>"

    def add(
        self,
        *,
        connections: int = 0,
        open: int = 0,  # noqa: A002 - the attribute's name
        requests: int = 0,
        tls_failures: int = 0,
        forwarded: int = 0,
        tunnels: int = 0,
        refused: int = 0,
    ) -> None:
        """Count, and wake those who wait in `wait_for`."""
        self.connections += connections
        self.open += open
        self.requests += requests
        self.tls_failures += tls_failures
        self.forwarded += forwarded
        self.tunnels += tunnels
        self.refused += refused
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def wait_for(self, condition: Callable[[Counts], bool]) -> None:
        """Wait until ``condition`` holds, which is asked after every change."""
        while not condition(self):
            if self._changed is None:
                self._changed = anyio.Event()
            changed = self._changed
            await changed.wait()


class LoopbackServer:
    """A running server; made by `serve`, used as a context manager.

    Attributes:
        url: the plain endpoint.
        tls_url: the TLS endpoint; only with ``tls``.
        unix_path: the unix socket, if asked for.
        proxy_url: the proxy, without credentials.
        tls_proxy_url: the same proxy over TLS; only with ``tls``.
        counts: what the endpoints saw, without the proxy's.
        proxy_counts: what the proxy's endpoints saw.

    Leaving the context aborts whatever is open.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None,
        unix_path: Path | None,
        proxy_auth: tuple[str, str] | None,
        routes: Mapping[str, Handler],
    ) -> None:
        self.url = self.tls_url = self.proxy_url = self.tls_proxy_url = URL()
        self.unix_path = unix_path
        self.counts = Counts()
        self.proxy_counts = Counts()
        self._tls = tls
        self._router = router(routes)
        self._proxy = Proxy(
            proxy_auth,
            on_forward=partial(self.proxy_counts.add, forwarded=1),
            on_tunnel=partial(self.proxy_counts.add, tunnels=1),
            on_refuse=partial(self.proxy_counts.add, refused=1),
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            # The sockets are closed after the tasks that wait for them have ended.
            origin = partial(self._serve, self._router, self.counts)
            proxy = partial(self._serve, self._proxy.handle, self.proxy_counts)
            listeners: list[tuple[socket.socket, _ServeStream]] = []

            def listen(serve_stream: _Serve, context: ssl.SSLContext | None) -> URL:
                sock = _listen(stack, socket.socket(socket.AF_INET), ("127.0.0.1", 0))
                listeners.append((sock, partial(serve_stream, context)))
                host, port = sock.getsockname()
                return URL.build(
                    scheme="https" if context else "http", host=host, port=port, path="/"
                )

            self.url = listen(origin, None)
            self.proxy_url = listen(proxy, None)
            if self._tls is not None:
                self.tls_url = listen(origin, self._tls)
                self.tls_proxy_url = listen(proxy, self._tls)
            if self.unix_path is not None:
                stack.callback(self.unix_path.unlink, missing_ok=True)
                sock = _listen(stack, socket.socket(socket.AF_UNIX), str(self.unix_path))
                listeners.append((sock, partial(origin, None)))
            tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            for sock, serve_stream in listeners:
                tasks.start_soon(_accept, tasks, sock, serve_stream)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What the block raised is none of the tasks' business: it is not wrapped in a group.
        await self._stack.aclose()

    async def _serve(
        self,
        handler: Handler,
        counts: Counts,
        context: ssl.SSLContext | None,
        stream: NetworkStream,
    ) -> None:
        counts.add(connections=1, open=1)
        try:
            if context is not None:
                stream = TLSStream(stream, context, server_side=True)
                try:
                    await stream.handshake()
                except PEER_GONE:
                    counts.add(tls_failures=1)
                    return
            await serve_connection(
                stream,
                handler,
                secure=context is not None,
                on_request=partial(counts.add, requests=1),
            )
            await stream.aclose()
        finally:
            stream.abort()
            counts.add(open=-1)


def serve(
    *,
    tls: ssl.SSLContext | None = None,
    unix_path: Path | None = None,
    proxy_auth: tuple[str, str] | None = None,
    routes: Mapping[str, Handler] | None = None,
) -> LoopbackServer:
    """Return a server on free ports of 127.0.0.1, to be entered with ``async with``.

    Args:
        tls: offers the server and the proxy over TLS too.
        unix_path: listens there too.
        proxy_auth: the user and password the proxy asks for.
        routes: handlers by path, in addition to those of `handlers.ROUTES`.
    """
    return LoopbackServer(
        tls=tls,
        unix_path=unix_path,
        proxy_auth=proxy_auth,
        routes={**ROUTES, **(routes or {})},
    )


async def _accept(tasks: TaskGroup, listener: socket.socket, serve_stream: _ServeStream) -> None:
    while True:
        await anyio.wait_readable(listener)
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            continue
        sock.setblocking(False)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tasks.start_soon(serve_stream, SocketStream(sock))


def _listen(
    stack: AsyncExitStack, sock: socket.socket, address: tuple[str, int] | str
) -> socket.socket:
    stack.callback(sock.close)
    sock.setblocking(False)
    sock.bind(address)
    sock.listen(1024)
    return sock
