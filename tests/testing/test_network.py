"""The network in memory: names, addresses, listeners, servers, proxies, and what is open."""

from __future__ import annotations

import socket

import anyio
import pytest

from anyiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientHttpProxyError,
    ClientSession,
    ServerDisconnectedError,
)
from anyiohttp.testing import (
    NO_FAULTS,
    Address,
    CertificateAuthority,
    Faults,
    MemoryNetwork,
    Peer,
    Request,
    Response,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


async def answering(peer: Peer) -> None:
    while True:
        head = await peer.receive_head()
        await peer.answer(head.split()[1])


async def handler(request: Request) -> Response:
    return Response(200, f"{request.method} {request.target}".encode())


async def read(session: ClientSession, url, **options) -> bytes:
    async with session.get(url, **options) as response:
        return await response.read()


async def test_a_script_answers_and_the_connection_is_kept():
    async with MemoryNetwork() as network:
        listener = network.listen("example.org", 8080, answering)
        async with ClientSession(connector=network.connector()) as session:
            assert await read(session, listener.url / "a") == b"/a"
            assert await read(session, listener.url / "b") == b"/b"
            assert (listener.connections, network.stats.client_open) == (1, 1)
        assert str(listener.url) == "http://example.org:8080/"
        assert "connections=1" in repr(listener)
        assert "example.org" in repr(network)
        await network.wait_for(lambda stats: stats.peer_open == 0)
    assert network.stats.connections == 1
    assert network.stats.client_open == 0


async def test_handlers_by_path(authority):
    async with MemoryNetwork() as network:
        server = network.serve("example.org", {"/a/{x}": handler})
        secure = network.serve("example.org", handler, tls=authority.server_context("example.org"))
        connector = network.connector(ssl=authority.client_context())
        async with ClientSession(connector=connector) as session:
            assert await read(session, server.url / "a/b") == b"GET /a/b"
            async with session.get(server.url / "c") as response:
                assert response.status == 404
            assert await read(session, secure.url) == b"GET /"
        assert (server.requests, secure.requests) == (2, 1)
        assert str(secure.url) == "https://example.org/"


async def test_an_answer_during_an_upload_needs_no_lingering():
    async def refuse(request: Request) -> Response:
        return Response(413, b"too much")

    async with MemoryNetwork(capacity=1000) as network:
        server = network.serve("example.org", refuse)
        async with (
            ClientSession(connector=network.connector()) as session,
            session.post(server.url, data=b"x" * 1_000_000) as response,
        ):
            assert (response.status, await response.read()) == (413, b"too much")


async def test_proxies(authority):
    async with MemoryNetwork() as network:
        plain = network.serve("example.org", handler)
        secure = network.serve("example.org", handler, tls=authority.server_context("example.org"))
        proxy = network.proxy("proxy.test", auth=("u", "p"))
        tls_proxy = network.proxy("tls.test", tls=authority.server_context("tls.test"))
        connector = network.connector(ssl=authority.client_context())
        async with ClientSession(connector=connector) as session:
            login = proxy.url.with_user("u").with_password("p")
            assert await read(session, plain.url, proxy=login) == b"GET /"
            assert await read(session, secure.url, proxy=login) == b"GET /"
            assert await read(session, secure.url, proxy=tls_proxy.url) == b"GET /"
            with pytest.raises(ClientHttpProxyError):
                await read(session, secure.url, proxy=proxy.url)
            for nowhere in ("https://nowhere.test/", "https://192.0.2.99/"):
                with pytest.raises(ClientHttpProxyError, match="502"):
                    await read(session, nowhere, proxy=login)
        assert (proxy.requests, tls_proxy.requests) == (5, 1)
        await network.wait_for(lambda stats: stats.client_open == stats.peer_open == 0)


async def test_literal_hosts():
    async with MemoryNetwork() as network:
        four = network.serve("192.0.2.5", handler)
        six = network.serve("2001:db8::5", handler)
        async with ClientSession(connector=network.connector()) as session:
            assert await read(session, four.url) == b"GET /"
            assert await read(session, six.url) == b"GET /"
        assert str(six.url) == "http://[2001:db8::5]/"
        assert network.resolver.lookups == []


async def test_addresses_of_which_the_first_is_bad():
    bad = [
        Address("2001:db8::1", refuse=True),
        Address("192.0.2.1", blackhole=True),
        Address("2001:db8::2", turns=0, seconds=0.001),
    ]
    async with MemoryNetwork() as network:
        network.serve("example.org", handler, addresses=bad)
        connector = network.connector(happy_eyeballs_delay=0)
        async with ClientSession(connector=connector) as session:
            assert await read(session, "http://example.org/") == b"GET /"
            assert network.stats.dialing == 0
        # The same host at another port has the same addresses.
        assert network.serve("example.org", handler, port=81).connections == 0
        async with ClientSession(connector=network.connector(happy_eyeballs_delay=0)) as session:
            assert await read(session, "http://example.org:81/") == b"GET /"


async def test_a_cancelled_attempt_leaves_nothing():
    async with MemoryNetwork() as network:
        network.serve("example.org", handler, addresses=[Address("192.0.2.1", blackhole=True)])
        async with ClientSession(connector=network.connector()) as session:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read, session, "http://example.org/")
                await network.wait_for(lambda stats: stats.dialing == 1)
                tasks.cancel_scope.cancel()
            assert network.stats.dialing == 0
            assert session.connector.stats.dialing == 0


async def test_who_is_not_there():
    async with MemoryNetwork() as network:
        network.serve("example.org", handler, addresses=["192.0.2.1"])
        network.serve("refusing.test", handler, addresses=[Address("192.0.2.2", refuse=True)])
        async with ClientSession(connector=network.connector()) as session:
            with pytest.raises(ClientConnectorDNSError, match=r"unknown\.test"):
                await session.get("http://unknown.test/")
            with pytest.raises(ClientConnectorError, match=r"192\.0\.2\.1:99"):
                await session.get("http://example.org:99/")
            with pytest.raises(ClientConnectorError, match=r"192\.0\.2\.2"):
                await session.get("http://refusing.test/")
    assert "without hosts" not in repr(network)
    assert "without hosts" in repr(MemoryNetwork())


async def test_lookups_are_the_resolvers():
    async with MemoryNetwork() as network:
        network.serve("example.org", handler, addresses=["192.0.2.1", "2001:db8::1"])
        network.resolver.turns = 3
        found = await network.resolver.resolve("example.org", 80, socket.AF_INET6)
        assert [result["host"] for result in found] == ["2001:db8::1"]
        assert network.resolver.lookups == ["example.org"]
        with pytest.raises(socket.gaierror):
            await network.resolver.resolve("other.test")
        await network.resolver.close()


async def test_a_connector_may_have_another_resolver():
    async with MemoryNetwork() as one, MemoryNetwork() as other:
        one.serve("example.org", handler, addresses=["192.0.2.1"])
        other.serve("alias.test", handler, addresses=["192.0.2.1"])
        async with ClientSession(connector=one.connector(resolver=other.resolver)) as session:
            assert await read(session, "http://alias.test/") == b"GET /"


async def test_a_failed_handshake_is_counted(authority):
    async with MemoryNetwork() as network:
        server = network.serve("example.org", handler, tls=authority.server_context("other.test"))
        connector = network.connector(ssl=authority.client_context())
        async with ClientSession(connector=connector) as session:
            with pytest.raises(ClientConnectorCertificateError):
                await session.get(server.url)
        await network.wait_for(lambda stats: stats.peer_open == 0)
        assert server.tls_failures == 1


async def test_what_scripts_raise_fails_the_block():
    async def wrong(peer: Peer) -> None:
        head = await peer.receive_head()
        assert b"POST" in head, "not a POST"

    async def run(times: int) -> None:
        async with MemoryNetwork() as network:
            listener = network.listen("example.org", 80, wrong)
            async with ClientSession(connector=network.connector()) as session:
                for _ in range(times):
                    with pytest.raises(ServerDisconnectedError):
                        await session.get(listener.url)

    with pytest.raises(AssertionError, match="not a POST"):
        await run(1)
    with pytest.raises(ExceptionGroup) as caught:
        await run(2)
    assert len(caught.value.exceptions) == 2


async def test_what_scripts_raise_is_noted_on_a_failure_of_the_block():
    async def wrong(peer: Peer) -> None:
        raise ValueError("script")

    with pytest.raises(ServerDisconnectedError) as caught:
        async with MemoryNetwork() as network:
            listener = network.listen("example.org", 80, wrong)
            async with ClientSession(connector=network.connector()) as session:
                await session.get(listener.url)
    assert "script" in caught.value.__notes__[0]


async def test_the_end_of_the_block_ends_the_peers():
    ended = []

    async def waiting(peer: Peer) -> None:
        try:
            await peer.stall()
        finally:
            ended.append(peer.number)

    async with MemoryNetwork() as network:
        listener = network.listen("example.org", 80, waiting)
        address = (await network.resolver.resolve("example.org", 80))[0]
        stream = await network.connect(address)
        await anyio.wait_all_tasks_blocked()
        assert len(network.peer_tasks) == 1
        assert [end.closed for end in network.open_streams] == [False]
    assert ended == [0]
    with pytest.raises(anyio.EndOfStream):
        stream.receive_nowait()
    with pytest.raises(ConnectionRefusedError):
        await network.connect(address)
    stream.abort()
    assert listener.connections == 1


async def test_a_cancelled_block_ends():
    with anyio.CancelScope() as scope:
        async with MemoryNetwork() as network:
            network.serve("example.org", handler)
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_closed_connections_are_forgotten():
    async with MemoryNetwork() as network:
        server = network.serve("example.org", handler)
        connector = network.connector(force_close=True)
        async with ClientSession(connector=connector) as session:
            for _ in range(200):
                await read(session, server.url)
            assert network.stats.client_open == 0
            await network.wait_for(lambda stats: stats.peer_open == 0)
        assert (server.connections, network.stats.connections) == (200, 200)


async def test_faults_by_the_number_of_the_connection():
    async with MemoryNetwork() as network:
        server = network.serve(
            "example.org",
            handler,
            faults=lambda number: Faults(end_at=0) if number == 0 else NO_FAULTS,
        )
        async with ClientSession(connector=network.connector()) as session:
            with pytest.raises(ServerDisconnectedError):
                await session.get(server.url)
            assert await read(session, server.url) == b"GET /"
