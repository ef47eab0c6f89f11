"""What the network raises, turned into our errors: the one place that does it.

Knows: the errors of anyio, ssl and the operating system, and ours.
Must not know: HTTP, which connection it was and what it was for (the caller passes the words).
Called by: `transfer` for a connection in use, the dialers of ``_connect`` for one being made.
"""

from __future__ import annotations

import errno
import os
import ssl

import anyio

from ..exceptions import (
    ClientConnectionResetError,
    ClientError,
    ClientOSError,
    ServerDisconnectedError,
)

__all__ = ("NETWORK_FAILURES", "as_os_error", "connection_failure")

#: All that a stream of ours may raise besides `anyio.EndOfStream` and `anyio.WouldBlock`.
#: ``ValueError`` and ``TypeError`` are not among them: those are mistakes of ours.
NETWORK_FAILURES: tuple[type[Exception], ...] = (
    OSError,  # ssl.SSLError is one of them
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
)

_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ESHUTDOWN})


def connection_failure(exc: Exception, doing: str, host: str) -> ClientError:
    """Turn a failure of a connection in use into our error.

    Args:
        exc: one of `NETWORK_FAILURES`.
        doing: what was being done (``"sending to"``, ``"receiving from"``).
        host: the peer.
    """
    if isinstance(exc, anyio.ClosedResourceError):
        return ClientConnectionResetError(f"the connection was closed while {doing} {host}")
    if isinstance(exc, anyio.BrokenResourceError):
        if isinstance(exc.__cause__, OSError):
            return connection_failure(exc.__cause__, doing, host)
        return ServerDisconnectedError(f"{exc or 'the connection broke'} while {doing} {host}")
    if isinstance(exc, ssl.SSLError):
        return ClientOSError(
            exc.errno, f"TLS failed while {doing} {host}: {getattr(exc, 'reason', None) or exc}"
        )
    assert isinstance(exc, OSError)
    text = f"{exc.strerror or exc} while {doing} {host}"
    if exc.errno in _RESETS:
        return ClientConnectionResetError(exc.errno, text)
    return ClientOSError(exc.errno, text)


def as_os_error(exc: BaseException) -> OSError:
    """Return what the operating system said, out of whatever wraps it.

    Used for errors of connecting, which carry an ``OSError``.
    """
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, OSError):
            return seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    if isinstance(exc, anyio.BrokenResourceError | anyio.EndOfStream | anyio.ClosedResourceError):
        return ConnectionResetError(errno.ECONNRESET, str(exc) or os.strerror(errno.ECONNRESET))
    return OSError(errno.EIO, str(exc) or type(exc).__name__)
