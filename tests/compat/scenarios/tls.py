"""TLS: authorities, names, and pins."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer


@scenario
async def own_authority(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    async with aiohttp.ClientSession() as session:
        async with session.get(url, ssl=stage.trust.client) as response:
            stage.saw("request's", response.status)
            stage.saw("secure", (await response.json())["secure"])
    for name in ("ssl", "ssl_context"):
        connector = aiohttp.TCPConnector(**{name: stage.trust.client})
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get(url) as response:
                stage.saw(f"connector's {name}", response.status)


@scenario
async def an_authority_nobody_trusts(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        await stage.fails("get", session.get(stage.tls_url / "get"))


@scenario
async def no_verification(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    async with aiohttp.ClientSession() as session:
        async with session.get(url, ssl=False) as response:
            stage.saw("ssl=False", response.status)
        async with session.get(url, verify_ssl=False) as response:
            stage.saw("verify_ssl=False", response.status)
        await stage.fails("for this request only", session.get(url))
    connector = aiohttp.TCPConnector(ssl=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(url) as response:
            stage.saw("connector's", response.status)


@scenario
async def a_certificate_of_another_name(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    async with aiohttp.ClientSession() as session:
        await stage.fails(
            "another", session.get(url, ssl=stage.trust.client, server_hostname="other.example")
        )
        async with session.get(
            url, ssl=stage.trust.client, server_hostname="www.tls.test"
        ) as response:
            stage.saw("alternative", response.status)


@scenario
async def pins(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    good = aiohttp.Fingerprint(stage.trust.pins.sha256)
    bad = aiohttp.Fingerprint(b"\0" * 32)
    stage.saw("digest", good.fingerprint == stage.trust.pins.sha256)
    async with aiohttp.ClientSession() as session:
        async with session.get(url, ssl=good) as response:
            stage.saw("good", response.status)
        await stage.fails("bad", session.get(url, ssl=bad))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=bad)) as session:
        await stage.fails("connector's", session.get(url))


@scenario
async def pins_that_are_none(aiohttp: Any, stage: Stage) -> None:
    for size in (0, 5, 31, 64):
        stage.refuses(f"{size} bytes", aiohttp.Fingerprint, b"x" * size)


@scenario
async def options_that_mean_nothing(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    context = stage.trust.client
    async with aiohttp.ClientSession() as session:
        await stage.fails("a word", session.get(url, ssl="yes"))
        await stage.fails("both", session.get(url, verify_ssl=False, ssl_context=context))
        await stage.fails("two contexts", session.get(url, ssl=context, ssl_context=context))


@scenario
async def tls_to_a_plain_server(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await peer.wait_closed()

    url = await stage.scripted(script)
    async with aiohttp.ClientSession() as session:
        await stage.fails("get", session.get(url.with_scheme("https").with_host("localhost")))
