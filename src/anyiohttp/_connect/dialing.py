"""From a key to a connection: resolve, connect, greet the proxy, encrypt, check the pin.

Knows: the order of the layers, and which error says which of them failed.
Must not know: who waits for the connection, whether it will be pooled, what will be asked on it.
Called by: `connectors`, one `Dialer` each.

The layers are streams of one shape, each put on the one before (`docs/architecture.md`)::

    tcp | unix  →  [TLS to the proxy]  →  [CONNECT | SOCKS]  →  [TLS to the target, pin]  →  HTTP

The stream on top owns those below it: aborting it aborts them all. A dial that fails, times out or
is cancelled aborts what it has made before it returns, synchronously.
"""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from .._net.call import Call
from .._net.deadlines import Phase, within
from .._net.streams import NetworkStream
from .._protocol.base import HTTPConnection
from .._protocol.opening import open_connection
from ..abc import AbstractResolver, ResolveResult
from ..exceptions import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientProxyConnectionError,
    ClientSocksProxyError,
    InvalidUrlClientError,
    UnixClientConnectorError,
)
from .key import ConnectionKey, ProxyRoute, port_of
from .resolver import DNSCache, ThreadedResolver, as_literal, is_odd_ipv4
from .socks import SocksError, resolves_names
from .tcp import TCPOptions, interleaved, open_tcp
from .tls import start_tls
from .tls_sessions import TLSSessions
from .unix import open_unix

__all__ = ("DialOptions", "Dialer")


class DialOptions(NamedTuple):
    """How connections are made (aiohttp's names; times in seconds).

    Args:
        resolver: finds addresses; `ThreadedResolver` by default. Closed by whoever made it.
        use_dns_cache: whether addresses are kept, and concurrent lookups of a host shared.
        ttl_dns_cache: how long they are kept; ``None`` for ever.
        dns_cache_max_size: of how many hosts they are kept.
        family: which addresses are asked for.
        tcp: how one of them is connected to.
        path: a unix socket, which stands in for resolving and connecting.
    """

    resolver: AbstractResolver | None = None
    use_dns_cache: bool = True
    ttl_dns_cache: float | None = 10
    dns_cache_max_size: int = 1000
    family: socket.AddressFamily = socket.AF_UNSPEC
    tcp: TCPOptions = TCPOptions()
    path: str | bytes | os.PathLike[str] | None = None


class Dialer:
    """Makes connections, each by itself; holds only what they share: addresses, TLS sessions.

    Any task of any event loop may dial. There is nothing that must be closed but the resolver,
    and that only if it was made here.
    """

    def __init__(self, options: DialOptions) -> None:
        self._options = options
        self._resolver = options.resolver or ThreadedResolver()
        ttl = options.ttl_dns_cache if options.use_dns_cache else 0
        self._addresses = DNSCache(
            self._resolver,
            ttl=ttl,
            max_size=options.dns_cache_max_size,
            shared=options.use_dns_cache,
        )
        # Apart: a target may be reached by the same name and port as a proxy.
        self._sessions = TLSSessions()
        self._proxy_sessions = TLSSessions()

    async def dial(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        """Make a connection that ``key`` describes.

        Raises:
            ClientConnectorDNSError: the host's, or the proxy's, name did not resolve.
            InvalidUrlClientError: the host is an IPv4 address in one of its older forms.
            ClientConnectorError: the host could not be reached, or the connection broke before it
                could be used; `ClientProxyConnectionError` for the proxy,
                `UnixClientConnectorError` for a unix socket.
            ClientConnectorCertificateError, ClientConnectorSSLError: TLS failed.
            ServerFingerprintMismatch: the certificate is not the pinned one.
            ClientHttpProxyError: the proxy refused CONNECT.
            ClientSocksProxyError: the SOCKS proxy refused, or does not speak SOCKS.
            ConnectionTimeoutError: ``sock_connect`` or ``connect`` ran out.
            ServerTimeoutError: ``total`` ran out.

        A cancelled dial leaves nothing behind.
        """
        stream = await within(call, Phase.SOCK_CONNECT, self._make_stream, key, call)
        try:
            return open_connection(stream, key.versions)
        except OSError as exc:
            stream.abort()
            raise ClientConnectorError(key, exc) from exc

    def clear_dns_cache(self, host: str | None = None, port: int | None = None) -> None:
        """Forget the addresses of a host and port; all, if none is given."""
        self._addresses.clear(host, port)

    async def aclose(self) -> None:
        """Close the resolver, if it is not the user's, and forget the TLS sessions."""
        self._sessions.clear()
        self._proxy_sessions.clear()
        if self._options.resolver is None:
            await self._resolver.close()

    async def _make_stream(self, key: ConnectionKey, call: Call) -> NetworkStream:
        if key.proxy is None:
            stream = await self._connect(key, call, ClientConnectorError)
        else:
            stream = await self._connect_through(key, key.proxy, call)
        if not key.is_ssl:
            return stream
        try:
            return await start_tls(stream, key, self._sessions)
        except ClientError:
            raise
        except OSError as exc:
            raise ClientConnectorError(key, exc) from exc

    async def _connect_through(
        self, key: ConnectionKey, route: ProxyRoute, call: Call
    ) -> NetworkStream:
        if route.is_socks:
            return await self._connect_through_socks(key, route, call)
        from .tunnels import open_tunnel  # only who goes through a proxy loads it

        hop = _key_of_proxy(route)
        stream = await self._connect(hop, call, ClientProxyConnectionError)
        try:
            if hop.is_ssl:
                stream = await start_tls(stream, hop, self._proxy_sessions)
            if key.tunnel or key.is_ssl:
                stream = await open_tunnel(stream, key, route, call)
        except ClientError:
            raise
        except OSError as exc:
            raise ClientProxyConnectionError(hop, exc) from exc
        return stream

    async def _connect_through_socks(
        self, key: ConnectionKey, route: ProxyRoute, call: Call
    ) -> NetworkStream:
        """Ask the proxy for the host, or for each of its addresses until one will do."""
        from .socks_tunnels import open_socks_tunnel

        hop = _key_of_proxy(route)
        _refuse_odd_ipv4(key)  # which the proxy's system would read as ours does
        hosts = [key.host]
        if not resolves_names(route.url.scheme):
            family = socket.AF_INET if route.url.scheme == "socks4" else self._options.family
            addresses = await self._resolve(key, call, family)
            # The proxy may lack a family that this machine has.
            hosts = [address["host"] for address in interleaved(addresses, 1)]
        while True:
            host = hosts.pop(0)
            stream = await self._connect(hop, call, ClientProxyConnectionError)
            try:
                return await open_socks_tunnel(stream, host, port_of(key), route)
            except SocksError as exc:
                if not (hosts and exc.of_the_address):
                    raise ClientSocksProxyError(key, exc, route.url, exc.reply) from exc
            except OSError as exc:
                raise ClientProxyConnectionError(hop, exc) from exc

    async def _connect(
        self, key: ConnectionKey, call: Call, error: type[ClientConnectorError]
    ) -> NetworkStream:
        path = self._options.path
        if path is not None:
            try:
                return await open_unix(path)
            except OSError as exc:
                raise UnixClientConnectorError(os.fsdecode(path), key, exc) from exc
        addresses = await self._resolve(key, call, self._options.family)
        try:
            return await open_tcp(addresses, self._options.tcp)
        except OSError as exc:
            raise error(key, exc) from exc

    async def _resolve(
        self, key: ConnectionKey, call: Call, family: socket.AddressFamily
    ) -> list[ResolveResult]:
        host, port = key.host, port_of(key)
        literal = as_literal(host, port)
        if literal is not None:
            return [literal]
        _refuse_odd_ipv4(key)
        if host.endswith(".."):
            host = host.rstrip(".") + "."
        try:
            return await self._addresses.resolve(host, port, family, call.observer)
        except ClientError:
            raise
        except OSError as exc:
            raise ClientConnectorDNSError(key, exc) from exc


def _refuse_odd_ipv4(key: ConnectionKey) -> None:
    """Raise `InvalidUrlClientError` if the host is an address in a form that hides it."""
    if is_odd_ipv4(key.host):
        raise InvalidUrlClientError(key.host, "is not a canonical IPv4 address")


def _key_of_proxy(route: ProxyRoute) -> ConnectionKey:
    """Return where the proxy itself is, and how its own TLS is to be set up."""
    url = route.url
    return ConnectionKey(
        host=url.raw_host or "", port=route.port, is_ssl=route.is_ssl, ssl=route.ssl
    )
