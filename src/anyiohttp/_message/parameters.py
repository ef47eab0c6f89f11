"""Parameters of header fields: ``; name=value`` with quoted strings (RFC 9110 5.6.4, 5.6.6). Pure.

Knows: where a quoted string begins and ends.
Must not know: which field it is and what its parameters mean.
Called by: ``content_disposition``, ``links``.

All of it is linear in the length of the field, whatever the peer sends.
"""

from __future__ import annotations

import re

__all__ = ("is_quoted", "is_token", "split_unquoted", "unescape")

#: RFC 9110 5.6.2.
_TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ESCAPE = r"(?s)\\(.)"


def is_token(text: str) -> bool:
    """Return whether the whole text is a token."""
    return re.fullmatch(_TCHARS, text) is not None


def is_quoted(text: str) -> bool:
    """Return whether the text has quotes around it."""
    return len(text) >= 2 and text[0] == text[-1] == '"'


def unescape(text: str) -> str:
    r"""Resolve the quoted pairs of a quoted string's inside: ``\x`` becomes ``x``."""
    return re.sub(_ESCAPE, r"\1", text) if "\\" in text else text


def split_unquoted(text: str, separator: str) -> list[str]:
    """Split the text at a character, but not inside quoted strings.

    Where the separator is a comma, also not inside ``<…>`` (RFC 8288 3).
    """
    parts: list[str] = []
    start = 0
    closing = ""  # what ends the quoted or bracketed text we are in
    escaped = False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif closing:
            if character == closing:
                closing = ""
            else:
                escaped = character == "\\" and closing == '"'
        elif character == '"':
            closing = '"'
        elif character == separator:
            parts.append(text[start:position])
            start = position + 1
        elif character == "<" and separator == ",":
            closing = ">"
    parts.append(text[start:])
    return parts
