"""A connection to a unix socket.

Knows: unix sockets, those of Linux's abstract namespace included.
Must not know: TLS, HTTP.
Called by: `dialing`.
"""

from __future__ import annotations

import errno
import os
import socket

import anyio

from .._net.sockets import open_stream
from .._net.streams import NetworkStream

__all__ = ("open_unix",)

#: How long to wait before a full queue is tried again, at first and at most. Linux tells nobody
#: when a place becomes free.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


async def open_unix(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> NetworkStream:
    r"""Connect to the unix socket at ``path``; a leading ``\0`` is Linux's abstract namespace.

    Waits while the server's queue is full.

    Raises:
        OSError: nobody listens there, or it is not to be had.

    A cancelled call leaves no socket open.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, "this system has no unix sockets")
    where = os.fspath(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await _connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return await open_stream(sock)


async def _connect(sock: socket.socket, path: str | bytes) -> None:
    pause = _FIRST_PAUSE
    while True:
        code = sock.connect_ex(path)
        if code != errno.EAGAIN:
            break
        await anyio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    if code:
        raise OSError(code, os.strerror(code))
