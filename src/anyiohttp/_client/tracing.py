"""`TraceConfig`: what can be known of a request on its way, and what each event tells.

Knows: the events' names and parameters: aiohttp's, and three of attempts, which it has not.
Must not know: when they happen.
Called by: users make configurations; `request_trace` sends their signals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from .._message.response import ClientResponse
from .signals import EventSignal

__all__ = (
    "TraceAttemptEndParams",
    "TraceAttemptExceptionParams",
    "TraceAttemptStartParams",
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
)


@dataclass(frozen=True, slots=True)
class TraceRequestStartParams:
    """A request begins.

    Args:
        method: as it will be sent.
        url: with its query and fragment, without credentials.
        headers: the user's own fields; what is changed here is sent.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceRequestEndParams:
    """The response is there, and goes to the caller.

    Args:
        method: of the last hop.
        url: of the last hop.
        headers: the user's own fields, as `TraceRequestStartParams` showed them.
        response: its body has not been read.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestExceptionParams:
    """The request failed, or was cancelled.

    Args:
        method: of the last hop.
        url: of the last hop.
        headers: the user's own fields.
        exception: what the caller gets.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    exception: BaseException


@dataclass(frozen=True, slots=True)
class TraceRequestRedirectParams:
    """A response redirects, and redirects are followed.

    Args:
        method: of the hop that ends.
        url: of the hop that ends.
        headers: the user's own fields, before any are dropped for the next hop.
        response: the one that redirects.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestHeadersSentParams:
    """A hop's head is about to be sent on its connection.

    Args:
        method: of the hop.
        url: of the hop, without its fragment.
        headers: all fields.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceRequestChunkSentParams:
    """A piece of the body is about to be sent.

    Args:
        method: of the hop.
        url: of the hop, without its fragment.
        chunk: as it goes out, but for the transfer's framing: inside its content coding.
    """

    method: str
    url: URL
    chunk: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceResponseChunkReceivedParams:
    """The whole body was read by ``response.read()`` or what uses it, such as ``json()``.

    Args:
        method: of the request that was answered.
        url: of the request that was answered, without its fragment.
        chunk: the body.
    """

    method: str
    url: URL
    chunk: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceAttemptStartParams:
    """An attempt to get a response begins; anyiohttp's own event.

    Each hop of a redirect chain, each answer to a challenge, each request that is sent again is an
    attempt of its own. Getting a connection is part of it.

    Args:
        method: of the attempt.
        url: of the attempt.
        headers: all fields but those of the protocol's own; what is changed here is sent.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TraceAttemptEndParams:
    """An attempt has its response, whatever becomes of it; anyiohttp's own event.

    Args:
        method: of the attempt.
        url: of the attempt.
        headers: the same object as at the start.
        response: its body has not been read.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceAttemptExceptionParams:
    """An attempt failed, or was cancelled; anyiohttp's own event.

    Args:
        method: of the attempt.
        url: of the attempt.
        headers: the same object as at the start.
        exception: why.
    """

    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    exception: BaseException


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedStartParams:
    """All connections that there may be are in use: the call waits."""


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedEndParams:
    """The wait is over."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateStartParams:
    """A connection is about to be made."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateEndParams:
    """The connection was made."""


@dataclass(frozen=True, slots=True)
class TraceConnectionReuseconnParams:
    """A kept connection will carry the request."""


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostStartParams:
    """The resolver is about to be asked.

    Args:
        host: for whose addresses.
    """

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostEndParams:
    """The resolver has answered.

    Args:
        host: for whose addresses it was asked.
    """

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheHitParams:
    """The addresses are known, or somebody else is asking for them right now.

    Args:
        host: whose.
    """

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheMissParams:
    """The addresses are not known.

    Args:
        host: whose.
    """

    host: str


class TraceConfig:
    """Functions that are told of what happens to each request of a session.

    Append ``async`` functions of (session, context, params) to the signals, then give the
    configuration to ``ClientSession(trace_configs=[…])``, which freezes it. One configuration may
    serve any number of sessions. A function runs where the event happens and holds the request up;
    what it raises fails the request.

    Args:
        trace_config_ctx_factory: makes the context that the functions share for one request; called
            with ``trace_request_ctx=``, what the request was given under that name.
    """

    def __init__(
        self, trace_config_ctx_factory: Callable[..., SimpleNamespace] = SimpleNamespace
    ) -> None:
        self._make_context = trace_config_ctx_factory
        self.on_request_start: Final = EventSignal(self, TraceRequestStartParams)
        self.on_request_chunk_sent: Final = EventSignal(self, TraceRequestChunkSentParams)
        self.on_response_chunk_received: Final = EventSignal(self, TraceResponseChunkReceivedParams)
        self.on_request_end: Final = EventSignal(self, TraceRequestEndParams)
        self.on_request_exception: Final = EventSignal(self, TraceRequestExceptionParams)
        self.on_request_redirect: Final = EventSignal(self, TraceRequestRedirectParams)
        self.on_connection_queued_start: Final = EventSignal(self, TraceConnectionQueuedStartParams)
        self.on_connection_queued_end: Final = EventSignal(self, TraceConnectionQueuedEndParams)
        self.on_connection_create_start: Final = EventSignal(self, TraceConnectionCreateStartParams)
        self.on_connection_create_end: Final = EventSignal(self, TraceConnectionCreateEndParams)
        self.on_connection_reuseconn: Final = EventSignal(self, TraceConnectionReuseconnParams)
        self.on_dns_resolvehost_start: Final = EventSignal(self, TraceDnsResolveHostStartParams)
        self.on_dns_resolvehost_end: Final = EventSignal(self, TraceDnsResolveHostEndParams)
        self.on_dns_cache_hit: Final = EventSignal(self, TraceDnsCacheHitParams)
        self.on_dns_cache_miss: Final = EventSignal(self, TraceDnsCacheMissParams)
        self.on_request_headers_sent: Final = EventSignal(self, TraceRequestHeadersSentParams)
        self.on_attempt_start: Final = EventSignal(self, TraceAttemptStartParams)
        self.on_attempt_end: Final = EventSignal(self, TraceAttemptEndParams)
        self.on_attempt_exception: Final = EventSignal(self, TraceAttemptExceptionParams)

    def trace_config_ctx(self, trace_request_ctx: object = None) -> SimpleNamespace:
        """Return a new context for one request."""
        return self._make_context(trace_request_ctx=trace_request_ctx)

    def signal(self, event: str) -> EventSignal[object]:
        """Return the signal of an event, by its name in `signals`."""
        signal: EventSignal[object] = getattr(self, f"on_{event}")
        return signal

    @property
    def signals(self) -> dict[str, EventSignal[Any]]:
        """All of them, by their events' names: their own without ``on_``."""
        return {
            name.removeprefix("on_"): value
            for name, value in vars(self).items()
            if isinstance(value, EventSignal)
        }

    def freeze(self) -> None:
        """Close all signals; done by the session that gets the configuration."""
        for signal in self.signals.values():
            signal.freeze()
