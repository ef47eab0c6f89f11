"""Limits: which applies to a wait, what its error says, and that cancellation passes through."""

from __future__ import annotations

import math

import anyio
import pytest
from anyio.lowlevel import checkpoint

from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout, Phase, within
from anyiohttp.exceptions import ConnectionTimeoutError, ServerTimeoutError, SocketTimeoutError

pytestmark = pytest.mark.anyio

NONE = ClientTimeout()


@pytest.mark.parametrize("seconds", [None, 0, -1, math.inf])
def test_no_limit(seconds: float | None) -> None:
    assert NONE.deadline_of(seconds, 10.0) == math.inf


def test_long_limits_end_on_a_whole_second_of_the_clock() -> None:
    assert NONE.deadline_of(5, 10.2) == 15.2
    assert NONE.deadline_of(6, 10.2) == 17
    assert ClientTimeout(ceil_threshold=10).deadline_of(6, 10.25) == 16.25


async def test_without_a_limit_nothing_is_armed() -> None:
    call = Call(timeout=NONE)

    async def answer(value: int) -> int:
        await checkpoint()
        return value

    for phase in Phase:
        assert call.next_deadline(phase) == (math.inf, Phase.TOTAL)
    assert await within(call, Phase.SOCK_READ, answer, 7) == 7


@pytest.mark.parametrize(
    ("phase", "kind", "words"),
    [
        (Phase.POOL, ConnectionTimeoutError, "waiting for a free connection"),
        (Phase.SOCK_CONNECT, ConnectionTimeoutError, "connecting"),
        (Phase.SEND, SocketTimeoutError, "sending"),
        (Phase.SOCK_READ, SocketTimeoutError, "waiting for data"),
        (Phase.TOTAL, ServerTimeoutError, "completing the call"),
    ],
)
async def test_the_error_says_phase_host_and_seconds(
    phase: Phase, kind: type[ServerTimeoutError], words: str
) -> None:
    call = Call("example.org:443", ClientTimeout(**{phase.value: 0.01}))
    with pytest.raises(TimeoutError) as caught:
        await within(call, phase, anyio.sleep_forever)
    assert type(caught.value) is kind
    assert (caught.value.phase, caught.value.host, caught.value.seconds) == (
        phase.value,
        "example.org:443",
        0.01,
    )
    assert words in str(caught.value)
    assert "example.org:443" in str(caught.value)
    assert "0.01 s" in str(caught.value)


async def test_connect_spans_queue_and_dial() -> None:
    call = Call(timeout=ClientTimeout(connect=0.01, pool=50, sock_connect=50))
    call.start_connecting()
    for phase in (Phase.POOL, Phase.CONNECT, Phase.SOCK_CONNECT):
        with pytest.raises(ConnectionTimeoutError) as caught:
            await within(call, phase, anyio.sleep_forever)
        assert caught.value.phase == "connect"
    assert call.next_deadline(Phase.SOCK_READ) == (math.inf, Phase.TOTAL)


async def test_the_total_counts_in_every_phase() -> None:
    call = Call(timeout=ClientTimeout(total=0.01, sock_read=50))
    with pytest.raises(ServerTimeoutError) as caught:
        await within(call, Phase.SOCK_READ, anyio.sleep_forever)
    assert caught.value.phase == "total"


async def test_a_cancellation_from_outside_is_no_timeout() -> None:
    call = Call(timeout=ClientTimeout(total=60))
    with anyio.move_on_after(0.01) as scope:
        await within(call, Phase.SOCK_READ, anyio.sleep_forever)
    assert scope.cancelled_caught


async def test_errors_pass_through() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await within(Call(timeout=ClientTimeout(total=60)), Phase.SEND, fail)
