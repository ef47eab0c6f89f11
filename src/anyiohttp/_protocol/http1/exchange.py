"""One response on a connection, and the stream after an upgrade.

Knows: how the body is framed, the connection it occupies.
Must not know: how requests are sent, what the body means.
Called by: ``connection`` makes one for each request; `_message` reads it.

When the last byte has *arrived* the connection is free at once, whether or not the user has read
it. What has arrived and was not read yet waits in the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from ..._net.call import Call
from ..._net.streams import MAX_READ, NetworkStream
from ..._net.transfer import receive, receive_nowait
from ...exceptions import (
    ClientConnectionError,
    ClientError,
    ClientPayloadError,
    ResponseAbandonedError,
    ServerTimeoutError,
)
from ..base import Exchange, RawHeaders, ResponseHead
from .bodies import FramedBody, TunnelBody
from .framing import ParseError
from .wire import Wire

__all__ = ("DuplexExchange", "HTTP11Exchange", "Occupied", "UpgradedStream")

#: What is left of a response is read rather than its connection given up, if it is no more than
#: this and has already arrived.
MAX_DRAIN = 64 * 1024


class Occupied(Protocol):
    """What an exchange tells the connection it occupies."""

    @property
    def stream(self) -> NetworkStream:
        """The stream."""
        ...

    @property
    def capacity(self) -> int:
        """0 if the connection was closed on our side."""
        ...

    def exchange_ended(self, *, reusable: bool) -> None:
        """The place is free; unless ``reusable``, the connection must be given up."""
        ...

    def stream_taken(self) -> None:
        """The stream has become somebody's own; the place is free when it is closed."""
        ...


class HTTP11Exchange(Exchange):
    """A response whose head is there.

    Args:
        connection: which it occupies.
        call: whose limits apply.
        head: the final head.
        body: how the body is framed.
        rest: what came with the head.
        reusable: whether the connection may be used again after the body.
    """

    _failure: Exception | None = None
    _released = False

    def __init__(
        self,
        connection: Occupied,
        call: Call,
        head: ResponseHead,
        *,
        body: FramedBody,
        rest: bytes,
        reusable: bool,
    ) -> None:
        self._connection = connection
        self.stream = connection.stream
        self._call = call
        self.head = head
        self._body = body
        self._reusable = reusable
        self._tunnel = isinstance(body, TunnelBody)
        self._pending = rest
        if not self._tunnel:
            self._take_rest(rest)

    def __repr__(self) -> str:
        state = "ended" if self.stream is None else "under way"
        return f"<HTTP11Exchange {self.head.status} {state}>"

    @property
    def trailers(self) -> RawHeaders:
        return self._body.trailers

    @property
    def complete(self) -> bool:
        return self._body.complete

    async def receive(self) -> bytes:
        pending = self._pending
        if pending and not self._tunnel:
            self._pending = b""
            return pending
        stream = self.stream
        if stream is None or self._body.complete:
            return self._after_the_last()
        body = self._body
        try:
            while True:
                data = await receive(stream, self._call)
                if data:
                    piece = body.feed(data)
                else:
                    piece = b""
                    body.end()
                if body.complete:
                    self._end(reusable=not body.excess)
                    return piece
                if piece:
                    return piece
        except BaseException as exc:
            self._receive_failed(exc)

    def receive_nowait(self) -> bytes | None:
        pending = self._pending
        if pending and not self._tunnel:
            self._pending = b""
            return pending
        if self.stream is None or self._body.complete:
            return self._after_the_last()
        return None

    def take_chunk_ends(self) -> Sequence[int]:
        return self._body.take_chunk_ends()

    def raise_if_overdue(self) -> None:
        if self.stream is None:
            return
        try:
            self._call.raise_if_overdue()
        except ServerTimeoutError as exc:
            self._receive_failed(exc)

    def release(self) -> None:
        if self.stream is None:
            return
        if self._tunnel:
            self._end(reusable=False)
            return
        self._released = True
        self._pending = b""
        self._end(reusable=self._reusable and self._drain(self.stream))

    def upgrade(self) -> NetworkStream:
        stream = self.stream
        if not self._tunnel:
            raise RuntimeError(f"{self.head.status} does not hand the stream over")
        if stream is None:
            raise ClientConnectionError("the exchange was released")
        rest, self._pending = self._pending, b""
        self.stream = None
        connection = self._connection
        connection.stream_taken()
        return UpgradedStream(stream, rest, lambda: connection.exchange_ended(reusable=False))

    def _take_rest(self, rest: bytes) -> None:
        """Feed the body with what came with the head."""
        body = self._body
        try:
            self._pending = body.feed(rest) if rest else rest
        except ParseError as exc:
            self._failure = self._payload_error(exc)
            self._pending = b""
            self._end(reusable=False)
        else:
            if body.complete:
                self._end(reusable=not body.excess)

    def _end(self, *, reusable: bool) -> None:
        if self.stream is not None:
            self.stream = None
            self._connection.exchange_ended(reusable=reusable and self._reusable)

    def _after_the_last(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        if self._released:
            raise ClientConnectionError("the exchange was released")
        return b""

    def _receive_failed(self, exc: BaseException) -> NoReturn:
        """End the exchange, and say what happened in the words of a body."""
        closed_here = self._connection.capacity == 0
        self._end(reusable=False)
        if self._released and isinstance(exc, ClientConnectionError):
            # Another task released it while we waited.
            raise ClientConnectionError("the exchange was released") from None
        if isinstance(exc, ServerTimeoutError):
            self._failure = ClientPayloadError(str(exc))
            raise exc
        if closed_here and isinstance(exc, ClientConnectionError):
            self._failure = ResponseAbandonedError.of(self._call.host)
            raise self._failure from exc
        if isinstance(exc, ParseError | ClientConnectionError):
            self._failure = self._payload_error(exc)
            raise self._failure from exc
        self._released = True
        raise exc

    def _payload_error(self, exc: Exception) -> ClientPayloadError:
        return ClientPayloadError(f"the body from {self._call.host} broke off: {exc}")

    def _drain(self, stream: NetworkStream) -> bool:
        """Read what is left as far as it has arrived; return whether that was all."""
        body = self._body
        left = MAX_DRAIN
        try:
            while left > 0 and not body.complete:
                data = receive_nowait(stream, self._call, left)
                if not data:
                    return False
                left -= len(data)
                body.feed(data)
        except (ParseError, ClientError):
            return False
        return body.complete and not body.excess


class DuplexExchange(HTTP11Exchange):
    """A response whose head came while the request's body was being sent, which goes on.

    If the response ends first, or is released, the body is not sent any more. The connection can be
    used again only if both have come to their end.

    Args:
        connection: which it occupies.
        wire: whose parser has the final head, and whose ``upload`` sends the body.
        body, rest, reusable: as of `HTTP11Exchange`.
    """

    def __init__(
        self, connection: Occupied, wire: Wire, *, body: FramedBody, rest: bytes, reusable: bool
    ) -> None:
        upload, head = wire.upload, wire.parser.head
        assert upload is not None
        assert head is not None
        self._upload = upload
        super().__init__(connection, wire.call, head, body=body, rest=rest, reusable=reusable)
        upload.on_failure = self._upload_failed

    @property
    def request_sent(self) -> bool:  # type: ignore[override]
        """Whether the request has gone out in full."""
        return self._upload.sent

    @property
    def upload_error(self) -> Exception | None:  # type: ignore[override]
        """What ended the body early."""
        return self._upload.failure

    async def receive(self) -> bytes:
        upload = self._upload
        while self.stream is not None and upload.under_way and not self._pending:
            try:
                data = await upload.hear()
            except BaseException as exc:
                if upload.error is not None and isinstance(exc, ClientConnectionError):
                    break  # the stream was closed because the body failed
                self._receive_failed(exc)
            if data:
                self._take_rest(data)
            elif data is not None:
                break  # the end will be there again
        return await super().receive()

    def _upload_failed(self) -> None:
        if self.stream is not None:
            self._failure = self._upload.error
            self._end(reusable=False)

    def _end(self, *, reusable: bool) -> None:
        upload = self._upload
        if upload.under_way:
            upload.cancel()
        super()._end(reusable=reusable and upload.sent)


class UpgradedStream(NetworkStream):
    """The stream after 101 or CONNECT, with the bytes that came with the head.

    Args:
        stream: the connection's stream.
        rest: what comes first.
        closed: called once, when the stream is closed or aborted.
    """

    def __init__(self, stream: NetworkStream, rest: bytes, closed: Callable[[], None]) -> None:
        self._stream = stream
        self._rest = rest
        self._closed: Callable[[], None] | None = closed

    def __repr__(self) -> str:
        return f"<UpgradedStream over {self._stream!r}>"

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if self._rest:
            return self._take(max_bytes)
        return self._stream.receive_nowait(max_bytes)

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        if self._rest:
            return self._take(max_bytes)
        return await self._stream.receive(max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if self._rest:
            return self._take(max_bytes)
        return await self._stream.receive_before(deadline, max_bytes)

    @property
    def wakes(self) -> bool:
        return self._stream.wakes

    def wake(self) -> None:
        self._stream.wake()

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        return self._stream.try_send(data)

    async def flush(self) -> None:
        await self._stream.flush()

    def abort(self) -> None:
        self._stream.abort()
        self._note_closed()

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self.abort()

    @property
    def encrypted(self) -> bool:
        return self._stream.encrypted

    @property
    def alpn_protocol(self) -> str | None:
        return self._stream.alpn_protocol

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes

    def _take(self, max_bytes: int) -> bytes:
        data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return data

    def _note_closed(self) -> None:
        self._rest = b""
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()
