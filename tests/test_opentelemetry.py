"""Spans and metrics of the OpenTelemetry extra, as the SDK exports them, on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from multidict import CIMultiDict
from yarl import URL

import anyiohttp
from anyiohttp import ClientSession
from anyiohttp.testing import MemoryNetwork, Peer, Request, Response

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from anyiohttp.opentelemetry import OpenTelemetry

pytestmark = pytest.mark.anyio

HOST = "origin.example"


class Telemetry:
    """The SDK with exporters in memory."""

    def __init__(self, **settings: Any) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(**settings)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader])

    def config(self, **options: Any) -> OpenTelemetry:
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def session(self, network: MemoryNetwork, **options: Any) -> ClientSession:
        config = self.config(**options)
        return ClientSession(connector=network.connector(), trace_configs=[config])

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
async def network(anyio_backend: object) -> AsyncIterator[MemoryNetwork]:
    async with MemoryNetwork() as network:
        network.serve(
            HOST,
            {
                "/": hello,
                "/missing": missing,
                "/go": lambda _: go("/"),
                "/away": lambda _: go("http://other.example/"),
            },
        )
        network.serve("other.example", hello)
        yield network


async def hello(request: Request) -> Response:
    await request.read()
    return Response(200, b"hello", headers=[("X-Saw", request.headers.get("traceparent", ""))])


async def missing(request: Request) -> Response:
    return Response(404, b"")


async def go(where: str) -> Response:
    return Response(302, b"", headers=[("Location", where)])


def traceparent(span: ReadableSpan) -> str:
    context = span.context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


# --- spans ---


async def test_a_span(network: MemoryNetwork, telemetry: Telemetry) -> None:
    async with (
        telemetry.session(network) as session,
        session.get(f"http://user:secret@{HOST}/?q=1#part") as response,
    ):
        assert await response.read() == b"hello"
        (span,) = telemetry.spans
        assert response.headers["X-Saw"] == traceparent(span)
    assert span.name == "GET"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is None
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "server.address": HOST,
        "server.port": 80,
        "url.full": f"http://{HOST}/?q=1#part",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }
    assert span.instrumentation_scope.name == "anyiohttp"
    assert span.instrumentation_scope.version == anyiohttp.__version__


async def test_the_parent_is_what_is_current(network: MemoryNetwork, telemetry: Telemetry) -> None:
    """Context variables belong to tasks, on trio as on asyncio."""
    tracer = telemetry.tracers.get_tracer("test")
    both = anyio.Event()
    waiting = 0

    async def ask(name: str) -> None:
        nonlocal waiting
        with tracer.start_as_current_span(name):
            waiting += 1
            if waiting == 2:
                both.set()
            await both.wait()
            async with session.get(f"http://{HOST}/?{name}") as response:
                await response.read()

    async with telemetry.session(network) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "one")
        tasks.start_soon(ask, "two")
    by_name = {span.name: span for span in telemetry.spans if span.name != "GET"}
    for span in telemetry.spans:
        if span.name == "GET":
            assert span.parent is not None
            parent = by_name[URL(str((span.attributes or {})["url.full"])).query_string]
            assert span.parent.span_id == parent.context.span_id
            assert span.context.trace_id == parent.context.trace_id


async def test_attempts_are_spans_of_their_own(
    network: MemoryNetwork, telemetry: Telemetry
) -> None:
    async with telemetry.session(network) as session, session.get(f"http://{HOST}/away") as last:
        first, second = telemetry.spans
        assert last.headers["X-Saw"] == traceparent(second)
    assert first.attributes is not None
    assert second.attributes is not None
    assert first.attributes["http.response.status_code"] == 302
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert second.attributes["server.address"] == "other.example"
    assert second.attributes["url.full"] == "http://other.example/"


async def test_what_is_sent_again(network: MemoryNetwork, telemetry: Telemetry) -> None:
    """A kept connection that turns out to be dead makes one more attempt."""

    async def once(peer: Peer) -> None:
        await peer.receive_head()
        await peer.answer(b"once")
        if peer.number == 0:
            await peer.receive_head()

    network.listen("once.example", 80, once)
    async with telemetry.session(network) as session:
        for _ in range(2):
            async with session.get("http://once.example/") as response:
                await response.read()
    _, failed, again = [dict(span.attributes or {}) for span in telemetry.spans]
    assert failed["error.type"] == "anyiohttp.exceptions.ServerDisconnectedError"
    assert "http.response.status_code" not in failed
    assert again["http.request.resend_count"] == 1
    assert again["http.response.status_code"] == 200


async def test_attempts_of_a_middleware_at_the_same_time(
    network: MemoryNetwork, telemetry: Telemetry
) -> None:
    async def hedge(
        request: anyiohttp.ClientRequest, handle: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        got: list[anyiohttp.ClientResponse] = []

        async def attempt() -> None:
            got.append(await handle(request.copy()))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(attempt)
        for response in got[1:]:
            response.close()
        return got[0]

    async with (
        telemetry.session(network) as session,
        session.get(f"http://{HOST}/", middlewares=(hedge,)) as response,
    ):
        await response.read()
    assert [span.name for span in telemetry.spans] == ["GET"] * 3
    found = [dict(span.attributes or {}) for span in telemetry.spans]
    assert sorted(span.get("http.request.resend_count", 0) for span in found) == [0, 1, 2]


async def test_errors(network: MemoryNetwork, telemetry: Telemetry) -> None:
    async with telemetry.session(network) as session:
        async with session.get(f"http://{HOST}/missing"):
            pass
        with pytest.raises(anyiohttp.ClientConnectorDNSError):
            await session.get("http://absent.example/?token=secret")
        network.listen("silent.example", 80, Peer.stall)
        with pytest.raises(anyiohttp.ServerTimeoutError):
            await session.get("http://silent.example/", timeout=0.01)
        refused, unknown, late = telemetry.spans
    assert refused.attributes is not None
    assert refused.attributes["error.type"] == "404"
    assert refused.attributes["http.response.status_code"] == 404
    assert (refused.status.status_code, refused.status.description) == (StatusCode.ERROR, None)
    assert unknown.attributes is not None
    assert unknown.attributes["error.type"] == "anyiohttp.exceptions.ClientConnectorDNSError"
    assert unknown.status.status_code is StatusCode.ERROR
    assert "absent.example:80" in (unknown.status.description or "")
    assert "secret" not in (unknown.status.description or "")
    assert late.attributes is not None
    assert late.attributes["error.type"] == "anyiohttp.exceptions.ServerTimeoutError"


async def test_a_cancelled_request_ends_its_span(
    network: MemoryNetwork, telemetry: Telemetry
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.receive_head()
        scope.cancel()
        await peer.stall()

    network.listen("silent.example", 80, silent)
    async with telemetry.session(network) as session:
        with anyio.CancelScope() as scope:
            await session.get("http://silent.example/")
    (span,) = telemetry.spans
    assert (span.attributes or {})["error.type"] in (
        "asyncio.exceptions.CancelledError",
        "trio.Cancelled",
    )
    assert span.status.status_code is StatusCode.ERROR


async def test_methods(
    network: MemoryNetwork, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with telemetry.session(network) as session:
        async with session.request("purge", f"http://{HOST}/"):
            pass
        monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET, PURGE")
        known = telemetry.session(network)
        async with known, known.request("purge", f"http://{HOST}/"):
            pass
    other, purge = telemetry.spans
    assert other.name == "HTTP"
    assert other.attributes is not None
    assert other.attributes["http.request.method"] == "_OTHER"
    assert other.attributes["http.request.method_original"] == "PURGE"
    assert purge.name == "PURGE"
    assert "http.request.method_original" not in (purge.attributes or {})


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("?a=1&b=%20&c", "?a=1&b=%20&c"),
        ("?sig=abc&a=1", "?sig=REDACTED&a=1"),
        ("?a=1&X-Amz-Signature=abc%3D=#f", "?a=1&X-Amz-Signature=REDACTED#f"),
        ("?s%69g=abc", "?sig=REDACTED"),
        (
            "?AWSAccessKeyId=a&Signature=b&Signature=c",
            "?AWSAccessKeyId=REDACTED" + "&Signature=REDACTED" * 2,
        ),
        ("?SIG=abc&sig", "?SIG=abc&sig"),
        ("?sig=a%23b#sig=kept", "?sig=REDACTED#sig=kept"),
    ],
)
async def test_queries(
    network: MemoryNetwork, telemetry: Telemetry, query: str, shown: str
) -> None:
    async with telemetry.session(network) as session, session.get(f"http://{HOST}/{query}"):
        pass
    (span,) = telemetry.spans
    assert (span.attributes or {})["url.full"] == f"http://{HOST}/{shown}"


async def test_other_sensitive_parameters(network: MemoryNetwork, telemetry: Telemetry) -> None:
    async with (
        telemetry.session(network, sensitive_query_parameters=["token"]) as session,
        session.get(f"http://{HOST}/?token=x&sig=y"),
    ):
        pass
    (span,) = telemetry.spans
    assert (span.attributes or {})["url.full"] == f"http://{HOST}/?token=REDACTED&sig=y"


async def test_what_is_not_sampled_is_propagated(network: MemoryNetwork) -> None:
    telemetry = Telemetry(sampler=ALWAYS_OFF)
    async with telemetry.session(network) as session, session.get(f"http://{HOST}/") as response:
        flags = response.headers["X-Saw"].rpartition("-")[2]
        assert not int(flags, 16) & 1
    assert telemetry.spans == []
    assert telemetry.points("http.client.request.duration")


async def test_a_propagator_of_ones_own(network: MemoryNetwork, telemetry: Telemetry) -> None:
    from opentelemetry.propagators.composite import CompositePropagator

    async with (
        telemetry.session(network, propagator=CompositePropagator([])) as session,
        session.get(f"http://{HOST}/") as response,
    ):
        assert response.headers["X-Saw"] == ""


# --- metrics ---


async def test_durations(network: MemoryNetwork, telemetry: Telemetry) -> None:
    async with telemetry.session(network) as session:
        for path in ("", "", "missing"):
            async with session.get(f"http://{HOST}/{path}") as response:
                await response.read()
        with pytest.raises(anyiohttp.ClientError):
            await session.post("http://absent.example/", data=b"x")
    points = {
        point.attributes.get("error.type", ""): point
        for point in telemetry.points("http.client.request.duration")
    }
    ok, refused, failed = (
        points[""],
        points["404"],
        points["anyiohttp.exceptions.ClientConnectorDNSError"],
    )
    assert (ok.count, refused.count, failed.count) == (2, 1, 1)
    assert dict(ok.attributes) == {
        "http.request.method": "GET",
        "server.address": HOST,
        "server.port": 80,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }
    assert dict(failed.attributes) == {
        "http.request.method": "POST",
        "server.address": "absent.example",
        "server.port": 80,
        "error.type": "anyiohttp.exceptions.ClientConnectorDNSError",
    }
    assert ok.explicit_bounds == (
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    )  # fmt: skip
    assert 0 < ok.sum < 10
    assert telemetry.points("http.client.request.body.size") == []


async def test_body_sizes(network: MemoryNetwork, telemetry: Telemetry) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"defg"

    async with telemetry.session(network, body_sizes=True) as session:
        async with session.post(f"http://{HOST}/", data=pieces()) as response:
            await response.read()
        async with session.head(f"http://{HOST}/"):
            pass
    (sent,) = telemetry.points("http.client.request.body.size")
    assert (sent.count, sent.sum) == (1, 7)
    received = telemetry.points("http.client.response.body.size")
    assert sorted(point.sum for point in received) == [0, 5]
    post, head = [dict(span.attributes or {}) for span in telemetry.spans]
    assert (post["http.request.body.size"], post["http.response.body.size"]) == (7, 5)
    assert "http.request.body.size" not in head


# --- with others ---


async def test_beside_other_configurations(network: MemoryNetwork, telemetry: Telemetry) -> None:
    """Fields that others change go out, and one's own fields stay."""
    other = anyiohttp.TraceConfig()

    @other.on_attempt_start
    async def change(
        session: ClientSession, context: object, params: anyiohttp.TraceAttemptStartParams
    ) -> None:
        params.headers["X-Attempt"] = "yes"

    configs: list[anyiohttp.TraceConfig] = [telemetry.config(), other]
    sent: CIMultiDict[str] = CIMultiDict()
    async with (
        ClientSession(connector=network.connector(), trace_configs=configs) as session,
        session.get(f"http://{HOST}/go", headers={"X-Own": "1"}) as response,
    ):
        sent.update(response.request_info.headers)
    assert sent["X-Attempt"] == "yes"
    assert sent["X-Own"] == "1"
    assert len(sent.getall("traceparent")) == 1
