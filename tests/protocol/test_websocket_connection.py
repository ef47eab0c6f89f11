"""A WebSocket on a byte stream: who may read and write when, and what a cancellation leaves."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.websocket_peers import BINARY, PING, PONG, TEXT, Frame, frame, parse_frame

from anyiohttp._protocol.websocket.connection import WebSocketConnection
from anyiohttp._protocol.websocket.deflate import Deflate
from anyiohttp._protocol.websocket.messages import WSMessage, WSMsgType
from anyiohttp.exceptions import ClientConnectionResetError, InvalidRequestError
from anyiohttp.testing import MemoryStream, cancel_everywhere, memory_stream_pair

pytestmark = pytest.mark.anyio

#: So little is on its way at most that most sends must wait.
NARROW = 16


class Ends:
    """A connection, and the peer's end of its stream."""

    def __init__(self, capacity: int, deflate: Deflate | None = None) -> None:
        client, self.peer = memory_stream_pair(capacity)
        self.client: MemoryStream = client
        self.connection = WebSocketConnection(client, "peer.example:80", deflate=deflate)
        self._heard = b""

    async def heard(self, count: int) -> list[Frame]:
        """Receive so many frames."""
        frames: list[Frame] = []
        while len(frames) < count:
            try:
                parsed, self._heard = parse_frame(self._heard)
            except (IndexError, AssertionError):
                self._heard += await self.peer.receive()
            else:
                frames.append(parsed)
        return frames

    async def next(self) -> WSMessage:
        """Receive one message as the conversation does."""
        connection = self.connection
        while (message := connection.next_message()) is None:
            await connection.wait()
        assert isinstance(message, WSMessage)
        return message


@asynccontextmanager
async def ends(capacity: int = 64 * 1024, deflate: Deflate | None = None) -> AsyncIterator[Ends]:
    both = Ends(capacity, deflate)
    try:
        with anyio.fail_after(10):
            yield both
    finally:
        both.connection.abort()
        both.peer.abort()
        assert both.connection.closed
        assert both.client.closed


async def blocked(both: Ends) -> None:
    """Let the tasks run until they wait for each other."""
    await anyio.wait_all_tasks_blocked()
    assert not both.connection.closed


async def test_both_ways():
    async with ends() as both:
        await both.connection.send(WSMsgType.TEXT, b"there")
        await both.peer.send(frame(TEXT, b"back"))
        assert await both.heard(1) == [Frame(TEXT, b"there")]
        assert await both.next() == WSMessage(WSMsgType.TEXT, "back", "")
        assert "open" in repr(both.connection)


async def test_a_deadline_ends_a_wait():
    async with ends() as both:
        assert not await both.connection.wait(anyio.current_time() + 0.01)
        assert not await both.connection.wait(-math.inf)
        assert not both.connection.receiving
        await both.peer.send(frame(TEXT, b"a"))
        assert await both.connection.wait(anyio.current_time() + 10)


async def test_another_task_ends_a_wait():
    async with ends() as both, anyio.create_task_group() as tasks:
        ended = []

        async def wait() -> None:
            ended.append(await both.connection.wait())

        both.connection.interrupt()  # nobody waits: nothing happens
        tasks.start_soon(wait)
        await blocked(both)
        assert both.connection.receiving
        both.connection.interrupt()
        await blocked(both)
        assert ended == [False]


async def test_a_cancelled_wait_has_lost_nothing():
    for size in (1, 3, 40):
        async with ends() as both:
            sent = frame(TEXT, b"a" * size) + frame(BINARY, b"b")
            for start in range(len(sent)):
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await both.connection.wait()
                await both.peer.send(sent[start : start + 1])
                await both.connection.wait()
            assert await both.next() == WSMessage(WSMsgType.TEXT, "a" * size, "")
            assert await both.next() == WSMessage(WSMsgType.BINARY, b"b", "")


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_cancelled_send_leaves_whole_frames(compressed: bool):
    """Cancelled at each point: its frame goes out whole, now or with the next, or not at all."""

    async def once(both: Ends) -> None:
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                await both.connection.send(WSMsgType.TEXT, b"first " * 10)
                await both.connection.send(WSMsgType.TEXT, b"second " * 10)

            tasks.start_soon(read_slowly, both)
            await send()
            tasks.cancel_scope.cancel()

    async def read_slowly(both: Ends) -> None:
        while True:
            await checkpoint()
            heard.extend(await both.peer.receive(5))

    heard = bytearray()
    runs = 0
    both: Ends

    async def victim() -> None:
        await once(both)

    def start() -> object:
        nonlocal both, heard
        deflate = Deflate(peer_forgets=False, we_forget=False, our_bits=15) if compressed else None
        both, heard = Ends(NARROW, deflate), bytearray()
        return victim()

    async for run in cancel_everywhere(start):  # type: ignore[arg-type, type-var]
        runs += 1
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_slowly, both)
            await both.connection.send(WSMsgType.TEXT, b"last")
            await blocked(both)
            tasks.cancel_scope.cancel()
        rest, texts = bytes(heard), []
        peers = Deflate(peer_forgets=False, we_forget=False, our_bits=15)
        while rest:
            parsed, rest = parse_frame(rest)
            texts.append(_plain(peers, parsed))
        both.connection.abort()
        assert texts[-1] == b"last"
        assert texts[:-1] in ([], [b"first " * 10], [b"first " * 10, b"second " * 10])
        assert run.cancelled or len(texts) == 3
    assert runs > 5


def _plain(peers: Deflate, parsed: Frame) -> bytes:
    """What the peer makes of a frame."""
    from websockets.frames import Frame as TheirFrame
    from websockets.frames import Opcode

    theirs = TheirFrame(Opcode(parsed.opcode), parsed.data, parsed.fin, parsed.rsv1)
    return bytes(peers.decode(theirs).data)


async def test_many_send_at_a_time():
    async with ends(NARROW) as both, anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(both.connection.send, WSMsgType.BINARY, bytes([number]) * 50)
        heard = await both.heard(8)
        assert sorted(found.data[:1] for found in heard) == [bytes([n]) for n in range(8)]
        assert all(len(set(found.data)) == 1 for found in heard)


async def test_receiving_goes_on_while_the_peer_does_not_read():
    async with ends(NARROW) as both, anyio.create_task_group() as tasks:
        tasks.start_soon(both.connection.send, WSMsgType.BINARY, b"x" * 100)
        await blocked(both)
        for number in range(20):
            await both.peer.send(frame(PING, b"%d" % number))
            assert (await both.next()).data == b"%d" % number
            both.connection.send_soon(WSMsgType.PONG, b"%d" % number)
        # Of the pongs that had to wait only the latest goes out.
        assert await both.heard(2) == [Frame(BINARY, b"x" * 100), Frame(PONG, b"19")]


async def test_what_is_left_to_send_goes_while_the_next_message_is_waited_for():
    async with ends(NARROW) as both:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(both.connection.send, WSMsgType.BINARY, b"x" * 100)
                await blocked(both)
                scope.cancel()
        both.connection.send_soon(WSMsgType.PONG, b"p")
        async with anyio.create_task_group() as tasks:
            got: list[WSMessage] = []

            async def receive() -> None:
                got.append(await both.next())

            tasks.start_soon(receive)
            assert await both.heard(2) == [Frame(BINARY, b"x" * 100), Frame(PONG, b"p")]
            await blocked(both)
            await both.peer.send(frame(TEXT, b"a"))
        assert got == [WSMessage(WSMsgType.TEXT, "a", "")]
        await both.connection.send(WSMsgType.TEXT, b"b")
        assert await both.heard(1) == [Frame(TEXT, b"b")]


async def test_the_wait_fails_as_the_stream_does_while_something_is_left_to_send():
    async with ends(NARROW) as both, anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as senders:
                senders.start_soon(both.connection.send, WSMsgType.BINARY, b"x" * 100)
                await blocked(both)
                scope.cancel()

        async def wait() -> None:
            with pytest.raises(ClientConnectionResetError):
                await both.connection.wait()

        tasks.start_soon(wait)
        await blocked(both)
        both.peer.reset()


async def test_a_pong_is_sent_at_once_if_it_can_be():
    async with ends() as both:
        both.connection.send_soon(WSMsgType.PONG, b"p")
        assert await both.heard(1) == [Frame(PONG, b"p")]


async def test_collecting_without_a_wait():
    async with ends() as both:
        connection = both.connection
        assert not connection.collect()
        await both.peer.send(frame(TEXT, b"a") * 3)
        assert connection.collect()
        assert not connection.collect()
        assert [await both.next() for _ in range(3)] == [WSMessage(WSMsgType.TEXT, "a", "")] * 3
        both.peer.end()
        with pytest.raises(ClientConnectionResetError, match="without a close frame"):
            connection.collect()


async def test_collecting_is_bounded():
    async with ends() as both:
        connection = both.connection
        await both.peer.send(b"\x82\x7f" + (1 << 30).to_bytes(8, "big"))
        assert connection.collect()
        taken = 0
        while both.peer.all_taken:
            await both.peer.send(bytes(32 * 1024))
            assert connection.collect()
            taken += 32 * 1024
        # What has come stays where it is: the peer is there, and who receives will see to the rest.
        assert 256 * 1024 <= taken <= 320 * 1024


async def test_a_flood_lets_others_run():
    async with ends() as both, anyio.create_task_group() as tasks:
        await both.peer.send(frame(PONG) * 1000)
        await both.connection.wait()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await checkpoint()
                turns += 1

        tasks.start_soon(other)
        for _ in range(1000):
            if both.connection.owes_a_turn():
                await anyio.lowlevel.checkpoint()
            assert both.connection.next_message() is not None
        assert turns > 10
        tasks.cancel_scope.cancel()


async def test_an_end_without_a_close_frame():
    async with ends() as both:
        both.peer.end()
        with pytest.raises(ClientConnectionResetError, match=r"peer\.example:80 ended"):
            await both.connection.wait()


async def test_what_must_not_be_sent_leaves_all_as_it_was():
    async with ends() as both:
        with pytest.raises(InvalidRequestError):
            await both.connection.send(WSMsgType.PING, b"p" * 126)
        await both.connection.send(WSMsgType.PING, b"p" * 125)
        assert await both.heard(1) == [Frame(PING, b"p" * 125)]


async def test_closing_wakes_a_sender():
    async with ends(NARROW) as both, anyio.create_task_group() as tasks:

        async def send() -> None:
            with pytest.raises(ClientConnectionResetError):
                await both.connection.send(WSMsgType.BINARY, b"x" * 100)

        tasks.start_soon(send)
        await blocked(both)
        await both.connection.aclose()
        with pytest.raises(ClientConnectionResetError):
            await both.connection.send(WSMsgType.BINARY, b"x")
