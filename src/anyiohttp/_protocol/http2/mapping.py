"""Heads as HTTP/2 says them: pseudo-header fields and fields, and back.

Knows: RFC 9113 section 8 (what a message is), 8.5 and RFC 8441 (CONNECT), what of HTTP/1 has no
place here.
Must not know: frames, HPACK, streams.
Called by: ``connection`` for requests, ``engine`` for what comes back.

What a caller set with HTTP/1 in mind is dropped where it only spoke of the connection, and refused
where it would change the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from hpack import HeaderTuple, NeverIndexedHeaderTuple

from ...exceptions import InvalidRequestError
from ..base import HTTP_20, MessageLimits, RawHeaders, RequestHead, ResponseHead

__all__ = (
    "MalformedError",
    "RequestPlan",
    "plan_request",
    "response_head",
    "response_length",
    "response_status",
    "trailer_fields",
)

Fields = Iterable[tuple[bytes, bytes]]

#: RFC 9110 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_VALUE = re.compile(rb"[\x00\x0a\x0d]")
_AUTHORITY = re.compile(r"[!-~]+")
_NOT_IN_AUTHORITY = frozenset("/?#@\\")

#: They speak of one HTTP/1 connection (RFC 9113 8.2.2).
_OF_THE_CONNECTION = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    }
)
_MALFORMED_IN_RESPONSES = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
#: What a proxy or a library that keeps what it compressed must not put in its table.
_SECRET = frozenset({b"authorization", b"proxy-authorization"})
#: A cookie shorter than this can be guessed by what it compresses to (RFC 7541 7.1.3).
_GUESSABLE = 20

#: More digits than any length has that fits in 64 bits.
_MAX_DIGITS = 19
_METHODS_WITH_CONTENT = frozenset({"PATCH", "POST", "PUT"})


class MalformedError(Exception):
    """A response breaks RFC 9113 8: its stream comes to nothing, and only that."""


class RequestPlan(NamedTuple):
    """How a request is said.

    Attributes:
        fields: all of them, pseudo-header fields first.
        length: how many bytes of a body go with it; ``None`` if that is not known.
        tunnel: whether the stream is to carry bytes of the user's, not a message.
    """

    fields: list[tuple[bytes, bytes]]
    length: int | None
    tunnel: bool


# --- requests -------------------------------------------------------------------------------


def plan_request(head: RequestHead, size: int | None, *, has_body: bool) -> RequestPlan:
    """Return how a request is said.

    Args:
        head: the request.
        size: the body's size; ``None`` if unknown.
        has_body: whether there is a body at all.

    Raises:
        InvalidRequestError: a part of it must not be sent.

    A Content-Length of the caller's bounds the body, as in HTTP/1.1.
    """
    authority = head.authority
    fields: list[tuple[bytes, bytes]] = []
    lengths: list[str] = []
    hosts = 0
    nominated = _nominated(head)
    for name, value in head.headers:
        lower = _lower(name)
        _check_value(name, value)
        if lower == "host":
            hosts += 1
            authority = value.strip(" \t")
        elif lower == "content-length":
            lengths.append(value)
        elif lower == "cookie":
            fields += _crumbs(value)
        elif lower == "te":
            if "trailers" in value.lower():
                fields.append(HeaderTuple(b"te", b"trailers"))
        elif lower not in _OF_THE_CONNECTION and lower not in nominated:
            fields.append(_field(lower.encode("ascii"), _encoded(name, value)))
    if hosts > 1:
        raise InvalidRequestError("there can be only one Host")
    length = _request_length(head, lengths, size, has_body=has_body)
    tunnel = head.method == "CONNECT"
    if length is not None and not tunnel and (has_body or lengths or _wants_length(head)):
        fields.append(HeaderTuple(b"content-length", b"%d" % length))
    if head.expect_continue and length != 0 and all(name != b"expect" for name, _ in fields):
        fields.append(HeaderTuple(b"expect", b"100-continue"))
    return RequestPlan(_pseudo_fields(head, authority) + fields, length, tunnel)


def _check_value(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidRequestError(
            f"the value of header {name!r} is {type(value).__name__}, not str"
        )
    if not value.isprintable() and _CONTROLS.search(value):
        raise InvalidRequestError(f"the value of header {name!r} has a control character")


def _pseudo_fields(head: RequestHead, authority: str) -> list[tuple[bytes, bytes]]:
    method, target = head.method, head.target
    if not _is_token(method):
        raise InvalidRequestError(f"invalid method {method!r}")
    if not _is_authority(authority):
        raise InvalidRequestError("the authority is not a host with an optional port")
    fields: list[tuple[bytes, bytes]] = [
        HeaderTuple(b":method", method.encode("ascii")),
        HeaderTuple(b":authority", authority.encode("ascii")),
    ]
    if method == "CONNECT" and head.protocol is None:
        return fields
    if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
        raise InvalidRequestError(
            "the request target has a space, a control, a fragment or a non-ASCII character"
        )
    if target[:1] != "/" and not (target == "*" and method == "OPTIONS"):
        raise InvalidRequestError("the request target must begin with '/'")
    if not head.scheme.isalpha():
        raise InvalidRequestError("invalid scheme")
    fields.append(HeaderTuple(b":scheme", head.scheme.encode("ascii")))
    fields.append(HeaderTuple(b":path", target.encode("ascii")))
    if head.protocol is not None:
        fields.append(HeaderTuple(b":protocol", head.protocol.encode("ascii")))
    return fields


def _nominated(head: RequestHead) -> frozenset[str]:
    """Return the fields that a ``Connection`` field declares to be the connection's own."""
    values = [v for name, v in head.headers if len(name) == 10 and name.lower() == "connection"]
    if not values:
        return frozenset()
    options = {option.strip(" \t").lower() for value in values for option in value.split(",")}
    return frozenset(options - {"te", "host", "content-length", "cookie", "authorization"})


def _request_length(
    head: RequestHead, lengths: list[str], size: int | None, *, has_body: bool
) -> int | None:
    if has_body and head.method in ("CONNECT", "TRACE"):
        raise InvalidRequestError(f"a {head.method} request has no body")
    if not has_body:
        size = 0
    if not lengths:
        return size
    text = lengths[0].strip(" \t")
    if len(lengths) > 1 or not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise InvalidRequestError("Content-Length must be one number of bytes")
    length = int(text)
    if size is not None and size < length:
        raise InvalidRequestError(f"Content-Length is {length}, but the body has {size} bytes")
    return length


def _wants_length(head: RequestHead) -> bool:
    return head.method in _METHODS_WITH_CONTENT


def _crumbs(value: str) -> list[tuple[bytes, bytes]]:
    """Return a Cookie field in pieces, which compress better (RFC 9113 8.2.3)."""
    crumbs: list[tuple[bytes, bytes]] = []
    for pair in value.split("; "):
        crumb = _encoded("Cookie", pair.strip(" \t"))
        kind = NeverIndexedHeaderTuple if len(crumb) < _GUESSABLE else HeaderTuple
        crumbs.append(kind(b"cookie", crumb))
    return crumbs


def _field(name: bytes, value: bytes) -> HeaderTuple:
    return (NeverIndexedHeaderTuple if name in _SECRET else HeaderTuple)(name, value)


def _encoded(name: str, value: str) -> bytes:
    try:
        return value.strip(" \t").encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidRequestError(f"the value of header {name!r} cannot be encoded") from None


@lru_cache(maxsize=512)
def _lower(name: str) -> str:
    if not _is_token(name):
        raise InvalidRequestError(f"invalid header name {name!r}")
    return name.lower()


@lru_cache(maxsize=512)
def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=512)
def _is_authority(text: str) -> bool:
    return _AUTHORITY.fullmatch(text) is not None and _NOT_IN_AUTHORITY.isdisjoint(text)


# --- responses ------------------------------------------------------------------------------


def response_status(fields: RawHeaders) -> int:
    """Return the status.

    Raises:
        MalformedError: there is none, or none that can be.
    """
    if not fields or fields[0][0] != b":status":
        raise MalformedError("a response without a status")
    text = fields[0][1]
    if len(text) != 3 or not text.isdigit() or text < b"100":
        raise MalformedError("an invalid status")
    return int(text)


def response_head(status: int, fields: RawHeaders, limits: MessageLimits) -> ResponseHead:
    """Return a response's head.

    Args:
        status: its `response_status`.
        fields: all fields, the status first.
        limits: how much is accepted.

    Raises:
        MalformedError: they are not those of a response, or pass a limit.
    """
    return ResponseHead(status, "", HTTP_20, _checked(fields[1:], limits, "header"))


def trailer_fields(fields: RawHeaders, limits: MessageLimits) -> RawHeaders:
    """Return the fields after a body.

    Raises: as `response_head`.
    """
    return _checked(fields, limits, "trailer")


def response_length(method: str, head: ResponseHead) -> tuple[int | None, bool]:
    """Return how long a response's body is, and whether there can be none at all.

    Raises:
        MalformedError: it contradicts itself.
    """
    status = head.status
    lengths = [value for name, value in head.headers if name == b"content-length"]
    if lengths:
        text = lengths[0]
        if not text.isdigit() or len(text) > _MAX_DIGITS or any(v != text for v in lengths):
            raise MalformedError("an invalid Content-Length")
    if method == "HEAD" or status in (204, 304):
        return None, True
    if method == "CONNECT" and 200 <= status < 300:
        return None, False
    return (int(lengths[0]) if lengths else None), False


def _checked(fields: RawHeaders, limits: MessageLimits, what: str) -> RawHeaders:
    if len(fields) > limits.max_headers:
        raise MalformedError(f"more than {limits.max_headers} {what} fields")
    checked = []
    largest = limits.max_field_size
    for name, value in fields:
        if len(name) + len(value) > largest:
            raise MalformedError(f"a {what} field of more than {largest} bytes")
        if not _is_name(name):
            raise MalformedError(f"an invalid {what} field name {bytes(name[:40])!r}")
        if _BAD_VALUE.search(value):
            raise MalformedError(f"a control character in the {what} field {name!r}")
        checked.append((name, value.strip(b" \t")))
    return checked


@lru_cache(maxsize=1024)
def _is_name(name: bytes) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _MALFORMED_IN_RESPONSES
