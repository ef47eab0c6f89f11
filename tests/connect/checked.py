"""The pool's state with a check of all that must be true between two calls."""

from __future__ import annotations

from anyiohttp._connect.pool_records import C, Group, K, Slot
from anyiohttp._connect.pool_state import PoolState

__all__ = ("CheckedPoolState",)


class CheckedPoolState(PoolState[K, C]):
    """Can be asked whether its books are right; takes time."""

    def check_invariants(self) -> None:
        """Assert all that must be true between two calls; takes time, meant for tests."""
        assert not self.limit or self._slots <= self.limit
        assert self._slots == sum(group.slots for group in self._lanes.groups)
        assert self._slots == sum(lane.slots for lane in self._lanes)
        assert self.waiting == sum(len(lane.waiters) for lane in self._lanes)
        idle = {s for s in self._live.values() if s.free and not s.taken}
        assert set(self._idle) == idle
        assert all(slot.lane.loop == self._loop for slot in idle)
        since = [slot.idle_since for slot in self._idle]
        assert since == sorted(since)
        if since and self.keepalive_timeout is not None:
            assert self._next_end <= since[0] + self.keepalive_timeout
        for lane in self._lanes:
            assert self._lanes.find(lane.key, lane.loop) is lane
            assert lane.group in self._lanes.groups
            lane.check_invariants(self._live.values())
        for group in self._lanes.groups:
            self._check_group(group, idle)
        assert all(slot.open and slot.connection == each for each, slot in self._live.items())

    def _check_group(self, group: Group[K, C], idle: set[Slot[K, C]]) -> None:
        assert group.lanes == sum(lane.group is group for lane in self._lanes)
        group.check_invariants(idle)
        first = group.first
        if first is not None and not group.full:
            assert self.limit
            assert self._slots == self.limit
            assert not idle
            oldest = self._queue.oldest_below_limit()
            assert oldest is not None
            assert oldest.number <= first.number
