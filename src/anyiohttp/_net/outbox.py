"""What many tasks send in one turn of the event loop, sent together at its end.

Knows: which streams hold something, and whether holding pays.
Must not know: event loops (each stream says when its turn ends), what is sent.
Called by: the socket streams of asyncio, uvloop and trio, for `NetworkStream.send_soon`.

A peer that has nothing to do sleeps, and a send has the system wake it: between two processes of
one machine that costs more than all else about a small request. Tasks that each send when they
come to it wake it each time anew, because it has answered and sleeps again before the next one has
got ready. When all of a turn's requests go out one after the other, it is woken once.

A single task would only be held up, and so would those of a program that computes: its requests
are better on their way meanwhile. So nothing is held for much longer than a millisecond while
others send, and where nobody else sends in the same turn, or the turn takes long, holding is tried
more and more seldom.
"""

from __future__ import annotations

from time import monotonic
from typing import Protocol

__all__ = ("Outbox",)

#: Once something has been held for so long, the next one to send sends for all; in seconds.
_LONG = 0.001
#: What was held for so long had better not been held.
_TOO_LONG = 0.004
#: After so many sends that were not held, at most, holding is tried again.
_MOST_PATIENT = 15


class _Holder(Protocol):
    def send_held(self) -> None:
        """Send what it holds; it raises nothing, and does nothing if it holds nothing."""
        ...


class Outbox:
    """The streams of one event loop that hold something to send."""

    __slots__ = ("__weakref__", "_holders", "_patience", "_since", "_to_pass")

    def __init__(self) -> None:
        self._holders: dict[_Holder, None] = {}
        self._since = 0.0  # when the first of them came
        self._patience = 0
        self._to_pass = 0  # so many sends are not to be held

    def takes(self) -> bool:
        """Whether a send had better be held now; to be asked once for each."""
        if self._to_pass:
            self._to_pass -= 1
            return False
        return True

    def add(self, stream: _Holder) -> bool:
        """Note that a stream holds something; it may be sent at once.

        Returns:
            Whether it is the first one, so that `send` must be called at the end of this turn.
        """
        now = monotonic()
        holders = self._holders
        holders[stream] = None
        if len(holders) == 1:
            self._since = now
            return True
        if now - self._since > _LONG:
            self.send()
        return False

    def discard(self, stream: _Holder) -> None:
        """Note that a stream holds nothing any more."""
        self._holders.pop(stream, None)

    def send(self) -> int:
        """Have all that is held sent; return for how many streams."""
        holders = self._holders
        if not holders:
            return 0
        self._holders = {}
        if len(holders) > 1 and monotonic() - self._since < _TOO_LONG:
            self._patience = 0
        else:
            self._to_pass = self._patience = min(2 * self._patience + 1, _MOST_PATIENT)
        for stream in holders:
            stream.send_held()
        return len(holders)
