"""Bodies that go on beside their response, in the block of ``async with``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from tests.protocol.conversations import (
    Pieces,
    Recorded,
    Stuck,
    peer,
    read_all,
    read_head,
    request,
)

from anyiohttp._client.contexts import BlockTasks
from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout
from anyiohttp.exceptions import (
    ClientConnectionError,
    ClientOSError,
    ClientPayloadError,
    RequestBodyError,
    ServerDisconnectedError,
    ServerTimeoutError,
    SocketTimeoutError,
    UploadAbortedError,
)
from anyiohttp.testing.streams import MemoryStream

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@asynccontextmanager
async def block(**limits: float) -> AsyncIterator[Call]:
    """A call whose upload a block owns, as `RequestContext` has it."""
    tasks = BlockTasks()
    await tasks.enter()
    try:
        yield Call("example.org", ClientTimeout(**{"total": 5, **limits}), spawn=tasks)
    finally:
        await tasks.exit()


class Gated(Pieces):
    """A body whose pieces after the first wait for ``gate``."""

    def __init__(self, *pieces: bytes | BaseException, size: int | None = None) -> None:
        super().__init__(*pieces, size=size)
        self.gate = anyio.Event()

    async def next_chunk(self) -> bytes:
        if self.asked:
            await self.gate.wait()
        return await super().next_chunk()


async def received_to_the_end(stream: MemoryStream, data: bytes) -> bytes:
    while not data.endswith(LAST):
        data += await stream.receive()
    return data


async def echo(stream: MemoryStream) -> None:
    """Answer at once, and end with what was received."""
    data = await read_head(stream)
    await stream.send(HEAD)
    data = await received_to_the_end(stream, data)
    await stream.send(chunk(data.partition(b"\r\n\r\n")[2]) + LAST)
    await anyio.sleep_forever()


async def test_the_body_goes_on_and_the_connection_is_used_again() -> None:
    body = Gated(b"first", b"second")
    async with peer(echo) as client, block() as call:
        exchange = await client.exchange(request("POST"), body, call)
        assert exchange.head.status == 200
        assert not exchange.request_sent
        assert not client.free
        body.gate.set()
        assert await read_all(exchange) == chunk(b"first") + chunk(b"second") + LAST
        assert exchange.request_sent
        assert exchange.upload_error is None
        assert client.free


async def test_a_peer_that_reads_on_only_when_its_answer_was_read() -> None:
    """Neither side can pass on what the other does not take: whoever reads, unlocks both."""
    size = 300_000

    async def script(stream: MemoryStream) -> None:
        data = await read_head(stream)
        await stream.send(HEAD)
        for _ in range(10):
            await stream.send(chunk(b"x" * (size // 10)))
        received.append(await received_to_the_end(stream, data))
        await stream.send(LAST)
        await anyio.sleep_forever()

    received: list[bytes] = []
    async with peer(script, capacity=10_000) as client, block() as call:
        body = Pieces(*[b"y" * 10_000] * 30)
        exchange = await client.exchange(request("POST"), body, call)
        assert len(await read_all(exchange)) == size
        assert received[0].count(b"y") == size
        assert client.free


async def test_a_large_body_at_hand_goes_on_as_well() -> None:
    async def script(stream: MemoryStream) -> None:
        data = await read_head(stream)
        await stream.send(HEAD)
        while data.count(b"x") < 200_000:
            data += await stream.receive()
        await stream.send(LAST)
        await anyio.sleep_forever()

    async with peer(script, capacity=10_000) as client, block() as call:
        exchange = await client.exchange(request("POST"), b"x" * 200_000, call)
        assert await read_all(exchange) == b""
        assert client.free


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", 413),
        (b"HTTP/1.1 303 See Other\r\nContent-Length: 2\r\n\r\nno", 303),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", 200),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    ],
)
async def test_what_stops_the_body(answer: bytes, status: int) -> None:
    """300 or more, or all of the response."""

    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(answer)
        await anyio.sleep_forever()

    async with peer(script) as client, block() as call:
        exchange = await client.exchange(request("POST"), Stuck(b"x"), call)
        assert exchange.head.status == status
        assert await read_all(exchange) == answer.partition(b"\r\n\r\n")[2]
        assert not exchange.request_sent
        assert client.dead
        assert call.spawn is not None
        with anyio.fail_after(1):
            while call.spawn.running:
                await anyio.lowlevel.checkpoint()


async def test_a_response_that_ends_first_stops_the_body_while_it_is_read() -> None:
    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(HEAD)
        await begun.wait()
        await stream.send(chunk(b"enough") + LAST)
        await anyio.sleep_forever()

    begun = anyio.Event()
    async with peer(script) as client, block() as call:
        exchange = await client.exchange(request("POST"), Stuck(b"x"), call)
        begun.set()
        assert await read_all(exchange) == b"enough"
        assert client.dead


@pytest.mark.parametrize("release", [True, False], ids=["released", "left"])
async def test_the_end_of_the_block(release: bool) -> None:
    async with peer(echo) as client:
        async with block() as call:
            exchange = await client.exchange(request("POST"), Stuck(b"x"), call)
            if release:
                exchange.release()
                assert client.dead
                with pytest.raises(ClientConnectionError, match="released"):
                    await exchange.receive()
        assert call.spawn is not None
        assert not call.spawn.running


async def test_released_while_another_task_reads() -> None:
    async def read() -> None:
        with pytest.raises(ClientConnectionError, match="released"):
            await exchange.receive()
        ended.set()

    ended = anyio.Event()
    async with peer(echo) as client, block() as call, anyio.create_task_group() as tasks:
        exchange = await client.exchange(request("POST"), Stuck(b"x"), call)
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        exchange.release()
        with anyio.fail_after(1):
            await ended.wait()


async def test_a_cancelled_read_ends_both() -> None:
    async with peer(echo) as client, block() as call:
        exchange = await client.exchange(request("POST"), Stuck(b"x"), call)
        with anyio.move_on_after(0):
            await exchange.receive()
        assert client.dead
        with pytest.raises(ClientConnectionError):
            await exchange.receive()


# --- what fails -----------------------------------------------------------------------------

BODIES: list[tuple[Callable[[], Pieces], type[Exception], str]] = [
    (lambda: Gated(b"x", ValueError("out of ink")), RequestBodyError, "out of ink"),
    (lambda: Gated(b"x", OSError(5, "bad disk")), ClientOSError, "bad disk"),
    (lambda: Gated(b"x", ClientPayloadError("cut")), ClientPayloadError, "^cut$"),
    (lambda: Gated(b"x", TimeoutError("own limit")), TimeoutError, "^own limit$"),
    (lambda: Gated(b"x" * 4, b"y" * 4, size=9), UploadAbortedError, "8 of 9"),
]


@pytest.mark.parametrize(("make", "kind", "says"), BODIES)
async def test_a_body_that_fails_after_the_head(
    make: Callable[[], Gated], kind: type[Exception], says: str
) -> None:
    body = make()
    async with peer(echo) as client, block() as call:
        exchange = await client.exchange(request("POST"), body, call)
        body.gate.set()
        with pytest.raises(kind, match=says) as caught:
            await read_all(exchange)
        assert exchange.upload_error is caught.value
        assert client.dead
        with pytest.raises(kind):
            await exchange.receive()


@pytest.mark.parametrize(("make", "kind", "says"), BODIES)
async def test_a_body_that_fails_before_the_head(
    make: Callable[[], Gated], kind: type[Exception], says: str
) -> None:
    async def script(stream: MemoryStream) -> None:
        while True:
            await stream.receive()

    body = make()
    body.gate.set()
    async with peer(script) as client, block() as call:
        with pytest.raises(kind, match=says):
            await client.exchange(request("POST"), body, call)
        assert client.dead
        assert call.spawn is not None
        assert not call.spawn.running


async def test_it_fails_at_once_although_nobody_reads() -> None:
    body = Gated(b"x", ValueError("out of ink"))
    async with peer(echo) as client, block() as call:
        exchange = await client.exchange(request("POST"), body, call)
        body.gate.set()
        with anyio.fail_after(1):
            while not client.dead:
                await anyio.lowlevel.checkpoint()
        assert exchange.stream is None


async def test_a_peer_that_takes_no_more_may_still_answer() -> None:
    """What is read is judged by itself: the end of sending is not the end of the answer."""

    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(HEAD + chunk(b"all of it") + LAST[:-1])
        stream.reset()

    body = Gated(b"x", b"y")
    async with peer(script) as client, block() as call:
        exchange = await client.exchange(request("POST"), body, call)
        assert await exchange.receive() == b"all of it"
        body.gate.set()
        with pytest.raises(ClientPayloadError, match="broke off"):
            await exchange.receive()
        assert client.dead


async def test_the_connection_ends_before_the_head() -> None:
    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        stream.end()
        await anyio.sleep_forever()

    async with peer(script) as client, block() as call:
        with pytest.raises(ServerDisconnectedError) as caught:
            await client.exchange(request("POST"), Stuck(b"x"), call)
        assert caught.value.unanswered
        assert client.dead
        assert call.spawn is not None
        assert not call.spawn.running


async def test_cancelled_before_the_head() -> None:
    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        arrived.set()
        await anyio.sleep_forever()

    async def leave() -> None:
        await arrived.wait()
        scope.cancel()

    arrived = anyio.Event()
    async with peer(script) as client, block() as call, anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        with anyio.CancelScope() as scope:
            await client.exchange(request("POST"), Stuck(b"x"), call)
        assert scope.cancelled_caught
        assert client.dead
        assert call.spawn is not None
        assert not call.spawn.running


# --- limits of time -------------------------------------------------------------------------


async def exchange_and(
    then: Callable[[Recorded, Call], Awaitable[None]], script: object = echo, **limits: float
) -> None:
    async with peer(script, capacity=1000) as client, block(**limits) as call:  # type: ignore[arg-type]
        await then(client, call)


async def test_a_peer_that_says_nothing_while_the_body_is_sent_may_do_so() -> None:
    """`sock_read` begins when the body was sent."""

    async def then(client: Recorded, call: Call) -> None:
        async def go_on() -> None:
            await anyio.sleep(0.15)
            body.gate.set()

        body = Gated(b"x", b"y")
        exchange = await client.exchange(request("POST"), body, call)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on)
            assert await read_all(exchange) == chunk(b"x") + chunk(b"y") + LAST

    await exchange_and(then, sock_read=0.1)


async def test_and_then_it_has_to_speak() -> None:
    async def mute(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(HEAD)
        while True:
            await stream.receive()

    async def then(client: Recorded, call: Call) -> None:
        body = Gated(b"x", b"y")
        exchange = await client.exchange(request("POST"), body, call)
        body.gate.set()
        with pytest.raises(SocketTimeoutError, match="sock_read"):
            await exchange.receive()
        assert client.dead

    await exchange_and(then, mute, sock_read=0.02)


@pytest.mark.parametrize("reads", [True, False])
async def test_the_total_ends_both(reads: bool) -> None:
    async def then(client: Recorded, call: Call) -> None:
        exchange = await client.exchange(request("POST"), Stuck(b"x"), call)
        if not reads:
            with anyio.fail_after(1):
                while not client.dead:
                    await anyio.sleep(0.001)
        with pytest.raises(ServerTimeoutError, match="total"):
            await exchange.receive()
        assert client.dead

    await exchange_and(then, total=0.05)


async def test_a_peer_that_takes_nothing_for_too_long() -> None:
    async def stuffed(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(HEAD)
        await anyio.sleep_forever()

    async def then(client: Recorded, call: Call) -> None:
        body = Pieces(*[b"x" * 900] * 10)
        exchange = await client.exchange(request("POST"), body, call)
        with pytest.raises(SocketTimeoutError, match="send"):
            await exchange.receive()
        assert isinstance(exchange.upload_error, SocketTimeoutError)
        assert client.dead

    await exchange_and(then, stuffed, send=0.02)
