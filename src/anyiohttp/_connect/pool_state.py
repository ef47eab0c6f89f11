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

One exception to the invariant: a connection that is being made may turn out to serve many (HTTP/2),
and then one is enough. The first slot of such a lane is its *scout*. While it is being dialed, and
until it is known how many it can carry, no other is opened for that lane, and its waiters stand in
no other's way. If it turns out to serve one only, that is remembered of the key, and all who wait
may dial; else it serves those it can, and the next one, if more still wait, is a scout again.

Idle connections end by ``keepalive_timeout`` when somebody next asks for or gives back something.
They stand in the order in which they became idle, so that only the first ones need be looked at,
and none before the first one's time; there is no timer. Those of another event loop than the one
that asks are of no use and end too.

Most often a free connection is there and nobody waits, or all wait for the same. `warm` and the
first lines of `acquire` and `changed` are what is left of the rules then; ``None`` says that
nothing is to be done.

All operations take constant time, amortised, whatever the number of connections and waiters; with
calls waiting, choosing takes the logarithm of the number of lanes and groups.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic

from .pool_lanes import Lanes
from .pool_queue import Queue
from .pool_records import C, Closed, Dial, Grant, Group, K, Lane, Made, Slot, Todo, Waiter

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
        shares: tells of a key whether a connection of it may turn out to serve many at a time.

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
        shares: Callable[[K], bool] | None = None,
    ) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.keepalive_timeout = keepalive_timeout
        self.force_close = force_close
        self.closed = False
        self._loop: Hashable = None  # of the last `acquire`
        self._next_end = math.inf  # nothing idle is too old before
        self._slots = 0
        self._live: dict[C, Slot[K, C]] = {}
        self._idle: OrderedDict[Slot[K, C], None] = OrderedDict()
        self._lanes: Lanes[K, C] = Lanes(group, limit_per_host, None if force_close else shares)
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
            lane = self._lanes.find(key, loop)
            if lane is not None and lane.free:
                return next(reversed(lane.free))
        return None

    def acquire(
        self, key: K, loop: Hashable, now: float
    ) -> tuple[Grant[C] | Dial[K, C] | Waiter[K, C] | Closed, Todo[K, C] | None]:
        """Ask for a place on a connection of ``key`` that belongs to the event loop ``loop``."""
        if now < self._next_end and loop is self._loop:
            lane = self._lanes.find(key, loop)
            if lane is not None and lane.free:
                return Grant(self.take(next(reversed(lane.free)))), None
            if lane is not None and lane.waiters:
                return self._queue.append(lane), None  # what could serve it would have served them
        todo: Todo[K, C] = Todo()
        if self.closed:
            return Closed(), todo
        if loop != self._loop:
            self._drop_foreign(todo)
            self._loop = loop
        self._expire(now, todo)
        lane = self._lanes.get(key, loop)
        if lane.free:
            return Grant(self.take(next(reversed(lane.free)))), todo
        if lane.scout is None and self._make_room(lane.group, todo):
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
            self._lanes.forget_if_unused(waiter.lane)
            # Nobody else can be served now: it stood before others only for what is not there.
        return todo

    # --- dialing ---

    def dialed(
        self, slot: Slot[K, C], made: Made[C], now: float, *, wanted: bool = True
    ) -> Todo[K, C]:
        """Note that a dial succeeded.

        Args:
            slot: the slot of the `Dial`.
            made: what was made.
            now: the time.
            wanted: whether the one who dialed takes a place; if not, all are for others.
        """
        todo: Todo[K, C] = Todo()
        connection = made.connection
        if self.closed:
            todo.close.append(connection)
            return todo
        slot.connection = connection
        self._live[connection] = slot
        lane = slot.lane
        if lane.shares and not made.shares:
            # Of such a key, as many connections are made as are asked for.
            self._lanes.note_single(lane)
        ends = lane.scout is not None and not lane.shares
        if wanted:
            slot.taken = 1
            slot.spent = self.force_close
        self._update(slot, made.free - slot.taken, slot.taken, now, todo)
        if ends or made.settled:
            self._end_scouting(lane, slot, todo)
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

    def changed(
        self, connection: C, free: int, taken: int, now: float, *, settled: bool = True
    ) -> Todo[K, C] | None:
        """Note how many places a connection has free and taken now; none of both: it is gone.

        Args:
            connection: which.
            free: how many more it can carry.
            taken: how many it carries.
            now: the time.
            settled: whether it is known how many it can carry in all.

        Saying the same twice does no harm, nor does saying it of a connection that is not of
        this pool any more.
        """
        slot = self._live.get(connection)
        if slot is None:
            return None
        lane = slot.lane
        may_rest = slot.taken and lane.loop is self._loop and not self.force_close
        scouting = lane.scout is slot
        if may_rest and not scouting and free > 0 and not taken:
            if not self._queue.length:
                slot.free, slot.taken = free, 0
                self._enter_idle(slot, now)
                if now < self._next_end:
                    return None
            elif free == 1 and len(lane.waiters) == self._queue.length and now < self._next_end:
                # All who wait, wait for this: it is handed on.
                slot.free, slot.taken = 0, 1
                todo: Todo[K, C] = Todo()
                self._serve(next(iter(lane.waiters)), Grant(connection), todo)
                return todo
        todo = Todo()
        self._update(slot, free, taken, now, todo)
        if scouting and settled:
            self._end_scouting(lane, slot, todo)
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
        self._begin_scouting(slot)
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
        waiters = [waiter for lane in self._lanes for waiter in lane.waiters]
        waiters.sort(key=lambda waiter: waiter.number)
        for waiter in waiters:
            waiter.outcome = Closed()
        todo.served.extend(waiters)
        self.closed = True
        self._slots = 0
        self._live.clear()
        self._idle.clear()
        self._lanes.clear()
        self._queue.clear()
        return idle, todo

    # --- serving: every way to end a wait leads through one of these two ---

    def _settle(self, slot: Slot[K, C], todo: Todo[K, C]) -> None:
        """Give the free places of a connection to those who wait longest for what it can do."""
        lane = slot.lane
        while slot.free:
            waiter = lane.first
            if not slot.taken:
                at_limit = 0 < self.limit <= self._slots
                rival = self._queue.oldest_in_need_of_room(lane, at_limit)
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
        slot = Slot(lane)
        self._begin_scouting(slot)
        return Dial(slot)

    def _begin_scouting(self, slot: Slot[K, C]) -> None:
        """Let those who wait in the lane wait for what is being made, if it may serve them all."""
        lane = slot.lane
        if lane.shares and lane.scout is None:
            lane.scout = slot
            self._queue.note_lane(lane)

    def _end_scouting(self, lane: Lane[K, C], slot: Slot[K, C], todo: Todo[K, C]) -> None:
        """Let those whom it does not serve have more made."""
        if lane.scout is slot or not lane.shares:
            lane.scout = None
            if lane.waiters:
                self._queue.note_lane(lane)
                self._open_slots(todo)

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
        if lane.scout is slot:
            lane.scout = None
            self._queue.note_lane(lane)
        elif was_full:
            self._queue.note_group(group)
        self._lanes.forget_if_unused(lane)

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
