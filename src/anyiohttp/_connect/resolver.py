"""From a host name to addresses, and remembering them.

Knows: ``getaddrinfo``, IP literals, zones of link-local addresses, how long an answer is kept.
Must not know: connections, what the addresses are for.
Called by: `dialing`; the resolvers are public.

`DNSCache` lets concurrent callers share one lookup without a task of its own: the first caller of a
key is its *leader* and looks up in its own task; those who come meanwhile wait for the outcome. A
failure goes to all of them. A leader that is cancelled or out of time takes nobody with it: the
first of the waiters to run leads next. A cancelled waiter is nobody else's business. Waiters belong
to an event loop, so lookups are shared within one; answers are shared by all.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Any

import anyio
from anyio.lowlevel import EventLoopToken, RunVar, current_token

from .._net.call import Observer
from .._net.threads import run_abandonable
from ..abc import AbstractResolver, ResolveResult

__all__ = (
    "DNSCache",
    "DefaultResolver",
    "ThreadedResolver",
    "as_literal",
    "is_odd_ipv4",
    "without_zone",
)

#: Lookups that may run at once in an event loop. They have threads of their own, because a name
#: server that does not answer holds one for half a minute (cpython #112169): file access, which
#: shares anyio's default limit, must not wait behind that, nor a lookup behind files.
_LOOKUPS_AT_ONCE = 64
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("anyiohttp.lookups")

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


# --- literals --------------------------------------------------------------------------------


def as_literal(host: str, port: int) -> ResolveResult | None:
    """Return the address that ``host`` itself is; ``None`` if it is a name.

    A zone may stand as in a URL, ``fe80::1%25eth0`` (RFC 6874), or plainly, ``fe80::1%eth0``.
    """
    if ":" not in host and not host[-1:].isdigit():
        return None
    parsed = _parsed(host)
    return None if parsed is None else _result(host, parsed[0], port, parsed[1], 0)


@lru_cache(maxsize=256)
def _parsed(host: str) -> tuple[str, socket.AddressFamily] | None:
    address, percent, zone = host.partition("%")
    if percent and len(zone) > 2:
        zone = zone.removeprefix("25")
    try:
        parsed = ipaddress.ip_address(address + percent + zone)
    except ValueError:
        return None
    return str(parsed), socket.AF_INET6 if parsed.version == 6 else socket.AF_INET


def is_odd_ipv4(host: str) -> bool:
    """Tell whether ``host`` looks like an IPv4 address and is not written as one.

    The system would read ``127.1``, ``2130706433`` and ``0x7f000001`` as ``127.0.0.1``, past
    whoever looked at the host and saw none. No name ends in a number (WHATWG URL 3.6).
    """
    last = host.removesuffix(".").rpartition(".")[2].lower()
    numeric = last.isdigit() or (last[:2] == "0x" and not last[2:].strip("0123456789abcdef"))
    return numeric and ":" not in host and as_literal(host, 0) is None


def without_zone(host: str) -> str:
    """Return ``host``, an IPv6 address without its zone, which means nothing to the peer."""
    return host.partition("%")[0] if ":" in host else host


def _result(hostname: str, host: str, port: int, family: int, proto: int) -> ResolveResult:
    return ResolveResult(
        hostname=hostname, host=host, port=port, family=family, proto=proto, flags=_NUMERIC
    )


# --- asking the system -----------------------------------------------------------------------


class ThreadedResolver(AbstractResolver):
    """Asks the operating system, in a worker thread.

    Args:
        loop: ignored; aiohttp takes one here.

    A cancelled lookup returns at once; its thread ends when the system has answered. There are
    64 threads for lookups in an event loop, and lookups use no others.
    """

    def __init__(self, loop: object = None) -> None:
        del loop

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            infos = await _ask(host, port, family, socket.AI_ADDRCONFIG)
        except socket.gaierror:
            if host.rstrip(".").casefold() != "localhost":
                raise
            # Without a network, AI_ADDRCONFIG hides the loopback addresses on some systems.
            infos = await _ask(host, port, family, 0)
        except ValueError as exc:  # such as UnicodeError: an empty label, or one too long
            raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a host name") from exc
        return [
            _result(host, address, port, found, proto)
            for found, _, proto, _, sockaddr in infos
            if (address := _address_of(found, sockaddr)) is not None
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to give up."""


DefaultResolver = ThreadedResolver

_AddressInfo = tuple[int, int, int, str, tuple[str | int, ...]]


async def _ask(host: str, port: int, family: int, flags: int) -> list[_AddressInfo]:
    infos: list[Any] = await run_abandonable(
        _lookup_limiter(), socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, flags
    )
    return infos


def _lookup_limiter() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_LOOKUPS_AT_ONCE)
        _limiter.set(limiter)
        return limiter


def _address_of(family: int, sockaddr: tuple[str | int, ...]) -> str | None:
    """Return the address, with its zone if it has one; ``None`` if it cannot be used."""
    if family == socket.AF_INET:
        return str(sockaddr[0])
    if family != socket.AF_INET6 or len(sockaddr) != 4:
        return None  # a Python built without IPv6 gives two items of something else
    address, scope = str(sockaddr[0]).partition("%")[0], sockaddr[3]
    return f"{address}%{scope}" if scope else address


# --- remembering -----------------------------------------------------------------------------

_Key = tuple[str, int, socket.AddressFamily]


class _Entry:
    """What is known of a host, and when it was learnt."""

    __slots__ = ("addresses", "since")

    def __init__(self, addresses: list[ResolveResult], since: float) -> None:
        self.addresses = addresses
        self.since = since

    def next_addresses(self) -> list[ResolveResult]:
        """Return all addresses, starting with another one each time."""
        answer = list(self.addresses)
        self.addresses.append(self.addresses.pop(0))
        return answer


class _Lookup:
    """A lookup under way. Neither outcome is set if its leader gave up."""

    __slots__ = ("addresses", "done", "error", "traceback")

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.addresses: list[ResolveResult] | None = None
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None


class DNSCache:
    """Remembers what a resolver said, and asks it once for all who want to know.

    Args:
        resolver: whom to ask.
        ttl: how long an answer is good, in seconds; ``None`` for ever, 0 not at all.
        max_size: so many hosts are remembered; the one that was used longest ago makes place.
        shared: whether concurrent callers share a lookup.
        clock: tells the time; of no event loop, since answers serve all of them.
    """

    def __init__(
        self,
        resolver: AbstractResolver,
        *,
        ttl: float | None = 10,
        max_size: int = 1000,
        shared: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._ttl = ttl
        self._max_size = max_size
        self._shared = shared
        self._clock = clock
        self._entries: dict[_Key, _Entry] = {}
        self._lookups: dict[tuple[EventLoopToken, _Key], _Lookup] = {}

    async def resolve(
        self,
        host: str,
        port: int,
        family: socket.AddressFamily,
        observer: Observer | None = None,
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``, at least one, rotated from one call to the next.

        Args:
            host: a name.
            port: goes into the answer.
            family: of the addresses.
            observer: told whether they were known, and of the lookup. What it raises is its own
                call's affair; who shares the lookup goes on without it.

        Raises:
            OSError: there are none, or nobody could be asked.
            Exception: what else the resolver raised.

        A cancelled caller disturbs no other.
        """
        if not self._shared:
            return await self._observed(host, port, family, observer)
        key = (host, port, family)
        lookup_key = (current_token(), key)
        while True:
            if (entry := self._fresh(key)) is not None:
                addresses = entry.next_addresses()  # before anything is awaited
                if observer is not None:
                    await observer.notify("dns_cache_hit", host=host)
                return addresses
            lookup = self._lookups.get(lookup_key)
            if lookup is None:
                return await self._lead(lookup_key, observer)
            if observer is not None:
                await observer.notify("dns_cache_hit", host=host)
            await lookup.done.wait()
            if lookup.error is not None:
                raise lookup.error.with_traceback(lookup.traceback)
            if lookup.addresses is not None:
                return list(lookup.addresses)

    def clear(self, host: str | None = None, port: int | None = None) -> None:
        """Forget a host and port, or everything. A lookup under way is not remembered either."""

        def matches(key: _Key) -> bool:
            return (host is None or key[0] == host) and (port is None or key[1] == port)

        for key in [key for key in self._entries if matches(key)]:
            del self._entries[key]
        for lookup_key in [found for found in self._lookups if matches(found[1])]:
            del self._lookups[lookup_key]

    def _fresh(self, key: _Key) -> _Entry | None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        if self._ttl is not None and self._clock() - entry.since >= self._ttl:
            return None
        self._entries[key] = entry  # now the one used last
        return entry

    async def _lead(
        self, lookup_key: tuple[EventLoopToken, _Key], observer: Observer | None
    ) -> list[ResolveResult]:
        host = lookup_key[1][0]
        lookup = self._lookups[lookup_key] = _Lookup()
        try:
            if observer is not None:
                await observer.notify("dns_cache_miss", host=host)
                await observer.notify("dns_resolvehost_start", host=host)
            addresses = await self._look_up(lookup_key, lookup)
        finally:
            if self._lookups.get(lookup_key) is lookup:
                del self._lookups[lookup_key]
            lookup.done.set()
        if observer is not None:
            await observer.notify("dns_resolvehost_end", host=host)
        return addresses

    async def _look_up(
        self, lookup_key: tuple[EventLoopToken, _Key], lookup: _Lookup
    ) -> list[ResolveResult]:
        """Ask, and note the outcome for those who share the lookup."""
        key = lookup_key[1]
        try:
            lookup.addresses = await self._ask(*key)
        except Exception as exc:
            lookup.error, lookup.traceback = exc, exc.__traceback__
            raise
        if self._lookups.get(lookup_key) is lookup:
            return self._remember(key, lookup.addresses)
        return list(lookup.addresses)

    async def _observed(
        self, host: str, port: int, family: socket.AddressFamily, observer: Observer | None
    ) -> list[ResolveResult]:
        """Ask, for one caller alone."""
        if observer is None:
            return await self._ask(host, port, family)
        await observer.notify("dns_resolvehost_start", host=host)
        addresses = await self._ask(host, port, family)
        await observer.notify("dns_resolvehost_end", host=host)
        return addresses

    async def _ask(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        addresses = await self._resolver.resolve(host, port, family=family)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, f"no address for {host}")
        return addresses

    def _remember(self, key: _Key, addresses: list[ResolveResult]) -> list[ResolveResult]:
        entry = _Entry(list(addresses), self._clock())
        if self._ttl != 0:
            self._entries[key] = entry
            if len(self._entries) > self._max_size:
                del self._entries[next(iter(self._entries))]
        return entry.next_addresses()
