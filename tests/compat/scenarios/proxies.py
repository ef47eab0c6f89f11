"""Requests through proxies."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer


@scenario
async def plain_target(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "get"
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(url % {"a": "b"}, proxy=stage.proxy_url) as response:
                stage.saw(f"status {stage.requests}", response.status)
                stage.saw(f"via {stage.requests}", response.headers["Via"])
    async with aiohttp.ClientSession(proxy=str(stage.proxy_url)) as session:
        async with session.post(url / "../echo", data=b"body") as response:
            stage.saw("session's", response.headers["Via"])
    stage.saw("forwarded", stage.server.proxy_counts.forwarded)


@scenario
async def the_request_that_a_proxy_sees(aiohttp: Any, stage: Stage) -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    proxy = await stage.answering(reply, keep=True)
    auth = aiohttp.BasicAuth("user", "pass")
    async with aiohttp.ClientSession() as session:
        for name, kwargs in {
            "bare": {"proxy": proxy},
            "proxy_auth": {"proxy": proxy, "proxy_auth": auth},
            "in the URL": {"proxy": proxy.with_user("u").with_password("p%40")},
            "proxy_headers": {"proxy": proxy, "proxy_headers": {"X-Proxy": "1"}},
            "auth": {"proxy": proxy, "auth": auth},
        }.items():
            async with session.get("http://example.org/a?b=c#d", **kwargs) as response:
                stage.saw(name, await response.text())
        async with session.get("http://example.org:8080", proxy=proxy) as response:
            stage.saw("port", response.url)


@scenario
async def connect(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    async with aiohttp.ClientSession() as session:
        async with session.get(url, proxy=stage.proxy_url, ssl=stage.trust.client) as response:
            stage.saw("status", response.status)
            stage.saw("secure", (await response.json())["secure"])
            stage.saw("url", response.url)
    stage.saw("tunnels", stage.server.proxy_counts.tunnels)


@scenario
async def connect_through_a_tls_proxy(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url / "get"
    async with aiohttp.ClientSession() as session:
        async with session.get(url, proxy=stage.tls_proxy_url, ssl=stage.trust.client) as response:
            stage.saw("status", response.status)
    stage.saw("tunnels", stage.server.proxy_counts.tunnels)


@scenario
async def the_connect_that_a_proxy_sees(aiohttp: Any, stage: Stage) -> None:
    proxy = await stage.answering(
        b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\n"
        b"Content-Length: 2\r\n\r\nno"
    )
    auth = aiohttp.BasicAuth("user", "pass")
    async with aiohttp.ClientSession() as session:
        for name, kwargs in {
            "bare": {"proxy": proxy},
            "proxy_auth": {"proxy": proxy, "proxy_auth": auth},
            "proxy_headers": {"proxy": proxy, "proxy_headers": {"X-Proxy": "1"}},
        }.items():
            await stage.fails(name, session.get("https://example.org/a", **kwargs))


@scenario
async def a_proxy_that_wants_credentials(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        head = await peer.receive_head()
        good = b"Proxy-Authorization: Basic dXNlcjpwYXNz" in head
        await peer.answer(b"" if good else b"no", status=b"200 OK" if good else b"407 Who")

    proxy = await stage.scripted(script)
    async with aiohttp.ClientSession() as session:
        async with session.get("http://example.org/", proxy=proxy) as response:
            stage.saw("without", response.status)
        good = aiohttp.BasicAuth("user", "pass")
        async with session.get("http://example.org/", proxy=proxy, proxy_auth=good) as response:
            stage.saw("with", response.status)


@scenario
async def a_proxy_that_is_not_there(aiohttp: Any, stage: Stage) -> None:
    proxy = f"http://127.0.0.1:{stage.free_port()}"
    async with aiohttp.ClientSession() as session:
        await stage.fails("plain", session.get("http://example.org/", proxy=proxy))
        await stage.fails("tls", session.get("https://example.org/", proxy=proxy))


@scenario
async def proxies_that_cannot_be(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for proxy in ("ftp://127.0.0.1/", "http://", "socks5://127.0.0.1:1080", "http://[::1"):
            await stage.fails(proxy, session.get("http://example.org/", proxy=proxy))
        await stage.fails(
            "auth", session.get("http://a.b/", proxy="http://a.b/", proxy_auth=("a", "b"))
        )


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    names = {name for name in os.environ if name.lower().endswith("_proxy")} | {*changes}
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


@scenario
async def proxies_of_the_environment(aiohttp: Any, stage: Stage) -> None:
    counts = stage.server.proxy_counts
    url = stage.url / "get"
    with _environment(http_proxy=str(stage.proxy_url)):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            stage.saw("not trusted", [response.status, counts.forwarded])
        async with aiohttp.ClientSession(trust_env=True) as session:
            async with session.get(url) as response:
                stage.saw("trusted", [response.status, counts.forwarded])
    for no_proxy in ("127.0.0.1", "*", "example.org", "example.org, 127.0.0.1"):
        with _environment(http_proxy=str(stage.proxy_url), no_proxy=no_proxy):
            async with aiohttp.ClientSession(trust_env=True) as session:
                async with session.get(url) as response:
                    stage.saw(f"no_proxy={no_proxy}", [response.status, counts.forwarded])


@scenario
async def netrc(aiohttp: Any, stage: Stage) -> None:
    path = stage.directory / "netrc"
    path.write_text("machine 127.0.0.1 login user password pass\n")
    path.chmod(0o600)
    with _environment(NETRC=str(path)):
        for trust in (False, True):
            async with aiohttp.ClientSession(trust_env=trust) as session:
                async with session.get(stage.url / "basic-auth" / "user" / "pass") as response:
                    stage.saw(f"trust_env={trust}", response.status)
                async with session.get(stage.local / "get") as response:
                    stage.saw(f"trust_env={trust}, other host", response.status)
