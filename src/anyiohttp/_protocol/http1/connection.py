"""HTTP/1.1 on one stream: one exchange at a time.

Knows: how a request is said and its answer heard; when the stream may be used again.
Must not know: pools, keys, policies; what bodies mean.
Called by: ``opening`` makes it; the pool reserves and probes; the pipeline exchanges.

The life of an exchange::

    reserve ── exchange ─┬─ prepare   pure; InvalidRequestError leaves the connection untouched
                         ├─ send      head and small body in one send, or `Upload`, `OwnedUpload`
                         ├─ hear      until the final head
                         └─ HTTP11Exchange ── … ── exchange_ended

Anything that goes wrong between the first byte sent and the last byte received makes the
connection useless: it is aborted on the spot, and its place is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from ..._net.call import Call
from ..._net.streams import NetworkStream, SendStalled
from ..._net.transfer import receive
from ...exceptions import ClientConnectionError
from ..base import HTTP_11, Body, HTTPConnection, RequestHead
from .bodies import body_for
from .exchange import DuplexExchange, HTTP11Exchange
from .framing import (
    Control,
    Delimiter,
    ParseError,
    RequestFraming,
    request_framing,
    usual_framing,
)
from .owned_upload import OwnedUpload
from .parsing import ResponseParser
from .upload import BytesSource, Upload
from .wire import Wire
from .writing import LAST_CHUNK, encode_chunk, write_fields, write_head

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("HTTP11Connection",)

_END = Delimiter.END

#: Up to this size a body at hand goes out together with its head.
SMALL_BODY = 64 * 1024

#: How long a polite close may take.
CLOSE_TIMEOUT = 1.0


class HTTP11Connection(HTTPConnection):
    """A connection that speaks HTTP/1.1 (and, if asked to, 1.0).

    Args:
        stream: connected, with TLS if there is to be TLS; the connection owns it.
    """

    version = HTTP_11
    capacity = 1
    in_flight = 0

    def __init__(self, stream: NetworkStream) -> None:
        self.stream = stream
        self.on_change: Callable[[HTTPConnection], None] | None = None

    def __repr__(self) -> str:
        state = "closed" if not self.capacity else "busy" if self.in_flight else "idle"
        return f"<HTTP11Connection {state} over {self.stream!r}>"

    def usable(self) -> bool:
        # `quiet` asks the same; mostly the first answer is enough.
        if self.capacity > 0 and (self.stream.silent or self.stream.quiet):
            return True
        self.capacity = 0  # the probe has taken what it found: the next one might find nothing
        return False

    def reserve(self) -> None:
        assert not self.in_flight, "HTTP/1.1 carries one exchange at a time"
        self.in_flight = 1

    def unreserve(self) -> None:
        self.in_flight = 0
        self._changed()

    async def exchange(self, head: RequestHead, body: Body, call: Call) -> HTTP11Exchange:
        assert self.in_flight, "reserve a place first"
        wire = Wire(self.stream, call, ResponseParser(head.limits, upgrade=head.upgrade))
        try:
            if not body and body is not None and isinstance(body, bytes):
                body = None
            written = write_fields(head)
            size = 0 if body is None else _size(body)
            framing = request_framing(head, written.control, size, has_body=body is not None)
            opening = write_head(head, written, framing)
            if isinstance(body, bytes) and len(body) <= SMALL_BODY and not head.expect_continue:
                opening += _framed(body, framing)
                sent = wire.say_soon(opening) or await Upload(wire, _SENT, framing).send_rest()
            elif body is not None or framing.has_content:
                sent = await _send_request(
                    wire,
                    opening,
                    body,
                    framing,
                    expect=head.expect_continue and framing.has_content,
                )
            else:
                sent = wire.say_soon(opening) or await wire.say_rest()
            parser = wire.parser
            while parser.head is None:
                try:  # as `hear` does; a coroutine less
                    data = await receive(self.stream, call)
                except SendStalled:
                    sent = await Upload(wire, _SENT, framing).send_rest()
                    continue
                except ClientConnectionError as exc:
                    wire.failed(exc)
                    raise
                if data:
                    wire.raise_if_unasked()
                wire.heard(data)
            return self._begin_response(head, written.control, wire, sent=sent)
        except BaseException as exc:
            if wire.upload is not None:
                # Before the connection may be somebody else's: it may not have begun to send yet.
                await wire.upload.stop()
            self.exchange_ended(reusable=not wire.used)
            if isinstance(exc, ParseError):
                from ..malformed import malformed_response  # loaded by whom a peer surprises

                raise malformed_response(head, str(exc)) from exc
            raise

    def _begin_response(
        self, request: RequestHead, control: Control, wire: Wire, *, sent: bool
    ) -> HTTP11Exchange:
        parser = wire.parser
        head = parser.head
        assert head is not None
        framing = usual_framing(request, control, head)
        rest = parser.rest
        body = body_for(framing, request.limits, len(rest))
        keep_alive = framing.keep_alive
        exchange: HTTP11Exchange
        if wire.upload is not None:
            exchange = DuplexExchange(self, wire, body=body, rest=rest, reusable=keep_alive)
        else:
            exchange = HTTP11Exchange(
                self, wire.call, head, body=body, rest=rest, reusable=sent and keep_alive
            )
            if not sent:
                exchange.request_sent = False
        if framing.delimiter is _END:
            exchange.delimited = False
        return exchange

    # --- what an exchange tells us ---

    def exchange_ended(self, *, reusable: bool) -> None:
        """The exchange's place is free; unless ``reusable``, the connection is aborted."""
        self.in_flight = 0
        if not reusable:
            self.capacity = 0
            self.stream.abort()
        self._changed()

    def stream_taken(self) -> None:
        """The stream was upgraded: the connection takes no more exchanges."""
        self.capacity = 0
        self._changed()

    # --- ending ---

    def abort(self) -> None:
        self.capacity = 0
        self.stream.abort()
        self._changed()

    async def aclose(self) -> None:
        """Close; over TLS with a goodbye, without waiting for the peer's.

        Cancellation closes the stream at once.
        """
        self.capacity = 0
        try:
            with anyio.move_on_after(CLOSE_TIMEOUT):
                await self.stream.aclose()
        finally:
            self.abort()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change(self)


def _size(body: Body) -> int | None:
    if body is None or isinstance(body, bytes):
        return len(body or b"")
    return body.size


async def _send_request(
    wire: Wire, head: bytes, body: Body, framing: RequestFraming, *, expect: bool
) -> bool:
    """Send a request; return whether all of it went. If not, the final head is there."""
    if expect:
        if not await wire.say(head):
            return False
        await wire.await_continue()
        if wire.answered:
            return False
        head = b""
    if body is None:
        return await wire.say(head + LAST_CHUNK if framing.chunked else head)
    if isinstance(body, bytes) and len(body) > SMALL_BODY:
        body = BytesSource(body if framing.chunked else body[: framing.length])
    if not isinstance(body, bytes):
        owned = wire.call.spawn is not None
        return await (OwnedUpload if owned else Upload)(wire, body, framing).run(head)
    return await Upload(wire, _SENT, framing).send_whole(head + _framed(body, framing))


#: Stands for a body that went out, as far as the kernel took it, together with its head.
_SENT = BytesSource(b"")


def _framed(body: bytes, framing: RequestFraming) -> bytes:
    """Return a body at hand as it goes out."""
    if framing.chunked:
        return encode_chunk(body) + LAST_CHUNK
    return body if len(body) == framing.length else body[: framing.length]
