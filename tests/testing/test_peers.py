"""A script's end of a connection: what it reads, what it says, how it ends."""

from __future__ import annotations

import anyio
import pytest

from anyiohttp.testing import Peer, memory_stream_pair

pytestmark = pytest.mark.anyio


@pytest.fixture
def ends():
    client, stream = memory_stream_pair()
    return client, Peer(stream, stream, 7)


async def test_receiving(ends):
    client, peer = ends
    assert "Peer 7" in repr(peer)
    await client.send(b"ab|cdefg")
    assert await peer.receive_until(b"|") == b"ab|"
    assert await peer.receive_exactly(2) == b"cd"
    assert await peer.receive_some() == b"efg"
    await client.send(b"h")
    assert await peer.receive_some() == b"h"
    await client.send(b"ij")
    client.abort()
    assert await peer.wait_closed() == b"ij"
    assert bytes(peer.received) == b"ab|cdefghij"


async def test_requests(ends):
    client, peer = ends
    plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    sized = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"3\r\n0\r\n\r\n2;a=b\r\n\r\n\r\n0\r\n\r\n"
    await client.send(plain + sized + b"abc" + chunked + b"0\r\n\r\n" + chunked + chunks)
    assert await peer.receive_request() == (plain, b"")
    assert await peer.receive_request() == (sized, b"abc")
    assert await peer.receive_request() == (chunked, b"0\r\n\r\n")
    assert await peer.receive_request() == (chunked, chunks)


async def test_an_end_in_a_request(ends):
    client, peer = ends
    client.end()
    with pytest.raises(anyio.EndOfStream):
        await peer.receive_head()


async def test_sending(ends):
    client, peer = ends
    await peer.send(b"abc")
    assert await client.receive() == b"abc"
    await peer.answer(b"body", b"X: y", status=b"404 Not Found")
    assert await client.receive() == (
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX: y\r\n\r\nbody"
    )
    pieces = []

    async def read() -> None:
        pieces.extend([await client.receive() for _ in range(5)])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await peer.send_pieces(b"de", b"f")
        await peer.send_bytewise(b"ghi")
    assert pieces == [b"de", b"f", b"g", b"h", b"i"]


async def test_pieces_end_with_the_client(ends):
    client, peer = ends

    async def leave() -> None:
        assert await client.receive() == b"a"
        client.abort()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        with pytest.raises(anyio.BrokenResourceError):
            await peer.send_pieces(b"a", b"b", b"c")


async def test_ends(ends):
    client, peer = ends
    peer.half_close()
    with pytest.raises(anyio.EndOfStream):
        await client.receive()
    await client.send(b"still there")
    assert await peer.receive_some() == b"still there"
    peer.reset()
    with pytest.raises(anyio.BrokenResourceError):
        await client.send(b"x")

    client, stream = memory_stream_pair()
    peer = Peer(stream, stream, 0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.stall)
        await anyio.wait_all_tasks_blocked()
        await client.send(b"is not read")
        await anyio.wait_all_tasks_blocked()
        client.abort()
    peer.abort()
    assert await peer.receive_some() == b""
