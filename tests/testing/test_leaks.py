"""The check finds what was left behind, and nothing else."""

from __future__ import annotations

import gc
import os
import socket
import warnings
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anyiohttp import ClientSession, TCPConnector
from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.testing import (
    Leaked,
    MemoryNetwork,
    Request,
    Response,
    assert_no_leaks,
    memory_stream_pair,
)
from anyiohttp.testing import leaks as module

pytestmark = pytest.mark.anyio


async def handler(request: Request) -> Response:
    return Response(200, b"x" * 100_000)


@asynccontextmanager
async def network_and_session(**settings):
    async with MemoryNetwork() as network:
        network.serve("example.org", handler)
        async with ClientSession(connector=network.connector(**settings)) as session:
            yield network, session


async def fetch(session: ClientSession, url: object = "http://example.org/") -> None:
    async with session.get(url) as response:
        assert await response.read()


async def test_nothing_is_left():
    async with assert_no_leaks():
        pass
    async with assert_no_leaks(), network_and_session() as (_, session):
        await fetch(session)


async def test_idle_connections_of_watched_sessions_may_stay():
    async with network_and_session() as (network, session):
        for watched in (session, session.connector):
            async with assert_no_leaks(watched, network) as check:
                await fetch(session)
                await check.check()
                await fetch(session)
        # One that was idle before is no excuse for another.
        with pytest.raises(Leaked, match="connection in memory"):
            async with assert_no_leaks(session, network, patience=0, collect=False):
                stream = await network.connect(
                    (await network.resolver.resolve("example.org", 80))[0]
                )
        stream.abort()


async def test_an_idle_connection_of_nobody():
    async with network_and_session() as (network, session):
        with pytest.raises(Leaked, match=r"client's end of example\.org:80 #0") as caught:
            async with assert_no_leaks(network, patience=0):
                await fetch(session)
        assert len(caught.value.leaks) == 1


async def test_a_network_that_was_made_inside():
    async with assert_no_leaks(patience=0) as check, network_and_session() as (_, session):
        await fetch(session)
        with pytest.raises(Leaked, match="connection in memory"):
            await check.check()


async def test_a_response_in_use():
    async with network_and_session() as (network, session):
        with pytest.raises(Leaked, match=r"places of a connector: .*busy=1"):
            async with assert_no_leaks(session, network, patience=0):
                response = await session.get("http://example.org/")
        response.close()


async def test_a_waiting_call():
    async with (
        network_and_session(limit=1) as (network, session),
        session.get("http://example.org/"),
        anyio.create_task_group() as tasks,
    ):
        with pytest.raises(Leaked, match="waiting=1") as caught:
            async with assert_no_leaks(session, network, patience=0):
                tasks.start_soon(fetch, session)
                await anyio.wait_all_tasks_blocked()
        assert "a task: " in str(caught.value)
        tasks.cancel_scope.cancel()


async def test_what_needs_a_few_turns():
    async def slowly() -> None:
        for _ in range(20):
            await checkpoint()

    async def with_time() -> None:
        await anyio.sleep(0.02)

    async with anyio.create_task_group() as tasks:
        async with assert_no_leaks():
            tasks.start_soon(slowly)
        async with assert_no_leaks():
            tasks.start_soon(with_time)
        with pytest.raises(Leaked, match="a task"):
            async with assert_no_leaks(patience=0):
                tasks.start_soon(anyio.sleep_forever)
        tasks.cancel_scope.cancel()


async def test_tunnels_that_stay_open():
    async with network_and_session() as (network, session):
        proxy = network.proxy("proxy.test")
        server = network.serve("example.org", handler, port=81)
        route = {"proxy": proxy.url}
        # The network is not watched: its proxy holds a connection, too.
        async with (
            assert_no_leaks(session, patience=0, collect=False),
            session.get(server.url, **route) as response,
        ):
            await response.read()


async def test_sockets(loopback: LoopbackServer):
    async with assert_no_leaks(), ClientSession() as session:
        await fetch(session, loopback.url)
    with pytest.raises(Leaked, match=r"a socket: .*connected to nobody"):
        async with assert_no_leaks(patience=0, collect=False):
            sock = socket.socket()
    sock.close()
    with pytest.raises(Leaked, match=r"a socket: .*connected to \('127"):
        async with assert_no_leaks(patience=0, collect=False):
            host, port = loopback.url.host, loopback.url.port
            sock = socket.create_connection((host, port))
    sock.close()
    async with assert_no_leaks():
        pass


async def test_generators():
    async def numbers():
        for number in range(3):
            yield number

    async with assert_no_leaks():
        assert [number async for number in numbers()] == [0, 1, 2]
    with pytest.raises(Leaked, match=r"not finished: .*numbers"):
        async with assert_no_leaks(patience=0):
            kept = numbers()
            await anext(kept)
    await kept.aclose()
    with pytest.raises(Leaked, match=r"abandoned: .*numbers"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trio complains, too
        async with assert_no_leaks(patience=0):
            dropped = numbers()
            await anext(dropped)
            del dropped
            gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await checkpoint()


async def test_nested_checks_see_generators():
    async def numbers():
        yield 1
        yield 2

    with pytest.raises(Leaked, match="numbers"):
        async with assert_no_leaks(patience=0):
            with pytest.raises(Leaked, match="numbers"):
                async with assert_no_leaks(patience=0):
                    kept = numbers()
                    await anext(kept)
    await kept.aclose()


async def test_checks_that_overlap():
    async with anyio.create_task_group() as tasks:
        first, second = assert_no_leaks(patience=0), assert_no_leaks(patience=0)
        await first.__aenter__()
        await second.__aenter__()
        await first.__aexit__(None, None, None)
        await second.__aexit__(None, None, None)
        tasks.cancel_scope.cancel()


async def test_warnings_of_garbage():
    async with network_and_session() as (network, _):
        with pytest.raises(Leaked, match="found as garbage: Unclosed"):
            async with assert_no_leaks(patience=0):
                forgotten = ClientSession(connector=network.connector())
                await fetch(forgotten)
                cycle = [forgotten]
                cycle.append(cycle)
                del cycle, forgotten


async def test_a_failed_block_is_not_checked():
    async with network_and_session() as (network, session):
        with pytest.raises(ValueError, match="mine"):
            async with assert_no_leaks(session, network):
                response = await session.get("http://example.org/")
                raise ValueError("mine")
        response.close()


async def test_a_connector_that_kept_something_after_closing():
    class Forgetful(TCPConnector):
        stats = TCPConnector(limit=1).stats.__class__(idle=1, busy=0, dialing=0, waiting=0)

    connector = Forgetful()
    await connector.close()
    with pytest.raises(Leaked, match="closed connector"):
        async with assert_no_leaks(connector, patience=0):
            pass


async def test_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch):
    def missing(_: str) -> list[str]:
        raise FileNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "listdir", missing)
        async with assert_no_leaks():
            sock = socket.socket()
    sock.close()


async def test_a_socket_that_is_closed_while_it_is_described(monkeypatch: pytest.MonkeyPatch):
    def gone(_: int) -> int:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", gone)
        with pytest.raises(Leaked, match=r"socket:\["):
            async with assert_no_leaks(patience=0):
                sock = socket.socket()
    sock.close()


async def test_a_closed_session_is_no_longer_watched():
    session = ClientSession()
    await session.close()
    async with assert_no_leaks(session):
        pass


def test_streams_of_no_network_are_nobodys_business():
    client, server = memory_stream_pair()
    assert not client.closed
    assert not server.closed
