"""Through which proxy a URL is reached.

Knows: ``proxy=`` and ``proxy_auth=``, the environment's ``*_proxy`` and ``no_proxy`` as curl and Go
read them, which requests need a tunnel.
Must not know: how a proxy is spoken to.
Called by: `pipeline`, and the connector that sends everything through one proxy.

`environment_proxy` reads the environment and netrc; all else is pure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from multidict import CIMultiDict
from yarl import URL

from .._connect.proxy_route import ProxyRoute
from ..typedefs import LooseHeaders, StrOrURL
from .auth import BasicAuth
from .netrc import netrc_auth
from .urls import port_of

__all__ = (
    "bypasses_proxy",
    "choose_proxy",
    "environment_proxy",
    "needs_tunnel",
    "proxies_from_environ",
    "proxy_route",
)

#: Under which names the environment may hold a scheme's proxy, best first (curl's order).
_VARIABLES = {
    "http": ("http", "all"),
    "https": ("https", "all"),
    "ws": ("ws", "http", "all"),
    "wss": ("wss", "https", "all"),
}


def proxy_route(
    proxy: StrOrURL,
    proxy_auth: BasicAuth | None = None,
    proxy_headers: LooseHeaders | None = None,
) -> ProxyRoute:
    """Return how to reach and greet the proxy that a caller named.

    Args:
        proxy: its URL; may hold credentials.
        proxy_auth: its credentials, if the URL holds none.
        proxy_headers: further fields for it.

    Raises:
        InvalidURL: the URL is malformed, or its scheme is not one of a proxy's.
        ValueError: credentials are given twice, not as a `BasicAuth`, beyond its encoding, or such
            as the proxy's protocol cannot carry.
    """
    if proxy_auth is not None and not isinstance(proxy_auth, BasicAuth):
        raise ValueError("proxy_auth must be None or BasicAuth() tuple")
    headers = tuple(CIMultiDict(proxy_headers).items()) if proxy_headers else ()
    return ProxyRoute.parse(proxy, proxy_auth, headers)


def needs_tunnel(url: URL) -> bool:
    """Whether a URL is reached by CONNECT, as TLS and WebSocket are.

    Plain HTTP is not: its requests go to an HTTP proxy in absolute form (RFC 9112 3.2.2).
    """
    return url.scheme != "http"


# --- the environment ------------------------------------------------------------------------


def environment_proxy(url: URL) -> ProxyRoute | None:
    """Return the proxy that the environment names for a URL; its credentials may be in netrc.

    Reads the environment and perhaps netrc, and thus blocks: call it in a thread.

    Raises:
        InvalidURL: the environment names a proxy that cannot be used. Going there without one
            would be the worse surprise.
    """
    from urllib.request import getproxies  # only now: it takes long to load

    # It knows the settings of macOS and Windows, too.
    route = choose_proxy(url, proxies_from_environ(os.environ) or getproxies())
    if route is not None and route.login is None and not route.is_socks:
        auth = netrc_auth(route.url.raw_host or "")
        if auth is not None:
            login, password, encoding = auth
            route = replace(route, login=login, password=password, encoding=encoding)
    return route


def proxies_from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values of ``*_proxy`` by scheme, ``no`` among them.

    Lower case wins, and wins also if it is empty: that is how a proxy is switched off. In a CGI
    script ``HTTP_PROXY`` is the client's ``Proxy`` field and is not believed (httpoxy).
    """
    proxies: dict[str, str] = {}
    for name, value in sorted(environ.items(), key=lambda item: item[0].islower()):
        scheme, underscore, suffix = name.rpartition("_")
        if not underscore or suffix.lower() != "proxy":
            continue
        if "REQUEST_METHOD" in environ and scheme.lower() == "http" and not name.islower():
            continue
        proxies[scheme.lower()] = value.strip()
    return {scheme: value for scheme, value in proxies.items() if value}


def choose_proxy(url: URL, proxies: Mapping[str, str]) -> ProxyRoute | None:
    """Return the proxy for a URL; ``None`` if it is to be reached directly.

    Args:
        url: where the request goes.
        proxies: as of `proxies_from_environ`. A value without a scheme is an http proxy.

    Raises:
        InvalidURL: the proxy's URL is malformed, or of a scheme that is not supported.
    """
    names = _VARIABLES.get(url.scheme, ())
    value = next((proxies[name] for name in names if proxies.get(name)), None)
    if value is None or bypasses_proxy(url, proxies.get("no", "")):
        return None
    return proxy_route(value if "://" in value else f"http://{value}")


def bypasses_proxy(url: URL, no_proxy: str) -> bool:
    """Whether ``no_proxy`` exempts a URL.

    Entries are separated by commas or spaces; ``*`` exempts everything. An entry is a host name,
    which stands for its subdomains as well, with or without a leading dot (``*.`` before it: for
    the subdomains only); an address, IPv6 with or without brackets; or a block of addresses in
    CIDR form. Names and addresses can end in a port. Entries that are none of these are skipped.
    """
    host = (url.raw_host or "").partition("%")[0].rstrip(".").lower()
    port = port_of(url)
    address = _address(host)
    for entry in no_proxy.replace(",", " ").split():
        if entry == "*":
            return True
        if "/" in entry:
            if address is not None and _in_block(address, entry):
                return True
            continue
        name, entry_port = _split_port(entry)
        if entry_port is not None and entry_port != port:
            continue
        if _matches(name, host, address):
            return True
    return False


def _matches(name: str, host: str, address: IPv4Address | IPv6Address | None) -> bool:
    if address is not None:
        return _address(name.strip("[]").partition("%")[0]) == address
    below_only = name.startswith("*.")
    name = _a_label(name.removeprefix("*").strip("."))
    return bool(name) and (host.endswith("." + name) or (host == name and not below_only))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Split ``host:port``; an IPv6 address has a port only behind brackets."""
    name, colon, port = entry.rpartition(":")
    if not colon or (":" in name and not name.endswith("]")):
        return entry, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        return "", None
    return name, int(port)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # it is the same host, and nobody writes it down like this
    return address


def _in_block(address: IPv4Address | IPv6Address, entry: str) -> bool:
    text, _, length = entry.rpartition("/")
    try:
        return address in ip_network(f"{text.strip('[]')}/{length}", strict=False)
    except ValueError:
        return False


def _a_label(name: str) -> str:
    """Return a name as it stands in ``raw_host``; empty if it is not a name."""
    if name.isascii():
        return name.lower()
    try:
        return URL.build(scheme="http", host=name).raw_host or ""
    except ValueError:
        return ""
