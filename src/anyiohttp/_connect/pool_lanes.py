"""The lanes and groups there are: made when they are first needed, forgotten when they are empty.

Knows: which lane is of which group, which keys never share a connection.
Must not know: who is served; `pool_state` decides that, and explains the words.
Called by: `pool_state`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Generic

from .pool_records import C, Group, K, Lane

__all__ = ("Lanes",)

#: So many keys are known for certain not to share their connections.
_MOST_SINGLE = 10_000


class Lanes(Generic[K, C]):
    """All lanes, by key and event loop, and all groups.

    Args:
        group: names what a key counts against for ``limit_per_host``.
        limit_per_host: slots in one group; 0 for no limit.
        shares: tells of a key whether a connection of it may turn out to serve many at a time.
    """

    def __init__(
        self,
        group: Callable[[K], Hashable],
        limit_per_host: int,
        shares: Callable[[K], bool] | None,
    ) -> None:
        self._group_of = group
        self._limit = limit_per_host
        self._shares = shares
        self._single: set[K] = set()
        self._lanes: dict[tuple[K, Hashable], Lane[K, C]] = {}
        self._groups: dict[Hashable, Group[K, C]] = {}

    def __iter__(self) -> Iterator[Lane[K, C]]:
        return iter(self._lanes.values())

    @property
    def groups(self) -> list[Group[K, C]]:
        """All groups."""
        return list(self._groups.values())

    def find(self, key: K, loop: Hashable) -> Lane[K, C] | None:
        """Return a lane, if there is one."""
        return self._lanes.get((key, loop))

    def get(self, key: K, loop: Hashable) -> Lane[K, C]:
        """Return a lane, made if need be."""
        lane = self._lanes.get((key, loop))
        if lane is None:
            name = self._group_of(key) if self._limit else None
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = Group(name, self._limit)
            shares = self._shares is not None and self._shares(key) and key not in self._single
            lane = self._lanes[key, loop] = Lane(key, loop, group, shares=shares)
        return lane

    def forget_if_unused(self, lane: Lane[K, C]) -> None:
        """Forget a lane without slots and waiters."""
        if lane.slots or lane.waiters:
            return
        del self._lanes[lane.key, lane.loop]
        lane.group.lanes -= 1
        if not lane.group.lanes:
            del self._groups[lane.group.name]

    def note_single(self, lane: Lane[K, C]) -> None:
        """Note that connections of the lane, and of its key, serve one at a time."""
        if len(self._single) >= _MOST_SINGLE:
            self._single.clear()
        self._single.add(lane.key)
        lane.shares = False

    def clear(self) -> None:
        """Forget all."""
        self._lanes.clear()
        self._groups.clear()
