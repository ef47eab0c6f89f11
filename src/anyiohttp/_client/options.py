"""What a user may say with a request, and how it goes over what the session says.

Knows: names and types of all options (aiohttp's), which of them contradict each other.
Must not know: what any option does.
Called by: `session`.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Mapping
from dataclasses import replace

from .._connect.fingerprint import Fingerprint
from .._net.deadlines import ClientTimeout
from .request import RequestKwargs, RequestOptions
from .tls_options import TLSOptions
from .unset import UNSET

__all__ = ("UNSET", "RequestKwargs", "merged", "timeout_from", "tls_options")

_TLS_NAMES = frozenset({"ssl", "verify_ssl", "ssl_context", "fingerprint", "server_hostname"})
_LIMIT_NAMES = frozenset({"max_line_size", "max_field_size", "max_headers"})
_READING_NAMES = frozenset({"read_bufsize", "auto_decompress"})
_BODY_LIMIT_NAMES = frozenset({"max_body_size", "max_decompressed_ratio"})
#: Options that are carried together, by the name of what carries them.
_GROUPS = (
    dict.fromkeys(_TLS_NAMES, "tls")
    | dict.fromkeys(_LIMIT_NAMES, "limits")
    | dict.fromkeys(_READING_NAMES, "reading")
    | dict.fromkeys(_BODY_LIMIT_NAMES, "body_limits")
)
_NONE_MEANS_DEFAULT = (
    _LIMIT_NAMES
    | _READING_NAMES
    | {
        "raise_for_status",
        "middlewares",
        "proxy",
        "proxy_auth",
        "proxy_headers",
    }
)
_REQUEST_NAMES = frozenset(RequestKwargs.__annotations__)


def merged(defaults: RequestOptions, kwargs: Mapping[str, object]) -> RequestOptions:
    """Return the session's options with those of a request put over them.

    Args:
        defaults: of the session.
        kwargs: of `RequestKwargs`, without those that say what is sent (``params``, ``data``,
            ``json``, ``cookies``, ``headers``, ``skip_auto_headers``, ``auth``).

    Raises:
        TypeError: there is no such option.
        ValueError: two of them contradict each other.
    """
    if not kwargs:
        return defaults
    changes: dict[str, object] = {}
    groups: dict[str, dict[str, object]] = {name: {} for name in set(_GROUPS.values())}
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
        changes["limits"] = defaults.limits._replace(**groups["limits"])  # type: ignore[arg-type]
    if groups["body_limits"]:
        groups["reading"]["body_limits"] = replace(
            defaults.reading.body_limits,
            **groups["body_limits"],  # type: ignore[arg-type]
        )
    if groups["reading"]:
        changes["reading"] = defaults.reading._replace(**groups["reading"])  # type: ignore[arg-type]
    # The session's credentials belong to the session's proxy, and to no other.
    if changes.get("proxy", defaults.proxy) != defaults.proxy:
        changes.setdefault("proxy_auth", None)
    return defaults._replace(**changes) if changes else defaults  # type: ignore[arg-type]


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
    ssl: ssl_module.SSLContext | bool | Fingerprint | None = True,
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
    if ssl is None:
        ssl = True  # aiohttp's older way to leave it open
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
