"""An HTTP proxy: requests in absolute form are forwarded, CONNECT opens a tunnel.

Knows: RFC 9112 section 3.2, RFC 9110 sections 7.6.1 and 9.3.6, Basic credentials.
Must not know: listeners.
Called by: `anyiohttp.testing.network` and the loopback server, whose proxies answer with
`Proxy.handle`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream
from multidict import CIMultiDict

from .messages import BodyWriter, Request, Response, Send
from .wire import PEER_GONE, BodyReader, Wire, parse_fields

__all__ = ("ConnectHost", "Proxy")

#: Opens a stream to a host and port.
ConnectHost = Callable[[str, int], Awaitable[ByteStream]]

_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-authorization"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Proxy:
    """Forwards and tunnels.

    Args:
        auth: the user and password to ask for.
        on_forward: called for each request that is forwarded.
        on_tunnel: called for each tunnel that is opened.
        on_refuse: called for each request with missing or wrong credentials.
        connect: opens a stream to a host and port.
    """

    def __init__(
        self,
        auth: tuple[str, str] | None,
        *,
        on_forward: Callable[[], None],
        on_tunnel: Callable[[], None],
        on_refuse: Callable[[], None],
        connect: ConnectHost = anyio.connect_tcp,
    ) -> None:
        self._wanted = auth and "Basic " + b64encode(":".join(auth).encode()).decode()
        self._on_forward = on_forward
        self._on_tunnel = on_tunnel
        self._on_refuse = on_refuse
        self._connect = connect

    async def handle(self, request: Request) -> Response:
        """Answer one request to the proxy."""
        if self._wanted and request.headers.get("Proxy-Authorization") != self._wanted:
            self._on_refuse()
            return Response(407, b"who are you?\n", [("Proxy-Authenticate", 'Basic realm="proxy"')])
        try:
            if request.method == "CONNECT":
                return await self._tunnel(request)
            return await self._forward(request)
        except PEER_GONE as exc:
            return Response(502, f"{exc!r}\n".encode(), close=True)

    async def _tunnel(self, request: Request) -> Response:
        host, _, port = request.target.rpartition(":")
        if not port.isdigit():
            return Response(400, b"CONNECT wants host:port\n", close=True)
        origin = await self._connect(host.strip("[]"), int(port))
        request.resources.push_async_callback(origin.aclose)
        self._on_tunnel()

        async def relay(client: ByteStream, early: bytes) -> None:
            if early:
                await origin.send(early)
            async with anyio.create_task_group() as tasks:
                for source, sink in ((client, origin), (origin, client)):
                    # An end of either side ends the tunnel: HTTP does not close by halves.
                    tasks.start_soon(_pump, source, sink, tasks.cancel_scope.cancel)

        return Response(200, reason="Connection established", takeover=relay)

    async def _forward(self, request: Request) -> Response:
        target = urlsplit(request.target)
        if target.scheme != "http" or not target.hostname:
            return Response(400, b"a proxy wants the absolute form\n", close=True)
        origin = await self._connect(target.hostname, target.port or 80)
        request.resources.push_async_callback(origin.aclose)
        self._on_forward()
        path = target._replace(scheme="", netloc="").geturl() or "/"
        await _send_request(origin, request, path)
        wire = Wire(origin)
        status, reason, fields = await _read_head(wire)
        while status < 200:
            status, reason, fields = await _read_head(wire)
        body = BodyReader.of_response(wire, fields, request.method, status)
        return Response(
            status,
            headers=[*_end_to_end(fields), ("Via", "1.1 loopback")],
            reason=reason,
            writer=_copier(body),
            size=0 if body.ended else None,
        )


async def _send_request(origin: ByteStream, request: Request, path: str) -> None:
    lines = [f"{request.method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in _end_to_end(request.headers)]
    lines.append("Connection: close")
    chunked = "Transfer-Encoding" in request.headers
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif "Content-Length" in request.headers:
        lines.append(f"Content-Length: {request.headers['Content-Length']}")
    await origin.send("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
    while data := await request.receive():
        await origin.send(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
    if chunked:
        await origin.send(b"0\r\n\r\n")


async def _read_head(wire: Wire) -> tuple[int, str, CIMultiDict[str]]:
    first, *lines = (await wire.read_until(b"\r\n\r\n")).split(b"\r\n")
    _, code, reason = (first.decode("utf-8", "surrogateescape") + " ").split(" ", 2)
    return int(code), reason.rstrip(), parse_fields(lines)


def _copier(body: BodyReader) -> BodyWriter:
    async def copy(send: Send) -> None:
        while data := await body.receive():
            await send(data)

    return copy


def _end_to_end(fields: CIMultiDict[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields.items() if name.lower() not in _HOP_BY_HOP]


async def _pump(source: ByteStream, sink: ByteStream, on_end: Callable[[], None]) -> None:
    try:
        while True:
            await sink.send(await source.receive())
    except PEER_GONE:
        on_end()
