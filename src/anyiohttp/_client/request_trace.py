"""One request, watched by the trace configurations of its session.

Knows: who listens, in which order, and what they have been told.
Must not know: how a request is carried out.
Called by: `session` makes one for each traced request; the pipeline and the layers below tell it
what happens. Below `_client` it is an `Observer` and nothing else; where nobody traces there is
none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from anyio import CancelScope, current_time
from multidict import CIMultiDict
from yarl import URL

from .._message.response import ClientResponse
from .._protocol.base import BodySource
from .logs import client_logger

if TYPE_CHECKING:
    # Whoever traces has loaded it; for all others it would take long.
    from .tracing import TraceConfig

__all__ = ("RequestTrace", "TracedBody")


#: Who is told of a cancellation may await; it may not hold the cancelled call for longer.
_LAST_WORD_SECONDS = 5.0


class RequestTrace:
    """Tells the listeners of a session what happens to one request (an `Observer`).

    Args:
        session: as the listeners know it.
        configs: who listens; each was frozen.
        context: ``trace_request_ctx`` of the request.
        headers: the user's own fields.

    Attributes:
        headers: the same; the listeners of the start may change them.
        method: of the present hop.
        url: of the present hop.
    """

    __slots__ = ("_configs", "_context", "_listeners", "_session", "headers", "method", "url")

    def __init__(
        self,
        session: object,
        configs: Sequence[TraceConfig],
        context: object,
        headers: CIMultiDict[str],
    ) -> None:
        self._session = session
        self._configs = tuple(configs)
        self._context = context
        self._listeners: list[tuple[TraceConfig, object]] = []
        self.headers = headers
        self.method = ""
        self.url = URL()

    async def start(self, method: str, url: URL, headers: CIMultiDict[str]) -> None:
        """Tell that the request begins.

        Args:
            method: of the request.
            url: of the request.
            headers: all fields; what listeners change of the user's own is changed here.

        Only who has heard this without raising is told anything else.
        """
        from .tracing import TraceRequestStartParams

        self.at_hop(method, url)
        own = self.headers
        automatic = [(name, value) for name, value in headers.items() if name not in own]
        before = own.copy()
        for config in self._configs:
            context = config.trace_config_ctx(trace_request_ctx=self._context)
            params = TraceRequestStartParams(method, url, own)
            await config.on_request_start.send(self._session, context, params)
            self._listeners.append((config, context))
        if own != before:
            headers.clear()
            headers.extend(own)
            headers.extend((name, value) for name, value in automatic if name not in own)

    def at_hop(self, method: str, url: URL, dropped: Sequence[str] = ()) -> None:
        """Note which hop the request is at, and which fields a redirect has dropped."""
        self.method, self.url = method, url
        for name in dropped:
            self.headers.popall(name, None)

    async def notify(self, event: str, /, **details: object) -> None:
        """Tell the listeners, in their order; the first that raises ends it."""
        params = None
        for config, context in self._listeners:
            signal = config.signal(event)
            if signal or not signal.frozen:
                params = params or signal.params(**details)
                await signal.send(self._session, context, params)

    async def redirected(self, response: ClientResponse) -> None:
        """Tell that the present hop was answered by a redirect."""
        await self._tell("request_redirect", response=response)

    async def ended(self, response: ClientResponse) -> None:
        """Tell that the response is there."""
        await self._tell("request_end", response=response)

    async def failed(self, exc: BaseException) -> None:
        """Tell that the request has failed (see `tell_failure`)."""
        about = {"method": self.method, "url": self.url, "headers": self.headers}
        await self.tell_failure("request_exception", exc, about)

    async def tell_failure(
        self, event: str, exc: BaseException, about: Mapping[str, object]
    ) -> None:
        """Tell that something has failed.

        What a listener raises takes the place of an error, as in aiohttp, but not that of a
        cancellation, from which listeners are shielded for a bounded time.
        """
        if isinstance(exc, Exception):
            await self.notify(event, exception=exc, **about)
        elif not isinstance(exc, GeneratorExit):  # then there is nobody to await anything
            with CancelScope(shield=True, deadline=current_time() + _LAST_WORD_SECONDS):
                try:
                    await self.notify(event, exception=exc, **about)
                except Exception:
                    client_logger().exception("a trace's on_%s failed", event)

    async def _tell(self, event: str, **what: object) -> None:
        await self.notify(event, method=self.method, url=self.url, headers=self.headers, **what)

    async def received(self, response: ClientResponse, body: bytes) -> None:
        """Tell that a body was read whole."""
        url = response.url.with_fragment(None)
        await self.notify("response_chunk_received", method=response.method, url=url, chunk=body)


class TracedBody:
    """A request body that tells of each chunk before it is sent (a `BodySource`).

    Args:
        body: the body.
        trace: is told.
        method: of the hop.
        url: of the hop.
    """

    def __init__(self, body: BodySource, trace: RequestTrace, method: str, url: URL) -> None:
        self._body = body
        self._trace = trace
        self._method = method
        self._url = url
        self._raised: Exception | None = None

    @property
    def size(self) -> int | None:
        """The body's size in bytes, if it is known."""
        return self._body.size

    async def next_chunk(self) -> bytes:
        """Return the body's next chunk, of which all listeners have heard."""
        chunk = await self._body.next_chunk()
        if chunk:
            try:
                await self._trace.notify(
                    "request_chunk_sent", method=self._method, url=self._url, chunk=chunk
                )
            except Exception as exc:
                self._raised = exc
                raise
        return chunk

    def raise_listeners_own(self, failure: BaseException) -> None:
        """Raise what a listener raised, if the body failed by that and not by itself."""
        if self._raised is not None and failure.__cause__ is self._raised:
            raise self._raised

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()
