"""Connectors: a pool and a way to make connections, under aiohttp's names and parameters.

Knows: what users may set, how that and a request's own settings become a `ConnectionKey`.
Must not know: requests, responses, policy.
Called by: sessions; users make connectors and close them.

A connector holds no task, no cancel scope and no event loop: it can be made anywhere, used by any
number of sessions, and closed by any task, also while requests wait for it.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Callable, Coroutine
from enum import Enum
from ssl import SSLContext
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias, TypedDict, Unpack

from yarl import URL

from .._net.call import Call
from .._protocol.base import HTTPConnection
from ..abc import AbstractResolver
from ..exceptions import InvalidURL
from .dialing import Dialer, DialOptions
from .fingerprint import Fingerprint
from .key import ConnectionKey, Credentials, ProxyRoute, SSLSetting
from .pool import Closing, Lease, Pool, PoolOptions, PoolStats
from .tcp import SocketFactory

__all__ = ("BaseConnector", "ProxyConnector", "TCPConnector", "UnixConnector")


class _Unset(Enum):
    """Tells a default from a value that the user gave."""

    UNSET = 0


_UNSET: Final = _Unset.UNSET
_MaybeSeconds: TypeAlias = float | Literal[_Unset.UNSET] | None

#: aiohttp's default for ``keepalive_timeout``, in seconds.
_KEEPALIVE = 15.0
#: ``ssl_shutdown_timeout=None``: asyncio's bound for the goodbyes of TLS, in seconds.
_TLS_GOODBYE = 30.0


class BaseConnector:
    """Leases connections, and keeps them for the next request.

    A subclass says how connections are made (`_dial`).

    Args:
        keepalive_timeout: how long a connection may be idle before it is closed, in seconds;
            15 by default, ``None`` for no limit. Checked whenever the connector is used.
        force_close: close each connection after its first request.
        limit: how many connections there may be in all, being made, busy and idle; 0 or ``None``
            for no limit.
        limit_per_host: the same for one host, port and TLS (plain requests through a proxy count
            as the proxy's).
        enable_cleanup_closed: no effect; connections are always closed at once.
        loop: no effect; a connector belongs to no event loop.
        timeout_ceil_threshold: no effect; see ``ClientTimeout.ceil_threshold``.

    Raises:
        ValueError: ``keepalive_timeout`` together with ``force_close``.
    """

    #: Whether a request may name its own proxy. If not, the environment need not be asked.
    takes_proxy: ClassVar[bool] = False

    _pool: Pool | None = None  # for __del__, should __init__ have failed

    def __init__(
        self,
        *,
        keepalive_timeout: _MaybeSeconds = _UNSET,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        enable_cleanup_closed: bool = False,
        loop: object = None,
        timeout_ceil_threshold: float = 5,
    ) -> None:
        del enable_cleanup_closed, loop, timeout_ceil_threshold
        if keepalive_timeout is _UNSET:
            keepalive_timeout = _KEEPALIVE
        elif force_close and keepalive_timeout is not None:
            raise ValueError("keepalive_timeout cannot be set if force_close is True")
        self._options = PoolOptions(
            limit or 0, limit_per_host or 0, keepalive_timeout, bool(force_close)
        )
        self._pool = Pool(self._options)
        self._ssl: SSLSetting = True
        self._pin: Fingerprint | None = None
        self._route: ProxyRoute | None = None  # of every request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._pool}>"

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        pool = self._pool
        if pool is None or pool.closed:
            return
        stats = pool.stats
        if stats.idle or stats.busy:
            _warn(f"Unclosed connector {self!r}", ResourceWarning, source=self)
        pool.discard()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # --- what it is ---

    @property
    def closed(self) -> bool:
        """Whether the connector was closed."""
        return self._own_pool.closed

    @property
    def force_close(self) -> bool:
        """Whether each connection is closed after its first request."""
        return self._options.force_close

    @property
    def limit(self) -> int:
        """How many connections there may be in all; 0 for no limit."""
        return self._options.limit

    @property
    def limit_per_host(self) -> int:
        """How many connections there may be to one host, port and TLS; 0 for no limit."""
        return self._options.limit_per_host

    @property
    def stats(self) -> PoolStats:
        """How many connections and calls are in which state, at this moment."""
        return self._own_pool.stats

    @property
    def _own_pool(self) -> Pool:
        assert self._pool is not None
        return self._pool

    # --- leasing ---

    def key_for(
        self,
        origin: URL,
        *,
        ssl: SSLSetting = True,
        pin: Fingerprint | None = None,
        server_hostname: str | None = None,
        proxy: ProxyRoute | None = None,
        tunnel: bool | None = None,
    ) -> ConnectionKey:
        """Return the key of the connections that can carry a request to ``origin``.

        What the request leaves open is filled in from the connector. The answer's ``proxy`` and
        ``tunnel`` are what applies, whatever was asked for: without a tunnel, a proxy wants the
        request in absolute form, with its own credentials.

        Args:
            origin: the URL asked for; only scheme, host and port matter.
            ssl: the request's TLS setting; ``True`` leaves it to the connector.
            pin: the certificate to expect besides; ``None`` leaves it to the connector.
            server_hostname: the name to expect in the certificate.
            proxy: through whom.
            tunnel: whether the proxy is asked to CONNECT; by default for all but plain http.

        Raises:
            InvalidURL: there is no host.
            TypeError: ``ssl`` is none of a bool, a context and a fingerprint.
            ValueError: no proxy can be chosen here, or the target cannot be reached so.
        """
        host = origin.raw_host
        if not host:
            raise InvalidURL(origin, "there is no host to connect to")
        ssl = _checked(ssl)
        if proxy is not None and not self.takes_proxy:
            raise ValueError(f"{type(self).__name__} takes no proxy")
        setting, pin = self._tls_settings(ssl, pin)
        is_ssl = origin.scheme in ("https", "wss")
        route = self._route if proxy is None else proxy
        if route is not None:
            route = route.with_tls_of(setting)
            if tunnel is None:
                tunnel = origin.scheme != "http"
            if not tunnel:
                if is_ssl:
                    raise ValueError("a TLS target can only be reached through a tunnel")
                return ConnectionKey(route.url.raw_host or "", route.url.port, False, proxy=route)
        tunnel = route is not None
        if not is_ssl:
            return ConnectionKey(host, origin.port, False, proxy=route, tunnel=tunnel)
        return ConnectionKey(host, origin.port, True, setting, server_hostname, pin, route, tunnel)

    def _tls_settings(
        self, ssl: SSLSetting, pin: Fingerprint | None
    ) -> tuple[SSLSetting, Fingerprint | None]:
        """Return how to verify, and what to pin besides; the request's word goes first."""
        setting = self._ssl if ssl is True else ssl
        if pin is None and not isinstance(ssl, Fingerprint):
            pin = self._pin
            if pin is None and isinstance(self._ssl, Fingerprint):
                # The request verifies otherwise; what the connector trusts still holds.
                pin = self._ssl
        return setting, None if pin == setting else pin

    def acquire(self, key: ConnectionKey, call: Call) -> Coroutine[Any, Any, Lease]:
        """Return a place on a connection of ``key``, from the pool or made for it.

        Raises:
            ClientConnectionError: the connector is closed, or was closed meanwhile.
            ClientConnectorError: the connection could not be made; one of its subclasses says why.
            ConnectionTimeoutError: ``ClientTimeout.pool``, ``connect`` or ``sock_connect`` ran out.
            ServerTimeoutError: ``ClientTimeout.total`` ran out.

        Cancellation leaves nothing behind: neither a connection nor a place in the queue.
        """
        return self._own_pool.acquire(key, call, self._dial)

    async def _dial(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        """Make a connection; for subclasses. It leaves nothing behind if it fails."""
        raise NotImplementedError

    # --- closing ---

    def close(self, *, abort_ssl: bool = False) -> Closing:
        """Close all connections, idle and busy, and fail the requests that wait for one.

        All this has happened when the call returns; awaiting the result gives idle TLS connections
        the time to say goodbye that ``ssl_shutdown_timeout`` allows (none by default). Any task
        may close a connector, and may do so twice.

        Args:
            abort_ssl: say no goodbyes.
        """
        return self._own_pool.close(0 if abort_ssl else self._grace, self._finish)

    @property
    def _grace(self) -> float:
        return 0

    async def _finish(self) -> None:
        """Close what else there is; awaited with the result of `close`."""


class _DialingConnector(BaseConnector):
    """A connector whose connections a `Dialer` makes."""

    _dialer: Dialer

    async def _dial(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        return await self._dialer.dial(key, call)

    async def _finish(self) -> None:
        await self._dialer.aclose()


class TCPConnector(_DialingConnector):
    """Connects to hosts over TCP, with TLS where the URL wants it.

    Args:
        verify_ssl: older spelling of ``ssl``: ``False`` does not verify.
        fingerprint: digest of the certificate to expect, *in addition* to verification as
            configured (``ssl=Fingerprint(…)`` is *instead* of it).
        use_dns_cache: keep the addresses of hosts.
        ttl_dns_cache: for how many seconds; ``None`` for ever.
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
        family: socket.AddressFamily = socket.AF_UNSPEC,
        ssl_context: SSLContext | None = None,
        ssl: SSLSetting = True,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: _MaybeSeconds = _UNSET,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        enable_cleanup_closed: bool = False,
        loop: object = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int | None = None,
        socket_factory: SocketFactory | None = None,
        ssl_shutdown_timeout: float | None = 0,
    ) -> None:
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            enable_cleanup_closed=enable_cleanup_closed,
            loop=loop,
            timeout_ceil_threshold=timeout_ceil_threshold,
        )
        self._ssl = _merged(_checked(ssl), verify_ssl, ssl_context, fingerprint)
        self._pin = None if fingerprint is None else Fingerprint(fingerprint)
        self._shutdown_timeout = ssl_shutdown_timeout
        self._dial_options = DialOptions(
            resolver=resolver,
            use_dns_cache=use_dns_cache,
            ttl_dns_cache=ttl_dns_cache,
            family=family,
            local_addr=local_addr,
            happy_eyeballs_delay=happy_eyeballs_delay,
            interleave=interleave,
            socket_factory=socket_factory,
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
    family: socket.AddressFamily
    ssl_context: SSLContext | None
    ssl: SSLSetting
    local_addr: tuple[str, int] | None
    resolver: AbstractResolver | None
    keepalive_timeout: _MaybeSeconds
    force_close: bool
    limit: int | None
    limit_per_host: int | None
    enable_cleanup_closed: bool
    loop: object
    timeout_ceil_threshold: float
    happy_eyeballs_delay: float | None
    interleave: int | None
    socket_factory: SocketFactory | None
    ssl_shutdown_timeout: float | None


class ProxyConnector(TCPConnector):
    """Sends every request through one proxy.

    Plain requests go to it in absolute form, all others through CONNECT.

    Args:
        proxy: its URL, http or https; may hold the credentials.
        proxy_auth: its credentials, if the URL holds none: an object with ``login``, ``password``
            and ``encoding``, such as ``BasicAuth``.
        **settings: see `TCPConnector`.

    Raises:
        InvalidURL: the URL is not that of a proxy.
        ValueError: credentials are given twice, or settings contradict each other.
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

    @property
    def proxy_route(self) -> ProxyRoute:
        """How the proxy is reached and greeted."""
        assert self._route is not None
        return self._route


class UnixConnector(_DialingConnector):
    """Connects to a unix socket, whatever host the URL names.

    The host still goes into the request, and a TLS target is still asked to prove its name.

    Args:
        path: the socket's path.
        force_close: see `BaseConnector`.
        keepalive_timeout: see `BaseConnector`.
        limit: see `BaseConnector`.
        limit_per_host: see `BaseConnector`.
        loop: no effect.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        force_close: bool = False,
        keepalive_timeout: _MaybeSeconds = _UNSET,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        loop: object = None,
    ) -> None:
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
        )
        self._path = os.fspath(path)
        self._dialer = Dialer(DialOptions(path=self._path))

    @property
    def path(self) -> str:
        """The socket's path."""
        return self._path


def _checked(ssl: object) -> SSLSetting:
    if ssl is None:
        return True  # aiohttp's older way to leave it open
    if isinstance(ssl, SSLContext | bool | Fingerprint):
        return ssl
    raise TypeError(f"ssl should be SSLContext, Fingerprint, or bool, got {ssl!r} instead.")


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
