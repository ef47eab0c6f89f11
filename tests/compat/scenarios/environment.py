"""Proxies of the environment: which requests go through them."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage

_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ws_proxy", "wss_proxy")


@contextmanager
def environment(**values: object) -> Iterator[None]:
    """Set these variables and no other that is about proxies."""
    names = {spelled for name in _NAMES for spelled in (name, name.upper())}
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


async def _via(aiohttp: Any, stage: Stage, name: str, url: Any, **kwargs: Any) -> None:
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.get(url, **kwargs) as response:
            stage.saw(name, [response.status, "Via" in response.headers])


def no_proxy(name: str, value: str) -> None:
    """Register a scenario: which of the stage's names go through the proxy then."""

    async def play(aiohttp: Any, stage: Stage) -> None:
        with environment(http_proxy=stage.proxy_url, no_proxy=value.format(port=stage.url.port)):
            await _via(aiohttp, stage, "address", stage.url / "get")
            await _via(aiohttp, stage, "name", stage.local / "get")

    play.__name__ = name
    scenario(play)


no_proxy("nothing", "")
no_proxy("everything", "*")
no_proxy("the_name", "localhost")
no_proxy("the_name_in_upper_case", "LOCALHOST")
no_proxy("the_name_with_a_dot", ".localhost")
no_proxy("the_address", "127.0.0.1")
no_proxy("both", "localhost,127.0.0.1")
no_proxy("both_with_spaces", " localhost , 127.0.0.1 ")
no_proxy("the_end_of_the_name", "host")
no_proxy("the_end_of_the_address", "0.0.1")
no_proxy("the_name_with_its_port", "localhost:{port}")
no_proxy("the_name_with_another_port", "localhost:1")
no_proxy("a_network", "127.0.0.0/8")
no_proxy("another_network", "10.0.0.0/8")
no_proxy("other_hosts", "example.org,.example.com,[::1]")


@scenario
async def which_variable(aiohttp: Any, stage: Stage) -> None:
    proxy, url = stage.proxy_url, stage.url / "get"
    for name, values in {
        "lower": {"http_proxy": proxy},
        "of https": {"https_proxy": proxy},
        "of all": {"all_proxy": proxy},
        "empty": {"http_proxy": ""},
    }.items():
        with environment(**values):
            await _via(aiohttp, stage, name, url)


@scenario
async def not_asked(aiohttp: Any, stage: Stage) -> None:
    with environment(http_proxy=stage.proxy_url):
        async with aiohttp.ClientSession() as session:
            async with session.get(stage.url / "get") as response:
                stage.saw("via", "Via" in response.headers)


@scenario
async def the_request_s_own_goes_first(aiohttp: Any, stage: Stage) -> None:
    with environment(http_proxy=f"http://127.0.0.1:{stage.free_port()}"):
        await _via(aiohttp, stage, "own", stage.url / "get", proxy=stage.proxy_url)


@scenario
async def credentials_of_the_environment(aiohttp: Any, stage: Stage) -> None:
    proxy = await stage.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with environment(http_proxy=proxy.with_user("user").with_password("p%40ss")):
        await _via(aiohttp, stage, "plain", "http://example.org/")


@scenario
async def tls_through_the_environment_s_proxy(aiohttp: Any, stage: Stage) -> None:
    with environment(https_proxy=stage.proxy_url):
        async with aiohttp.ClientSession(trust_env=True) as session:
            async with session.get(stage.tls_url / "get", ssl=stage.trust.client) as response:
                stage.saw("status", response.status)
    stage.saw("tunnels", stage.server.proxy_counts.tunnels)


@scenario
async def each_hop_asks_anew(aiohttp: Any, stage: Stage) -> None:
    with environment(http_proxy=stage.proxy_url, no_proxy="localhost"):
        url = (stage.url / "redirect-to").with_query(url=str(stage.local / "get"))
        await _via(aiohttp, stage, "to a name that is left out", url)
    stage.saw("forwarded", stage.server.proxy_counts.forwarded)


def netrc(name: str, text: str) -> None:
    """Register a scenario: the credentials that go out with this file."""

    async def play(aiohttp: Any, stage: Stage) -> None:
        path = stage.directory / "netrc"
        path.write_text(text)
        path.chmod(0o600)
        os.environ["NETRC"] = str(path)
        try:
            with environment():
                async with aiohttp.ClientSession(trust_env=True) as session:
                    for label, url in {"address": stage.url, "name": stage.local}.items():
                        async with session.get(url / "get") as response:
                            stage.saw(label, response.status)
        finally:
            del os.environ["NETRC"]

    play.__name__ = name
    scenario(play)


netrc("netrc_of_a_host", "machine 127.0.0.1 login user password pass\n")
netrc("netrc_by_default", "default login user password pass\n")
netrc("netrc_of_another_host", "machine example.org login user password pass\n")
netrc("netrc_with_an_account", "machine localhost login user account a password pass\n")
netrc("netrc_that_is_none", "machine\n")
netrc("netrc_that_is_empty", "")
