"""What a caller's URL becomes: the one to request, and its parts as they go on the wire.

Knows: which URLs can be requested, how ``base_url`` and ``params`` change them, origins
(RFC 6454), authorities and targets (RFC 9110 4.2, RFC 9112 3.2).
Must not know: requests, sessions, connections.
Called by: `session`, `request`, `pipeline`, `redirects`, `proxies`.

All of it goes by ``raw_host``: ``URL.host`` decodes IDNA and raises for labels that do not decode.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from yarl import URL

from .._connect.url_syntax import parse_url, problem_of, strip_credentials
from ..exceptions import InvalidUrlClientError, NonHttpUrlClientError
from ..exceptions import without_credentials as shown
from ..typedefs import Query, StrOrURL

__all__ = (
    "Destination",
    "authority_of",
    "check_base_url",
    "connect_authority",
    "destination_of",
    "has_empty_query",
    "http_scheme",
    "origin_of",
    "parse_url",
    "plain_url",
    "port_of",
    "prepare_url",
    "problem_of",
    "request_target",
    "same_origin",
    "shown",
    "strip_credentials",
)

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_HTTP_SCHEMES = {"ws": "http", "wss": "https"}

#: A query in which nothing needs quoting (RFC 3986 3.4).
_ENCODED_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")


def prepare_url(
    url: StrOrURL,
    base_url: URL | None = None,
    params: Query = None,
    default_params: Query = None,
) -> URL:
    """Return the URL to request; it still holds its credentials and its fragment.

    Args:
        url: absolute, or relative to ``base_url``; an absolute one overrides ``base_url``.
        base_url: as `check_base_url` returned it.
        params: appended to the URL's own query. A string that is already percent-encoded is
            taken as it is.
        default_params: the session's; those whose name stands neither in the URL nor in
            ``params`` come first among the appended ones.

    Raises:
        InvalidUrlClientError: the URL is malformed, relative without a base, or has no host or
            no port that can be connected to.
        NonHttpUrlClientError: its scheme is none of http, https, ws, wss.
        TypeError: the URL or a parameter is of a type that is no text or number.
        ValueError: a parameter is an infinite number or none at all.
    """
    try:
        parsed = parse_url(url)
        if base_url is not None and not parsed.absolute:
            parsed = base_url.join(parsed)
        if parsed.raw_host and not parsed.raw_host.isascii():
            # Only encoded=True leaves such a host; everything else stays as given.
            parsed = parsed.with_host(parsed.raw_host)
    except ValueError as exc:
        raise InvalidUrlClientError(shown(url), _reason(exc)) from None
    if parsed.scheme and parsed.scheme not in _DEFAULT_PORTS:
        raise NonHttpUrlClientError(shown(parsed))
    problem = problem_of(parsed)
    if problem is not None:
        raise InvalidUrlClientError(shown(url), problem)
    if default_params:
        parsed = _extend(parsed, _unless_given(default_params, parsed, params))
    return _extend(parsed, params) if params else parsed


@lru_cache(maxsize=256)
def plain_url(url: str) -> tuple[URL, bool]:
    """Return what `prepare_url` and `has_empty_query` say of a text that needs nothing else.

    It must hold no ``@``: what may be a password is not kept.

    Raises: as `prepare_url`.
    """
    return prepare_url(url), has_empty_query(url)


def check_base_url(base_url: StrOrURL | None) -> URL | None:
    """Return a session's ``base_url`` as a URL.

    Raises:
        InvalidUrlClientError: it cannot be requested, or its path does not end in ``/``, so that
            it is unclear where relative URLs lead.
        NonHttpUrlClientError: its scheme is none of http, https, ws, wss.
    """
    if base_url is None:
        return None
    url = prepare_url(base_url)
    if not url.raw_path.endswith("/"):
        raise InvalidUrlClientError(shown(url), "base_url must have a trailing '/'")
    return url


def _reason(exc: ValueError) -> str:
    """Return what yarl found wrong, unless it quotes the authority and thus a password."""
    text = str(exc)
    return "the URL is malformed" if "@" in text else text


# --- params ---------------------------------------------------------------------------------


def _extend(url: URL, params: Query) -> URL:
    """Append ``params`` to the query."""
    if not isinstance(params, str):
        return url.extend_query(params)
    encoded = params
    if not _ENCODED_QUERY.fullmatch(encoded):
        # Read as part of a URL, so that valid escapes stay and the rest is quoted.
        encoded = URL("?" + encoded.replace("#", "%23")).raw_query_string
    if not encoded:
        return url
    own = url.raw_query_string
    return URL.build(
        scheme=url.scheme,
        authority=url.raw_authority,
        path=url.raw_path,
        query_string=f"{own}&{encoded}" if own else encoded,
        fragment=url.raw_fragment,
        encoded=True,
    )


def _unless_given(defaults: Query, url: URL, params: Query) -> list[tuple[str, str]]:
    """Return the session's parameters that the request does not give by itself."""
    given = set(url.query)
    if params:
        given.update(_extend(URL("/"), params).query)
    query = _extend(URL("/"), defaults).query
    return [(name, value) for name, value in query.items() if name not in given]


# --- parts on the wire ----------------------------------------------------------------------


def http_scheme(scheme: str) -> str:
    """Return the scheme under which HTTP knows it: ``ws`` is ``http``, ``wss`` is ``https``."""
    return _HTTP_SCHEMES.get(scheme, scheme)


def authority_of(url: URL) -> str:
    """Return the value of ``Host``: no credentials, no default port, no zone (RFC 6874 1).

    A trailing dot of the host stays: it is part of the name the server is asked for.
    """
    host = _bracketed(url)
    port = url.explicit_port
    if port is None or port == _DEFAULT_PORTS.get(url.scheme):
        return host
    return f"{host}:{port}"


def connect_authority(url: URL) -> str:
    """Return the target of a CONNECT to the URL's origin; always with a port (RFC 9110 9.3.6)."""
    return f"{_bracketed(url)}:{port_of(url)}"


def request_target(url: URL, *, empty_query: bool = False) -> str:
    """Return path and query as they go out (RFC 9112 3.2.1), never with a fragment.

    Args:
        url: the URL to request.
        empty_query: whether the URL ends in a ``?`` with nothing behind it, which `URL` drops.
    """
    target = url.raw_path_qs
    if not target.startswith("/"):
        target = "/" + target
    return target + "?" if empty_query and not url.raw_query_string else target


def has_empty_query(url: StrOrURL) -> bool:
    """Whether a URL as given ends in a ``?`` with nothing behind it; a `URL` has dropped it."""
    if not isinstance(url, str):
        return False
    _, mark, query = url.partition("#")[0].partition("?")
    return bool(mark) and not query.strip()


def _bracketed(url: URL) -> str:
    host = (url.raw_host or "").partition("%")[0]
    return f"[{host}]" if ":" in host else host


def port_of(url: URL) -> int | None:
    """Return the port that a URL leads to, named or by default."""
    return url.explicit_port or _DEFAULT_PORTS.get(url.scheme)


class Destination(NamedTuple):
    """What a request says of its URL, and where it goes.

    Attributes:
        scheme: as HTTP knows it.
        authority: the value of ``Host``.
        target: path and query.
        host: for messages: a name and a port.
        origin: scheme, host and port.
    """

    scheme: str
    authority: str
    target: str
    host: str
    origin: tuple[str, str | None, int | None]


@lru_cache(maxsize=256)
def destination_of(url: URL) -> Destination:
    """Return the parts of a URL without credentials that each request of it needs anew."""
    return Destination(
        http_scheme(url.scheme),
        authority_of(url),
        request_target(url),
        f"{url.raw_host}:{url.port}",
        (url.scheme, url.raw_host, url.port),
    )


# --- origins and credentials ----------------------------------------------------------------


def origin_of(url: URL) -> URL:
    """Return scheme, host and port, and nothing else. The URL must be absolute."""
    return url.origin()


def same_origin(first: URL, second: URL) -> bool:
    """Whether two URLs have scheme, host and port in common.

    ``ws`` and ``http`` (``wss`` and ``https``) count as one scheme: the handshake is a request to
    the same server.
    """
    return (
        http_scheme(first.scheme) == http_scheme(second.scheme)
        and (first.raw_host or "").lower() == (second.raw_host or "").lower()
        and port_of(first) == port_of(second)
    )
