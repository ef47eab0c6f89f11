"""The socket stream on trio: when it waits for the socket, and when it only lets others run."""

from __future__ import annotations

import math
import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.lowlevel import checkpoint, current_statistics, current_task

from anyiohttp._net.sockets import socket_stream
from anyiohttp._net.streams import DeadlinePassed
from anyiohttp._net.trio_streams import TrioSocketStream


def someone_waits() -> bool:
    """Whether a task waits for a socket, besides the one by which trio is woken."""
    waiting = getattr(current_statistics().io_statistics, "tasks_waiting_read", None)
    assert waiting is not None
    return bool(waiting > 1)


class Pauses(trio.abc.Instrument):
    """Writes down how a task pauses: to let others run (``c``), or for the socket (``w``)."""

    def __init__(self) -> None:
        self._task = current_task()
        self.seen = ""

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self.seen += "w" if someone_waits() else "c"


async def pauses_for(answers_at_once: list[bool]) -> list[str]:
    """How each read pauses whose answer is there at once, or only when it is waited for."""
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    stream = socket_stream(ours)
    pauses = Pauses()
    found: list[str] = []

    async def answer_who_waits() -> None:
        while not someone_waits():
            await checkpoint()
        peer.send(b"answer")

    for at_once in answers_at_once:
        assert stream.try_send(b"question")
        async with trio.open_nursery() as nursery:
            if at_once:
                peer.send(b"answer")
            else:
                nursery.start_soon(answer_who_waits)
            pauses.seen = ""
            trio.lowlevel.add_instrument(pauses)
            assert await stream.receive_before(trio.current_time() + 60) == b"answer"
            trio.lowlevel.remove_instrument(pauses)
            found.append(pauses.seen)
    stream.abort()
    peer.close()
    return found


@pytest.mark.parametrize(
    ("answers_at_once", "pauses"),
    [
        pytest.param([True] * 4, ["c"] * 4, id="always"),
        pytest.param(
            [False] * 24,
            ["cw", "w", "cw", *["w"] * 3, "cw", *["w"] * 7, "cw", *["w"] * 7, "cw", "w"],
            id="never",
        ),
        pytest.param(
            [False] * 6 + [True, False, False],
            ["cw", "w", "cw", "w", "w", "w", "c", "cw", "w"],
            id="sometimes",
        ),
    ],
)
def test_an_attempt_that_proves_vain_is_made_more_and_more_seldom(
    answers_at_once: list[bool], pauses: list[str]
) -> None:
    assert trio.run(pauses_for, answers_at_once) == pauses


async def read_when_cancelled(stream: TrioSocketStream) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.receive()
    assert scope.cancelled_caught


async def read_too_late(stream: TrioSocketStream) -> None:
    with pytest.raises(DeadlinePassed):
        await stream.receive_before(trio.current_time())


@pytest.mark.parametrize("after_sending", [False, True])
@pytest.mark.parametrize("read", [read_when_cancelled, read_too_late])
def test_what_is_at_hand_is_kept_from_who_may_not_have_it(
    read: Callable[[TrioSocketStream], Awaitable[None]], after_sending: bool
) -> None:
    async def main() -> None:
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        stream = socket_stream(ours)
        assert isinstance(stream, TrioSocketStream)
        if after_sending:
            assert stream.try_send(b"question")
        peer.send(b"answer")
        await read(stream)
        assert await stream.receive_before(math.inf) == b"answer"
        stream.abort()
        peer.close()

    trio.run(main)
