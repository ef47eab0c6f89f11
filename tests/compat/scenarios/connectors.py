"""Connectors: pools, names, unix sockets, and failures to connect."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import socket
from typing import Any

import anyio
from anyio.abc import SocketAttribute
from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer


@scenario
async def unix_socket(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.UnixConnector(path=str(stage.server.unix_path))
    stage.saw("path", connector.path == str(stage.server.unix_path))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get("http://some.name/get") as response:
            stage.saw("status", response.status)
            stage.saw("url", response.url)


@scenario
async def no_unix_socket(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector("/no/such")) as session:
        await stage.fails("missing", session.get("http://localhost/"))


@scenario
async def connection_refused(aiohttp: Any, stage: Stage) -> None:
    port = stage.free_port()
    async with aiohttp.ClientSession() as session:
        await stage.fails("get", session.get(f"http://127.0.0.1:{port}/"))
        await stage.fails("post", session.post(f"http://127.0.0.1:{port}/", data=b"x"))


@scenario
async def unknown_name(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        await stage.fails("get", session.get("http://name.invalid/"))


@scenario
async def own_resolver(aiohttp: Any, stage: Stage) -> None:
    class Resolver(aiohttp.abc.AbstractResolver):  # type: ignore[misc]
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[Any]:
            stage.saw(f"asked for {host}", port)
            if host == "fails.test":
                raise OSError(None, "no such name")
            return [
                {
                    "hostname": host,
                    "host": "127.0.0.1",
                    "port": port,
                    "family": socket.AF_INET,
                    "proto": 0,
                    "flags": 0,
                }
            ]

        async def close(self) -> None:
            pass

    connector = aiohttp.TCPConnector(resolver=Resolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(2):
            async with session.get(stage.url.with_host("works.test") / "get") as response:
                stage.saw(f"status {stage.requests}", response.status)
                stage.saw(f"url {stage.requests}", response.url)
        url = stage.url.with_host("bücher.test") / "get"
        async with session.get(url) as response:
            stage.saw("international", response.url)
        await stage.fails("fails", session.get("http://fails.test/"))


@scenario
async def limits(aiohttp: Any, stage: Stage) -> None:
    counts = stage.server.counts
    for name, options in {"limit": {"limit": 2}, "per host": {"limit_per_host": 1}}.items():
        before = counts.connections
        connector = aiohttp.TCPConnector(**options)
        stage.saw(f"{name} limits", [connector.limit, connector.limit_per_host])
        async with aiohttp.ClientSession(connector=connector) as session:

            async def fetch(session: Any = session) -> None:
                async with session.get(stage.server.url / "no" / "such") as response:
                    await response.read()

            async with anyio.create_task_group() as tasks:
                for _ in range(6):
                    tasks.start_soon(fetch)
        stage.saw(name, counts.connections - before)


@scenario
async def force_close(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector(force_close=True)
    stage.saw("property", connector.force_close)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(2):
            async with session.get(stage.url / "get") as response:
                await response.read()
    stage.saw("connections", stage.server.counts.connections)


@scenario
async def a_connector_of_two_sessions(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector()
    for number in range(2):
        async with aiohttp.ClientSession(connector=connector, connector_owner=False) as session:
            async with session.get(stage.url / "get") as response:
                await response.read()
        stage.saw(f"open after {number}", connector.closed)
    stage.saw("connections", stage.server.counts.connections)
    await connector.close()
    stage.saw("closed", connector.closed)
    async with aiohttp.ClientSession(connector=connector) as session:
        await stage.fails("then", session.get(stage.url / "get"))


@scenario
async def a_detached_session(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector()
    session = aiohttp.ClientSession(connector=connector)
    session.detach()
    stage.saw("session", session.closed)
    stage.saw("connector", connector.closed)
    await connector.close()


@scenario
async def options_of_connectors(aiohttp: Any, stage: Stage) -> None:
    context = stage.trust.client
    stage.refuses("verify and context", aiohttp.TCPConnector, verify_ssl=False, ssl_context=context)
    stage.refuses("keep-alive of none", aiohttp.TCPConnector, force_close=True, keepalive_timeout=5)
    stage.refuses("ssl", aiohttp.TCPConnector, ssl="yes")
    for fields in ({}, {"limit": 0}, {"limit": 7, "limit_per_host": 3, "use_dns_cache": False}):
        connector = aiohttp.TCPConnector(**fields)
        stage.saw(f"{fields} limit", connector.limit)
        stage.saw(f"{fields} per host", connector.limit_per_host)
        await connector.close()


@scenario
async def local_address(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.answer(peer.stream.extra(SocketAttribute.remote_address)[0].encode())

    connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(await stage.scripted(script)) as response:
            stage.saw("address", await response.text())


@scenario
async def family(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector(family=socket.AF_INET)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(stage.local / "get") as response:
            stage.saw("status", response.status)
