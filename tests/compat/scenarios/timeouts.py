"""Timeouts."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

from typing import Any

import anyio
from tests.compat.registry import scenario
from tests.compat.stage import Stage


@scenario
async def total(aiohttp: Any, stage: Stage) -> None:
    slow = stage.url / "slow"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.1)) as session:
        await stage.fails("session's", session.get(slow))
        await stage.fails("a number", session.get(slow, timeout=0.05))
        await stage.fails("request's", session.get(slow, timeout=aiohttp.ClientTimeout(total=0.05)))
        async with session.get(stage.url / "get") as response:
            stage.saw("afterwards", response.status)


@scenario
async def total_while_reading(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "drip" % {"n": "100", "delay": "0.01"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=0.1)) as response:
            stage.saw("status", response.status)
            await stage.fails("read", response.read())


@scenario
async def sock_read(aiohttp: Any, stage: Stage) -> None:
    # Far enough from the drips' distance for a machine that is busy with something else.
    timeout = aiohttp.ClientTimeout(sock_read=0.5)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        await stage.fails("head", session.get(stage.url / "slow"))
        url = stage.url / "drip" % {"n": "10", "delay": "0.03"}
        async with session.get(url) as response:
            stage.saw("steady", await response.text())
        url = stage.url / "drip" % {"n": "2", "delay": "2"}
        async with session.get(url) as response:
            await stage.fails("body", response.read())


@scenario
async def connect(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector(limit=1)
    timeout = aiohttp.ClientTimeout(connect=0.1)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        async with session.get(stage.url / "stream" / "10000000"):
            await stage.fails("a full pool", session.get(stage.url / "get"))


@scenario
async def none_and_zero(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "drip" % {"n": "2", "delay": "0.05"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.01)) as session:
        for name, timeout in {
            "None": None,
            "no total": aiohttp.ClientTimeout(total=None),
            "zero": aiohttp.ClientTimeout(total=0),
            "number zero": 0,
        }.items():
            try:
                async with session.get(url, timeout=timeout) as response:
                    stage.saw(name, await response.text())
            except TimeoutError as exc:
                stage.observations.add_error(name, exc)


@scenario
async def client_timeout_as_a_value(aiohttp: Any, stage: Stage) -> None:
    default = aiohttp.ClientTimeout()
    some = aiohttp.ClientTimeout(total=1, sock_read=2)
    for name in ("total", "connect", "sock_connect", "sock_read", "ceil_threshold"):
        stage.saw(f"default {name}", getattr(default, name))
        stage.saw(f"some {name}", getattr(some, name))
    stage.saw("equal", some == aiohttp.ClientTimeout(total=1, sock_read=2))
    stage.saw("hashable", hash(some) == hash(aiohttp.ClientTimeout(total=1, sock_read=2)))
    stage.refuses("frozen", setattr, some, "total", 2)
    async with aiohttp.ClientSession() as session:
        stage.saw("session's total", session.timeout.total)
        stage.saw("session's sock_connect", session.timeout.sock_connect)


@scenario
async def a_scope_around_the_call(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:

        async def within() -> None:
            with anyio.fail_after(0.1):
                await session.get(stage.url / "slow")

        await stage.fails("fail_after", within())
        with anyio.move_on_after(0.1) as scope:
            async with session.get(stage.url / "slow"):
                pass  # pragma: no cover
        stage.saw("moved on", scope.cancelled_caught)
        async with session.get(stage.url / "get") as response:
            stage.saw("then", response.status)
