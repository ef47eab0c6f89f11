"""Bodies in pieces: what goes out, early responses, and what happens when anything fails."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.protocol.conversations import (
    Pieces,
    Stuck,
    call,
    peer,
    read_all,
    read_head,
    request,
)

from anyiohttp._protocol.http1.upload import BytesSource
from anyiohttp.exceptions import (
    ClientConnectionResetError,
    ClientOSError,
    MalformedResponseError,
    RequestBodyError,
    ServerDisconnectedError,
    ServerTimeoutError,
    SocketTimeoutError,
    UploadAbortedError,
)
from anyiohttp.testing.streams import MemoryStream

pytestmark = pytest.mark.anyio

DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"


class Receiver:
    """A script that takes a body of ``size`` bytes after the head and then answers."""

    def __init__(self, size: int, answer: bytes = DONE) -> None:
        self.received = b""
        self.sends: list[int] = []
        self._size = size
        self._answer = answer

    async def __call__(self, stream: MemoryStream) -> None:
        while b"\r\n\r\n" not in self.received or len(self.body) < self._size:
            data = await stream.receive()
            self.sends.append(len(data))
            self.received += data
        await stream.send(self._answer)
        await anyio.sleep_forever()

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]


async def test_chunks():
    script = Receiver(len(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    async with peer(script) as client:
        exchange = await client.exchange(request("POST"), Pieces(b"abc", b"de"))
        assert script.body == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        assert b"\r\nTransfer-Encoding: chunked\r\n" in script.received
        assert await read_all(exchange) == b"ok"
        assert client.free


async def test_known_size():
    script = Receiver(5)
    async with peer(script) as client:
        body = Pieces(b"abc", b"de", size=5)
        exchange = await client.exchange(request("POST"), body)
        assert script.body == b"abcde"
        assert exchange.head.status == 200
        assert client.free


async def test_a_body_whose_first_piece_is_all_of_it_goes_with_its_head():
    script = Receiver(5)
    async with peer(script) as client:
        body = Pieces(b"abcde", size=5)
        await client.exchange(request("POST"), body)
        assert len(script.sends) == 1
        assert body.asked == 1
        assert client.free


async def test_the_same_in_one_chunk():
    script = Receiver(len(b"5\r\nabcde\r\n0\r\n\r\n"))
    async with peer(script) as client:
        await client.exchange(request("POST", chunked=True), Pieces(b"abcde", size=5))
        assert script.body == b"5\r\nabcde\r\n0\r\n\r\n"
        assert len(script.sends) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_empty_source(chunked):
    script = Receiver(5 if chunked else 0)
    async with peer(script) as client:
        await client.exchange(request("POST", chunked=chunked), Pieces(size=0))
        assert script.body == (b"0\r\n\r\n" if chunked else b"")
        assert (b"Content-Length: 0" in script.received) != chunked


async def test_an_empty_source_of_unknown_size():
    script = Receiver(5)
    async with peer(script) as client:
        await client.exchange(request("POST"), Pieces())
        assert script.body == b"0\r\n\r\n"


async def test_large_bytes_through_a_small_buffer():
    data = bytes(range(256)) * 1024
    script = Receiver(len(data))
    async with peer(script, capacity=1000) as client:
        await client.exchange(request("POST"), data)
        assert script.body == data
        assert client.free


async def test_bytes_source():
    source = BytesSource(b"x" * 100_000)
    assert source.size == 100_000
    assert [len(await source.next_chunk()) for _ in range(3)] == [65_536, 34_464, 0]
    await source.aclose()


async def test_the_body_runs_in_the_callers_task():
    class Curious(Pieces):
        tasks: list[object]

        async def next_chunk(self) -> bytes:
            self.tasks.append(anyio.get_current_task().id)
            return await super().next_chunk()

    body = Curious(b"a", b"b")
    body.tasks = []
    async with peer(Receiver(17)) as client:
        await client.exchange(request("POST"), body)
    assert set(body.tasks) == {anyio.get_current_task().id}


# --- a body that is not as long as it says --------------------------------------------------

LENGTH_5 = [("Content-Length", "5")]


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"abcdef",
        lambda: b"abcde" * 50_000,
        lambda: Pieces(b"abc", b"def"),
        lambda: Pieces(b"abcdef"),
        lambda: Pieces(b"abc", b"def", size=6),
        lambda: Pieces(b"abcdef", size=6),
    ],
    ids=["bytes", "large", "pieces", "piece", "sized pieces", "sized piece"],
)
async def test_the_callers_content_length_bounds_the_body(body):
    script = Receiver(5)
    async with peer(script) as client:
        exchange = await client.exchange(request("POST", headers=LENGTH_5), body())
        assert script.body == b"abcde"
        assert exchange.request_sent
        assert client.free


async def test_longer_than_it_said_itself():
    script = Receiver(1000)
    async with peer(script) as client:
        with pytest.raises(UploadAbortedError, match="longer than its Content-Length of 5"):
            await client.exchange(request("POST"), Pieces(b"abc", b"def", size=5))
        assert client.dead
        await anyio.wait_all_tasks_blocked()
        assert len(script.body) <= 5


async def test_shorter_than_the_callers_content_length():
    async with peer(Receiver(1000)) as client:
        with pytest.raises(UploadAbortedError, match="ended after 3 of 5 bytes"):
            await client.exchange(request("POST", headers=LENGTH_5), Pieces(b"abc"))
        assert client.dead


async def test_exactly_the_callers_content_length():
    script = Receiver(5)
    async with peer(script) as client:
        await client.exchange(request("POST", headers=LENGTH_5), Pieces(b"abc", b"de"))
        assert script.body == b"abcde"
        assert client.free


async def test_nothing_is_sent_if_the_first_piece_is_wrong():
    async with peer(Receiver(0)) as client:
        with pytest.raises(UploadAbortedError, match="longer"):
            await client.exchange(request("POST"), Pieces(b"abc", size=2))
        with pytest.raises(RequestBodyError):
            await client.exchange(request("POST"), Pieces(LookupError(), size=2))
        assert client.free
        assert (await client.exchange()).head.status == 200


# --- early responses ------------------------------------------------------------------------


def answers(answer: bytes, *, end: bool = False, reset: bool = False) -> Script:
    """Answer as soon as the head is there, and read no more."""

    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(answer)
        if end:
            stream.end()
        if reset:
            stream.reset()
        await anyio.sleep_forever()

    return script


Script = Callable[[MemoryStream], Awaitable[None]]


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"x" * 1_000_000,
        lambda: Pieces(*[b"x" * 10_000] * 100),
        lambda: Pieces(*[b"x" * 10_000] * 100, size=1_000_000),
        lambda: Stuck(b"x"),
        Stuck,
    ],
    ids=["bytes", "chunks", "known size", "stuck", "stuck at once"],
)
@pytest.mark.parametrize("how", [{}, {"end": True}, {"reset": True}], ids=["", "end", "reset"])
async def test_an_early_final_response_stops_the_body(body, how):
    async with peer(answers(REFUSED, **how), capacity=20_000) as client:
        exchange = await client.exchange(request("POST"), body())
        assert exchange.head.status == 413
        assert await read_all(exchange) == b"no"
        assert client.dead


@pytest.mark.parametrize("how", [{}, {"end": True}, {"reset": True}], ids=["", "end", "reset"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    "body",
    [lambda: b"x" * 10_000, lambda: Pieces(b"x" * 10_000, size=10_000)],
    ids=["bytes", "source"],
)
async def test_an_early_final_response_stops_a_small_body(body, chunked, how):
    """All of it is in one piece, which the peer's window has no room for."""
    async with peer(answers(REFUSED, **how), capacity=1000) as client:
        exchange = await client.exchange(request("POST", chunked=chunked), body())
        assert exchange.head.status == 413
        assert not exchange.request_sent
        assert await read_all(exchange) == b"no"
        assert client.dead


async def test_a_small_body_through_a_small_buffer():
    script = Receiver(10_000)
    async with peer(script, capacity=1000) as client:
        exchange = await client.exchange(request("POST"), b"x" * 10_000)
        assert script.body == b"x" * 10_000
        assert exchange.request_sent
        assert client.free


async def test_the_connection_lives_until_the_early_response_is_read():
    async with peer(answers(REFUSED[:-1])) as client:
        exchange = await client.exchange(request("POST"), Stuck())
        assert client.changes == []
        assert await exchange.receive() == b"n"
        exchange.release()
        assert client.dead


async def test_informational_responses_do_not_stop_the_body():
    async def script(stream: MemoryStream) -> None:
        await read_head(stream)
        await stream.send(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n")
        await gate.wait()
        await stream.send(b"\r\n")
        while not (await stream.receive()).endswith(b"0\r\n\r\n"):
            pass
        await stream.send(DONE)
        await anyio.sleep_forever()

    class Gated(Pieces):
        async def next_chunk(self) -> bytes:
            gate.set()
            await anyio.wait_all_tasks_blocked()
            return await super().next_chunk()

    gate = anyio.Event()
    async with peer(script) as client:
        exchange = await client.exchange(request("POST"), Gated(b"a", b"b"))
        assert exchange.head.status == 200
        assert client.free


async def test_a_response_that_comes_with_the_last_piece_does_not_kill_the_connection():
    class Late(Pieces):
        async def next_chunk(self) -> bytes:
            chunk = await super().next_chunk()
            if not chunk:
                with anyio.CancelScope(shield=True):
                    await anyio.wait_all_tasks_blocked()
            return chunk

    script = Receiver(5)
    async with peer(script) as client:
        exchange = await client.exchange(request("POST", headers=LENGTH_5), Late(b"abcde"))
        assert exchange.head.status == 200
        assert client.free


class Hesitant(MemoryStream):
    """A stream whose reader has taken bytes and comes back with them late."""

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        data = await super().receive(max_bytes)
        with anyio.CancelScope(shield=True):
            await late.get().wait()
        return data


late: ContextVar[anyio.Event] = ContextVar("late")


@pytest.mark.parametrize("split", [0, 10, len(REFUSED)])
async def test_bytes_in_the_listeners_hands_when_sending_fails(split):
    event = anyio.Event()
    late.set(event)

    class Body(Pieces):
        async def next_chunk(self) -> bytes:
            if self.asked:
                # The listener has the first bytes, the rest is there, and sending will fail.
                await anyio.wait_all_tasks_blocked()
                server.try_send(REFUSED[split:])
                server.reset()
                doomed.set()
            self.asked += 1
            return b"x"

    async def script(stream: MemoryStream) -> None:
        nonlocal server
        server = stream
        await read_head(stream)
        await stream.send(REFUSED[:split])
        await doomed.wait()
        await anyio.wait_all_tasks_blocked()
        event.set()

    server: MemoryStream
    doomed = anyio.Event()
    async with peer(script) as client:
        client.connection.stream.__class__ = Hesitant
        exchange = await client.exchange(request("POST"), Body())
        assert exchange.head.status == 413
        assert client.dead


# --- failures -------------------------------------------------------------------------------


async def test_what_the_body_raises_comes_out_by_itself():
    """In no group; what is no `Exception` as it is, all else as the cause of our error."""
    for error in (LookupError("mine"), KeyboardInterrupt()):
        async with peer(Receiver(1000)) as client:
            with pytest.raises((RequestBodyError, KeyboardInterrupt)) as caught:
                await client.exchange(request("POST"), Pieces(b"abc", error))
            assert error in (caught.value, caught.value.__cause__)
            assert client.dead


async def test_an_error_of_the_body_is_not_called_unanswered():
    async with peer(Receiver(1000)) as client:
        error = ServerDisconnectedError("of another exchange")
        with pytest.raises(ServerDisconnectedError, match="another"):
            await client.exchange(request("POST"), Pieces(b"abc", error))
        assert not error.unanswered


@pytest.mark.parametrize(
    ("answer", "kind", "unanswered"),
    [
        (b"", ServerDisconnectedError, True),
        (b"HTTP/1.1 102 P\r\n\r\n", ServerDisconnectedError, False),
        (b"HTTP/1.1 40", ServerDisconnectedError, False),
    ],
)
async def test_the_peer_ends_without_an_answer(answer, kind, unanswered):
    async with peer(answers(answer, end=True)) as client:
        with pytest.raises(kind) as caught:
            await client.exchange(request("POST"), Stuck())
        assert caught.value.unanswered is unanswered
        assert client.dead


@pytest.mark.parametrize(
    "body", [lambda: Stuck(b"x"), lambda: Pieces(*[b"x" * 100] * 100)], ids=["stuck", "sending"]
)
async def test_the_peer_resets_without_an_answer(body):
    async with peer(answers(b"", reset=True), capacity=1000) as client:
        with pytest.raises((ClientConnectionResetError, ClientOSError)) as caught:
            await client.exchange(request("POST"), body())
        assert caught.value.unanswered
        assert client.dead


async def test_garbage_stops_the_body():
    async with peer(answers(b"nonsense")) as client:
        with pytest.raises(MalformedResponseError):
            await client.exchange(request("POST"), Stuck())
        assert client.dead


async def test_total_limits_a_body_that_does_not_come():
    for body in (Stuck(), Stuck(size=5), Stuck(b"a", size=5)):
        async with peer(Receiver(1000)) as client:
            with pytest.raises(ServerTimeoutError, match="total"):
                await client.exchange(request("POST"), body, call(total=0.05))


async def test_send_limits_a_peer_that_takes_nothing():
    async def deaf(stream: MemoryStream) -> None:
        await anyio.sleep_forever()

    async with peer(deaf, capacity=100) as client:
        with pytest.raises(SocketTimeoutError, match="send"):
            await client.exchange(request("POST"), b"x" * 100_000, call(send=0.05))
        assert client.dead


async def test_sock_read_does_not_run_while_the_body_is_sent():
    class Slow(Pieces):
        async def next_chunk(self) -> bytes:
            with contextlib.suppress(TimeoutError), anyio.fail_after(0.1):
                await anyio.sleep_forever()
            return await super().next_chunk()

    async with peer(Receiver(11)) as client:
        exchange = await client.exchange(request("POST"), Slow(b"x"), call(sock_read=0.05))
        assert exchange.head.status == 200


async def test_sock_read_runs_after_it():
    async with peer(Receiver(1000)) as client:
        with pytest.raises(SocketTimeoutError, match="sock_read"):
            await client.exchange(request("POST"), Pieces(b"x"), call(sock_read=0.05))


async def test_cancellation_from_outside():
    body = Stuck(b"x")
    async with peer(Receiver(1000)) as client:
        with anyio.move_on_after(0.02) as scope:
            await client.exchange(request("POST"), body)
        assert scope.cancelled_caught
        assert client.dead


async def test_cancellation_at_every_moment():
    for moment in range(1, 100):
        async with peer(Receiver(11), capacity=8) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_after, moment, tasks)
            await client.exchange(request("POST"), Pieces(b"x"))
            tasks.cancel_scope.cancel()
            assert client.free
            break
        assert client.dead
    else:
        pytest.fail("it was never left in peace")
    gc.collect()


async def _cancel_after(checkpoints: int, tasks: anyio.abc.TaskGroup) -> None:
    for _ in range(checkpoints):
        await checkpoint()
    tasks.cancel_scope.cancel()


async def test_native_cancellation(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        pytest.skip("asyncio's own")
    import asyncio

    async with peer(Receiver(1000)) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await client.exchange(request("POST"), Stuck(b"x"))
        assert client.dead
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
