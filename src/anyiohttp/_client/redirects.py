"""What a redirect asks for: the next hop, and what must not go along.

Knows: the redirect rules of RFC 9110 15.4 and of the fetch standard, how ``Location`` is resolved
(RFC 3986 5), which header fields belong to an origin or to a body.
Must not know: responses, bodies, how many hops there were.
Called by: `pipeline`.

``Location`` is resolved here rather than by `URL`, which would quote it anew: escapes stay as the
server wrote them (a signature may cover them), and only what cannot be sent is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from yarl import URL

from ..exceptions import InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError
from .auth import BasicAuth, credentials_from_url
from .urls import parse_url, problem_of, same_origin, shown

__all__ = ("RedirectPlan", "plan_redirect")

REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: Fields that speak of a body, and go with it (fetch: request-body-header names; RFC 9110 15.4).
BODY_HEADERS = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-Type",
    "Expect",
    "Trailer",
    "Transfer-Encoding",
)
#: Fields that are meant for one origin.
ORIGIN_HEADERS = ("Authorization", "Cookie", "Host", "Proxy-Authorization")


class RedirectPlan(NamedTuple):
    """The next hop.

    Args:
        method: of the next hop.
        url: of the next hop: without credentials, with a fragment (RFC 9110 10.2.2). The
            ``params`` of the call are not added to it.
        drop_headers: names of fields that do not go along, however often they stand there.
        keep_body: whether the body is sent again, and thus must be replayed.
        cross_origin: whether the hop leaves the origin. No credentials of the call or the session
            and no cookies given for the call go along then.
        auth: credentials that stood in ``Location``; they win over all others.
        empty_query: whether the URL ends in a ``?`` with nothing behind it (see
            `urls.request_target`).
    """

    method: str
    url: URL
    drop_headers: tuple[str, ...] = ()
    keep_body: bool = True
    cross_origin: bool = False
    auth: BasicAuth | None = None
    empty_query: bool = False


def plan_redirect(
    status: int,
    headers: Sequence[tuple[bytes, bytes]],
    method: str,
    url: URL,
    requote: bool = True,
) -> RedirectPlan | None:
    """Return what a response asks for next; ``None`` if it is final.

    Args:
        status: its status code.
        headers: its raw header fields.
        method: of the request that it answers.
        url: of the request that it answers.
        requote: whether characters are quoted that may be sent but have no place in a URL
            (``requote_redirect_url``).

    Raises:
        InvalidUrlRedirectClientError: ``Location`` is malformed or names no host.
        NonHttpUrlRedirectClientError: it leads to a scheme other than http and https.
    """
    if status not in REDIRECTS:
        return None
    location = _location(headers)
    if not location:
        return None
    target, auth, empty_query = _resolve(url, location, requote)
    to_get = (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")
    cross_origin = not same_origin(url, target)
    dropped: tuple[str, ...] = BODY_HEADERS if to_get else ()
    if cross_origin:
        dropped += ORIGIN_HEADERS
    elif auth is not None:
        dropped += ("Authorization",)
    return RedirectPlan(
        method="GET" if to_get else method,
        url=target,
        drop_headers=dropped,
        keep_body=not to_get,
        cross_origin=cross_origin,
        auth=auth,
        empty_query=empty_query,
    )


# --- Location -------------------------------------------------------------------------------

# These are compiled when the first redirect comes, and kept by `re`.
#: RFC 3986 appendix B, with the scheme as RFC 3986 3.1 has it.
_REFERENCE = (
    r"(?s)(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):)?(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?"
)
_SLASHES = r"[/\\]{2}"
_C0_CONTROL_OR_SPACE = bytes(range(0x21))
_UNSENDABLE = r"[^\x21-\x7e]"
#: Anything but the characters of RFC 3986 3.3 to 3.5 and valid escapes.
_UNQUOTED = r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]"


def _location(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return where the response leads, as text; empty if it does not say.

    Bytes that are no UTF-8 become the surrogates that `_escape` turns into escapes of the same
    bytes, as curl and browsers send them.
    """
    for wanted in (b"location", b"uri"):
        for name, value in headers:
            if name.lower() == wanted:
                # What URL parsers do before anything else.
                text = value.strip(_C0_CONTROL_OR_SPACE).translate(None, b"\t\r\n")
                if text:
                    return text.decode("utf-8", "surrogateescape")
                break
    return ""


def _resolve(base: URL, location: str, requote: bool) -> tuple[URL, BasicAuth | None, bool]:
    """Resolve ``Location`` against the URL it answers (RFC 3986 5.2)."""
    match = re.fullmatch(_REFERENCE, location)
    assert match is not None  # every text is a reference
    scheme = (match["scheme"] or "").lower()
    authority, path, query = match["authority"], match["path"], match["query"]
    if scheme not in ("http", "https", ""):
        raise NonHttpUrlRedirectClientError(_shown(location))
    if authority is None and scheme and (scheme != base.scheme or re.match(_SLASHES, path)):
        # "http:/path" is a reference to the current URL, as browsers resolve it; "https:/path"
        # from there is nothing, and neither is "http:\\host".
        raise InvalidUrlRedirectClientError(_shown(location), "the redirect names no host")
    auth = None
    if authority is not None:
        origin, auth = _origin(scheme or base.scheme, authority, location)
    else:
        origin = base.origin()
        if not path:
            query = (base.raw_query_string or None) if query is None else query
            path = base.raw_path
        elif not path.startswith("/"):
            path = base.raw_path.rpartition("/")[0] + "/" + path
    fragment = match["fragment"]
    unquoted = _UNQUOTED if requote else _UNSENDABLE
    target = URL.build(
        scheme=origin.scheme,
        authority=_authority(origin),
        path=_without_dots(re.sub(unquoted, _escape, path)),
        query_string=re.sub(unquoted, _escape, query or ""),
        fragment=base.raw_fragment if fragment is None else re.sub(unquoted, _escape, fragment),
        encoded=True,
    )
    return target, auth, query == ""


def _origin(scheme: str, authority: str, location: str) -> tuple[URL, BasicAuth | None]:
    """Read the authority of ``Location``: host and port, and credentials."""
    try:
        origin, auth = credentials_from_url(parse_url(f"{scheme}://{authority}/"))
    except ValueError:
        raise InvalidUrlRedirectClientError(
            _shown(location), "the redirect's host or port is malformed"
        ) from None
    problem = problem_of(origin)
    if problem is not None:
        raise InvalidUrlRedirectClientError(_shown(location), problem)
    return origin, auth


def _authority(origin: URL) -> str:
    """Return host and port as they stand in a URL; unlike in ``Host``, a zone is kept."""
    host = origin.raw_host or ""
    port = None if origin.is_default_port() else origin.explicit_port
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


def _shown(location: str) -> URL | str:
    """Return ``Location`` for a message: no credentials, nothing that cannot be printed."""
    return shown(location.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986 5.2.4); escaped dots count, as browsers read them."""
    if "." not in path and "%2" not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        dots = segment.replace("%2e", ".").replace("%2E", ".")
        if dots not in (".", ".."):
            kept.append(segment)
            continue
        if dots == ".." and len(kept) > 1:
            kept.pop()
        if index == last:
            kept.append("")
    return "/".join(kept)
