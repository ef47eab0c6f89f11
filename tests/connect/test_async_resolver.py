"""`AsyncResolver` against a name server of our own, on asyncio and uvloop; refused on trio."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from tests.conftest import BACKENDS

import anyiohttp
from anyiohttp import AsyncResolver, ClientSession, TCPConnector
from anyiohttp.abc import AbstractResolver
from anyiohttp.cli.loopback import serve

pytest.importorskip("aiodns", reason="aiodns is not installed")

pytestmark = pytest.mark.anyio

A, AAAA = 1, 28


@pytest.fixture(scope="module", params=BACKENDS[:2])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Asyncio and uvloop, which aiodns is for."""
    name, options = request.param
    if options["use_uvloop"]:
        pytest.importorskip("uvloop")
    return name, options


class NameServer:
    """Answers for what it knows, over UDP, in a thread; says nothing of ``silent.test``."""

    def __init__(self) -> None:
        self.known = {
            ("both.test", A): ["127.0.0.1", "127.0.0.2"],
            ("both.test", AAAA): ["2001:db8::1"],
            ("four.test", A): ["127.0.0.1"],
        }
        self.asked: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(20)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(4096)
            if not query:
                return
            name, end = _read_name(query, 12)
            (kind,) = struct.unpack_from("!H", query, end)
            self.asked.append((name, kind))
            if name != "silent.test":
                self._socket.sendto(self._answer(query, name, kind, end + 4), peer)

    def _answer(self, query: bytes, name: str, kind: int, end: int) -> bytes:
        addresses = self.known.get((name, kind), [])
        code = 0 if any(known == name for known, _ in self.known) else 3
        code = 2 if name == "broken.test" else code  # SERVFAIL
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        family = socket.AF_INET if kind == A else socket.AF_INET6
        records = b""
        for address in addresses:
            data = socket.inet_pton(family, address)
            records += struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
        return head + query[12:end] + records


def _read_name(data: bytes, place: int) -> tuple[str, int]:
    labels = []
    while length := data[place]:
        labels.append(data[place + 1 : place + 1 + length].decode())
        place += 1 + length
    return ".".join(labels), place + 1


@pytest.fixture(scope="module")
def name_server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture
def server(name_server: NameServer) -> NameServer:
    """One for all tests: c-ares closes its sockets some time after it was told to."""
    name_server.asked.clear()
    return name_server


@pytest.fixture
async def resolver(server: NameServer, anyio_backend: object) -> AsyncIterator[AsyncResolver]:
    resolver = AsyncResolver(
        servers=[f"127.0.0.1:{server.port}"], lookups="b", domains=[], timeout=5
    )
    yield resolver
    await resolver.close()


async def test_addresses(server: NameServer, resolver: AsyncResolver) -> None:
    assert isinstance(resolver, AbstractResolver)
    found = await resolver.resolve("both.test", 8080)
    assert {address["host"] for address in found} == {"127.0.0.1", "127.0.0.2", "2001:db8::1"}
    assert {(a["hostname"], a["port"], a["proto"]) for a in found} == {("both.test", 8080, 0)}
    for address in found:
        six = ":" in address["host"]
        assert address["family"] == (socket.AF_INET6 if six else socket.AF_INET)
        assert address["flags"] == socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    server.asked.clear()
    found = await resolver.resolve("four.test", family=socket.AF_INET)
    assert [(a["host"], a["port"]) for a in found] == [("127.0.0.1", 0)]
    assert server.asked == [("four.test", A)]


async def test_a_request(server: NameServer, resolver: AsyncResolver) -> None:
    """From the name to the answer, over sockets; the second one asks nobody any more."""
    connector = TCPConnector(resolver=resolver, force_close=True)
    async with serve() as peer, ClientSession(connector=connector) as session:
        url = peer.url.with_host("four.test")
        for _ in range(2):
            async with session.get(url / "get") as response:
                headers = dict((await response.json())["headers"])
                assert headers["Host"] == f"four.test:{url.port}"
        assert sorted(server.asked) == [("four.test", A), ("four.test", AAAA)]
        with pytest.raises(anyiohttp.ClientConnectorDNSError, match=r"absent\.test"):
            await session.get(url.with_host("absent.test"))


async def test_a_cancelled_lookup_disturbs_nobody(
    server: NameServer, resolver: AsyncResolver
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(resolver.resolve, "silent.test", 80)
        with anyio.fail_after(20):
            while not server.asked:
                await anyio.sleep(0.001)
        tasks.cancel_scope.cancel()
    assert await resolver.resolve("four.test", 80)


async def test_closed(resolver: AsyncResolver) -> None:
    await resolver.resolve("four.test", 80)
    await resolver.close()
    await resolver.close()
    with pytest.raises(anyiohttp.ClientConnectionError, match="closed"):
        await resolver.resolve("four.test", 80)


def test_refused_on_trio(server: NameServer) -> None:
    async def main() -> None:
        resolver = AsyncResolver(nameservers=["127.0.0.1"], udp_port=server.port)
        async with ClientSession(connector=TCPConnector(resolver=resolver)) as session:
            with pytest.raises(anyiohttp.ForeignEventLoopError, match="ThreadedResolver"):
                await session.get("http://four.test/")
        await resolver.close()

    anyio.run(main, backend="trio")


def test_an_event_loop_after_the_other(server: NameServer) -> None:
    resolver = AsyncResolver(nameservers=["127.0.0.1"], udp_port=server.port)

    async def main() -> None:
        assert await resolver.resolve("four.test", 80, socket.AF_INET)

    async def end() -> None:
        await main()
        await resolver.close()

    anyio.run(main)
    anyio.run(end)


def test_without_aiodns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiodns", None)
    with pytest.raises(RuntimeError, match=r"requires aiodns library.*anyiohttp\[dns\]"):
        AsyncResolver()


async def test_failures(resolver: AsyncResolver) -> None:
    for name in ("absent.test", "a..test"):
        with pytest.raises(socket.gaierror) as caught:
            await resolver.resolve(name, 80)
        assert caught.value.errno == socket.EAI_NONAME
    with pytest.raises(socket.gaierror) as caught:
        await resolver.resolve("broken.test", 80)
    assert caught.value.errno == socket.EAI_AGAIN
