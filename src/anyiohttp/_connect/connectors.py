"""Connectors for TCP, proxies and unix sockets, under aiohttp's names and parameters.

Knows: what users may set, and which of it contradicts each other.
Must not know: how a connection is leased (`base_connector`) and made (`dialing`), requests, policy.
Called by: sessions; users make connectors and close them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from ssl import SSLContext
from typing import Self, TypedDict, Unpack

from yarl import URL

from ..abc import AbstractResolver
from ..typedefs import SocketFactoryType
from .base_connector import (
    UNSET,
    BaseConnector,
    DialingConnector,
    MaybeSeconds,
    checked_ssl,
    checked_versions,
)
from .dialing import Dialer, DialOptions
from .fingerprint import Fingerprint
from .key import Credentials, ProxyRoute, SSLSetting
from .tcp import TCPOptions

__all__ = ("BaseConnector", "ProxyConnector", "TCPConnector", "UnixConnector")

#: ``ssl_shutdown_timeout=None``: asyncio's bound for the goodbyes of TLS, in seconds.
_TLS_GOODBYE = 30.0


class TCPConnector(DialingConnector):
    """Connects to hosts over TCP, with TLS where the URL wants it.

    Args:
        verify_ssl: older spelling of ``ssl``: ``False`` does not verify.
        fingerprint: digest of the certificate to expect, *in addition* to verification as
            configured (``ssl=Fingerprint(…)`` is *instead* of it).
        use_dns_cache: keep the addresses of hosts.
        ttl_dns_cache: for how many seconds; ``None`` for ever.
        dns_cache_max_size: of how many hosts.
        family: of the addresses; both by default.
        ssl_context: older spelling of ``ssl``: the context to use.
        ssl: ``True`` to verify by the system's authorities, ``False`` not to verify, a context, or
            a `Fingerprint`. A request's own ``ssl`` goes first.
        local_addr: host and port to connect from.
        resolver: finds addresses; it is not closed with the connector.
        keepalive_timeout: see `BaseConnector`.
        force_close: see `BaseConnector`.
        limit: see `BaseConnector`.
        limit_per_host: see `BaseConnector`.
        enable_cleanup_closed: no effect.
        loop: no effect.
        timeout_ceil_threshold: no effect.
        happy_eyeballs_delay: after how many seconds the next address is tried beside the first;
            ``None`` tries one after the other (RFC 8305).
        interleave: how many addresses of the first family come before one of another.
        socket_factory: makes the sockets.
        ssl_shutdown_timeout: how long `close` may take to say goodbye on idle TLS connections, in
            seconds; 0 says none, ``None`` is 30.
        http_versions: which versions of HTTP may be spoken, best first, by their names in ALPN:
            ``"h2"`` and ``"http/1.1"``. With both, which is the default, TLS connections speak what
            they agree upon, and others HTTP/1.1. ``("http/1.1",)`` switches HTTP/2 off. ``("h2",)``
            speaks nothing else, without TLS too (prior knowledge). A context of yours offers what
            you had it offer: ``context.set_alpn_protocols(["h2", "http/1.1"])``.

    Raises:
        ValueError: settings contradict each other.
        TypeError: ``ssl`` is none of the above.
    """

    takes_proxy = True

    def __init__(
        self,
        *,
        verify_ssl: bool = True,
        fingerprint: bytes | None = None,
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
        dns_cache_max_size: int = 1000,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        ssl_context: SSLContext | None = None,
        ssl: SSLSetting = True,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: MaybeSeconds = UNSET,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        enable_cleanup_closed: bool = False,
        loop: object = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int | None = None,
        socket_factory: SocketFactoryType | None = None,
        ssl_shutdown_timeout: float | None = 0,
        http_versions: Iterable[str] = ("h2", "http/1.1"),
    ) -> None:
        del enable_cleanup_closed, loop, timeout_ceil_threshold
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
        )
        self._ssl = _merged(checked_ssl(ssl), verify_ssl, ssl_context, fingerprint)
        self._pin = None if fingerprint is None else Fingerprint(fingerprint)
        self._shutdown_timeout = ssl_shutdown_timeout
        self._versions = checked_versions(http_versions)
        self._dial_options = DialOptions(
            resolver=resolver,
            use_dns_cache=use_dns_cache,
            ttl_dns_cache=ttl_dns_cache,
            dns_cache_max_size=dns_cache_max_size,
            family=family,
            tcp=TCPOptions(local_addr, happy_eyeballs_delay, interleave, socket_factory),
        )
        self._dialer = Dialer(self._dial_options)

    @property
    def family(self) -> socket.AddressFamily:
        """Of the addresses that are asked for."""
        return self._dial_options.family

    @property
    def use_dns_cache(self) -> bool:
        """Whether the addresses of hosts are kept."""
        return self._dial_options.use_dns_cache

    def clear_dns_cache(self, host: str | None = None, port: int | None = None) -> None:
        """Forget the addresses of a host and port; of all, if neither is given.

        Raises:
            ValueError: only one of the two is given.
        """
        if (host is None) != (port is None):
            raise ValueError("either both host and port or none of them are allowed")
        self._dialer.clear_dns_cache(host, port)

    @property
    def _grace(self) -> float:
        timeout = self._shutdown_timeout
        return _TLS_GOODBYE if timeout is None else timeout


class TCPSettings(TypedDict, total=False):
    """The parameters of `TCPConnector`, for the signatures of its subclasses."""

    verify_ssl: bool
    fingerprint: bytes | None
    use_dns_cache: bool
    ttl_dns_cache: float | None
    dns_cache_max_size: int
    family: socket.AddressFamily
    ssl_context: SSLContext | None
    ssl: SSLSetting
    local_addr: tuple[str, int] | None
    resolver: AbstractResolver | None
    keepalive_timeout: MaybeSeconds
    force_close: bool
    limit: int | None
    limit_per_host: int | None
    enable_cleanup_closed: bool
    loop: object
    timeout_ceil_threshold: float
    happy_eyeballs_delay: float | None
    interleave: int | None
    socket_factory: SocketFactoryType | None
    ssl_shutdown_timeout: float | None
    http_versions: Iterable[str]


class ProxyConnector(TCPConnector):
    """Sends every request through one proxy.

    Plain requests go to an HTTP proxy in absolute form, all others through CONNECT. Through a SOCKS
    proxy all requests go in a tunnel, with ``socks4a`` and ``socks5h`` to a name that the proxy
    looks up, with ``socks4`` and ``socks5`` to an address that is looked up here.

    Args:
        proxy: its URL: http, https, socks4, socks4a, socks5 or socks5h; may hold the credentials.
        proxy_auth: its credentials, if the URL holds none: an object with ``login``, ``password``
            and ``encoding``, such as ``BasicAuth``.
        **settings: see `TCPConnector`.

    Raises:
        InvalidURL: the URL is not that of a proxy.
        ValueError: credentials are given twice, or the proxy's protocol cannot carry them, or
            settings contradict each other.
    """

    takes_proxy = False

    def __init__(
        self,
        proxy: str | URL,
        *,
        proxy_auth: Credentials | None = None,
        **settings: Unpack[TCPSettings],
    ) -> None:
        route = ProxyRoute.parse(proxy, proxy_auth)
        super().__init__(**settings)
        self._route = route

    @classmethod
    def from_url(cls, url: str | URL, **settings: Unpack[TCPSettings]) -> Self:
        """Return a connector for the proxy at ``url``, as aiohttp_socks spells it."""
        return cls(url, **settings)

    @property
    def proxy_route(self) -> ProxyRoute:
        """How the proxy is reached and greeted."""
        assert self._route is not None
        return self._route


class UnixConnector(DialingConnector):
    """Connects to a unix socket, whatever host the URL names.

    The host still goes into the request, and a TLS target is still asked to prove its name.

    Args:
        path: the socket's path.
        force_close: see `BaseConnector`.
        keepalive_timeout: see `BaseConnector`.
        limit: see `BaseConnector`.
        limit_per_host: see `BaseConnector`.
        loop: no effect.
        http_versions: see `TCPConnector`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        force_close: bool = False,
        keepalive_timeout: MaybeSeconds = UNSET,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        loop: object = None,
        *,
        http_versions: Iterable[str] = ("h2", "http/1.1"),
    ) -> None:
        del loop
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
        )
        self._versions = checked_versions(http_versions)
        self._path = os.fspath(path)
        self._dialer = Dialer(DialOptions(path=self._path))

    @property
    def path(self) -> str:
        """The socket's path."""
        return self._path


def _merged(
    ssl: SSLSetting, verify_ssl: bool | None, context: SSLContext | None, fingerprint: bytes | None
) -> SSLSetting:
    """Merge ``ssl`` and its older spellings, of which a pin is beside the point but for ``ssl``."""
    unverified = verify_ssl is not None and not verify_ssl
    if unverified and context is not None:
        raise ValueError("verify_ssl=False and ssl_context are mutually exclusive")
    if ssl is not True:
        if unverified or context is not None or fingerprint is not None:
            raise ValueError(
                "verify_ssl, ssl_context, fingerprint and ssl parameters are mutually exclusive"
            )
        return ssl
    if unverified:
        return False
    return True if context is None else context
