"""Text for people: JSON with indents, sizes, times, and nothing that a terminal would obey.

Knows: strings and numbers.
Must not know: terminals, responses.
Called by: everything here that shows something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

__all__ = (
    "duration",
    "is_json",
    "is_text",
    "is_utf8",
    "plural",
    "pretty_json",
    "printable",
    "size",
)

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return ``text`` without what a terminal would obey: controls and changes of direction.

    They become visible escapes; tabs and line feeds stay, and a carriage return before a line
    feed goes.
    """
    return _CONTROLS.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_OPENING = {"{": "}", "[": "]"}


def pretty_json(text: str, indent: int = 4) -> str | None:
    """Return JSON with indents, or ``None`` if it is none.

    Only the space between its parts changes: numbers and escapes stay as they were written, and so
    do order and repetition of names.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return "".join(_laid_out(_PART.findall(text), indent))


def _laid_out(parts: list[str], indent: int) -> Iterator[str]:
    depth = 0
    for number, part in enumerate(parts):
        following = parts[number + 1] if number + 1 < len(parts) else ""
        if part in _OPENING:
            yield part
            if following == _OPENING[part]:
                continue
            depth += 1
            yield "\n" + " " * (indent * depth)
        elif part in ("}", "]"):
            if number and parts[number - 1] not in _OPENING:
                depth -= 1
                yield "\n" + " " * (indent * depth)
            yield part
        elif part == ",":
            yield ",\n" + " " * (indent * depth)
        elif part == ":":
            yield ": "
        else:
            yield part


_JSON_TYPE = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json", re.IGNORECASE)
_TEXT_TYPE = re.compile(
    r"text/.*|application/(?:[\w.+-]+\+)?(?:json|xml|javascript|x-www-form-urlencoded|yaml|toml"
    r"|x-ndjson|graphql|sql)|image/svg\+xml|message/.*",
    re.IGNORECASE,
)


def is_json(content_type: str) -> bool:
    """Whether a media type, without parameters, is JSON."""
    return _JSON_TYPE.fullmatch(content_type) is not None


def is_text(content_type: str) -> bool:
    """Whether a media type, without parameters, is made for people to read."""
    return _TEXT_TYPE.fullmatch(content_type) is not None


def is_utf8(data: bytes) -> bool:
    """Whether bytes are text in UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: float) -> str:
    """Return a number of bytes as ``1.5 MiB``."""
    amount, unit = float(count), 0
    while amount >= 1023.95 and unit < len(_UNITS) - 1:
        amount /= 1024
        unit += 1
    return f"{amount:.0f} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time as ``0.31 ms``, ``12.3 ms``, ``4.56 s``, ``3:07`` or ``1:02:03``."""
    if seconds < 0.01:
        return f"{seconds * 1000:.2f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plural(count: int, noun: str) -> str:
    """Return ``1 redirect``, ``2 redirects``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
