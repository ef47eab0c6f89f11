from __future__ import annotations

import errno
import os
import random
import socket
import ssl
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint
from anyio.streams.tls import TLSAttribute
from tests.certs.authority import Fingerprints
from tests.connect.peers import (
    Peer,
    ScriptedResolver,
    address,
    answering,
    blackhole,
    gone,
    listening,
    proxy,
    refused_port,
    silent,
)
from yarl import URL

from anyiohttp._connect.dialing import Dialer, DialOptions
from anyiohttp._connect.fingerprint import Fingerprint
from anyiohttp._connect.key import ConnectionKey, ProxyRoute, SSLSetting
from anyiohttp._connect.tcp import TCPOptions
from anyiohttp._connect.tls import context_for
from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout
from anyiohttp._net.streams import NetworkStream
from anyiohttp._protocol.base import HTTPConnection, RequestHead
from anyiohttp.exceptions import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    ConnectionTimeoutError,
    InvalidURL,
    InvalidUrlClientError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    UnixClientConnectorError,
)

pytestmark = pytest.mark.anyio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def resolving(port: int) -> ScriptedResolver:
    return ScriptedResolver(address(port))


def dialer(**options: object) -> Dialer:
    return Dialer(DialOptions(**options))  # type: ignore[arg-type]


def route_to(port: int, scheme: str = "http", ssl: SSLSetting = True) -> ProxyRoute:
    return ProxyRoute(URL(f"{scheme}://localhost:{port}"), "user", "s3cret", ssl=ssl)


async def dial(key: ConnectionKey, timeout: ClientTimeout | None = None, **options: object) -> None:
    """Dial, and ask for something."""
    with anyio.fail_after(20):
        connection = await dialer(**options).dial(key, Call(str(key), timeout or ClientTimeout()))
        try:
            assert await ask(connection) == b"hi"
        finally:
            connection.abort()


async def ask(connection: HTTPConnection) -> bytes:
    connection.reserve()
    head = RequestHead("GET", "http", "host.test", "/")
    exchange = await connection.exchange(head, None, Call("host.test"))
    body = b""
    while data := await exchange.receive():
        body += data
    return body


# --- straight ---


async def test_plain() -> None:
    async with listening(answering(ANSWER)) as peer:
        await dial(ConnectionKey("127.0.0.1", peer.port, False))
        await dial(ConnectionKey("localhost", peer.port, False), family=socket.AF_INET)


async def test_tls(client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext) -> None:
    async with listening(answering(ANSWER), context=server_ssl_context) as peer:
        await dial(ConnectionKey("localhost", peer.port, True, client_ssl_context))


async def test_the_users_resolver_is_asked() -> None:
    async with listening(answering(ANSWER)) as peer:
        resolver = resolving(peer.port)
        await dial(
            ConnectionKey("host.test", None, False), resolver=resolver, family=socket.AF_INET
        )
        await dial(ConnectionKey("host.test..", 81, False), resolver=resolver)
        assert resolver.asked == [
            ("host.test", 80, socket.AF_INET),
            ("host.test.", 81, socket.AF_UNSPEC),
        ]
        await dial(ConnectionKey("127.0.0.1", peer.port, False), resolver=resolver)
        assert len(resolver.asked) == 2


@pytest.mark.parametrize("use_dns_cache", [True, False])
async def test_addresses_are_kept_if_wanted(use_dns_cache: bool) -> None:
    async with listening(answering(ANSWER)) as peer:
        resolver = resolving(peer.port)
        it = dialer(resolver=resolver, use_dns_cache=use_dns_cache)
        for _ in range(3):
            (await it.dial(ConnectionKey("host.test", 80, False), Call())).abort()
        assert len(resolver.asked) == (1 if use_dns_cache else 3)
        it.clear_dns_cache("host.test", 80)
        (await it.dial(ConnectionKey("host.test", 80, False), Call())).abort()
        assert len(resolver.asked) == (2 if use_dns_cache else 4)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "127.0.0.1."])
async def test_addresses_in_older_forms_are_refused(host: str) -> None:
    """Directly and through a SOCKS proxy, whose system would read them as ours does."""
    resolver = ScriptedResolver()
    socks = ProxyRoute(URL("socks5h://127.0.0.1:1"))
    for route in (None, socks):
        key = ConnectionKey(host, 80, False, proxy=route, tunnel=route is not None)
        with pytest.raises(InvalidUrlClientError, match="canonical"):
            await dial(key, resolver=resolver)
    assert resolver.asked == []


async def test_closing_leaves_the_users_resolver_alone() -> None:
    resolver = ScriptedResolver()
    await dialer(resolver=resolver).aclose()
    assert not resolver.closed
    await dialer().aclose()


async def test_local_address() -> None:
    async with listening(answering(ANSWER)) as peer:
        it = dialer(tcp=TCPOptions(local_addr=("127.0.0.1", 0)))
        connection = await it.dial(ConnectionKey("127.0.0.1", peer.port, False), Call())
        assert connection.stream.extra(SocketAttribute.local_address)[0] == "127.0.0.1"
        connection.abort()


# --- straight, and wrong ---


async def test_a_name_that_does_not_resolve() -> None:
    failure = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    key = ConnectionKey("host.test", 80, False)
    with pytest.raises(ClientConnectorDNSError) as caught:
        await dial(key, resolver=ScriptedResolver(error=failure))
    assert caught.value.os_error is failure
    assert (caught.value.host, caught.value.port) == ("host.test", 80)


async def test_an_impossible_name() -> None:
    with pytest.raises(ClientConnectorDNSError):
        await dial(ConnectionKey("a..b.test", 80, False))


@pytest.mark.parametrize("error", [LookupError("odd"), InvalidURL("odd"), ValueError("odd")])
async def test_other_errors_of_a_users_resolver_pass(error: Exception) -> None:
    with pytest.raises(type(error), match="odd"):
        await dial(ConnectionKey("host.test", 80, False), resolver=ScriptedResolver(error=error))


async def test_our_own_errors_of_a_users_resolver_pass() -> None:
    error = ServerTimeoutError("the name server's")
    with pytest.raises(ServerTimeoutError, match="name server"):
        await dial(ConnectionKey("host.test", 80, False), resolver=ScriptedResolver(error=error))


async def test_refused() -> None:
    with refused_port() as port, pytest.raises(ClientConnectorError) as caught:
        await dial(ConnectionKey("127.0.0.1", port, False))
    assert type(caught.value) is ClientConnectorError
    assert caught.value.errno == errno.ECONNREFUSED
    assert f"Cannot connect to host 127.0.0.1:{port} ssl:default" in str(caught.value)


async def test_wrong_certificate(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(silent, context=server_ssl_context) as peer:
        key = ConnectionKey("host.test", peer.port, True, client_ssl_context)
        with pytest.raises(ClientConnectorCertificateError):
            await dial(key, resolver=resolving(peer.port))


async def test_wrong_pin(server_ssl_context: ssl.SSLContext) -> None:
    async with listening(silent, context=server_ssl_context) as peer:
        key = ConnectionKey("127.0.0.1", peer.port, True, Fingerprint(b"x" * 32))
        with pytest.raises(ServerFingerprintMismatch):
            await dial(key)
        await peer.ended.wait()
        assert peer.data == b""


async def test_hung_up_in_the_handshake() -> None:
    async with listening(gone) as peer:
        with pytest.raises(ClientConnectorError) as caught:
            await dial(ConnectionKey("127.0.0.1", peer.port, True, False))
    assert type(caught.value) is ClientConnectorError
    assert caught.value.errno == errno.ECONNRESET


@pytest.mark.parametrize("where", ["resolving", "connecting", "handshake"])
async def test_out_of_time(where: str) -> None:
    class Slow(ScriptedResolver):
        async def resolve(self, *args: object, **more: object) -> list[object]:  # type: ignore[override]
            await anyio.sleep_forever()
            raise AssertionError

    timeout = ClientTimeout(sock_connect=0.05)
    with blackhole() as hole:
        async with listening(silent) as peer:
            with pytest.raises(ConnectionTimeoutError) as caught:
                if where == "resolving":
                    await dial(ConnectionKey("host.test", 80, False), timeout, resolver=Slow())
                elif where == "connecting":
                    await dial(ConnectionKey("127.0.0.1", hole, False), timeout)
                else:
                    await dial(ConnectionKey("127.0.0.1", peer.port, True, False), timeout)
    assert caught.value.phase == "sock_connect"
    assert caught.value.seconds == 0.05
    assert "connecting to tcp://" in str(caught.value) or "connecting to tls://" in str(
        caught.value
    )


async def test_out_of_all_time() -> None:
    with blackhole() as hole, pytest.raises(ServerTimeoutError) as caught:
        key = ConnectionKey("127.0.0.1", hole, False)
        await dial(key, ClientTimeout(total=0.05, sock_connect=10))
    assert caught.value.phase == "total"


# --- unix sockets ---


@pytest.mark.parametrize("form", [str, Path, os.fsencode])
async def test_unix(unix_path: Path, form: type) -> None:
    async with listening(answering(ANSWER), path=unix_path):
        await dial(ConnectionKey("host.test", 80, False), path=form(unix_path))


async def test_unix_with_tls(
    unix_path: Path, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(answering(ANSWER), path=unix_path, context=server_ssl_context):
        key = ConnectionKey("localhost", 443, True, client_ssl_context)
        await dial(key, path=unix_path)


async def test_unix_and_nobody_there(unix_path: Path) -> None:
    with pytest.raises(UnixClientConnectorError) as caught:
        await dial(ConnectionKey("host.test", 80, False), path=str(unix_path))
    assert caught.value.path == str(unix_path)
    assert caught.value.errno == errno.ENOENT


# --- through a proxy ---


async def test_a_plain_target_needs_no_tunnel() -> None:
    async with listening(answering(ANSWER)) as peer:
        route = route_to(peer.port)
        await dial(ConnectionKey("localhost", peer.port, False, proxy=route))
        assert b"CONNECT" not in peer.data


async def test_tunnel_without_tls() -> None:
    async with listening(answering(ANSWER)) as target, listening(proxy(target.port)) as peer:
        route = route_to(peer.port)
        await dial(ConnectionKey("host.test", 80, False, proxy=route, tunnel=True))
        assert peer.data.startswith(b"CONNECT host.test:80 HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic " in peer.data
        assert b"Proxy-Authorization" not in target.data


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_tls_through_a_proxy(
    scheme: str,
    client_ssl_context: ssl.SSLContext,
    server_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
) -> None:
    context = server_ssl_context if scheme == "https" else None
    async with (
        listening(answering(ANSWER), context=server_ssl_context) as target,
        listening(proxy(target.port), context=context) as peer,
    ):
        key = ConnectionKey(
            "a.tls.test",
            443,
            True,
            client_ssl_context,
            pin=Fingerprint(server_fingerprints.sha256),
            proxy=route_to(peer.port, scheme, client_ssl_context),
            tunnel=True,
        )
        await dial(key)
        assert target.names[-1] == "a.tls.test"
        assert peer.data.startswith(b"CONNECT a.tls.test:443 HTTP/1.1\r\n")


async def test_a_targets_pin_is_not_asked_of_the_proxy(
    client_ssl_context: ssl.SSLContext,
    untrusted_server_ssl_context: ssl.SSLContext,
    server_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
) -> None:
    async with (
        listening(answering(ANSWER), context=server_ssl_context) as target,
        listening(proxy(target.port), context=untrusted_server_ssl_context) as peer,
    ):
        pin = Fingerprint(server_fingerprints.sha256)
        route = route_to(peer.port, "https", ssl=False)
        await dial(ConnectionKey("host.test", 443, True, pin, proxy=route, tunnel=True))
        bad = Fingerprint(b"x" * 32)
        with pytest.raises(ServerFingerprintMismatch) as caught:
            await dial(ConnectionKey("host.test", 443, True, bad, proxy=route, tunnel=True))
        assert (caught.value.host, caught.value.port) == ("host.test", 443)


# --- TLS sessions ---


async def resumed(it: Dialer, key: ConnectionKey) -> bool:
    """Dial, ask, and say whether a session was resumed."""
    with anyio.fail_after(20):
        connection = await it.dial(key, Call(str(key)))
        try:
            assert await ask(connection) == b"hi"
            return bool(connection.stream.extra(TLSAttribute.ssl_object).session_reused)
        finally:
            connection.abort()


async def test_later_dials_resume(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(answering(ANSWER), context=server_ssl_context) as peer:
        key = ConnectionKey("localhost", peer.port, True, client_ssl_context)
        one, other = dialer(), dialer()
        assert [await resumed(one, key) for _ in range(3)] == [False, True, True]
        assert not await resumed(other, key)
        await one.aclose()
        assert not await resumed(one, key)
        await other.aclose()


async def test_sessions_of_proxies_are_apart(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    taken: list[bool] = []

    async def handle(stream: NetworkStream) -> None:
        taken.append(stream.extra(TLSAttribute.ssl_object).session_reused)
        await proxy(target.port)(stream)

    async with (
        listening(answering(ANSWER), context=server_ssl_context) as target,
        listening(handle, context=server_ssl_context) as peer,
    ):
        it = dialer()
        route = route_to(peer.port, "https", client_ssl_context)
        key = ConnectionKey("localhost", 443, True, client_ssl_context, proxy=route, tunnel=True)
        assert [await resumed(it, key) for _ in range(3)] == [False, True, True]
        assert taken == [False, True, True]
        # The proxy as a target: the same name, port and context.
        connection = await it.dial(
            ConnectionKey("localhost", peer.port, True, client_ssl_context), Call()
        )
        assert not connection.stream.extra(TLSAttribute.ssl_object).session_reused
        connection.abort()
        await it.aclose()


# --- through a proxy, and wrong ---


def https_through(route: ProxyRoute, ssl: SSLSetting = False) -> ConnectionKey:
    return ConnectionKey("target.test", 443, True, ssl, proxy=route, tunnel=True)


async def test_no_proxy_there() -> None:
    with refused_port() as port, pytest.raises(ClientProxyConnectionError) as caught:
        await dial(https_through(route_to(port)), family=socket.AF_INET)
    assert (caught.value.host, caught.value.port) == ("localhost", port)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value)


async def test_a_proxys_name_that_does_not_resolve() -> None:
    resolver = ScriptedResolver(error=socket.gaierror(socket.EAI_NONAME, "unknown"))
    with pytest.raises(ClientConnectorDNSError) as caught:
        await dial(https_through(route_to(3128)), resolver=resolver)
    assert (caught.value.host, caught.value.port) == ("localhost", 3128)


async def test_the_proxy_refuses() -> None:
    answer = (
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    async with listening(answering(answer)) as peer:
        with pytest.raises(ClientHttpProxyError) as caught:
            await dial(https_through(route_to(peer.port)))
    assert caught.value.status == 407


async def test_the_proxy_hangs_up() -> None:
    async with listening(gone) as peer:
        with pytest.raises(ClientProxyConnectionError) as caught:
            await dial(https_through(route_to(peer.port)))
    assert (caught.value.host, caught.value.port) == ("localhost", peer.port)


async def test_the_proxy_hangs_up_in_its_handshake() -> None:
    async with listening(gone) as peer:
        with pytest.raises(ClientProxyConnectionError):
            await dial(https_through(route_to(peer.port, "https", ssl=False)))


async def test_the_proxys_certificate_is_wrong(server_ssl_context: ssl.SSLContext) -> None:
    async with listening(silent, context=server_ssl_context) as peer:
        with pytest.raises(ClientConnectorCertificateError) as caught:
            await dial(https_through(route_to(peer.port, "https")))
        assert (caught.value.host, caught.value.port) == ("localhost", peer.port)
        await peer.ended.wait()
        assert peer.data == b""


async def plain(stream: NetworkStream) -> None:
    """Answer whatever comes in plain HTTP."""
    await stream.receive()
    await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await stream.receive()


async def test_the_proxy_does_not_speak_tls() -> None:
    async with listening(plain) as peer:
        with pytest.raises(ClientConnectorSSLError) as caught:
            await dial(https_through(route_to(peer.port, "https", ssl=False)))
    assert (caught.value.host, caught.value.port) == ("localhost", peer.port)


async def test_the_target_hangs_up_behind_the_proxy() -> None:
    async with listening(gone) as target, listening(proxy(target.port)) as peer:
        with pytest.raises(ClientConnectorError) as caught:
            await dial(https_through(route_to(peer.port)))
    assert type(caught.value) is ClientConnectorError
    assert caught.value.host == "target.test"


async def test_the_target_does_not_speak_tls_behind_the_proxy() -> None:
    async with listening(plain) as target, listening(proxy(target.port)) as peer:
        with pytest.raises(ClientConnectorSSLError) as caught:
            await dial(https_through(route_to(peer.port)))
    assert caught.value.host == "target.test"


async def test_a_proxy_that_says_nothing() -> None:
    async with listening(silent) as peer:
        with pytest.raises(ConnectionTimeoutError) as caught:
            await dial(https_through(route_to(peer.port)), ClientTimeout(sock_connect=0.05))
        assert caught.value.phase == "sock_connect"
        await peer.ended.wait()


async def test_cancelled_at_any_moment_leaves_nothing(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    """The leak guard of the tests counts the sockets."""
    steps = random.Random(13)
    await context_for(False)
    finished = 0

    async def connect(peer: Peer) -> None:
        nonlocal finished
        route = route_to(peer.port, "https", client_ssl_context)
        key = https_through(route, False)
        (await dialer(resolver=resolving(peer.port)).dial(key, Call())).abort()
        finished += 1

    async with (
        listening(answering(ANSWER), context=server_ssl_context) as target,
        listening(proxy(target.port), context=server_ssl_context) as peer,
    ):
        for _ in range(40):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connect, peer)
                for _ in range(steps.randrange(60)):
                    await checkpoint()
                tasks.cancel_scope.cancel()
    assert finished < 40
