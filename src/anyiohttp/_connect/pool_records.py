"""What the pool's state is made of: slots, waiters, lanes and groups, and what is said of them.

Knows: nothing but what belongs to what.
Must not know: which of them does what when; `pool_state` says so, and explains the words.
Called by: `pool_state`; `pool` reads what it is told in them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ("C", "Closed", "Dial", "Grant", "Group", "K", "Lane", "Slot", "Todo", "Waiter")

K = TypeVar("K", bound=Hashable)
C = TypeVar("C", bound=Hashable)


@dataclass(slots=True)  # not frozen only because that makes it slow to make
class Grant(Generic[C]):
    """A place on a connection; whoever gets it reserves it there at once."""

    connection: C


@dataclass(frozen=True, slots=True)
class Dial(Generic[K, C]):
    """Leave to make a connection; to be answered with `PoolState.dialed` or `dial_failed`."""

    slot: Slot[K, C]


@dataclass(frozen=True, slots=True)
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


class Waiter(Generic[K, C]):
    """Somebody who waits.

    Attributes:
        outcome: what it was served with; ``None`` while it waits.
        wake: called by the pool's shell when the outcome is set; the state never calls it.
    """

    __slots__ = ("lane", "number", "outcome", "wake")

    def __init__(self, lane: Lane[K, C], number: int) -> None:
        self.lane = lane
        self.number = number
        self.outcome: Grant[C] | Dial[K, C] | Closed | None = None
        self.wake: Callable[[], None] | None = None


@dataclass(slots=True)
class Todo(Generic[K, C]):
    """What is to be done besides the answer to the caller, in this order.

    Args:
        served: these waiters have got their outcome: reserve what they were granted, wake them.
        close: these connections are no longer of the pool: abort them.
    """

    served: list[Waiter[K, C]] = field(default_factory=list)
    close: list[C] = field(default_factory=list)


class Lane(Generic[K, C]):
    """All that has one key on one event loop."""

    __slots__ = ("free", "group", "key", "loop", "slots", "waiters")

    def __init__(self, key: K, loop: Hashable, group: Group[K, C]) -> None:
        self.key = key
        self.loop = loop
        self.group = group
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
        assert set(self.free) == {slot for slot in live if slot.lane is self and slot.free}
        assert not (self.free and self.waiters)


class Group(Generic[K, C]):
    """All that counts against one ``limit_per_host``; ``limit`` 0 is none."""

    __slots__ = ("idle", "lanes", "limit", "name", "slots", "waiters")

    def __init__(self, name: Hashable, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.lanes = 0
        self.slots = 0
        self.idle: OrderedDict[Slot[K, C], None] = OrderedDict()
        self.waiters: OrderedDict[Waiter[K, C], None] = OrderedDict()

    @property
    def full(self) -> bool:
        """Whether it may have no more slots."""
        return 0 < self.limit <= self.slots

    @property
    def first(self) -> Waiter[K, C] | None:
        """Who has waited longest."""
        return next(iter(self.waiters), None)

    def check_invariants(self, idle: set[Slot[K, C]]) -> None:
        """Assert all that must be true of it between two calls of the state; for tests."""
        assert not self.limit or self.slots <= self.limit
        assert set(self.idle) == {slot for slot in idle if slot.lane.group is self}
        numbers = [waiter.number for waiter in self.waiters]
        assert numbers == sorted(numbers)
        assert all(waiter.outcome is None for waiter in self.waiters)
        assert not (self.full and self.waiters and self.idle)
