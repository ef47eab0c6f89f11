"""Payloads as aiohttp has them: they write themselves, and are sent like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

import anyiohttp
from anyiohttp import BodyNotReplayableError, BytesPayload, ClientSession, Payload
from anyiohttp._message.pushing import PushedChunks
from anyiohttp.testing import MemoryNetwork, Request, Response

pytestmark = pytest.mark.anyio


class Counting(Payload):
    """Writes numbers, and notes its life."""

    def __init__(self, value: int, **kwargs: Any) -> None:
        super().__init__(value, **kwargs)
        self.log: list[str] = []

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return "".join(map(str, range(self._value)))

    async def write(self, writer: Any) -> None:
        self.log.append("write")
        try:
            for number in range(self._value):
                await anyio.sleep(0)
                await writer.write(str(number).encode())
                await writer.drain()
            await writer.write(b"")
            await writer.write_eof()
        except GeneratorExit:
            self.log.append("given up")
            raise

    async def close(self) -> None:
        self.log.append("close")
        await super().close()


class Box:
    """Something that there is no payload for but by registration."""


async def test_it_is_sent_and_sent_again() -> None:
    async def hop(request: Request) -> Response:
        assert await request.read() == b"0123456789"
        if request.target == "/":
            return Response(307, b"", [("Location", "/next")])
        return Response(200, request.headers["Content-Type"].encode())

    payload = Counting(10, content_type="text/x-numbers")
    assert payload.size is None
    assert payload.replayable
    async with MemoryNetwork() as network:
        server = network.serve("origin.example", hop)
        async with (
            ClientSession(connector=network.connector()) as session,
            session.post(server.url, data=payload) as response,
        ):
            assert await response.read() == b"text/x-numbers"
    assert payload.log == ["write", "write", "close"]


async def test_what_was_written_once() -> None:
    class Once(Counting):
        async def write(self, writer: Any) -> None:
            self._consumed = True
            await super().write(writer)

    payload = Once(3)
    assert await payload.next_chunk() == b"0"
    assert not payload.replayable
    with pytest.raises(BodyNotReplayableError):
        await payload.rewind()


async def test_chunks() -> None:
    payload = Counting(3)
    assert [await payload.next_chunk() for _ in range(5)] == [b"0", b"1", b"2", b"", b""]
    await payload.rewind()
    assert await payload.next_chunk() == b"0"
    await payload.aclose()
    assert payload.log == ["write", "write", "given up", "close"]
    assert await payload.as_bytes() == b"012"
    written = bytearray()

    class Writer:
        async def write(self, chunk: bytes) -> None:
            written.extend(chunk)

    await payload.write_with_length(Writer(), 2)
    assert written == b"01"


class Framed(BytesPayload):
    """Ours, with a ``write`` over it."""

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self._size = None

    @property
    def size(self) -> int:
        return len(self._value) + 2

    async def write(self, writer: Any) -> None:
        await writer.write(b"<")
        await super().write(writer)
        await writer.write(b">")


@pytest.mark.parametrize("tracked", [False, True])
async def test_a_write_over_one_of_our_kinds(tracked: bool) -> None:
    async def hop(request: Request) -> Response:
        body = await request.read()
        if request.target == "/":
            return Response(307, b"", [("Location", "/next")])
        return Response(200, body + request.headers["Content-Length"].encode())

    tracker = anyiohttp.UploadTracker() if tracked else None
    async with MemoryNetwork() as network:
        server = network.serve("origin.example", hop)
        async with (
            ClientSession(connector=network.connector()) as session,
            session.post(server.url, data=Framed(b"middle"), upload_tracker=tracker) as response,
        ):
            assert await response.read() == b"<middle>8"
    if tracker is not None:
        assert tracker.bytes_written == 8


async def test_in_a_multipart_body() -> None:
    writer = anyiohttp.MultipartWriter(boundary="b")
    writer.append(Counting(3))
    assert b"\r\n\r\n012\r\n--b--" in await writer.as_bytes()


async def test_errors_and_cancellation_are_its_own() -> None:
    async def fail(writer: Any) -> None:
        await writer.write(b"one")
        raise ZeroDivisionError

    chunks = PushedChunks(fail)
    assert await chunks.next_chunk() == b"one"
    with pytest.raises(ZeroDivisionError):
        await chunks.next_chunk()

    seen = []

    async def wait(writer: Any) -> None:
        try:
            await anyio.sleep_forever()
        except BaseException as exc:
            seen.append(isinstance(exc, anyio.get_cancelled_exc_class()))
            raise

    chunks = PushedChunks(wait)
    with anyio.move_on_after(0.01) as scope:
        await chunks.next_chunk()
    assert scope.cancelled_caught
    assert seen == [True]


async def test_what_writes_nothing_cannot_be_sent() -> None:
    with pytest.raises(TypeError, match="neither"):
        await Payload(b"").next_chunk()


@pytest.mark.parametrize(
    "make", [lambda: BytesPayload(b"abc"), lambda: anyiohttp.StringPayload("abc")]
)
async def test_writing_begins_at_the_start_each_time(make: Callable[[], Payload]) -> None:
    class Writer:
        async def write(self, chunk: bytes) -> None:
            written.extend(chunk)

    payload = make()
    for _ in range(2):
        written = bytearray()
        await payload.write(Writer())
        assert written == b"abc"


async def test_a_kind_of_ones_own_is_registered() -> None:
    registry = anyiohttp.payload.PayloadRegistry()

    class BoxPayload(Counting):
        pass

    registry.register(BoxPayload, Box, order=anyiohttp.payload.Order.try_first)
    assert isinstance(registry.get(Box()), BoxPayload)
    with pytest.raises(LookupError):
        registry.get(object())
