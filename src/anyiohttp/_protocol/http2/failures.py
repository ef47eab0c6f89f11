"""Why a stream came to nothing, in our errors.

Knows: `Failure`, the errors of a head and of a body.
Must not know: how it came to be.
Called by: ``connection``, ``exchange``, ``upload`` and ``tunnel``.
"""

from __future__ import annotations

from ..._net.failures import connection_failure
from ...exceptions import (
    ClientConnectionError,
    ClientPayloadError,
    ResponseAbandonedError,
    ServerDisconnectedError,
)
from ..base import RequestHead
from ..malformed import malformed_response
from .streams import Failure

__all__ = ("failure_of_body", "failure_of_head")


def failure_of_head(failure: Failure, request: RequestHead, host: str, *, heard: bool) -> Exception:
    """Return the error for a response that will not come.

    Args:
        failure: why not.
        request: what was asked for.
        host: of whom, for the message.
        heard: whether anything of a response was seen.
    """
    if failure.upload is not None:
        return failure.upload
    if failure.malformed:
        return malformed_response(request, f"{host} {failure.reason}")
    error = _of_connection(failure, host)
    if isinstance(error, ClientConnectionError):
        error.unanswered = failure.lost and not heard
        error.unprocessed = failure.unprocessed and not heard
    return error


def failure_of_body(failure: Failure, host: str) -> Exception:
    """Return the error for a body that breaks off.

    Args: as `failure_of_head`.
    """
    if failure.upload is not None:
        return failure.upload
    if failure.closed_here:
        return ResponseAbandonedError.of(host)
    error = ClientPayloadError(f"the body from {host} broke off: {host} {failure.reason}")
    if failure.cause is not None:
        cause = _of_connection(failure, host)
        error = ClientPayloadError(f"the body from {host} broke off: {cause}")
        error.__cause__ = cause
    return error


def _of_connection(failure: Failure, host: str) -> Exception:
    if failure.cause is None:
        return ServerDisconnectedError(f"{host} {failure.reason}")
    error = connection_failure(failure.cause, "using the connection to", host)
    error.__cause__ = failure.cause
    return error
