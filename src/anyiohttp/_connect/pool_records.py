"""What the pool's state is made of: slots, waiters, lanes and groups, and what is said of them.

Knows: nothing but what belongs to what.
Must not know: which of them does what when; `pool_state` says so, and explains the words.
Called by: `pool_state`; `pool` reads what it is told in them.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = (
    "C",
    "Closed",
    "Dial",
    "Grant",
    "Group",
    "Heads",
    "K",
    "Lane",
    "Made",
    "Slot",
    "Todo",
    "Waiter",
)

K = TypeVar("K", bound=Hashable)
C = TypeVar("C", bound=Hashable)


@dataclass(slots=True)  # not frozen only because that makes it slow to make
class Grant(Generic[C]):
    """A place on a connection; whoever gets it reserves it there at once."""

    connection: C


class Dial(Generic[K, C]):
    """Leave to make a connection; to be answered with `PoolState.dialed` or `dial_failed`."""

    __slots__ = ("slot",)

    def __init__(self, slot: Slot[K, C]) -> None:
        self.slot = slot


@dataclass(slots=True)
class Closed:
    """The pool was closed: there is nothing to be had."""


class Slot(Generic[K, C]):
    """One connection, from leave to dial it to its end. Opaque to all but `PoolState`."""

    __slots__ = ("connection", "free", "idle_since", "lane", "open", "spent", "taken")

    def __init__(self, lane: Lane[K, C]) -> None:
        self.lane = lane
        self.connection: C | None = None  # None while it is being dialed
        self.free = 0
        self.taken = 0
        self.idle_since = 0.0
        self.spent = False  # with force_close: has served, and must not serve again
        self.open = True


class Turn(Protocol):
    """What a waiter's task waits for."""

    def set(self) -> None:
        """Let it go on."""
        ...


class Waiter(Generic[K, C]):
    """Somebody who waits.

    Attributes:
        outcome: what it was served with; ``None`` while it waits.
        turn: set by the pool's shell when the outcome is there; the state never touches it.
    """

    __slots__ = ("lane", "number", "outcome", "turn")

    def __init__(self, lane: Lane[K, C], number: int) -> None:
        self.lane = lane
        self.number = number
        self.outcome: Grant[C] | Dial[K, C] | Closed | None = None
        self.turn: Turn | None = None


class Made(Generic[C]):
    """What came of a dial.

    Args:
        connection: the connection.
        free: how many places it has, before anyone took one.
        shares: whether it serves more than one at a time.
        settled: whether it is known how many it can serve; if not, `PoolState.changed` will say so.
    """

    __slots__ = ("connection", "free", "settled", "shares")

    def __init__(
        self, connection: C, free: int = 1, shares: bool = False, settled: bool = True
    ) -> None:
        self.connection = connection
        self.free = free
        self.shares = shares
        self.settled = settled


@dataclass(slots=True)
class Todo(Generic[K, C]):
    """What is to be done besides the answer to the caller, in this order.

    Args:
        served: these waiters have got their outcome: reserve what they were granted, wake them.
        close: these connections are no longer of the pool: abort them.
    """

    served: list[Waiter[K, C]] = field(default_factory=list)
    close: list[C] = field(default_factory=list)


class Heads(Generic[K, C]):
    """Finds the oldest of those waiters for which something is true.

    Entries are not removed when that stops to be so, but skipped when they come up; when most of
    them may be of that kind, the heap is made anew, which costs as much as making those did.

    Args:
        true: what must be true. Whoever it becomes true for is to be noted.
    """

    __slots__ = ("_heap", "_most", "_true")

    def __init__(self, true: Callable[[Waiter[K, C]], bool]) -> None:
        self._true = true
        self._heap: list[tuple[int, Waiter[K, C]]] = []
        self._most = 8

    def note(self, waiter: Waiter[K, C]) -> None:
        """Take a waiter in."""
        heapq.heappush(self._heap, (waiter.number, waiter))
        if len(self._heap) > self._most:
            left = {waiter for _, waiter in self._heap if self._true(waiter)}
            self._heap = [(waiter.number, waiter) for waiter in left]
            heapq.heapify(self._heap)
            self._most = 2 * len(self._heap) + 8

    @property
    def first(self) -> Waiter[K, C] | None:
        """The oldest."""
        while self._heap:
            waiter = self._heap[0][1]
            if self._true(waiter):
                return waiter
            heapq.heappop(self._heap)
        return None


class Lane(Generic[K, C]):
    """All that has one key on one event loop.

    Attributes:
        shares: whether one connection may turn out to serve many at a time.
        scout: what is being made, and may turn out so; nothing else is made until that is known.
    """

    __slots__ = ("free", "group", "key", "loop", "scout", "shares", "slots", "waiters")

    def __init__(self, key: K, loop: Hashable, group: Group[K, C], *, shares: bool = False) -> None:
        self.key = key
        self.loop = loop
        self.group = group
        self.shares = shares
        self.scout: Slot[K, C] | None = None
        group.lanes += 1
        self.slots = 0
        self.free: OrderedDict[Slot[K, C], None] = OrderedDict()
        self.waiters: OrderedDict[Waiter[K, C], None] = OrderedDict()

    @property
    def first(self) -> Waiter[K, C] | None:
        """Who has waited longest."""
        return next(iter(self.waiters), None)

    def check_invariants(self, live: Iterable[Slot[K, C]]) -> None:
        """Assert all that must be true of it between two calls of the state; for tests."""
        assert self.slots or self.waiters
        assert self.scout is None or (self.shares and self.scout.open and self.scout.lane is self)
        assert set(self.free) == {slot for slot in live if slot.lane is self and slot.free}
        assert not (self.free and self.waiters)
        numbers = [waiter.number for waiter in self.waiters]
        assert numbers == sorted(numbers)
        assert all(waiter.outcome is None for waiter in self.waiters)


class Group(Generic[K, C]):
    """All that counts against one ``limit_per_host``; ``limit`` 0 is none.

    Attributes:
        changed: lanes whose first waiter, or whether a slot could serve it, may be another now.
    """

    __slots__ = ("_heads", "changed", "idle", "lanes", "limit", "name", "slots")

    def __init__(self, name: Hashable, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.lanes = 0
        self.slots = 0
        self.idle: OrderedDict[Slot[K, C], None] = OrderedDict()
        self.changed: dict[Lane[K, C], None] = {}
        # Those who wait longest in their lanes, and could be served with a slot.
        self._heads: Heads[K, C] = Heads(_leads)

    @property
    def full(self) -> bool:
        """Whether it may have no more slots."""
        return 0 < self.limit <= self.slots

    @property
    def first(self) -> Waiter[K, C] | None:
        """Who has waited longest of those that a slot could serve."""
        for lane in self.changed:
            waiter = lane.first
            if waiter is not None and lane.scout is None:
                self._heads.note(waiter)
        self.changed.clear()
        return self._heads.first

    def check_invariants(self, idle: set[Slot[K, C]]) -> None:
        """Assert all that must be true of it between two calls of the state; for tests."""
        assert not self.limit or self.slots <= self.limit
        assert set(self.idle) == {slot for slot in idle if slot.lane.group is self}
        assert not (self.full and self.first and self.idle)


def _leads(waiter: Waiter[K, C]) -> bool:
    return waiter.lane.first is waiter and waiter.lane.scout is None
