from __future__ import annotations

import anyio
import pytest
from tests.connect.peers import Peer, address, answering, gone, listening, proxy, silent
from yarl import URL

from anyiohttp._connect.key import ConnectionKey, ProxyRoute
from anyiohttp._connect.tcp import TCPOptions, open_tcp
from anyiohttp._connect.tunnels import open_tunnel
from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout
from anyiohttp._net.streams import NetworkStream
from anyiohttp.exceptions import (
    ClientError,
    ClientHttpProxyError,
    InvalidRequestError,
    SocketTimeoutError,
)

pytestmark = pytest.mark.anyio

TARGET = ConnectionKey("target.test", 443, True)
ROUTE = ProxyRoute(URL("http://proxy.test:3128"))
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def tunnel_to(
    peer: Peer, key: ConnectionKey = TARGET, route: ProxyRoute = ROUTE, call: Call | None = None
) -> NetworkStream:
    stream = await open_tcp([address(peer.port)], TCPOptions())
    try:
        return await open_tunnel(stream, key, route, call or Call("target.test:443"))
    except BaseException:
        assert "closed" in repr(stream)
        raise


async def refusal(*pieces: bytes, route: ProxyRoute = ROUTE) -> ClientHttpProxyError:
    async with listening(answering(*pieces)) as peer:
        with anyio.fail_after(10), pytest.raises(ClientHttpProxyError) as caught:
            await tunnel_to(peer, route=route)
    return caught.value


# --- what is asked ---


@pytest.mark.parametrize(
    ("key", "authority"),
    [
        (TARGET, "target.test:443"),
        (ConnectionKey("target.test.", 8443, True), "target.test.:8443"),
        (ConnectionKey("target.test", None, True), "target.test:443"),
        (ConnectionKey("target.test", None, False, tunnel=True), "target.test:80"),
        (ConnectionKey("::1", 443, True), "[::1]:443"),
        (ConnectionKey("fe80::1%25eth0", 443, True), "[fe80::1]:443"),
        (ConnectionKey("127.0.0.1", 80, False), "127.0.0.1:80"),
    ],
)
async def test_the_request(key: ConnectionKey, authority: str) -> None:
    async with listening(answering(OK)) as peer:
        (await tunnel_to(peer, key)).abort()
        head, _, rest = peer.data.partition(b"\r\n\r\n")
        assert not rest
        first, *fields = head.decode().split("\r\n")
        assert first == f"CONNECT {authority} HTTP/1.1"
        assert fields == [f"Host: {authority}"]


async def test_credentials_and_fields_for_the_proxy() -> None:
    route = ProxyRoute(
        ROUTE.url, "user", "s3cret", headers=(("X-Tenant", "one"), ("User-Agent", "mine"))
    )
    async with listening(answering(OK)) as peer:
        (await tunnel_to(peer, route=route)).abort()
        fields = peer.data.decode().split("\r\n")[1:-2]
    assert sorted(fields) == [
        "Host: target.test:443",
        "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=",
        "User-Agent: mine",
        "X-Tenant: one",
    ]


async def test_a_callers_own_credentials_stand() -> None:
    route = ProxyRoute(ROUTE.url, "user", "x", headers=(("proxy-authorization", "Bearer t"),))
    async with listening(answering(OK)) as peer:
        (await tunnel_to(peer, route=route)).abort()
        assert peer.data.lower().count(b"proxy-authorization") == 1
        assert b"Bearer t" in peer.data


async def test_a_field_that_must_not_be_sent_is_refused() -> None:
    route = ProxyRoute(ROUTE.url, headers=(("X-Tenant", "one\r\nEvil: yes"),))
    async with listening(answering(OK)) as peer:
        with pytest.raises(InvalidRequestError):
            await tunnel_to(peer, route=route)
        await peer.ended.wait()
        assert peer.data == b""


# --- yes ---


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 201 Created\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 299 \r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_any_2xx_is_a_yes(answer: bytes) -> None:
    async with listening() as target, listening(proxy(target.port, answer)) as peer:
        with anyio.fail_after(10):
            stream = await tunnel_to(peer)
            await stream.send(b"hello")
            assert await stream.receive() == b"hello"
        stream.abort()


async def test_the_answer_may_come_byte_by_byte() -> None:
    answer = OK + b"early"
    async with listening(answering(*(answer[i : i + 1] for i in range(len(answer))))) as peer:
        stream = await tunnel_to(peer)
        early = b""
        while len(early) < 5:
            early += await stream.receive()
        assert early == b"early"
        stream.abort()


async def test_what_the_target_said_at_once_is_kept() -> None:
    async with listening(answering(OK + b"220 welcome\r\n")) as peer:
        stream = await tunnel_to(peer)
        assert await stream.receive() == b"220 welcome\r\n"
        stream.abort()


# --- no ---


async def test_refused() -> None:
    error = await refusal(
        b"HTTP/1.1 403 Not here\r\nContent-Length: 3\r\nX-Why: it is\r\nx-why: so\r\n\r\nno!"
    )
    assert (error.status, error.message) == (403, "Not here")
    assert error.headers is not None
    assert error.headers["x-WHY"] == "it is"
    assert error.headers.getall("X-Why") == ["it is", "so"]  # type: ignore[union-attr]
    assert error.history == ()
    assert error.request_info.method == "CONNECT"
    assert error.request_info.url == error.request_info.real_url == URL("https://target.test:443")


async def test_credentials_are_asked_for() -> None:
    route = ProxyRoute(ROUTE.url, "user", "s3cret", headers=(("X-Tenant", "one"),))
    error = await refusal(
        b"HTTP/1.1 407 Proxy Authentication Required\r\n"
        b'Proxy-Authenticate: Basic realm="\xc3\xbc"\r\nContent-Length: 0\r\n\r\n',
        route=route,
    )
    assert error.status == 407
    assert error.headers is not None
    assert error.headers["Proxy-Authenticate"] == 'Basic realm="ü"'
    assert dict(error.request_info.headers) == {"X-Tenant": "one"}
    for text in (str(error), repr(error), repr(error.request_info)):
        assert "s3cret" not in text
        assert "dXNlcj" not in text


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        (b"Digest realm=r, nonce=n", "Digest"),
        (b"Negotiate, Digest realm=r, nonce=n", "Digest or Negotiate"),
        (b"Digest realm=r, nonce=n, Basic realm=r", ""),
        (b"", ""),
    ],
)
async def test_credentials_of_a_kind_that_there_is_not(offered: bytes, wanted: str) -> None:
    error = await refusal(
        b"HTTP/1.1 407 Who\r\nProxy-Authenticate: " + offered + b"\r\nContent-Length: 0\r\n\r\n"
    )
    more = f" (the proxy wants {wanted} credentials, and only Basic is supported for proxies)"
    assert error.message == "Who" + (more if wanted else "")


@pytest.mark.parametrize(("status", "message"), [(502, "Bad Gateway"), (599, "")])
async def test_a_refusal_without_a_reason(status: int, message: str) -> None:
    error = await refusal(b"HTTP/1.1 %d \r\n\r\n" % status)
    assert (error.status, error.message) == (status, message)


async def test_a_redirect_is_a_refusal() -> None:
    error = await refusal(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\n\r\n")
    assert error.status == 302


async def test_a_body_that_never_ends_is_not_waited_for() -> None:
    error = await refusal(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\nx")
    assert error.status == 403


# --- neither ---


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 20"])
async def test_a_proxy_that_hangs_up(said: bytes) -> None:
    async def hang_up(stream: NetworkStream) -> None:
        await stream.receive()
        if said:
            await stream.send(said)

    async with listening(hang_up) as peer:
        with pytest.raises(ConnectionResetError, match=r"CONNECT target\.test:443"):
            await tunnel_to(peer)


async def test_a_proxy_that_hangs_up_unasked() -> None:
    async with listening(gone) as peer:
        with pytest.raises(ConnectionResetError):
            await tunnel_to(peer)


async def test_garbage() -> None:
    async with listening(answering(b"SSH-2.0-OpenSSH\r\n\r\n")) as peer:
        with pytest.raises(ClientError):
            await tunnel_to(peer)


async def test_a_proxy_that_says_nothing() -> None:
    async with listening(silent) as peer:
        call = Call("target.test:443", ClientTimeout(sock_read=0.05))
        with pytest.raises(SocketTimeoutError) as caught:
            await tunnel_to(peer, call=call)
        assert caught.value.phase == "sock_read"


async def test_cancelled() -> None:
    async with listening(silent) as peer:
        with anyio.move_on_after(0.05) as scope:
            await tunnel_to(peer)
        assert scope.cancelled_caught
        await peer.ended.wait()
