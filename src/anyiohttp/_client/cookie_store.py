"""Stored cookies: by domain and path, in order, and gone when their time is over.

Knows: domain and path matching, public suffixes, the order of retrieval and the limits of
RFC 6265bis (5.1.3, 5.1.4, 5.7, 5.8).
Must not know: URLs, who may set what, the grammar of ``Set-Cookie``, files.
Called by: `cookies`, and `cookie_files` for what a stored cookie is.

Each stored cookie has one identity: domain, host-only flag, path, name. Expiry needs no task: the
deadlines are in a heap whose head is looked at whenever the jar is used.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.cookies import Morsel
from typing import Final, NamedTuple

from .set_cookie import Cookie, RefusedCookieError, make_morsel

__all__ = (
    "CookieStore",
    "Origin",
    "StoredCookie",
    "default_path",
    "domain_matches",
    "is_address",
    "is_public_suffix",
    "path_matches",
    "scope",
)

#: RFC 6265bis 6.1 asks for at least 50 a domain and 3,000 in all; the numbers are Firefox's.
MAX_PER_DOMAIN: Final = 180
KEPT_PER_DOMAIN: Final = 150
MAX_COOKIES: Final = 3300
KEPT_COOKIES: Final = 3000

_Identity = tuple[str, bool, str, str]


@functools.cache
def _public_suffixes() -> Callable[[str], bool] | None:
    """The public suffix list, read at the first ``Domain`` attribute; None if not installed."""
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return None
    return PublicSuffixList().is_public


def is_public_suffix(domain: str) -> bool:
    """Whether unrelated parties share ``domain``, so that no cookie may be set for all of it.

    A single label always is one; ``co.uk`` and the like only where ``publicsuffixlist`` is
    installed.
    """
    domain = domain.rstrip(".")
    if "." not in domain:
        return True
    listed = _public_suffixes()
    return listed is not None and listed(domain)


def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address; one that ends in a number can only be one."""
    return ":" in host or host.rstrip(".").rpartition(".")[2].isdigit()


def domain_matches(host: str, domain: str) -> bool:
    """RFC 6265bis 5.1.3, for hosts in lower case."""
    return host == domain or (host.endswith("." + domain) and not is_address(host))


def path_matches(path: str, cookie_path: str) -> bool:
    """RFC 6265bis 5.1.4: whether a request for ``path`` is within ``cookie_path``."""
    return path.startswith(cookie_path) and (
        len(path) == len(cookie_path) or cookie_path.endswith("/") or path[len(cookie_path)] == "/"
    )


def default_path(path: str) -> str:
    """RFC 6265bis 5.1.4: the path of a cookie that names none."""
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"


def scope(domain: str, host: str) -> tuple[str, bool]:
    """Return the domain a cookie is for and whether for that host only (RFC 6265bis 5.7).

    Args:
        domain: of the ``Domain`` attribute, empty if there was none.
        host: that sets the cookie; empty if the caller does, for all hosts.

    Raises:
        RefusedCookieError: ``host`` may not set cookies for ``domain``.
    """
    if not domain:
        return host, bool(host)
    if domain == (host or domain):
        return domain, is_address(domain) or is_public_suffix(domain)
    if not domain_matches(host, domain):
        raise RefusedCookieError("its Domain is another host's")
    if is_public_suffix(domain):
        raise RefusedCookieError("its Domain is a public suffix")
    return domain, False


class Origin(NamedTuple):
    """What counts of a URL: where a cookie comes from, or where it would go."""

    host: str
    path: str
    secure: bool


@dataclass(slots=True, eq=False)
class StoredCookie:
    """One cookie of the store; ``domain`` is empty if it goes to every host."""

    cookie: Cookie
    domain: str
    host_only: bool
    path: str
    deadline: float | None
    created: int = 0
    used: int = 0

    @property
    def identity(self) -> _Identity:
        return self.domain, self.host_only, self.path, self.cookie.name

    @property
    def pair(self) -> str:
        return f"{self.cookie.name}={self.cookie.value}"

    def morsel(self) -> Morsel[str] | None:
        attributes = dict(self.cookie.attributes)
        attributes["domain"] = self.domain
        attributes["path"] = self.path
        return make_morsel(self.cookie.name, self.cookie.value, attributes.items())


class CookieStore:
    """Cookies by domain, then path; drops what has expired and what is too much."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._all: dict[_Identity, StoredCookie] = {}
        self._domains: dict[str, dict[str, list[StoredCookie]]] = {}
        self._secure: dict[str, list[StoredCookie]] = {}
        self._deadlines: list[tuple[float, int, StoredCookie]] = []
        self._ticks = itertools.count(1)

    def __len__(self) -> int:
        if self._deadlines:
            self.expire()
        return len(self._all)

    def __iter__(self) -> Iterator[StoredCookie]:
        return iter(sorted(self._all.values(), key=lambda stored: stored.created))

    def put(self, stored: StoredCookie) -> None:
        """Store, in place of one of the same identity, whose creation time it keeps."""
        old = self._all.get(stored.identity)
        if old is not None:
            self.remove(old)
        if stored.deadline is not None and stored.deadline <= self._clock():
            return
        stored.used = next(self._ticks)
        stored.created = old.created if old is not None else stored.used
        self._all[stored.identity] = stored
        self._domains.setdefault(stored.domain, {}).setdefault(stored.path, []).append(stored)
        if stored.cookie.secure:
            self._secure.setdefault(stored.cookie.name, []).append(stored)
        if stored.deadline is not None:
            heapq.heappush(self._deadlines, (stored.deadline, stored.used, stored))
        self._limit(stored.domain)

    def remove(self, stored: StoredCookie) -> None:
        del self._all[stored.identity]
        paths = self._domains[stored.domain]
        paths[stored.path].remove(stored)
        if not paths[stored.path]:
            del paths[stored.path]
            if not paths:
                del self._domains[stored.domain]
        if stored.cookie.secure:
            self._secure[stored.cookie.name].remove(stored)
            if not self._secure[stored.cookie.name]:
                del self._secure[stored.cookie.name]

    def expire(self) -> None:
        """Drop what has expired, in O(log n) each."""
        deadlines = self._deadlines
        if not deadlines:
            return
        now = self._clock()
        while deadlines and deadlines[0][0] <= now:
            stored = heapq.heappop(deadlines)[2]
            if self._all.get(stored.identity) is stored:
                self.remove(stored)
        if len(deadlines) > 2 * len(self._all) + 100:
            # Cookies that were replaced leave their old deadlines behind.
            live = [entry for entry in deadlines if self._all.get(entry[2].identity) is entry[2]]
            heapq.heapify(live)
            self._deadlines = live

    def candidates(self, origin: Origin) -> Iterator[StoredCookie]:
        """Yield what matches the origin's host and path (RFC 6265bis 5.8.3)."""
        host = origin.host
        alone = is_address(host)
        domain = host
        while domain:
            for path, bucket in self._domains.get(domain, {}).items():
                if path_matches(origin.path, path):
                    for stored in bucket:
                        if domain == host or not stored.host_only:
                            yield stored
            domain = "" if alone else domain.partition(".")[2]

    def shared(self, origin: Origin) -> list[StoredCookie]:
        """Return what goes to every host."""
        return [
            stored
            for path, bucket in self._domains.get("", {}).items()
            if path_matches(origin.path, path)
            for stored in bucket
        ]

    def touch(self, chosen: Iterable[StoredCookie]) -> None:
        """Note that these were used; the others are dropped before them."""
        tick = next(self._ticks)
        for stored in chosen:
            stored.used = tick

    def overlays_secure(self, stored: StoredCookie) -> bool:
        """Whether it would hide a secure cookie (RFC 6265bis 5.7 step 16)."""
        return any(
            path_matches(stored.path, secure.path)
            and (
                domain_matches(stored.domain, secure.domain)
                or domain_matches(secure.domain, stored.domain)
            )
            for secure in self._secure.get(stored.cookie.name, ())
        )

    def _limit(self, domain: str) -> None:
        """Drop the least recently used, of one domain the insecure ones first."""
        # What the caller gave to share is no server's doing and has no limit of its own.
        paths = self._domains[domain].values() if domain else ()
        if sum(map(len, paths)) > MAX_PER_DOMAIN:
            of_domain = itertools.chain.from_iterable(paths)
            ranked = sorted(of_domain, key=lambda stored: (stored.cookie.secure, stored.used))
            for stored in ranked[:-KEPT_PER_DOMAIN]:
                self.remove(stored)
        if len(self._all) > MAX_COOKIES:
            ranked = sorted(self._all.values(), key=lambda stored: stored.used)
            for stored in ranked[:-KEPT_COOKIES]:
                self.remove(stored)
