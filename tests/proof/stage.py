"""Where a scenario plays: an origin server, a session on top of it, and those who play along.

The origin answers each request with the marker in its path, so that an answer that belongs to
another request is known for what it is. It takes a few turns of the event loop between the parts of
what it says, so that the client has to wait for each of them.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from itertools import count
from types import TracebackType
from typing import Any, Protocol, Self

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint
from h2.settings import SettingCodes
from tests.proof.ledger import CrossTalk, TruncatedAsComplete
from yarl import URL

from anyiohttp import ClientSession, ClientTimeout, TCPConnector
from anyiohttp._net.sockets import socket_stream
from anyiohttp._net.streams import NetworkStream
from anyiohttp._net.tls import TLSStream
from anyiohttp.testing import (
    Address,
    CertificateAuthority,
    Listener,
    MemoryNetwork,
    Request,
    Response,
    Script,
    ServerWebSocket,
    accept_websocket,
)
from anyiohttp.testing.server.connection import serve_connection
from anyiohttp.testing.server.http2 import serve_http2_connection
from anyiohttp.testing.server.messages import Send
from anyiohttp.testing.server.routing import router
from anyiohttp.testing.server.wire import PEER_GONE

__all__ = ("ORIGIN", "Certificates", "MemoryWorld", "SocketWorld", "Stage", "body_of", "turns")

ORIGIN = "origin.example"
PROXY = "proxy.example"
_NUMBERS = count(1)
#: Nothing here should take so long.
LONG = ClientTimeout(total=60)


async def turns(number: int) -> None:
    """Let the event loop turn."""
    for _ in range(number):
        await checkpoint()


def body_of(marker: str, lines: int = 120) -> bytes:
    """The body that belongs to a marker where it is to be longer."""
    return b"".join(b"%s %d\n" % (marker.encode(), number) for number in range(lines))


def judge(got: bytes, expected: bytes) -> None:
    """Tell whether ``got`` is the answer.

    Raises:
        TruncatedAsComplete: it is the beginning of it.
        CrossTalk: it is another.
    """
    if got == expected:
        return
    shown = f"{got[:80]!r} ({len(got)} bytes) for {expected[:80]!r} ({len(expected)})"
    if expected.startswith(got):
        raise TruncatedAsComplete(shown)
    raise CrossTalk(shown)


class Certificates:
    """The contexts of both sides, made once for all scenarios."""

    def __init__(self, authority: CertificateAuthority) -> None:
        self.server = authority.server_context(ORIGIN, PROXY)
        self.client = authority.client_context()
        both = ("h2", "http/1.1")
        self.http2_server = authority.server_context(ORIGIN, PROXY, alpn=both)
        self.http2_client = authority.client_context(alpn=both)


# --- the origin ---------------------------------------------------------------------------------


class Origin:
    """What the origin server answers.

    Attributes:
        go: set when a response of ``/hold/…`` may go on.
    """

    def __init__(self) -> None:
        self.go = anyio.Event()
        self._failed_once: set[str] = set()

    @property
    def routes(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        return {
            "/echo/{marker}": self.echo,
            "/last/{marker}": self.last,
            "/later/{marker}": self.later,
            "/plain/{marker}": self.plain,
            "/gzip/{marker}": self.gzip,
            "/hold/{marker}": self.hold,
            "/upload/{marker}": self.upload,
            "/duplex/{marker}": self.duplex,
            "/refuse/{marker}": self.refuse,
            "/hop/{number}/{marker}": self.hop,
            "/once/{marker}": self.once,
            "/more/{marker}": self.more,
            "/cut/{marker}": self.cut,
            "/talk/{marker}": self.talk,
            "/tell/{marker}": self.tell,
            "/deaf/{marker}": self.deaf,
            "/events/{marker}": self.events,
            "/guarded/{marker}": self.guarded,
            "/parts/{marker}": self.parts,
        }

    async def echo(self, request: Request) -> Response:
        await request.read()
        return Response(200, request.params[-1].encode())

    async def guarded(self, request: Request) -> Response:
        """It wants Digest credentials, of whom does not matter."""
        if "Authorization" in request.headers:
            return await self.later(request)
        await turns(3)
        fields = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth-int"')]
        return Response(401, b"who?", fields)

    async def parts(self, request: Request) -> Response:
        """A multipart body: the marker, in a body within it, and once more in base64."""
        marker = request.params[-1].encode()
        pieces = [
            b"--b\r\n\r\n" + marker + b"\r\n--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n",
            b"--c\r\n\r\n" + marker + b"\r\n--c-",
            b"-\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64encode(marker),
            b"\r\n--b--\r\n",
        ]

        async def write(send: Send) -> None:
            for piece in pieces:
                await turns(2)
                await send(piece)

        fields = [("Content-Type", "multipart/mixed; boundary=b")]
        return Response(200, headers=fields, writer=write)

    async def last(self, request: Request) -> Response:
        """The connection ends afterwards, and nobody was told that it would."""
        return Response(200, request.params[-1].encode(), silent_close=True)

    async def later(self, request: Request) -> Response:
        await turns(5)
        return await self.echo(request)

    async def plain(self, request: Request) -> Response:
        body = body_of(request.params[-1])
        return Response(200, writer=_in_pieces(body), size=len(body))

    async def gzip(self, request: Request) -> Response:
        """Two members, in chunks that end in the middle of things."""
        body = body_of(request.params[-1])
        middle = len(body) // 2
        coded = _gzip(body[:middle]) + _gzip(body[middle:])
        headers = [("Content-Encoding", "gzip"), ("Content-Type", "text/plain; charset=utf-8")]
        trailers = [("X-Marker", request.params[-1])]
        return Response(200, writer=_in_pieces(coded), headers=headers, trailers=trailers)

    async def hold(self, request: Request) -> Response:
        body = body_of(request.params[-1])

        async def write(send: Send) -> None:
            await send(body[:100])
            await self.go.wait()
            await send(body[100:])

        return Response(200, writer=write, size=len(body))

    async def upload(self, request: Request) -> Response:
        return Response(200, await request.read())

    async def duplex(self, request: Request) -> Response:
        """The body, while it comes."""

        async def write(send: Send) -> None:
            while data := await request.receive():
                await turns(1)
                await send(data)

        return Response(200, writer=write, duplex=True)

    async def refuse(self, request: Request) -> Response:
        await turns(2)
        return Response(413, request.params[-1].encode(), close=True)

    async def hop(self, request: Request) -> Response:
        await request.read()
        await turns(1)
        number, marker = request.params
        path = f"/hop/{int(number) - 1}/{marker}" if number != "1" else f"/echo/{marker}"
        headers = [("Location", path), ("Set-Cookie", f"hop{number}={marker}")]
        body = body_of(marker)
        return Response(302, headers=headers, writer=_in_pieces(body), size=len(body))

    async def once(self, request: Request) -> Response:
        """Fails the first time."""
        marker = request.params[-1]
        if marker in self._failed_once:
            return await self.gzip(request)
        self._failed_once.add(marker)
        body = body_of(marker)
        return Response(503, writer=_in_pieces(body), size=len(body))

    async def more(self, request: Request) -> Response:
        """A response, and one that nobody asked for."""
        marker = request.params[-1].encode()
        forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

        async def write(send: Send) -> None:
            await turns(1)
            await send(marker + forged)

        return Response(200, writer=write, size=len(marker))

    async def cut(self, request: Request) -> Response:
        """The gzip data ends early; the framing says nothing of it."""
        coded = _gzip(body_of(request.params[-1]))[:-12]
        headers = [("Content-Encoding", "gzip")]
        return Response(200, writer=_in_pieces(coded), headers=headers)

    async def talk(self, request: Request) -> Response:
        """A WebSocket that says what it has heard when it hears ``end``."""
        heard: list[str] = []

        async def converse(websocket: ServerWebSocket) -> None:
            while (message := await websocket.receive()) is not None:
                await turns(2)
                heard.append(str(message))
                if message == "end":
                    await websocket.send("|".join(heard))

        return accept_websocket(request, converse)

    async def tell(self, request: Request) -> Response:
        """A WebSocket that says six things in fragments, with pings between them."""
        marker = request.params[-1]

        async def converse(websocket: ServerWebSocket) -> None:
            for number in range(6):
                await turns(2)
                await websocket.send_frame(1, f"{marker} ".encode(), last=False)
                await turns(1)
                await websocket.send_frame(9, b"ping")
                await websocket.send_frame(0, b"%d" % number)
            await websocket.receive()

        return accept_websocket(request, converse)

    async def deaf(self, request: Request) -> Response:
        """A WebSocket that answers nothing."""

        async def converse(websocket: ServerWebSocket) -> None:
            while True:
                await websocket.receive_frame()

        return accept_websocket(request, converse)

    async def events(self, request: Request) -> Response:
        """Three events, then another three, then no more."""
        done = int(request.headers.get("Last-Event-ID", "0"))
        if done >= 6:
            return Response(204)
        head = [b"retry: 0\n\n"]
        numbers = range(done + 1, min(done + 3, 6) + 1)
        body = b"".join(head + [b"id: %d\ndata: %d\n\n" % (n, n) for n in numbers])
        headers = [("Content-Type", "text/event-stream")]
        return Response(200, headers=headers, writer=_in_pieces(body), size=len(body))


def _gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def _in_pieces(body: bytes, number: int = 4) -> Callable[[Send], Awaitable[None]]:
    size = len(body) // number + 1

    async def write(send: Send) -> None:
        for start in range(0, len(body), size):
            await turns(3)
            await send(body[start : start + size])

    return write


# --- worlds -------------------------------------------------------------------------------------


#: An origin that speaks HTTP/2 takes WebSockets on streams (RFC 8441).
_OFFERED = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}


class World(Protocol):
    """Where an origin can be reached."""

    @property
    def connections(self) -> int:
        """How many the origin has had."""
        ...

    def connector(self, **settings: Any) -> TCPConnector: ...

    def add_origin(self, origin: Origin, tls: ssl.SSLContext | None, *, http2: bool) -> URL: ...


class MemoryWorld:
    """A network in memory.

    Args:
        addresses: of the origin.
        capacity: how many bytes are on their way at most.
    """

    def __init__(self, addresses: tuple[Address, ...] = (), capacity: int = 64 * 1024) -> None:
        self.network = MemoryNetwork(capacity=capacity)
        self._addresses = addresses
        self._listener: Listener | None = None

    async def __aenter__(self) -> Self:
        await self.network.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.network.__aexit__(exc_type, exc, traceback)

    def connector(self, **settings: Any) -> TCPConnector:
        settings.setdefault("happy_eyeballs_delay", 0)
        return self.network.connector(**settings)

    @property
    def connections(self) -> int:
        return self._listener.connections if self._listener is not None else 0

    def add_origin(self, origin: Origin, tls: ssl.SSLContext | None, *, http2: bool) -> URL:
        network, routes = self.network, origin.routes
        if http2:
            listener = network.serve_http2(ORIGIN, routes, tls=tls, settings=_OFFERED)
        else:
            listener = network.serve(ORIGIN, routes, tls=tls, addresses=self._addresses)
        self._listener = listener
        return listener.url

    def add_script(self, script: Script) -> URL:
        """Let a script play the origin."""
        self._listener = self.network.listen(ORIGIN, 80, script)
        return self._listener.url


class SocketWorld:
    """Sockets of this machine, so that their streams are cancelled as well."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._handler: Any = None
        self._tls: ssl.SSLContext | None = None
        self._http2 = False
        self.connections = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._listener.setblocking(False)
            self._tasks.start_soon(self._accept)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._stack.aclose()

    def connector(self, **settings: Any) -> TCPConnector:
        return TCPConnector(resolver=_Here(), **settings)

    def add_origin(self, origin: Origin, tls: ssl.SSLContext | None, *, http2: bool) -> URL:
        self._handler, self._tls, self._http2 = router(origin.routes), tls, http2
        scheme = "https" if tls else "http"
        port = self._listener.getsockname()[1]
        return URL.build(scheme=scheme, host=ORIGIN, port=port, path="/")

    async def _accept(self) -> None:
        while True:
            await anyio.wait_readable(self._listener)
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            accepted.setblocking(False)
            self.connections += 1
            self._tasks.start_soon(self._converse, socket_stream(accepted))

    async def _converse(self, stream: NetworkStream) -> None:
        tls = self._tls
        try:
            if tls is not None:
                stream = secure = TLSStream(stream, tls, server_side=True)
                await secure.handshake()
            if self._http2:
                secure_too = tls is not None
                await serve_http2_connection(
                    stream, self._handler, secure=secure_too, on_request=int, settings=_OFFERED
                )
            else:
                await serve_connection(
                    stream, self._handler, secure=tls is not None, on_request=int, linger=0.02
                )
            await stream.aclose()
        except PEER_GONE:
            pass
        finally:
            stream.abort()


class _Here:
    """Every name is of this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[Any]:
        await checkpoint()
        entry = {"hostname": host, "host": "127.0.0.1", "port": port, "proto": 0, "flags": 0}
        return [{**entry, "family": socket.AF_INET}]

    async def close(self) -> None:
        pass


# --- the stage ----------------------------------------------------------------------------------


class Stage:
    """One run of a scenario: a session, and what is around it.

    Args:
        world: where the origin is.
        tasks: runs those who play along.
        certificates: of both sides.
        limit: the connector's.
        http2: whether the origin and the connector speak HTTP/2.
        settings: the connector's others.

    Attributes:
        over: set when the victim has ended.
        options: what every request of the scenario is made with.
        url: the origin's root.
    """

    def __init__(
        self,
        world: World,
        tasks: anyio.abc.TaskGroup,
        certificates: Certificates,
        *,
        limit: int = 1,
        http2: bool = False,
        settings: Mapping[str, Any],
    ) -> None:
        self.world = world
        self.tasks = tasks
        self.certificates = certificates
        self.limit = limit
        self.http2 = http2
        context = certificates.http2_client if http2 else certificates.client
        versions = {"http_versions": ["h2"]} if http2 else {}
        self.connector = world.connector(limit=limit, ssl=context, **versions, **settings)
        self._session = ClientSession(connector=self.connector, timeout=LONG)
        self._hurried: ClientSession | None = None
        self._victims_task = anyio.get_current_task().id
        self.origin = Origin()
        self.over = anyio.Event()
        self.options: dict[str, Any] = {}
        self.url = URL()
        self.generators = 0
        self._ended: list[anyio.Event] = []

    @property
    def session(self) -> ClientSession:
        """The session; for a victim that is in a hurry, one of the same connector that is, too."""
        if self._hurried is None or anyio.get_current_task().id != self._victims_task:
            return self._session
        return self._hurried

    @contextmanager
    def in_a_hurry(self, seconds: float) -> Iterator[None]:
        """Give requests of this task, and of no other, so much time in all."""
        hurried = ClientSession(
            connector=self.connector,
            connector_owner=False,
            timeout=ClientTimeout(total=seconds),
        )
        self._hurried = hurried
        try:
            yield
        finally:
            self._hurried = None
            hurried.detach()

    @property
    def network(self) -> MemoryNetwork:
        """The network, where it is in memory."""
        assert isinstance(self.world, MemoryWorld)
        return self.world.network

    def open_origin(self, *, tls: bool = False) -> None:
        """Begin to serve."""
        context = self.certificates.http2_server if self.http2 else self.certificates.server
        self.url = self.world.add_origin(self.origin, context if tls else None, http2=self.http2)

    def play_origin(self, script: Script) -> None:
        """Let a script serve, where the network is in memory."""
        assert isinstance(self.world, MemoryWorld)
        self.url = self.world.add_script(script)

    def path(self, *parts: object) -> URL:
        return self.url.joinpath(*map(str, parts))

    @staticmethod
    def marker() -> str:
        """A word that nobody else has."""
        return f"marker-{next(_NUMBERS)}-"

    async def fetch(self, kind: str = "echo", **options: Any) -> None:
        """Make a request and see that the answer is its own."""
        marker = self.marker()
        async with self.session.get(
            self.path(kind, marker), **{**self.options, **options}
        ) as response:
            body = await response.read()
        judge(
            body, marker.encode() if kind in ("echo", "last", "later", "more") else body_of(marker)
        )

    async def pieces(self, marker: str, number: int = 4, size: int = 0) -> AsyncIterator[bytes]:
        """An upload that takes its time, and counts itself."""
        self.generators += 1
        try:
            for place in range(number):
                yield f"{marker} {place}\n".encode().ljust(size, b".")
                await checkpoint()
        finally:
            self.generators -= 1

    def along(self, function: Callable[..., Awaitable[None]], *args: object) -> anyio.Event:
        """Start somebody who plays along. Returns what is set when they are done."""
        ended = anyio.Event()
        self._ended.append(ended)

        async def run() -> None:
            await function(*args)
            ended.set()

        self.tasks.start_soon(run)
        return ended

    async def settle(self) -> None:
        """Wait until all who play along are done."""
        self.over.set()
        self.origin.go.set()
        for ended in self._ended:
            await ended.wait()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the event loop turn until that holds, or the victim has ended."""
        while not condition() and not self.over.is_set():
            await checkpoint()
