"""What users may implement themselves: abstract base classes of the public API.

Knows: their signatures.
Must not know: any implementation.
Called by: the layers that use an implementation, and users who write one.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from http.cookies import BaseCookie, Morsel
from typing import TypedDict

from yarl import URL

from .typedefs import LooseCookies

__all__ = ("AbstractCookieJar", "AbstractResolver", "ResolveResult")


class ResolveResult(TypedDict):
    """One address of a host (aiohttp's form).

    ``hostname`` is what was asked for, ``host`` the address; ``port``, ``family``, ``proto`` and
    ``flags`` are ``getaddrinfo``'s.
    """

    hostname: str
    host: str
    port: int
    family: int
    proto: int
    flags: int


class AbstractResolver(ABC):
    """Finds the addresses of a host."""

    @abstractmethod
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``, best first.

        Raises:
            OSError: there is none, or nobody could be asked.

        A cancelled lookup must leave nothing behind.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give up what the resolver holds."""


class AbstractCookieJar(Sized, Iterable["Morsel[str]"]):
    """Keeps cookies between requests and decides which go where."""

    @abstractmethod
    def __iter__(self) -> Iterator[Morsel[str]]: ...

    @abstractmethod
    def clear(self, predicate: Callable[[Morsel[str]], bool] | None = None) -> None:
        """Remove all cookies, or those for which ``predicate(morsel)`` is true."""

    @abstractmethod
    def clear_domain(self, domain: str) -> None:
        """Remove the cookies of a domain and its subdomains."""

    @abstractmethod
    def update_cookies(
        self,
        cookies: LooseCookies,
        response_url: URL = URL(),  # noqa: B008 - a constant, as in aiohttp
    ) -> None:
        """Take in cookies as if ``response_url`` had set them."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Take in ``Set-Cookie`` field values, one cookie each.

        The default parses them with ``http.cookies`` and calls `update_cookies`.
        """
        from http.cookies import CookieError, SimpleCookie

        for header in headers:
            try:
                cookie: SimpleCookie = SimpleCookie(header)
            except CookieError:
                continue
            self.update_cookies(cookie, response_url)

    @abstractmethod
    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        """Return the cookies to send to ``request_url``."""

    def cookie_header(self, request_url: URL) -> str:
        """Return the value of ``Cookie`` for ``request_url``; empty if there is nothing to send.

        Unlike `filter_cookies`, it can hold several cookies of one name. The default is made of
        `filter_cookies`.
        """
        return "; ".join(
            f"{name}={morsel.coded_value}"
            for name, morsel in self.filter_cookies(request_url).items()
        )
