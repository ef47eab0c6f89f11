"""Which stream a connected socket gets: the one that suits the event loop.

Knows: the socket streams there are.
Must not know: how they work, who connected the socket.
Called by: ``_connect`` when a socket is connected; servers of ``testing`` when one is accepted.
"""

from __future__ import annotations

import socket
import sys
from typing import Any, cast

from .loops import on_trio, running_loop
from .streams import SocketStream

__all__ = ("open_stream", "socket_stream")


def socket_stream(sock: socket.socket) -> SocketStream:
    """Return a stream over a connected socket that suits the running event loop.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.
    """
    running = running_loop()[0]
    if "asyncio" in sys.modules:
        # Only now: programs on trio need not load asyncio.
        from .asyncio_streams import AsyncioSocketStream, watching_loop

        loop = watching_loop(running)
        if loop is not None:
            return AsyncioSocketStream(sock, loop)
    if on_trio(running):
        from .trio_streams import TrioSocketStream

        return TrioSocketStream(sock)
    return SocketStream(sock)


async def open_stream(sock: socket.socket) -> SocketStream:
    """Return the fastest stream over a connected socket that the running event loop has.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.

    A cancellation closes the socket.
    """
    # It has none yet while another thread imports it.
    uvloop_loop = getattr(sys.modules.get("uvloop"), "Loop", None)
    if uvloop_loop is not None:
        from .uvloop_streams import UvloopSocketStream

        loop = running_loop()[0]
        if isinstance(loop, uvloop_loop):
            stream = UvloopSocketStream(sock, cast("Any", loop))  # checked above
            await stream.open()
            return stream
    return socket_stream(sock)
