"""The pool's decisions: examples, and random histories checked against the rules."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.connect.checked import CheckedPoolState

from anyiohttp._connect.pool_records import (
    Closed,
    Dial,
    Grant,
    Group,
    Lane,
    Made,
    Slot,
    Todo,
    Waiter,
)
from anyiohttp._connect.pool_state import PoolState

LOOP = "loop"


def group_of(key: str) -> str:
    """Keys ``a1`` and ``a2`` are of one host."""
    return key[0]


@dataclass(eq=False)
class Conn:
    """Stands for a connection: knows its places, as a real one does."""

    name: str = ""
    capacity: int = 1
    taken: int = 0
    shares: bool = False
    settled: bool = True

    def __repr__(self) -> str:
        return f"<{self.name} {self.taken}/{self.capacity}>"


@dataclass
class Pool:
    """Drives a state as the async shell does, without waiting."""

    state: CheckedPoolState[str, Conn]
    now: float = 0.0
    closed: list[Conn] = field(default_factory=list)
    served: list[Waiter[str, Conn]] = field(default_factory=list)

    def carry_out(self, todo: Todo[str, Conn] | None, outcome: object = None) -> None:
        todo = todo or Todo()
        for each in (outcome, *(waiter.outcome for waiter in todo.served)):
            if isinstance(each, Grant):
                each.connection.taken += 1
                assert each.connection.taken <= each.connection.capacity
        for connection in todo.close:
            assert connection not in self.closed
        self.closed += todo.close
        self.served += todo.served
        self.state.check_invariants()

    def acquire(self, key: str = "a", loop: str = LOOP) -> object:
        outcome, todo = self.state.acquire(key, loop, self.now)
        self.carry_out(todo, outcome)
        return outcome

    def dial(self, key: str = "a", capacity: int = 1, loop: str = LOOP) -> Conn:
        """Acquire with leave to dial, and do so."""
        outcome = self.acquire(key, loop)
        assert isinstance(outcome, Dial)
        return self.dialed(outcome.slot, Conn(key, capacity))

    def dialed(self, slot: Slot[str, Conn], connection: Conn, *, wanted: bool = True) -> Conn:
        free = connection.capacity - connection.taken
        connection.taken += wanted
        made = Made(connection, free, connection.shares, connection.settled)
        self.carry_out(self.state.dialed(slot, made, self.now, wanted=wanted))
        return connection

    def changed(self, connection: Conn) -> None:
        free = connection.capacity - connection.taken
        settled = connection.settled
        todo = self.state.changed(connection, free, connection.taken, self.now, settled=settled)
        self.carry_out(todo)

    def release(self, connection: Conn) -> None:
        connection.taken -= 1
        self.changed(connection)

    def end(self, connection: Conn) -> None:
        connection.capacity = connection.taken = 0
        self.changed(connection)

    def wait(self, key: str = "a", loop: str = LOOP) -> Waiter[str, Conn]:
        outcome = self.acquire(key, loop)
        assert isinstance(outcome, Waiter)
        return outcome

    def granted(self, key: str = "a", loop: str = LOOP) -> Conn:
        outcome = self.acquire(key, loop)
        assert isinstance(outcome, Grant)
        return outcome.connection

    def counts(self) -> tuple[int, int, int, int]:
        state = self.state
        return state.idle, state.busy, state.dialing, state.waiting


def make(**limits: object) -> Pool:
    return Pool(CheckedPoolState(group_of, **limits))


# --- uncontended ---


def test_first_dials_then_reuses() -> None:
    pool = make(limit=2)
    outcome = pool.acquire()
    assert isinstance(outcome, Dial)
    assert pool.counts() == (0, 0, 1, 0)
    connection = pool.dialed(outcome.slot, Conn())
    assert pool.counts() == (0, 1, 0, 0)
    pool.release(connection)
    assert pool.counts() == (1, 0, 0, 0)
    assert pool.granted() is connection
    assert pool.counts() == (0, 1, 0, 0)
    assert not pool.closed


def test_the_most_recently_used_comes_first() -> None:
    pool = make()
    first, second, third = (pool.dial() for _ in range(3))
    for connection in (second, third, first):
        pool.release(connection)
    assert [pool.granted() for _ in range(3)] == [first, third, second]


def test_keys_do_not_share() -> None:
    pool = make()
    pool.release(pool.dial("a"))
    assert isinstance(pool.acquire("b"), Dial)


def test_saying_the_same_twice_does_no_harm() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    pool.changed(connection)
    pool.release(connection)
    pool.now = 5
    pool.changed(connection)
    assert pool.counts() == (1, 0, 0, 0)
    pool.end(connection)
    pool.changed(connection)
    assert pool.counts() == (0, 0, 0, 0)
    assert pool.closed == [connection]


# --- limits and the queue ---


def test_waiters_are_served_in_order() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    waiters = [pool.wait() for _ in range(3)]
    for waiter in waiters:
        assert waiter.outcome is None
        pool.release(connection)
        assert waiter.outcome == Grant(connection)
    assert pool.served == waiters
    assert pool.counts() == (0, 1, 0, 0)


def test_newcomer_does_not_overtake_a_granted_waiter() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    waiter = pool.wait()
    pool.release(connection)  # the waiter has not run yet
    newcomer = pool.wait()
    assert waiter.outcome == Grant(connection)
    assert newcomer.outcome is None


def test_a_cancelled_waiter_that_was_granted_passes_it_on() -> None:
    """The lost wake-up: limit 1, two waiters, the first is cancelled when it was just notified."""
    pool = make(limit=1)
    connection = pool.dial()
    first, second = pool.wait(), pool.wait()
    pool.release(connection)
    assert isinstance(first.outcome, Grant)
    pool.release(connection)  # what the cancelled one does
    assert second.outcome == Grant(connection)


def test_a_cancelled_waiter_that_was_to_dial_passes_it_on() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    first, second = pool.wait("b"), pool.wait("b")
    pool.release(connection)
    assert isinstance(first.outcome, Dial)
    assert pool.closed == [connection]
    pool.carry_out(pool.state.cancel(first, pool.now))
    assert isinstance(second.outcome, Dial)
    pool.carry_out(pool.state.cancel(second, pool.now))
    assert pool.counts() == (0, 0, 0, 0)


def test_a_cancelled_waiter_leaves_the_queue() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    first, second, third = pool.wait(), pool.wait("b"), pool.wait()
    pool.carry_out(pool.state.cancel(first, pool.now))
    pool.carry_out(pool.state.cancel(second, pool.now))
    pool.release(connection)
    assert third.outcome == Grant(connection)
    assert pool.served == [third]


def test_a_failed_dial_goes_to_the_next() -> None:
    pool = make(limit=1)
    outcome = pool.acquire()
    assert isinstance(outcome, Dial)
    waiter = pool.wait("b")
    pool.carry_out(pool.state.dial_failed(outcome.slot, pool.now))
    assert isinstance(waiter.outcome, Dial)
    pool.carry_out(pool.state.dial_failed(outcome.slot, pool.now))  # said twice
    assert pool.counts() == (0, 0, 1, 0)


def test_a_dial_that_nobody_wants_any_more_serves_a_waiter_or_is_pooled() -> None:
    pool = make(limit=1)
    outcome = pool.acquire()
    assert isinstance(outcome, Dial)
    waiter = pool.wait()
    connection = pool.dialed(outcome.slot, Conn(), wanted=False)
    assert waiter.outcome == Grant(connection)

    pool = make(limit=1)
    outcome = pool.acquire()
    assert isinstance(outcome, Dial)
    connection = pool.dialed(outcome.slot, Conn(), wanted=False)
    assert pool.counts() == (1, 0, 0, 0)
    assert pool.granted() is connection


def test_a_connection_that_ends_gives_its_slot_on() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    waiter = pool.wait()
    pool.end(connection)
    assert isinstance(waiter.outcome, Dial)
    assert pool.closed == [connection]


def test_the_longest_idle_connection_of_another_key_makes_room() -> None:
    pool = make(limit=3)
    connections = [pool.dial(key) for key in "abc"]
    pool.release(connections[1])
    pool.release(connections[0])
    pool.dial("d")
    assert pool.closed == [connections[1]]


def test_an_older_waiter_of_another_key_gets_the_slot() -> None:
    pool = make(limit=1)
    connection = pool.dial("a")
    other, same = pool.wait("b"), pool.wait("a")
    pool.release(connection)
    assert isinstance(other.outcome, Dial)
    assert same.outcome is None
    assert pool.closed == [connection]


def test_an_older_waiter_of_the_same_key_gets_the_connection() -> None:
    pool = make(limit=1)
    connection = pool.dial("a")
    same, other = pool.wait("a"), pool.wait("b")
    pool.release(connection)
    assert same.outcome == Grant(connection)
    assert other.outcome is None


def test_what_is_gone_is_not_kept_while_somebody_waits() -> None:
    """Hosts come and go, and nobody asks who is next, for there is always a place for them."""
    state: PoolState[str, Conn] = PoolState(str, limit_per_host=1, keepalive_timeout=1)

    def dial(key: str, now: float) -> Conn:
        outcome, _ = state.acquire(key, LOOP, now)
        assert isinstance(outcome, Dial)
        connection = Conn(key)
        state.dialed(outcome.slot, Made(connection), now)
        return connection

    dial("full", 0)
    assert isinstance(state.acquire("full", LOOP, 0)[0], Waiter)  # waits for ever
    for number in range(1000):
        key, now = f"host {number}", 2.0 * number
        connection = dial(key, now)
        waiter, _ = state.acquire(key, LOOP, now)
        assert isinstance(waiter, Waiter)
        state.cancel(waiter, now)
        state.changed(connection, 1, 0, now)
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, Group | Lane)]
    assert len(kept) < 300


def test_limit_per_host_holds_up_nobody_else() -> None:
    pool = make(limit=2, limit_per_host=1)
    a = pool.dial("a")
    blocked = pool.wait("a")
    b = pool.dial("b")
    other = pool.wait("c")
    pool.release(b)
    assert isinstance(other.outcome, Dial)
    assert blocked.outcome is None
    pool.release(a)
    assert blocked.outcome == Grant(a)


def test_an_idle_connection_of_the_same_host_makes_room() -> None:
    pool = make(limit_per_host=1)
    first = pool.dial("a1")
    waiter = pool.wait("a2")
    pool.release(first)
    assert isinstance(waiter.outcome, Dial)
    assert pool.closed == [first]
    second = pool.dialed(waiter.outcome.slot, Conn())
    pool.release(second)
    assert isinstance(pool.acquire("a1"), Dial)
    assert pool.closed == [first, second]


def test_both_limits_choose_the_oldest_who_can_be_served() -> None:
    pool = make(limit=2, limit_per_host=1)
    a, b = pool.dial("a1"), pool.dial("b1")
    c1, a2, b2 = pool.wait("c1"), pool.wait("a2"), pool.wait("b2")
    pool.release(b)  # c1 is older than b2, and both need the room
    assert isinstance(c1.outcome, Dial)
    pool.release(a)
    assert isinstance(a2.outcome, Dial)
    assert b2.outcome is None
    pool.carry_out(pool.state.dial_failed(c1.outcome.slot, pool.now))
    assert isinstance(b2.outcome, Dial)


def test_a_hosts_own_waiter_may_be_older_than_those_below_the_limit() -> None:
    pool = make(limit=2, limit_per_host=1)
    a = pool.dial("a1")
    pool.dial("b1")
    a2, c1 = pool.wait("a2"), pool.wait("c1")
    pool.release(a)
    assert isinstance(a2.outcome, Dial)
    assert c1.outcome is None


# --- several places on one connection ---


def test_a_dial_serves_several_waiters() -> None:
    pool = make(limit=1)
    outcome = pool.acquire()
    assert isinstance(outcome, Dial)
    waiters = [pool.wait() for _ in range(3)]
    connection = pool.dialed(outcome.slot, Conn(capacity=3))
    assert [waiter.outcome for waiter in waiters] == [Grant(connection)] * 2 + [None]
    pool.release(connection)
    assert waiters[2].outcome == Grant(connection)
    pool.release(connection)
    pool.release(connection)
    assert pool.counts() == (0, 1, 0, 0)
    pool.release(connection)
    assert pool.counts() == (1, 0, 0, 0)


def test_a_shared_connection_is_not_closed_for_another_key() -> None:
    pool = make(limit=1)
    connection = pool.dial("a", capacity=2)
    other = pool.wait("b")
    assert pool.granted("a") is connection  # its free place is of no use to the waiter
    pool.release(connection)
    assert other.outcome is None
    pool.release(connection)
    assert isinstance(other.outcome, Dial)


def test_two_connections_with_free_places() -> None:
    pool = make()
    first, second = pool.dial(capacity=1), pool.dial(capacity=2)
    first.capacity = 2
    pool.changed(first)
    assert pool.granted() is first  # its place became free last
    assert pool.granted() is second
    pool.release(first)
    pool.changed(first)
    pool.release(second)
    assert pool.granted() is second


def test_capacity_may_change() -> None:
    pool = make(limit=1)
    connection = pool.dial(capacity=1)
    waiters = [pool.wait() for _ in range(3)]
    connection.capacity = 3
    pool.changed(connection)
    assert [waiter.outcome for waiter in waiters] == [Grant(connection)] * 2 + [None]
    connection.capacity = 0  # closing: what is under way goes on
    pool.changed(connection)
    pool.release(connection)
    pool.release(connection)
    assert waiters[2].outcome is None
    pool.release(connection)
    assert isinstance(waiters[2].outcome, Dial)
    assert pool.closed == [connection]


# --- ends ---


def test_idle_connections_expire() -> None:
    pool = make(keepalive_timeout=15)
    first, second = pool.dial(), pool.dial()
    pool.release(first)
    pool.now = 10
    pool.release(second)
    pool.now = 15
    assert pool.granted() is second
    assert pool.closed == [first]


def test_expiry_happens_when_something_is_given_back() -> None:
    pool = make(keepalive_timeout=15)
    first, second = pool.dial("a"), pool.dial("b")
    pool.release(first)
    pool.now = 100
    pool.release(second)
    assert pool.closed == [first]
    assert pool.counts() == (1, 0, 0, 0)


def test_keepalive_of_zero_keeps_nothing() -> None:
    pool = make(keepalive_timeout=0)
    connection = pool.dial()
    pool.release(connection)
    assert pool.closed == [connection]


def test_force_close_serves_once() -> None:
    pool = make(limit=1, force_close=True)
    connection = pool.dial(capacity=5)
    waiter = pool.wait()
    pool.release(connection)
    assert isinstance(waiter.outcome, Dial)
    unwanted = pool.dialed(waiter.outcome.slot, Conn(), wanted=False)
    assert pool.closed == [connection, unwanted]
    assert pool.counts() == (0, 0, 0, 0)


def test_force_close_gives_an_unwanted_dial_to_a_waiter_once() -> None:
    pool = make(limit=1, force_close=True)
    outcome = pool.acquire()
    assert isinstance(outcome, Dial)
    first, second = pool.wait(), pool.wait()
    connection = pool.dialed(outcome.slot, Conn(capacity=5), wanted=False)
    assert first.outcome == Grant(connection)
    assert second.outcome is None


def test_connections_of_another_loop_are_dropped() -> None:
    pool = make()
    idle, busy = pool.dial(), pool.dial()
    pool.release(idle)
    own = pool.dial(loop="other")
    assert pool.closed == [idle]
    pool.release(busy)
    assert pool.closed == [idle, busy]
    pool.release(own)
    assert pool.granted(loop="other") is own


def test_an_unusable_connection_is_swapped_for_the_next() -> None:
    pool = make(limit=3)
    connections = [pool.dial() for _ in range(3)]
    for connection in connections:
        pool.release(connection)
    dead = pool.granted()
    outcome, todo = pool.state.unusable(dead, "a", LOOP, pool.now)
    pool.carry_out(todo, outcome)
    assert outcome == Grant(connections[1])
    assert pool.closed == [dead]
    assert pool.counts() == (1, 1, 0, 0)


def test_an_unusable_connection_keeps_its_slot_for_a_dial() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    waiter, next_one = pool.wait(), pool.wait()
    pool.release(connection)
    assert waiter.outcome == Grant(connection)
    outcome, todo = pool.state.unusable(connection, "a", LOOP, pool.now)
    pool.carry_out(todo, outcome)
    assert isinstance(outcome, Dial)
    assert pool.closed == [connection]
    assert pool.counts() == (0, 0, 1, 1)
    pool.release(pool.dialed(outcome.slot, Conn()))
    assert isinstance(next_one.outcome, Grant)


def test_the_slot_of_an_unusable_connection_goes_on_if_another_has_a_place() -> None:
    pool = make(limit=2)
    dead, shared = pool.dial("a"), pool.dial("a", capacity=2)
    assert pool.granted("a") is shared
    first, other = pool.wait("a"), pool.wait("b")
    pool.release(dead)
    assert first.outcome == Grant(dead)
    pool.release(shared)
    assert other.outcome is None
    outcome, todo = pool.state.unusable(dead, "a", LOOP, pool.now)
    pool.carry_out(todo, outcome)
    assert outcome == Grant(shared)
    assert isinstance(other.outcome, Dial)


def test_an_unusable_connection_whose_end_was_noted_means_asking_anew() -> None:
    pool = make(limit=1)
    connection = pool.dial()
    pool.end(connection)
    outcome, todo = pool.state.unusable(connection, "a", LOOP, pool.now)
    pool.carry_out(todo, outcome)
    assert isinstance(outcome, Dial)


def test_close() -> None:
    pool = make(limit=3)
    dialing = pool.acquire("d")
    assert isinstance(dialing, Dial)
    idle, busy = pool.dial("a"), pool.dial("b")
    granted, gone_to_dial, last = pool.wait("b"), pool.wait("c"), pool.wait("b")
    pool.release(busy)
    assert granted.outcome == Grant(busy)
    pool.release(idle)
    assert isinstance(gone_to_dial.outcome, Dial)
    kept, todo = pool.state.close()
    pool.carry_out(todo)
    assert kept == []
    assert pool.closed == [idle, busy]
    assert last.outcome == Closed()
    assert pool.counts() == (0, 0, 0, 0)
    assert pool.acquire() == Closed()
    late = pool.dialed(dialing.slot, Conn())
    assert pool.closed[-1] is late
    for waiter in (gone_to_dial, last):
        pool.carry_out(pool.state.cancel(waiter, pool.now))
    pool.release(busy)
    assert pool.state.close() == ([], Todo())


def test_close_leaves_idle_connections_to_the_caller() -> None:
    pool = make()
    connection = pool.dial()
    pool.release(connection)
    assert pool.state.close() == ([connection], Todo())


# --- many ---


def test_the_queue_forgets_what_is_no_longer_true() -> None:
    """Cancelled heads of many groups behind an old one must not pile up."""
    pool = make(limit=1, limit_per_host=1)
    connection = pool.dial("z")
    oldest = pool.wait("a")
    for _ in range(200):
        cancelled, _next = pool.wait("b"), pool.wait("c")
        for waiter in (cancelled, _next):
            pool.carry_out(pool.state.cancel(waiter, pool.now))
    pool.release(connection)
    assert isinstance(oldest.outcome, Dial)


def test_nothing_is_left_of_what_was_used_once() -> None:
    pool = make(limit=10, limit_per_host=2)
    for number in range(100):
        pool.release(pool.dial(chr(1000 + number)))
    assert pool.counts() == (10, 0, 0, 0)
    idle, _ = pool.state.close()
    assert [connection.name for connection in idle] == [chr(1000 + n) for n in range(90, 100)]


# --- one connection for many ---


def sharing(**limits: object) -> Pool:
    """A pool in which keys ``m…`` may turn out to share their connections."""
    return make(shares=lambda key: key[0] == "m", **limits)


def leave(pool: Pool, key: str = "m") -> Slot[str, Conn]:
    outcome = pool.acquire(key)
    assert isinstance(outcome, Dial)
    return outcome.slot


def served(waiters: list[Waiter[str, Conn]]) -> list[type | None]:
    return [None if waiter.outcome is None else type(waiter.outcome) for waiter in waiters]


def test_others_wait_for_the_first_dial_and_are_served_with_it() -> None:
    pool = sharing()
    slot = leave(pool)
    waiters = [pool.wait("m") for _ in range(3)]
    connection = pool.dialed(slot, Conn("m", 3, shares=True))
    # Two find room; the next one dials, and is waited for again.
    assert served(waiters) == [Grant, Grant, Dial]
    assert connection.taken == 3
    assert isinstance(pool.acquire("m"), Waiter)


def test_who_finds_no_room_on_a_shared_connection_dials_one_more() -> None:
    pool = sharing()
    pool.dialed(leave(pool), Conn("m", 1, shares=True))
    slot = leave(pool)
    waiters = [pool.wait("m") for _ in range(4)]
    pool.dialed(slot, Conn("m", 3, shares=True))
    assert served(waiters) == [Grant, Grant, Dial, None]


def test_a_key_that_turns_out_not_to_share_is_remembered() -> None:
    pool = sharing()
    slot = leave(pool)
    waiters = [pool.wait("m") for _ in range(3)]
    pool.dialed(slot, Conn("m"))
    assert served(waiters) == [Dial, Dial, Dial]
    for waiter in waiters:
        assert isinstance(waiter.outcome, Dial)
        pool.dialed(waiter.outcome.slot, Conn("m"))
    assert isinstance(pool.acquire("m"), Dial)
    assert isinstance(pool.acquire("m2"), Dial)  # of another key, nothing is known
    assert isinstance(pool.acquire("m2"), Waiter)


def test_it_is_remembered_when_nothing_is_left_of_the_key() -> None:
    pool = sharing(limit=1)
    pool.release(pool.dialed(leave(pool), Conn("m")))
    pool.release(pool.dial("z"))
    assert pool.counts() == (1, 0, 0, 0)
    pool.state.limit = 0
    assert isinstance(pool.acquire("m"), Dial)
    assert isinstance(pool.acquire("m"), Dial)


def test_nobody_dials_until_it_is_known_how_many_a_connection_serves() -> None:
    pool = sharing()
    slot = leave(pool)
    waiters = [pool.wait("m") for _ in range(3)]
    connection = pool.dialed(slot, Conn("m", 1, shares=True, settled=False))
    assert served(waiters) == [None, None, None]
    connection.capacity, connection.settled = 2, True
    pool.changed(connection)
    assert served(waiters) == [Grant, Dial, None]


def test_a_place_given_back_before_that_is_for_the_next_one() -> None:
    pool = sharing()
    slot = leave(pool)
    first, second = pool.wait("m"), pool.wait("m")
    connection = pool.dialed(slot, Conn("m", 1, shares=True, settled=False))
    pool.release(connection)
    assert served([first, second]) == [Grant, None]


@pytest.mark.parametrize("settled", [True, False])
def test_a_connection_that_ends_lets_the_next_one_dial(*, settled: bool) -> None:
    pool = sharing()
    slot = leave(pool)
    connection = pool.dialed(slot, Conn("m", 1, shares=True, settled=settled))
    waiters = [pool.wait("m"), pool.wait("m")] if not settled else []
    connection.settled = True
    pool.end(connection)
    assert served(waiters) == ([] if settled else [Dial, None])
    assert pool.state.dialing == len(waiters) - 1 or settled


def test_a_dial_that_fails_lets_the_next_one_dial() -> None:
    pool = sharing()
    slot = leave(pool)
    waiters = [pool.wait("m"), pool.wait("m")]
    pool.carry_out(pool.state.dial_failed(slot, pool.now))
    assert served(waiters) == [Dial, None]
    # One that was told to dial and is cancelled passes it on.
    pool.carry_out(pool.state.cancel(waiters[0], pool.now))
    assert served(waiters) == [Dial, Dial]


def test_those_who_wait_for_a_dial_stand_in_nobodys_way() -> None:
    pool = sharing(limit=2, limit_per_host=2)
    slot = leave(pool)
    held = pool.wait("m")
    connection = pool.dial("z")
    later = pool.wait("y")
    pool.end(connection)
    assert served([held, later]) == [None, Dial]
    pool.dialed(slot, Conn("m", 2, shares=True))
    assert served([held]) == [Grant]


def test_a_shared_connection_found_dead_is_dialed_anew_once() -> None:
    pool = sharing()
    connection = pool.dialed(leave(pool), Conn("m", 5, shares=True))
    pool.release(connection)
    assert pool.granted("m") is connection
    outcome, todo = pool.state.unusable(connection, "m", LOOP, pool.now)
    pool.carry_out(todo, outcome)
    assert isinstance(outcome, Dial)
    waiters = [pool.wait("m"), pool.wait("m")]
    pool.dialed(outcome.slot, Conn("m", 5, shares=True))
    assert served(waiters) == [Grant, Grant]


def test_connections_that_serve_once_are_not_waited_for() -> None:
    pool = sharing(force_close=True)
    leave(pool)
    leave(pool)


# --- random histories ---


class Histories(RuleBasedStateMachine):
    """Any sequence of events; after each, the rules of the queue are checked from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.dials: list[Slot[str, Conn]] = []
        self.in_use: list[Conn] = []  # one entry for each place taken
        self.queue: list[Waiter[str, Conn]] = []
        self.alive: dict[Conn, None] = {}  # ordered, for the sake of repeatable choices
        self.shut = False

    @initialize(
        limit=st.integers(0, 4),
        limit_per_host=st.integers(0, 3),
        keepalive=st.sampled_from([None, 0, 3]),
        force_close=st.booleans(),
        sharing=st.sampled_from(["", "a", "ab", "abc"]),
    )
    def begin(
        self,
        limit: int,
        limit_per_host: int,
        keepalive: float | None,
        sharing: str,
        *,
        force_close: bool,
    ) -> None:
        self.sharing = sharing
        self.limit, self.per_host, self.force_close = limit, limit_per_host, force_close
        self.pool = make(
            limit=limit,
            limit_per_host=limit_per_host,
            keepalive_timeout=keepalive,
            force_close=force_close,
            shares=lambda key: key[0] in sharing,
        )

    # Checks what an event did to those who wait, and takes part in it.
    def after(self) -> None:
        served, self.pool.served = self.pool.served, []
        assert sorted(served, key=lambda w: w.number) == [
            waiter for waiter in self.queue if waiter.outcome is not None
        ]
        self.queue = [waiter for waiter in self.queue if waiter.outcome is None]
        alone: set[Conn] = set()
        for waiter in served:
            if self.shut:
                assert waiter.outcome == Closed()
                continue
            shared = False
            if isinstance(waiter.outcome, Grant):
                connection = waiter.outcome.connection
                assert connection.name == waiter.lane.key
                shared = connection in self.in_use or connection in alone
                alone.add(connection)
            self.check_order(waiter, shared=shared)
        for waiter in served:
            self.take(waiter.outcome)
        for connection in self.pool.closed:
            self.alive.pop(connection, None)

    def check_order(self, served: Waiter[str, Conn], *, shared: bool) -> None:
        """Nobody older may still wait for what this one was served with."""
        for waiter in self.queue:
            if waiter.number > served.number:
                continue
            assert waiter.lane is not served.lane
            if not shared and waiter.lane.scout is None:
                assert self.per_host
                assert group_of(waiter.lane.key) != group_of(served.lane.key)
                assert waiter.lane.group.slots == self.per_host

    def take(self, outcome: object) -> None:
        if isinstance(outcome, Grant):
            assert not (self.force_close and outcome.connection in self.in_use)
            self.in_use.append(outcome.connection)
            self.alive[outcome.connection] = None
        elif isinstance(outcome, Dial):
            self.dials.append(outcome.slot)

    @rule(key=st.sampled_from(["a1", "a2", "b1", "c1"]), loop=st.sampled_from("LLLLLM"))
    def acquire(self, key: str, loop: str) -> None:
        outcome = self.pool.acquire(key, loop)
        if self.shut:
            assert outcome == Closed()
        elif isinstance(outcome, Waiter):
            assert self.limit or self.per_host or outcome.lane.scout is not None
            self.queue.append(outcome)
        self.take(outcome)
        self.after()

    @rule(keys=st.lists(st.sampled_from(["a1", "a2", "b1", "c1"]), min_size=2, max_size=8))
    def rush(self, keys: list[str]) -> None:
        """Many ask at once, and those told to dial do: queues need contention."""
        for key in keys:
            self.acquire(key, "L")
            if self.dials and not self.shut:
                connection = Conn(self.dials[-1].lane.key)
                self.alive[connection] = None
                self.in_use.append(connection)
                self.pool.dialed(self.dials.pop(), connection)
                self.after()

    @precondition(lambda self: self.dials)
    @rule(
        data=st.data(),
        capacity=st.sampled_from([0, 1, 1, 1, 3]),
        wanted=st.booleans(),
        shares=st.booleans(),
        settled=st.booleans(),
    )
    def dial_succeeds(
        self, data: st.DataObject, capacity: int, *, wanted: bool, shares: bool, settled: bool
    ) -> None:
        slot = self.dials.pop(data.draw(st.integers(0, len(self.dials) - 1)))
        connection = Conn(slot.lane.key, capacity, shares=shares, settled=settled or not shares)
        self.alive[connection] = None
        if wanted:
            self.in_use.append(connection)
        self.pool.dialed(slot, connection, wanted=wanted)
        self.after()

    @precondition(lambda self: self.dials)
    @rule(data=st.data())
    def dial_fails(self, data: st.DataObject) -> None:
        slot = self.dials.pop(data.draw(st.integers(0, len(self.dials) - 1)))
        self.pool.carry_out(self.pool.state.dial_failed(slot, self.pool.now))
        self.after()

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def cancel_waiter(self, data: st.DataObject) -> None:
        waiter = self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1)))
        self.pool.carry_out(self.pool.state.cancel(waiter, self.pool.now))
        self.after()

    # A waiter that was cancelled after its grant does the same as one that has finished.
    @precondition(lambda self: self.in_use)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        connection = self.in_use.pop(data.draw(st.integers(0, len(self.in_use) - 1)))
        self.pool.release(connection)
        self.after()

    @precondition(lambda self: self.in_use)
    @rule(data=st.data())
    def ends_in_use(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from(self.in_use))
        self.in_use = [each for each in self.in_use if each is not connection]
        self.pool.end(connection)
        self.after()

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), capacity=st.sampled_from([0, 1, 2, 4]))
    def capacity_changes(self, data: st.DataObject, capacity: int) -> None:
        connection = data.draw(st.sampled_from(list(self.alive)))
        connection.capacity = capacity
        connection.settled = True
        self.pool.changed(connection)
        self.after()

    @precondition(lambda self: not self.shut and self.in_use)
    @rule(data=st.data())
    def found_dead(self, data: st.DataObject) -> None:
        """Only a connection that nobody else uses is probed."""
        connection = data.draw(st.sampled_from(self.in_use))
        if self.in_use.count(connection) > 1:
            return
        self.in_use.remove(connection)
        known = connection in self.alive
        outcome, todo = self.pool.state.unusable(connection, connection.name, "L", self.pool.now)
        self.pool.carry_out(todo, outcome)
        if isinstance(outcome, Waiter):
            assert not known
            self.queue.append(outcome)
        self.take(outcome)
        self.after()

    @rule(seconds=st.integers(1, 4))
    def time_passes(self, seconds: int) -> None:
        self.pool.now += seconds

    @precondition(lambda self: self.pool.state.waiting > 8)
    @rule()
    def close(self) -> None:
        idle, todo = self.pool.state.close()
        self.shut = True
        self.pool.carry_out(todo)
        self.pool.closed += idle
        assert len(set(self.pool.closed)) == len(self.pool.closed)
        self.after()

    @invariant()
    def counts_are_right(self) -> None:
        if not hasattr(self, "pool") or self.shut:
            return
        state = self.pool.state
        state.check_invariants()
        assert state.waiting == len(self.queue)
        assert state.dialing == len(self.dials)
        assert state.busy == len({c for c in self.in_use if c in self.alive})
        assert state.busy + state.idle == len(self.alive)

    def teardown(self) -> None:
        """When everybody gives back, nobody is left waiting."""
        if not hasattr(self, "pool") or self.shut:
            return
        while self.dials or self.in_use:
            if self.dials:
                slot = self.dials.pop()
                self.pool.carry_out(self.pool.state.dial_failed(slot, self.pool.now))
            else:
                self.pool.release(self.in_use.pop())
            self.after()
        assert not self.queue
        assert self.pool.counts()[1:] == (0, 0, 0)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_strict_order_in_a_long_queue() -> None:
    pool = make(limit=4)
    connections = [pool.dial() for _ in range(4)]
    waiters = [pool.wait() for _ in range(100)]
    for number in range(100):
        pool.release(connections[number % 4])
    assert pool.served == waiters


@pytest.mark.parametrize("limits", [{}, {"limit": 0, "limit_per_host": 0}])
def test_without_limits_nobody_waits(limits: dict[str, int]) -> None:
    pool = make(**limits)
    for _ in range(50):
        pool.dial()
    assert pool.counts() == (0, 50, 0, 0)
