"""Who waits in the pool, and who of them is next.

Knows: the order of waiters, in all, in each group and in each lane.
Must not know: what they could be served with; `pool_state` decides that, and explains the words.
Called by: `pool_state`.

Each lane has its own waiters, oldest first. Who of all waiters is the next that a new slot could
serve is found in two steps: the oldest head of a lane in each group, and the oldest of those in all
groups that are below their limit. A lane whose scout is under way has no head.

Where all wait for one thing, that is never asked. So what has changed is only marked, and looked at
when somebody asks.
"""

from __future__ import annotations

from itertools import count
from typing import Generic

from .pool_records import C, Group, Heads, K, Lane, Waiter

__all__ = ("Queue",)

#: More than so many are looked at without anybody asking: what is gone is not to be kept for long.
_MOST_MARKED = 64


class Queue(Generic[K, C]):
    """All who wait.

    Attributes:
        length: how many there are.
    """

    def __init__(self) -> None:
        self.length = 0
        self._numbers = count(1)
        self._heads: Heads[K, C] = Heads(_leads_below_limit)
        self._changed: dict[Group[K, C], None] = {}  # since it was last asked who is next

    def append(self, lane: Lane[K, C]) -> Waiter[K, C]:
        """Return a new waiter for a place in ``lane``."""
        waiter = Waiter(lane, next(self._numbers))
        lane.waiters[waiter] = None
        self.length += 1
        if len(lane.waiters) == 1:
            self.note_lane(lane)
        return waiter

    def remove(self, waiter: Waiter[K, C]) -> None:
        """Take out a waiter that was served or has gone."""
        lane = waiter.lane
        del lane.waiters[waiter]
        self.length -= 1
        if self.length:
            self.note_lane(lane)
        else:
            self._forget_changes()

    def clear(self) -> None:
        """Forget everybody."""
        self.length = 0
        self._heads = Heads(_leads_below_limit)
        self._forget_changes()

    def note_lane(self, lane: Lane[K, C]) -> None:
        """Note that a lane's first waiter, or whether a slot could serve it, has changed."""
        group = lane.group
        group.changed[lane] = None
        if len(group.changed) > _MOST_MARKED:
            _ = group.first
        self.note_group(group)

    def note_group(self, group: Group[K, C]) -> None:
        """Note that a group's first waiter has changed, or that the group is below its limit."""
        self._changed[group] = None
        if len(self._changed) > _MOST_MARKED:
            self.oldest_below_limit()

    def oldest_below_limit(self) -> Waiter[K, C] | None:
        """Return the oldest waiter that a slot could serve, of any group below its limit."""
        for group in self._changed:
            waiter = group.first
            if waiter is not None and not group.full:
                self._heads.note(waiter)
        self._changed.clear()
        return self._heads.first

    def oldest_in_need_of_room(self, lane: Lane[K, C], at_limit: bool) -> Waiter[K, C] | None:
        """Return the oldest waiter that could dial if an idle connection of ``lane`` were closed.

        ``None`` also if all wait for the lane: the connection serves the oldest of them as it is.

        Args:
            lane: where there is one.
            at_limit: whether there may be no more slots in all.
        """
        if len(lane.waiters) == self.length:
            return None
        found = self.oldest_below_limit() if at_limit else None
        group = lane.group
        if group.full:
            own = group.first
            if own is not None and (found is None or own.number < found.number):
                return own
        return found

    def _forget_changes(self) -> None:
        """Nobody waits: nothing is to be looked at."""
        for group in self._changed:
            group.changed.clear()
        self._changed.clear()


def _leads_below_limit(waiter: Waiter[K, C]) -> bool:
    group = waiter.lane.group
    return not group.full and group.first is waiter
