"""Which signals fire, in which order, and what they tell."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage

SIGNALS = (
    "request_start",
    "request_chunk_sent",
    "response_chunk_received",
    "request_end",
    "request_exception",
    "request_redirect",
    "connection_queued_start",
    "connection_queued_end",
    "connection_create_start",
    "connection_create_end",
    "connection_reuseconn",
    "dns_resolvehost_start",
    "dns_resolvehost_end",
    "dns_cache_hit",
    "dns_cache_miss",
    "request_headers_sent",
)


def config(aiohttp: Any, stage: Stage, name: str = "") -> Any:
    """Return a TraceConfig that notes every signal in its turn."""
    traced = aiohttp.TraceConfig()
    fired: list[str] = []

    def noting(signal: str) -> Any:
        async def note(session: Any, context: Any, params: Any) -> None:
            fired.append(signal)
            label = f"{name}{len(fired)} {signal}"
            stage.saw(label, type(params).__name__)
            for attribute in ("method", "url", "host"):
                if hasattr(params, attribute):
                    stage.saw(f"{label} {attribute}", getattr(params, attribute))
            if hasattr(params, "chunk"):
                size = len(params.chunk)  # of an answer it is what the library says of itself, too
                stage.saw(f"{label} size", size if signal == "request_chunk_sent" else size > 0)
            if hasattr(params, "response"):
                stage.saw(f"{label} status", params.response.status)
            if hasattr(params, "exception"):
                stage.saw(f"{label} exception", isinstance(params.exception, aiohttp.ClientError))

        return note

    for signal in SIGNALS:
        getattr(traced, f"on_{signal}").append(noting(signal))
    return traced


@scenario
async def a_request(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(trace_configs=[config(aiohttp, stage)]) as session:
        async with session.get(stage.url / "json") as response:
            await response.read()


@scenario
async def a_request_by_name(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector(family=socket.AF_INET, force_close=True)
    configs = [config(aiohttp, stage)]
    async with aiohttp.ClientSession(connector=connector, trace_configs=configs) as session:
        for _ in range(2):
            async with session.get(stage.local / "get") as response:
                await response.read()


@scenario
async def a_name_without_a_cache(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector(family=socket.AF_INET, use_dns_cache=False)
    configs = [config(aiohttp, stage)]
    async with aiohttp.ClientSession(connector=connector, trace_configs=configs) as session:
        async with session.get(stage.local / "get") as response:
            await response.read()


@scenario
async def a_kept_connection(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(trace_configs=[config(aiohttp, stage)]) as session:
        for _ in range(2):
            async with session.get(stage.url / "get") as response:
                await response.read()


@scenario
async def an_upload(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(trace_configs=[config(aiohttp, stage)]) as session:
        async with session.post(stage.url / "upload", data=b"x" * 1000) as response:
            await response.read()


@scenario
async def a_redirect(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(trace_configs=[config(aiohttp, stage)]) as session:
        async with session.get(stage.url / "redirect" / "2") as response:
            await response.read()


@scenario
async def nobody_there(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(trace_configs=[config(aiohttp, stage)]) as session:
        await stage.fails("refused", session.get(f"http://127.0.0.1:{stage.free_port()}/"))


@scenario
async def a_status_that_is_an_error(aiohttp: Any, stage: Stage) -> None:
    configs = [config(aiohttp, stage)]
    async with aiohttp.ClientSession(trace_configs=configs, raise_for_status=True) as session:
        await stage.fails("404", session.get(stage.url / "status" / "404"))


@scenario
async def a_peer_that_says_nothing(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(b"")
    async with aiohttp.ClientSession(trace_configs=[config(aiohttp, stage)]) as session:
        await stage.fails("post", session.post(url, data=b"x"))


@scenario
async def two_configs(aiohttp: Any, stage: Stage) -> None:
    configs = [config(aiohttp, stage, "a "), config(aiohttp, stage, "b ")]
    async with aiohttp.ClientSession(trace_configs=configs) as session:
        async with session.get(stage.url / "status" / "204") as response:
            stage.saw("status", response.status)
        stage.saw("of the session", len(session.trace_configs))


@scenario
async def contexts(aiohttp: Any, stage: Stage) -> None:
    seen: list[Any] = []

    async def start(session: Any, context: Any, params: Any) -> None:
        context.begun = True
        seen.append(context.trace_request_ctx)

    async def end(session: Any, context: Any, params: Any) -> None:
        seen.append([context.begun, context.own, context.trace_request_ctx])

    def factory(trace_request_ctx: Any = None) -> SimpleNamespace:
        return SimpleNamespace(own=1, trace_request_ctx=trace_request_ctx)

    traced = aiohttp.TraceConfig(trace_config_ctx_factory=factory)
    traced.on_request_start.append(start)
    traced.on_request_end.append(end)
    async with aiohttp.ClientSession(trace_configs=[traced]) as session:
        async with session.get(stage.url / "get", trace_request_ctx={"a": 1}) as response:
            stage.saw("status", response.status)
        async with session.get(stage.url / "get") as response:
            stage.saw("again", response.status)
    stage.saw("seen", seen)


@scenario
async def header_fields_set_at_the_start(aiohttp: Any, stage: Stage) -> None:
    async def start(session: Any, context: Any, params: Any) -> None:
        params.headers["X-Trace"] = "1"

    traced = aiohttp.TraceConfig()
    traced.on_request_start.append(start)
    async with aiohttp.ClientSession(trace_configs=[traced]) as session:
        async with session.get(stage.url / "get", headers={"X-A": "b"}) as response:
            stage.saw("status", response.status)


@scenario
async def a_signal_that_fails(aiohttp: Any, stage: Stage) -> None:
    async def start(session: Any, context: Any, params: Any) -> None:
        raise ZeroDivisionError

    traced = aiohttp.TraceConfig()
    traced.on_request_start.append(start)
    async with aiohttp.ClientSession(trace_configs=[traced]) as session:
        await stage.fails("start", session.get(stage.url / "get"))
