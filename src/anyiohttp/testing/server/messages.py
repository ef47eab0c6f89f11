"""What a handler gets and what it gives back.

Knows: requests and responses as values.
Must not know: how they are read and written.
Called by: `connection`, `proxy`, and handlers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from anyio.abc import ByteStream
from multidict import CIMultiDict, MultiDict

from .wire import BodyReader, Wire

__all__ = ("BodyWriter", "Request", "Response", "Send", "Takeover", "json_response")

#: Sends a part of a response's body.
Send = Callable[[bytes], Awaitable[None]]
#: Writes a response's body by calling what it is given.
BodyWriter = Callable[[Send], Awaitable[None]]
#: Speaks on the connection after the response's head, beginning with what was read ahead.
Takeover = Callable[[ByteStream, bytes], Awaitable[None]]


class Request:
    """A request; its body is read as it arrives, by the handler, if it wants it.

    Attributes:
        method: as sent.
        target: the request target as sent.
        path: the target's path, decoded.
        query: the target's query, decoded.
        version: ``(1, 1)`` or ``(1, 0)``.
        headers: as sent, in order.
        secure: whether it came over TLS.
        params: what stood for the ``{…}`` of the route, decoded.
        continued: whether a 100 (Continue) was sent.
        resources: closed when the response has been written, or has failed to be.
    """

    def __init__(
        self,
        wire: Wire,
        request_line: tuple[str, str, tuple[int, int]],
        headers: CIMultiDict[str],
        *,
        secure: bool,
    ) -> None:
        self.method, self.target, self.version = request_line
        path, _, query = self.target.partition("?")
        self.path = unquote(path)
        self.query: MultiDict[str] = MultiDict(parse_qsl(query, keep_blank_values=True))
        self.headers = headers
        self.secure = secure
        self.params: tuple[str, ...] = ()
        self.continued = False
        self.resources = AsyncExitStack()
        self._wire = wire
        self._body = BodyReader.of_request(wire, headers)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 (Continue) before it sends the body."""
        return self.headers.get("Expect", "").lower() == "100-continue"

    @property
    def body_ended(self) -> bool:
        """Whether the body was read to its end."""
        return self._body.ended

    @property
    def trailers(self) -> CIMultiDict[str]:
        """The trailer fields, once the body was read to its end."""
        return self._body.trailers

    async def receive(self) -> bytes:
        """Return the next part of the body; ``b""`` at its end. Says 100 (Continue) if asked."""
        if self.expects_continue and not self.continued and not self.body_ended:
            self.continued = True
            await self._wire.stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await self._body.receive()

    async def read(self) -> bytes:
        """Return what is left of the body."""
        parts: list[bytes] = []
        while data := await self.receive():
            parts.append(data)
        return b"".join(parts)

    async def wait_client_gone(self) -> None:
        """Wait until the client has closed the connection."""
        await self._wire.wait_ended()


@dataclass
class Response:
    """A response.

    Attributes:
        status: the status code.
        body: the whole body, unless ``writer`` is given.
        headers: in the order in which they are sent; Content-Length or Transfer-Encoding, and
            Connection if needed, are added.
        reason: None for the usual phrase.
        writer: writes the body piece by piece.
        size: how much ``writer`` will send; None: it is sent chunked.
        trailers: sent after a chunked body.
        close: end the connection afterwards, and say so.
        silent_close: end it afterwards, without having said so.
        duplex: the head goes out at once, and ``writer`` reads the request's body itself.
        takeover: speaks on the connection after the head (101 and CONNECT); there is no body.
    """

    status: int = 200
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    reason: str | None = None
    writer: BodyWriter | None = None
    size: int | None = None
    trailers: Sequence[tuple[str, str]] = ()
    close: bool = False
    silent_close: bool = False
    duplex: bool = False
    takeover: Takeover | None = None


def json_response(value: object, status: int = 200) -> Response:
    """Return ``value`` as a JSON response."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return Response(status, body, [("Content-Type", "application/json")])
