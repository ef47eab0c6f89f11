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

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .fingerprint import Fingerprint
from .proxy_route import Credentials, ProxyRoute, SSLSetting

__all__ = ("ConnectionKey", "Credentials", "ProxyRoute", "SSLSetting", "Versions", "port_of")

#: The versions of HTTP that a connection may speak, best first, by their ALPN names (RFC 7301).
Versions: TypeAlias = tuple[Literal["h2", "http/1.1"], ...]


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


def port_of(key: ConnectionKey) -> int:
    """Return the port of the target, that of its scheme if it names none."""
    if key.port is not None:
        return key.port
    return 443 if key.is_ssl else 80
