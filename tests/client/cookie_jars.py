"""What the tests of cookie jars share: a clock that stands still, and what is set and sent."""

from __future__ import annotations

from yarl import URL

from anyiohttp import CookieJar

__all__ = ("HTTP", "HTTPS", "IN_2012", "Clock", "sent", "set_")

HTTP = URL("http://example.org/")
HTTPS = URL("https://example.org/")
IN_2012 = 1_330_000_000.0


class Clock:
    """Tells the time that it is set to."""

    def __init__(self, now: float = IN_2012) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def set_(jar: CookieJar, url: URL | str, *fields: str) -> None:
    """Have a jar take the ``Set-Cookie`` fields of a response."""
    jar.update_cookies_from_headers(fields, URL(url))


def sent(jar: CookieJar, url: URL | str) -> str:
    """Return the ``Cookie`` field of a request."""
    return jar.cookie_header(URL(url))
