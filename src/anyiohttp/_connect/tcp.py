"""A TCP connection to the first of several addresses that answers.

Knows: non-blocking sockets, happy eyeballs (RFC 8305), socket options.
Must not know: host names, TLS, HTTP.
Called by: `dialing`.

An attempt connects its socket itself instead of leaving that to anyio, whose ``connect_tcp`` takes
neither a resolver's answers nor a socket factory. Attempts run in a task group inside the call:
none outlives it, and each closes its own socket, synchronously, unless that is the winner.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from .._net.sockets import open_stream
from .._net.streams import NetworkStream
from ..abc import ResolveResult
from ..typedefs import AddrInfoType, SocketFactoryType

__all__ = (
    "Connect",
    "TCPOptions",
    "connect_socket",
    "interleaved",
    "open_tcp",
)

#: Opens a stream to one address; raises ``OSError``, and leaves nothing behind if it is cancelled.
Connect = Callable[[ResolveResult], Awaitable[NetworkStream]]

#: What a non-blocking connect says while it is under way.
_UNDER_WAY = frozenset(
    number
    for name in ("EINPROGRESS", "EINTR", "EALREADY", "WSAEWOULDBLOCK", "WSAEINPROGRESS")
    if (number := getattr(errno, name, None)) is not None
)

#: What it says of a connection that is there.
_DONE = frozenset(
    number
    for name in ("EISCONN", "WSAEISCONN")
    if (number := getattr(errno, name, None)) is not None
) | {0}


class TCPOptions(NamedTuple):
    """How TCP connections are made (aiohttp's names; times in seconds).

    Args:
        local_addr: host and port to connect from.
        happy_eyeballs_delay: how long an attempt has before the next address is tried beside it;
            ``None`` tries one after the other (RFC 8305).
        interleave: how many addresses of the first family come before one of another; ``None``
            means 1 with a delay, 0 (the resolver's order) without.
        socket_factory: makes the sockets, from an entry of ``getaddrinfo``.
        connect: opens a stream to one address; a socket's by default. What a network in memory
            replaces (`anyiohttp.testing`): everything above it stays as it is.
    """

    local_addr: tuple[str, int] | None = None
    happy_eyeballs_delay: float | None = 0.25
    interleave: int | None = None
    socket_factory: SocketFactoryType | None = None
    connect: Connect | None = None


async def open_tcp(addresses: Sequence[ResolveResult], options: TCPOptions) -> NetworkStream:
    """Connect to the first of ``addresses`` that answers.

    Args:
        addresses: where to, best first; at least one.
        options: in which order, how far apart, from where.

    Raises:
        OSError: none answered; the message names every attempt.

    A cancelled call leaves no stream open.
    """
    if not addresses:
        raise OSError(errno.EADDRNOTAVAIL, "there is no address to connect to")
    delay = options.happy_eyeballs_delay
    if len(addresses) == 1:
        try:
            return await _connected(addresses[0], options)
        except OSError as exc:
            raise _all_failed(addresses, {0: exc}) from exc
    first_count = options.interleave
    if first_count is None:
        first_count = 0 if delay is None else 1
    race = _Race(interleaved(addresses, first_count), options)
    return await race.run()


def interleaved(addresses: Sequence[ResolveResult], first_count: int) -> list[ResolveResult]:
    """Return the addresses so that families take turns (RFC 8305 4).

    Args:
        addresses: best first.
        first_count: how many of the first family come first; 0 leaves the order alone.
    """
    if not first_count:
        return list(addresses)
    families: dict[int, list[ResolveResult]] = {}
    for address in addresses:
        families.setdefault(address["family"], []).append(address)
    queues = list(families.values())
    ordered, queues[0] = queues[0][: first_count - 1], queues[0][first_count - 1 :]
    for place in range(max(map(len, queues))):
        ordered += [queue[place] for queue in queues if place < len(queue)]
    return ordered


class _Race:
    """Attempts at several addresses, of which one wins."""

    def __init__(self, addresses: list[ResolveResult], options: TCPOptions) -> None:
        self._addresses = addresses
        self._options = options
        self._winner: NetworkStream | None = None
        self._failures: dict[int, OSError] = {}  # by the address's place
        self._mistake: Exception | None = None
        self._news = anyio.Event()

    async def run(self) -> NetworkStream:
        """Return the winner.

        Raises:
            OSError: all attempts failed.
        """
        delay = self._options.happy_eyeballs_delay
        try:
            if delay is None:
                await self._one_by_one()
            else:
                async with anyio.create_task_group() as tasks:
                    await self._staggered(tasks, delay)
        except BaseException:
            # The winner may have come in just before a cancellation.
            if self._winner is not None:
                self._winner.abort()
            raise
        if self._winner is not None:
            return self._winner
        if self._mistake is not None:
            raise self._mistake
        error = _all_failed(self._addresses, self._failures)
        raise error from self._failures[len(self._addresses) - 1]

    @property
    def _over(self) -> bool:
        return self._winner is not None or self._mistake is not None

    async def _one_by_one(self) -> None:
        for place in range(len(self._addresses)):
            await self._attempt(place)
            if self._over:
                return

    async def _staggered(self, tasks: TaskGroup, delay: float) -> None:
        for place in range(len(self._addresses)):
            self._news = anyio.Event()
            tasks.start_soon(self._attempt, place, tasks)
            with anyio.move_on_after(delay):
                await self._news.wait()
            if self._over:
                return

    async def _attempt(self, place: int, tasks: TaskGroup | None = None) -> None:
        try:
            stream = await _connected(self._addresses[place], self._options)
        except OSError as exc:
            self._failures[place] = exc
        except Exception as exc:
            self._mistake = exc
        else:
            if self._winner is None:
                self._winner = stream
            else:
                stream.abort()
        self._news.set()
        if self._over and tasks is not None:
            tasks.cancel_scope.cancel()


def _all_failed(addresses: Sequence[ResolveResult], failures: dict[int, OSError]) -> OSError:
    """Make one error of all: the words of each, the number of the last, as in aiohttp.

    The first address is often one of IPv6 on a machine that has none, which is no news.
    """
    words = []
    for place, exc in sorted(failures.items()):
        address = addresses[place]
        host = f"[{address['host']}]" if ":" in address["host"] else address["host"]
        words.append(f"{host}:{address['port']}: {exc.strerror or exc}")
    return OSError(failures[len(addresses) - 1].errno, "; ".join(words))


async def _connected(address: ResolveResult, options: TCPOptions) -> NetworkStream:
    if options.connect is not None:
        return await options.connect(address)
    return await open_stream(await connect_socket(address, options))


async def connect_socket(address: ResolveResult, options: TCPOptions) -> socket.socket:
    """Return a non-blocking socket connected to one address.

    Raises:
        OSError: it could not be connected.

    A cancelled call closes the socket.
    """
    info = _addr_info(address)
    make = options.socket_factory or _make_socket
    sock = make(info)
    try:
        sock.setblocking(False)
        if options.local_addr is not None:
            _bind(sock, info[0], options.local_addr)
        code = sock.connect_ex(info[4])
        if code in _UNDER_WAY:
            # A peer on this machine has answered by now, which takes no turn of the event loop.
            code = sock.connect_ex(info[4])
            if code in _UNDER_WAY:
                await anyio.wait_writable(sock)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code not in _DONE:
            raise OSError(code, os.strerror(code))
        own = sock.getsockname()
        if own[1:2] == info[4][1:2] and own == sock.getpeername():
            # A port of our own range that nobody listened on: TCP connected us to ourselves.
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        _tune(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _make_socket(info: AddrInfoType) -> socket.socket:
    return socket.socket(info[0], info[1], info[2])


def _bind(sock: socket.socket, family: int, local_addr: tuple[str, int]) -> None:
    local_family = socket.AF_INET6 if ":" in local_addr[0] else socket.AF_INET
    if local_family != family:
        raise OSError(errno.EADDRNOTAVAIL, f"local address {local_addr[0]} is of another family")
    try:
        sock.bind(local_addr)
    except OSError as exc:
        text = f"cannot bind to {local_addr[0]} port {local_addr[1]}: {exc.strerror or exc}"
        raise OSError(exc.errno, text) from exc


def _tune(sock: socket.socket) -> None:
    # A socket that was reset meanwhile refuses on some systems; its first use will tell.
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _addr_info(address: ResolveResult) -> AddrInfoType:
    """Turn a resolver's answer into an entry of ``getaddrinfo``.

    Raises:
        OSError: the answer is not an address (Python would look it up, and block), or its zone is
            not an interface of this machine.
    """
    host, _, zone = address["host"].partition("%")
    family = address["family"]
    try:
        socket.inet_pton(family, host)
    except OSError as exc:
        raise OSError(errno.EINVAL, f"the resolver's answer {host!r} is not an address") from exc
    sockaddr: tuple[str, int] | tuple[str, int, int, int] = (host, address["port"])
    if family == socket.AF_INET6:
        scope = 0
        if zone:
            scope = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
        sockaddr = (host, address["port"], 0, scope)
    return (family, socket.SOCK_STREAM, address["proto"], "", sockaddr)
