"""Request bodies: every kind of them under one roof, and the choice among them.

Knows: what ``data=`` may be.
Must not know: requests, connections, transfer framing.
Called by: ``_client`` (`make_payload`, `CompressedPayload`), ``anyiohttp`` for the public names.

The kinds are in modules of their own: `payload_base` has what is common to them, `payload_memory`
bytes and text, `payload_files` files, `payload_streams` what arrives in pieces, `payload_coding`
what wraps another payload, ``multipart`` and ``formdata`` what is made of several.
"""

from __future__ import annotations

from ..exceptions import BodyNotReplayableError, InvalidBodyError
from .formdata import FormData
from .multipart import MultipartWriter
from .payload_base import (
    PAYLOAD_REGISTRY,
    Order,
    Payload,
    PayloadRegistry,
    as_sent,
    get_payload,
    payload_type,
    register_payload,
)
from .payload_coding import CompressedPayload
from .payload_files import BufferedReaderPayload, IOBasePayload, TextIOPayload
from .payload_memory import (
    BytesIOPayload,
    BytesPayload,
    JsonBytesPayload,
    JsonPayload,
    StringIOPayload,
    StringPayload,
)
from .payload_streams import AsyncFilePayload, AsyncIterablePayload, StreamReaderPayload

__all__ = (
    "PAYLOAD_REGISTRY",
    "AsyncFilePayload",
    "AsyncIterablePayload",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "CompressedPayload",
    "FormData",
    "IOBasePayload",
    "JsonBytesPayload",
    "JsonPayload",
    "MultipartWriter",
    "Order",
    "Payload",
    "PayloadRegistry",
    "StreamReaderPayload",
    "StringIOPayload",
    "StringPayload",
    "TextIOPayload",
    "as_sent",
    "get_payload",
    "make_payload",
    "payload_type",
    "register_payload",
)


def make_payload(data: object, *, encoding: str | None = None) -> Payload:
    """Return the body for what was given as ``data=``.

    Args:
        data: bytes-like, text, a file (also an async one), an async iterable, a stream reader, a
            form, a payload; a mapping, a multidict or pairs become a form.
        encoding: the charset for text; by default UTF-8.

    Raises:
        InvalidBodyError: it is none of these.
        InvalidRequestError: a file is closed, a charset lacks a character, a header of a part is
            not valid.
        BodyNotReplayableError: the payload, or a part of the form, was sent before and cannot be
            sent again.
    """
    made = data() if isinstance(data, FormData) else data
    if not isinstance(made, Payload):
        kwargs = {} if encoding is None else {"encoding": encoding}
        try:
            made = get_payload(made, **kwargs)
        except LookupError:
            return make_payload(_form(data))
        if isinstance(made, IOBasePayload):
            # It names a part of a multipart body; a request's body has no disposition.
            made.headers.popall("Content-Disposition", None)
    if made.consumed:
        raise BodyNotReplayableError(
            f"{made!r} was sent before and cannot be sent again; a file is closed when it was "
            "sent, and an iterator is spent"
        )
    return made


def _form(data: object) -> FormData:
    try:
        return FormData(data)
    except InvalidBodyError as exc:
        raise InvalidBodyError(f"{type(data).__name__} cannot be sent as a body: {exc}") from None
