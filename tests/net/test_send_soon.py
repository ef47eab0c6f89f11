"""What several tasks send in one turn of the loop goes out together, and none of it gets lost."""

from __future__ import annotations

import asyncio
import gc
import math
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from weakref import ref

import anyio
import pytest

from anyiohttp._net.outbox import Outbox
from anyiohttp._net.sockets import open_stream, socket_stream
from anyiohttp._net.streams import SendStalled, SocketStream
from anyiohttp._net.tls import TLSStream

Pair = tuple[SocketStream, socket.socket]


async def this_loop(sock: socket.socket) -> SocketStream:
    return socket_stream(sock)


class Pairs:
    """Makes streams whose other ends are plain sockets."""

    def __init__(self, opened: Callable[[socket.socket], Awaitable[SocketStream]]) -> None:
        self._opened = opened
        self._made: list[Pair] = []

    async def make(self, buffer: int = 0) -> Pair:
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        stream = await self._opened(ours)
        self._made.append((stream, theirs))
        return stream, theirs

    def close(self) -> None:
        for stream, theirs in self._made:
            stream.abort()
            theirs.close()


async def read(peer: socket.socket, received: bytearray, size: int) -> None:
    while len(received) < size:
        await anyio.wait_readable(peer)
        received.extend(arrived(peer))


async def gather(pairs: Pairs) -> None:
    """Have two tasks send in one turn, so that the next send is held, whatever was before."""
    (first, peer), (second, _) = [await pairs.make() for _ in range(2)]
    while first.send_soon(b"?") and arrived(peer):
        pass
    assert second.send_soon(b"?")
    with anyio.move_on_after(0):
        await first.receive_before(math.inf)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second.receive_before, math.inf)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


@pytest.fixture(params=[this_loop, open_stream])
async def pairs(
    request: pytest.FixtureRequest, anyio_backend: object, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pairs]:
    monkeypatch.setattr("anyiohttp._net.outbox.monotonic", lambda: 0.0)  # no turn takes long
    pairs = Pairs(request.param)
    await gather(pairs)
    yield pairs
    pairs.close()


def arrived(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1 << 20)
    except BlockingIOError:
        return b""


@pytest.mark.anyio
async def test_all_of_a_turn_goes_out_together(pairs: Pairs) -> None:
    both = [await pairs.make() for _ in range(2)]
    seen: list[bytes] = []

    async def ask(stream: SocketStream, question: bytes) -> None:
        assert stream.send_soon(question)
        seen.append(b"".join(arrived(peer) for _, peer in both))
        assert await stream.receive_before(math.inf) == b"answer to " + question

    async with anyio.create_task_group() as tasks:
        for number, (stream, _) in enumerate(both):
            tasks.start_soon(ask, stream, b"%d" % number)
        for number, (_, peer) in enumerate(both):
            await anyio.wait_readable(peer)
            assert arrived(peer) == b"%d" % number
            peer.send(b"answer to %d" % number)
    assert seen == [b"", b""], "nothing had gone while the other one was still to come"


@pytest.mark.anyio
async def test_a_single_sender_is_held_up_less_and_less(pairs: Pairs) -> None:
    stream, peer = await pairs.make()
    at_once = []
    for _ in range(40):
        assert stream.send_soon(b"?")
        at_once.append(arrived(peer) == b"?")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.receive_before, math.inf)
            if not at_once[-1]:
                await anyio.wait_readable(peer)
                assert arrived(peer) == b"?"
            peer.send(b"!")
    assert not at_once[0]
    assert sum(at_once) > 30


@pytest.mark.anyio
async def test_what_does_not_go_at_once_is_for_flush(pairs: Pairs) -> None:
    stream, peer = await pairs.make(4096)
    data = bytes(range(256)) * 4096
    received = bytearray()

    assert stream.send_soon(data)
    with pytest.raises(SendStalled):
        await stream.receive_before(math.inf)
    assert not stream.held
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, peer, received, len(data))
        await stream.flush()
    assert bytes(received) == data
    peer.send(b"all")
    assert await stream.receive_before(math.inf) == b"all"


@pytest.mark.anyio
async def test_what_comes_beside_a_stall_is_had_after_it(pairs: Pairs) -> None:
    """Or who has read it would take it for an answer, and meet the stall in a later read."""
    stream, peer = await pairs.make(4096)
    data = bytes(1 << 20)
    received = bytearray()
    peer.send(b"early")
    assert stream.send_soon(data)
    with pytest.raises(SendStalled):
        await stream.receive_before(math.inf)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, peer, received, len(data))
        await stream.flush()
    assert bytes(received) == data
    assert await stream.receive_before(math.inf) == b"early"


@pytest.mark.anyio
async def test_flush_says_what_failed(pairs: Pairs) -> None:
    stream, peer = await pairs.make()
    peer.close()
    assert stream.send_soon(b"?")
    with pytest.raises((SendStalled, anyio.EndOfStream, anyio.BrokenResourceError, OSError)):
        await stream.receive_before(math.inf)


@pytest.mark.anyio
async def test_what_is_held_goes_before_what_comes_after(pairs: Pairs) -> None:
    stream, peer = await pairs.make()
    full, slow_peer = await pairs.make(4096)
    assert stream.send_soon(b"first ")
    assert stream.try_send(b"second")
    assert arrived(peer) == b"first second"
    stream, peer = full, slow_peer
    data = bytes(1 << 20)
    assert stream.send_soon(data)
    assert not stream.try_send(b"second")
    received = bytearray()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.flush)
        while not received.endswith(b"second"):
            await anyio.wait_readable(peer)
            received += arrived(peer)
    assert bytes(received) == data + b"second"


@pytest.mark.anyio
async def test_one_at_a_time(pairs: Pairs) -> None:
    stream, peer = await pairs.make()
    assert stream.send_soon(b"?")
    with pytest.raises(anyio.BusyResourceError):
        stream.send_soon(b"??")
    await stream.flush()
    assert arrived(peer) == b"?"


@pytest.mark.anyio
async def test_what_is_held_is_not_sent_once_the_stream_is_closed(pairs: Pairs) -> None:
    stream, peer = await pairs.make()
    other, others_peer = await pairs.make()
    assert stream.send_soon(b"?")
    stream.abort()
    with pytest.raises(anyio.ClosedResourceError):
        stream.send_soon(b"?")
    assert other.send_soon(b"?")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other.receive_before, math.inf)
        await anyio.wait_readable(others_peer)
        assert arrived(others_peer) == b"?"
        others_peer.send(b"!")
    assert peer.recv(10) == b""


@pytest.mark.anyio
async def test_nothing_keeps_a_closed_stream_whatever_became_of_what_it_held(pairs: Pairs) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    stream = socket_stream(ours)
    assert stream.send_soon(b"first ")
    assert stream.try_send(b"second")
    stream.abort()
    closed = ref(stream)
    del stream
    theirs.close()
    await anyio.wait_all_tasks_blocked()
    gc.collect()
    assert closed() is None


@pytest.mark.anyio
async def test_a_cancelled_wait_keeps_what_is_held(pairs: Pairs) -> None:
    """Its owner aborts it; until then nothing has happened to it that `flush` could not end."""
    stream, peer = await pairs.make()
    assert stream.send_soon(b"?")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await stream.receive_before(math.inf)
    await stream.flush()
    assert arrived(peer) == b"?"


@pytest.mark.anyio
async def test_what_comes_before_anything_was_sent_can_be_told(pairs: Pairs) -> None:
    stream, peer = await pairs.make()
    other, _ = await pairs.make()
    peer.send(b"unasked")
    assert stream.send_soon(b"?")
    assert other.send_soon(b"?")
    before = stream.held
    assert before
    assert stream.receive_nowait() == b"unasked"
    await stream.flush()
    assert not stream.held
    assert arrived(peer) == b"?"


@pytest.mark.anyio
async def test_over_tls(
    pairs: Pairs, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    ours, peer = await pairs.make(4096)
    theirs = socket_stream(peer)
    client = TLSStream(ours, client_ssl_context, server_hostname="localhost")
    server = TLSStream(theirs, server_ssl_context, server_side=True)
    data = bytes(1 << 20)
    received = bytearray()

    async def serve() -> None:
        await server.handshake()
        while len(received) < len(data):
            received.extend(await server.receive())
        await server.send(b"all")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await client.handshake(hold_last=True)
        if client.send_soon(data):
            with pytest.raises(SendStalled):
                await client.receive_before(math.inf)
        await client.flush()
        assert await client.receive_before(math.inf) == b"all"
    assert bytes(received) == data
    assert not client.held
    theirs.abort()


def test_a_loop_that_ends_while_something_is_held_is_not_kept() -> None:
    loop = asyncio.SelectorEventLoop()

    async def hold() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        stream = socket_stream(ours)
        assert stream.send_soon(b"?")
        asyncio.get_running_loop().stop()  # at the end of this turn
        stream.abort()
        theirs.close()

    task = loop.create_task(hold())
    loop.run_forever()
    loop.close()
    assert task.done()
    ended = ref(loop)
    del loop, task
    gc.collect()
    assert ended() is None


class Holder:
    def __init__(self) -> None:
        self.sent = 0

    def send_held(self) -> None:
        self.sent += 1


def test_the_outbox_tries_more_and_more_seldom_where_it_is_in_vain() -> None:
    outbox = Outbox()
    passed = []
    for _ in range(6):
        count = 0
        while not outbox.takes():
            count += 1
        passed.append(count)
        assert outbox.add(Holder())
        assert outbox.send() == 1
    assert passed == [0, 1, 3, 7, 15, 15]
    while not outbox.takes():
        pass
    holders = [Holder() for _ in range(3)]
    assert [outbox.add(holder) for holder in holders] == [True, False, False]
    outbox.discard(holders[1])
    assert outbox.send() == 2
    assert outbox.send() == 0
    assert [holder.sent for holder in holders] == [1, 0, 1]
    assert outbox.takes()


def test_who_computes_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("anyiohttp._net.outbox.monotonic", lambda: now)
    outbox, holders = Outbox(), [Holder() for _ in range(4)]
    assert outbox.add(holders[0])
    now = 0.0009
    assert not outbox.add(holders[1])
    assert [holder.sent for holder in holders] == [0, 0, 0, 0]
    now = 0.0011
    assert not outbox.add(holders[2])
    assert [holder.sent for holder in holders] == [1, 1, 1, 0]
    assert outbox.takes(), "a turn of a millisecond is none that takes long"
    assert outbox.add(holders[3])
    now = 1.0
    assert not outbox.add(holders[0])
    assert [holder.sent for holder in holders] == [2, 1, 1, 1]
    assert not outbox.takes()
