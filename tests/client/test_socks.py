"""SOCKS proxies, end to end: through ``proxy=``, `ProxyConnector` and the environment."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator

import pytest
from yarl import URL

import anyiohttp
from anyiohttp import BasicAuth, ClientSession, ClientTimeout, ProxyConnector
from anyiohttp.testing import (
    Address,
    CertificateAuthority,
    MemoryNetwork,
    Peer,
    Request,
    Response,
)

pytestmark = pytest.mark.anyio

TARGET = "target.example"
PROXY = "proxy.example"
SCHEMES = ["socks4", "socks4a", "socks5", "socks5h"]
USER, PASSWORD = "fred", "s3cret:with colon"


async def hello(request: Request) -> Response:
    return Response(200, b"hello from " + request.headers["Host"].encode())


@pytest.fixture
async def network(anyio_backend: object) -> AsyncIterator[MemoryNetwork]:
    async with MemoryNetwork() as network:
        network.serve(TARGET, hello)
        yield network


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


def proxy_url(scheme: str, user: str | None = None, password: str | None = None) -> URL:
    return URL.build(scheme=scheme, host=PROXY, user=user, password=password)


# --- through it ---


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_plain_and_secure_requests(
    network: MemoryNetwork, scheme: str, authority: CertificateAuthority
) -> None:
    """Both go through a tunnel; who finds the target's address depends on the scheme."""
    network.serve(TARGET, hello, tls=authority.server_context(TARGET))
    proxy = network.socks_proxy(PROXY)
    connector = network.connector(ssl=authority.client_context())
    async with ClientSession(connector=connector) as session:
        for url in (f"http://{TARGET}/a", f"https://{TARGET}/a", f"http://{TARGET}/b"):
            async with session.get(url, proxy=proxy_url(scheme)) as response:
                assert await response.read() == b"hello from target.example"
                assert response.request_info.url == URL(url)
        assert proxy.connections == 2  # the third request found the first one's
        asked_here = TARGET in network.resolver.lookups
        assert asked_here == (scheme in ("socks4", "socks5"))


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_credentials(network: MemoryNetwork, scheme: str) -> None:
    """In the URL, or as ``proxy_auth``; connections of one user never serve another."""
    password = None if "4" in scheme else PASSWORD
    proxy = network.socks_proxy(PROXY, auth=(USER, PASSWORD))
    async with ClientSession(connector=network.connector()) as session:

        async def ask(url: URL, auth: BasicAuth | None = None) -> None:
            async with session.get(f"http://{TARGET}/", proxy=url, proxy_auth=auth) as response:
                assert response.status == 200
                await response.read()

        await ask(proxy_url(scheme, USER, password))
        await ask(proxy_url(scheme, USER, password))
        await ask(proxy_url(scheme), BasicAuth(USER, password or ""))
        assert proxy.connections <= 2
        before = proxy.connections
        for user in ("other", None):
            with pytest.raises(anyiohttp.ClientSocksProxyError) as caught:
                await ask(proxy_url(scheme, user, user and password))
            assert caught.value.errno == errno.EACCES
            assert caught.value.reply is not None
            assert (caught.value.host, caught.value.port) == (TARGET, 80)
            assert str(caught.value.proxy) == f"{scheme}://{PROXY}"
            assert PASSWORD not in f"{caught.value} {caught.value!r} {caught.value.args}"
        assert proxy.connections == before + 2  # theirs were of no use to others


@pytest.mark.parametrize("made", [ProxyConnector, ProxyConnector.from_url])
async def test_a_proxy_connector(network: MemoryNetwork, made: type[ProxyConnector]) -> None:
    with pytest.raises(ValueError, match="no passwords"):
        made("socks4://u:p@proxy.example")
    connector = made(f"socks5h://{USER}@{PROXY}", resolver=network.resolver)
    assert connector.proxy_route.is_socks
    assert connector.proxy_route.port == 1080
    assert connector.proxy_route.login == USER
    key = connector.key_for(URL(f"http://{TARGET}/"))
    assert key.tunnel
    assert key.host == TARGET
    with pytest.raises(ValueError, match="nothing but tunnels"):
        connector.key_for(URL(f"http://{TARGET}/"), tunnel=False)
    await connector.close()


async def test_a_proxy_that_is_not_there(free_tcp_port: int) -> None:
    url = f"socks5h://127.0.0.1:{free_tcp_port}"
    async with ClientSession(connector=ProxyConnector(url)) as session:
        with pytest.raises(anyiohttp.ClientProxyConnectionError) as caught:
            await session.get(f"http://{TARGET}/")
        assert not isinstance(caught.value, anyiohttp.ClientSocksProxyError)
        assert (caught.value.host, caught.value.port) == ("127.0.0.1", free_tcp_port)
        assert caught.value.errno == errno.ECONNREFUSED


async def test_the_environment(network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = network.socks_proxy(PROXY, auth=(USER, "p"))
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("all_proxy", f"socks5h://{USER}:p@{PROXY}")
    async with ClientSession(connector=network.connector(), trust_env=True) as session:
        async with session.get(f"http://{TARGET}/") as response:
            await response.read()
        assert proxy.connections == 1
        assert TARGET not in network.resolver.lookups
        monkeypatch.setenv("no_proxy", TARGET)
        async with session.get(f"http://{TARGET}/") as response:
            await response.read()
        assert TARGET in network.resolver.lookups


async def test_what_a_proxy_cannot_carry(network: MemoryNetwork) -> None:
    async with ClientSession(connector=network.connector()) as session:
        for options, text in (
            ({"proxy": proxy_url("socks5"), "proxy_headers": {"X-A": "1"}}, "header fields"),
            ({"proxy": proxy_url("socks4", "u", "p")}, "no passwords"),
            ({"proxy": proxy_url("socks5"), "proxy_auth": BasicAuth("u" * 256)}, "1 to 255"),
        ):
            with pytest.raises(ValueError, match=text):
                await session.get(f"http://{TARGET}/", **options)  # type: ignore[arg-type]
        for scheme in ("socks4", "socks4a"):
            network.socks_proxy(PROXY)
            with pytest.raises(anyiohttp.ClientError, match="IPv4 addresses only"):
                await session.get("http://[2001:db8::1]/", proxy=proxy_url(scheme))


# --- addresses ---


def answering(replies: dict[bytes, int], asked: list[bytes]) -> object:
    """A SOCKS5 proxy that refuses an address, or answers in the target's place."""

    async def script(peer: Peer) -> None:
        await peer.receive_exactly(3)
        await peer.send(b"\5\0")
        _, _, _, kind = await peer.receive_exactly(4)
        address = await peer.receive_exactly(4 if kind == 1 else 16)
        await peer.receive_exactly(2)
        asked.append(address)
        await peer.send(bytes([5, replies.get(address, 0), 0, 1]) + bytes(6))
        if not replies.get(address, 0):
            await peer.receive_head()
            await peer.answer(b"there")

    return script


FIRST, SECOND = b"\xc0\0\2\1", b"\x20\1\x0d\xb8" + bytes(11) + b"\1"
ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1")


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ({}, [FIRST]),
        ({FIRST: 4}, [FIRST, SECOND]),
        ({FIRST: 8, SECOND: 5}, [FIRST, SECOND, b"\xc0\0\2\2"]),
        ({FIRST: 2}, None),
    ],
)
async def test_one_address_after_the_other(
    network: MemoryNetwork, replies: dict[bytes, int], expected: list[bytes] | None
) -> None:
    """Where we look the name up, each address is tried, families in turns."""
    asked: list[bytes] = []
    network.serve(TARGET, hello, addresses=ADDRESSES)
    network.listen(PROXY, 1080, answering(replies, asked))  # type: ignore[arg-type]
    async with ClientSession(connector=network.connector()) as session:
        if expected is None:
            with pytest.raises(anyiohttp.ClientSocksProxyError, match="rules") as caught:
                await session.get(f"http://{TARGET}/", proxy=proxy_url("socks5"))
            assert caught.value.reply == 2
            assert asked == [FIRST]
        else:
            async with session.get(f"http://{TARGET}/", proxy=proxy_url("socks5")) as response:
                assert await response.read() == b"there"
            assert asked == expected


async def test_no_address_will_do(network: MemoryNetwork) -> None:
    asked: list[bytes] = []
    network.serve(TARGET, hello, addresses=ADDRESSES)
    replies = dict.fromkeys([FIRST, SECOND, b"\xc0\0\2\2"], 5)
    network.listen(PROXY, 1080, answering(replies, asked))  # type: ignore[arg-type]
    async with ClientSession(connector=network.connector()) as session:
        with pytest.raises(anyiohttp.ClientSocksProxyError, match="connection refused") as caught:
            await session.get(f"http://{TARGET}/", proxy=proxy_url("socks5"))
        assert len(asked) == 3
        assert caught.value.errno == errno.ECONNREFUSED
        text = "Cannot connect to host target.example:80 by socks5://proxy.example "
        assert str(caught.value) == text + "[connection refused (reply 5)]"
        with pytest.raises(anyiohttp.ClientConnectorDNSError):
            await session.get("http://absent.example/", proxy=proxy_url("socks5"))
        with pytest.raises(anyiohttp.ClientConnectorDNSError):
            await session.get(f"http://{TARGET}/", proxy=URL("socks5://absent.example"))


async def test_socks4_asks_for_ipv4_only(network: MemoryNetwork) -> None:
    network.serve("six.example", hello, addresses=(Address("2001:db8::2"), Address("192.0.2.9")))
    network.socks_proxy(PROXY)
    async with (
        ClientSession(connector=network.connector()) as session,
        session.get("http://six.example/", proxy=proxy_url("socks4")) as response,
    ):
        assert response.status == 200


# --- failures ---

ANSWERS = {
    "socks4": b"\0\x5a" + bytes(6),
    "socks5": b"\5\2\1\0\5\0\0\3\4name\0\1",
}


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
@pytest.mark.parametrize("how", ["end", "reset", "stall"])
async def test_cut_at_every_byte(network: MemoryNetwork, scheme: str, how: str) -> None:
    """An answer that breaks off is an error within ``sock_connect``, and the next request works."""
    answer = ANSWERS[scheme]
    cut = 0

    async def script(peer: Peer) -> None:
        await peer.receive_some()
        if scheme == "socks5":
            for start, end in ((0, 2), (2, 4), (4, len(answer))):
                await peer.send(answer[start : min(end, cut)])
                if cut <= end:
                    break
                await peer.receive_some()
        else:
            await peer.send(answer[:cut])
        if how == "reset":
            peer.reset()
        elif how == "stall":
            await peer.stall()

    network.listen(PROXY, 1080, script)
    connector = network.connector(limit=1)
    timeout = ClientTimeout(sock_connect=0.02 if how == "stall" else 20)
    async with ClientSession(connector=connector) as session:
        url = proxy_url(scheme, USER, "p" if scheme == "socks5" else None)
        for cut in range(0, len(answer), 4 if how == "stall" else 1):  # noqa: B007 - the script's
            with pytest.raises(anyiohttp.ClientConnectionError) as caught:
                await session.get("http://192.0.2.7/", proxy=url, timeout=timeout)
            error = caught.value
            if how == "stall":
                assert isinstance(error, anyiohttp.ConnectionTimeoutError)
                assert error.phase == "sock_connect"
            else:
                assert isinstance(error, anyiohttp.ClientProxyConnectionError)
                assert error.host == PROXY
            stats = connector.stats
            assert stats.dialing == stats.busy == stats.idle == network.stats.client_open == 0
        async with session.get(f"http://{TARGET}/") as response:
            assert response.status == 200
