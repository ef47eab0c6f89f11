"""Which version of HTTP a new stream speaks: the only place that asks.

Knows: ALPN (RFC 7301) and which connection speaks what.
Must not know: how the stream was made, who will use the connection.
Called by: the dialers of ``_connect``, once for each stream.
"""

from __future__ import annotations

from anyio.streams.tls import TLSAttribute

from .._net.streams import NetworkStream
from .base import HTTPConnection
from .http1.connection import HTTP11Connection

__all__ = ("open_connection",)

_SPOKEN: dict[str | None, type[HTTP11Connection]] = {
    None: HTTP11Connection,
    "http/1.1": HTTP11Connection,
}


def open_connection(stream: NetworkStream) -> HTTPConnection:
    """Return a connection that speaks what was negotiated; HTTP/1.1 if nothing was.

    Args:
        stream: connected and, if there is to be TLS, past its handshake.
    """
    protocol = stream.extra(TLSAttribute.alpn_protocol, None)  # noqa: S610 - not Django's
    return _SPOKEN.get(protocol, HTTP11Connection)(stream)
