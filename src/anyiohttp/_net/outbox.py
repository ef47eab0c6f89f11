"""What many tasks send in one turn of the event loop, sent together at its end.

Knows: which streams hold something, and whether holding pays.
Must not know: event loops (each stream says when its turn ends), what is sent.
Called by: the socket streams of asyncio, uvloop and trio, for `NetworkStream.send_soon`.

A peer that has nothing to do sleeps, and a send has the system wake it: between two processes of
one machine that costs more than all else about a small request. Tasks that each send when they
come to it wake it each time anew, because it has answered and sleeps again before the next one has
got ready. When all of a turn's requests go out one after the other, it is woken once.

A single task would only be held up. So where nobody else sends in the same turn, holding is tried
more and more seldom.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ("Outbox",)

#: After so many turns with a single send, at most, holding is tried again.
_MOST_PATIENT = 15


class _Holder(Protocol):
    def send_held(self) -> None:
        """Send what it holds; it raises nothing, and does nothing if it holds nothing."""
        ...


class Outbox:
    """The streams of one event loop that hold something to send."""

    __slots__ = ("_holders", "_patience", "_to_pass")

    def __init__(self) -> None:
        self._holders: dict[_Holder, None] = {}
        self._patience = 0
        self._to_pass = 0  # so many sends are not to be held

    def takes(self) -> bool:
        """Whether a send had better be held now; to be asked once for each."""
        if self._to_pass:
            self._to_pass -= 1
            return False
        return True

    def add(self, stream: _Holder) -> bool:
        """Note that a stream holds something; return whether it is the first one of this turn."""
        first = not self._holders
        self._holders[stream] = None
        return first

    def discard(self, stream: _Holder) -> None:
        """Note that a stream holds nothing any more."""
        self._holders.pop(stream, None)

    def send(self) -> int:
        """Have all that is held sent: the turn is over. Return for how many streams."""
        holders, self._holders = self._holders, {}
        if len(holders) > 1:
            self._patience = 0
        else:
            self._to_pass = self._patience = min(2 * self._patience + 1, _MOST_PATIENT)
        for stream in holders:
            stream.send_held()
        return len(holders)
