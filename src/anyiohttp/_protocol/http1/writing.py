"""A request's head, and chunks, as bytes.

Knows: the grammar of RFC 9112 sections 3 (request line) and 5 (fields), and of chunks (7.1).
Must not know: what the fields mean; how the body is framed (``framing`` says that).
Called by: ``connection`` and ``upload``.

Nothing goes out that could be read as more than one line: a method, a target, an authority, a name
or a value that does not fit the grammar is refused, and the error names it without showing a value,
which may be a credential.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ...exceptions import InvalidRequestError
from ..base import HTTP_11, FieldLines, RequestHead
from .framing import Control, RequestFraming, request_control

__all__ = ("LAST_CHUNK", "WrittenFields", "encode_chunk", "write_fields", "write_head")

LAST_CHUNK = b"0\r\n\r\n"

#: RFC 9110 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

#: Controls other than tab (RFC 9110 5.5); of these CR, LF and NUL are the dangerous ones.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

#: Host and port; what would start a path, a query, a fragment or user information is out.
_AUTHORITY = re.compile(r"[!-~]+")
_NOT_IN_AUTHORITY = frozenset("/?#@\\")


class WrittenFields(NamedTuple):
    """Header fields, checked and written.

    Attributes:
        control: those that decide how the request is sent.
        lines: with CRLF after each.
    """

    control: Control
    lines: str


def write_fields(head: RequestHead) -> WrittenFields:
    """Return a request's fields as they go out; those that requests share are written once.

    Raises:
        InvalidRequestError: one of them must not be sent.
    """
    fields = head.headers
    if type(fields) is FieldLines:
        before = fields.written
        if type(before) is WrittenFields:
            return before
        fields.written = written = _written(head)
        return written
    return _written(head)


def _written(head: RequestHead) -> WrittenFields:
    lines = []
    for name, value in head.headers:
        if not _is_token(name):
            raise InvalidRequestError(f"invalid header name {name!r}")
        if not isinstance(value, str):
            raise InvalidRequestError(
                f"the value of header {name!r} is {type(value).__name__}, not str"
            )
        # `isprintable` is the fast test; it also stops at characters that may be sent.
        if not value.isprintable() and _CONTROLS.search(value):
            raise InvalidRequestError(f"the value of header {name!r} has a control character")
        lines.append(f"{name}: {value}\r\n")
    return WrittenFields(request_control(head), "".join(lines))


def write_head(head: RequestHead, written: WrittenFields, framing: RequestFraming) -> bytes:
    """Return a request's head.

    ``Host`` comes first unless the caller set it (RFC 9112 3.2); the framing's own field and what
    HTTP/1.0 needs to keep the connection come last.

    Args:
        head: the request.
        written: its `write_fields`.
        framing: how its body will be sent.

    Raises:
        InvalidRequestError: a part of it must not be sent.
    """
    control, fields = written
    version = head.version
    text = f"{_request_target(head)} HTTP/{version[0]}.{version[1]}\r\n"
    hosts = control.get("host")
    if not hosts:
        text += f"Host: {head.authority}\r\n"
    elif len(hosts) > 1:
        raise InvalidRequestError("there can be only one Host")
    text += fields
    if framing.field:
        text += framing.field + "\r\n"
    if head.expect_continue and framing.has_content and "expect" not in control:
        text += "Expect: 100-continue\r\n"
    if version is not HTTP_11 and version < HTTP_11 and "connection" not in control:
        text += "Connection: keep-alive\r\n"
    text += "\r\n"
    try:
        # What came as bytes that are no text, a cookie say, goes back as the same bytes (obs-text,
        # RFC 9110 5.5). None of them is a control character.
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InvalidRequestError(_not_encodable(head)) from None


def encode_chunk(data: bytes) -> bytes:
    """Return ``data``, which must not be empty, as one chunk (RFC 9112 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _request_target(head: RequestHead) -> str:
    """Return the method and the target in the form RFC 9112 3.2 wants."""
    method, authority, target = head.method, head.authority, head.target
    if not _is_token(method):
        raise InvalidRequestError(f"invalid method {method!r}")
    if not _is_authority(authority):
        raise InvalidRequestError("the authority is not a host with an optional port")
    if method == "CONNECT":
        return f"CONNECT {authority}"
    # ASCII, printable and no space: exactly 0x21 to 0x7e. A fragment is never sent.
    if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
        raise InvalidRequestError(
            "the request target has a space, a control, a fragment or a non-ASCII character"
        )
    if target == "*" and method == "OPTIONS":
        target = "" if head.absolute else "*"
    elif target[:1] != "/":
        raise InvalidRequestError("the request target must begin with '/'")
    if head.absolute:
        if not head.scheme.isalpha():
            raise InvalidRequestError("invalid scheme")
        target = f"{head.scheme}://{authority}{target}"
    return f"{method} {target}"


@lru_cache(maxsize=512)
def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=512)
def _is_authority(text: str) -> bool:
    return _AUTHORITY.fullmatch(text) is not None and _NOT_IN_AUTHORITY.isdisjoint(text)


def _not_encodable(head: RequestHead) -> str:
    """Say which header holds a surrogate that stands for no byte; all else can be encoded."""
    for name, value in head.headers:
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return f"the value of header {name!r} cannot be encoded"
    return "the request's head cannot be encoded"  # pragma: no cover - all else is ASCII
