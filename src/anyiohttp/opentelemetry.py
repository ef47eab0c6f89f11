"""OpenTelemetry: spans and metrics of a session's requests; needs the extra ``opentelemetry``.

::

    from anyiohttp.opentelemetry import OpenTelemetry

    session = anyiohttp.ClientSession(trace_configs=[OpenTelemetry()])

It follows the stable semantic conventions for HTTP clients. Each attempt to get a response is a
span of kind CLIENT: a hop of a redirect chain, an answer to a challenge, a request that is sent
again. A span begins before a connection is acquired and ends when the response's head is there. Its
parent is the span that is current where the request is made; its context travels in the attempt's
header fields.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import Final

from multidict import CIMultiDict
from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import Histogram, MeterProvider
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from yarl import URL

from . import (
    ClientConnectionError,
    ClientPayloadError,
    ClientResponse,
    TraceAttemptEndParams,
    TraceAttemptExceptionParams,
    TraceAttemptStartParams,
    TraceConfig,
    TraceRequestChunkSentParams,
    __version__,
)

__all__ = ("SENSITIVE_QUERY_PARAMETERS", "OpenTelemetry")

#: The values of these are never shown in ``url.full``.
SENSITIVE_QUERY_PARAMETERS: Final = frozenset(
    {
        "AWSAccessKeyId",
        "Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Goog-Signature",
        "sig",
    }
)

_SCHEMA = "https://opentelemetry.io/schemas/1.30.0"
_KNOWN_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
#: The conventions' advice for durations, in seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

_Attributes = dict[str, str | int]


class _HeaderSetter(Setter[CIMultiDict[str]]):
    """Writes a propagator's fields, over those of an attempt before."""

    def set(self, carrier: CIMultiDict[str], key: str, value: str) -> None:
        carrier[key] = value


_SETTER = _HeaderSetter()


@dataclass(slots=True)
class _Attempt:
    """A span under way, and what its measurements will say."""

    span: Span
    begun: float
    shared: _Attributes


class _Attempts(SimpleNamespace):
    """What is known of one request of a session (the listeners' context)."""

    def __init__(self, trace_request_ctx: object = None) -> None:
        super().__init__(trace_request_ctx=trace_request_ctx)
        self.count = 0
        self.sent = 0
        # By the fields that the attempt is made with: a middleware may make several at a time.
        self.under_way: dict[int, _Attempt] = {}


class OpenTelemetry(TraceConfig):
    """Makes spans and metrics of a session's requests.

    Args:
        tracer_provider: makes the spans; the global one by default.
        meter_provider: makes the metrics; the global one by default.
        propagator: puts the span's context into the header fields; the global one by default.
        body_sizes: whether sizes of bodies are measured as well (``http.client.request.body.size``
            and ``http.client.response.body.size``, as far as a Content-Length says it).
        sensitive_query_parameters: whose values are replaced by ``REDACTED`` in ``url.full``.

    Credentials are never in a URL that it sees. Header fields are not recorded.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagator: TextMapPropagator | None = None,
        body_sizes: bool = False,
        sensitive_query_parameters: Collection[str] = SENSITIVE_QUERY_PARAMETERS,
    ) -> None:
        super().__init__(_Attempts)
        self._tracer = trace.get_tracer("anyiohttp", __version__, tracer_provider, _SCHEMA)
        meter = metrics.get_meter("anyiohttp", __version__, meter_provider, _SCHEMA)
        self._propagator = propagator
        self._sensitive = frozenset(sensitive_query_parameters)
        known = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") or _KNOWN_METHODS
        self._methods = frozenset(name.strip() for name in known.split(","))
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._sizes: tuple[Histogram, Histogram] | None = None
        if body_sizes:
            self._sizes = (
                meter.create_histogram(
                    "http.client.request.body.size", "By", "Size of HTTP client request bodies."
                ),
                meter.create_histogram(
                    "http.client.response.body.size", "By", "Size of HTTP client response bodies."
                ),
            )
            self.on_request_chunk_sent.append(self._sent)
        self.on_attempt_start.append(self._begin)
        self.on_attempt_end.append(self._answered)
        self.on_attempt_exception.append(self._failed)

    # --- what happens ---

    async def _begin(
        self, session: object, attempts: _Attempts, params: TraceAttemptStartParams
    ) -> None:
        url = params.url
        method = params.method if params.method in self._methods else "_OTHER"
        shared: _Attributes = {"http.request.method": method, "server.address": url.host or ""}
        if url.port is not None:
            shared["server.port"] = url.port
        attributes = {**shared, "url.full": _redacted(url, self._sensitive)}
        if method != params.method:
            attributes["http.request.method_original"] = params.method
        if attempts.count:
            attributes["http.request.resend_count"] = attempts.count
        attempts.count += 1
        attempts.sent = 0
        name = "HTTP" if method == "_OTHER" else method
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        attempts.under_way[id(params.headers)] = _Attempt(span, perf_counter(), shared)
        propagator = self._propagator or propagate.get_global_textmap()
        propagator.inject(params.headers, trace.set_span_in_context(span), _SETTER)

    async def _sent(
        self, session: object, attempts: _Attempts, params: TraceRequestChunkSentParams
    ) -> None:
        attempts.sent += len(params.chunk)

    async def _answered(
        self, session: object, attempts: _Attempts, params: TraceAttemptEndParams
    ) -> None:
        attempt = attempts.under_way.pop(id(params.headers), None)
        if attempt is None:
            return
        response = params.response
        major, minor = response.version
        found: _Attributes = {
            "http.response.status_code": response.status,
            "network.protocol.version": f"{major}.{minor}" if major < 2 else f"{major}",
        }
        if response.status >= 400:
            found["error.type"] = str(response.status)
            attempt.span.set_status(Status(StatusCode.ERROR))
        self._end(attempt, found, attempts.sent, _size_of(response))

    async def _failed(
        self, session: object, attempts: _Attempts, params: TraceAttemptExceptionParams
    ) -> None:
        attempt = attempts.under_way.pop(id(params.headers), None)
        if attempt is None:
            return
        exc = params.exception
        kind = type(exc)
        found: _Attributes = {
            "error.type": kind.__qualname__
            if kind.__module__ == "builtins"
            else f"{kind.__module__}.{kind.__qualname__}"
        }
        attempt.span.set_status(Status(StatusCode.ERROR, _description(exc)))
        self._end(attempt, found, attempts.sent, None)

    def _end(self, attempt: _Attempt, found: _Attributes, sent: int, received: int | None) -> None:
        seconds = perf_counter() - attempt.begun
        measured = attempt.shared | found
        # The measurements know of their span, by which a backend finds an example.
        context = trace.set_span_in_context(attempt.span)
        self._duration.record(seconds, measured, context)
        if self._sizes is not None:
            of_requests, of_responses = self._sizes
            if sent:
                of_requests.record(sent, measured, context)
                attempt.span.set_attribute("http.request.body.size", sent)
            if received is not None:
                of_responses.record(received, measured, context)
                attempt.span.set_attribute("http.response.body.size", received)
        attempt.span.set_attributes(found)
        attempt.span.end()


def _redacted(url: URL, sensitive: Collection[str]) -> str:
    """Return a URL with the values of sensitive parameters replaced, and all else as it is."""
    query = url.raw_query_string
    parts = query.split("&")
    shown = [
        f"{name}=REDACTED" if equals and _decoded(name) in sensitive else part
        for part in parts
        for name, equals, _ in [part.partition("=")]
    ]
    if shown == parts:
        return str(url)
    before, _, after = str(url).partition("?")
    fragment = after.partition("#")
    return f"{before}?{'&'.join(shown)}{''.join(fragment[1:])}"


def _decoded(name: str) -> str:
    return next(iter(URL.build(query_string=name, encoded=True).query), name)


def _description(exc: BaseException) -> str | None:
    """Return what can be shown of an error: what it says, if that names a host and no more."""
    return str(exc) if isinstance(exc, ClientConnectionError | ClientPayloadError) else None


def _size_of(response: ClientResponse) -> int | None:
    """Return the size of a response's body on the wire, if its head says it."""
    if response.method == "HEAD" or response.status in (204, 304):
        return 0
    return response.content_length
