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


def open_connection(stream: NetworkStream, *, http2: bool = False) -> HTTPConnection:
    """Return a connection that speaks what was negotiated; HTTP/1.1 if nothing was.

    Args:
        stream: connected and, if there is to be TLS, past its handshake.
        http2: whether HTTP/2 is spoken without having been negotiated (RFC 9113 3.3).
    """
    protocol = stream.extra(TLSAttribute.alpn_protocol, None)  # noqa: S610 - not Django's
    if protocol == "h2" or (protocol is None and http2):
        # Imported when first needed: h2 costs more than all the rest of this layer.
        from .http2.connection import HTTP2Connection

        return HTTP2Connection(stream)
    return HTTP11Connection(stream)
