"""How long each phase of a call took.

Knows: the phases, a clock.
Must not know: who tells of a phase's beginning and end.
Called by: `watching`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from .formatting import duration

__all__ = ("Phase", "Timeline")


class Phase(Enum):
    """A phase of a call, with its name; in their order."""

    QUEUE = "queue"
    NAME = "name"
    CONNECT = "connect"
    TLS = "TLS"
    SEND = "send"
    WAIT = "wait"
    BODY = "body"


class Timeline:
    """Sums up what the phases took, over all hops of a call.

    Args:
        clock: tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._began = clock()
        self._open: dict[Phase, float] = {}
        self._totals: dict[Phase, float] = {}

    def begin(self, phase: Phase) -> None:
        """A phase begins, anew if it has not ended."""
        self._open[phase] = self._clock()

    def end(self, phase: Phase) -> None:
        """A phase ends; nothing happens if it has not begun."""
        began = self._open.pop(phase, None)
        if began is not None:
            self._totals[phase] = self._totals.get(phase, 0.0) + self._clock() - began

    def seconds(self, phase: Phase) -> float | None:
        """Return how long a phase took; ``None`` if there was none."""
        total = self._totals.get(phase)
        if total is not None and phase is Phase.CONNECT:
            # Looking the name up and TLS happen while the connection is being made.
            inside = self._totals.get(Phase.NAME, 0.0) + self._totals.get(Phase.TLS, 0.0)
            return max(0.0, total - inside)
        return total

    def summary(self) -> str:
        """Return all phases in a line, and the time since the call began."""
        parts = []
        for phase in Phase:
            seconds = self.seconds(phase)
            if seconds is not None:
                parts.append(f"{phase.value} {duration(seconds)}")
        return ", ".join([*parts, f"total {duration(self._clock() - self._began)}"])
