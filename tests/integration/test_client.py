"""The client against nginx, squid and HAProxy as Debian ships them."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator

import anyio
import pytest
from tests.certs.authority import Fingerprints
from tests.integration.conftest import HAProxy, Nginx, Squid

from anyiohttp import (
    BasicAuth,
    ClientConnectorCertificateError,
    ClientHttpProxyError,
    ClientSession,
    Fingerprint,
    FingerprintMismatch,
    ProxyConnector,
    TCPConnector,
    UnixConnector,
)

pytestmark = pytest.mark.anyio


# --- nginx ---


async def test_nginx_get_head_and_redirect(nginx: Nginx) -> None:
    async with ClientSession(base_url=nginx.url) as session:
        async with session.get("hello.txt") as response:
            assert response.status == 200
            assert response.content_type == "text/plain"
            assert await response.text() == "hello from nginx\n"
        async with session.head("big.bin") as response:
            assert response.headers["Content-Length"] == str(len(nginx.big))
            assert await response.read() == b""
        async with session.get("big.bin", headers={"Range": "bytes=10-19"}) as response:
            assert response.status == 206
            assert await response.read() == nginx.big[10:20]
        async with session.get("redirect") as response:
            assert str(response.url.path) == "/hello.txt"
            assert [hop.status for hop in response.history] == [302]


async def test_nginx_gzip(nginx: Nginx) -> None:
    async with ClientSession() as session:
        async with session.get(nginx.url / "text.txt") as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert await response.text() == nginx.text
        async with session.get(nginx.url / "text.txt", auto_decompress=False) as response:
            assert (await response.read()).startswith(b"\x1f\x8b")
        async with session.get(nginx.url / "text.txt") as response:
            lines = [line async for line in response.content]
        assert b"".join(lines).decode() == nginx.text
        assert len(lines) == 5000


async def test_nginx_reads_in_parts(nginx: Nginx) -> None:
    async with ClientSession() as session, session.get(nginx.url / "big.bin") as response:
        digest = hashlib.sha256()
        async for data in response.content.iter_chunked(10_007):
            assert len(data) <= 10_007
            digest.update(data)
    assert digest.digest() == hashlib.sha256(nginx.big).digest()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_nginx_upload(nginx: Nginx, chunked: bool, anyio_backend_name: str) -> None:
    blocks = [bytes([number]) * 65536 for number in range(50)]

    async def generate() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    url = nginx.url / "dav" / f"{anyio_backend_name}-{chunked}"
    async with ClientSession() as session:
        data = generate() if chunked else b"".join(blocks)
        async with session.put(url, data=data) as response:
            assert response.status in (201, 204)
        async with session.get(url) as response:
            assert await response.read() == b"".join(blocks)
        async with session.delete(url) as response:
            assert response.status == 204


async def test_nginx_upload_that_expects_continue(nginx: Nginx) -> None:
    async with (
        ClientSession() as session,
        session.put(nginx.url / "dav" / "expected", data=b"x" * 100, expect100=True) as response,
    ):
        assert response.status in (201, 204)


async def test_nginx_refuses_an_upload_early(nginx: Nginx) -> None:
    async with ClientSession() as session:
        async with session.put(nginx.url / "limited" / "x", data=b"x" * 20_000_000) as response:
            assert response.status == 413
        # What is left of that upload hurts nobody.
        async with session.get(nginx.url / "hello.txt") as response:
            assert response.status == 200


async def test_nginx_basic_auth(nginx: Nginx) -> None:
    url = nginx.url / "auth" / "hello.txt"
    async with ClientSession() as session:
        async with session.get(url) as response:
            assert response.status == 401
        async with session.get(url, auth=BasicAuth(nginx.user, nginx.password)) as response:
            assert response.status == 200
        async with session.get(url.with_user(nginx.user).with_password("wrong")) as response:
            assert response.status == 401


async def test_nginx_that_closes_after_two_requests(nginx: Nginx) -> None:
    async with ClientSession(base_url=nginx.url_short) as session:
        for number in range(9):
            async with session.get("told", params={"n": number}) as response:
                assert await response.text() == f"GET /told?n={number} http "


async def test_nginx_many_at_once(nginx: Nginx) -> None:
    async with ClientSession(connector=TCPConnector(limit=8)) as session:

        async def fetch(number: int) -> None:
            async with session.get(nginx.url / "told", params={"n": number}) as response:
                assert await response.text() == f"GET /told?n={number} http "

        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(fetch, number)


async def test_nginx_tls(nginx: Nginx, client_ssl_context: ssl.SSLContext) -> None:
    url = nginx.tls_url / "told"
    async with ClientSession() as session:
        for _ in range(2):  # the second one on the kept connection
            async with session.get(url, ssl=client_ssl_context) as response:
                assert await response.text() == "GET /told https "
        async with session.get(url, ssl=False) as response:
            assert response.status == 200
        with pytest.raises(ClientConnectorCertificateError):
            await session.get(url)
        async with session.get(nginx.tls_url / "big.bin", ssl=client_ssl_context) as response:
            assert await response.read() == nginx.big


async def test_nginx_fingerprint(nginx: Nginx, server_fingerprints: Fingerprints) -> None:
    url = nginx.tls_url / "told"
    async with ClientSession() as session:
        async with session.get(url, ssl=Fingerprint(server_fingerprints.sha256)) as response:
            assert response.status == 200
        with pytest.raises(FingerprintMismatch):
            await session.get(url, ssl=Fingerprint(bytes(32)))


async def test_nginx_client_certificate(
    nginx: Nginx, client_ssl_context: ssl.SSLContext, mtls_client_ssl_context: ssl.SSLContext
) -> None:
    url = nginx.mtls_url / "told"
    async with ClientSession() as session:
        async with session.get(url, ssl=client_ssl_context) as response:
            assert response.status == 400
            assert "No required SSL certificate was sent" in await response.text()
        async with session.get(url, ssl=mtls_client_ssl_context) as response:
            assert "CN=client" in await response.text()


async def test_nginx_unix_socket(nginx: Nginx) -> None:
    connector = UnixConnector(path=str(nginx.unix_path))
    async with (
        ClientSession(connector=connector) as session,
        session.get("http://localhost/big.bin") as response,
    ):
        assert await response.read() == nginx.big


async def test_nginx_download_left_early(nginx: Nginx) -> None:
    async with ClientSession() as session:
        async with session.get(nginx.url / "big.bin") as response:
            assert await response.content.readexactly(1000) == nginx.big[:1000]
        async with session.get(nginx.url / "hello.txt") as response:
            assert await response.text() == "hello from nginx\n"


# --- squid ---


async def test_squid_forwards(squid: Squid, nginx: Nginx) -> None:
    async with ClientSession() as session:
        for _ in range(2):
            async with session.get(nginx.url / "told", proxy=squid.open_url) as response:
                assert await response.text() == "GET /told http "
                assert "squid.test" in response.headers["Via"]
        data = b"x" * 1_000_000
        url = nginx.url / "dav" / "by-squid"
        async with session.put(url, data=data, proxy=squid.open_url) as response:
            assert response.status in (201, 204)
        async with session.get(url, proxy=squid.open_url) as response:
            assert await response.read() == data


async def test_squid_credentials(squid: Squid, nginx: Nginx) -> None:
    auth = BasicAuth(squid.user, squid.password)
    async with ClientSession() as session:
        async with session.get(nginx.url / "told", proxy=squid.url) as response:
            assert response.status == 407
        async with session.get(nginx.url / "told", proxy=squid.url, proxy_auth=auth) as response:
            assert response.status == 200
        with_user = squid.url.with_user(squid.user).with_password(squid.password)
        async with session.get(nginx.url / "told", proxy=with_user) as response:
            assert response.status == 200


async def test_squid_tunnels(
    squid: Squid, nginx: Nginx, client_ssl_context: ssl.SSLContext
) -> None:
    auth = BasicAuth(squid.user, squid.password)
    async with ClientSession(connector=TCPConnector(ssl=client_ssl_context)) as session:
        url = nginx.tls_url / "told"
        async with session.get(url, proxy=squid.url, proxy_auth=auth) as response:
            assert await response.text() == "GET /told https "
        with pytest.raises(ClientHttpProxyError) as caught:
            await session.get(url, proxy=squid.url)
        assert caught.value.status == 407
        assert caught.value.headers is not None
        assert "Proxy-Authenticate" in caught.value.headers
        async with session.get(
            nginx.tls_url / "big.bin", proxy=squid.url, proxy_auth=auth
        ) as response:
            assert await response.read() == nginx.big


async def test_squid_as_the_connector(
    squid: Squid, nginx: Nginx, client_ssl_context: ssl.SSLContext
) -> None:
    connector = ProxyConnector(
        squid.url, proxy_auth=BasicAuth(squid.user, squid.password), ssl=client_ssl_context
    )
    async with ClientSession(connector=connector) as session:
        for url in (nginx.url, nginx.tls_url):
            async with session.get(url / "told") as response:
                assert await response.text() == f"GET /told {url.scheme} "


async def test_squid_cannot_reach_the_target(squid: Squid, unused_port: int) -> None:
    async with ClientSession() as session:
        nowhere = f"http://127.0.0.1:{unused_port}/"
        async with session.get(nowhere, proxy=squid.open_url) as response:
            assert response.status == 503
        with pytest.raises(ClientHttpProxyError) as caught:
            await session.get(nowhere.replace("http", "https"), proxy=squid.open_url)
        assert caught.value.status == 503


async def test_squid_by_the_environment(
    squid: Squid, nginx: Nginx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", str(squid.open_url))
    monkeypatch.setenv("no_proxy", "")
    async with ClientSession(trust_env=True) as session:
        async with session.get(nginx.url / "told") as response:
            assert "Via" in response.headers
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with session.get(nginx.url / "told") as response:
            assert "Via" not in response.headers


# --- HAProxy ---


async def test_haproxy_https_proxy(
    haproxy: HAProxy, squid: Squid, nginx: Nginx, client_ssl_context: ssl.SSLContext
) -> None:
    auth = BasicAuth(squid.user, squid.password)
    async with ClientSession(connector=TCPConnector(ssl=client_ssl_context)) as session:
        for target in (nginx.url, nginx.tls_url):  # the second one is TLS in TLS
            async with session.get(target / "told", proxy=haproxy.tls_proxy_url) as response:
                assert await response.text() == f"GET /told {target.scheme} "
            async with session.get(
                target / "big.bin", proxy=haproxy.guarded_tls_proxy_url, proxy_auth=auth
            ) as response:
                assert await response.read() == nginx.big
        with pytest.raises(ClientHttpProxyError):
            await session.get(nginx.tls_url / "told", proxy=haproxy.guarded_tls_proxy_url)


async def test_haproxy_closes_idle_connections(haproxy: HAProxy) -> None:
    async with ClientSession() as session:
        for number in range(3):
            if number:
                await anyio.sleep(0.3)  # HAProxy ends idle connections after 0.2 s
            async with session.post(haproxy.impatient_url / "told", data=b"x") as response:
                assert (await response.text()).startswith("POST /told")
