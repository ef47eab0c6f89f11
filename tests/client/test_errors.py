"""Errors, end to end: whatever the network or the peer does, and what must not be asked for."""

from __future__ import annotations

import copy
import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.servers import Script, ScriptedPeer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.abc import AbstractResolver, ResolveResult
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio


def one_at_a_time(**options: object) -> anyiohttp.ClientSession:
    return anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1, **options))  # type: ignore[arg-type]


async def is_usable(session: anyiohttp.ClientSession, loopback: LoopbackServer) -> None:
    with anyio.fail_after(2):
        async with session.get(
            loopback.url / "get", timeout=anyiohttp.ClientTimeout(pool=0.01)
        ) as r:
            assert (await r.json())["method"] == "GET"


def sending(data: bytes, *, then: Callable[[ScriptedPeer], object] | None = None) -> Script:
    """A script that takes a request's head, sends bytes, and closes."""

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        if data:
            await peer.send(data)
        if then is not None:
            then(peer)

    return script


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class FailingResolver(AbstractResolver):
    """Fails with whatever it was given."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        raise self.error

    async def close(self) -> None:
        pass


# --- no connection ---


async def test_nobody_listens(loopback: LoopbackServer, closed_port: int) -> None:
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ClientConnectorError) as caught:
            await session.get(f"http://user:secret@127.0.0.1:{closed_port}/path")
        error = caught.value
        assert type(error) is anyiohttp.ClientConnectorError
        assert (error.host, error.port, error.errno) == (
            "127.0.0.1",
            closed_port,
            errno.ECONNREFUSED,
        )
        assert isinstance(error.os_error, ConnectionRefusedError)
        assert str(error).startswith(f"Cannot connect to host 127.0.0.1:{closed_port} ssl:default")
        assert "secret" not in f"{error} {error!r}"
        assert str(copy.copy(error)) == str(error)
        await is_usable(session, loopback)


@pytest.mark.parametrize(
    "failure", [socket.gaierror(socket.EAI_NONAME, "unknown"), OSError(None, "server is down")]
)
async def test_no_such_name(loopback: LoopbackServer, failure: OSError) -> None:
    async with one_at_a_time(resolver=FailingResolver(failure)) as session:
        with pytest.raises(anyiohttp.ClientConnectorDNSError) as caught:
            await session.get("http://no-such.test/")
        assert isinstance(caught.value, anyiohttp.ClientConnectorError)
        assert (caught.value.host, caught.value.port) == ("no-such.test", 80)
        assert caught.value.os_error is failure
        await is_usable(session, loopback)


async def test_no_such_name_for_the_systems_resolver(loopback: LoopbackServer) -> None:
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ClientConnectorDNSError):
            await session.get("http://no-such-name.invalid/")
        await is_usable(session, loopback)


async def test_no_such_unix_socket(unix_path: Path) -> None:
    connector = anyiohttp.UnixConnector(str(unix_path), limit=1)
    async with anyiohttp.ClientSession(connector=connector) as session:
        for _ in range(2):
            with pytest.raises(anyiohttp.UnixClientConnectorError) as caught:
                await session.get("http://localhost/")
            assert caught.value.path == str(unix_path)
            assert caught.value.errno == errno.ENOENT


async def test_a_certificate_nobody_trusts(
    loopback: LoopbackServer,
    scripted_server: StartScripted,
    untrusted_server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
) -> None:
    server = await scripted_server(sending(b""), tls=untrusted_server_ssl_context)
    async with one_at_a_time() as session:
        for setting in (True, client_ssl_context):
            with pytest.raises(anyiohttp.ClientConnectorCertificateError) as caught:
                await session.get(server.url, ssl=setting)
            assert isinstance(caught.value, ssl.CertificateError)
            assert isinstance(caught.value.certificate_error, ssl.SSLCertVerificationError)
            assert (caught.value.host, caught.value.port) == ("127.0.0.1", server.port)
        await is_usable(session, loopback)
    assert not [peer for peer in server.peers if peer.received]


async def test_a_certificate_for_another_name(
    loopback: LoopbackServer, client_ssl_context: ssl.SSLContext
) -> None:
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ClientConnectorCertificateError):
            await session.get(loopback.tls_url, ssl=client_ssl_context, server_hostname="x.test")
        await is_usable(session, loopback)


async def test_tls_with_somebody_who_does_not_speak_it(
    loopback: LoopbackServer, scripted_server: StartScripted, client_ssl_context: ssl.SSLContext
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_some()
        await peer.answer(b"this is plain", status=b"400 Bad Request")

    server = await scripted_server(script)
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ClientConnectorSSLError) as caught:
            await session.get(server.url.with_scheme("https"), ssl=client_ssl_context)
        assert isinstance(caught.value, ssl.SSLError)
        await is_usable(session, loopback)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_peer_that_leaves_in_the_handshake(
    loopback: LoopbackServer,
    scripted_server: StartScripted,
    client_ssl_context: ssl.SSLContext,
    reset: bool,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_some()
        if reset:
            peer.reset()

    server = await scripted_server(script)
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ClientConnectorError):
            await session.get(server.url.with_scheme("https"), ssl=client_ssl_context)
        await is_usable(session, loopback)


async def test_a_client_certificate_that_is_missing(
    loopback: LoopbackServer,
    scripted_server: StartScripted,
    mtls_server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
) -> None:
    server = await scripted_server(sending(b""), tls=mtls_server_ssl_context)
    async with one_at_a_time() as session:
        # With TLS 1.3 the server says so after the client has finished its handshake.
        with pytest.raises(anyiohttp.ClientConnectionError):
            await session.get(server.url, ssl=client_ssl_context)
        await is_usable(session, loopback)


async def test_a_fingerprint_that_is_another(
    loopback: LoopbackServer, client_ssl_context: ssl.SSLContext
) -> None:
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.FingerprintMismatch) as caught:
            await session.get(loopback.tls_url, ssl=client_ssl_context, fingerprint=bytes(32))
        assert caught.value.expected == bytes(32)
        assert len(caught.value.got) == 32
        assert (caught.value.host, caught.value.port) == ("127.0.0.1", loopback.tls_url.port)
        await is_usable(session, loopback)
    assert loopback.counts.requests == 1


async def test_a_proxy_nobody_runs(loopback: LoopbackServer, closed_port: int) -> None:
    proxy = f"http://user:secret@127.0.0.1:{closed_port}"
    async with one_at_a_time() as session:
        for target in ("http://target.test/", "https://target.test/"):
            with pytest.raises(anyiohttp.ClientProxyConnectionError) as caught:
                await session.get(target, proxy=proxy)
            assert (caught.value.host, caught.value.port) == ("127.0.0.1", closed_port)
            assert "secret" not in f"{caught.value} {caught.value!r}"
        await is_usable(session, loopback)


async def test_a_proxy_that_refuses(
    loopback: LoopbackServer, scripted_server: StartScripted
) -> None:
    proxy = await scripted_server(
        sending(b"HTTP/1.1 407 Say Who\r\nX-Why: because\r\nContent-Length: 0\r\n\r\n")
    )
    url = proxy.url.with_user("user").with_password("secret")
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ClientHttpProxyError) as caught:
            await session.get("https://target.test/", proxy=url)
        assert (caught.value.status, caught.value.message) == (407, "Say Who")
        assert caught.value.headers is not None
        assert caught.value.headers["X-Why"] == "because"
        assert "secret" not in f"{caught.value} {caught.value!r}"
        await is_usable(session, loopback)


# --- the connection failed ---


GONE = (anyiohttp.ServerDisconnectedError, anyiohttp.ClientOSError)
RESET = (*GONE, anyiohttp.ClientConnectionResetError)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("sent", [b"", b"HTT", b"HTTP/1.1 200 OK\r\nContent-", b"HTTP/1.1 100 C"])
async def test_a_peer_that_leaves_before_the_head(
    loopback: LoopbackServer,
    scripted_server: StartScripted,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
    sent: bytes,
    scheme: str,
) -> None:
    tls = server_ssl_context if scheme == "https" else None
    server = await scripted_server(sending(sent), tls=tls)
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.ServerDisconnectedError) as caught:
            await session.get(server.url, ssl=client_ssl_context)
        assert f"127.0.0.1:{server.port}" in str(caught.value)
        assert caught.value.message
        await is_usable(session, loopback)
    assert server.connections == 1  # a new connection is not tried twice


@pytest.mark.parametrize("tls", [False, True])
async def test_a_peer_that_resets(
    loopback: LoopbackServer,
    scripted_server: StartScripted,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
    tls: bool,
) -> None:
    context = server_ssl_context if tls else None

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        if not tls:
            peer.reset()
        peer.abort()

    server = await scripted_server(script, tls=context)
    async with one_at_a_time() as session:
        with pytest.raises(RESET):
            await session.get(server.url, ssl=client_ssl_context)
        await is_usable(session, loopback)


async def test_a_peer_that_resets_in_the_middle_of_an_upload(
    loopback: LoopbackServer, scripted_server: StartScripted
) -> None:
    server = await scripted_server(sending(b"", then=ScriptedPeer.reset))
    async with one_at_a_time() as session:
        with pytest.raises(RESET):
            await session.post(server.url, data=b"x" * 2**24)
        await is_usable(session, loopback)


# --- the peer sent what is not HTTP ---


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x01\x02\x03" * 10,
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/3.7 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\ngarbage\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_not_http(
    loopback: LoopbackServer, scripted_server: StartScripted, sent: bytes
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(sent)
        await peer.wait_closed()

    server = await scripted_server(script)
    async with one_at_a_time() as session:
        with anyio.fail_after(5), pytest.raises(anyiohttp.MalformedResponseError) as caught:
            await session.get(server.url.with_user("user").with_password("secret") / "path")
        assert isinstance(caught.value, anyiohttp.ClientResponseError)
        assert caught.value.request_info.url.path == "/path"
        assert "secret" not in f"{caught.value} {caught.value!r}"
        await is_usable(session, loopback)


@pytest.mark.parametrize(
    "sent", [b"zz\r\n", b"-1\r\nx", b"4\r\nfourteen", b"ffffffffffffffffffff\r\n", b"4 x\r\nfour"]
)
async def test_a_body_that_is_not_chunked_as_it_says(
    loopback: LoopbackServer, scripted_server: StartScripted, sent: bytes
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
        await peer.wait_closed()

    server = await scripted_server(script)
    async with one_at_a_time() as session:
        async with session.get(server.url) as r:
            with anyio.fail_after(5), pytest.raises(anyiohttp.ClientPayloadError):
                await r.read()
        await is_usable(session, loopback)


# --- what must not be asked for ---


BAD_HEADERS: list[dict[str, str]] = [
    {"": "empty name"},
    {"with space": "x"},
    {"colon:": "x"},
    {"Bad\r\nX-Injected": "x"},
    {"Bad\n": "x"},
    {"nul\0": "x"},
    {"gr\u00fc\u00df": "x"},
    {"X": "a\r\nX-Injected: b"},
    {"X": "a\nb"},
    {"X": "a\rb"},
    {"X": "a\0b"},
    {"X": "\x7f"},
    {"X": "\ud800"},
]


@pytest.mark.parametrize("where", ["request", "session"])
@pytest.mark.parametrize("headers", BAD_HEADERS, ids=ascii)
async def test_headers_that_must_not_be_sent(
    scripted_server: StartScripted,
    loopback: LoopbackServer,
    headers: dict[str, str],
    where: str,
) -> None:
    server = await scripted_server(lambda peer: peer.wait_closed())
    async with one_at_a_time() as session:
        if where == "session":
            session.headers.update(headers)
            headers = {}
        with pytest.raises(anyiohttp.InvalidRequestError) as caught:
            await session.post(server.url, data=b"body", headers=headers)
        assert isinstance(caught.value, ValueError)
        session.headers.clear()
        await is_usable(session, loopback)
    await server.wait_for(lambda server: not server.open)
    assert not [peer for peer in server.peers if peer.received]


@pytest.mark.parametrize(
    "method", ["", "GE T", "GET\r\nX: y", "GET /x", "G\u00cbT", "GET\0", "a:b"]
)
async def test_methods_that_must_not_be_sent(
    scripted_server: StartScripted, loopback: LoopbackServer, method: str
) -> None:
    server = await scripted_server(lambda peer: peer.wait_closed())
    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.InvalidRequestError):
            await session.request(method, server.url)
        await is_usable(session, loopback)
    await server.wait_for(lambda server: not server.open)
    assert not [peer for peer in server.peers if peer.received]


@pytest.mark.parametrize(
    "target", ["/a b", "/a\r\nX: y", "/a\0", "/gr\u00fc\u00df", "/a?b c", "/a?b\0c"], ids=ascii
)
async def test_targets_that_must_not_be_sent(
    scripted_server: StartScripted, loopback: LoopbackServer, target: str
) -> None:
    server = await scripted_server(lambda peer: peer.wait_closed())
    url = URL(f"{server.url.origin()}{target}", encoded=True)
    async with one_at_a_time() as session:
        with pytest.raises((anyiohttp.InvalidRequestError, anyiohttp.InvalidURL)):
            await session.get(url)
        await is_usable(session, loopback)
    await server.wait_for(lambda server: not server.open)
    assert not [peer for peer in server.peers if peer.received]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://", anyiohttp.InvalidURL),
        ("http:///path", anyiohttp.InvalidURL),
        ("/relative", anyiohttp.InvalidURL),
        ("http://[::1", anyiohttp.InvalidURL),
        ("http://host:99999/", anyiohttp.InvalidURL),
        ("http://host:port/", anyiohttp.InvalidURL),
        ("http://user:secret@:80/", anyiohttp.InvalidURL),
        ("http://user:secret@ho st/", anyiohttp.InvalidURL),
        ("ftp://user:secret@host/", anyiohttp.NonHttpUrlClientError),
        ("file:///etc/passwd", anyiohttp.NonHttpUrlClientError),
    ],
)
async def test_urls_that_cannot_be_requested(url: str, error: type[anyiohttp.ClientError]) -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(error) as caught:
            await session.get(url)
    assert "secret" not in f"{caught.value} {caught.value!r}"
    rest = url.replace("user:secret@", "")
    assert rest in str(caught.value) or rest.rstrip("/") in str(caught.value)


async def test_options_that_contradict_each_other(
    loopback: LoopbackServer, client_ssl_context: ssl.SSLContext
) -> None:
    auth = anyiohttp.BasicAuth("user", "password")
    contradictions: list[dict[str, object]] = [
        {"data": b"x", "json": {}},
        {"auth": auth, "headers": {"Authorization": "x"}},
        {"verify_ssl": False, "ssl_context": client_ssl_context},
        {"ssl": False, "ssl_context": client_ssl_context},
        {"compress": True, "data": b"x", "headers": {"Content-Encoding": "gzip"}},
        {"chunked": True, "data": b"x", "headers": {"Content-Length": "1"}},
    ]
    async with anyiohttp.ClientSession() as session:
        for options in contradictions:
            with pytest.raises(ValueError):
                await session.post(loopback.url, **options)  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            await session.get(loopback.url.with_user("a").with_password("b"), auth=auth)
        with pytest.raises(TypeError, match="no_such_option"):
            await session.get(loopback.url, no_such_option=1)  # type: ignore[call-arg]
    assert loopback.counts.requests == 0


# --- after the end ---


async def test_a_closed_session(loopback: LoopbackServer) -> None:
    session = anyiohttp.ClientSession()
    await session.close()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get(loopback.url)


async def test_a_session_closed_while_somebody_waits(loopback: LoopbackServer) -> None:
    errors: list[Exception] = []
    async with one_at_a_time() as session:
        first = await session.get(loopback.url / f"stream/{2**24}")

        async def get() -> None:
            try:
                await session.get(loopback.url / "get")
            except anyiohttp.ClientConnectionError as exc:
                errors.append(exc)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(get)
            await anyio.wait_all_tasks_blocked()
            await session.close()
        first.close()
    assert len(errors) == 1


async def test_a_session_closed_while_an_answer_is_awaited(
    scripted_server: StartScripted,
) -> None:
    server = await scripted_server(lambda peer: peer.wait_closed())
    errors: list[Exception] = []
    async with anyiohttp.ClientSession() as session:

        async def get() -> None:
            try:
                await session.get(server.url)
            except anyiohttp.ClientError as exc:
                errors.append(exc)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(get)
            await server.wait_for(lambda server: server.connections == 1)
            await anyio.wait_all_tasks_blocked()
            await session.close()
    assert len(errors) == 1


async def test_a_session_closed_before_the_body_has_arrived(
    scripted_server: StartScripted,
) -> None:
    async def half(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await peer.wait_closed()

    server = await scripted_server(half)
    async with anyiohttp.ClientSession() as session:
        response = await session.get(server.url)
    for _ in range(2):
        with pytest.raises(anyiohttp.ResponseAbandonedError, match="Connection closed") as caught:
            await response.read()
        assert isinstance(caught.value, RuntimeError)
        assert server.url.host in str(caught.value)


async def test_an_error_of_the_callers_own_body_is_the_cause(
    loopback: LoopbackServer,
) -> None:
    class OwnError(Exception):
        pass

    async def generate():  # type: ignore[no-untyped-def]
        yield b"some"
        raise OwnError("mine")

    async with one_at_a_time() as session:
        with pytest.raises(anyiohttp.RequestBodyError, match="mine") as caught:
            await session.post(loopback.url / "upload", data=generate())
        assert isinstance(caught.value.__cause__, OwnError)
        await is_usable(session, loopback)
