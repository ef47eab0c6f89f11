"""Sending and receiving on a stream, within the call's limits and in our errors.

Knows: streams, the call, which phase a wait belongs to.
Must not know: what the bytes mean.
Called by: the connections of ``_protocol``, and nothing that makes connections.

Cancellation: a cancelled `receive` has lost nothing; after a cancelled `send` the stream may only
be flushed again or aborted. The same holds after a timeout.
"""

from __future__ import annotations

import anyio

from ..exceptions import ClientError
from .call import Call
from .deadlines import Phase, timeout_error, within
from .failures import NETWORK_FAILURES, connection_failure
from .streams import MAX_READ, DeadlinePassed, NetworkStream

__all__ = (
    "flush",
    "receive",
    "receive_before",
    "receive_nowait",
    "send",
    "send_nowait",
    "send_soon",
)


async def send(stream: NetworkStream, data: bytes | bytearray | memoryview, call: Call) -> None:
    """Send all of ``data``, waiting only if the kernel does not take it at once.

    Raises:
        ClientOSError, ClientConnectionResetError, ServerDisconnectedError: the connection failed.
        SocketTimeoutError: ``ClientTimeout.send`` ran out.
        ServerTimeoutError: ``ClientTimeout.total`` ran out.
    """
    if not send_nowait(stream, data, call):
        await flush(stream, call)


def send_nowait(stream: NetworkStream, data: bytes | bytearray | memoryview, call: Call) -> bool:
    """Send as much of ``data`` as takes no waiting; `flush` sends the rest.

    Returns:
        Whether all of it went.

    Raises:
        ClientOSError, ClientConnectionResetError, ServerDisconnectedError: the connection failed.
    """
    try:
        return stream.try_send(data)
    except NETWORK_FAILURES as exc:
        raise connection_failure(exc, "sending to", call.host) from exc


def send_soon(stream: NetworkStream, data: bytes, call: Call) -> bool:
    """Send at the end of the event loop's turn: for who calls `receive` next.

    `receive` raises `SendStalled` if not all could be sent then; `flush` goes on with it.

    Returns and raises: as `send_nowait`.
    """
    try:
        return stream.send_soon(data)
    except NETWORK_FAILURES as exc:
        raise connection_failure(exc, "sending to", call.host) from exc


async def flush(stream: NetworkStream, call: Call) -> None:
    """Send what `send_nowait` could not.

    Raises: as `send`.
    """
    try:
        await within(call, Phase.SEND, stream.flush)
    except ClientError:
        raise  # a timeout of ours is an OSError too, by TimeoutError
    except NETWORK_FAILURES as exc:
        raise connection_failure(exc, "sending to", call.host) from exc


async def receive(
    stream: NetworkStream, call: Call, phase: Phase = Phase.SOCK_READ, max_bytes: int = MAX_READ
) -> bytes:
    """Return what arrives next; ``b""`` once the peer has ended its side.

    Args:
        stream: where to read.
        call: whose limits apply.
        phase: `Phase.SOCK_READ`; `Phase.TOTAL` where only the total counts (while a body is
            being sent).
        max_bytes: at most so many bytes.

    Raises:
        ClientOSError, ClientConnectionResetError, ServerDisconnectedError: the connection failed.
        SocketTimeoutError: ``ClientTimeout.sock_read`` ran out.
        ServerTimeoutError: ``ClientTimeout.total`` ran out.
        SendStalled: `send_soon` could not send all.
    """
    deadline, ran_out = call.next_deadline(phase)
    try:
        return await stream.receive_before(deadline, max_bytes)
    except anyio.EndOfStream:
        return b""
    except DeadlinePassed:
        raise timeout_error(call, ran_out) from None
    except NETWORK_FAILURES as exc:
        raise connection_failure(exc, "receiving from", call.host) from exc


async def receive_before(stream: NetworkStream, call: Call, deadline: float) -> bytes | None:
    """Return what arrives next, ``b""`` once the peer has ended its side; ``None`` if nothing has
    by the deadline, or the stream was woken.

    Args:
        stream: where to read.
        call: for messages; none of its limits applies.
        deadline: on the event loop's clock; infinity for none.

    Raises:
        ClientOSError, ClientConnectionResetError, ServerDisconnectedError: the connection failed.
    """
    try:
        return await stream.receive_before(deadline)
    except anyio.EndOfStream:
        return b""
    except DeadlinePassed:
        return None
    except NETWORK_FAILURES as exc:
        raise connection_failure(exc, "receiving from", call.host) from exc


def receive_nowait(stream: NetworkStream, call: Call, max_bytes: int = MAX_READ) -> bytes | None:
    """Return what has arrived; ``b""`` once the peer has ended its side; ``None`` if nothing has.

    Raises:
        ClientOSError, ClientConnectionResetError, ServerDisconnectedError: the connection failed.
    """
    try:
        return stream.receive_nowait(max_bytes)
    except anyio.WouldBlock:
        return None
    except anyio.EndOfStream:
        return b""
    except NETWORK_FAILURES as exc:
        raise connection_failure(exc, "receiving from", call.host) from exc
