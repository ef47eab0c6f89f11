"""Connectors: their parameters, their keys, their life."""

from __future__ import annotations

import gc
import inspect
import socket
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from anyio import wait_all_tasks_blocked
from tests.connect.doubles import Dials, ScriptedConnection
from tests.connect.peers import ScriptedResolver, address, listening
from yarl import URL

from anyiohttp._connect.connectors import (
    BaseConnector,
    ProxyConnector,
    TCPConnector,
    TCPSettings,
    UnixConnector,
)
from anyiohttp._connect.fingerprint import Fingerprint
from anyiohttp._connect.key import ConnectionKey, ProxyRoute
from anyiohttp._connect.pool import PoolStats
from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout
from anyiohttp._protocol.base import HTTPConnection
from anyiohttp.exceptions import ClientConnectionError, ClientConnectorError, InvalidURL

pytestmark = pytest.mark.anyio

HTTP, HTTPS = URL("http://a.example/x?y#z"), URL("https://a.example/")
PROXY = ProxyRoute(URL("http://p.example:3128"), "u", "p")
SECURE_PROXY = ProxyRoute(URL("https://p.example"))
DIGEST = b"p" * 32
PIN, OTHER_PIN = Fingerprint(DIGEST), Fingerprint(b"q" * 32)
CONTEXT, OTHER_CONTEXT = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2))


def call() -> Call:
    return Call("a.example:80", ClientTimeout())


@dataclass(frozen=True)
class Auth:
    login: str
    password: str = ""
    encoding: str = "latin1"


class Connector(BaseConnector):
    """Makes scripted connections."""

    takes_proxy = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dials = Dials()

    async def _dial(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        return await self.dials(key, call)


# --- parameters ---


def test_defaults_are_aiohttps() -> None:
    theirs = inspect.signature(aiohttp.TCPConnector).parameters
    own = inspect.signature(TCPConnector).parameters
    assert set(theirs) <= set(own)
    assert set(own) - set(theirs) == {"http_versions"}  # aiohttp speaks HTTP/1.1 only
    assert set(TCPSettings.__annotations__) == set(own)
    sentinels = {"keepalive_timeout", "ssl_shutdown_timeout", "timeout_ceil_threshold"}
    for name in set(own) - sentinels - {"http_versions"}:
        assert own[name].default == theirs[name].default, name
    connector = TCPConnector()
    assert (connector.limit, connector.limit_per_host) == (100, 0)
    assert not connector.force_close
    assert connector.family == socket.AF_UNSPEC
    assert connector.use_dns_cache
    assert not connector.closed


@pytest.mark.parametrize("limit", [0, None])
def test_no_limit(limit: int | None) -> None:
    connector = TCPConnector(limit=limit, limit_per_host=limit)
    assert (connector.limit, connector.limit_per_host) == (0, 0)


def test_force_close_has_no_keepalive() -> None:
    assert TCPConnector(force_close=True).force_close
    assert TCPConnector(force_close=True, keepalive_timeout=None).force_close
    with pytest.raises(ValueError, match="keepalive_timeout cannot be set if force_close is True"):
        TCPConnector(force_close=True, keepalive_timeout=15)


def test_what_has_no_effect_is_accepted() -> None:
    TCPConnector(loop=None, enable_cleanup_closed=True, timeout_ceil_threshold=1)
    UnixConnector("/run/x", loop=None)


@pytest.mark.parametrize(
    "settings",
    [
        {"verify_ssl": False, "ssl_context": CONTEXT},
        {"verify_ssl": False, "ssl": CONTEXT},
        {"verify_ssl": False, "ssl": False},
        {"ssl_context": CONTEXT, "ssl": OTHER_CONTEXT},
        {"ssl_context": CONTEXT, "ssl": PIN},
        {"fingerprint": DIGEST, "ssl": PIN},
        {"fingerprint": DIGEST, "ssl": False},
        {"fingerprint": b"short"},
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        TCPConnector(**settings)


@pytest.mark.parametrize("value", ["yes", 1, object()])
def test_ssl_of_a_wrong_type(value: object) -> None:
    with pytest.raises(TypeError, match="ssl should be SSLContext, Fingerprint, or bool"):
        TCPConnector(ssl=value)
    with pytest.raises(TypeError, match="ssl should be SSLContext, Fingerprint, or bool"):
        TCPConnector().key_for(HTTPS, ssl=value)


# --- keys ---


@pytest.mark.parametrize(
    ("settings", "ssl_", "pin"),
    [
        ({}, True, None),
        ({"ssl": None}, True, None),
        ({"ssl": False}, False, None),
        ({"ssl": CONTEXT}, CONTEXT, None),
        ({"ssl": PIN}, PIN, None),
        ({"verify_ssl": False}, False, None),
        ({"verify_ssl": None}, True, None),
        ({"ssl_context": CONTEXT}, CONTEXT, None),
        ({"fingerprint": DIGEST}, True, PIN),
        ({"fingerprint": DIGEST, "verify_ssl": False}, False, PIN),
        ({"fingerprint": DIGEST, "ssl_context": CONTEXT}, CONTEXT, PIN),
    ],
)
def test_the_connectors_tls_settings(
    settings: dict[str, Any], ssl_: object, pin: Fingerprint | None
) -> None:
    key = TCPConnector(**settings).key_for(HTTPS)
    assert key.ssl == ssl_
    assert key.pin == pin


@pytest.mark.parametrize(
    ("settings", "request_", "ssl_", "pin"),
    [
        ({"ssl": CONTEXT}, {"ssl": OTHER_CONTEXT}, OTHER_CONTEXT, None),
        ({"ssl": CONTEXT}, {"ssl": False}, False, None),
        ({"ssl": CONTEXT}, {"ssl": PIN}, PIN, None),
        ({"ssl": CONTEXT}, {"pin": PIN}, CONTEXT, PIN),
        ({"ssl": PIN}, {"ssl": CONTEXT}, CONTEXT, PIN),  # as aiohttp: the pin still holds
        ({"ssl": PIN}, {"ssl": OTHER_PIN}, OTHER_PIN, None),
        ({"ssl": PIN}, {"pin": OTHER_PIN}, PIN, OTHER_PIN),
        ({"fingerprint": DIGEST}, {"ssl": CONTEXT}, CONTEXT, PIN),
        ({"fingerprint": DIGEST}, {"ssl": OTHER_PIN}, OTHER_PIN, None),
        ({"fingerprint": DIGEST}, {"pin": OTHER_PIN}, True, OTHER_PIN),
    ],
)
def test_a_requests_tls_settings_go_first(
    settings: dict[str, Any], request_: dict[str, Any], ssl_: object, pin: Fingerprint | None
) -> None:
    key = TCPConnector(**settings).key_for(HTTPS, **request_)
    assert key.ssl == ssl_
    assert key.pin == pin


@pytest.mark.parametrize(
    ("url", "options", "key"),
    [
        (HTTP, {}, ConnectionKey("a.example", 80, False)),
        (URL("ws://a.example:81"), {}, ConnectionKey("a.example", 81, False)),
        (HTTPS, {}, ConnectionKey("a.example", 443, True)),
        (URL("wss://a.example"), {}, ConnectionKey("a.example", 443, True)),
        (URL("http://[::1]:8080"), {}, ConnectionKey("::1", 8080, False)),
        (URL("http://BÜCHER.example"), {}, ConnectionKey("xn--bcher-kva.example", 80, False)),
        # A plain target has no TLS settings to be kept apart by.
        (
            HTTP,
            {"ssl": CONTEXT, "pin": PIN, "server_hostname": "b.example"},
            ConnectionKey("a.example", 80, False),
        ),
        (
            HTTPS,
            {"server_hostname": "b.example"},
            ConnectionKey("a.example", 443, True, server_hostname="b.example"),
        ),
        # Through a proxy: in absolute form the key is the proxy's, in a tunnel the target's.
        (HTTP, {"proxy": PROXY}, ConnectionKey("p.example", 3128, False, proxy=PROXY)),
        (
            HTTP,
            {"proxy": PROXY, "tunnel": True},
            ConnectionKey("a.example", 80, False, proxy=PROXY, tunnel=True),
        ),
        (
            URL("ws://a.example"),
            {"proxy": PROXY},
            ConnectionKey("a.example", 80, False, proxy=PROXY, tunnel=True),
        ),
        (
            HTTPS,
            {"proxy": PROXY},
            ConnectionKey("a.example", 443, True, proxy=PROXY, tunnel=True),
        ),
        (
            HTTPS,
            {"proxy": SECURE_PROXY, "ssl": CONTEXT},
            ConnectionKey(
                "a.example",
                443,
                True,
                CONTEXT,
                proxy=ProxyRoute(SECURE_PROXY.url, ssl=CONTEXT),
                tunnel=True,
            ),
        ),
        (
            HTTP,
            {"proxy": SECURE_PROXY, "ssl": False},
            ConnectionKey("p.example", 443, False, proxy=ProxyRoute(SECURE_PROXY.url, ssl=False)),
        ),
    ],
)
def test_key_for(url: URL, options: dict[str, Any], key: ConnectionKey) -> None:
    plain = replace(key, versions=("http/1.1",))
    if key.is_ssl:
        key = replace(key, versions=("h2", "http/1.1"))
    assert TCPConnector().key_for(url, **options) == key
    assert TCPConnector().key_for(url, **options, http1=True) == plain
    assert TCPConnector(http_versions=["http/1.1"]).key_for(url, **options) == plain


@pytest.mark.parametrize("connector", [TCPConnector, partial(UnixConnector, "/run/x.sock")])
def test_which_versions_are_spoken(connector: Callable[..., TCPConnector]) -> None:
    assert connector().key_for(HTTPS).versions == ("h2", "http/1.1")
    assert connector().key_for(HTTPS).may_multiplex
    assert connector().key_for(HTTP).versions == ("http/1.1",)
    assert not connector().key_for(HTTP).may_multiplex
    known = connector(http_versions=["h2"])
    assert known.key_for(HTTPS).versions == known.key_for(HTTP).versions == ("h2",)
    assert known.key_for(HTTP, http1=True).versions == ("http/1.1",)


@pytest.mark.parametrize("versions", [[], "h2", ["h3"], ["h2", "h2"], None, ["http/1.0"]])
def test_versions_that_cannot_be_spoken(versions: Any) -> None:
    with pytest.raises(ValueError, match="http_versions must name"):
        TCPConnector(http_versions=versions)


def test_plain_targets_share_the_connection_to_their_proxy() -> None:
    connector = TCPConnector()
    keys = {connector.key_for(URL(f"http://{name}.example"), proxy=PROXY) for name in "abc"}
    assert len(keys) == 1


def test_key_for_refuses() -> None:
    connector = TCPConnector()
    with pytest.raises(InvalidURL):
        connector.key_for(URL("/relative"))
    with pytest.raises(ValueError, match="tunnel"):
        connector.key_for(HTTPS, proxy=PROXY, tunnel=False)


def test_proxy_connector() -> None:
    connector = ProxyConnector("http://u:p@p.example:3128", limit=5)
    assert connector.proxy_route == PROXY
    assert connector.limit == 5
    assert connector.key_for(HTTP) == TCPConnector().key_for(HTTP, proxy=PROXY)
    assert connector.key_for(HTTPS) == TCPConnector().key_for(HTTPS, proxy=PROXY)
    assert ProxyConnector(PROXY.url, proxy_auth=Auth("u", "p")).proxy_route == PROXY
    assert not connector.takes_proxy
    with pytest.raises(ValueError, match="ProxyConnector takes no proxy"):
        connector.key_for(HTTP, proxy=PROXY)
    with pytest.raises(ValueError, match="proxy_auth"):
        ProxyConnector("http://u:p@p.example", proxy_auth=Auth("u"))
    with pytest.raises(InvalidURL):
        ProxyConnector("socks6://p.example")


def test_unix_connector() -> None:
    connector = UnixConnector(Path("/run/x.sock"), force_close=True)
    assert connector.path == "/run/x.sock"
    assert connector.force_close
    assert connector.key_for(HTTPS, http1=True) == ConnectionKey("a.example", 443, True)
    with pytest.raises(ValueError, match="UnixConnector takes no proxy"):
        connector.key_for(HTTP, proxy=PROXY)


def test_clear_dns_cache_takes_both_or_none() -> None:
    connector = TCPConnector()
    connector.clear_dns_cache()
    connector.clear_dns_cache("a.example", 80)
    with pytest.raises(ValueError, match="both host and port"):
        connector.clear_dns_cache("a.example")


# --- life ---


async def test_leasing_and_closing() -> None:
    connector = Connector(limit=1)
    async with connector as entered:
        assert entered is connector
        key = connector.key_for(HTTP)
        lease = await connector.acquire(key, call())
        assert connector.stats == PoolStats(0, 1, 0, 0)
        lease.release()
        assert (await connector.acquire(key, call())).reused
    assert connector.closed
    assert connector.dials.made[0].aborted
    with pytest.raises(ClientConnectionError, match="Connector is closed"):
        await connector.acquire(key, call())
    await connector.close(abort_ssl=True)


async def test_closing_from_another_task_while_requests_wait() -> None:
    connector = Connector(limit=1)
    key = connector.key_for(HTTP)
    await connector.acquire(key, call())
    failed: list[str] = []

    async def ask() -> None:
        with pytest.raises(ClientConnectionError, match="Connector is closed"):
            await connector.acquire(key, call())
        failed.append("yes")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
        await wait_all_tasks_blocked()
        connector.close()
    assert len(failed) == 3


async def test_an_unclosed_connector_warns_and_aborts() -> None:
    connector = Connector()
    lease = await connector.acquire(connector.key_for(HTTP), call())
    lease.release()
    made: list[ScriptedConnection] = connector.dials.made
    del lease
    with pytest.warns(ResourceWarning, match=r"Unclosed connector <Connector open idle=1 busy=0"):
        del connector  # nothing refers to it in a circle: it ends here
    assert made[0].aborted


async def test_an_unclosed_connector_without_connections_is_no_leak() -> None:
    connector = Connector()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del connector
        gc.collect()


def test_a_connector_that_could_not_be_made_is_no_leak() -> None:
    with pytest.raises(ValueError):
        Connector(force_close=True, keepalive_timeout=1)
    gc.collect()


async def test_a_connector_must_say_how_it_connects() -> None:
    connector = BaseConnector()
    with pytest.raises(NotImplementedError):
        await connector.acquire(connector.key_for(HTTP), call())
    assert connector.stats == PoolStats(0, 0, 0, 0)


async def test_a_pool_stays_usable_after_failed_dials() -> None:
    async with TCPConnector(limit=1) as connector:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
            key = connector.key_for(URL(f"http://127.0.0.1:{taken.getsockname()[1]}"))
            for _ in range(3):
                with pytest.raises(ClientConnectorError):
                    await connector.acquire(key, call())
        assert connector.stats == PoolStats(0, 0, 0, 0)


async def test_tcp() -> None:
    async with listening() as peer:
        resolver = ScriptedResolver(address(peer.port))
        async with TCPConnector(resolver=resolver) as connector:
            key = connector.key_for(URL(f"http://a.example:{peer.port}"))
            lease = await connector.acquire(key, call())
            lease.release()
            lease = await connector.acquire(key, call())
            assert lease.reused
            await lease.connection.stream.send(b"ping")
            assert await lease.connection.stream.receive() == b"ping"
        assert peer.accepted == 1
        assert not resolver.closed


class TLSConnector(TCPConnector):
    """Makes scripted connections that look encrypted."""

    async def _dial(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        return ScriptedConnection(encrypted=True)


@pytest.mark.parametrize(
    ("settings", "abort_ssl", "goodbye"),
    [
        ({}, False, False),
        ({"ssl_shutdown_timeout": 0}, False, False),
        ({"ssl_shutdown_timeout": 5}, False, True),
        ({"ssl_shutdown_timeout": None}, False, True),
        ({"ssl_shutdown_timeout": 5}, True, False),
    ],
)
async def test_tls_says_goodbye_if_told_to(
    settings: dict[str, Any], abort_ssl: bool, goodbye: bool
) -> None:
    connector = TLSConnector(**settings)
    lease = await connector.acquire(connector.key_for(HTTPS), call())
    lease.release()
    connection = lease.connection
    assert isinstance(connection, ScriptedConnection)
    await connector.close(abort_ssl=abort_ssl)
    assert connection.aborted
    assert connection.said_goodbye == goodbye


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets here")
async def test_unix(unix_path: Path) -> None:
    async with listening(path=unix_path) as peer, UnixConnector(str(unix_path)) as connector:
        lease = await connector.acquire(connector.key_for(HTTP), call())
        lease.release()
        assert connector.stats == PoolStats(1, 0, 0, 0)
        await lease.connection.stream.send(b"ping")
        assert await lease.connection.stream.receive() == b"ping"
    assert peer.accepted == 1
