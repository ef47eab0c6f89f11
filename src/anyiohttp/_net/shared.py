"""Moving the bytes of a stream that several calls share.

Knows: streams, and that they fail in many ways of which all mean the same.
Must not know: whose bytes they are; whose limits apply (a deadline is passed in).
Called by: connections that carry many exchanges at a time.

What goes wrong is `StreamFailed`, once, and not yet in the words of any call: each of those that
the failure concerns makes its own error of it (`failures.connection_failure`).
"""

from __future__ import annotations

import anyio

from .failures import NETWORK_FAILURES
from .streams import NetworkStream

__all__ = ("StreamFailed", "flush_all", "receive_before", "receive_what_is_there", "send_what_goes")


class StreamFailed(Exception):
    """A stream has ended or failed.

    Args:
        cause: how; ``None`` if the peer has ended its side.
    """

    def __init__(self, cause: Exception | None = None) -> None:
        super().__init__()
        self.cause = cause


async def receive_before(stream: NetworkStream, deadline: float) -> bytes:
    """Return what arrives next, at least a byte.

    Raises:
        DeadlinePassed: nothing came in time.
        StreamFailed: nothing will come.

    Cancellation loses nothing.
    """
    try:
        return await stream.receive_before(deadline)
    except anyio.EndOfStream:
        raise StreamFailed from None
    except NETWORK_FAILURES as exc:
        raise StreamFailed(exc) from exc


def receive_what_is_there(stream: NetworkStream) -> bytes | None:
    """Return what has arrived; ``None`` if nothing has.

    Raises:
        StreamFailed: nothing will come.
    """
    try:
        return None if stream.silent else stream.receive_nowait()
    except anyio.WouldBlock:
        return None
    except anyio.EndOfStream:
        raise StreamFailed from None
    except NETWORK_FAILURES as exc:
        raise StreamFailed(exc) from exc


def send_what_goes(stream: NetworkStream, data: bytes) -> bool:
    """Send what takes no waiting; return whether that was all. The rest is for `flush_all`.

    Raises:
        StreamFailed: nothing will go.
    """
    try:
        return stream.try_send(data)
    except NETWORK_FAILURES as exc:
        raise StreamFailed(exc) from exc


async def flush_all(stream: NetworkStream) -> None:
    """Wait until all has gone that `send_what_goes` could not send.

    Raises:
        StreamFailed: it will not go.

    After a cancellation it is to be called again before anything else is sent.
    """
    try:
        await stream.flush()
    except NETWORK_FAILURES as exc:
        raise StreamFailed(exc) from exc
