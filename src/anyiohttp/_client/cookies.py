"""The cookie jar: which cookies are taken, and which go with a request.

Knows: URLs, which rules of RFC 6265bis (5.7) hold for whom, what ``cookies=`` of a request means.
Must not know: requests, responses, redirects; the grammar of ``Set-Cookie`` is `set_cookie`'s,
domains, paths and expiry are `cookie_store`'s, the file format is `cookie_files`'s.
Called by: the pipeline around each hop, and users.

Two kinds of cookies come in. What a server set (``Set-Cookie`` fields, or morsels together with
the URL of a response) is judged by all rules of RFC 6265bis; a refused cookie is logged and
skipped. What the caller gives is taken at its word; what could not be sent raises. Cookies that
the caller gives without a URL are shared: they go to every host.
"""

from __future__ import annotations

import re
import time
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    ValuesView,
)
from http.cookies import BaseCookie, Morsel, SimpleCookie
from pathlib import Path
from types import MappingProxyType
from typing import Final

from yarl import URL

from ..abc import AbstractCookieJar
from ..exceptions import InvalidRequestError
from ..typedefs import LooseCookies, PathLike, StrOrURL
from .cookie_files import read_cookies, write_cookies
from .cookie_store import (
    CookieStore,
    Origin,
    StoredCookie,
    default_path,
    domain_matches,
    is_address,
    scope,
)
from .logs import client_logger
from .set_cookie import (
    Cookie,
    RefusedCookieError,
    check_cookie_pair,
    make_cookie,
    make_morsel,
    parse_response_cookies,
    parse_set_cookies,
)

__all__ = ("CookieJar", "DummyCookieJar", "merge_cookie_header", "parse_response_cookies")

#: RFC 6265bis 5.6.1 and 5.6.2: no server can ask for more than 400 days.
MAX_AGE: Final = 400 * 24 * 3600.0

_NO_URL: Final = URL()
_SECURE_SCHEMES = frozenset({"https", "wss"})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_NAME_BREAKERS = re.compile(r"[\x00-\x20\x7f;=,]")
_CODEC = SimpleCookie()


def _now() -> float:
    # Looked up at each call, so that a test which turns `time.time` is obeyed.
    return time.time()


class _CookiesView(Mapping[tuple[str, str], SimpleCookie]):
    """What a jar holds at the time of asking, by domain and path."""

    def __init__(self, jar: Iterable[Morsel[str]]) -> None:
        self._jar = jar

    def _now(self) -> dict[tuple[str, str], SimpleCookie]:
        shown: dict[tuple[str, str], SimpleCookie] = {}
        for morsel in self._jar:
            group = shown.setdefault((morsel["domain"], morsel["path"]), SimpleCookie())
            dict.__setitem__(group, morsel.key, morsel)
        return shown

    def __getitem__(self, key: tuple[str, str]) -> SimpleCookie:
        return self._now()[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __repr__(self) -> str:
        return repr(self._now())

    # Mapping's own would ask once for each key.

    def items(self) -> ItemsView[tuple[str, str], SimpleCookie]:
        return self._now().items()

    def values(self) -> ValuesView[SimpleCookie]:
        return self._now().values()


class CookieJar(AbstractCookieJar):
    """Stores cookies by RFC 6265bis and gives back those for a URL.

    Args:
        unsafe: also take cookies from hosts that are IP addresses, and send them there.
        quote_cookie: quote values that the caller gives, where ``http.cookies`` would. What a
            server set goes back exactly as it came.
        treat_as_secure_origin: origins over plain http that count as secure.
        loop: accepted for aiohttp's sake, not used.
        clock: returns the time in seconds since the epoch; ``time.time`` by default.

    Any task may use a jar; no call waits, and only `save` and `load` touch a file.
    """

    def __init__(
        self,
        *,
        unsafe: bool = False,
        quote_cookie: bool = True,
        treat_as_secure_origin: StrOrURL | Iterable[StrOrURL] | None = None,
        loop: object = None,
        clock: Callable[[], float] = _now,
    ) -> None:
        origins = treat_as_secure_origin
        if origins is None:
            origins = ()
        elif isinstance(origins, (str, URL)):
            origins = (origins,)
        self._unsafe = unsafe
        self._quote_cookie = quote_cookie
        self._secure_origins = frozenset(URL(origin).origin() for origin in origins)
        self._clock = clock
        self._store = CookieStore(clock)

    @property
    def unsafe(self) -> bool:
        """Whether hosts that are IP addresses may have cookies."""
        return self._unsafe

    @property
    def quote_cookie(self) -> bool:
        """Whether values that the caller gives are quoted where needed."""
        return self._quote_cookie

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """The origins that count as secure over plain http."""
        return self._secure_origins

    @property
    def cookies(self) -> Mapping[tuple[str, str], SimpleCookie]:
        """What is stored, by domain and path; a view that follows the jar."""
        return MappingProxyType(_CookiesView(self))

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """Domain, path and name of the cookies that go to one host only."""
        self._store.expire()
        return frozenset(
            (stored.domain, stored.path, stored.cookie.name)
            for stored in self._store
            if stored.host_only
        )

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[Morsel[str]]:
        self._store.expire()
        morsels = (stored.morsel() for stored in self._store)
        return iter([morsel for morsel in morsels if morsel is not None])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self)} cookies>"

    def clear(self, predicate: Callable[[Morsel[str]], bool] | None = None) -> None:
        if predicate is None:
            self._store = CookieStore(self._clock)
            return
        self._store.expire()
        for stored in self._store:
            morsel = stored.morsel()
            if morsel is not None and predicate(morsel):
                self._store.remove(stored)

    def clear_domain(self, domain: str) -> None:
        domain = domain.removeprefix(".").lower()
        for stored in self._store:
            if domain_matches(stored.domain, domain):
                self._store.remove(stored)

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Take in ``Set-Cookie`` field values of a response from ``response_url``.

        What RFC 6265bis refuses is logged and skipped; nothing is raised.
        """
        origin = self._origin(response_url)
        if not headers or self._refuses(origin):
            return
        for cookie in parse_set_cookies(headers):
            self._take_from_server(cookie, origin)

    def update_cookies(self, cookies: LooseCookies, response_url: URL = _NO_URL) -> None:
        """Take in names with values, or morsels.

        With a ``response_url`` they belong to its host, and morsels are judged as if it had set
        them; without one they go to every host, or to a morsel's own domain.

        Raises:
            InvalidRequestError: a name or value of the caller's that could not be sent.
        """
        origin = self._origin(response_url)
        if self._refuses(origin):
            return
        if isinstance(cookies, Mapping):
            cookies = [(str(name), value) for name, value in cookies.items()]
        for name, value in cookies:
            if isinstance(value, Morsel) and value.key is not None:
                cookie = self._from_morsel(value)
                if origin.host:
                    self._take_from_server(cookie, origin)
                    continue
            else:
                text = "" if isinstance(value, Morsel | BaseCookie) else str(value)
                cookie = make_cookie(name, self._encode(text))
            self._take_from_caller(cookie, origin)

    def filter_cookies(self, request_url: URL = _NO_URL) -> BaseCookie[str]:
        """Return the cookies to send to ``request_url``; of one name only the most specific."""
        chosen = SimpleCookie()
        if len(self):
            for stored in self._choose(request_url):
                morsel = make_morsel(stored.cookie.name, stored.cookie.value)
                if morsel is not None and morsel.key not in chosen:
                    dict.__setitem__(chosen, morsel.key, morsel)
        return chosen

    def cookie_header(self, request_url: URL) -> str:
        """Return the value of ``Cookie`` for ``request_url``, longest path first, then oldest.

        Empty if there is nothing to send (RFC 6265bis 5.8.3 and 5.8.4).
        """
        if not len(self):
            return ""
        return "; ".join([stored.pair for stored in self._choose(request_url)])

    def save(self, file_path: PathLike) -> None:
        """Write all cookies, those of the session too, to a JSON file only its owner can read.

        A file that is there already keeps its mode.

        The file is replaced in one step or, if that fails, left as it was.

        Raises:
            OSError: the file cannot be written.
        """
        self._store.expire()
        write_cookies(Path(file_path), self._store)

    def load(self, file_path: PathLike) -> None:
        """Replace all cookies by those of a file that `save` wrote, ours or aiohttp's.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds something else; the jar is as it was.
        """
        store = CookieStore(self._clock)
        for stored in read_cookies(Path(file_path)):
            store.put(stored)
        self._store = store

    def _origin(self, url: URL) -> Origin:
        host = (url.raw_host or "").lower()
        secure = url.scheme in _SECURE_SCHEMES
        if not secure and self._secure_origins and url.scheme and host:
            secure = url.origin() in self._secure_origins
        return Origin(host, url.raw_path or "/", secure)

    def _refuses(self, origin: Origin) -> bool:
        return not self._unsafe and is_address(origin.host)

    def _choose(self, url: URL) -> list[StoredCookie]:
        origin = self._origin(url)
        chosen = [] if self._refuses(origin) else list(self._store.candidates(origin))
        names = {stored.cookie.name for stored in chosen}
        chosen += [
            stored for stored in self._store.shared(origin) if stored.cookie.name not in names
        ]
        if not origin.secure:
            chosen = [stored for stored in chosen if not stored.cookie.secure]
        if len(chosen) > 1:
            chosen.sort(key=lambda stored: (-len(stored.path), stored.created))
        self._store.touch(chosen)
        return chosen

    def _take_from_server(self, cookie: Cookie, origin: Origin) -> None:
        """Store, or refuse by RFC 6265bis 5.7."""
        try:
            self._store.put(self._judge(cookie, origin))
        except RefusedCookieError as exc:
            client_logger().debug("Ignored cookie %r of %s: %s", cookie.name, origin.host, exc)

    def _judge(self, cookie: Cookie, origin: Origin) -> StoredCookie:
        if not cookie.name:
            # RFC 6265bis would store it; RFC 6265, its test suite and other clients do not, and
            # sent as a bare value it could pass for any other cookie.
            raise RefusedCookieError("it has no name")
        check_cookie_pair(cookie.name, cookie.value)
        domain, host_only = scope(cookie.domain, origin.host)
        path = cookie.path or default_path(origin.path)
        if " " in path or "\t" in path:
            # As where a semicolon was forgotten: `Path=/ Max-Age=1`. No request has such a path.
            raise RefusedCookieError("its Path has white space")
        if cookie.secure and not origin.secure:
            raise RefusedCookieError("Secure from an insecure origin")
        prefix = cookie.name.lower()
        if prefix.startswith(("__secure-", "__host-")) and not cookie.secure:
            raise RefusedCookieError("its name demands Secure")
        if prefix.startswith("__host-") and not (host_only and cookie.has_path and path == "/"):
            raise RefusedCookieError("its name demands Path=/ and no Domain")
        stored = StoredCookie(cookie, domain, host_only, path, self._deadline(cookie, MAX_AGE))
        if not origin.secure and self._store.overlays_secure(stored):
            raise RefusedCookieError("a Secure cookie is there already")
        return stored

    def _take_from_caller(self, cookie: Cookie, origin: Origin) -> None:
        if not cookie.name or _NAME_BREAKERS.search(cookie.name):
            raise InvalidRequestError(f"Illegal cookie name {cookie.name!r}")
        if _CONTROLS.search(cookie.value):
            raise InvalidRequestError(f"Control character in the value of cookie {cookie.name!r}")
        domain, host_only = scope(cookie.domain, origin.host)
        path = cookie.path or default_path(origin.path)
        self._store.put(StoredCookie(cookie, domain, host_only, path, self._deadline(cookie)))

    def _deadline(self, cookie: Cookie, longest: float = 1e12) -> float | None:
        """The time a cookie ends, or None for a session's (RFC 6265bis 5.7 step 5)."""
        if cookie.max_age is not None:
            # Compared as int: an age of a thousand digits is no float.
            return self._clock() + min(cookie.max_age, longest) if cookie.max_age > 0 else 0.0
        if cookie.expires is not None:
            return min(cookie.expires, self._clock() + longest)
        return None

    def _encode(self, value: str) -> str:
        return str(_CODEC.value_encode(value)[1]) if self._quote_cookie else value

    def _from_morsel(self, morsel: Morsel[str]) -> Cookie:
        # As aiohttp: what is quoted already stays as it is, anything else is quoted as needed.
        if self._quote_cookie and morsel.coded_value.startswith('"'):
            value = morsel.coded_value
        else:
            value = self._encode(morsel.value)
        attributes = [
            (key, str(text))
            for key, text in morsel.items()
            if text != "" and text is not None and text is not False
        ]
        if morsel["domain"].endswith("."):
            attributes.append(("domain", ""))
        return make_cookie(morsel.key, value, attributes)


class DummyCookieJar(AbstractCookieJar):
    """A jar that stores nothing and sends nothing."""

    def __init__(self, *, loop: object = None) -> None:
        pass

    @property
    def unsafe(self) -> bool:
        """False, as a `CookieJar` has it by default."""
        return False

    @property
    def quote_cookie(self) -> bool:
        """True, as a `CookieJar` has it by default."""
        return True

    @property
    def treat_as_secure_origin(self) -> frozenset[URL]:
        """No origins."""
        return frozenset()

    @property
    def cookies(self) -> Mapping[tuple[str, str], SimpleCookie]:
        """Nothing."""
        return MappingProxyType({})

    @property
    def host_only_cookies(self) -> frozenset[tuple[str, str, str]]:
        """Nothing."""
        return frozenset()

    def __iter__(self) -> Iterator[Morsel[str]]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def clear(self, predicate: Callable[[Morsel[str]], bool] | None = None) -> None:
        pass

    def clear_domain(self, domain: str) -> None:
        pass

    def update_cookies(self, cookies: LooseCookies, response_url: URL = _NO_URL) -> None:
        pass

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        pass

    def filter_cookies(self, request_url: URL = _NO_URL) -> BaseCookie[str]:
        return SimpleCookie()

    def cookie_header(self, request_url: URL) -> str:
        return ""


def merge_cookie_header(
    jar_header: str,
    cookies: LooseCookies | None,
    existing: str | None,
    *,
    url: URL | None = None,
    jar: AbstractCookieJar | None = None,
) -> str:
    """Return the value of ``Cookie`` for one request; empty if there is nothing to send.

    Of one name, ``cookies`` go before the jar's, and those before an existing header's, as in
    aiohttp. Everything else is kept as given.

    Args:
        jar_header: what the jar holds for the request.
        cookies: of the request only.
        existing: the ``Cookie`` header among the request's headers.
        url: of the request; morsels that are not for it (``Secure``, ``Domain``, ``Path``) stay
            out. Without it all are sent.
        jar: whose settings (quoting, secure origins) hold for ``cookies``.

    Raises:
        InvalidRequestError: a name or value in ``cookies`` could not be sent.
    """
    given = _header_of(cookies, url, jar) if cookies else ""
    headers = [header for header in (existing, jar_header, given) if header]
    if len(headers) < 2:
        return headers[0] if headers else ""
    merged: list[str] = []
    names: set[str] = set()
    for header in reversed(headers):
        pairs = [pair for part in header.split(";") if (pair := part.strip())]
        merged[:0] = [pair for pair in pairs if _name_of(pair) not in names]
        names.update(map(_name_of, pairs))
    return "; ".join(merged)


def _name_of(pair: str) -> str:
    return pair.partition("=")[0].rstrip()


def _header_of(cookies: LooseCookies, url: URL | None, jar: AbstractCookieJar | None) -> str:
    # A jar that lasts for one request: whoever writes a jar of his own need not have settings.
    given = CookieJar(
        unsafe=getattr(jar, "unsafe", False),
        quote_cookie=getattr(jar, "quote_cookie", True),
        treat_as_secure_origin=getattr(jar, "treat_as_secure_origin", None),
    )
    given.update_cookies(cookies)
    if url is not None:
        return given.cookie_header(url)
    return "; ".join([f"{morsel.key}={morsel.coded_value}" for morsel in given])
