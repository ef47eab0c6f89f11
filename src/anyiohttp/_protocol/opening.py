"""Which version of HTTP a new stream speaks: the only place that asks.

Knows: ALPN (RFC 7301) and which connection speaks what.
Must not know: how the stream was made, who will use the connection.
Called by: the dialers of ``_connect``, once for each stream.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from .._net.streams import NetworkStream
from .base import HTTPConnection
from .http1.connection import HTTP11Connection

__all__ = ("open_connection",)


def open_connection(
    stream: NetworkStream, versions: Sequence[str] = ("http/1.1",)
) -> HTTPConnection:
    """Return a connection that speaks what was negotiated; HTTP/1.1 if nothing was.

    Args:
        stream: connected and, if there is to be TLS, past its handshake.
        versions: what may be spoken. If that is ``h2`` alone, it is spoken without having been
            negotiated where there is no TLS (RFC 9113 3.3).

    Raises:
        OSError: nothing that may be spoken was agreed upon.
    """
    protocol = stream.alpn_protocol
    if protocol is None and "http/1.1" not in versions:
        if stream.encrypted:
            raise OSError(
                errno.EPROTO,
                "the server does not speak HTTP/2, or was not offered it: a TLS context of your "
                'own must do so by context.set_alpn_protocols(["h2"])',
            )
        protocol = "h2"
    if protocol == "h2" and "h2" not in versions:
        raise OSError(
            errno.EPROTO,
            "your TLS context offered HTTP/2, and the server took it, but this request needs "
            "HTTP/1.1: give it a context without h2 in its ALPN (ssl=)",
        )
    if protocol == "h2":
        # Imported when first needed: h2 costs more than all the rest of this layer.
        from .http2.connection import HTTP2Connection

        return HTTP2Connection(stream)
    return HTTP11Connection(stream)
