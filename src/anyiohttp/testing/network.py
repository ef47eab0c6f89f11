"""A network in memory: hosts, listeners and peers under the client's real stack.

Knows: names, addresses, ports, tasks; what connecting, refusing and vanishing look like.
Must not know: what is said on a connection, which `peers` and `server` do.
Called by: tests of this library and of its users.

Only the attempt to connect one address is replaced. The pool, the resolver's cache, happy eyeballs,
TLS, CONNECT and HTTP/1.1 are the ones that run in production. Peers run in a task group that
belongs to the network's ``async with`` block. Nothing waits for real time unless it is asked to, so
that what passes once passes always.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, Unpack
from weakref import WeakSet

import anyio
from anyio.lowlevel import checkpoint

from .._connect.connectors import TCPConnector, TCPSettings
from ..abc import ResolveResult
from .connectors import MemoryConnector
from .faults import NO_FAULTS
from .hosts import Address, MemoryResolver, resolved
from .listeners import FaultPlan, Listener
from .peers import Peer, Script
from .server.connection import Handler, serve_connection
from .server.http2 import serve_http2_connection
from .server.proxy import Proxy
from .server.routing import router
from .server.socks import serve_socks
from .streams import MemoryStream, memory_stream_pair

__all__ = ("MemoryNetwork", "NetworkStats", "networks")

#: Addresses are handed out from this block, which is for documentation (RFC 5737).
_FIRST_ADDRESS = ipaddress.IPv4Address("198.51.100.1")

#: Every network that is or was open; `assert_no_leaks` looks at those made while it watches.
networks: WeakSet[MemoryNetwork] = WeakSet()


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """How many connections are in which state.

    Args:
        connections: opened so far.
        client_open: whose client's end is open.
        peer_open: whose peer's end is open.
        dialing: attempts to connect that are under way.
    """

    connections: int
    client_open: int
    peer_open: int
    dialing: int


@dataclass(frozen=True, slots=True)
class _Link:
    """A connection: both of its ends."""

    client: MemoryStream
    peer: MemoryStream


class MemoryNetwork:
    """Hosts that exist only here; used as a context manager.

    Args:
        capacity: how many bytes each direction of a connection holds before its sender must wait.

    Attributes:
        resolver: answers from the hosts of this network.

    Leaving the block ends all peers, closes their ends, and raises what scripts have raised: alone,
    or in an ``ExceptionGroup`` if several have. If the block itself failed, it is noted on that.
    """

    def __init__(self, *, capacity: int = 64 * 1024) -> None:
        self._capacity = capacity
        self._hosts: dict[str, list[Address]] = {}
        self._addresses: dict[str, Address] = {}
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._links: list[_Link] = []
        self._prune_at = 64
        self._connections = 0
        self._dialing = 0
        self._errors: list[Exception] = []
        self._stack = AsyncExitStack()
        self._tasks: anyio.abc.TaskGroup | None = None
        self._task_ids: set[int] = set()
        self.resolver = MemoryResolver(self._hosts)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            self._stack = stack.pop_all()
        networks.add(self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # What the block raised is none of the peers' business: it is not wrapped in a group.
            await self._stack.aclose()
        finally:
            self._tasks = None
        errors, self._errors = self._errors, []
        if not errors:
            return
        if exc is not None:
            for error in errors:
                exc.add_note(f"a peer had failed: {error!r}")
            return
        raise errors[0] if len(errors) == 1 else ExceptionGroup("peers failed", errors)

    def __repr__(self) -> str:
        return f"<MemoryNetwork {', '.join(sorted(self._hosts)) or 'without hosts'}>"

    # --- who is there ---

    def listen(
        self,
        host: str,
        port: int,
        peer: Script,
        *,
        tls: ssl.SSLContext | None = None,
        faults: FaultPlan = NO_FAULTS,
        addresses: Sequence[str | Address] = (),
    ) -> Listener:
        """Let a script answer at a host and port.

        Args:
            host: a name, or an IP address.
            port: the port.
            peer: ``async def script(peer)``, run for each connection, which ends when it returns.
            tls: speak TLS with this context.
            faults: what goes wrong on the way to the client; a `Faults`, or a function that returns
                one for the number of the connection, from 0. See `Listener.faults`, too.
            addresses: of the host, best first; by default one that is made up, or those that an
                earlier call gave. They hold for all ports.

        Returns:
            The listener. A port that has one gets the new one instead.
        """
        listener = Listener(host, port, peer, tls, faults)
        for address in self._settle(host, addresses):
            self._listeners[address.host, port] = listener
        return listener

    def serve(
        self,
        host: str,
        handler: Handler | Mapping[str, Handler],
        *,
        port: int | None = None,
        tls: ssl.SSLContext | None = None,
        faults: FaultPlan = NO_FAULTS,
        addresses: Sequence[str | Address] = (),
    ) -> Listener:
        """Let a small HTTP/1.1 server answer at a host.

        Args:
            host: see `listen`.
            handler: ``async def handler(request) -> Response``, or several by path (a ``{name}``
                between two slashes stands for any text).
            port: 443 with ``tls`` and 80 without, by default.
            tls: see `listen`.
            faults: see `listen`.
            addresses: see `listen`.
        """
        handle = router(handler) if isinstance(handler, Mapping) else handler

        async def peer(peer: Peer) -> None:
            await serve_connection(
                peer.stream,
                handle,
                secure=tls is not None,
                on_request=partial(_count_request, listener),
                linger=0,
            )

        port = port if port is not None else 443 if tls else 80
        listener = self.listen(host, port, peer, tls=tls, faults=faults, addresses=addresses)
        return listener

    def serve_http2(
        self,
        host: str,
        handler: Handler | Mapping[str, Handler],
        *,
        port: int | None = None,
        tls: ssl.SSLContext | None = None,
        faults: FaultPlan = NO_FAULTS,
        settings: Mapping[int, int] | None = None,
    ) -> Listener:
        """Let a small HTTP/2 server answer at a host.

        Without TLS it is spoken to with prior knowledge. With TLS it speaks HTTP/1.1 to clients
        that do not agree by ALPN; ``server_context(host, alpn=("h2", "http/1.1"))`` is a context
        for it.

        Args:
            host: see `listen`.
            handler: see `serve`.
            port: see `serve`.
            tls: see `listen`.
            faults: see `listen`.
            settings: its settings, by their numbers (RFC 9113 6.5.2).
        """
        handle = router(handler) if isinstance(handler, Mapping) else handler

        async def peer(peer: Peer) -> None:
            count, secure = partial(_count_request, listener), tls is not None
            if secure and not _chose_http2(peer):
                await serve_connection(peer.stream, handle, secure=True, on_request=count, linger=0)
                return
            await serve_http2_connection(
                peer.stream, handle, secure=secure, on_request=count, settings=settings
            )

        port = port if port is not None else 443 if tls else 80
        listener = self.listen(host, port, peer, tls=tls, faults=faults)
        return listener

    def proxy(
        self,
        host: str,
        *,
        port: int = 3128,
        tls: ssl.SSLContext | None = None,
        auth: tuple[str, str] | None = None,
        faults: FaultPlan = NO_FAULTS,
        addresses: Sequence[str | Address] = (),
    ) -> Listener:
        """Let an HTTP proxy answer at a host; it reaches the hosts of this network.

        Args:
            host: see `listen`.
            port: see `listen`.
            tls: see `listen`.
            auth: the user and password it asks for.
            faults: see `listen`.
            addresses: see `listen`.
        """
        proxy = Proxy(
            auth, on_forward=_nothing, on_tunnel=_nothing, on_refuse=_nothing, connect=self._reach
        )
        return self.serve(
            host, proxy.handle, port=port, tls=tls, faults=faults, addresses=addresses
        )

    def socks_proxy(
        self,
        host: str,
        *,
        port: int = 1080,
        auth: tuple[str, str] | None = None,
        faults: FaultPlan = NO_FAULTS,
        addresses: Sequence[str | Address] = (),
    ) -> Listener:
        """Let a SOCKS proxy answer at a host: ``socks4``, ``socks4a``, ``socks5`` or ``socks5h``.

        Args:
            host: see `listen`.
            port: see `listen`.
            auth: the user and password it asks for; of SOCKS4 the user alone.
            faults: see `listen`.
            addresses: see `listen`.
        """

        async def peer(peer: Peer) -> None:
            await serve_socks(peer.stream, peer.receive_exactly, connect=self._reach, auth=auth)

        return self.listen(host, port, peer, faults=faults, addresses=addresses)

    def connector(self, **settings: Unpack[TCPSettings]) -> TCPConnector:
        """Return a connector that reaches the hosts of this network, and nothing else.

        Args:
            **settings: those of `TCPConnector`; the resolver is the network's by default. With
                ``happy_eyeballs_delay`` above 0 a second address is tried in real time; 0 tries
                all at once, in turns of the event loop.
        """
        settings.setdefault("resolver", self.resolver)
        return MemoryConnector(self.connect, **settings)

    # --- connecting ---

    async def connect(self, address: ResolveResult) -> MemoryStream:
        """Open a connection to an address and port; what the connector does in place of a socket.

        Raises:
            ConnectionRefusedError: nobody listens there, or the address refuses.

        A cancelled attempt leaves nothing behind.
        """
        host, port = str(ipaddress.ip_address(address["host"].partition("%")[0])), address["port"]
        known = self._addresses.get(host, Address(host))
        self._dialing += 1
        try:
            for _ in range(known.turns):
                await checkpoint()
            if known.seconds:
                await anyio.sleep(known.seconds)
            if known.blackhole:
                await anyio.sleep_forever()
        finally:
            self._dialing -= 1
        listener = self._listeners.get((host, port))
        if listener is None or known.refuse or self._tasks is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return self._open(listener, self._tasks)

    def _open(self, listener: Listener, tasks: anyio.abc.TaskGroup) -> MemoryStream:
        number = listener.connections
        name = f"{listener.host}:{listener.port} #{number}"
        client, peer = memory_stream_pair(
            self._capacity, names=(f"client's end of {name}", f"peer's end of {name}")
        )
        listener.connections += 1
        self._connections += 1
        self._links.append(_Link(client, peer))
        if len(self._links) > self._prune_at:
            self._prune()
            self._prune_at = 64 + 2 * len(self._links)
        tasks.start_soon(self._run_peer, listener, peer, number, name=f"peer {name}")
        return client

    async def _run_peer(self, listener: Listener, stream: MemoryStream, number: int) -> None:
        task = anyio.get_current_task().id
        self._task_ids.add(task)
        try:
            await listener.converse(stream, number)
        except Exception as exc:
            self._errors.append(exc)
        finally:
            stream.abort()
            self._task_ids.discard(task)

    async def _reach(self, host: str, port: int) -> MemoryStream:
        """Connect to a host by its name, as a proxy does."""
        addresses = self._hosts.get(host) or [Address(host)]
        try:
            return await self.connect(resolved(host, addresses[0].host, port))
        except ValueError:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"{host} is not here") from None

    def _settle(self, host: str, addresses: Sequence[str | Address]) -> list[Address]:
        """Return the addresses of a host, which are noted if they are new."""
        if addresses or host not in self._hosts:
            found = [Address(item) if isinstance(item, str) else item for item in addresses]
            self._hosts[host] = found or [Address(self._made_up(host))]
            for address in self._hosts[host]:
                self._addresses[str(ipaddress.ip_address(address.host))] = address
        return self._hosts[host]

    def _made_up(self, host: str) -> str:
        try:
            return str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            return str(_FIRST_ADDRESS + len(self._hosts))

    # --- what is open ---

    @property
    def stats(self) -> NetworkStats:
        """How many connections are in which state, at this moment."""
        self._prune()
        return NetworkStats(
            self._connections,
            sum(not link.client.closed for link in self._links),
            sum(not link.peer.closed for link in self._links),
            self._dialing,
        )

    @property
    def open_streams(self) -> list[MemoryStream]:
        """The clients' ends that are open."""
        return [link.client for link in self._links if not link.client.closed]

    @property
    def peer_tasks(self) -> frozenset[int]:
        """The ids of the tasks in which peers run."""
        return frozenset(self._task_ids)

    async def wait_for(self, condition: Callable[[NetworkStats], bool]) -> None:
        """Let the event loop turn until ``condition`` holds for the `stats`.

        It is busy waiting, for what comes in a few turns, such as a peer that ends.
        """
        while not condition(self.stats):
            await checkpoint()

    def _prune(self) -> None:
        self._links = [
            link for link in self._links if not (link.client.closed and link.peer.closed)
        ]


def _chose_http2(peer: Peer) -> bool:
    return peer.stream.alpn_protocol == "h2"


def _count_request(listener: Listener) -> None:
    listener.requests += 1


def _nothing() -> None:
    pass
