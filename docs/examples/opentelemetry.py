"""Spans of requests, exported into memory."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import anyiohttp
from anyiohttp.opentelemetry import OpenTelemetry


async def main(url: str) -> None:
    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    # --8<-- [start:opentelemetry]
    config = OpenTelemetry(tracer_provider=tracers)  # by default the global providers
    async with anyiohttp.ClientSession(trace_configs=[config]) as session:
        async with session.get(f"{url}/get?sig=secret") as response:
            assert response.status == 200
    # --8<-- [end:opentelemetry]
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.name == "GET"
    assert span.attributes["url.full"] == f"{url}/get?sig=REDACTED"
    assert span.attributes["http.response.status_code"] == 200
