"""What a header block means to the stream it came for.

Knows: informational and final responses, trailers, and in which order they may come.
Must not know: frames, the connection.
Called by: ``engine``.
"""

from __future__ import annotations

from ..base import RawHeaders
from .mapping import (
    MalformedError,
    response_head,
    response_length,
    response_status,
    trailer_fields,
)
from .streams import Stream

__all__ = ("take_fields",)

#: More informational responses than any server sends before the final one.
MAX_INFORMATIONAL = 32


def take_fields(stream: Stream, fields: RawHeaders, *, ends: bool) -> str | None:
    """Note a header block; return what is wrong with it.

    Args:
        stream: whose it is.
        fields: what it holds.
        ends: whether nothing follows.
    """
    try:
        if stream.remote_ended:
            return "fields after the end"
        if stream.head is None:
            _take_response(stream, fields, ends=ends)
        elif ends:
            stream.trailers = trailer_fields(fields, stream.limits)
        else:
            return "trailers that do not end the response"
    except MalformedError as exc:
        return str(exc)
    return stream.end() if ends else None


def _take_response(stream: Stream, fields: RawHeaders, *, ends: bool) -> None:
    stream.heard = True
    status = response_status(fields)
    head = response_head(status, fields, stream.limits)
    if status >= 200:
        stream.left, stream.without_body = response_length(stream.method, head)
        stream.tunnel = stream.method == "CONNECT" and status < 300
        stream.head = head
        return
    if status == 101:
        raise MalformedError("101, which HTTP/2 does not have")
    if ends:
        raise MalformedError("an informational response and nothing after it")
    stream.informational += 1
    if stream.informational > MAX_INFORMATIONAL:
        raise MalformedError(f"more than {MAX_INFORMATIONAL} informational responses")
    if status == 100:
        stream.continued = True
