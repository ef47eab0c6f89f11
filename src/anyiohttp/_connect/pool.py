"""The pool: waits for connections and makes them, as its state says.

Knows: tasks that wait, event loops, the life of an `HTTPConnection` between its exchanges.
Must not know: who is served first and why (`pool_state`), how a connection is made (`dialing`),
which HTTP version it speaks.
Called by: `connectors`, one `Pool` each.

`PoolState` decides; this shell does. Every step is synchronous but two: waiting for one's turn and
dialing. So `Pool.acquire` does not await at all when a connection is there, and giving one back is
a plain call: the connection's ``on_change``. There is no lock, because nothing can come between two
awaits of one event loop; no task, because each caller dials for itself; no timer, because idle
connections expire when somebody next passes by.

What a waiter got is set on the waiter in the moment in which it is woken. A waiter that was
cancelled, or ran out of time, in that same moment has it all the same, and passes it on before it
leaves. A connection's place is reserved when it is granted, not when the waiter runs.

The probe of a connection comes as late as possible, when its new user is running: a server closes
most idle connections between two requests.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, NamedTuple

import anyio

from .._net.call import Call, Observer
from .._net.deadlines import Phase, timeout_error
from .._net.streams import DeadlinePassed
from .._net.turns import make_turn
from .._protocol.base import Body, Exchange, HTTPConnection, RequestHead
from ..exceptions import ClientConnectionError
from .key import ConnectionKey
from .pool_records import Closed, Dial, Grant, Made, Slot, Todo, Waiter
from .pool_state import PoolState

__all__ = ("Closing", "DialFunction", "Lease", "Pool", "PoolOptions", "PoolStats")

#: Makes a connection. It leaves nothing behind when it fails or is cancelled.
DialFunction = Callable[[ConnectionKey, Call], Awaitable[HTTPConnection]]

_Slot = Slot[ConnectionKey, HTTPConnection]
_Todo = Todo[ConnectionKey, HTTPConnection]
_Waiter = Waiter[ConnectionKey, HTTPConnection]
_Outcome = Grant[HTTPConnection] | Dial[ConnectionKey, HTTPConnection] | Closed


class PoolOptions(NamedTuple):
    """How many connections there may be, and for how long (aiohttp's names; seconds).

    Args:
        limit: connections in all, being made, busy and idle; 0 for no limit.
        limit_per_host: the same for one host, port and TLS.
        keepalive_timeout: how long a connection may be idle; ``None`` for ever.
        force_close: whether a connection serves one request only.
    """

    limit: int = 100
    limit_per_host: int = 0
    keepalive_timeout: float | None = 15.0
    force_close: bool = False


class PoolStats(NamedTuple):
    """How many connections and calls are in which state.

    Args:
        idle: connections that carry nothing.
        busy: connections that carry an exchange.
        dialing: connections being made.
        waiting: calls in the queue.
    """

    idle: int
    busy: int
    dialing: int
    waiting: int


class Lease:
    """A place on a connection, reserved for one exchange.

    Once the exchange has begun, the place is the exchange's: the connection itself tells the pool
    when it is free again, and by then it may already be somebody else's.

    Attributes:
        connection: carries the exchange.
        reused: whether it came from the pool, and may therefore have been closed by the server.
    """

    __slots__ = ("_pool", "connection", "reused")

    def __init__(self, pool: Pool, connection: HTTPConnection, reused: bool) -> None:
        self._pool: Pool | None = pool
        self.connection = connection
        self.reused = reused

    def __repr__(self) -> str:
        return f"<Lease {'reused' if self.reused else 'new'} {self.connection!r}>"

    def exchange(self, head: RequestHead, body: Body, call: Call) -> Coroutine[Any, Any, Exchange]:
        """Send a request and wait for the response's head: see `HTTPConnection.exchange`.

        The lease is used up from here on, whatever comes of it.
        """
        self._pool = None
        return self.connection.exchange(head, body, call)

    def release(self) -> None:
        """Give the place back, if `exchange` was never called. Can be called twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.give_back(self.connection)


class Closing:
    """The rest of closing: all is closed already, but for goodbyes that take no waiting for peers.

    Awaiting it says them, within a bound. If nobody does, they go unsaid.

    Args:
        polite: connections that are still to be closed.
        bound: how long that may take, in seconds.
        afterwards: awaited at the end, if the connector has more to close.
    """

    def __init__(
        self,
        polite: list[HTTPConnection],
        bound: float,
        afterwards: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._polite = polite
        self._bound = bound
        self._afterwards = afterwards

    def __await__(self) -> Generator[Any, None, None]:
        return self._finish().__await__()

    def __del__(self) -> None:
        self._abort()

    async def _finish(self) -> None:
        try:
            with anyio.move_on_after(self._bound):
                while self._polite:
                    await self._polite[-1].aclose()
                    self._polite.pop()
        finally:
            self._abort()
        afterwards, self._afterwards = self._afterwards, None
        if afterwards is not None:
            await afterwards()

    def _abort(self) -> None:
        while self._polite:
            self._polite.pop().abort()


class Pool:
    """Connections, and the calls that wait for them.

    Args:
        options: the limits.
        clock: what time it is, in seconds.

    Any task may use it. It belongs to no event loop: connections made in one are never used in
    another. It is not for use from several threads at the same time.
    """

    def __init__(
        self, options: PoolOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._state: PoolState[ConnectionKey, HTTPConnection] = PoolState(
            _host_group,
            limit=options.limit,
            limit_per_host=options.limit_per_host,
            keepalive_timeout=options.keepalive_timeout,
            force_close=options.force_close,
            shares=_may_multiplex,
        )

    def __repr__(self) -> str:
        return f"<Pool {self}>"

    def __str__(self) -> str:
        stats = self.stats
        return (
            f"{'closed' if self.closed else 'open'} idle={stats.idle} busy={stats.busy} "
            f"dialing={stats.dialing} waiting={stats.waiting} limit={self._state.limit}"
        )

    @property
    def closed(self) -> bool:
        """Whether the pool was closed."""
        return self._state.closed

    @property
    def stats(self) -> PoolStats:
        """How many connections and calls are in which state."""
        state = self._state
        return PoolStats(state.idle, state.busy, state.dialing, state.waiting)

    # --- leasing ---

    def acquire_nowait(self, key: ConnectionKey, call: Call) -> Lease | None:
        """Return a place on a connection that is there, and about which nobody is to be told.

        ``None`` leaves it to `acquire`.
        """
        state = self._state
        slot = state.warm(key, call.loop, self._clock()) if call.observer is None else None
        if slot is None or slot.connection is None:
            return None
        connection = slot.connection
        if not connection.in_flight and not connection.usable():
            return None
        state.take(slot)
        connection.reserve()
        return Lease(self, connection, True)

    async def acquire(self, key: ConnectionKey, call: Call, dial: DialFunction) -> Lease:
        """Return a place on a connection of ``key``; awaits nothing if one is there.

        Args:
            key: which connections will do.
            call: its limits ``pool``, ``connect`` and ``total`` apply.
            dial: makes a connection; called in this task if one must be made.

        Raises:
            ClientConnectionError: the pool is closed, or was closed meanwhile.
            ConnectionTimeoutError: ``pool`` or ``connect`` ran out.
            ServerTimeoutError: ``total`` ran out.
            Exception: what ``dial`` raised.

        On any exception, cancellation included, what it held goes to the next at once.
        """
        call.start_connecting()
        loop = call.loop
        outcome, todo = self._state.acquire(key, loop, self._clock())
        self._carry_out(todo, outcome)
        while True:
            if isinstance(outcome, Waiter):
                outcome = await self._wait(outcome, call)
            if self._state.closed or isinstance(outcome, Closed):
                raise ClientConnectionError("Connector is closed")
            if isinstance(outcome, Dial):
                return await self._dial(outcome.slot, key, call, dial)
            connection = outcome.connection
            # One that others are using need not be probed: they would know.
            if connection.in_flight > 1 or connection.usable():
                lease = Lease(self, connection, True)
                if call.observer is not None:
                    await _notify(lease, call.observer, "connection_reuseconn")
                return lease
            outcome, todo = self._state.unusable(connection, key, loop, self._clock())
            self._carry_out(todo, outcome)

    def give_back(self, connection: HTTPConnection) -> None:
        """Take back a reserved place that was not used; the next waiter gets it at once."""
        connection.unreserve()
        self._changed(connection)

    async def _wait(self, waiter: _Waiter, call: Call) -> _Outcome:
        turn = make_turn(call.loop)
        waiter.turn = turn
        try:
            if call.observer is not None:
                await call.observer.notify("connection_queued_start")
            deadline, ran_out = call.next_deadline(Phase.POOL)
            try:
                await turn.wait_before(deadline)
            except DeadlinePassed:
                raise timeout_error(call, ran_out) from None
            if call.observer is not None:
                await call.observer.notify("connection_queued_end")
        except BaseException:
            self._abandon(waiter)
            raise
        assert waiter.outcome is not None
        return waiter.outcome

    def _abandon(self, waiter: _Waiter) -> None:
        """Pass on what a waiter got, or take it out of the queue."""
        if isinstance(waiter.outcome, Grant):
            self.give_back(waiter.outcome.connection)
        else:
            self._carry_out(self._state.cancel(waiter, self._clock()))

    async def _dial(self, slot: _Slot, key: ConnectionKey, call: Call, dial: DialFunction) -> Lease:
        try:
            if call.observer is not None:
                await call.observer.notify("connection_create_start")
            connection = await dial(key, call)
        except BaseException:
            self._carry_out(self._state.dial_failed(slot, self._clock()))
            raise
        connection.on_change = self._changed
        free = connection.capacity - connection.in_flight
        connection.reserve()
        made = Made(connection, free, connection.multiplexes, connection.settled)
        self._carry_out(self._state.dialed(slot, made, self._clock()))
        if self.closed:
            raise ClientConnectionError("Connector is closed")
        lease = Lease(self, connection, False)
        if call.observer is not None:
            await _notify(lease, call.observer, "connection_create_end")
        return lease

    # --- doing what the state says ---

    def _changed(self, connection: HTTPConnection) -> None:
        """Note what a connection can carry now; its ``on_change``."""
        taken = connection.in_flight
        free = connection.capacity - taken
        todo = self._state.changed(
            connection, free, taken, self._clock(), settled=connection.settled
        )
        if todo is not None:
            self._carry_out(todo)

    def _carry_out(self, todo: _Todo | None, outcome: _Outcome | _Waiter | None = None) -> None:
        """Do what is to be done, and reserve the place that the caller was granted."""
        if isinstance(outcome, Grant):
            outcome.connection.reserve()
        if todo is None:
            return
        # All places are reserved before anything is closed, which may call back.
        for waiter in todo.served:
            if isinstance(waiter.outcome, Grant):
                waiter.outcome.connection.reserve()
        for waiter in todo.served:
            assert waiter.turn is not None
            waiter.turn.set()
        for connection in todo.close:
            _abort(connection)

    # --- closing ---

    def close(
        self, grace: float = 0, afterwards: Callable[[], Awaitable[None]] | None = None
    ) -> Closing:
        """Close every connection, idle or busy, and tell everyone who waits. Can be called twice.

        All is done when this returns, but for the goodbyes of idle TLS connections if there is a
        ``grace``: those are said when the result is awaited.

        Args:
            grace: how long the goodbyes may take, in seconds.
            afterwards: awaited with the result.
        """
        idle, todo = self._state.close()
        polite = [connection for connection in idle if grace > 0 and _is_encrypted(connection)]
        for connection in idle:
            if connection not in polite:
                _abort(connection)
            else:
                connection.on_change = None
        self._carry_out(todo)
        return Closing(polite, grace, afterwards)

    def discard(self) -> None:
        """Close every connection without a word to anyone: nobody is left to hear it."""
        idle, todo = self._state.close()
        for connection in (*idle, *todo.close):
            _abort(connection)


def _host_group(key: ConnectionKey) -> tuple[str, int | None, bool]:
    return key.host_group


def _may_multiplex(key: ConnectionKey) -> bool:
    return key.may_multiplex


def _is_encrypted(connection: HTTPConnection) -> bool:
    return connection.stream.encrypted


def _abort(connection: HTTPConnection) -> None:
    connection.on_change = None
    connection.abort()


async def _notify(lease: Lease, observer: Observer, event: str) -> None:
    """Tell the observer of a lease that is not yet the caller's."""
    try:
        await observer.notify(event)
    except BaseException:
        lease.release()
        raise
