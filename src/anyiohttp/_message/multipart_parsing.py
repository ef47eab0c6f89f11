r"""Where the parts of a multipart body begin and end, and their heads (RFC 2046 5.1). Pure.

Knows: delimiters, boundaries, header fields of parts.
Must not know: where the bytes come from, what is in a part.
Called by: ``multipart_reader``.

A delimiter is a whole line: ``--``, the boundary, maybe spaces, the end of the line; the last one
has ``--`` behind the boundary. A line that only begins like one is data, so that one boundary may
be the beginning of another. The ``CRLF`` before a delimiter belongs to it. Every step is linear in
the bytes that are new.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from multidict import CIMultiDict, CIMultiDictProxy

from ..exceptions import MalformedMultipartError
from .mimetypes import parse_mimetype
from .parameters import is_token

__all__ = ("Delimiter", "parse_boundary", "parse_part_headers")

#: RFC 2046 5.1.1.
_MAX_BOUNDARY = 70
#: Spaces between a boundary and the end of its line.
_MAX_PADDING = 256


def parse_boundary(content_type: str) -> tuple[str, bytes]:
    """Return the subtype that a ``Content-Type`` names, and its boundary with ``--`` before it.

    Raises:
        MalformedMultipartError: it is not ``multipart/…``, or has no boundary that can be.
    """
    mimetype = parse_mimetype(content_type)
    if mimetype.type != "multipart":
        raise MalformedMultipartError(f"multipart/* content type expected, not {content_type!r}")
    boundary = mimetype.parameters.get("boundary", "")
    if not boundary:
        raise MalformedMultipartError(f"boundary missed for Content-Type: {content_type}")
    if len(boundary) > _MAX_BOUNDARY:
        raise MalformedMultipartError(
            f"boundary {boundary!r} is too long ({_MAX_BOUNDARY} chars max)"
        )
    subtype = mimetype.subtype + (f"+{mimetype.suffix}" if mimetype.suffix else "")
    return subtype, b"--" + boundary.encode("utf-8", "surrogateescape")


class _Verdict(enum.Enum):
    YES = enum.auto()
    NO = enum.auto()
    UNKNOWN = enum.auto()


class Delimiter:
    """The lines that divide a multipart body.

    Args:
        boundary: with ``--`` before it.
    """

    def __init__(self, boundary: bytes) -> None:
        self.boundary = boundary
        self._sought = b"\r\n" + boundary

    def find(
        self, data: bytearray, start: int = 0, *, ended: bool = False, at_line: bool = False
    ) -> tuple[int, bool]:
        """Look for a delimiter.

        Args:
            data: what there is.
            start: how much of it is known to be no delimiter, nor the beginning of one.
            ended: whether no more will come.
            at_line: whether a line begins at ``start``.

        Returns:
            How many bytes are known to be data, and whether a delimiter follows them.
        """
        if at_line:
            verdict = self._begins(data, start, ended=ended)
            if verdict is not _Verdict.NO:
                return start, verdict is _Verdict.YES
        sought = self._sought
        position = start
        while (found := data.find(sought, position)) >= 0:
            verdict = _ends_line(data, found + len(sought), ended=ended)
            if verdict is not _Verdict.NO:
                return found, verdict is _Verdict.YES
            position = found + len(sought)
        if ended:
            return len(data), False
        # A delimiter may begin in what is here and end in what comes.
        position = max(position, len(data) - len(sought) + 1)
        while (found := data.find(b"\r", position)) >= 0:
            if sought.startswith(data[found:]):
                return found, False
            position = found + 1
        return len(data), False

    def _begins(self, data: bytearray, start: int, *, ended: bool) -> _Verdict:
        """Tell whether a delimiter is at ``start``, without a ``CRLF`` before it."""
        boundary = self.boundary
        if data.startswith(boundary, start):
            return _ends_line(data, start + len(boundary), ended=ended)
        if not ended and boundary.startswith(data[start : start + len(boundary)]):
            return _Verdict.UNKNOWN
        return _Verdict.NO

    def take(self, data: bytearray) -> bool:
        """Remove the delimiter at the beginning of ``data``, which `find` has found.

        Returns:
            Whether it was the last one.
        """
        if data.startswith(b"\r\n"):
            del data[:2]
        last = data.startswith(self.boundary + b"--")
        end = data.find(b"\n")
        del data[: len(data) if end < 0 else end + 1]
        return last


def _ends_line(data: bytearray, position: int, *, ended: bool) -> _Verdict:
    """Tell whether the line ends behind a boundary."""
    rest = bytes(data[position : position + _MAX_PADDING + 4])
    unknown = _Verdict.NO if ended else _Verdict.UNKNOWN
    if rest == b"-":
        return unknown
    rest = rest.removeprefix(b"--").lstrip(b" \t")
    if rest.startswith((b"\r\n", b"\n")):
        return _Verdict.YES
    if rest not in (b"", b"\r"):
        return _Verdict.NO
    if ended:
        return _Verdict.YES
    return unknown if len(data) - position <= _MAX_PADDING else _Verdict.NO


def parse_part_headers(lines: Iterable[bytes]) -> CIMultiDictProxy[str]:
    """Return the header fields of a part; a line that begins with a space continues the last one.

    Raises:
        MalformedMultipartError: a line is no field.
    """
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not fields:
                raise MalformedMultipartError("a part's head begins with a continuation line")
            name, value = fields[-1]
            fields[-1] = name, value + b" " + line.strip(b" \t")
            continue
        name, colon, value = line.partition(b":")
        if not colon or not is_token(name.decode("latin-1")):
            raise MalformedMultipartError(f"invalid header line of a part: {line[:100]!r}")
        if b"\0" in value or b"\r" in value:
            raise MalformedMultipartError(f"control character in a part's header {name!r}")
        fields.append((name, value.strip(b" \t")))
    decoded: CIMultiDict[str] = CIMultiDict()
    for name, value in fields:
        decoded.add(name.decode("ascii"), value.decode("utf-8", "surrogateescape"))
    return CIMultiDictProxy(decoded)
