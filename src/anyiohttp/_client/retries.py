"""When a request whose connection died may be sent once more by itself (pure).

Knows: RFC 9110 9.2.2: a client may repeat an idempotent request whose connection closed before any
response; nothing else is safe to repeat unasked.
Must not know: how a request is sent.
Called by: the resend step of `pipeline`.

A server may close a kept connection at the very moment in which a request is on its way. That the
connection was a kept one, and that not a byte of a response came, are facts noted by those who
know them (``ClientRequest.reused_connection``, ``ClientConnectionError.unanswered``).
"""

from __future__ import annotations

from ..exceptions import ClientConnectionError, ServerTimeoutError

__all__ = ("IDEMPOTENT_METHODS", "may_resend")

#: RFC 9110 9.2.2.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


def may_resend(
    error: ClientConnectionError, method: str, *, reused: bool, replayable: bool
) -> bool:
    """Tell whether a failed request may be sent once more.

    Args:
        error: how it failed.
        method: its method.
        reused: whether its connection had carried another request before.
        replayable: whether its body, if any, can be sent again from its start.
    """
    if error.unprocessed and replayable:
        return True
    return (
        reused
        and replayable
        and error.unanswered
        and method in IDEMPOTENT_METHODS
        and not isinstance(error, ServerTimeoutError)
    )
