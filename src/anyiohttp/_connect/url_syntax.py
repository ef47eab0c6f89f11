"""URLs as somebody writes them: read, judged, and freed from their credentials. Pure.

Knows: which URLs name something that can be connected to.
Must not know: what is asked of it.
Called by: `proxy_route`, and ``_client`` for every URL that a caller or a server gives.

All of it goes by ``raw_host``: ``URL.host`` decodes IDNA and raises for labels that do not decode.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from yarl import URL

from ..typedefs import StrOrURL

__all__ = ("parse_url", "problem_of", "strip_credentials")

#: A registered name without percent-encoding (RFC 3986 3.2.2); resolvers take no other.
_REG_NAME = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=]+")
_ZONE_ID = re.compile(r"[A-Za-z0-9\-._~%]*")


def parse_url(url: StrOrURL) -> URL:
    """Return a text as a URL, whatever may be wrong with it besides its form.

    Raises:
        ValueError: it is malformed; the message may quote the password.
    """
    if isinstance(url, str):
        url.encode()  # yarl drops surrogates without a word
    try:
        return URL(url)
    except IndexError:  # what yarl 1.25 makes of "http://[]@"
        raise ValueError("the host is not a valid IPv6 address") from None


def problem_of(url: URL) -> str | None:
    """Say why a URL of a known scheme cannot be requested; ``None`` if it can."""
    host = url.raw_host
    if not url.scheme:
        return "the URL is not absolute" if not host else "the URL has no scheme"
    if not host:
        return "the URL has no host"
    if url.explicit_port == 0:
        return "port 0 cannot be connected to"
    if ":" in host:
        address, _, zone = host.partition("%")
        try:
            IPv6Address(address)
        except AddressValueError:
            return "the host is not a valid IPv6 address"
        return None if _ZONE_ID.fullmatch(zone) else "the host has an invalid zone"
    return None if _REG_NAME.fullmatch(host) else "the host holds characters that no name has"


def strip_credentials(url: URL) -> tuple[URL, tuple[str, str] | None]:
    """Return the URL without credentials, and user and password, decoded, if it had them."""
    if url.raw_user is None and url.raw_password is None:
        return url, None
    return url.with_user(None), (url.user or "", url.password or "")
