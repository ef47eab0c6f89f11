"""The two contracts between a connection and those who use it, whatever HTTP version it speaks.

Knows: what a request and a response look like to every version of HTTP (RFC 9110).
Must not know: how they are written (``http1``, later ``http2``), who waits for connections, what a
body means.
Called by: ``_connect`` (the pool sees `HTTPConnection`), ``_message`` (the response sees
`Exchange`), ``_client`` (joins the two), `anyiohttp.testing`.

`HTTPConnection` says how many exchanges it can carry and tells the pool when that changes.
`Exchange` is one request and its response. An HTTP/2 or HTTP/3 connection, an in-process
application or a double for tests is one more class of each shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from .._net.call import Call
from .._net.streams import NetworkStream

__all__ = (
    "HTTP_10",
    "HTTP_11",
    "HTTP_20",
    "Body",
    "BodySource",
    "Exchange",
    "FieldLines",
    "HTTPConnection",
    "HttpVersion",
    "InMemory",
    "MessageLimits",
    "RawHeaders",
    "RequestHead",
    "ResponseHead",
)


class HttpVersion(NamedTuple):
    """An HTTP version, as aiohttp spells it: ``HttpVersion(1, 1)``."""

    major: int
    minor: int


HTTP_10 = HttpVersion(1, 0)
HTTP_11 = HttpVersion(1, 1)
HTTP_20 = HttpVersion(2, 0)

#: Header fields as they stood on the wire, in order.
RawHeaders = Sequence[tuple[bytes, bytes]]


class FieldLines(tuple[tuple[str, str], ...]):
    """A request's header fields in order, where many requests have them in common.

    Attributes:
        written: what a version of HTTP has made of them for the last request; its own, and there to
            be looked at before they are written once more.
    """

    written: object = None


class BodySource(Protocol):
    """A request body that is sent in pieces. It knows its size, if anyone does."""

    @property
    def size(self) -> int | None:
        """The number of bytes that `next_chunk` will return in all; ``None`` if unknown."""
        ...

    async def next_chunk(self) -> bytes:
        """Return the next piece; ``b""`` at the end, and only there."""
        ...

    async def aclose(self) -> None:
        """Give up what the body holds; called once, also if it was not read to its end."""
        ...


@runtime_checkable
class InMemory(Protocol):
    """A `BodySource` that may have all that is still to come of it in memory."""

    def take_rest(self) -> bytes | None:
        """Return all that `BodySource.next_chunk` would still return; ``None`` if that has to be
        waited for. It is called instead of it, and last.
        """
        ...


#: No body, a body at hand, or one that is sent in pieces.
Body = bytes | BodySource | None


class MessageLimits(NamedTuple):
    """How much of a peer's head is accepted (aiohttp's names and defaults).

    Args:
        max_line_size: bytes of the status line.
        max_field_size: bytes of one header field, name and value together.
        max_headers: number of header fields, and of trailer fields.
    """

    max_line_size: int = 8190
    max_field_size: int = 8190
    max_headers: int = 128


_LIMITS = MessageLimits()


@dataclass(slots=True, eq=False)
class RequestHead:
    """What is asked for, in the terms that all versions of HTTP share.

    Not to be changed once made; it is not frozen only because that makes it slow to make.

    Args:
        method: any token; sent as given.
        scheme: ``http`` or ``https``.
        authority: host and port as they stand in ``Host`` or ``:authority``.
        target: path and query, percent-encoded; ``*`` for OPTIONS; empty for CONNECT, whose
            target is the authority (RFC 9112 3.2).
        headers: fields in order, without ``Host`` unless the caller set one by hand, without
            ``Content-Length`` and ``Transfer-Encoding`` unless the caller set them by hand.
        absolute: whether the target goes out in absolute form, as a forwarding proxy wants it.
        version: of HTTP/1; other versions ignore it.
        chunked: whether the caller asked for ``Transfer-Encoding: chunked``.
        expect_continue: whether to wait (a bounded time) for 100 before the body is sent.
        upgrade: whether 101 is an acceptable answer.
        read_until_eof: whether a response without framing lasts until the connection ends.
        limits: how much of the response's head is accepted.
        protocol: what a CONNECT is to begin on an HTTP/2 stream (RFC 8441), such as ``websocket``;
            the target is then as for any other method. ``None`` for all other requests.
    """

    method: str
    scheme: str
    authority: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    absolute: bool = False
    version: HttpVersion = HTTP_11
    chunked: bool = False
    expect_continue: bool = False
    upgrade: bool = False
    read_until_eof: bool = True
    limits: MessageLimits = _LIMITS
    protocol: str | None = None


@dataclass(slots=True)
class ResponseHead:
    """A final response's head. Not to be changed once made (see `RequestHead`).

    It may be of several responses, if they all begin with the same bytes.

    Args:
        status: the status code.
        reason: the reason phrase; empty where the version has none.
        version: the version that was spoken.
        headers: fields as they stood on the wire, in order.
    """

    status: int
    reason: str
    version: HttpVersion
    headers: RawHeaders
    _names: frozenset[bytes] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def names(self) -> frozenset[bytes]:
        """The names of the fields, in lower case."""
        names = self._names
        if names is None:
            names = self._names = frozenset([bytes(name).lower() for name, _ in self.headers])
        return names


class Exchange(ABC):
    """One request and its response on a connection.

    The body comes out as it is on the wire, without transfer framing, still content-coded.

    When the exchange ends, its place on the connection is free at once, and the connection's
    ``on_change`` tells the pool. It ends

    * by itself when the last byte of the response has *arrived* (not: been read by the user), if
      the request has been sent too;
    * by `release` or `aclose`, at any moment, any number of times;
    * by any error or cancellation in `receive`.

    HTTP/1.1: an exchange that ends before its message does kills its connection; so does one whose
    request was not sent in full, and one followed by bytes that nobody asked for. HTTP/2: it resets
    its stream and touches nothing else.

    Attributes:
        head: the final response's head.
        stream: carries the exchange, to be asked for its extra attributes; ``None`` once the
            exchange has ended.
        request_sent: whether the request went out in full; if not, the final response came first.
        upload_error: what the request's body came to grief by after the head had come, if it did.
        delimited: whether the protocol says where the body ends; if not, the connection's end does.
    """

    head: ResponseHead
    stream: NetworkStream | None
    request_sent = True
    upload_error: Exception | None = None
    delimited = True

    @property
    @abstractmethod
    def trailers(self) -> RawHeaders:
        """Fields after the body; complete once `receive` has returned ``b""``."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether the whole response has arrived, read or not."""

    @abstractmethod
    async def receive(self) -> bytes:
        """Return the next bytes of the body; ``b""`` at its end, and from then on.

        Raises:
            ClientPayloadError: the body broke off or its framing is wrong.
            ServerTimeoutError: a limit of the call ran out (`SocketTimeoutError` for
                ``sock_read``).
            ClientConnectionError: the exchange was released.

        Cancellation ends the exchange.
        """

    @abstractmethod
    def receive_nowait(self) -> bytes | None:
        """Return bytes of the body that have already been taken from the stream; ``b""`` at the
        end; ``None`` if `receive` would have to wait.
        """

    def take_chunk_ends(self) -> Sequence[int] | None:
        """Return where HTTP's chunks ended in what was received last and not asked about yet, as
        positions in the body; ``None`` if the version has no chunks.
        """
        return None

    def raise_if_overdue(self) -> None:  # noqa: B027 - an exchange need not have limits
        """Hold the exchange to its call's total while its body is read from a buffer.

        Raises:
            ServerTimeoutError: the time is over before the response has arrived. The exchange has
                ended.
        """

    @abstractmethod
    def release(self) -> None:
        """End the exchange now, without waiting. See the class for what becomes of the connection.
        Bytes of the body already taken from the stream can still be received if it is complete.
        """

    async def aclose(self) -> None:
        """End the exchange; the same as `release`, awaitable in form. Never waits for the peer."""
        self.release()

    @abstractmethod
    def upgrade(self) -> NetworkStream:
        """Take the stream over after 101 or a successful CONNECT.

        The bytes that followed the head come out of it first. The connection is gone from its
        pool; the stream belongs to the caller, and the slot is given back when it is closed or
        aborted.
        """


class HTTPConnection(ABC):
    """A connection that carries exchanges, as many at a time as it has capacity for.

    The pool reserves a place (`reserve`) in the moment in which it grants the connection;
    `exchange` uses that place, or `unreserve` gives it back unused. Both are synchronous.

    Attributes:
        version: the version spoken.
        capacity: how many exchanges may be in flight: HTTP/1.1: 1; HTTP/2: what the peer allows;
            0 once the connection is closing or closed.
        in_flight: how many places are taken: exchanges under way and places reserved.
        multiplexes: whether it carries more than one exchange at a time.
        extended_connect: whether the peer has said that it knows RFC 8441.
        settled: whether `capacity` is known; until then it is what can be used at once, and who
            waits for a place had better wait for more of them than for another connection.
        stream: the stream below, to ask for its extra attributes.
        on_change: set by the pool; called with the connection, synchronously, whenever
            `in_flight` fell, `capacity` changed, or the connection closed.
    """

    version: HttpVersion
    capacity: int
    in_flight: int
    multiplexes = False
    extended_connect: bool = False
    settled: bool = True
    stream: NetworkStream
    on_change: Callable[[HTTPConnection], None] | None = None

    @abstractmethod
    def usable(self) -> bool:
        """Probe an idle connection at check-out: whether the peer has neither closed it nor sent
        anything that nobody asked for. Synchronous; touches the socket once. Whatever was not
        usable once never is again.
        """

    @abstractmethod
    def reserve(self) -> None:
        """Take a place for an exchange that is about to begin."""

    @abstractmethod
    def unreserve(self) -> None:
        """Give back a place that was reserved and will not be used."""

    @abstractmethod
    async def exchange(self, head: RequestHead, body: Body, call: Call) -> Exchange:
        """Send a request and wait for the final response's head. Uses up one reserved place.

        A final response that comes before the body is sent stops the body. A body that outlives
        the head goes on only where ``call.spawn`` can own it. ``body.aclose`` is not called here:
        whoever made the body closes it.

        Args:
            head: what is asked for.
            body: what goes with it.
            call: limits, host for messages, observer.

        Raises:
            InvalidRequestError: the request must not be sent; the connection is untouched.
            ServerDisconnectedError, ClientOSError, ClientConnectionResetError: the connection
                failed; their `unanswered` is set if not a byte of a response was seen.
            MalformedResponseError: what came is not HTTP.
            ServerTimeoutError: a limit of the call ran out.
            Exception: what the body's `next_chunk` raised.

        On any exception, cancellation included, the place is free again and, unless nothing had
        been sent, an HTTP/1.1 connection is aborted; an HTTP/2 stream is reset.
        """

    @abstractmethod
    def abort(self) -> None:
        """Close at once, synchronously, whatever is in flight."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close, politely where that takes no waiting for the peer. Bounded; never raises for
        what the network does.
        """
