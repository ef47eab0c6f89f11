"""Streams in memory behave as sockets do, where that can be seen."""

from __future__ import annotations

import anyio
import pytest
from anyio.streams.tls import TLSAttribute

from anyiohttp.testing.streams import memory_stream_pair

pytestmark = pytest.mark.anyio


async def test_bytes_go_both_ways():
    client, server = memory_stream_pair()
    assert client.try_send(b"abc")
    await server.send(b"def")
    assert await server.receive() == b"abc"
    assert await client.receive(2) == b"de"
    assert client.receive_nowait() == b"f"
    with pytest.raises(anyio.WouldBlock):
        client.receive_nowait()
    await client.flush()
    assert client.quiet
    assert client.extra(TLSAttribute.alpn_protocol, None) is None


async def test_receive_waits():
    client, server = memory_stream_pair()
    got = []

    async def receive():
        got.append(await client.receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        await server.send(b"abc")
    assert got == [b"abc"]


async def test_a_cancelled_receive_loses_nothing():
    client, server = memory_stream_pair()
    await server.send(b"abc")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await client.receive()
    assert client.receive_nowait() == b"abc"
    got = []

    async def receive():
        got.append(await client.receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        await server.send(b"def")
        tasks.cancel_scope.cancel()
    # Whether it was woken or cancelled is the backend's choice.
    assert got == [b"def"] or client.receive_nowait() == b"def"


async def test_a_full_buffer_makes_the_sender_wait():
    client, server = memory_stream_pair(4)
    assert not client.try_send(b"abcdefghij")
    with pytest.raises(anyio.BusyResourceError):
        client.try_send(b"x")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.flush)
        for expected in (b"abcd", b"efgh", b"ij"):
            await anyio.wait_all_tasks_blocked()
            assert server.receive_nowait() == expected
    assert client.try_send(b"")


async def test_one_reader_and_one_writer_at_a_time():
    client, server = memory_stream_pair(1)
    assert not client.try_send(b"abc")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.receive)
        tasks.start_soon(client.flush)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await client.receive()
        with pytest.raises(anyio.BusyResourceError):
            await client.flush()
        tasks.cancel_scope.cancel()
    server.abort()


async def test_end_comes_after_what_was_sent_and_leaves_the_other_way_open():
    client, server = memory_stream_pair()
    await server.send(b"abc")
    server.end()
    server.end()
    assert client.receive_nowait() == b"abc"
    with pytest.raises(anyio.EndOfStream):
        await client.receive()
    assert not client.quiet
    await client.send(b"def")
    assert await server.receive() == b"def"
    with pytest.raises(anyio.BrokenResourceError):
        await server.send(b"x")


async def test_end_wakes_the_reader():
    client, server = memory_stream_pair()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_expect, anyio.EndOfStream, client.receive)
        await anyio.wait_all_tasks_blocked()
        server.end()


async def _expect(kind, function, *args):
    with pytest.raises(kind):
        await function(*args)


async def test_reset_comes_after_what_was_sent():
    client, server = memory_stream_pair()
    await server.send(b"abc")
    server.reset()
    assert server.closed
    assert await client.receive() == b"abc"
    for function, args in ((client.receive, ()), (client.send, (b"x",))):
        with pytest.raises(anyio.BrokenResourceError) as caught:
            await function(*args)
        assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_reset_wakes_reader_and_writer():
    client, server = memory_stream_pair(1)
    assert not client.try_send(b"abc")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_expect, anyio.BrokenResourceError, client.receive)
        tasks.start_soon(_expect, anyio.BrokenResourceError, client.flush)
        await anyio.wait_all_tasks_blocked()
        server.reset()


async def test_sending_to_a_peer_that_has_gone():
    client, server = memory_stream_pair()
    await client.send(b"never read")
    await server.aclose()
    with pytest.raises(anyio.BrokenResourceError) as caught:
        client.try_send(b"x")
    assert isinstance(caught.value.__cause__, BrokenPipeError)


async def test_a_closed_end():
    client, server = memory_stream_pair(1)
    assert not client.try_send(b"ab")
    assert "client>" in repr(client)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_expect, anyio.ClosedResourceError, client.receive)
        tasks.start_soon(_expect_lost, client)
        await anyio.wait_all_tasks_blocked()
        client.abort()
    client.abort()
    assert "closed" in repr(client)
    assert not client.quiet
    with pytest.raises(anyio.ClosedResourceError):
        client.receive_nowait()
    with pytest.raises(anyio.ClosedResourceError):
        client.try_send(b"x")
    assert server.receive_nowait() == b"a"
    with pytest.raises(anyio.EndOfStream):
        server.receive_nowait()
    with pytest.raises(NotImplementedError):
        await client.send_eof()


async def _expect_lost(stream):
    with pytest.raises(anyio.ClosedResourceError):
        await stream.flush()
