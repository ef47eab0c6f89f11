"""One connection of a server: requests in, responses out, until one side has enough.

Knows: HTTP/1.1 framing, persistence and Expect (RFC 9112).
Must not know: sockets, routes.
Called by: `anyiohttp.testing.network` and the loopback server, in a task for each connection.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import anyio
from anyio.abc import ByteStream
from multidict import CIMultiDict

from ..._net.failures import NETWORK_FAILURES
from .messages import Request, Response
from .wire import MalformedMessage, Wire, parse_fields

__all__ = ("Handler", "serve_connection")

logger = logging.getLogger("anyiohttp.testing.server")

#: Answers a request.
Handler = Callable[[Request], Awaitable[Response]]

#: So much of a body that nobody wanted is read and dropped to keep the connection.
_MAX_DROPPED = 64 * 1024
#: On sockets: closing at once would reset the connection and might destroy the answer on its way.
_LINGER = 2.0


async def serve_connection(
    stream: ByteStream,
    handler: Handler,
    *,
    secure: bool,
    on_request: Callable[[], None],
    linger: float = _LINGER,
) -> None:
    """Answer requests until the client ends the connection or it cannot be kept.

    Args:
        stream: the connection; it is not closed here.
        handler: answers.
        secure: whether the connection is TLS.
        on_request: called for each request head that arrived.
        linger: seconds for a client to take an answer that came while it was sending. A stream in
            memory needs none: what was sent can still be read after an end.
    """
    wire = Wire(stream)
    try:
        while await _serve_one(wire, handler, secure=secure, on_request=on_request):
            pass
        if wire.lingering:
            # Not reading is what is wanted here: the client must notice the answer by itself.
            await anyio.sleep(linger)
    except anyio.EndOfStream:
        pass  # the client left between two requests
    except NETWORK_FAILURES as exc:
        logger.debug("a client vanished: %r", exc)


async def _serve_one(
    wire: Wire, handler: Handler, *, secure: bool, on_request: Callable[[], None]
) -> bool:
    """Answer one request. Returns whether the connection can carry another."""
    try:
        request = _parse_request(wire, await wire.read_until(b"\r\n\r\n"), secure=secure)
    except MalformedMessage as exc:
        await _write(wire.stream, "", (1, 1), Response(400, f"{exc}\n".encode(), close=True))
        return False
    on_request()
    async with request.resources:
        response = await _answer(handler, request)
        if response.takeover is not None:
            await wire.stream.send(_head(response, []))
            await response.takeover(wire.stream, wire.take_buffered())
            return False
        unread = not request.body_ended
        response.close |= not _persistent(request) or (unread and not response.duplex)
        try:
            await _write(wire.stream, request.method, request.version, response)
        except MalformedMessage as exc:
            logger.debug("a request that was answered meanwhile broke off: %r", exc)
            return False
        if response.duplex:
            unread = not request.body_ended
            response.silent_close |= unread
    # A client that still waits for 100 (Continue) has nothing of the body on its way.
    wire.lingering = unread and (request.continued or not request.expects_continue)
    return not (response.close or response.silent_close)


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        response = await handler(request)
        if response.duplex:
            return response
        dropped = 0
        # A client that waits for 100 (Continue) is not asked to send what nobody wants.
        while not request.body_ended and not response.close and not request.expects_continue:
            dropped += len(await request.receive())
            if dropped > _MAX_DROPPED:
                break
    except MalformedMessage as exc:
        return Response(400, f"{exc}\n".encode(), close=True)
    except NETWORK_FAILURES:
        raise
    except Exception as exc:
        logger.exception("a handler failed")
        return Response(500, f"{exc!r}\n".encode(), close=True)
    return response


def _parse_request(wire: Wire, head: bytes, *, secure: bool) -> Request:
    first, *lines = head.lstrip(b"\r\n").split(b"\r\n")
    parts = first.decode("utf-8", "surrogateescape").split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise MalformedMessage(f"request line {first!r}")
    version = (1, 1) if parts[2] == "HTTP/1.1" else (1, 0)
    headers: CIMultiDict[str] = parse_fields(lines)
    if version == (1, 1) and len(headers.getall("Host", [])) != 1:
        raise MalformedMessage("not exactly one Host field")
    return Request(wire, (parts[0], parts[1], version), headers, secure=secure)


def _persistent(request: Request) -> bool:
    options = request.headers.get("Connection", "").lower()
    return "keep-alive" in options if request.version == (1, 0) else "close" not in options


def _head(response: Response, framing: list[tuple[str, str]]) -> bytes:
    reason = response.reason
    if reason is None:
        known = response.status in HTTPStatus.__members__.values()
        reason = HTTPStatus(response.status).phrase if known else ""
    lines = [f"HTTP/1.1 {response.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in (*response.headers, *framing)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def _write(
    stream: ByteStream, method: str, version: tuple[int, int], response: Response
) -> None:
    bodyless = method == "HEAD" or response.status in (204, 304)
    size = response.size if response.writer is not None else len(response.body)
    chunked = size is None and version == (1, 1)
    framing: list[tuple[str, str]] = []
    if chunked and response.status not in (204, 304):
        framing.append(("Transfer-Encoding", "chunked"))
    elif size is None:
        response.close = True
    elif response.status not in (204, 304):
        framing.append(("Content-Length", str(size)))
    if response.close:
        framing.append(("Connection", "close"))
    elif version == (1, 0):
        framing.append(("Connection", "keep-alive"))
    head = _head(response, framing)
    if bodyless or response.writer is None:
        await stream.send(head if bodyless else head + response.body)
        return
    await stream.send(head)
    if not chunked:
        await response.writer(stream.send)
        return

    async def send_chunk(data: bytes) -> None:
        if data:
            await stream.send(b"%x\r\n%b\r\n" % (len(data), data))

    await response.writer(send_chunk)
    trailers = "".join(f"{name}: {value}\r\n" for name, value in response.trailers)
    await stream.send(f"0\r\n{trailers}\r\n".encode())
