"""Where a message ends, and whether the connection lives on after it.

Knows: RFC 9112 section 6 (message body length) and section 9.3 (persistence).
Must not know: how heads are read or written, streams, anything that waits.
Called by: ``connection``, with the fields of a request or of a response.

Both sides are strict where being lenient lets two parties disagree about where a message ends
(request smuggling, RFC 9112 11.2): a message whose framing can be read in two ways is refused, and
a connection whose next byte could belong to either message is not used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ...exceptions import InvalidRequestError
from ..base import HTTP_11, RawHeaders, RequestHead, ResponseHead

__all__ = (
    "Control",
    "Delimiter",
    "HeardHead",
    "ParseError",
    "RequestFraming",
    "ResponseFraming",
    "request_control",
    "request_framing",
    "response_framing",
    "usual_framing",
)

#: The fields of a request that decide how it is sent, by lower-case name.
Control = Mapping[str, list[str]]
#: The same for a response.
ResponseControl = Mapping[bytes, list[bytes]]

_REQUEST_CONTROL = frozenset(
    {"connection", "content-length", "expect", "host", "transfer-encoding"}
)
_RESPONSE_CONTROL = frozenset({b"connection", b"content-length", b"transfer-encoding"})

#: Methods that are expected to carry content, so that its absence is said (RFC 9110 8.6).
_METHODS_WITH_CONTENT = frozenset({"PATCH", "POST", "PUT"})

#: More digits than any length has that fits in 64 bits; as llhttp.
_MAX_DIGITS = 19


class ParseError(Exception):
    """The peer's bytes are not a valid response; turned into our errors by ``connection``."""


class Delimiter(Enum):
    """What ends a response's body (RFC 9112 6.3)."""

    NOTHING = "there is no body"
    LENGTH = "Content-Length"
    CHUNKED = "the last chunk"
    END = "the end of the connection"
    TUNNEL = "the connection is no longer HTTP"


# On Python 3.11 a member takes long to be had from its class.
_LENGTH = Delimiter.LENGTH


class ResponseFraming(NamedTuple):
    """How a response's body ends, and whether the connection may be used after it."""

    delimiter: Delimiter
    length: int
    keep_alive: bool


@dataclass(slots=True)
class HeardHead(ResponseHead):
    """A response's head, which may come again, and how the body after it is framed.

    Args:
        framing: as it follows from the head alone, once it was asked for (`usual_framing`).
    """

    framing: ResponseFraming | None = None


class RequestFraming(NamedTuple):
    """How a request's body is sent.

    Attributes:
        chunked: in chunks.
        length: or as so many bytes; 0 if there is no body.
        field: the header line that says so, unless the caller set it or none is needed.
    """

    chunked: bool
    length: int
    field: str | None

    @property
    def has_content(self) -> bool:
        """Whether anything follows the head."""
        return self.chunked or self.length > 0


# --- requests -------------------------------------------------------------------------------


def request_control(head: RequestHead) -> Control:
    """Return the fields of a request that decide how it is sent."""
    found: dict[str, list[str]] = {}
    for name, value in head.headers:
        lower = _request_name(name)
        if lower is not None:
            found.setdefault(lower, []).append(value)
    return found


def response_control(headers: RawHeaders) -> ResponseControl:
    """Return the fields of a response that decide how it is read."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        lower = _response_name(name)
        if lower is not None:
            found.setdefault(lower, []).append(value)
    return found


# The same few names come again and again; these are asked for each of them.


@lru_cache(maxsize=256)
def _request_name(name: str) -> str | None:
    lower = name.lower()
    return lower if lower in _REQUEST_CONTROL else None


@lru_cache(maxsize=256)
def _response_name(name: bytes) -> bytes | None:
    lower = name.lower()
    return lower if lower in _RESPONSE_CONTROL else None


def request_framing(
    head: RequestHead, control: Control, size: int | None, *, has_body: bool
) -> RequestFraming:
    """Decide how a request's body is framed (RFC 9112 6.1 to 6.2).

    Args:
        head: the request's head.
        control: its `request_control`.
        size: the body's size; ``None`` if unknown.
        has_body: whether there is a body at all.

    Raises:
        InvalidRequestError: the caller's fields contradict each other, the body or the version.

    A Content-Length of the caller's bounds the body: what is longer is cut, as in aiohttp.
    """
    if not (control or has_body or head.chunked) and head.method not in _METHODS_WITH_CONTENT:
        return _NO_BODY
    lengths = control.get("content-length")
    chunked = _wants_chunks(head, control)
    if lengths and chunked:
        raise InvalidRequestError("Content-Length and Transfer-Encoding exclude each other")
    if has_body and head.method in ("CONNECT", "TRACE"):
        raise InvalidRequestError(f"a {head.method} request has no body")
    if lengths:
        return RequestFraming(False, _declared_length(lengths, size, has_body=has_body), None)
    if chunked or (has_body and size is None):
        if head.version < HTTP_11:
            raise InvalidRequestError("HTTP/1.0 needs a body of known size, and no chunks")
        given = "transfer-encoding" in control
        return RequestFraming(True, 0, None if given else "Transfer-Encoding: chunked")
    if has_body and size is not None:
        return RequestFraming(False, size, f"Content-Length: {size}")
    if head.method in _METHODS_WITH_CONTENT:
        return RequestFraming(False, 0, "Content-Length: 0")
    return _NO_BODY


_NO_BODY = RequestFraming(False, 0, None)


def _wants_chunks(head: RequestHead, control: Control) -> bool:
    codings = control.get("transfer-encoding")
    if not codings:
        return head.chunked
    if len(codings) > 1 or codings[0].strip(" \t").lower() != "chunked":
        raise InvalidRequestError("the only Transfer-Encoding that can be sent is 'chunked'")
    return True


def _declared_length(lengths: list[str], size: int | None, *, has_body: bool) -> int:
    text = lengths[0].strip(" \t")
    if len(lengths) > 1 or not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise InvalidRequestError("Content-Length must be one number of bytes")
    length = int(text)
    if not has_body:
        size = 0
    if size is not None and size < length:
        raise InvalidRequestError(f"Content-Length is {length}, but the body has {size} bytes")
    return length


# --- responses ------------------------------------------------------------------------------


def response_framing(
    request: RequestHead, control: Control, response: ResponseHead
) -> ResponseFraming:
    """Decide where a response's body ends (RFC 9112 6.3) and what follows it (9.3).

    Args:
        request: the request that is answered.
        control: its `request_control`.
        response: the final response's head.

    Raises:
        ParseError: the framing is invalid or ambiguous.
    """
    status = response.status
    if status == 101 or (request.method == "CONNECT" and 200 <= status < 300):
        return _TUNNEL
    fields = response_control(response.headers)
    keep_alive = _keeps_alive(request, control, response, fields)
    codings = fields.get(b"transfer-encoding")
    lengths = fields.get(b"content-length")
    if request.method == "HEAD" or status in (204, 304):
        if status == 204 and (codings or (lengths and lengths[0] != b"0")):
            # A server that sends what must not be there may well send the body, too.
            keep_alive = False
        return ResponseFraming(Delimiter.NOTHING, 0, keep_alive)
    if codings:
        if lengths:
            raise ParseError("both Content-Length and Transfer-Encoding")
        if _ends_in_chunks(codings):
            # An HTTP/1.0 peer does not know chunks; whoever added them may err (RFC 9112 6.1).
            keep_alive = keep_alive and response.version >= HTTP_11
            return ResponseFraming(Delimiter.CHUNKED, 0, keep_alive)
    elif lengths:
        return ResponseFraming(_LENGTH, _received_length(lengths), keep_alive)
    if not request.read_until_eof:
        return ResponseFraming(Delimiter.NOTHING, 0, keep_alive=False)
    return ResponseFraming(Delimiter.END, 0, keep_alive=False)


_TUNNEL = ResponseFraming(Delimiter.TUNNEL, 0, keep_alive=False)


#: Answers to these are framed by other rules.
_UNUSUAL = frozenset({"CONNECT", "HEAD"})


def usual_framing(request: RequestHead, control: Control, head: HeardHead) -> ResponseFraming:
    """Return `response_framing`, worked out once for all requests that have no say in it.

    Args and Raises: as there.
    """
    says_nothing = (
        request.version is HTTP_11
        and request.method not in _UNUSUAL
        and not (control and "connection" in control)
    )
    framing = head.framing
    if framing is not None and says_nothing:
        return framing
    framing = response_framing(request, control, head)
    if says_nothing and framing.delimiter in (_LENGTH, Delimiter.CHUNKED):
        head.framing = framing
    return framing


def _received_length(lengths: list[bytes]) -> int:
    text = lengths[0]
    if len(lengths) > 1 or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise ParseError("invalid Content-Length")
    return int(text)


def _ends_in_chunks(fields: list[bytes]) -> bool:
    """Return whether the chunked coding is in force; false means "until the end".

    We offer no other coding (``TE``), and cannot undo one; ``identity`` is the old word for none.
    Passing on what is still coded as if it were the content would be a lie.
    """
    codings = [coding.strip(b" \t").lower() for coding in b",".join(fields).split(b",")]
    codings = [coding for coding in codings if coding not in (b"", b"identity")]
    if codings and codings != [b"chunked"]:
        shown = b", ".join(codings)[:80].decode("latin-1")
        raise ParseError(f"unsupported Transfer-Encoding: {shown!r}")
    return bool(codings)


def _keeps_alive(
    request: RequestHead,
    control: Control,
    response: ResponseHead,
    fields: ResponseControl,
) -> bool:
    """RFC 9112 9.3, for both sides of the exchange."""
    asked = control.get("connection") if control else None
    if asked and "close" in _tokens(",".join(asked)):
        return False
    said = fields.get(b"connection")
    tokens = _said(said[0] if len(said) == 1 else b",".join(said)) if said else _NO_TOKENS
    if "close" in tokens:
        return False
    if response.version is HTTP_11 and request.version >= HTTP_11:
        return True
    return "keep-alive" in tokens


_NO_TOKENS: frozenset[str] = frozenset()


@lru_cache(maxsize=64)
def _said(value: bytes) -> frozenset[str]:
    return _tokens(value.decode("latin-1"))


@lru_cache(maxsize=64)
def _tokens(value: str) -> frozenset[str]:
    """Return the options of a ``Connection`` field; few different ones are ever seen."""
    return frozenset(option.strip(" \t").lower() for option in value.split(","))
