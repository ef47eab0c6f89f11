"""Who waits in the pool, and who of them is next.

Knows: the order of waiters, in all and in each group.
Must not know: what they could be served with; `pool_state` decides that, and explains the words.
Called by: `pool_state`.

Each lane and each group has its own waiters, oldest first. The oldest of all groups that are below
their limit is found with a heap, which holds the first waiter of each such group. Entries are not
removed when they stop to be true, but skipped when they come up; when most of them may be of that
kind, the heap is made anew, which costs as much as making those entries did.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic

from .pool_records import C, Group, K, Lane, Waiter

__all__ = ("Queue",)


class Queue(Generic[K, C]):
    """All who wait.

    Attributes:
        length: how many there are.
    """

    def __init__(self) -> None:
        self.length = 0
        self._numbers = count(1)
        self._heads: list[tuple[int, Waiter[K, C]]] = []
        self._most_heads = 8

    def append(self, lane: Lane[K, C]) -> Waiter[K, C]:
        """Return a new waiter for a place in ``lane``."""
        waiter = Waiter(lane, next(self._numbers))
        lane.waiters[waiter] = None
        lane.group.waiters[waiter] = None
        self.length += 1
        if lane.group.first is waiter:
            self.note_first(lane.group)
        return waiter

    def remove(self, waiter: Waiter[K, C]) -> None:
        """Take out a waiter that was served or has gone."""
        group = waiter.lane.group
        was_first = group.first is waiter
        del group.waiters[waiter]
        del waiter.lane.waiters[waiter]
        self.length -= 1
        if was_first:
            self.note_first(group)

    def clear(self) -> None:
        """Forget everybody."""
        self.length = 0
        self._heads.clear()

    def note_first(self, group: Group[K, C]) -> None:
        """Note that a group's first waiter may be served with a slot, if it is below its limit.

        Called whenever it has become the first, or the group has come below its limit.
        """
        waiter = group.first
        if waiter is None or group.full:
            return
        heapq.heappush(self._heads, (waiter.number, waiter))
        if len(self._heads) > self._most_heads:
            true = {waiter for _, waiter in self._heads if _is_head(waiter)}
            self._heads = [(waiter.number, waiter) for waiter in true]
            heapq.heapify(self._heads)
            self._most_heads = 2 * len(self._heads) + 8

    def oldest_below_limit(self) -> Waiter[K, C] | None:
        """Return the oldest waiter of any group that is below its limit."""
        while self._heads:
            waiter = self._heads[0][1]
            if _is_head(waiter):
                return waiter
            heapq.heappop(self._heads)
        return None


def _is_head(waiter: Waiter[K, C]) -> bool:
    group = waiter.lane.group
    return not group.full and group.first is waiter
