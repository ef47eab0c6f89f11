"""Which connection carries which call: the decisions of the pool, without any waiting.

Knows: slots, limits, who waits for what and since when, which connections are idle.
Must not know: tasks, events, sockets, clocks, HTTP. Connections and keys are opaque to it.
Called by: `pool`, which does what it says; tests, which need nothing else. It is made of
`pool_records` and `pool_queue`.

Theory of operation
===================

A *slot* is one connection that is being dialed or lives. The limits count slots, nothing else: a
connection counts from the moment somebody was told to dial it until it is gone, busy or idle. A
connection has *places*, one for each exchange it can carry at the same time: one in HTTP/1.1, many
in HTTP/2. A connection without a place taken is *idle*. Two kinds of record tie slots together:

* a *lane* is all that has one key on one event loop: its slots are interchangeable. It holds the
  connections with free places, newest last (LIFO: the warm ones stay warm, the others expire),
  and those who wait for that key, oldest first;
* a *group* is all that counts against one ``limit_per_host``. Without that limit there is one.

Every method returns what is to be done. The caller of `acquire` gets a connection (`Grant`), leave
to make one (`Dial`), or a `Waiter`. A waiter is served by a later call, whoever makes it: its
`Waiter.outcome` is set in that moment and what it got is its own from then on, whether it has
woken up yet or not. Nobody who wakes up has to look again, so nobody can come too early or too
late. A served waiter that went away gives back what it got, and the next one is served with it.

Everything rests on one invariant:

    **Nobody waits while something is there that could serve them.**

A waiter of a lane can be served by (1) a free place in its lane; (2) a new slot, if its group and
the whole are below their limits; (3) a new slot in place of an idle connection that nobody needs:
any if the whole is at its limit, one of its own group if the group is. So while somebody waits,
there is no free place in the lane, the group or the whole is full, and there is no idle connection
to make room with. It follows that

* a newcomer who can be served overtakes nobody: what serves it could have served no waiter;
* only two events can end a wait: a place became free (`_settle`), a slot became free
  (`_open_slots`). Each serves the oldest waiter that it can serve: strictly first come, first
  served, where those who only wait for their own ``limit_per_host`` hold up nobody else;
* when an idle connection would help a younger waiter of its own lane, but closing it would help an
  older one elsewhere, the older one wins and the connection is closed.

Idle connections end by ``keepalive_timeout`` when somebody next asks for or gives back something.
They stand in the order in which they became idle, so that only the first ones need be looked at,
and none before the first one's time; there is no timer. Those of another event loop than the one
that asks are of no use and end too.

Most often a free connection is there and nobody waits. `warm` and the first lines of `changed` are
what is left of the rules then; ``None`` says that nothing is to be done.

All operations take constant time, amortised, whatever the number of connections and waiters; with
both limits set and calls waiting, choosing takes the logarithm of the number of groups.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic

from .pool_queue import Queue
from .pool_records import C, Closed, Dial, Grant, Group, K, Lane, Slot, Todo, Waiter

__all__ = ("PoolState",)


class PoolState(Generic[K, C]):
    """The pool's state and all its decisions.

    Args:
        group: names what a key counts against for ``limit_per_host``.
        limit: slots in all; 0 for no limit.
        limit_per_host: slots in one group; 0 for no limit.
        keepalive_timeout: how long a connection may be idle, in the unit of ``now``; ``None`` for
            ever.
        force_close: whether a connection serves once only and is never idle.

    ``now`` is the reading of any clock that never goes back.
    """

    def __init__(
        self,
        group: Callable[[K], Hashable],
        *,
        limit: int = 0,
        limit_per_host: int = 0,
        keepalive_timeout: float | None = None,
        force_close: bool = False,
    ) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.keepalive_timeout = keepalive_timeout
        self.force_close = force_close
        self.closed = False
        self._group_of = group
        self._loop: Hashable = None  # of the last `acquire`
        self._next_end = math.inf  # nothing idle is too old before
        self._slots = 0
        self._live: dict[C, Slot[K, C]] = {}
        self._idle: OrderedDict[Slot[K, C], None] = OrderedDict()
        self._lanes: dict[tuple[K, Hashable], Lane[K, C]] = {}
        self._groups: dict[Hashable, Group[K, C]] = {}
        self._queue: Queue[K, C] = Queue()

    # --- what there is ---

    @property
    def idle(self) -> int:
        """Connections that carry nothing."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """Connections with at least one place taken."""
        return len(self._live) - len(self._idle)

    @property
    def dialing(self) -> int:
        """Connections being made."""
        return self._slots - len(self._live)

    @property
    def waiting(self) -> int:
        """Waiters without an outcome."""
        return self._queue.length

    # --- asking ---

    def warm(self, key: K, loop: Hashable, now: float) -> Slot[K, C] | None:
        """Return a slot of ``key`` with a free place, if there is nothing else to be done.

        It is for `take`, before anything else is asked or noted.
        """
        if now < self._next_end and loop is self._loop:
            lane = self._lanes.get((key, loop))
            if lane is not None and lane.free:
                return next(reversed(lane.free))
        return None

    def acquire(
        self, key: K, loop: Hashable, now: float
    ) -> tuple[Grant[C] | Dial[K, C] | Waiter[K, C] | Closed, Todo[K, C] | None]:
        """Ask for a place on a connection of ``key`` that belongs to the event loop ``loop``."""
        warm = self.warm(key, loop, now)
        if warm is not None:
            return Grant(self.take(warm)), None
        todo: Todo[K, C] = Todo()
        if self.closed:
            return Closed(), todo
        if loop != self._loop:
            self._drop_foreign(todo)
            self._loop = loop
        self._expire(now, todo)
        lane = self._lane(key, loop)
        if lane.free:
            return Grant(self.take(next(reversed(lane.free)))), todo
        if self._make_room(lane.group, todo):
            return self._open(lane), todo
        return self._queue.append(lane), todo

    def cancel(self, waiter: Waiter[K, C], now: float) -> Todo[K, C]:
        """Note that ``waiter`` has gone: it leaves the queue, or its leave to dial goes on.

        A connection that it was granted comes back by itself: its place is unreserved, and
        `changed` says so.
        """
        if isinstance(waiter.outcome, Dial):
            return self.dial_failed(waiter.outcome.slot, now)
        todo: Todo[K, C] = Todo()
        if waiter.outcome is None and not self.closed:
            self._queue.remove(waiter)
            self._forget_if_unused(waiter.lane)
            # Nobody else can be served now: it stood before others only for what is not there.
        return todo

    # --- dialing ---

    def dialed(
        self, slot: Slot[K, C], connection: C, free: int, now: float, *, wanted: bool = True
    ) -> Todo[K, C]:
        """Note that a dial succeeded.

        Args:
            slot: the slot of the `Dial`.
            connection: what was made.
            free: how many places it has, before anyone took one.
            now: the time.
            wanted: whether the one who dialed takes a place; if not, all are for others.
        """
        todo: Todo[K, C] = Todo()
        if self.closed:
            todo.close.append(connection)
            return todo
        slot.connection = connection
        self._live[connection] = slot
        if wanted:
            slot.taken = 1
            slot.spent = self.force_close
        self._update(slot, free - slot.taken, slot.taken, now, todo)
        return todo

    def dial_failed(self, slot: Slot[K, C], now: float) -> Todo[K, C]:
        """Note that a dial failed or was given up; its slot goes to the next."""
        todo: Todo[K, C] = Todo()
        if slot.open and not self.closed:
            self._remove(slot)
            self._open_slots(todo)
            self._expire(now, todo)
        return todo

    # --- what becomes of connections ---

    def changed(self, connection: C, free: int, taken: int, now: float) -> Todo[K, C] | None:
        """Note how many places a connection has free and taken now; none of both: it is gone.

        Saying the same twice does no harm, nor does saying it of a connection that is not of
        this pool any more.
        """
        slot = self._live.get(connection)
        if slot is None:
            return None
        may_rest = slot.taken and slot.lane.loop is self._loop and not self.force_close
        if may_rest and free > 0 and not taken and not self._queue.length:
            slot.free, slot.taken = free, 0
            self._enter_idle(slot, now)
            if now < self._next_end:
                return None
        todo: Todo[K, C] = Todo()
        self._update(slot, free, taken, now, todo)
        return todo

    def unusable(
        self, connection: C, key: K, loop: Hashable, now: float
    ) -> tuple[Grant[C] | Dial[K, C] | Waiter[K, C] | Closed, Todo[K, C] | None]:
        """Swap a connection that was granted, and is found dead, for the next one.

        Its slot stays with the one who got it, so that the turn is not lost: there is an answer
        at once, never a `Waiter`, unless the connection's end was noted before.
        """
        slot = self._live.get(connection)
        if slot is None:
            return self.acquire(key, loop, now)
        todo: Todo[K, C] = Todo()
        todo.close.append(connection)
        self._leave_tables(slot)
        self._expire(now, todo)
        lane = slot.lane
        if lane.free:
            grant = Grant(self.take(next(reversed(lane.free))))
            self._remove(slot)
            self._open_slots(todo)
            return grant, todo
        del self._live[connection]
        slot.connection = None
        slot.free = slot.taken = 0
        slot.spent = False
        return Dial(slot), todo

    def close(self) -> tuple[list[C], Todo[K, C]]:
        """Close the pool for good.

        Returns:
            The idle connections, to be closed as the caller likes; and what is to be done at
            once: all others are closed, all waiters are told.
        """
        todo: Todo[K, C] = Todo()
        idle = [slot.connection for slot in self._idle if slot.connection is not None]
        gone = set(idle)
        todo.close.extend(connection for connection in self._live if connection not in gone)
        waiters = [waiter for group in self._groups.values() for waiter in group.waiters]
        waiters.sort(key=lambda waiter: waiter.number)
        for waiter in waiters:
            waiter.outcome = Closed()
        todo.served.extend(waiters)
        self.closed = True
        self._slots = 0
        self._live.clear()
        self._idle.clear()
        self._lanes.clear()
        self._groups.clear()
        self._queue.clear()
        return idle, todo

    # --- serving: every way to end a wait leads through one of these two ---

    def _settle(self, slot: Slot[K, C], todo: Todo[K, C]) -> None:
        """Give the free places of a connection to those who wait longest for what it can do."""
        lane = slot.lane
        while slot.free:
            waiter = lane.first
            if not slot.taken:
                rival = self._oldest_in_need_of_room(slot)
                if rival is not None and (waiter is None or rival.number < waiter.number):
                    self._drop(slot, todo)
                    self._open_slots(todo)
                    return
            if waiter is None:
                return
            self._serve(waiter, Grant(self.take(slot)), todo)

    def _open_slots(self, todo: Todo[K, C]) -> None:
        """Give leave to dial to those who wait longest and whom no limit forbids it."""
        while not self.limit or self._slots < self.limit:
            waiter = self._queue.oldest_below_limit()
            if waiter is None:
                return
            self._serve(waiter, self._open(waiter.lane), todo)

    def _oldest_in_need_of_room(self, idle: Slot[K, C]) -> Waiter[K, C] | None:
        """Return the oldest waiter that could dial if ``idle`` were closed."""
        found = None
        if self.limit and self._slots >= self.limit:
            found = self._queue.oldest_below_limit()
        group = idle.lane.group
        if group.full:
            own = group.first
            if own is not None and (found is None or own.number < found.number):
                return own
        return found

    def _serve(
        self, waiter: Waiter[K, C], outcome: Grant[C] | Dial[K, C], todo: Todo[K, C]
    ) -> None:
        waiter.outcome = outcome
        self._queue.remove(waiter)
        todo.served.append(waiter)

    # --- slots ---

    def _make_room(self, group: Group[K, C], todo: Todo[K, C]) -> bool:
        """Say whether a slot may be opened in ``group``; close an idle connection if it must."""
        if group.full:
            victims = group.idle
        elif self.limit and self._slots >= self.limit:
            victims = self._idle
        else:
            return True
        if not victims:
            return False
        self._drop(next(iter(victims)), todo)
        return True

    def _open(self, lane: Lane[K, C]) -> Dial[K, C]:
        lane.slots += 1
        lane.group.slots += 1
        self._slots += 1
        return Dial(Slot(lane))

    def _remove(self, slot: Slot[K, C]) -> None:
        """Take a slot out of every table and count."""
        slot.open = False
        lane, group = slot.lane, slot.lane.group
        if slot.connection is not None:
            del self._live[slot.connection]
            self._leave_tables(slot)
        was_full = group.full
        lane.slots -= 1
        group.slots -= 1
        self._slots -= 1
        if was_full:
            self._queue.note_first(group)
        self._forget_if_unused(lane)

    def _drop(self, slot: Slot[K, C], todo: Todo[K, C]) -> None:
        assert slot.connection is not None
        todo.close.append(slot.connection)
        self._remove(slot)

    def take(self, slot: Slot[K, C]) -> C:
        """Take a free place of a connection, and return it."""
        assert slot.connection is not None
        slot.taken += 1
        if self.force_close:
            slot.spent = True
            slot.free = 0
        else:
            slot.free -= 1
        self._idle.pop(slot, None)
        slot.lane.group.idle.pop(slot, None)
        if not slot.free:
            slot.lane.free.pop(slot, None)
        return slot.connection

    def _update(
        self, slot: Slot[K, C], free: int, taken: int, now: float, todo: Todo[K, C]
    ) -> None:
        """Note what a connection has free and taken, and do what follows from it."""
        slot.free = 0 if slot.spent else max(free, 0)
        slot.taken = taken
        if not slot.free and not taken:
            self._drop(slot, todo)
            self._open_slots(todo)
        else:
            if self._queue.length:
                self._settle(slot, todo)
            if slot.open:
                self._enter_tables(slot, now, todo)
        self._expire(now, todo)

    def _enter_tables(self, slot: Slot[K, C], now: float, todo: Todo[K, C]) -> None:
        """Put a connection where its free and taken places say that it belongs."""
        lane = slot.lane
        if not slot.free:
            self._leave_tables(slot)
        elif slot.taken:
            self._leave_tables(slot)
            lane.free[slot] = None
        elif self.force_close or lane.loop != self._loop:
            self._drop(slot, todo)
        elif slot not in self._idle:
            self._enter_idle(slot, now)

    def _enter_idle(self, slot: Slot[K, C], now: float) -> None:
        lane = slot.lane
        slot.idle_since = now
        lane.free[slot] = None
        lane.free.move_to_end(slot)
        self._idle[slot] = None
        lane.group.idle[slot] = None
        if self._next_end == math.inf and self.keepalive_timeout is not None:
            self._next_end = now + self.keepalive_timeout

    def _leave_tables(self, slot: Slot[K, C]) -> None:
        self._idle.pop(slot, None)
        slot.lane.group.idle.pop(slot, None)
        slot.lane.free.pop(slot, None)

    def _expire(self, now: float, todo: Todo[K, C]) -> None:
        """Drop what has been idle for too long. It stood in nobody's way: nobody is served."""
        if self.keepalive_timeout is None or now < self._next_end:
            return
        while self._idle:
            oldest = next(iter(self._idle))
            self._next_end = oldest.idle_since + self.keepalive_timeout
            if now < self._next_end:
                return
            self._drop(oldest, todo)
        self._next_end = math.inf

    def _drop_foreign(self, todo: Todo[K, C]) -> None:
        """Drop what is idle: all of it is of the loop that asked before."""
        while self._idle:
            self._drop(next(iter(self._idle)), todo)

    # --- lanes and groups ---

    def _lane(self, key: K, loop: Hashable) -> Lane[K, C]:
        lane = self._lanes.get((key, loop))
        if lane is None:
            name = self._group_of(key) if self.limit_per_host else None
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = Group(name, self.limit_per_host)
            lane = self._lanes[key, loop] = Lane(key, loop, group)
        return lane

    def _forget_if_unused(self, lane: Lane[K, C]) -> None:
        if lane.slots or lane.waiters:
            return
        del self._lanes[lane.key, lane.loop]
        lane.group.lanes -= 1
        if not lane.group.lanes:
            del self._groups[lane.group.name]

    # --- for tests ---

    def check_invariants(self) -> None:
        """Assert all that must be true between two calls; takes time, meant for tests."""
        assert not self.limit or self._slots <= self.limit
        assert self._slots == sum(group.slots for group in self._groups.values())
        assert self._slots == sum(lane.slots for lane in self._lanes.values())
        assert self.waiting == sum(len(group.waiters) for group in self._groups.values())
        assert self.waiting == sum(len(lane.waiters) for lane in self._lanes.values())
        idle = {s for s in self._live.values() if s.free and not s.taken}
        assert set(self._idle) == idle
        assert all(slot.lane.loop == self._loop for slot in idle)
        since = [slot.idle_since for slot in self._idle]
        assert since == sorted(since)
        if since and self.keepalive_timeout is not None:
            assert self._next_end <= since[0] + self.keepalive_timeout
        for (key, loop), lane in self._lanes.items():
            assert (lane.key, lane.loop) == (key, loop)
            assert self._groups[lane.group.name] is lane.group
            lane.check_invariants(self._live.values())
        for group in self._groups.values():
            self._check_group(group, idle)
        assert all(slot.open and slot.connection == each for each, slot in self._live.items())

    def _check_group(self, group: Group[K, C], idle: set[Slot[K, C]]) -> None:
        assert group.lanes == sum(lane.group is group for lane in self._lanes.values())
        group.check_invariants(idle)
        if group.waiters and not group.full:
            assert self.limit
            assert self._slots == self.limit
            assert not idle
            oldest = self._queue.oldest_below_limit()
            assert oldest is not None
            assert oldest.number <= next(iter(group.waiters)).number
