"""What travels down through the layers with every call of a user.

Knows: the call's limits and, for error messages, the host it is talking to.
Must not know: what is being asked for, or of whom.
Called by: the session makes one for each request; every layer below reads it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from .deadlines import DEFAULT_TIMEOUT, ClientTimeout, Phase

__all__ = ("Call", "Observer")


class Observer(Protocol):
    """Told of what happens to a call; the lower layers see this or ``None``, never a list."""

    async def notify(self, event: str, /, **details: object) -> None:
        """Take note of an event; awaited where it happens."""
        ...


class Call:
    """One call of a user: its limits, its clock, who observes it and who may own its upload.

    Args:
        host: whom the call is talking to, for error messages (``example.org:443``).
        timeout: the limits.
        observer: told of what happens, if tracing is on.
        spawn: starts a function in the task group of the user's ``async with`` block, where there
            is one. Only an upload that outlives the response's head is started with it.

    The total's clock starts when the call is made.
    """

    __slots__ = ("_connect_deadline", "_total_deadline", "host", "observer", "spawn", "timeout")

    def __init__(
        self,
        host: str = "",
        timeout: ClientTimeout = DEFAULT_TIMEOUT,
        observer: Observer | None = None,
        spawn: Callable[[Callable[[], Awaitable[None]]], None] | None = None,
    ) -> None:
        self.host = host
        self.timeout = timeout
        self.observer = observer
        self.spawn = spawn
        self._connect_deadline = math.inf
        self._total_deadline = (
            timeout.deadline_of(timeout.total, anyio.current_time()) if timeout.total else math.inf
        )

    def start_connecting(self) -> None:
        """Start the clock of ``ClientTimeout.connect``, which spans several waits."""
        seconds = self.timeout.connect
        if seconds:
            self._connect_deadline = self.timeout.deadline_of(seconds, anyio.current_time())

    def limit(self, phase: Phase) -> float:
        """Return the phase's limit in seconds; 0 if there is none."""
        return getattr(self.timeout, phase.value) or 0

    def next_deadline(self, phase: Phase) -> tuple[float, Phase]:
        """Return when a wait in this phase must end, and whose limit that is."""
        deadline, ran_out = self._total_deadline, Phase.TOTAL
        if phase in _CONNECTING and self._connect_deadline < deadline:
            deadline, ran_out = self._connect_deadline, Phase.CONNECT
        if phase in _OF_ONE_WAIT and (seconds := self.limit(phase)):
            own = self.timeout.deadline_of(seconds, anyio.current_time())
            if own < deadline:
                return own, phase
        return deadline, ran_out


#: `ClientTimeout.connect` runs over all of these.
_CONNECTING = frozenset({Phase.POOL, Phase.CONNECT, Phase.SOCK_CONNECT})
#: These limits start anew with each wait.
_OF_ONE_WAIT = frozenset({Phase.POOL, Phase.SOCK_CONNECT, Phase.SEND, Phase.SOCK_READ})
