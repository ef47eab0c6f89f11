"""What a header block means to the stream it came for.

Knows: informational and final responses, trailers.
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

__all__ = ("take_informational", "take_response", "take_trailers")

#: More informational responses than any server sends before the final one.
MAX_INFORMATIONAL = 32


def take_response(stream: Stream, fields: RawHeaders) -> None:
    """Note a final response's head.

    Raises:
        MalformedError: it is none.
    """
    stream.heard = True
    head = response_head(response_status(fields), fields, stream.limits)
    stream.left, stream.without_body = response_length(stream.method, head)
    stream.tunnel = stream.method == "CONNECT" and 200 <= head.status < 300
    stream.head = head


def take_informational(stream: Stream, fields: RawHeaders) -> None:
    """Note an informational response.

    Raises:
        MalformedError: it is none that can be, or one too many.
    """
    stream.heard = True
    status = response_status(fields)
    if status == 101:
        raise MalformedError("101, which HTTP/2 does not have")
    response_head(status, fields, stream.limits)
    stream.informational += 1
    if stream.informational > MAX_INFORMATIONAL:
        raise MalformedError(f"more than {MAX_INFORMATIONAL} informational responses")
    if status == 100:
        stream.continued = True


def take_trailers(stream: Stream, fields: RawHeaders) -> None:
    """Note the fields after a body.

    Raises:
        MalformedError: they are none that can be.
    """
    stream.trailers = trailer_fields(fields, stream.limits)
