"""How long each phase of a call may take, and the one place where that is enforced.

Knows: the limits a user may set, the phases they belong to, anyio's cancel scopes.
Must not know: HTTP, connections, pools.
Called by: every layer that waits; `ClientTimeout` is public.

A deadline is a value, never a scope that is kept: `within` opens a cancel scope around one await
that can block and closes it before it returns, so that no scope ever belongs to a session, a
connection or a response. Whose limit ran out decides the error.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar, TypeVarTuple, Unpack

import anyio

from ..exceptions import ConnectionTimeoutError, ServerTimeoutError, SocketTimeoutError

__all__ = ("DEFAULT_TIMEOUT", "ClientTimeout", "Phase", "timeout_error", "within")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Phase(Enum):
    """What a call was doing when its time ran out; the values are `ClientTimeout`'s names.

    Attributes:
        limit: the value, as a plain attribute: `next_deadline` asks for it before every read.
        connecting: whether `ClientTimeout.connect` runs over it.
        starts_anew: whether its limit starts anew with each wait.
    """

    POOL = "pool"
    CONNECT = "connect"
    SOCK_CONNECT = "sock_connect"
    SEND = "send"
    SOCK_READ = "sock_read"
    TOTAL = "total"

    def __init__(self, limit: str) -> None:
        self.limit = limit
        self.connecting = limit in ("pool", "connect", "sock_connect")
        self.starts_anew = limit not in ("connect", "total")


_ERRORS: dict[Phase, tuple[type[ServerTimeoutError], str]] = {
    Phase.POOL: (ConnectionTimeoutError, "waiting for a free connection to"),
    Phase.CONNECT: (ConnectionTimeoutError, "acquiring a connection to"),
    Phase.SOCK_CONNECT: (ConnectionTimeoutError, "connecting to"),
    Phase.SEND: (SocketTimeoutError, "sending to"),
    Phase.SOCK_READ: (SocketTimeoutError, "waiting for data from"),
    Phase.TOTAL: (ServerTimeoutError, "completing the call to"),
}


@dataclass(frozen=True, slots=True)
class ClientTimeout:
    """The limits of a call, in seconds; ``None``, 0 or infinity means no limit.

    Args:
        total: the whole call, from the request to the last byte of the body.
        connect: acquiring a connection: waiting in the pool's queue and making a new one.
        sock_read: between two reads from the peer; does not run while a body is being sent.
        sock_connect: making a new connection to the peer: name lookup, TCP, proxy and TLS.
        ceil_threshold: a limit longer than this is rounded up to a whole second of the clock, as
            in aiohttp, so that many deadlines fall together.
        pool: waiting in the pool's queue.
        send: one write to the peer.
    """

    total: float | None = None
    connect: float | None = None
    sock_read: float | None = None
    sock_connect: float | None = None
    ceil_threshold: float = 5
    pool: float | None = None
    send: float | None = None

    def deadline_of(self, seconds: float | None, now: float) -> float:
        """Return when a limit of ``seconds`` that starts at ``now`` ends; infinity if none."""
        if not seconds or seconds < 0:
            return math.inf
        end = now + seconds
        if seconds > self.ceil_threshold and end != math.inf:
            return math.ceil(end)
        return end


#: aiohttp's defaults: five minutes for everything, thirty seconds to connect.
DEFAULT_TIMEOUT = ClientTimeout(total=5 * 60, sock_connect=30)


class Limited(Protocol):
    """What has limits: a `Call`."""

    host: str

    def limit(self, phase: Phase) -> float:
        """Return the phase's limit in seconds; 0 if there is none."""
        ...

    def next_deadline(self, phase: Phase) -> tuple[float, Phase]:
        """Return when a wait in this phase must end, and whose limit that is."""
        ...


async def within(
    call: Limited,
    phase: Phase,
    function: Callable[[Unpack[Ts]], Awaitable[T]],
    *args: *Ts,
) -> T:
    """Await ``function(*args)`` within the phase's limit and the call's total.

    Args:
        call: whose limits apply.
        phase: which of them, besides the total.
        function: what to wait for.
        *args: its arguments.

    Raises:
        ConnectionTimeoutError, SocketTimeoutError, ServerTimeoutError: the limit that ran out.

    A cancellation from outside passes through untouched.
    """
    deadline, ran_out = call.next_deadline(phase)
    if deadline == math.inf:
        return await function(*args)
    with anyio.CancelScope(deadline=deadline) as scope:
        return await function(*args)
    # Only the scope's own cancellation leads here; anything else has left the function.
    assert scope.cancelled_caught
    raise timeout_error(call, ran_out)


def timeout_error(call: Limited, phase: Phase) -> ServerTimeoutError:
    """Make the error for a limit that ran out: it says phase, host and seconds."""
    kind, doing = _ERRORS[phase]
    seconds = call.limit(phase)
    message = f"Timeout of {seconds:g} s ({phase.value}) while {doing} {call.host}"
    return kind(message, phase=phase.value, host=call.host, seconds=seconds)
