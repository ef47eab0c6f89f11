"""The pool's shell: waiting, dialing, cancellation, closing, on every backend."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from tests.connect.doubles import Dials

from anyiohttp._connect.key import ConnectionKey
from anyiohttp._connect.pool import Closing, Lease, Pool, PoolOptions, PoolStats
from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout
from anyiohttp._protocol.base import HTTPConnection, RequestHead
from anyiohttp._protocol.http1.connection import HTTP11Connection
from anyiohttp.exceptions import ClientConnectionError, ConnectionTimeoutError, ServerTimeoutError
from anyiohttp.testing.streams import MemoryStream, memory_stream_pair

pytestmark = pytest.mark.anyio

A, B = ConnectionKey("a.example", 80, False), ConnectionKey("b.example", 80, False)
FOREVER = ClientTimeout()


def call(**limits: float) -> Call:
    return Call("a.example:80", ClientTimeout(**limits))


def make(limit: int = 1, **options: Any) -> Pool:
    return Pool(PoolOptions(limit=limit, **options))


class Client:
    """Tasks that ask for connections, each in a scope of its own, and what they got."""

    def __init__(self, pool: Pool, dial: Dials, tasks: anyio.abc.TaskGroup) -> None:
        self.pool = pool
        self.dial = dial
        self.order: list[str] = []
        self.leases: dict[str, Lease] = {}
        self.errors: dict[str, Exception] = {}
        self.scopes: dict[str, anyio.CancelScope] = {}
        self._tasks = tasks

    async def ask(self, name: str, key: ConnectionKey = A, **limits: float) -> None:
        """Have a task ask, and let it get as far as it can."""
        self._tasks.start_soon(self._ask, name, key, call(**limits))
        await wait_all_tasks_blocked()

    async def _ask(self, name: str, key: ConnectionKey, of: Call) -> None:
        with anyio.CancelScope() as self.scopes[name]:
            try:
                lease = await self.pool.acquire(key, of, self.dial)
            except Exception as exc:
                self.errors[name] = exc
                return
            try:
                # On asyncio, anyio lets a wait that is over return, and cancels the next one.
                await checkpoint()
            except BaseException:
                lease.release()
                raise
            self.leases[name] = lease
            self.order.append(name)


# --- the fast path ---


async def test_nothing_is_awaited_when_a_connection_is_there() -> None:
    pool, dial = make(), Dials()
    (await pool.acquire(A, call(), dial)).release()
    with pytest.raises(StopIteration) as result:
        pool.acquire(A, call(), dial).send(None)
    lease = result.value.value
    assert lease.reused
    assert lease.connection is dial.made[0]
    assert lease.connection.in_flight == 1
    assert dial.made[0].probes == 1
    lease.release()
    lease.release()
    assert pool.stats == PoolStats(1, 0, 0, 0)


async def test_a_new_connection_is_not_probed() -> None:
    pool, dial = make(), Dials()
    lease = await pool.acquire(A, call(), dial)
    assert not lease.reused
    assert dial.made[0].probes == 0
    assert pool.stats == PoolStats(0, 1, 0, 0)


async def test_dead_connections_are_dropped_and_the_next_taken() -> None:
    pool, dial = make(limit=3), Dials()
    leases = [await pool.acquire(A, call(), dial) for _ in range(3)]
    for lease in leases:
        lease.release()
    first, second, third = dial.made
    second.dead = third.dead = True
    lease = await pool.acquire(A, call(), dial)
    assert lease.connection is first
    assert [each.aborted for each in dial.made] == [False, True, True]
    assert pool.stats == PoolStats(0, 1, 0, 0)
    lease.release()
    first.dead = True
    lease = await pool.acquire(A, call(), dial)
    assert not lease.reused
    assert lease.connection is dial.made[3]


async def test_a_dead_connection_does_not_cost_a_waiter_its_turn() -> None:
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("holder")
        await client.ask("first")
        await client.ask("second")
        dial.made[0].dead = True
        client.leases["holder"].release()
        await wait_all_tasks_blocked()
        assert client.order == ["holder", "first"]
        assert not client.leases["first"].reused
        assert dial.made[0].aborted
        client.leases["first"].release()
    assert client.order == ["holder", "first", "second"]


async def test_a_shared_connection_is_not_probed() -> None:
    pool, dial = make(), Dials(places=3)
    leases = [await pool.acquire(A, call(), dial) for _ in range(3)]
    assert len(dial.made) == 1
    assert dial.made[0].probes == 0
    for lease in leases:
        lease.release()
    assert pool.stats == PoolStats(1, 0, 0, 0)


async def test_a_dial_serves_those_who_wait_for_its_key() -> None:
    pool, dial = make(), Dials(places=2)
    dial.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        for name in ("dials", "waits", "waits longer"):
            await client.ask(name)
        assert pool.stats == PoolStats(0, 0, 1, 2)
        dial.gate.set()
        await wait_all_tasks_blocked()
        assert sorted(client.order) == ["dials", "waits"]
        dial.made[0].finish()
    assert client.order[-1] == "waits longer"
    assert len(dial.made) == 1


# --- waiting and cancellation ---


async def test_waiters_are_served_in_order_and_not_overtaken() -> None:
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        for name in ("holder", "1", "2"):
            await client.ask(name)
        client.leases["holder"].release()  # "1" is told, but has not run yet
        await client.ask("newcomer")
        for name in ("1", "2", "newcomer"):
            client.leases[name].release()
            await wait_all_tasks_blocked()
    assert client.order == ["holder", "1", "2", "newcomer"]


async def test_no_lost_wake_up() -> None:
    """The first of two waiters is cancelled in the tick in which it was told."""
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        for name in ("holder", "first", "second"):
            await client.ask(name)
        client.leases["holder"].release()
        client.scopes["first"].cancel()
        await wait_all_tasks_blocked()
        assert client.order == ["holder", "second"]
        assert len(dial.made) == 1
        client.leases["second"].release()
    assert pool.stats == PoolStats(1, 0, 0, 0)


async def test_a_cancelled_waiter_that_was_to_dial_passes_its_slot_on() -> None:
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("holder", A)
        await client.ask("first", B)
        await client.ask("second", B)
        client.leases["holder"].release()
        client.scopes["first"].cancel()
        await wait_all_tasks_blocked()
        assert client.order == ["holder", "second"]
        assert dial.made[0].aborted
        assert len(dial.made) == 2
    assert pool.stats == PoolStats(0, 1, 0, 0)


async def test_a_pool_of_four_survives_cancelled_waiters() -> None:
    pool, dial = make(limit=4), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        names = [str(number) for number in range(12)]
        for name in names:
            await client.ask(name)
        assert pool.stats == PoolStats(0, 4, 0, 8)
        for name in names[4:8]:  # while they wait
            client.scopes[name].cancel()
        for name in names[:4]:
            client.leases[name].release()
        for name in names[8:]:  # when they were just told
            client.scopes[name].cancel()
        await wait_all_tasks_blocked()
        assert pool.stats == PoolStats(4, 0, 0, 0)
        for name in (f"later {number}" for number in range(8)):
            await client.ask(name)
            client.leases[name].release()
    assert len(client.order) == 12
    assert pool.stats == PoolStats(4, 0, 0, 0)


async def test_a_cancelled_dial_frees_its_slot_at_once() -> None:
    pool, dial = make(), Dials()
    dial.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("dials")
        await client.ask("waits")
        assert dial.under_way == 1
        client.scopes["dials"].cancel()
        await wait_all_tasks_blocked()
        assert pool.stats == PoolStats(0, 0, 1, 0)  # "waits" dials now
        dial.gate.set()
    assert client.order == ["waits"]
    assert pool.stats == PoolStats(0, 1, 0, 0)


async def test_a_failed_dial_frees_its_slot() -> None:
    pool, dial = make(), Dials()
    dial.error = ValueError("no such host")
    for _ in range(3):
        with pytest.raises(ValueError, match="no such host"):
            await pool.acquire(A, call(), dial)
    assert pool.stats == PoolStats(0, 0, 0, 0)


async def test_move_on_after_leaves_nothing_behind() -> None:
    pool, dial = make(), Dials()
    lease = await pool.acquire(A, call(), dial)
    with anyio.move_on_after(0.001) as scope:
        await pool.acquire(A, call(), dial)
    assert scope.cancelled_caught
    await checkpoint()
    assert pool.stats == PoolStats(0, 1, 0, 0)
    lease.release()


@pytest.mark.parametrize(
    ("limits", "phase", "kind"),
    [
        ({"pool": 0.001}, "pool", ConnectionTimeoutError),
        ({"connect": 0.001}, "connect", ConnectionTimeoutError),
        ({"total": 0.001}, "total", ServerTimeoutError),
    ],
)
async def test_waiting_has_its_limits(
    limits: dict[str, float], phase: str, kind: type[ServerTimeoutError]
) -> None:
    pool, dial = make(), Dials()
    lease = await pool.acquire(A, call(), dial)
    with pytest.raises(kind) as caught:
        await pool.acquire(A, call(**limits), dial)
    assert caught.value.phase == phase
    assert caught.value.host == "a.example:80"
    assert pool.stats == PoolStats(0, 1, 0, 0)
    lease.release()


async def test_a_limit_per_host_holds_up_no_other_host() -> None:
    pool, dial = make(limit=0, limit_per_host=1), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("a", A)
        await client.ask("a waits", A)
        await client.ask("b", B)
        assert client.order == ["a", "b"]
        client.leases["a"].release()
    assert client.order == ["a", "b", "a waits"]


# --- what becomes of leases and connections ---


async def test_a_lease_whose_exchange_was_begun_is_used_up() -> None:
    """By the time it fails, its place may be somebody else's."""
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        for name in ("holder", "first", "second"):
            await client.ask(name)
        lease = client.leases["holder"]
        with pytest.raises(ConnectionError, match="the exchange failed"):
            await lease.exchange(RequestHead("GET", "http", "a", "/"), None, call())
        lease.release()
        await wait_all_tasks_blocked()
        assert client.order == ["holder", "first"]
        client.leases["first"].release()
    assert client.order == ["holder", "first", "second"]


async def test_a_connection_that_ends_makes_room() -> None:
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("holder")
        await client.ask("waits")
        dial.made[0].abort()  # still counts: its exchange has not ended
        assert pool.stats == PoolStats(0, 1, 0, 1)
        dial.made[0].finish()
        await wait_all_tasks_blocked()
    assert client.order == ["holder", "waits"]
    assert len(dial.made) == 2


async def test_idle_connections_expire_by_the_clock() -> None:
    now = 0.0
    pool, dial = Pool(PoolOptions(keepalive_timeout=15), clock=lambda: now), Dials()
    (await pool.acquire(A, call(), dial)).release()
    now = 14.0
    (await pool.acquire(A, call(), dial)).release()
    now = 29.0
    assert not (await pool.acquire(A, call(), dial)).reused
    assert dial.made[0].aborted


async def test_force_close() -> None:
    pool, dial = make(force_close=True, keepalive_timeout=None), Dials()
    for _ in range(3):
        (await pool.acquire(A, call(), dial)).release()
    assert len(dial.made) == 3
    assert all(connection.aborted for connection in dial.made)
    assert pool.stats == PoolStats(0, 0, 0, 0)


class Server:
    """Answers on the other end of real connections in memory."""

    def __init__(self) -> None:
        self.ends: list[MemoryStream] = []

    async def dial(self, key: ConnectionKey, of: Call) -> HTTPConnection:
        client, server = memory_stream_pair()
        self.ends.append(server)
        return HTTP11Connection(client)

    async def get(self, pool: Pool, answer: bytes) -> Lease:
        """Ask once and be answered; return the lease that was used."""
        lease = await pool.acquire(A, call(), self.dial)
        await self.ends[-1].send(answer)
        exchange = await lease.exchange(RequestHead("GET", "http", "a", "/"), None, call())
        while await exchange.receive():
            pass
        return lease


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_http11_reuses_until_the_server_closes() -> None:
    pool, server = make(), Server()
    leases = [await server.get(pool, OK) for _ in range(2)]
    assert [lease.reused for lease in leases] == [False, True]
    assert pool.stats == PoolStats(1, 0, 0, 0)
    server.ends[0].end()
    assert not (await server.get(pool, OK)).reused
    assert (await server.get(pool, OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))).reused
    assert pool.stats == PoolStats(0, 0, 0, 0)
    await pool.close()


async def test_http11_with_bytes_nobody_asked_for_is_not_reused() -> None:
    pool, server = make(), Server()
    await server.get(pool, OK)
    await server.ends[0].send(OK)
    assert not (await server.get(pool, OK)).reused
    await pool.close()


async def test_http11_upgraded_counts_until_its_stream_is_closed() -> None:
    pool, server = make(), Server()
    lease = await pool.acquire(A, call(), server.dial)
    await server.ends[0].send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
    head = RequestHead("GET", "http", "a", "/", [("Upgrade", "x")], upgrade=True)
    stream = (await lease.exchange(head, None, call())).upgrade()
    assert pool.stats == PoolStats(0, 1, 0, 0)
    await stream.aclose()
    assert pool.stats == PoolStats(0, 0, 0, 0)


# --- closing ---


async def test_close_is_done_when_it_returns() -> None:
    pool, dial = make(limit=3), Dials(encrypted=True)
    idle, busy = [await pool.acquire(A, call(), dial) for _ in range(2)]
    idle.release()
    closing = pool.close()
    assert all(connection.aborted for connection in dial.made)
    assert not any(connection.said_goodbye for connection in dial.made)
    assert pool.closed
    assert pool.stats == PoolStats(0, 0, 0, 0)
    await closing
    await closing
    await pool.close()
    busy.release()
    with pytest.raises(ClientConnectionError, match="Connector is closed"):
        await pool.acquire(A, call(), dial)


async def test_close_wakes_those_who_wait() -> None:
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        for name in ("holder", "1", "2"):
            await client.ask(name)
        pool.close()
    assert set(client.errors) == {"1", "2"}
    for error in client.errors.values():
        assert type(error) is ClientConnectionError
        assert str(error) == "Connector is closed"


async def test_close_between_a_grant_and_its_waiter() -> None:
    pool, dial = make(), Dials()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("holder")
        await client.ask("waits")
        client.leases["holder"].release()
        pool.close()
    assert str(client.errors["waits"]) == "Connector is closed"
    assert dial.made[0].aborted


async def test_close_while_dialing() -> None:
    pool, dial = make(limit=2), Dials()
    dial.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        client = Client(pool, dial, tasks)
        await client.ask("succeeds")
        await client.ask("cancelled")
        pool.close()
        client.scopes["cancelled"].cancel()
        await wait_all_tasks_blocked()
        dial.gate.set()
    assert str(client.errors["succeeds"]) == "Connector is closed"
    assert [connection.aborted for connection in dial.made] == [True]
    assert pool.stats == PoolStats(0, 0, 0, 0)


async def test_idle_tls_connections_say_goodbye_if_there_is_time() -> None:
    pool, dial = make(limit=2), Dials(encrypted=True)
    idle, busy = [await pool.acquire(A, call(), dial) for _ in range(2)]
    idle.release()
    closing = pool.close(grace=5)
    assert busy.connection.capacity == 0
    assert not dial.made[0].aborted
    await closing
    assert [connection.said_goodbye for connection in dial.made] == [True, False]


async def test_idle_plain_connections_say_nothing() -> None:
    pool, dial = make(), Dials()
    (await pool.acquire(A, call(), dial)).release()
    pool.close(grace=5)
    assert dial.made[0].aborted


async def test_goodbyes_are_bounded() -> None:
    pool, dial = make(limit=2), Dials(encrypted=True, stuck=True)
    for lease in [await pool.acquire(A, call(), dial) for _ in range(2)]:
        lease.release()
    await pool.close(grace=0.001)
    assert [connection.aborted for connection in dial.made] == [True, True]


async def test_a_cancelled_close_aborts_the_rest() -> None:
    pool, dial = make(), Dials(encrypted=True, stuck=True)
    (await pool.acquire(A, call(), dial)).release()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await pool.close(grace=5)
    assert dial.made[0].aborted


async def test_a_close_that_nobody_awaits_aborts_the_rest() -> None:
    pool, dial = make(), Dials(encrypted=True)
    (await pool.acquire(A, call(), dial)).release()
    pool.close(grace=5)
    gc.collect()
    assert dial.made[0].aborted


async def test_closing_goes_on_to_what_else_there_is_once() -> None:
    calls: list[str] = []

    async def afterwards() -> None:
        calls.append("closed")

    closing = Closing([], 0, afterwards)
    await closing
    await closing
    assert calls == ["closed"]


async def test_discard_tells_nobody() -> None:
    pool, dial = make(limit=2), Dials()
    idle, _busy = [await pool.acquire(A, call(), dial) for _ in range(2)]
    idle.release()
    pool.discard()
    assert all(connection.aborted for connection in dial.made)


# --- observers ---


class Notes:
    """Notes what it is told; fails, or cancels, at one event."""

    def __init__(self, fail_at: str | None = None) -> None:
        self.events: list[str] = []
        self._fail_at = fail_at

    async def notify(self, event: str, /, **details: object) -> None:
        await checkpoint()
        self.events.append(event)
        if event == self._fail_at:
            raise ValueError(event)


def observed(notes: Notes) -> Call:
    return Call("a.example:80", FOREVER, notes)


async def test_observers_are_told() -> None:
    pool, dial, notes = make(), Dials(), Notes()
    lease = await pool.acquire(A, observed(notes), dial)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.acquire, A, observed(notes), dial)
        await wait_all_tasks_blocked()
        lease.release()
    assert notes.events == [
        "connection_create_start",
        "connection_create_end",
        "connection_queued_start",
        "connection_queued_end",
        "connection_reuseconn",
    ]


@pytest.mark.parametrize("event", ["connection_create_start", "connection_create_end"])
async def test_an_observer_that_fails_when_one_dials(event: str) -> None:
    pool, dial = make(), Dials()
    with pytest.raises(ValueError, match=event):
        await pool.acquire(A, observed(Notes(event)), dial)
    assert (pool.stats.busy, pool.stats.dialing) == (0, 0)


@pytest.mark.parametrize(
    "event", ["connection_queued_start", "connection_queued_end", "connection_reuseconn"]
)
async def test_an_observer_that_fails_when_one_waits(event: str) -> None:
    pool, dial = make(), Dials()
    lease = await pool.acquire(A, call(), dial)
    errors: list[Exception] = []

    async def ask() -> None:
        with pytest.raises(ValueError, match=event) as caught:
            await pool.acquire(A, observed(Notes(event)), dial)
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await wait_all_tasks_blocked()
        lease.release()
    assert len(errors) == 1
    assert pool.stats == PoolStats(1, 0, 0, 0)


async def test_repr_tells_the_state() -> None:
    pool, dial = make(limit=7), Dials()
    lease = await pool.acquire(A, call(), dial)
    assert repr(pool) == "<Pool open idle=0 busy=1 dialing=0 waiting=0 limit=7>"
    assert repr(lease).startswith("<Lease new <")
    lease.release()
    assert repr(await pool.acquire(A, call(), dial)).startswith("<Lease reused <")
    pool.close()
    assert repr(pool) == "<Pool closed idle=0 busy=0 dialing=0 waiting=0 limit=7>"


def test_connections_are_never_used_from_another_event_loop() -> None:
    pool, dial = make(limit=2), Dials()
    reused: list[bool] = []

    async def use() -> None:
        for _ in range(2):
            lease = await pool.acquire(A, call(), dial)
            reused.append(lease.reused)
            lease.release()

    for backend in ("asyncio", "asyncio", "trio"):
        anyio.run(use, backend=backend)
    assert reused == [False, True] * 3
    assert [connection.aborted for connection in dial.made] == [True, True, False]


def test_no_lost_wake_up_with_asyncios_own_cancellation() -> None:
    """`asyncio.Task.cancel` reaches a task whose wait is over already."""
    pool, dial = make(), Dials()

    async def main() -> None:
        lease = await pool.acquire(A, call(), dial)
        first, second = [asyncio.create_task(pool.acquire(A, call(), dial)) for _ in range(2)]
        await wait_all_tasks_blocked()
        assert pool.stats.waiting == 2
        lease.release()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        (await second).release()

    anyio.run(main)
    assert pool.stats == PoolStats(1, 0, 0, 0)
    assert len(dial.made) == 1
