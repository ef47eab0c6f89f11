"""Range requests (RFC 9110 13.1.5, 14): what is asked for, and what an answer to it is. Pure.

Knows: ``Range``, ``If-Range``, ``Content-Range``, validators, and when one is strong.
Must not know: who asks, files.
Called by: ``requests``, ``task``, ``transfer``.

Two responses belong to one file only if a strong validator says so. A weak ETag promises that two
versions mean the same, not that they have the same bytes; a date promises it only if the file was
not written just now (RFC 9110 8.8.2.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from multidict import MultiMapping

__all__ = ("Answer", "Asked", "Kind", "is_coded", "judge", "modified_at", "strong_validator")

_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\U0010ffff]*"')
_PART = re.compile(r"bytes\s+(\d{1,19})\s*-\s*(\d{1,19})\s*/\s*(\d{1,19}|\*)", re.IGNORECASE)
_NO_PART = re.compile(r"bytes\s+\*\s*/\s*(\d{1,19}|\*)", re.IGNORECASE)

#: Within it the file may have changed twice under one date, or the clocks may differ.
_MIN_AGE = timedelta(seconds=60)

Headers = Mapping[str, str] | MultiMapping[str]


class Kind(Enum):
    """What an answer is."""

    WHOLE = auto()  # all of the file, from its first byte
    PART = auto()  # what was asked for, of the same file as far as can be told
    PAST_END = auto()  # the file has no such part
    UNMODIFIED = auto()  # the file is the one that is already there
    CHANGED = auto()  # a part, but of another version
    UNFIT = auto()  # a part that is none: ranges cannot be used here
    REFUSED = auto()  # none of it


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Args:
        start: the first position.
        end: one more than the last; ``None``: to the end.
        ranged: whether it is asked for with ``Range``; else the whole file is.
        validator: what the file was known by before.
        size: its size, if it is known.
    """

    start: int = 0
    end: int | None = None
    ranged: bool = False
    validator: str | None = None
    size: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the fields that ask for it."""
        if not self.ranged:
            return {}
        last = "" if self.end is None else str(self.end - 1)
        fields = {"Range": f"bytes={self.start}-{last}"}
        if self.validator is not None:
            fields["If-Range"] = self.validator
        return fields


@dataclass(frozen=True, slots=True)
class Answer:
    """What came.

    Args:
        kind: what it is.
        start: the first position of its body.
        end: one more than the last; ``None`` if it is not known.
        size: of the whole file; ``None`` if it is not known.
        reason: why it cannot be used.
    """

    kind: Kind
    start: int = 0
    end: int | None = None
    size: int | None = None
    reason: str = ""


def strong_validator(headers: Headers) -> str | None:
    """Return what ``If-Range`` may say of this version: a strong ETag, or a date that is one."""
    etag = headers.get("ETag")
    if etag is not None:
        etag = etag.strip()
        if _STRONG_ETAG.fullmatch(etag):
            return etag
        # A server that has only a weak one says that its bytes may differ under the same date, too.
        return None
    modified, date = headers.get("Last-Modified"), headers.get("Date")
    if modified is None or date is None:
        return None
    try:
        age = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except (TypeError, ValueError, OverflowError):
        return None
    return modified.strip() if age >= _MIN_AGE else None


def modified_at(headers: Headers) -> float | None:
    """Return ``Last-Modified`` in seconds since 1970."""
    try:
        return parsedate_to_datetime(headers.get("Last-Modified", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def is_coded(headers: Headers) -> bool:
    """Return whether the body is content-coded: its bytes are not those of the file."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    return coding not in ("", "identity")


def judge(asked: Asked, status: int, headers: Headers) -> Answer:
    """Tell what an answer is.

    Args:
        asked: what was asked for.
        status: the answer's.
        headers: the answer's.
    """
    if status == 304:
        return Answer(Kind.UNMODIFIED)
    if status == 416 and asked.ranged:
        match = _NO_PART.fullmatch(headers.get("Content-Range", "").strip())
        return Answer(Kind.PAST_END, size=_number(match[1]) if match else None)
    if status == 206:
        return _judge_part(asked, headers)
    if 200 <= status < 300 and status not in (204, 205):
        length = None if is_coded(headers) else _content_length(headers)
        return Answer(Kind.WHOLE, 0, length, length)
    return Answer(Kind.REFUSED)


def _judge_part(asked: Asked, headers: Headers) -> Answer:
    if not asked.ranged:
        return Answer(Kind.UNFIT, reason="a part (206) that nobody asked for")
    field = headers.get("Content-Range", "").strip()
    match = _PART.fullmatch(field)
    if match is None:
        return Answer(Kind.UNFIT, reason=f"206 with Content-Range {field!r}")
    start, end, size = int(match[1]), int(match[2]) + 1, _number(match[3])
    limit = asked.end if asked.end is not None else size
    length = _content_length(headers)
    if (
        start != asked.start
        or not start < end
        or (limit is not None and end > limit)
        or (size is not None and end > size)
        or (length is not None and length != end - start)
    ):
        wanted = asked.headers()["Range"]
        return Answer(Kind.UNFIT, reason=f"{wanted} was answered with Content-Range {field!r}")
    if is_coded(headers):
        return Answer(Kind.UNFIT, reason="a part in a content coding")
    if _is_another(asked, headers, size):
        return Answer(Kind.CHANGED, start, end, size)
    return Answer(Kind.PART, start, end, size)


def _is_another(asked: Asked, headers: Headers, size: int | None) -> bool:
    """Whether the part is of another version, whatever If-Range should have made of that."""
    if asked.size is not None and size is not None and size != asked.size:
        return True
    if asked.validator is None:
        return False
    field = "ETag" if asked.validator.startswith('"') else "Last-Modified"
    now = headers.get(field)
    return now is not None and now.strip() != asked.validator


def _content_length(headers: Headers) -> int | None:
    value = headers.get("Content-Length", "").partition(",")[0].strip()
    return int(value) if value.isascii() and value.isdigit() else None


def _number(text: str) -> int | None:
    return None if text == "*" else int(text)
