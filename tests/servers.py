"""Servers for the tests: the loopback server, and one that a test scripts byte by byte."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint
from yarl import URL

from anyiohttp._net.failures import NETWORK_FAILURES
from anyiohttp._net.streams import NetworkStream, SocketStream
from anyiohttp._net.tls import TLSStream
from anyiohttp.cli.loopback import LoopbackServer, serve
from anyiohttp.testing.peers import Dialogue


class ScriptedPeer(Dialogue):
    """The server's end of one connection over sockets, for a script to use.

    What is received is kept in order in `received`; a script that wants more than the client sends
    before it closes just ends.
    """

    def half_close(self) -> None:
        self._raw.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.abort()

    def abort(self) -> None:
        self.stream.abort()

    @property
    def _raw(self) -> socket.socket:
        return self.stream.extra(SocketAttribute.raw_socket)

    async def _wait_taken(self) -> None:
        # The client runs in the same event loop and only needs its turns.
        for _ in range(5):
            await checkpoint()


Script = Callable[[ScriptedPeer], Awaitable[None]]


class ScriptedServer:
    """A listener on 127.0.0.1 (or a unix socket) that runs a script on every connection.

    Attributes:
        peers: every connection so far, in order.
        open: how many are open now.
    """

    def __init__(
        self,
        script: Script,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        unix_path: Path | None = None,
    ) -> None:
        self.peers: list[ScriptedPeer] = []
        self.open = 0
        self._script = script
        self._tls = tls
        self._unix_path = unix_path
        self._changed = anyio.Event()
        self._errors: list[Exception] = []
        if unix_path is None:
            self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self._socket.bind((host, 0))
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(str(unix_path))
        self._socket.setblocking(False)
        self._socket.listen(128)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> URL:
        """``http://127.0.0.1:port``, or https if it was started with a context."""
        if self._unix_path is not None:
            return URL("http://localhost")
        host = str(self._socket.getsockname()[0])
        return URL.build(scheme="https" if self._tls else "http", host=host, port=self.port)

    def receive_buffer(self, size: int) -> None:
        """Let the kernel keep about ``size`` bytes for connections that come from now on."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return len(self.peers)

    async def wait_for(self, condition: Callable[[ScriptedServer], bool]) -> None:
        """Wait until ``condition`` holds, asked when a connection opens or its script has ended."""
        while not condition(self):
            await self._changed.wait()

    async def run(self) -> None:
        """Serve until cancelled; then report what scripts raised."""
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    await anyio.wait_readable(self._socket)
                    try:
                        sock, _ = self._socket.accept()
                    except BlockingIOError:
                        continue
                    sock.setblocking(False)
                    if sock.family != socket.AF_UNIX:
                        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    tasks.start_soon(self._run_script, SocketStream(sock))
        finally:
            self._socket.close()
            if self._unix_path is not None:
                self._unix_path.unlink(missing_ok=True)

    def raise_errors(self) -> None:
        """Raise what scripts raised, which is a failure of the test."""
        if self._errors:
            raise ExceptionGroup("scripts failed", self._errors)

    async def _run_script(self, stream: NetworkStream) -> None:
        self.open += 1
        try:
            if self._tls is not None:
                stream = TLSStream(stream, self._tls, server_side=True)
                await stream.handshake()
            peer = ScriptedPeer(stream, len(self.peers))
            self.peers.append(peer)
            self._notify()
            await self._script(peer)
            await stream.aclose()
        except (anyio.EndOfStream, *NETWORK_FAILURES):
            pass  # the client closed before the script's end
        except Exception as exc:
            self._errors.append(exc)
        finally:
            stream.abort()
            self.open -= 1
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


#: Starts a scripted server; takes the arguments of `ScriptedServer`.
StartScripted = Callable[..., Awaitable[ScriptedServer]]


@pytest.fixture
async def scripted_server(anyio_backend: object) -> AsyncIterator[StartScripted]:
    """A function that starts servers with a script: ``server = await scripted_server(script)``.

    The script is ``async def script(peer: ScriptedPeer)``; it runs once for every connection, which
    is closed when it returns. What a script raises (a failed assertion) fails the test.
    """
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(anyio.create_task_group())
        servers: list[ScriptedServer] = []

        async def start(script: Script, **options: object) -> ScriptedServer:
            server = ScriptedServer(script, **options)  # type: ignore[arg-type]
            servers.append(server)
            tasks.start_soon(server.run)
            return server

        yield start
        tasks.cancel_scope.cancel()
    for server in servers:
        server.raise_errors()


@pytest.fixture
async def loopback(
    anyio_backend: object,
    server_ssl_context: ssl.SSLContext,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[LoopbackServer]:
    """The loopback server with all its endpoints; TLS with `server_cert`."""
    unix_path = tmp_path_factory.mktemp("u") / "l" if hasattr(socket, "AF_UNIX") else None
    async with serve(tls=server_ssl_context, unix_path=unix_path) as server:
        yield server
