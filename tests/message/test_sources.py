from __future__ import annotations

import gzip
from collections.abc import Iterable

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anyiohttp._message.codings import MAX_CHUNK, make_decoder
from anyiohttp._message.limits import BodyLimits
from anyiohttp._message.sources import DecodedSource, FedSource, LimitedSource
from anyiohttp.exceptions import BodyTooLargeError, ContentDecodingError

pytestmark = pytest.mark.anyio


class Pieces:
    """A source that has its pieces; ``None`` stands for a moment in which nothing is at hand."""

    def __init__(self, pieces: Iterable[bytes | None]) -> None:
        self.pieces = list(pieces)

    async def receive(self) -> bytes:
        await checkpoint()
        while self.pieces and self.pieces[0] is None:
            self.pieces.pop(0)
        return self.receive_nowait() or b""

    def receive_nowait(self) -> bytes | None:
        return self.pieces.pop(0) if self.pieces else b""


def decoded(coding: str, *pieces: bytes | None) -> DecodedSource:
    decoder = make_decoder(coding)
    assert decoder is not None
    return DecodedSource(Pieces(pieces), decoder)


async def test_decoded() -> None:
    whole = gzip.compress(b"words")
    source = decoded("gzip", whole[:7], whole[7:])
    assert await source.receive() == b"words"
    assert await source.receive() == b""
    assert await source.receive() == b""
    assert source.raw_bytes == len(whole)


async def test_decoded_in_bounded_chunks_that_let_others_run() -> None:
    source = decoded("gzip", gzip.compress(bytes(4 * MAX_CHUNK)))
    turns = 0
    others = 0

    async def other() -> None:
        nonlocal others
        while turns < 4:
            others += 1
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        while chunk := await source.receive():
            assert len(chunk) == MAX_CHUNK
            turns += 1
    assert turns == 4
    assert others >= 3


async def test_a_cancelled_receive_loses_nothing() -> None:
    body = bytes(range(256)) * (MAX_CHUNK // 64)
    source = decoded("gzip", gzip.compress(body))
    received = await source.receive()
    with anyio.CancelScope() as scope:
        scope.cancel()
        received += await source.receive()
    assert scope.cancelled_caught
    while chunk := await source.receive():
        received += chunk
    assert received == body


async def test_cut_short() -> None:
    source = decoded("gzip", gzip.compress(b"words")[:-1])
    assert await source.receive() == b"words"
    with pytest.raises(ContentDecodingError, match="cut short"):
        await source.receive()


async def test_nowait() -> None:
    whole = gzip.compress(b"words")
    source = decoded("gzip", whole[:3], None, whole[3:], None)
    assert source.receive_nowait() is None
    assert source.receive_nowait() == b"words"
    assert source.receive_nowait() is None
    assert source.receive_nowait() == b""
    assert source.receive_nowait() == b""


async def test_nowait_leaves_long_work_to_receive() -> None:
    source = decoded("gzip", gzip.compress(b"") * 1000 + gzip.compress(b"end"))
    assert source.receive_nowait() is None
    assert await source.receive() == b"end"


async def test_fed() -> None:
    source = FedSource()
    assert source.receive_nowait() is None
    source.feed(b"a")
    source.feed(b"b")
    assert await source.receive() == b"ab"
    assert source.total_bytes == 2
    source.feed(b"c")
    source.feed_eof()
    assert source.eof
    assert source.receive_nowait() == b"c"
    assert source.receive_nowait() == b""
    assert await source.receive() == b""


@pytest.mark.parametrize("how", ["feed", "eof", "fail"])
async def test_fed_from_another_task(how: str) -> None:
    source = FedSource()
    results: list[bytes | str] = []

    async def read() -> None:
        try:
            results.append(await source.receive())
        except OSError as exc:
            results.append(str(exc))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        assert results == []
        if how == "feed":
            source.feed(b"x")
        elif how == "eof":
            source.feed_eof()
        else:
            source.fail(OSError("broken"))
    assert results == [{"feed": b"x", "eof": b"", "fail": "broken"}[how]]


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    source = FedSource()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await source.receive()
    source.feed(b"x")
    assert await source.receive() == b"x"


# --- limits ---


async def test_limited() -> None:
    source = LimitedSource(Pieces([b"12345", None, b"67890", b"x"]), BodyLimits(10))
    assert await source.receive() == b"12345"
    assert source.receive_nowait() is None
    assert await source.receive() == b"67890"
    with pytest.raises(BodyTooLargeError):
        await source.receive()
    source = LimitedSource(Pieces([b"12345"]), BodyLimits(5), announced=5)
    assert source.receive_nowait() == b"12345"
    assert await source.receive() == b""


async def test_of_what_is_announced_too_large_nothing_is_asked_for() -> None:
    pieces = Pieces([b"12345"])
    source = LimitedSource(pieces, BodyLimits(4), announced=5)
    with pytest.raises(BodyTooLargeError, match="announced"):
        await source.receive()
    with pytest.raises(BodyTooLargeError, match="announced"):
        source.receive_nowait()
    assert pieces.pieces == [b"12345"]


@pytest.mark.parametrize("limits", [BodyLimits(9999), BodyLimits(None, 2)])
async def test_decoded_and_limited(limits: BodyLimits) -> None:
    decoder = make_decoder("gzip")
    assert decoder is not None
    source = DecodedSource(Pieces([gzip.compress(bytes(10_000))]), decoder, limits)
    with pytest.raises(BodyTooLargeError):
        await source.receive()
