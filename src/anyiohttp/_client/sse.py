"""Server-sent events: a request whose answer never ends, made again when it does (WHATWG HTML 9.2).

Knows: what a request for events says, which answers are event streams, when to reconnect.
Must not know: lines and fields (``_message.event_stream``), how requests are made.
Called by: `conversing`; users iterate over what it gives.

There is no hidden task: whoever asks for the next event reads, waits and reconnects meanwhile. The
block of ``async with session.sse(…)`` owns the connection.

Cancellation: a cancelled `EventSource.__anext__` has lost no event that had come, but the
connection; the next one reconnects at once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, TypeVar, Unpack

import anyio
from multidict import CIMultiDict

from .._message.event_stream import EventStreamParser, ServerSentEvent
from .._message.response import ClientResponse
from .._net.deadlines import ClientTimeout
from ..exceptions import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientPayloadError,
    EventSourceError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
)
from ..typedefs import StrOrURL
from .contexts import RequestContext
from .options import timeout_from
from .request import RequestKwargs
from .unset import UNSET
from .urls import shown

__all__ = ("EventSource", "Reconnecting", "SSEKwargs")

Self = TypeVar("Self", bound="EventSource")

#: What a connection may fail with and be made anew. Nobody becomes trustworthy by waiting.
_LOST = (ClientConnectionError, ClientPayloadError)
_FOR_GOOD = (ClientConnectorCertificateError, ServerFingerprintMismatch)


class SSEKwargs(RequestKwargs, total=False):
    """The options of ``session.sse``: those of a request, and its own."""

    method: str
    last_event_id: str
    max_reconnects: int | None
    reconnect_delay: float
    max_reconnect_delay: float
    max_event_size: int


class Requester(Protocol):
    """Who makes the requests: the session."""

    @property
    def timeout(self) -> ClientTimeout:
        """The limits of requests that set none of their own."""
        ...

    def request(
        self, method: str, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a request (`ClientSession.request`)."""
        ...


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """How often, and after how long, a connection is made anew. Pure.

    Args:
        most: attempts in a row without an event; ``None`` for any number.
        delay: seconds before the first, unless the server says ``retry``.
        longest: seconds before any.
    """

    most: int | None
    delay: float
    longest: float

    def wait_before(self, attempt: int, retry: int | None, chance: float) -> float:
        """Return how many seconds to wait before an attempt.

        Each waits twice as long as the one before it, and a little longer, so that the clients of a
        server that comes back do not all come at once.

        Args:
            attempt: in a row, from 1.
            retry: what the server has said, in milliseconds.
            chance: from 0 to 1.
        """
        first = self.delay if retry is None else retry / 1000
        if attempt > 1:
            first = max(first, _SHORTEST_REPEATED) * 2.0 ** min(attempt - 1, 30)
            first *= 1 + chance / 4
        return min(first, self.longest)


#: Where the server says not to wait, or as good as, a second attempt does.
_SHORTEST_REPEATED = 0.1


class EventSource:
    """The events of a URL; made by ``session.sse``.

    It is entered with ``async with``, which connects, and gives events to one task as ``async
    for``. It reconnects when the connection ends or fails, and tells the server the id of the last
    event. Iteration ends when the server says 204, when it has been closed, and when the server
    has ended the stream as often in a row as is allowed.

    Args:
        session: makes the requests.
        url: of the events.
        kwargs: see ``session.sse``.
    """

    def __init__(self, session: Requester, url: StrOrURL, kwargs: SSEKwargs) -> None:
        options: dict[str, Any] = dict(kwargs)
        self._request: Callable[..., RequestContext[ClientResponse]] = session.request
        self._url = url
        self._method: str = options.pop("method", "GET")
        most = options.pop("max_reconnects", 5 if self._method.upper() in ("GET", "HEAD") else 0)
        self._reconnecting = Reconnecting(
            most, options.pop("reconnect_delay", 3.0), options.pop("max_reconnect_delay", 60.0)
        )
        self._max_event_size: int = options.pop("max_event_size", 1024 * 1024)
        self._last_event_id: str = options.pop("last_event_id", "")
        timeout = options.pop("timeout", UNSET)
        self._timeout = session.timeout if timeout is UNSET else timeout_from(timeout)
        self._headers = CIMultiDict(options.pop("headers", None) or ())
        self._headers.setdefault("Accept", "text/event-stream")
        self._headers.setdefault("Cache-Control", "no-store")
        options.setdefault("max_body_size", None)
        self._options = options
        self._parser: EventStreamParser | None = None
        self._retry: int | None = None
        self._events: deque[ServerSentEvent] = deque()
        self._response: ClientResponse | None = None
        self._attempts = 0
        self._due = 0.0
        self._waiting = False
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._response else "not connected"
        return f"<EventSource {state}>"

    @property
    def last_event_id(self) -> str:
        """The id that is sent when reconnecting; empty if no event had one."""
        return self._last_event_id

    @property
    def response(self) -> ClientResponse | None:
        """The answer that the events come from now; ``None`` if there is none."""
        return self._response

    @property
    def closed(self) -> bool:
        """Whether there will be no more events, except those that have come."""
        return self._closed

    def close(self) -> None:
        """Give the connection up; safe to call again."""
        self._closed = True
        self._drop()

    async def __aenter__(self: Self) -> Self:
        """Connect.

        Raises:
            EventSourceError: the answer is no event stream.

        Raises also as ``session.request``; cancellation leaves nothing behind.
        """
        if self._closed or self._response is not None:
            raise RuntimeError("an EventSource is entered once")
        try:
            await self._connect()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self: Self) -> Self:
        return self

    async def __anext__(self) -> ServerSentEvent:
        """Return the next event.

        Raises:
            ClientConnectionError, ClientPayloadError: the connection failed as often as allowed.
            EventSourceError: the answer to reconnecting is no event stream.
            BodyTooLargeError: an event is larger than ``max_event_size``.
            RuntimeError: another task is waiting for it.

        After any of them there are no more events. Cancelled, it has lost no event; the next one
        reconnects at once.
        """
        if self._waiting:
            raise RuntimeError("one task at a time waits for events")
        self._waiting = True
        try:
            while not self._events:
                if self._closed:
                    raise StopAsyncIteration
                if self._response is None:
                    await self._reconnect()
                else:
                    await self._read(self._response)
        except Exception:
            self.close()
            raise
        finally:
            self._waiting = False
        return self._events.popleft()

    # --- one connection ---

    async def _read(self, response: ClientResponse) -> None:
        """Wait for more of the stream, or for its end."""
        try:
            data = await response.content.readany()
        except _LOST as exc:
            self._lose(exc)
            return
        except BaseException:
            self._due = anyio.current_time()  # it was not the server's doing
            self._drop()
            raise
        parser = self._parser
        if not data or parser is None:
            self._lose(None)
            return
        events = parser.feed(data)
        self._last_event_id = parser.last_event_id
        if parser.retry is not None:
            self._retry = parser.retry
        if events:
            self._attempts = 0
            self._events.extend(events)

    def _lose(self, failure: Exception | None) -> None:
        """The connection has ended or failed: there will be another, or this was the last one."""
        self._drop()
        reconnecting = self._reconnecting
        if reconnecting.most is not None and self._attempts >= reconnecting.most:
            self._closed = True
            if failure is not None:
                raise failure
            return
        self._attempts += 1
        chance = random.random()  # noqa: S311 - no secret
        wait = reconnecting.wait_before(self._attempts, self._retry, chance)
        self._due = anyio.current_time() + wait

    def _drop(self) -> None:
        response, self._response = self._response, None
        self._parser = None
        if response is not None:
            response.close()

    async def _reconnect(self) -> None:
        """Wait until it is time, and connect; cancelled, it can be done again."""
        await anyio.sleep_until(self._due)
        try:
            await self._connect()
        except _FOR_GOOD:
            raise
        except _LOST as exc:
            self._lose(exc)

    async def _connect(self) -> None:
        """Make the request and look at the answer's head."""
        headers = self._headers.copy()
        if self._last_event_id:
            headers["Last-Event-ID"] = self._last_event_id
        # The limit of the whole call is that of the answer's head: the body has no end.
        timeout = replace(self._timeout, total=None)
        call = self._request(
            self._method, self._url, headers=headers, timeout=timeout, **self._options
        )
        response = await self._within_total(call)
        try:
            if response.status == 204:
                self.close()
                response.close()
                return
            _check(response)
        except BaseException:
            response.close()
            raise
        self._parser = EventStreamParser(self._last_event_id, max_event_size=self._max_event_size)
        self._response = response

    async def _within_total(self, call: RequestContext[ClientResponse]) -> ClientResponse:
        seconds = self._timeout.total
        if not seconds:
            return await call
        with anyio.move_on_after(seconds):
            return await call
        raise ServerTimeoutError(
            f"Timeout of {seconds:g} s (total) while waiting for the events of {shown(self._url)}",
            phase="total",
            seconds=seconds,
        )


def _check(response: ClientResponse) -> None:
    """Refuse what is no event stream."""
    if response.status != 200:
        message = f"the status of an event stream is 200, not {response.status}"
    elif response.content_type != "text/event-stream":
        message = f"Content-Type is {response.content_type}, not text/event-stream"
    else:
        return
    raise EventSourceError(
        response.request_info,
        response.history,
        status=response.status,
        message=message,
        headers=response.headers,
    )
