"""What all connectors are: a pool, the keys of its connections, and a way to be closed.

Knows: how what users set, and a request's own settings, become a `ConnectionKey`.
Must not know: how connections are made (its subclasses in `connectors`), requests, policy.
Called by: `connectors`; sessions lease from it.

A connector holds no task, no cancel scope and no event loop: it can be made anywhere, used by any
number of sessions, and closed by any task, also while requests wait for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Coroutine, Iterable
from enum import Enum
from ssl import SSLContext
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias

from yarl import URL

from .._net.call import Call
from .._protocol.base import HTTPConnection
from ..exceptions import InvalidURL
from .dialing import Dialer
from .fingerprint import Fingerprint
from .key import ConnectionKey, ProxyRoute, SSLSetting, Versions
from .pool import Closing, Lease, Pool, PoolOptions, PoolStats

__all__ = (
    "UNSET",
    "BaseConnector",
    "DialingConnector",
    "MaybeSeconds",
    "Unset",
    "checked_ssl",
    "checked_versions",
)


class Unset(Enum):
    """Tells a default from a value that the user gave."""

    UNSET = 0


UNSET: Final = Unset.UNSET
MaybeSeconds: TypeAlias = float | Literal[Unset.UNSET] | None

#: aiohttp's default for ``keepalive_timeout``, in seconds.
_KEEPALIVE = 15.0


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
        keepalive_timeout: MaybeSeconds = UNSET,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        enable_cleanup_closed: bool = False,
        loop: object = None,
        timeout_ceil_threshold: float = 5,
    ) -> None:
        del enable_cleanup_closed, loop, timeout_ceil_threshold
        if keepalive_timeout is UNSET:
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
        self._versions: Versions = ("http/1.1",)

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
        return self._pool is None or self._pool.closed

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
        http1: bool = False,
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
            tunnel: whether the proxy is asked to connect us; by default for all but plain http, and
                always of a SOCKS proxy.
            http1: whether the request can only be made in HTTP/1.

        Raises:
            InvalidURL: there is no host.
            TypeError: ``ssl`` is none of a bool, a context and a fingerprint.
            ValueError: no proxy can be chosen here, or the target cannot be reached so.
        """
        host = origin.raw_host
        if not host:
            raise InvalidURL(origin, "there is no host to connect to")
        ssl = checked_ssl(ssl)
        if proxy is not None and not self.takes_proxy:
            raise ValueError(f"{type(self).__name__} takes no proxy")
        setting, pin = self._tls_settings(ssl, pin)
        is_ssl = origin.scheme in ("https", "wss")
        route = self._route if proxy is None else proxy
        if route is not None:
            route = route.with_tls_of(setting)
            if tunnel is None:
                tunnel = route.is_socks or origin.scheme != "http"
            if not tunnel:
                if is_ssl:
                    raise ValueError("a TLS target can only be reached through a tunnel")
                if route.is_socks:
                    raise ValueError("a SOCKS proxy carries nothing but tunnels")
                return ConnectionKey(route.url.raw_host or "", route.port, False, proxy=route)
        tunnel = route is not None
        versions = self._versions
        if http1 or not (is_ssl or versions == ("h2",)):
            versions = ("http/1.1",)
        if not is_ssl:
            return ConnectionKey(
                host, origin.port, False, proxy=route, tunnel=tunnel, versions=versions
            )
        return ConnectionKey(
            host, origin.port, True, setting, server_hostname, pin, route, tunnel, versions
        )

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

    def acquire_nowait(self, key: ConnectionKey, call: Call) -> Lease | None:
        """Return a place on a connection of ``key`` if one is there; if not, await `acquire`."""
        return self._own_pool.acquire_nowait(key, call)

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


class DialingConnector(BaseConnector):
    """A connector whose connections a `Dialer` makes."""

    _dialer: Dialer

    async def _dial(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        return await self._dialer.dial(key, call)

    async def _finish(self) -> None:
        await self._dialer.aclose()


def checked_versions(versions: object) -> Versions:
    """Return the versions of HTTP that a user gave, best first.

    Raises:
        ValueError: they are none that can be spoken.
    """
    names = () if isinstance(versions, str) or not isinstance(versions, Iterable) else versions
    found: list[Literal["h2", "http/1.1"]] = []
    for name in names:
        if name in ("h2", "http/1.1") and name not in found:
            found.append(name)
        else:
            found.clear()
            break
    if not found:
        raise ValueError(
            f'http_versions must name "h2", "http/1.1" or both, best first, not {versions!r}'
        )
    return tuple(found)


def checked_ssl(ssl: object) -> SSLSetting:
    """Return a TLS setting that a user gave, whose type no checker may have seen.

    Raises:
        TypeError: it is none.
    """
    if ssl is None:
        return True  # aiohttp's older way to leave it open
    if isinstance(ssl, SSLContext | bool | Fingerprint):
        return ssl
    raise TypeError(f"ssl should be SSLContext, Fingerprint, or bool, got {ssl!r} instead.")
