"""One ``Set-Cookie`` field value, read as RFC 6265bis section 5.6 says.

Knows: the grammar of ``Set-Cookie``, its attributes, cookie dates and the limits of their sizes.
Must not know: who sent the field, what is stored, what time it is.
Called by: `cookies`, and `response.cookies` by way of `parse_response_cookies`.

What a field says and whether a jar takes it are two questions; only the first is answered here.
Servers break every rule of the grammar, so nearly everything is a cookie: what is refused is what
could not be sent back safely or what every browser refuses too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import NamedTuple

from .logs import client_logger

__all__ = (
    "Cookie",
    "RefusedCookieError",
    "check_cookie_pair",
    "make_cookie",
    "make_morsel",
    "parse_cookie_date",
    "parse_response_cookies",
    "parse_set_cookie",
    "parse_set_cookies",
)

#: RFC 6265bis 5.6: longer pairs are refused, longer attribute values are ignored (octets).
MAX_PAIR_SIZE = 4096
MAX_ATTRIBUTE_SIZE = 1024

# The patterns here are compiled when the first cookie comes, and kept by `re`.
_WHITESPACE = " \t"
# Tab is the one control character that RFC 6265bis lets pass.
_CONTROLS = r"[\x00-\x08\x0a-\x1f\x7f]"
_MAX_AGE = r"-?[0-9]+"
_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}
_FLAGS = frozenset({"secure", "httponly", "partitioned"})

# RFC 6265bis 5.1.1; the productions allow any text after the part that counts, but no more digits.
_DATE_TOKENS = r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+"
_TIME = r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])"
_DAY = r"[0-9]{1,2}(?![0-9])"
_YEAR = r"[0-9]{2,4}(?![0-9])"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_EARLIEST_YEAR = 1601

_CODEC = SimpleCookie()


class RefusedCookieError(ValueError):
    """A cookie cannot be taken; the message says why and never holds its value."""


class _IllegalNameError(RefusedCookieError):
    pass


class Cookie(NamedTuple):
    """What one ``Set-Cookie`` field says, before any jar has judged it.

    Args:
        name: as received, without surrounding white space; empty if there was none.
        value: as received, quotes included.
        attributes: every attribute in its order, names in lower case, values as received.
        domain: of ``Domain``, in lower case and without the leading dot; empty if there was none.
        path: of ``Path``; empty means the default of the request's path (RFC 6265bis 5.1.4).
        expires: of ``Expires``, in seconds since the epoch.
        max_age: of ``Max-Age``, in seconds; it goes before ``expires``.
        secure: whether ``Secure`` was there.
        httponly: whether ``HttpOnly`` was there.
        samesite: ``Strict``, ``Lax``, ``None`` or empty. Stored, not enforced: a client without
            pages has no site that a request could come from.
    """

    name: str
    value: str
    attributes: tuple[tuple[str, str], ...] = ()
    domain: str = ""
    path: str = ""
    expires: float | None = None
    max_age: int | None = None
    secure: bool = False
    httponly: bool = False
    samesite: str = ""

    @property
    def has_path(self) -> bool:
        """Whether there was a ``Path`` at all; the ``__Host-`` prefix asks for one."""
        return any(name == "path" for name, _ in self.attributes)


def parse_set_cookie(field: str) -> Cookie:
    """Parse one field value (RFC 6265bis 5.6).

    Raises:
        RefusedCookieError: it is empty, too long, holds control characters, or its name holds a
            comma: that is two fields folded into one, which would become a cookie nobody set.
    """
    if re.search(_CONTROLS, field):
        raise RefusedCookieError("a control character in a Set-Cookie field")
    pair, *parts = field.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(_WHITESPACE), value.strip(_WHITESPACE)
    if not name and not value:
        raise RefusedCookieError("an empty Set-Cookie field")
    check_cookie_pair(name, value)
    return make_cookie(name, value, (_attribute(part) for part in parts))


def check_cookie_pair(name: str, value: str) -> None:
    """Raise `RefusedCookieError` if ``name=value`` is too long or its name is illegal."""
    if "," in name:
        raise _IllegalNameError(f"Illegal cookie name {name!r}")
    size = _size(name + value)
    if size is None or size > MAX_PAIR_SIZE:
        raise RefusedCookieError(f"cookie {name[:64]!r} is longer than {MAX_PAIR_SIZE} octets")


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(_WHITESPACE).lower(), value.strip(_WHITESPACE)


def _size(text: str) -> int | None:
    """Octets of ``text`` on the wire, or None if it cannot go there."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return None


def make_cookie(name: str, value: str, attributes: Iterable[tuple[str, str]] = ()) -> Cookie:
    """Read attributes (names in lower case) into a cookie; of equal ones the last counts.

    Unknown attributes are kept unread; values that are too long, dates and ages that are none, are
    ignored (RFC 6265bis 5.6.1 to 5.6.7).
    """
    kept = tuple(
        (key, text)
        for key, text in attributes
        if key and len(text) <= MAX_ATTRIBUTE_SIZE and (_size(text) or 0) <= MAX_ATTRIBUTE_SIZE
    )
    domain = path = samesite = ""
    expires: float | None = None
    max_age: int | None = None
    for key, text in kept:
        if key == "domain":
            domain = text.removeprefix(".").lower()
        elif key == "path":
            path = text if text.startswith("/") else ""
        elif key == "expires":
            expires = _first(parse_cookie_date(text), expires)
        elif key == "max-age":
            max_age = int(text) if re.fullmatch(_MAX_AGE, text) else max_age
        elif key == "samesite":
            samesite = _SAME_SITE.get(text.lower(), "")
    names = {key for key, _ in kept}
    return Cookie(
        name,
        value,
        kept,
        domain,
        path,
        expires,
        max_age,
        secure="secure" in names,
        httponly="httponly" in names,
        samesite=samesite,
    )


def _first(new: float | None, old: float | None) -> float | None:
    return old if new is None else new


def parse_cookie_date(text: str) -> float | None:
    """Return the seconds since the epoch of a cookie date, or None if it is none.

    RFC 6265bis 5.1.1: the parts may come in any order, zones are ignored, two-digit years from 70
    are of the last century.
    """
    time: tuple[int, int, int] | None = None
    day = month = year = None
    for token in re.findall(_DATE_TOKENS, text):
        if time is None and (match := re.match(_TIME, token)):
            time = int(match[1]), int(match[2]), int(match[3])
        elif day is None and (match := re.match(_DAY, token)):
            day = int(match[0])
        elif month is None and (number := _MONTH_NUMBERS.get(token[:3].lower())):
            month = number
        elif year is None and (match := re.match(_YEAR, token)):
            year = int(match[0])
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < _EARLIEST_YEAR:
        return None
    from datetime import UTC, datetime  # only now: most cookies have no date

    try:
        date = datetime(year, month, day, *time, tzinfo=UTC)
    except ValueError:
        return None
    return date.timestamp()


def parse_set_cookies(fields: Sequence[str]) -> list[Cookie]:
    """Parse every field; the ones that are refused are logged and left out."""
    cookies: list[Cookie] = []
    for field in fields:
        try:
            cookies.append(parse_set_cookie(field))
        except _IllegalNameError as exc:
            client_logger().warning("Can not load cookies: %s", exc)
        except RefusedCookieError as exc:
            client_logger().debug("Ignored a cookie: %s", exc)
    return cookies


def parse_response_cookies(set_cookie_values: Sequence[str]) -> SimpleCookie:
    """Return what ``response.cookies`` shows: the cookies of these fields by name.

    Of several cookies with one name the last is shown. Cookies without a name, and what
    ``http.cookies`` cannot hold, are left out; nothing is raised.
    """
    shown = SimpleCookie()
    for cookie in parse_set_cookies(set_cookie_values):
        morsel = make_morsel(cookie.name, cookie.value, cookie.attributes)
        if morsel is not None:
            # `SimpleCookie.__setitem__` refuses names that servers use.
            dict.__setitem__(shown, cookie.name, morsel)
    return shown


def make_morsel(
    name: str, value: str, attributes: Iterable[tuple[str, str]] = ()
) -> Morsel[str] | None:
    """Return an ``http.cookies`` morsel, or None if there is no name or it cannot be held.

    ``coded_value`` is ``value`` as it goes over the wire, ``value`` is that without quoting.
    """
    if not name:
        return None
    decoded, coded = _CODEC.value_decode(value)
    morsel: Morsel[str] = Morsel()
    try:
        # `Morsel.set` refuses names that servers use; this is the way around it that unpickling
        # takes. Newer versions of http.cookies check for control characters here.
        morsel.__setstate__(  # type: ignore[attr-defined]
            {"key": name, "value": decoded, "coded_value": coded}
        )
    except CookieError:
        return None
    for key, text in attributes:
        # Before Python 3.14 there is no Partitioned, for one.
        if key in morsel:
            try:
                morsel[key] = True if key in _FLAGS else text
            except CookieError:
                continue
    return morsel
