"""Signals: lists of receivers that are closed before the first event."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import aiohttp
import pytest

import anyiohttp
from anyiohttp import TraceConfig, TraceDnsCacheHitParams
from anyiohttp._client.signals import Signal


async def first(session: object, context: object, params: object) -> None: ...


async def second(session: object, context: object, params: object) -> None: ...


def test_a_list_until_it_is_frozen() -> None:
    signal: Signal[object] = Signal(None)
    assert not signal
    signal.append(first)
    signal.insert(0, second)
    assert list(signal) == [second, first]
    assert signal[0] is second
    assert signal[:1] == [second]
    signal[0] = first
    signal[1:] = [second]
    assert list(signal) == [first, second]
    del signal[0]
    signal.remove(second)
    signal.extend([first])
    assert first in signal
    assert len(signal) == 1


def test_frozen() -> None:
    signal: Signal[object] = Signal(None)
    signal.append(first)
    assert not signal.frozen
    signal.freeze()
    signal.freeze()
    assert signal.frozen
    for change in (
        lambda: signal.append(second),
        lambda: signal.insert(0, second),
        lambda: signal.__setitem__(0, second),
        lambda: signal.__delitem__(0),
        signal.clear,
        signal.pop,
    ):
        with pytest.raises(RuntimeError, match="frozen"):
            change()
    assert list(signal) == [first]


def test_decorator() -> None:
    config = TraceConfig()

    @config.on_dns_cache_hit
    async def hit(session: object, context: object, params: TraceDnsCacheHitParams) -> None: ...

    assert list(config.on_dns_cache_hit) == [hit]
    assert "hit" in repr(config.on_dns_cache_hit)
    assert "frozen=False" in repr(config.on_dns_cache_hit)


@pytest.mark.anyio
async def test_only_a_frozen_signal_is_sent(anyio_backend: object) -> None:
    signal: Signal[object] = Signal(None)
    seen: list[tuple[object, ...]] = []

    async def note(*what: object) -> None:
        seen.append(what)

    signal.append(note)
    with pytest.raises(RuntimeError, match="non-frozen"):
        await signal.send(1, 2, 3)
    signal.freeze()
    await signal.send(1, 2, 3)
    assert seen == [(1, 2, 3)]


def test_a_configuration_has_a_signal_for_each_event() -> None:
    config = TraceConfig()
    for event, signal in config.signals.items():
        assert getattr(config, f"on_{event}") is config.signal(event) is signal
    told = {name for name in anyiohttp.tracing.__all__ if name.endswith("Params")}
    assert sorted(signal.params.__name__ for signal in config.signals.values()) == sorted(told)
    config.freeze()
    assert all(signal.frozen for signal in config.signals.values())


def test_aiohttps_module() -> None:
    assert anyiohttp.tracing.TraceConfig is TraceConfig
    for name in aiohttp.tracing.__all__:
        assert getattr(anyiohttp.tracing, name) is getattr(anyiohttp, name)
        if name != "TraceConfig":
            ours, theirs = getattr(anyiohttp, name), getattr(aiohttp, name)
            assert [field.name for field in dataclasses.fields(ours)] == [
                field.name for field in theirs.__attrs_attrs__
            ]


def test_contexts() -> None:
    request = object()
    config = TraceConfig()
    assert config.trace_config_ctx() == SimpleNamespace(trace_request_ctx=None)
    assert config.trace_config_ctx(trace_request_ctx=request).trace_request_ctx is request
    assert TraceConfig(trace_config_ctx_factory=dict).trace_config_ctx(request) == {  # type: ignore[arg-type]
        "trace_request_ctx": request
    }
