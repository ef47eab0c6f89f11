"""When to ask whether the peer is still there, and when to stop waiting for its answer.

Knows: two intervals and what was heard when.
Must not know: clocks, tasks, what a ping is. It is pure: callers say what time it is.
Called by: `websocket`.
"""

from __future__ import annotations

import math

__all__ = ("Heartbeat",)


class Heartbeat:
    """Keeps the time of one connection.

    Args:
        interval: how long the peer may be silent before it is asked, in seconds; ``None`` for
            ever. It has half of that to say anything at all.
        now: when the connection began.

    Attributes:
        deadline: when something is to be done next, unless the peer is heard of before.
    """

    def __init__(self, interval: float | None, now: float) -> None:
        self.interval = math.inf if interval is None else interval
        self._asked = False
        self.deadline = now + self.interval

    @property
    def patience(self) -> float:
        """How long the answer may take."""
        return self.interval / 2

    def heard(self, now: float) -> None:
        """Note that something has come from the peer."""
        self._asked = False
        self.deadline = now + self.interval

    def ask(self, now: float) -> bool:
        """Note that the deadline has passed in silence.

        Returns:
            Whether the peer is to be asked now; if not, it was, and has not answered in time.
        """
        if self._asked:
            return False
        self._asked = True
        self.deadline = now + self.patience
        return True
