from __future__ import annotations

import errno
import random
import socket
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint
from tests.connect.peers import address, blackhole, listening, refused_port

from anyiohttp._connect.tcp import (
    TCPOptions,
    connect_socket,
    interleaved,
    open_tcp,
)
from anyiohttp.abc import ResolveResult
from anyiohttp.typedefs import AddrInfoType

pytestmark = pytest.mark.anyio

NEVER = 3600.0
DEFAULTS = TCPOptions()


@pytest.fixture(scope="module")
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no ::1")


async def test_connects_and_tunes_the_socket() -> None:
    async with listening() as peer:
        stream = await open_tcp([address(peer.port)], DEFAULTS)
        raw = stream.extra(SocketAttribute.raw_socket)
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert raw.gettimeout() == 0
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        stream.abort()


class Distant(socket.socket):
    """As if the peer were not on this machine, and had not answered at once."""

    asked = 0

    def connect_ex(self, where: Any) -> int:
        self.asked += 1
        if self.asked > 1:
            return errno.EALREADY
        super().connect_ex(where)
        return errno.EINPROGRESS


async def test_waits_for_a_distant_peer() -> None:
    options = TCPOptions(socket_factory=lambda info: Distant(*info[:3]))
    async with listening() as peer:
        stream = await open_tcp([address(peer.port)], options)
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        stream.abort()
    with refused_port() as port, pytest.raises(ConnectionRefusedError):
        await open_tcp([address(port)], options)


@pytest.mark.usefixtures("ipv6")
async def test_connects_over_ipv6() -> None:
    async with listening(host="::1") as peer:
        stream = await open_tcp([address(peer.port, "::1", socket.AF_INET6)], DEFAULTS)
        assert stream.extra(SocketAttribute.remote_address)[:2] == ("::1", peer.port)
        stream.abort()


@pytest.mark.parametrize("delay", [None, NEVER])
async def test_refused(delay: float | None) -> None:
    with refused_port() as port, pytest.raises(ConnectionRefusedError) as caught:
        await open_tcp([address(port)], TCPOptions(happy_eyeballs_delay=delay))
    assert caught.value.errno == errno.ECONNREFUSED
    assert caught.value.strerror == f"127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize("delay", [None, 0, NEVER])
async def test_all_failures_are_named(delay: float | None) -> None:
    options = TCPOptions(happy_eyeballs_delay=delay)
    with refused_port() as one, refused_port() as other:
        bad = address(80, "not-an-address", socket.AF_INET6)
        with anyio.fail_after(10), pytest.raises(ConnectionRefusedError) as caught:
            await open_tcp([bad, address(one), address(other)], options)
    text = str(caught.value)
    assert f"127.0.0.1:{one}: Connection refused" in text
    assert f"127.0.0.1:{other}: Connection refused" in text
    assert "not-an-address:80: the resolver's answer 'not-an-address' is not an address" in text


async def test_no_address_at_all() -> None:
    with pytest.raises(OSError, match="no address"):
        await open_tcp([], DEFAULTS)


async def test_a_failure_starts_the_next_attempt_at_once() -> None:
    with refused_port() as one, refused_port() as other:
        async with listening() as peer:
            addresses = [address(one), address(other), address(peer.port)]
            with anyio.fail_after(10):
                stream = await open_tcp(addresses, TCPOptions(happy_eyeballs_delay=NEVER))
            stream.abort()
            assert peer.accepted <= 1


async def test_a_silent_address_is_overtaken() -> None:
    with blackhole() as hole:
        async with listening() as peer:
            addresses = [address(hole), address(peer.port)]
            with anyio.fail_after(10):
                stream = await open_tcp(addresses, TCPOptions(happy_eyeballs_delay=0.01))
            assert stream.extra(SocketAttribute.remote_port) == peer.port
            stream.abort()


async def test_a_failure_beside_a_silent_address_starts_the_third() -> None:
    with blackhole() as hole, refused_port() as refused:
        async with listening() as peer:
            addresses = [address(hole), address(refused), address(peer.port)]
            with anyio.fail_after(10):
                stream = await open_tcp(addresses, TCPOptions(happy_eyeballs_delay=0.05))
            stream.abort()


async def test_without_a_delay_addresses_are_tried_in_turn() -> None:
    options = TCPOptions(happy_eyeballs_delay=None)
    with blackhole() as hole, refused_port() as refused:
        async with listening() as peer:
            stream = await open_tcp([address(refused), address(peer.port)], options)
            stream.abort()
            with anyio.move_on_after(0.1) as scope:
                await open_tcp([address(hole), address(peer.port)], options)
            assert scope.cancelled_caught
            assert peer.accepted <= 1


class HeldSocket(socket.socket):
    """A socket that seems to be connecting until its other end, `far`, lets it write."""

    far: socket.socket

    @classmethod
    def make(cls, _: AddrInfoType) -> HeldSocket:
        near, far = socket.socketpair()
        sock = cls(fileno=near.detach())
        sock.far = far
        sock.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                sock.send(b"x" * 65536)
        return sock

    def connect_ex(self, _: object) -> int:  # type: ignore[override]
        return errno.EINPROGRESS

    def getsockname(self) -> str:
        return "near"

    def let_go(self) -> None:
        self.far.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.far.recv(1 << 20)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_of_two_that_connect_at_once_one_is_closed(cancelled: bool) -> None:
    made: list[HeldSocket] = []
    won: list[object] = []

    def factory(info: AddrInfoType) -> socket.socket:
        made.append(HeldSocket.make(info))
        return made[-1]

    async def connect() -> None:
        options = TCPOptions(happy_eyeballs_delay=0, socket_factory=factory)
        stream = await open_tcp([address(80), address(81)], options)
        won.append(stream.extra(SocketAttribute.raw_socket))
        assert [sock for sock in made if sock.fileno() != -1] == won
        stream.abort()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connect)
        await anyio.wait_all_tasks_blocked()
        for sock in made:
            sock.let_go()
        if cancelled:
            tasks.cancel_scope.cancel()
    assert len(made) == 2
    assert len(won) == (0 if cancelled else 1)
    assert all(sock.fileno() == -1 for sock in made)
    for sock in made:
        sock.far.close()


@pytest.mark.parametrize("delay", [None, 0.001])
async def test_a_cancelled_race_closes_every_socket(delay: float | None) -> None:
    with blackhole() as hole:
        with anyio.move_on_after(0.05) as scope:
            await open_tcp([address(hole)] * 3, TCPOptions(happy_eyeballs_delay=delay))
        assert scope.cancelled_caught


async def test_cancelled_at_any_moment_leaves_nothing() -> None:
    """The leak guard of the tests counts the sockets."""
    steps = random.Random(7)
    options = TCPOptions(happy_eyeballs_delay=0)
    connected = 0

    async def connect(addresses: list[ResolveResult]) -> None:
        nonlocal connected
        stream = await open_tcp(addresses, options)
        connected += 1
        stream.abort()

    with refused_port() as refused:
        async with listening() as peer:
            for _ in range(100):
                async with anyio.create_task_group() as tasks:
                    addresses = [address(peer.port), address(refused), address(peer.port)]
                    tasks.start_soon(connect, addresses)
                    for _ in range(steps.randrange(12)):
                        await checkpoint()
                    tasks.cancel_scope.cancel()
    assert connected < 100


async def test_the_socket_factory_gets_what_getaddrinfo_gives() -> None:
    seen: list[AddrInfoType] = []

    def factory(info: AddrInfoType) -> socket.socket:
        seen.append(info)
        return socket.socket(*info[:3])

    async with listening() as peer:
        stream = await open_tcp([address(peer.port)], TCPOptions(socket_factory=factory))
        stream.abort()
        where = ("127.0.0.1", peer.port)
    assert seen == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]


@pytest.mark.parametrize("delay", [None, 0])
async def test_a_factorys_own_error_passes_through(delay: float | None) -> None:
    def factory(info: AddrInfoType) -> socket.socket:
        raise LookupError("no sockets today")

    options = TCPOptions(happy_eyeballs_delay=delay, socket_factory=factory)
    with pytest.raises(LookupError, match="no sockets today"):
        await open_tcp([address(1), address(2)], options)


async def test_local_address() -> None:
    async with listening() as peer:
        options = TCPOptions(local_addr=("127.0.0.1", 0))
        stream = await open_tcp([address(peer.port)], options)
        assert stream.extra(SocketAttribute.local_address)[0] == "127.0.0.1"
        stream.abort()


async def test_local_address_of_another_family() -> None:
    options = TCPOptions(local_addr=("::1", 0))
    with pytest.raises(OSError, match="local address ::1 is of another family"):
        await open_tcp([address(80)], options)


async def test_local_address_that_is_taken() -> None:
    async with listening() as peer:
        options = TCPOptions(local_addr=("127.0.0.1", peer.port))
        with pytest.raises(OSError, match=f"cannot bind to 127.0.0.1 port {peer.port}") as caught:
            await open_tcp([address(peer.port)], options)
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_connection_to_oneself_is_refused() -> None:
    with refused_port() as port:
        pass
    options = TCPOptions(local_addr=("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        await connect_socket(address(port), options)


async def test_zones() -> None:
    seen: list[AddrInfoType] = []

    def factory(info: AddrInfoType) -> socket.socket:
        seen.append(info)
        raise OSError(errno.EMFILE, "enough")

    options = TCPOptions(socket_factory=factory)
    index, name = socket.if_nameindex()[0]
    for zone in (name, str(index)):
        with pytest.raises(OSError, match="enough"):
            await open_tcp([address(80, f"fe80::1%{zone}", socket.AF_INET6)], options)
    assert [info[4] for info in seen] == [("fe80::1", 80, 0, index)] * 2
    with pytest.raises(OSError, match=r"^\[Errno .*\[fe80::1%no-such-if\]:80"):
        await open_tcp([address(80, "fe80::1%no-such-if", socket.AF_INET6)], options)


async def test_sockets_of_another_family_are_not_tuned(unix_path: object) -> None:
    async with listening(path=str(unix_path)):

        class Diverted(socket.socket):
            def connect_ex(self, _: object) -> int:  # type: ignore[override]
                return super().connect_ex(str(unix_path))

        def factory(_: AddrInfoType) -> socket.socket:
            return Diverted(socket.AF_UNIX)

        stream = await open_tcp([address(80)], DEFAULTS._replace(socket_factory=factory))
        stream.abort()


V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize(
    ("count", "families", "expected"),
    [
        (0, "666444", "666444"),
        (1, "666444", "646464"),
        (2, "666444", "664644"),
        (5, "666444", "666444"),
        (1, "4", "4"),
        (1, "6644444", "6464444"),
        (1, "44", "44"),
        (2, "4666", "4666"),
    ],
)
def test_interleaving(count: int, families: str, expected: str) -> None:
    addresses = [
        address(number, family=V6 if family == "6" else V4)
        for number, family in enumerate(families)
    ]
    ordered = interleaved(addresses, count)
    assert "".join("6" if a["family"] == V6 else "4" for a in ordered) == expected
    for family in (V4, V6):
        ports = [a["port"] for a in ordered if a["family"] == family]
        assert ports == sorted(ports)


@pytest.mark.parametrize(
    ("delay", "interleave", "first"), [(0, None, 1), (None, None, 0), (0, 0, 0)]
)
async def test_interleaving_goes_with_a_delay(
    delay: float | None, interleave: int | None, first: int
) -> None:
    tried: list[int] = []

    def factory(info: AddrInfoType) -> socket.socket:
        tried.append(info[4][1])
        raise OSError(errno.EMFILE, "enough")

    options = TCPOptions(happy_eyeballs_delay=delay, interleave=interleave, socket_factory=factory)
    addresses = [address(1, "::1", V6), address(2, "::1", V6), address(3)]
    with pytest.raises(OSError, match="enough"):
        await open_tcp(addresses, options)
    assert tried == ([1, 3, 2] if first else [1, 2, 3])
