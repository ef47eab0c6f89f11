"""The client through Dante, a SOCKS proxy, as Debian ships it."""

from __future__ import annotations

import errno
import ssl
from collections.abc import AsyncIterator

import anyio
import pytest
from tests.integration.conftest import Dante, Nginx

from anyiohttp import (
    BasicAuth,
    ClientConnectorCertificateError,
    ClientSession,
    ClientSocksProxyError,
    ProxyConnector,
    TCPConnector,
)

pytestmark = pytest.mark.anyio

SCHEMES = ["socks4", "socks4a", "socks5", "socks5h"]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_dante_carries_plain_and_secure_requests(
    dante: Dante, nginx: Nginx, scheme: str, client_ssl_context: ssl.SSLContext
) -> None:
    proxy = dante.url(scheme)
    async with ClientSession(connector=TCPConnector(ssl=client_ssl_context)) as session:
        named = nginx.url.with_host("localhost")
        if scheme == "socks4a":
            named = nginx.url_short  # Dante does not know SOCKS4a's names (curl fails, too)
        for root in (nginx.url, nginx.tls_url, named):
            async with session.get(root / "told", proxy=proxy) as response:
                assert (await response.text()).startswith(f"GET /told {root.scheme}")
        async with session.get(nginx.url / "big.bin", proxy=proxy) as response:
            assert await response.read() == nginx.big
        # Four requests to three targets: a tunnel of each.
        assert session.connector is not None
        assert session.connector.stats.idle == 3


async def test_dante_carries_uploads(dante: Dante, nginx: Nginx, anyio_backend_name: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield bytes([number]) * 65536

    url = nginx.url / "dav" / f"socks-{anyio_backend_name}"
    async with ClientSession(connector=ProxyConnector.from_url(dante.url("socks5"))) as session:
        async with session.put(url, data=pieces()) as response:
            assert response.status in (201, 204)
        async with session.get(url) as response:
            assert len(await response.read()) == 50 * 65536


async def test_the_certificate_is_the_targets(dante: Dante, nginx: Nginx) -> None:
    async with ClientSession() as session:
        with pytest.raises(ClientConnectorCertificateError):
            await session.get(nginx.tls_url / "told", proxy=dante.url("socks5h"))


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_dante_asks_for_credentials(guarded_dante: Dante, nginx: Nginx, scheme: str) -> None:
    url = nginx.url / "hello.txt"
    bare = guarded_dante.url(scheme).with_user(None)
    auth = BasicAuth(guarded_dante.user or "", guarded_dante.password or "")
    async with ClientSession() as session:
        async with session.get(url, proxy=guarded_dante.url(scheme)) as response:
            assert await response.text() == "hello from nginx\n"
        async with session.get(url, proxy=bare, proxy_auth=auth) as response:
            assert response.status == 200
        for wrong in (bare, bare.with_user("alice").with_password("wrong")):
            with pytest.raises(ClientSocksProxyError) as caught:
                await session.get(url, proxy=wrong)
            assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_dante_refuses(dante: Dante, unused_port: int, scheme: str) -> None:
    """What the proxy may not, or cannot, connect to is an error that says so."""
    is_5 = scheme.startswith("socks5")
    async with ClientSession() as session:
        for port, reply, number in (
            (9, 2 if is_5 else 91, errno.EACCES if is_5 else errno.ECONNREFUSED),
            (unused_port, 5 if is_5 else 91, errno.ECONNREFUSED),
        ):
            with anyio.fail_after(20), pytest.raises(ClientSocksProxyError) as caught:
                await session.get(f"http://127.0.0.1:{port}/", proxy=dante.url(scheme))
            assert (caught.value.reply, caught.value.errno) == (reply, number)
            assert (caught.value.host, caught.value.port) == ("127.0.0.1", port)
