"""What makes two connections interchangeable.

Knows: everything about a connection that a request could notice: where it leads, through whom, and
by which TLS settings.
Must not know: how connections are made, who shares them.
Called by: `connectors` make keys; `pool` compares them; `dialing` reads them.

All shapes of a key, with ``T`` the target, ``P`` the proxy::

    what is asked for          host:port  is_ssl  proxy  tunnel  the connection
    http://T                   T          no      -      no      TCP to T
    https://T                  T          yes     -      no      TLS to T
    https://T, pinned          T          yes     -      no      TLS to T; pin checked
    http://T through P         P          no      P      no      TCP, or TLS, to P
    ws://T through P           T          no      P      yes     P, CONNECT T
    http://T through SOCKS S   T          no      S      yes     S, asked for T
    https://T through SOCKS S  T          yes     S      yes     S, asked for T, TLS to T
    https://T through P        T          yes     P      yes     P, CONNECT T, TLS to T
    https://T through https P  T          yes     P      yes     TLS to P, CONNECT T, TLS to T
    http(s)://T by unix socket T          as T    -      no      the socket, then TLS as for T

``P`` stands for the proxy's URL, credentials, header fields and TLS settings together, so that what
was opened with one identity never carries another's requests. For a TLS target, its TLS setting,
server name and pin are part of the key too; contexts are compared by identity. For a plain target
they mean nothing and are left out, so that they do not keep connections apart.

The versions of HTTP that are offered are part of the key as well: a WebSocket, or a request that
wants HTTP/1.0, must not be given a connection on which HTTP/2 was agreed upon.

A plain target's request goes to the proxy in absolute form, each by itself, so that one connection
to the proxy serves all such targets (RFC 9112 3.2.2). Its key is the proxy's, therefore
``limit_per_host`` counts these connections by proxy; a tunnel leads to one target and counts there.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Literal, Protocol, TypeAlias

from yarl import URL

from ..exceptions import InvalidURL
from .fingerprint import Fingerprint
from .socks import DEFAULT_PORT, SCHEMES, check_credentials

__all__ = ("PROXY_SCHEMES", "ConnectionKey", "Credentials", "ProxyRoute", "SSLSetting", "Versions")

#: Of proxies that can be spoken to.
PROXY_SCHEMES = SCHEMES | {"http", "https"}

#: ``True``: verify by the default context; ``False``: do not verify; a context: as it says;
#: a fingerprint: the certificate must be this one, and is not verified otherwise.
SSLSetting: TypeAlias = SSLContext | bool | Fingerprint

#: The versions of HTTP that a connection may speak, best first, by their ALPN names (RFC 7301).
Versions: TypeAlias = tuple[Literal["h2", "http/1.1"], ...]


class Credentials(Protocol):
    """A user's name and password; ``BasicAuth`` is one."""

    @property
    def login(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def encoding(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """How to reach a proxy, and how to greet it.

    Args:
        url: scheme, host and port, nothing else; http, https or a scheme of SOCKS (`socks`).
        login: the user's name; ``None`` if the proxy asks for none.
        password: goes with it.
        encoding: of the two, in the header field.
        headers: further fields for the proxy, in order.
        ssl: how to do TLS with an https proxy.

    Raises:
        InvalidURL: the URL is not that of a proxy we can speak to.
        ValueError: the proxy's protocol cannot carry the name, the password or the fields.
    """

    url: URL
    login: str | None = None
    password: str = field(default="", repr=False)
    encoding: str = "latin1"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ssl: SSLSetting = True

    def __post_init__(self) -> None:
        url = self.url
        if url.scheme not in PROXY_SCHEMES:
            raise InvalidURL(url, f"a proxy is one of {', '.join(sorted(PROXY_SCHEMES))}")
        if not url.raw_host:
            raise InvalidURL(url, "a proxy needs a host")
        if url != url.origin():
            raise InvalidURL(url, "a proxy's route is its scheme, host and port only")
        if self.is_socks:
            if self.headers:
                raise ValueError("a SOCKS proxy takes no header fields (proxy_headers)")
            check_credentials(url.scheme, self.login, self.password)
        elif self.login is not None and ":" in self.login:
            raise ValueError("a colon is not allowed in a login (RFC 7617 2)")

    @classmethod
    def parse(
        cls,
        proxy: str | URL,
        auth: Credentials | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        ssl: SSLSetting = True,
    ) -> ProxyRoute:
        """Make a route of what a user writes.

        Args:
            proxy: URL, which may hold the credentials.
            auth: the credentials, if the URL does not hold them.
            headers: further fields for the proxy.
            ssl: how to do TLS with an https proxy.

        Raises:
            InvalidURL: the URL is not that of a proxy we can speak to.
            ValueError: credentials come both ways.
        """
        try:
            url = URL(proxy)
            bare = url.origin()
        except ValueError as exc:
            raise InvalidURL(proxy, "a proxy needs a scheme and a host") from exc
        if url.user is None and url.password is None:
            if auth is None:
                return cls(bare, headers=headers, ssl=ssl)
            return cls(bare, auth.login, auth.password, auth.encoding, headers, ssl)
        if auth is not None:
            raise ValueError("proxy_auth cannot go with credentials in the proxy's URL")
        return cls(bare, url.user or "", url.password or "", headers=headers, ssl=ssl)

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization`` (RFC 7617); ``None`` without credentials."""
        if self.login is None:
            return None
        pair = f"{self.login}:{self.password}".encode(self.encoding)
        return f"Basic {base64.b64encode(pair).decode('ascii')}"

    @property
    def is_socks(self) -> bool:
        """Whether the proxy speaks SOCKS, and carries nothing but tunnels."""
        return self.url.scheme in SCHEMES

    @property
    def port(self) -> int | None:
        """The proxy's port, by default its scheme's."""
        return self.url.port or (DEFAULT_PORT if self.is_socks else None)

    @property
    def is_ssl(self) -> bool:
        """Whether the proxy itself is spoken to over TLS."""
        return self.url.scheme == "https"

    def with_tls_of(self, setting: SSLSetting) -> ProxyRoute:
        """Return the route with a request's TLS setting, as in aiohttp, where it has none itself.

        A fingerprint is the target's alone.
        """
        if not self.is_ssl or self.ssl is not True or isinstance(setting, Fingerprint):
            return self
        return self if setting is True else replace(self, ssl=setting)


@dataclass(frozen=True, slots=True)
class ConnectionKey:
    """All that makes a connection what it is. The module's docstring has a table of the shapes.

    Args:
        host: where it leads, as an ASCII name or an address without brackets.
        port: likewise.
        is_ssl: whether the target is spoken to over TLS.
        ssl: how, in aiohttp's meaning.
        server_hostname: the name to expect in the certificate, if it is not ``host``.
        pin: the certificate to expect, besides what ``ssl`` asks for.
        proxy: through whom.
        tunnel: whether the proxy is asked to CONNECT.
        versions: which versions of HTTP are offered by ALPN; without TLS, ``h2`` alone means that
            the target is known to speak it (RFC 9113 3.3).

    No text of it shows a password or the proxy's header fields.
    """

    host: str
    port: int | None
    is_ssl: bool
    ssl: SSLSetting = True
    server_hostname: str | None = None
    pin: Fingerprint | None = None
    proxy: ProxyRoute | None = None
    tunnel: bool = False
    versions: Versions = ("http/1.1",)
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Asked for with every request.
        parts = (self.host, self.port, self.is_ssl, self.ssl, self.server_hostname)
        more = (self.pin, self.proxy, self.tunnel, self.versions)
        object.__setattr__(self, "_hash", hash(parts + more))

    def __hash__(self) -> int:
        return self._hash

    @property
    def may_multiplex(self) -> bool:
        """Whether one connection may turn out to carry many requests at a time."""
        return "h2" in self.versions

    @property
    def host_group(self) -> tuple[str, int | None, bool]:
        """What ``limit_per_host`` counts by: aiohttp's triple of host, port and TLS."""
        return (self.host, self.port, self.is_ssl)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        text = f"{'tls' if self.is_ssl else 'tcp'}://{host}:{self.port}"
        return f"{text} via {self.proxy.url}" if self.proxy is not None else text
