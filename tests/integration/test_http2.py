"""HTTP/2 with servers of other projects: nginx, nghttpd, HAProxy and hypercorn."""

from __future__ import annotations

import hashlib
import random
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
import trustme
from tests.certs.authority import CertFiles, client_context
from tests.integration.conftest import TEXT, Dante, Nginx, Squid
from tests.integration.daemons import (
    free_ports,
    public_directory,
    running,
    running_haproxy,
    running_nghttpd,
    running_nginx,
)
from yarl import URL

from anyiohttp import (
    ClientConnectorError,
    ClientSession,
    ClientTimeout,
    CookieJar,
    HttpVersion,
    HttpVersion11,
    TCPConnector,
    UnixConnector,
    WSMsgType,
    WSServerHandshakeError,
)

pytestmark = pytest.mark.anyio

HTTP2 = HttpVersion(2, 0)
MB = 1024 * 1024
#: More than any window, and nothing that a lost, doubled or swapped frame would leave as it is.
BIG = random.Random(2).randbytes(12 * MB)


@dataclass(frozen=True)
class Site:
    """An nginx that speaks HTTP/2.

    Attributes:
        url: with TLS; ``h2`` and ``http/1.1`` by ALPN.
        url_short: the same, but a connection serves ten requests, then comes a GOAWAY.
        unix_path: ``h2`` by prior knowledge.
    """

    url: URL
    url_short: URL
    unix_path: Path


_NGINX = """\
access_log off;
types {{ text/plain txt; }}
gzip on;
gzip_types text/plain;
ssl_certificate {certs.cert};
ssl_certificate_key {certs.key};
server {{
    listen 127.0.0.1:{ports[0]} ssl http2;
    listen unix:{socket} http2;
    include locations.conf;
}}
server {{
    listen 127.0.0.1:{ports[1]} ssl http2;
    keepalive_requests 10;
    include locations.conf;
}}
"""

_LOCATIONS = """\
root {dir}/www;
location /dav/ {{ dav_methods PUT; client_max_body_size 1g; }}
location /limited/ {{ dav_methods PUT; client_max_body_size 1k; }}
location /slow/ {{ limit_rate 64k; limit_rate_after 64k; alias {dir}/www/; }}
location = /redirect {{ return 302 /told; }}
location = /see-other {{ return 303 /told; }}
location = /nothing {{ return 204; }}
location = /unavailable {{ return 503 "later"; }}
location = /cookies {{
    add_header Set-Cookie "one=1; Path=/";
    add_header Set-Cookie "two=a-value-of-more-than-twenty-bytes; Path=/; Secure";
    return 200 "set";
}}
location = /told {{
    default_type text/plain;
    return 200 "$connection $server_protocol $request_method $host:$server_port $http_cookie";
}}
"""


@pytest.fixture(scope="module")
def site(cert_files: CertFiles) -> Iterator[Site]:
    ports = free_ports(2)
    with public_directory("nginx-http2") as directory:
        www = directory / "www"
        (www / "dav").mkdir(parents=True)
        (www / "limited").mkdir()
        (www / "big.bin").write_bytes(BIG)
        (www / "text.txt").write_text(TEXT)
        socket = directory / "socket"
        (directory / "locations.conf").write_text(_LOCATIONS.format(dir=directory))
        http = _NGINX.format(certs=cert_files, ports=ports, socket=socket)
        with running_nginx(http, ports=ports, unix_paths=(socket,), directory=directory):
            yield Site(_local(ports[0]), _local(ports[1]), socket)


@pytest.fixture
def context(ca: trustme.CA) -> ssl.SSLContext:
    """A client's context that offers HTTP/2."""
    context = client_context(ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
async def session(context: ssl.SSLContext) -> AsyncIterator[ClientSession]:
    jar = CookieJar(unsafe=True)
    connector = TCPConnector(ssl=context)
    timeout = ClientTimeout(total=60)
    async with ClientSession(connector=connector, cookie_jar=jar, timeout=timeout) as session:
        yield session


def _local(port: int, scheme: str = "https") -> URL:
    return URL.build(scheme=scheme, host="127.0.0.1", port=port, path="/")


async def told(session: ClientSession, url: URL, **options: object) -> list[str]:
    """Ask nginx for the connection's number, the protocol, the method, the host and cookies."""
    async with session.get(url / "told", **options) as response:  # type: ignore[arg-type]
        assert response.status == 200
        return (await response.text()).split(" ", 4)


def connections(session: ClientSession) -> int:
    assert session.connector is not None
    stats = session.connector.stats
    return stats.idle + stats.busy


# --- nginx ---


async def test_alpn_decides(site: Site, nginx: Nginx, session: ClientSession) -> None:
    assert (await told(session, site.url))[1] == "HTTP/2.0"
    async with session.get(nginx.tls_url / "told") as response:  # this one does not know it
        assert response.version == HttpVersion11
    # By default it is offered, and can be switched off.
    for versions, expected in ((("h2", "http/1.1"), HTTP2), (("http/1.1",), HttpVersion11)):
        connector = TCPConnector(ssl=False, http_versions=versions)
        async with ClientSession(connector=connector) as other:
            async with other.get(site.url / "told") as response:
                assert response.version == expected
            async with other.get(site.url / "told") as response:
                assert response.version == expected
            assert connections(other) == 1


async def test_a_websocket_needs_a_context_that_does_not_offer_h2(
    site: Site, session: ClientSession, client_ssl_context: ssl.SSLContext
) -> None:
    url = site.url / "told"  # nginx does not know RFC 8441, and this is no WebSocket
    await told(session, site.url)
    with pytest.raises(ClientConnectorError, match=r"needs HTTP/1\.1: .*\(ssl=\)"):
        await session.ws_connect(url)
    with pytest.raises(WSServerHandshakeError):
        await session.ws_connect(url, ssl=client_ssl_context)
    # A context of ours offers what is needed.
    async with ClientSession(connector=TCPConnector(ssl=False)) as other:
        await told(other, site.url)
        with pytest.raises(WSServerHandshakeError):
            await other.ws_connect(url)


async def test_requests_share_a_connection(site: Site, session: ClientSession) -> None:
    numbers = set()

    async def ask() -> None:
        for _ in range(4):
            numbers.add((await told(session, site.url))[0])

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(ask)
    assert len(numbers) == 1
    assert connections(session) == 1


async def test_large_downloads_beside_each_other(site: Site, session: ClientSession) -> None:
    digests = []

    async def fetch() -> None:
        digest = hashlib.sha256()
        async with session.get(site.url / "big.bin") as response:
            assert response.content_length == len(BIG)
            async for data in response.content.iter_any():
                digest.update(data)
        digests.append(digest.digest())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(fetch)
    assert digests == [hashlib.sha256(BIG).digest()] * 3
    assert connections(session) == 1


async def test_large_uploads_beside_each_other(
    site: Site, session: ClientSession, anyio_backend_name: str
) -> None:
    blocks = [BIG[start : start + 100_000] for start in range(0, 4 * MB, 100_000)]

    async def pieces() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    async def put(number: int) -> None:
        url = site.url / "dav" / f"{anyio_backend_name}-{number}"
        # Each other one in pieces of which nobody knows how many there are.
        data = pieces() if number % 2 else b"".join(blocks)
        async with session.put(url, data=data) as response:
            assert response.status in (201, 204)
            assert response.version == HTTP2
        async with session.get(url) as response:
            assert await response.read() == b"".join(blocks)

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(put, number)
    assert connections(session) == 1


async def test_statuses_and_bodies_that_are_none(site: Site, session: ClientSession) -> None:
    async with session.head(site.url / "big.bin") as response:
        assert (response.content_length, await response.read()) == (len(BIG), b"")
        changed = {"If-None-Match": response.headers["ETag"]}
    async with session.get(site.url / "big.bin", headers=changed) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with session.get(site.url / "big.bin", headers={"Range": "bytes=5-9"}) as response:
        assert (response.status, await response.read()) == (206, BIG[5:10])
    async with session.get(site.url / "nothing") as response:
        assert (response.status, await response.read()) == (204, b"")
    async with session.get(site.url / "missing") as response:
        assert (response.status, response.reason) == (404, "")
    async with session.get(site.url / "unavailable") as response:
        assert (response.status, await response.text()) == (503, "later")
    async with session.get(site.url / "text.txt") as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert await response.text() == TEXT
    assert connections(session) == 1


@pytest.mark.parametrize("expect", [False, True])
async def test_an_early_refusal_leaves_the_connection(
    site: Site, session: ClientSession, expect: bool
) -> None:
    first = (await told(session, site.url))[0]
    url = site.url / "limited" / "large"
    async with session.put(url, data=BIG, expect100=expect) as response:
        assert response.status == 413
        await response.read()
    assert (await told(session, site.url))[0] == first


async def test_redirects_and_cookies(site: Site, session: ClientSession) -> None:
    async with session.get(site.url / "cookies") as response:
        assert await response.text() == "set"
    async with session.get(site.url / "redirect") as response:
        _, protocol, method, host, cookies = (await response.text()).split(" ", 4)
        assert [hop.status for hop in response.history] == [302]
    assert (protocol, method, host) == ("HTTP/2.0", "GET", f"127.0.0.1:{site.url.port}")
    assert cookies == "one=1; two=a-value-of-more-than-twenty-bytes"
    async with session.post(site.url / "see-other", data=b"x" * 1000) as response:
        assert (await response.text()).split(" ")[2] == "GET"
    assert connections(session) == 1


async def test_nobody_notices_a_goaway(site: Site, session: ClientSession) -> None:
    numbers: list[str] = []

    async def ask(count: int) -> None:
        for _ in range(count):
            number, *_ = await told(session, site.url_short)
            numbers.append(number)

    async with anyio.create_task_group() as tasks:
        for _ in range(16):
            tasks.start_soon(ask, 6)
    assert len(numbers) == 96
    assert len(set(numbers)) >= 10
    assert max(map(numbers.count, numbers)) <= 10


async def test_what_is_cancelled_costs_the_others_nothing(
    site: Site, session: ClientSession
) -> None:
    first = (await told(session, site.url))[0]
    for _ in range(30):
        async with session.get(site.url / "big.bin") as response:
            assert await response.content.read(1000) == BIG[:1000]
    async with session.get(site.url / "slow" / "big.bin") as slow:
        with anyio.move_on_after(0.1) as scope:
            async for _ in slow.content.iter_any():
                pass
        assert scope.cancelled_caught
        with anyio.move_on_after(0) as scope:
            await session.put(site.url / "dav" / "cancelled", data=BIG)
        assert scope.cancelled_caught
        async with session.get(site.url / "big.bin") as response:
            assert await response.read() == BIG
    assert (await told(session, site.url))[0] == first
    assert connections(session) == 1


async def test_through_squid(squid: Squid, site: Site, session: ClientSession) -> None:
    proxy = squid.url.with_user(squid.user).with_password(squid.password)
    await _through(session, site, proxy)


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_through_dante(dante: Dante, site: Site, session: ClientSession, scheme: str) -> None:
    await _through(session, site, dante.url(scheme))


async def _through(session: ClientSession, site: Site, proxy: URL) -> None:
    direct = (await told(session, site.url))[0]
    numbers = set()

    async def ask() -> None:
        answer = await told(session, site.url, proxy=proxy)
        assert answer[1] == "HTTP/2.0"
        numbers.add(answer[0])

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)
    assert len(numbers) == 1
    assert direct not in numbers
    async with session.get(site.url / "big.bin", proxy=proxy) as response:
        assert await response.read() == BIG
    assert connections(session) == 2


async def test_over_a_unix_socket(site: Site, anyio_backend_name: str) -> None:
    connector = UnixConnector(str(site.unix_path), http_versions=("h2",))
    async with ClientSession("http://unix/", connector=connector) as session:
        async with session.get("told") as response:
            assert (await response.text()).split(" ")[1] == "HTTP/2.0"
        async with session.put(f"dav/unix-{anyio_backend_name}", data=BIG[:MB]) as response:
            assert response.status in (201, 204)
        async with session.get("big.bin") as response:
            assert await response.read() == BIG
        assert connections(session) == 1


# --- nghttpd ---


@pytest.fixture(scope="module", params=["tls", "no-tls"])
def nghttpd(request: pytest.FixtureRequest, cert_files: CertFiles) -> Iterator[URL]:
    """nghttp2's own server: padding, no header table, small windows, few streams, trailers.

    It sends back what is sent to it.
    """
    secure = request.param == "tls"
    options = ["--padding=50", "--header-table-size=0", "--encoder-header-table-size=0"]
    options += ["--window-bits=14", "--connection-window-bits=15"]
    options += ["--max-concurrent-streams=5", "--trailer=x-trailer: seen"]
    (port,) = free_ports(1)
    certs = cert_files if secure else None
    with public_directory("nghttpd") as directory:
        (directory / "hello.txt").write_text("hello from nghttpd\n")
        with running_nghttpd(*options, port=port, directory=directory, certs=certs):
            yield _local(port, "https" if secure else "http")


async def test_nghttpd(nghttpd: URL, context: ssl.SSLContext) -> None:
    bodies = [BIG[number * 1000 : number * 1000 + 300_000] for number in range(20)]

    async def echo(body: bytes) -> None:
        async with session.post(nghttpd, data=body) as response:
            assert await response.read() == body
            assert response.version == HTTP2
            assert response.trailers == {"x-trailer": "seen"}

    connector = TCPConnector(ssl=context, http_versions=("h2",), limit=1)
    async with ClientSession(connector=connector) as session:
        async with anyio.create_task_group() as tasks:
            for body in bodies:
                tasks.start_soon(echo, body)
        async with session.get(nghttpd / "hello.txt") as response:
            assert await response.text() == "hello from nghttpd\n"
        async with session.get(nghttpd / "missing") as response:
            assert response.status == 404
        assert connections(session) == 1


async def test_a_server_that_is_started_again(unused_port: int) -> None:
    url = _local(unused_port, "http")

    async def echo() -> None:
        async with session.post(url, data=b"body") as response:
            assert await response.read() == b"body"

    connector = TCPConnector(http_versions=("h2",))
    with public_directory("nghttpd") as directory:
        async with ClientSession(connector=connector) as session:
            with running_nghttpd(port=unused_port, directory=directory):
                await echo()
            with running_nghttpd(port=unused_port, directory=directory):
                await echo()  # the first connection is seen to be over


# --- HAProxy ---

_HAPROXY = """\
global
    tune.h2.max-concurrent-streams 5
frontend front
    mode http
    bind 127.0.0.1:{ports[0]} ssl crt {certs.combined} alpn h2,http/1.1
    bind 127.0.0.1:{ports[1]} proto h2
    http-request return status 429 content-type text/plain string slowly if {{ path /often }}
    default_backend nginx
backend nginx
    mode http
    server nginx 127.0.0.1:{port} ssl verify none alpn h2
"""


@pytest.fixture(scope="module", params=[0, 1], ids=["tls", "plain"])
def haproxy_http2(
    request: pytest.FixtureRequest, cert_files: CertFiles, site: Site
) -> Iterator[URL]:
    """HAProxy before nginx: five streams at a time."""
    ports = free_ports(2)
    sections = _HAPROXY.format(ports=ports, certs=cert_files, port=site.url.port)
    with (
        public_directory("haproxy") as directory,
        running_haproxy(sections, ports=ports, directory=directory),
    ):
        yield _local(ports[request.param], ("https", "http")[request.param])


async def test_haproxy_gives_few_streams(haproxy_http2: URL, context: ssl.SSLContext) -> None:
    done = 0

    async def ask() -> None:
        nonlocal done
        async with session.get(haproxy_http2 / "text.txt") as response:
            assert response.version == HTTP2
            assert await response.text() == TEXT
        done += 1

    connector = TCPConnector(ssl=context, http_versions=("h2",), limit_per_host=1)
    async with ClientSession(connector=connector) as session:
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(ask)
        async with session.get(haproxy_http2 / "often") as response:
            assert (response.status, await response.text()) == (429, "slowly")
        async with session.get(haproxy_http2 / "big.bin") as response:
            assert await response.read() == BIG
        assert connections(session) == 1
    assert done == 40


# --- hypercorn ---


@pytest.fixture(scope="module")
def hypercorn(cert_files: CertFiles) -> Iterator[URL]:
    pytest.importorskip("hypercorn")
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}"]
    command += ["--certfile", str(cert_files.cert), "--keyfile", str(cert_files.key)]
    command += ["http2_app:app"]
    with public_directory("hypercorn") as directory:
        app = Path(__file__).with_name("http2_app.py")
        (directory / "http2_app.py").write_text(app.read_text())
        with running(command, ports=[port], directory=directory):
            yield _local(port)


async def test_hypercorn_full_duplex(hypercorn: URL, session: ClientSession) -> None:
    to_server, body = anyio.create_memory_object_stream[bytes](0)
    async with body, session.post(hypercorn / "echo", data=body) as response:
        # Each piece is sent when the one before it has come back.
        for number in range(20):
            piece = bytes([number]) * 50_000
            await to_server.send(piece)
            assert await response.content.readexactly(len(piece)) == piece
        to_server.close()
        assert await response.read() == b""
    assert connections(session) == 1


async def test_hypercorn_trailers_and_fields(hypercorn: URL, session: ClientSession) -> None:
    headers = {"TE": "trailers", "Connection": "keep-alive, X-Hop", "X-Hop": "1", "X-End": "ä"}
    async with session.post(
        hypercorn / "trailers", data=BIG[:MB], headers={"TE": "trailers"}
    ) as response:
        assert await response.read() == b"done"
        assert response.trailers.getall("X-Size") == [str(MB)]
        assert response.trailers.getall("x-twice") == ["1", "2"]
    async with session.get(hypercorn / "told", headers=headers) as response:
        told = await response.json(content_type=None)
    names = [name for name, _ in told["fields"]]
    assert told["version"] == "2"
    assert {"te", "x-end"} <= set(names)
    assert names.count("host") + names.count(":authority") == 1
    assert not {"connection", "x-hop"} & set(names)


async def test_hypercorn_websockets_are_streams(hypercorn: URL, session: ClientSession) -> None:
    async with session.get(hypercorn / "told") as response:
        assert response.version == HTTP2

    async def talk(number: int) -> None:
        async with session.ws_connect(hypercorn / "ws", protocols=["chat"]) as websocket:
            assert await websocket.receive_str() == "2"
            assert websocket.protocol == "chat"
            for size in (0, 1, 70_000, 500_000):
                await websocket.send_bytes(BIG[:size])
                assert await websocket.receive_bytes() == BIG[:size]
            if number % 2:
                await websocket.send_str("close")
                assert (await websocket.receive()).type == WSMsgType.CLOSE
                assert websocket.close_code == 4001

    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(talk, number)
    async with session.get(hypercorn / "told") as response:
        assert response.status == 200
    assert connections(session) == 1
