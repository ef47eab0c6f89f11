"""The error for a request body whose source failed.

Knows: what a source may raise, how a call says so.
Must not know: what the source is, in which version it is sent.
Called by: the uploads of all versions.
"""

from __future__ import annotations

from ..exceptions import ClientError, ClientOSError, RequestBodyError

__all__ = ("failure_of_source",)


def failure_of_source(raised: Exception, host: str) -> Exception:
    """Return what a call raises whose body raised something.

    As in aiohttp, whoever catches errors of the client catches this one, too. Errors that are
    the client's already (of a response that is sent on, say) and limits of time that the source
    set itself stay what they are.

    Args:
        raised: by the source; the cause of what is returned.
        host: where the body was to go, for the message.
    """
    if isinstance(raised, ClientError) or (isinstance(raised, TimeoutError) and not raised.errno):
        return raised
    error: Exception
    if isinstance(raised, OSError):
        error = ClientOSError(raised.errno, f"the body for {host} could not be read: {raised}")
    else:
        error = RequestBodyError(f"the body for {host} could not be sent: it raised {raised!r}")
    error.__cause__ = raised
    return error
