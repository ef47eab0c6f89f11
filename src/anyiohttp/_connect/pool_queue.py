"""Who waits in the pool, and who of them is next.

Knows: the order of waiters, in all, in each group and in each lane.
Must not know: what they could be served with; `pool_state` decides that, and explains the words.
Called by: `pool_state`.

Each lane has its own waiters, oldest first. Who of all waiters is the next that a new slot could
serve is found in two steps: the oldest head of a lane in each group, and the oldest of those in all
groups that are below their limit. A lane whose scout is under way has no head.
"""

from __future__ import annotations

from itertools import count
from typing import Generic

from .pool_records import C, Group, Heads, K, Lane, Waiter

__all__ = ("Queue",)


class Queue(Generic[K, C]):
    """All who wait.

    Attributes:
        length: how many there are.
    """

    def __init__(self) -> None:
        self.length = 0
        self._numbers = count(1)
        self._heads: Heads[K, C] = Heads(_leads_below_limit)

    def append(self, lane: Lane[K, C]) -> Waiter[K, C]:
        """Return a new waiter for a place in ``lane``."""
        waiter = Waiter(lane, next(self._numbers))
        lane.waiters[waiter] = None
        self.length += 1
        if lane.first is waiter:
            self.note_lane(lane)
        return waiter

    def remove(self, waiter: Waiter[K, C]) -> None:
        """Take out a waiter that was served or has gone."""
        lane = waiter.lane
        was_first = lane.first is waiter
        del lane.waiters[waiter]
        self.length -= 1
        if was_first:
            self.note_lane(lane)

    def clear(self) -> None:
        """Forget everybody."""
        self.length = 0
        self._heads = Heads(_leads_below_limit)

    def note_lane(self, lane: Lane[K, C]) -> None:
        """Note that a lane's first waiter, or whether a slot could serve it, has changed."""
        waiter = lane.first
        if waiter is not None and lane.scout is None:
            lane.group.heads.note(waiter)
        self.note_group(lane.group)

    def note_group(self, group: Group[K, C]) -> None:
        """Note that a group's first waiter has changed, or that the group is below its limit."""
        waiter = group.first
        if waiter is not None and not group.full:
            self._heads.note(waiter)

    def oldest_below_limit(self) -> Waiter[K, C] | None:
        """Return the oldest waiter that a slot could serve, of any group below its limit."""
        return self._heads.first


def _leads_below_limit(waiter: Waiter[K, C]) -> bool:
    group = waiter.lane.group
    return not group.full and group.first is waiter
