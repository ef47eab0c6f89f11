"""The options of a session and of a request, and how the two are merged.

Knows: names, types and defaults of all options (aiohttp's), which of them override which.
Must not know: what any option does.
Called by: `session`; every step of the `pipeline` reads `RequestOptions`.

A session's defaults are frozen once, when it is made, so that a plain request merges nothing.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypedDict

from .._connect.fingerprint import Fingerprint
from .._message.response import ClientResponse
from .._net.deadlines import DEFAULT_TIMEOUT, ClientTimeout
from .._protocol.base import HTTP_11, HttpVersion, MessageLimits
from ..typedefs import LooseCookies, LooseHeaders, Query, StrOrURL
from .auth import BasicAuth
from .uploads import UploadTracker

if TYPE_CHECKING:
    from .request import ClientRequest

__all__ = ("RaiseForStatus", "RequestKwargs", "RequestOptions", "TLSOptions")

RaiseForStatus = bool | Callable[[ClientResponse], Awaitable[None]]
#: Runs a request: the connection itself, or the next middleware around it.
ClientHandlerType = Callable[["ClientRequest"], Awaitable[ClientResponse]]
#: Sees a request and the handler that would run it.
ClientMiddlewareType = Callable[["ClientRequest", ClientHandlerType], Awaitable[ClientResponse]]


class _Unset:
    """Marks an argument that was not given where ``None`` has a meaning."""

    def __repr__(self) -> str:
        return "<default>"


UNSET: Final = _Unset()


class RequestKwargs(TypedDict, total=False):
    """The options of ``session.request`` and its shortcuts, as aiohttp has them."""

    params: Query
    data: object
    json: object
    cookies: LooseCookies | None
    headers: LooseHeaders | None
    skip_auto_headers: Iterable[str] | None
    auth: BasicAuth | None
    allow_redirects: bool
    max_redirects: int
    compress: str | bool | None
    chunked: bool | None
    expect100: bool
    raise_for_status: RaiseForStatus | None
    read_until_eof: bool
    proxy: StrOrURL | None
    proxy_auth: BasicAuth | None
    proxy_headers: LooseHeaders | None
    timeout: ClientTimeout | float | _Unset | None
    verify_ssl: bool | None
    fingerprint: bytes | None
    ssl_context: ssl_module.SSLContext | None
    ssl: ssl_module.SSLContext | bool | Fingerprint
    server_hostname: str | None
    trace_request_ctx: object
    read_bufsize: int | None
    auto_decompress: bool | None
    max_line_size: int | None
    max_field_size: int | None
    max_headers: int | None
    middlewares: Sequence[ClientMiddlewareType] | None
    upload_tracker: UploadTracker | None


@dataclass(frozen=True, slots=True)
class TLSOptions:
    """How a request wants TLS to be done, where it differs from its connector.

    Args:
        ssl: aiohttp's meaning: ``True`` as the connector says, ``False`` no verification, a
            context, or a `Fingerprint` instead of verification.
        pin: a fingerprint in addition to verification.
        server_hostname: the name to send and verify instead of the URL's host.
    """

    ssl: ssl_module.SSLContext | bool | Fingerprint = True
    pin: Fingerprint | None = None
    server_hostname: str | None = None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Everything that decides how one request is carried out, besides what it says.

    A session holds one with its defaults; a request that changes nothing shares it.
    """

    allow_redirects: bool = True
    max_redirects: int = 10
    compress: str | bool | None = None
    chunked: bool | None = None
    expect100: bool = False
    raise_for_status: RaiseForStatus = False
    read_until_eof: bool = True
    proxy: StrOrURL | None = None
    proxy_auth: BasicAuth | None = None
    proxy_headers: LooseHeaders | None = None
    timeout: ClientTimeout = DEFAULT_TIMEOUT
    tls: TLSOptions = TLSOptions()
    read_bufsize: int = 2**16
    auto_decompress: bool = True
    limits: MessageLimits = field(default_factory=MessageLimits)
    middlewares: Sequence[ClientMiddlewareType] = ()
    version: HttpVersion = HTTP_11
    trace_request_ctx: object = None
    upload_tracker: UploadTracker | None = None

    def merged(self, kwargs: Mapping[str, object]) -> RequestOptions:
        """Return these options with those of a request put over them.

        Args:
            kwargs: of `RequestKwargs`, without those that say what is sent (``params``, ``data``,
                ``json``, ``cookies``, ``headers``, ``skip_auto_headers``, ``auth``).

        Raises:
            TypeError: there is no such option.
            ValueError: two of them contradict each other.
        """
        if not kwargs:
            return self
        changes: dict[str, object] = {}
        groups: dict[str, dict[str, object]] = {"tls": {}, "limits": {}}
        for name, value in kwargs.items():
            if name not in _REQUEST_NAMES:
                raise TypeError(f"request() got an unexpected keyword argument {name!r}")
            if value is UNSET or (value is None and name in _NONE_MEANS_DEFAULT):
                continue
            groups.get(_GROUPS.get(name, ""), changes)[name] = value
        if "timeout" in changes:
            changes["timeout"] = timeout_from(changes["timeout"])
        if groups["tls"]:
            changes["tls"] = tls_options(**groups["tls"])  # type: ignore[arg-type]
        if groups["limits"]:
            changes["limits"] = replace(self.limits, **groups["limits"])  # type: ignore[arg-type]
        # The session's credentials belong to the session's proxy, and to no other.
        if changes.get("proxy", self.proxy) != self.proxy:
            changes.setdefault("proxy_auth", None)
        return replace(self, **changes) if changes else self  # type: ignore[arg-type]


_TLS_NAMES = frozenset({"ssl", "verify_ssl", "ssl_context", "fingerprint", "server_hostname"})
_LIMIT_NAMES = frozenset({"max_line_size", "max_field_size", "max_headers"})
_GROUPS = dict.fromkeys(_TLS_NAMES, "tls") | dict.fromkeys(_LIMIT_NAMES, "limits")
_NONE_MEANS_DEFAULT = _LIMIT_NAMES | {
    "raise_for_status",
    "read_bufsize",
    "auto_decompress",
    "middlewares",
    "proxy",
    "proxy_auth",
    "proxy_headers",
}
_REQUEST_NAMES = frozenset(RequestKwargs.__annotations__)


def timeout_from(value: object) -> ClientTimeout:
    """Return what a user gave as ``timeout=``: a `ClientTimeout`, seconds in all, or ``None``.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, ClientTimeout):
        return value
    if value is None:
        return ClientTimeout()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ClientTimeout(total=value)
    raise ValueError(f"timeout must be a ClientTimeout, a number of seconds or None, not {value!r}")


def tls_options(
    ssl: ssl_module.SSLContext | bool | Fingerprint = True,
    verify_ssl: bool | None = None,
    ssl_context: ssl_module.SSLContext | None = None,
    fingerprint: bytes | None = None,
    server_hostname: str | None = None,
) -> TLSOptions:
    """Merge the two spellings of TLS options that aiohttp has had.

    Raises:
        ValueError: they contradict each other.
        TypeError: ``ssl`` is of no type that means anything.
    """
    if not isinstance(ssl, bool | ssl_module.SSLContext | Fingerprint):
        raise TypeError(
            f"ssl must be a bool, an ssl.SSLContext or a Fingerprint, not {type(ssl).__name__}"
        )
    if ssl is not True and (verify_ssl is not None or ssl_context is not None):
        raise ValueError("give either ssl= or verify_ssl= and ssl_context=, not both")
    if verify_ssl is False and ssl_context is not None:
        raise ValueError("verify_ssl=False contradicts ssl_context=, which decides by itself")
    if ssl_context is not None:
        ssl = ssl_context
    elif verify_ssl is False:
        ssl = False
    pin = Fingerprint(fingerprint) if fingerprint is not None else None
    if pin is not None and isinstance(ssl, Fingerprint):
        raise ValueError("give either fingerprint= or ssl=Fingerprint(...), not both")
    return TLSOptions(ssl, pin, server_hostname)
