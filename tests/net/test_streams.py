"""The socket stream: it can be tried, it tells the truth about its peer, and it closes at once."""

from __future__ import annotations

import math
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from types import ModuleType

import anyio
import pytest
from anyio import to_thread
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint

from anyiohttp._net.sockets import open_stream, socket_stream
from anyiohttp._net.streams import DeadlinePassed, SocketStream

pytestmark = pytest.mark.anyio

Pair = tuple[SocketStream, socket.socket]


async def any_loop(sock: socket.socket) -> SocketStream:
    return SocketStream(sock)


async def this_loop(sock: socket.socket) -> SocketStream:
    return socket_stream(sock)


@pytest.fixture(params=[any_loop, this_loop, open_stream])
async def pair(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncIterator[Pair]:
    """The stream that works on every event loop, and those that suit this one best."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    stream = await request.param(ours)
    yield stream, theirs
    theirs.close()
    stream.abort()


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


async def test_what_was_sent_is_not_held(pair: Pair) -> None:
    """A kept connection would hold the last block of an upload."""
    stream, peer = pair
    # Some go at once, and after some of those others are let run first.
    pieces = [bytearray(size) for size in (5_000_000, *(10_000,) * 100)]

    async def drain() -> None:
        while True:
            await anyio.wait_readable(peer)
            peer.recv(100_000)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain)
        for piece in pieces:
            await stream.send(piece)
            piece.clear()  # refused while anybody has a view of it
        tasks.cancel_scope.cancel()


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
        for _ in range(400):
            await stream.send(b"x" * 8192)
            peer.recv(8192)
        tasks.cancel_scope.cancel()
    assert turns >= 5


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


async def test_a_cancelled_flush_goes_on_with_the_next(pair: Pair) -> None:
    stream, peer = pair
    peer.setblocking(False)
    data = bytes(range(256)) * 40_000
    assert not stream.try_send(data)
    with anyio.move_on_after(0.01):
        await stream.flush()
    got = bytearray()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.flush)
        while len(got) < len(data):
            await anyio.wait_readable(peer)
            got += peer.recv(1 << 20)
    assert got == data


async def test_nothing_goes_before_what_a_cancelled_flush_has_left(pair: Pair) -> None:
    stream, peer = pair
    data = bytes(range(256)) * 40_000
    tail = b"the tail"
    assert not stream.try_send(data)
    for _ in range(2):  # the second has no more to give, and as much to wait for
        with anyio.move_on_after(0.01) as scope:
            await stream.flush()
        assert scope.cancelled_caught
    peer.setblocking(False)
    got = bytearray()
    while len(got) < 100_000:
        got += peer.recv(100_000)  # room for the tail
    taken = False
    with suppress(anyio.BusyResourceError):  # a flush first, say most
        assert not stream.try_send(tail)
        taken = True

    async def send() -> None:
        await stream.flush()
        if not taken:
            await stream.send(tail)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        while len(got) < len(data) + len(tail):
            await anyio.wait_readable(peer)
            got += peer.recv(100_000)
    assert got == data + tail


async def test_what_is_held_goes_behind_what_a_cancelled_flush_has_left(pair: Pair) -> None:
    stream, peer = pair
    data = bytes(range(256)) * 40_000
    assert not stream.try_send(data)
    with anyio.move_on_after(0.01):
        await stream.flush()
    peer.setblocking(False)
    got = bytearray()
    while len(got) < 100_000:
        got += peer.recv(100_000)
    with suppress(anyio.BusyResourceError):  # flush first
        stream.send_soon(b"soon")
        data += b"soon"
        await checkpoint()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.flush)
        while len(got) < len(data):
            await anyio.wait_readable(peer)
            got += peer.recv(100_000)
    assert got == data


async def test_a_flush_after_the_peer_has_gone_ends(pair: Pair) -> None:
    stream, peer = pair
    assert not stream.try_send(bytes(5_000_000))
    with anyio.move_on_after(0.01):
        await stream.flush()
    peer.close()
    with anyio.fail_after(5), pytest.raises((OSError, anyio.BrokenResourceError)):
        while True:
            await stream.flush()


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


async def test_a_deadline_ends_one_wait_and_nothing_else(pair: Pair) -> None:
    stream, peer = pair
    with pytest.raises(DeadlinePassed):
        await stream.receive_before(anyio.current_time() + 0.01)
    with pytest.raises(DeadlinePassed):
        await stream.receive_before(anyio.current_time() - 1)
    peer.sendall(b"late")
    assert await stream.receive_before(anyio.current_time() + 60) == b"late"
    assert stream.quiet


@pytest.mark.parametrize("seconds", [60, math.inf])
async def test_a_wait_is_ended_by_another_task(pair: Pair, seconds: float) -> None:
    stream, peer = pair
    if not stream.wakes:
        with pytest.raises(NotImplementedError):
            stream.wake()
        return
    stream.wake()  # nobody waits: nothing happens, now or later

    async def receive() -> None:
        with pytest.raises(DeadlinePassed):
            await stream.receive_before(anyio.current_time() + seconds)
        woken.set()

    woken = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        stream.wake()
        peer.sendall(b"late")
        stream.wake()
        with anyio.fail_after(1):
            await woken.wait()
    assert await stream.receive_before(anyio.current_time() + 60) == b"late"
    assert stream.quiet


async def test_a_peer_that_never_stops_does_not_outrun_a_deadline(pair: Pair) -> None:
    stream, peer = pair
    deadline = anyio.current_time() + 0.05
    with pytest.raises(DeadlinePassed):
        while True:
            peer.sendall(b"x" * 10)
            await stream.receive_before(deadline, 10)


async def test_bytes_that_nobody_waits_for_stay_where_the_probe_sees_them(pair: Pair) -> None:
    stream, peer = pair
    peer.sendall(b"one")
    assert await stream.receive() == b"one"
    assert stream.quiet
    peer.sendall(b"two")
    # Whatever watches the socket has its turns to notice, and must not take the bytes.
    for _ in range(5):
        await checkpoint()
    assert not stream.quiet


async def test_two_waits_at_a_time_are_refused(pair: Pair) -> None:
    stream, _ = pair
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.receive)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await stream.receive()
        tasks.cancel_scope.cancel()


async def test_a_cancellation_in_the_moment_of_arrival_loses_nothing(pair: Pair) -> None:
    stream, peer = pair
    got: list[bytes] = []

    async def receive() -> None:
        got.append(await stream.receive())

    for turns in range(8):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await anyio.wait_all_tasks_blocked()
            peer.sendall(b"%d" % turns)
            for _ in range(turns % 4):
                await checkpoint()
            tasks.cancel_scope.cancel()
        if len(got) <= turns:
            got.append(await stream.receive())
    assert got == [b"%d" % turns for turns in range(8)]


async def test_a_cancellation_while_data_keep_coming_loses_nothing(pair: Pair) -> None:
    stream, peer = pair
    data = bytes(range(100))
    got = b""

    async def receive(scope: anyio.CancelScope) -> None:
        nonlocal got
        with scope:
            while True:  # every read is a full one
                got += await stream.receive(2)

    for turns in range(8):
        peer.sendall(data)
        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive, scope)
            for _ in range(turns):
                await checkpoint()
            scope.cancel()
        assert len(got) < (turns + 1) * len(data)
        while len(got) < (turns + 1) * len(data):
            got += await stream.receive()
        assert got == data * (turns + 1)


async def test_a_cancellation_in_the_middle_of_much_loses_nothing(pair: Pair) -> None:
    stream, peer = pair
    peer.setblocking(False)
    data = bytes(range(256)) * 8000
    left = memoryview(data)
    got = bytearray()

    async def send() -> None:
        nonlocal left
        while left:
            await anyio.wait_writable(peer)
            left = left[peer.send(left) :]

    async def receive(scope: anyio.CancelScope) -> None:
        with scope:
            while len(got) < len(data):
                got.extend(await stream.receive())

    async with anyio.create_task_group() as sending:
        sending.start_soon(send)
        for turns in range(12):
            scope = anyio.CancelScope()
            async with anyio.create_task_group() as receiving:
                receiving.start_soon(receive, scope)
                for _ in range(turns):
                    await checkpoint()
                scope.cancel()
        await receive(anyio.CancelScope())
    assert got == data
    assert stream.quiet
    peer.setblocking(True)
    peer.sendall(b"and then")
    assert await stream.receive() == b"and then"


async def test_a_reset_while_waiting(pair: Pair) -> None:
    stream, peer = pair
    outcome: list[type[BaseException]] = []

    async def receive() -> None:
        try:
            await stream.receive()
        except (OSError, anyio.EndOfStream) as exc:
            outcome.append(type(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        stream.try_send(b"unread")
        peer.close()  # with unread bytes: a reset
    assert outcome in ([ConnectionResetError], [anyio.EndOfStream])


async def test_abort_from_outside_its_loop_is_safe() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    stream = socket_stream(ours)
    theirs.sendall(b"x")
    assert await stream.receive() == b"x"
    await to_thread.run_sync(stream.abort)
    assert theirs.recv(1) == b""
    theirs.close()


async def test_another_thread_may_be_importing_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "uvloop", ModuleType("uvloop"))  # as it is until it is through
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            stream = await open_stream(ours)
            assert stream.try_send(b"?")
            assert theirs.recv(10) == b"?"
            stream.abort()
