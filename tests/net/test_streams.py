"""The socket stream: it can be tried, it tells the truth about its peer, and it closes at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import anyio
import pytest
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint

from anyiohttp._net.streams import SocketStream

pytestmark = pytest.mark.anyio

Pair = tuple[SocketStream, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield SocketStream(ours), theirs
    theirs.close()
    ours.close()


async def test_nothing_has_arrived(pair: Pair) -> None:
    stream, _ = pair
    with pytest.raises(anyio.WouldBlock):
        stream.receive_nowait()
    assert stream.quiet


async def test_what_has_arrived_is_taken_without_waiting(pair: Pair) -> None:
    stream, peer = pair
    peer.sendall(b"hello")
    assert stream.receive_nowait(2) == b"he"
    assert await stream.receive() == b"llo"


async def test_receive_waits_for_the_peer(pair: Pair) -> None:
    stream, peer = pair
    received: list[bytes] = []

    async def receive() -> None:
        received.append(await stream.receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        peer.sendall(b"late")
    assert received == [b"late"]


async def test_a_cancelled_receive_loses_nothing(pair: Pair) -> None:
    stream, peer = pair
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.receive)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    peer.sendall(b"kept")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await stream.receive()
    assert await stream.receive() == b"kept"


async def test_the_end_is_seen_at_once_and_for_ever(pair: Pair) -> None:
    stream, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert not stream.quiet
    for _ in range(2):
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_bytes_nobody_asked_for_are_not_quiet(pair: Pair) -> None:
    stream, peer = pair
    peer.sendall(b"!")
    assert not stream.quiet


async def test_a_reset_is_not_quiet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        ours.setblocking(False)
        stream = SocketStream(ours)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        theirs.close()
        await anyio.wait_readable(ours)
        assert not stream.quiet
        stream.abort()


async def test_small_sends_do_not_wait(pair: Pair) -> None:
    stream, peer = pair
    assert stream.try_send(b"abc")
    await stream.send(memoryview(b"def"))
    assert peer.recv(100) == b"abcdef"


async def test_what_the_kernel_does_not_take_is_flushed(pair: Pair) -> None:
    stream, peer = pair
    data = bytes(range(256)) * 40_000
    got = bytearray()

    async def drain() -> None:
        while len(got) < len(data):
            await anyio.wait_readable(peer)
            got.extend(peer.recv(100_000))

    assert not stream.try_send(data)
    with pytest.raises(anyio.BusyResourceError):
        stream.try_send(b"out of turn")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain)
        await stream.flush()
    assert bytes(got) == data


async def test_a_stream_of_small_sends_lets_others_run(pair: Pair) -> None:
    stream, peer = pair
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        for _ in range(100):
            await stream.send(b"x" * 8192)
            peer.recv(8192)
        tasks.cancel_scope.cancel()
    assert turns >= 3


async def test_abort_wakes_whoever_waits(pair: Pair) -> None:
    stream, _ = pair
    outcome: list[type[BaseException]] = []

    async def receive() -> None:
        try:
            await stream.receive()
        except anyio.ClosedResourceError as exc:
            outcome.append(type(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        stream.abort()
        stream.abort()
    assert outcome == [anyio.ClosedResourceError]


async def test_abort_wakes_a_flush(pair: Pair) -> None:
    stream, _ = pair
    outcome: list[type[BaseException]] = []

    async def flush() -> None:
        try:
            await stream.send(b"x" * 10_000_000)
        except anyio.ClosedResourceError as exc:
            outcome.append(type(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(flush)
        await anyio.wait_all_tasks_blocked()
        stream.abort()
    assert outcome == [anyio.ClosedResourceError]


async def test_a_closed_stream_says_so(pair: Pair) -> None:
    stream, peer = pair
    await stream.aclose()
    with pytest.raises(anyio.ClosedResourceError):
        await stream.receive()
    with pytest.raises(anyio.ClosedResourceError):
        stream.try_send(b"x")
    assert not stream.quiet
    assert "closed" in repr(stream)
    assert peer.recv(1) == b""


async def test_it_does_not_half_close(pair: Pair) -> None:
    with pytest.raises(NotImplementedError):
        await pair[0].send_eof()


async def test_attributes_of_a_tcp_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        stream = SocketStream(ours)
        assert stream.extra(SocketAttribute.remote_address) == listener.getsockname()
        assert stream.extra(SocketAttribute.remote_port) == listener.getsockname()[1]
        assert stream.extra(SocketAttribute.local_port) == ours.getsockname()[1]
        assert stream.extra(SocketAttribute.raw_socket) is ours
        assert stream.extra(SocketAttribute.family) is socket.AF_INET
        assert "127.0.0.1" in repr(stream)
        stream.abort()


def test_abort_works_without_an_event_loop() -> None:
    ours, theirs = socket.socketpair()
    SocketStream(ours).abort()
    assert theirs.recv(1) == b""
    theirs.close()
