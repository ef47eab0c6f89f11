"""Nothing left behind: sockets, streams, slots, tasks, generators, warnings.

Knows: where each of these can be seen from outside.
Must not know: how they are used.
Called by: tests, round what they test.
"""

from __future__ import annotations

import gc
import inspect
import os
import socket
import sys
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.lowlevel import checkpoint

from .._client.session import ClientSession
from .._connect.connectors import BaseConnector
from .network import MemoryNetwork, networks
from .streams import MemoryStream

__all__ = ("Leaked", "assert_no_leaks", "describe_socket", "open_sockets")

#: A socket of this process: its descriptor and inode.
_Socket = tuple[int, str]
#: One, or the client's end of a connection in memory.
_Open = _Socket | MemoryStream
_Generator = AsyncGenerator[Any, Any]


class Leaked(AssertionError):
    """Something was left behind; ``leaks`` lists what, in words."""

    def __init__(self, leaks: list[str]) -> None:
        super().__init__("left behind:\n" + "\n".join(f"  {leak}" for leak in leaks))
        self.leaks = leaks


class assert_no_leaks:  # noqa: N801 - it reads as a function
    """Check that a block leaves nothing behind; an asynchronous context manager.

    What it looks at, all of it as a difference to the moment in which the block was entered:

    * sockets of this process (where ``/proc`` exists), and clients' ends of a `MemoryNetwork`;
    * tasks of this event loop;
    * asynchronous generators that were begun and not finished;
    * ``ResourceWarning`` of what the garbage collector finds;
    * of the sessions and connectors given: that no connection is busy or being made, and no call
      is waiting. Their idle connections may stay, open or not; with none given, none may.

    What needs a few turns of the event loop to end, such as a peer that was told of an end, gets
    them. The check is skipped if the block raises. ::

        async with assert_no_leaks():
            async with ClientSession() as session:
                ...

    Args:
        *watched: sessions, connectors and networks that live longer than the block.
        collect: whether to collect garbage, before and after: it takes milliseconds. Without, a
            ``ResourceWarning`` of what is in a reference cycle is not seen.
        patience: how long, in seconds, to wait for something to go that has not gone yet.

    Raises:
        Leaked: on leaving the block; the message lists what was left.
    """

    def __init__(
        self,
        *watched: ClientSession | BaseConnector | MemoryNetwork,
        collect: bool = True,
        patience: float = 1.0,
    ) -> None:
        self._collect = collect
        self._patience = patience
        self._networks = [item for item in watched if isinstance(item, MemoryNetwork)]
        self._connectors = [found for item in watched if (found := _connector_of(item))]
        self._tasks: set[tuple[int, str | None]] = set()
        self._old_networks: list[weakref.ref[MemoryNetwork]] = []
        self._open: set[_Open] = set()
        self._idle = 0
        self._generators = _GeneratorWatch()

    async def __aenter__(self) -> Self:
        if self._collect:
            gc.collect()
        self._tasks = {(task.id, task.name) for task in anyio.get_running_tasks()}
        self._old_networks = [weakref.ref(network) for network in networks]
        self._open = self._open_now()
        self._idle = self._idle_now()
        self._generators.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                await self.check()
        finally:
            self._generators.stop()

    async def check(self) -> None:
        """Check now, inside the block; may be called again and again.

        Raises:
            Leaked: something was left behind.
        """
        warned = _collect_garbage() if self._collect else []
        deadline = anyio.current_time() + self._patience
        turns = 0
        while found := self._leaks():
            if turns < _TURNS:
                await checkpoint()
            elif anyio.current_time() < deadline:
                await anyio.sleep(0.01)
            else:
                break
            turns += 1
        if found or warned:
            raise Leaked(found + warned)

    def _leaks(self) -> list[str]:
        return [
            *self._slots(),
            *self._connections(),
            *self._left_tasks(),
            *self._generators.left(),
        ]

    def _slots(self) -> list[str]:
        found = []
        for connector in self._connectors:
            stats = connector.stats
            if stats.busy or stats.dialing or stats.waiting:
                found.append(f"places of a connector: {connector!r}")
            elif connector.closed and stats.idle:
                found.append(f"connections of a closed connector: {connector!r}")
        return found

    def _connections(self) -> list[str]:
        """Return what was opened and is open, unless there are as many new idle connections."""
        now = self._open_now()
        closed_since = len(self._open - now)
        still_idle = max(0, self._idle - closed_since)
        new = now - self._open
        if len(new) <= self._idle_now() - still_idle:
            return []
        return [_described(item) for item in new]

    def _open_now(self) -> set[_Open]:
        """Return the sockets, and the clients' ends in networks that are watched or new."""
        old = {network for ref in self._old_networks if (network := ref()) is not None}
        watched = {*self._networks, *(network for network in networks if network not in old)}
        return open_sockets() | {end for network in watched for end in network.open_streams}

    def _idle_now(self) -> int:
        return sum(connector.stats.idle for connector in self._connectors)

    def _left_tasks(self) -> list[str]:
        # A peer's task goes with its connection, which is looked at by itself.
        peers = {task for network in networks for task in network.peer_tasks}
        running = anyio.get_running_tasks()
        parents = {task.id: task.parent_id for task in running}

        def belongs_to_peer(task: int | None) -> bool:
            return task is not None and (task in peers or belongs_to_peer(parents.get(task)))

        return [
            f"a task: {task!r}"
            for task in running
            if (task.id, task.name) not in self._tasks and not belongs_to_peer(task.id)
        ]


#: So many turns of the event loop go by before time is waited for.
_TURNS = 50


class _GeneratorWatch:
    """Notes the asynchronous generators that are begun."""

    def __init__(self) -> None:
        self._begun: weakref.WeakSet[_Generator] = weakref.WeakSet()
        self._abandoned: list[str] = []
        self._before = sys.get_asyncgen_hooks()
        self._first: Callable[[_Generator], None] = self._on_first
        self._last: Callable[[_Generator], None] = self._on_last

    def start(self) -> None:
        self._before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._first, self._last)

    def stop(self) -> None:
        if sys.get_asyncgen_hooks().firstiter is self._first:
            sys.set_asyncgen_hooks(*self._before)

    def left(self) -> list[str]:
        begun = [
            f"an asynchronous generator that is not finished: {generator!r}"
            for generator in list(self._begun)
            if inspect.isasyncgen(generator) and generator.ag_frame is not None
        ]
        return begun + self._abandoned

    def _on_first(self, generator: _Generator) -> None:
        self._begun.add(generator)
        if self._before.firstiter is not None:
            self._before.firstiter(generator)

    def _on_last(self, generator: _Generator) -> None:
        self._abandoned.append(f"an asynchronous generator that was abandoned: {generator!r}")
        if self._before.finalizer is not None:
            self._before.finalizer(generator)


def _connector_of(item: ClientSession | BaseConnector | MemoryNetwork) -> BaseConnector | None:
    if isinstance(item, ClientSession):
        return item.connector
    return item if isinstance(item, BaseConnector) else None


def _collect_garbage() -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    return [f"found as garbage: {warning.message}" for warning in caught]


def open_sockets() -> set[_Socket]:
    """Return the sockets of this process; none where /proc is missing."""
    found: set[_Socket] = set()
    try:
        descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 - fast
    except OSError:
        return found
    for descriptor in descriptors:
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - fast
        except OSError:
            continue  # the descriptor of the listing itself
        if target.startswith("socket:"):
            found.add((int(descriptor), target))
    return found


def _described(item: _Open) -> str:
    if isinstance(item, MemoryStream):
        return f"a connection in memory: {item!r}"
    return f"a socket: {describe_socket(item)}"


def describe_socket(item: _Socket) -> str:
    """Say which connection a socket is, or was."""
    descriptor, inode = item
    try:
        sock = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return inode
    with sock:
        try:
            peer = repr(sock.getpeername())
        except OSError:
            peer = "nobody"
        return f"{sock.getsockname()!r} connected to {peer}"
