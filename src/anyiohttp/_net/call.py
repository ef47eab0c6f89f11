"""What travels down through the layers with every call of a user.

Knows: the call's limits and, for error messages, the host it is talking to.
Must not know: what is being asked for, or of whom.
Called by: the session makes one for each request; every layer below reads it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Protocol

from .deadlines import DEFAULT_TIMEOUT, ClientTimeout, Phase, timeout_error
from .loops import running_loop

__all__ = ("Call", "Observer")


_TOTAL = Phase.TOTAL  # by the enum's name it takes longer


class Observer(Protocol):
    """Told of what happens to a call; the lower layers see this or ``None``, never a list."""

    async def notify(self, event: str, /, **details: object) -> None:
        """Take note of an event; awaited where it happens."""
        ...


class Spawner(Protocol):
    """Runs an upload in the task group of the user's ``async with`` block."""

    @property
    def running(self) -> bool:
        """Whether something was started that has not ended."""
        ...

    def __call__(self, function: Callable[[], Awaitable[None]], /) -> None:
        """Start a function, which raises nothing but a cancellation."""
        ...

    async def stop(self) -> None:
        """End what is running, and see it end."""
        ...

    def when_done(self, function: Callable[[], Awaitable[None]], /) -> None:
        """Have a function awaited when what was started has ended."""
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

    Attributes:
        loop: the event loop that the call runs on, as anyio names it; asked for only once,
            because asking is slow.
    """

    __slots__ = (
        "_clock",
        "_connect_deadline",
        "_total_deadline",
        "host",
        "loop",
        "observer",
        "spawn",
        "timeout",
    )

    def __init__(
        self,
        host: str = "",
        timeout: ClientTimeout = DEFAULT_TIMEOUT,
        observer: Observer | None = None,
        spawn: Spawner | None = None,
    ) -> None:
        self.host = host
        self.timeout = timeout
        self.observer = observer
        self.spawn = spawn
        self.loop, self._clock = running_loop()
        self._connect_deadline = math.inf
        total = timeout.total
        self._total_deadline = timeout.deadline_of(total, self._clock()) if total else math.inf

    def start_connecting(self) -> None:
        """Start the clock of ``ClientTimeout.connect``, which spans several waits."""
        seconds = self.timeout.connect
        if seconds:
            self._connect_deadline = self.timeout.deadline_of(seconds, self._clock())

    def limit(self, phase: Phase) -> float:
        """Return the phase's limit in seconds; 0 if there is none."""
        return getattr(self.timeout, phase.value) or 0

    def raise_if_overdue(self) -> None:
        """Hold the call to its total where it goes on without waiting.

        Raises:
            ServerTimeoutError: its time is over.
        """
        if self._total_deadline != math.inf and self._clock() >= self._total_deadline:
            raise timeout_error(self, _TOTAL)

    def next_deadline(self, phase: Phase) -> tuple[float, Phase]:
        """Return when a wait in this phase must end, and whose limit that is."""
        deadline, ran_out = self._total_deadline, _TOTAL
        if phase.connecting and self._connect_deadline < deadline:
            deadline, ran_out = self._connect_deadline, Phase.CONNECT
        if phase.starts_anew and (seconds := getattr(self.timeout, phase.limit)):
            own = self.timeout.deadline_of(seconds, self._clock())
            if own < deadline:
                return own, phase
        return deadline, ran_out
