"""A tunnel through a SOCKS proxy.

Knows: how a handshake is carried over a stream.
Must not know: what is said (`socks`), how the proxy was reached, what will go through the tunnel.
Called by: `dialing`.
"""

from __future__ import annotations

import errno

import anyio

from .._net.failures import NETWORK_FAILURES, as_os_error
from .._net.streams import NetworkStream
from .key import ProxyRoute
from .socks import Handshake

__all__ = ("open_socks_tunnel",)


async def open_socks_tunnel(
    stream: NetworkStream, host: str, port: int, route: ProxyRoute
) -> NetworkStream:
    """Have the proxy at the other end of ``stream`` connect us to the target.

    Args:
        stream: a connection to the proxy.
        host: the target: an address, or a name if the proxy finds addresses.
        port: its port.
        route: which protocol the proxy speaks, and the credentials.

    Returns:
        The same stream, which now leads to the target.

    Raises:
        SocksError: the proxy refused, or does not speak SOCKS.
        OSError: the connection broke.

    On any exception, cancellation included, the stream is aborted.
    """
    try:
        handshake = Handshake(route.url.scheme, host, port, route.login, route.password)
        outgoing = handshake.outgoing
        while True:
            if outgoing:
                await stream.send(outgoing)
            if not handshake.missing:
                return stream
            outgoing = handshake.feed(await stream.receive(handshake.missing))
    except BaseException as exc:
        stream.abort()
        if isinstance(exc, anyio.EndOfStream):
            text = "the proxy ended the connection in the middle of the SOCKS handshake"
            raise ConnectionResetError(errno.ECONNRESET, text) from exc
        if isinstance(exc, NETWORK_FAILURES) and not isinstance(exc, OSError):
            raise as_os_error(exc) from exc
        raise
