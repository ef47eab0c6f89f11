"""Media types: taken apart, and guessed from a file's name.

Knows: the parts of ``Content-Type`` (RFC 9110 8.3.1) and the system's table of file suffixes.
Must not know: bodies, files, headers.
Called by: the payloads, and users, by the name `parse_mimetype`.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import NamedTuple

from multidict import MultiDict, MultiDictProxy

from .parameters import is_quoted, split_unquoted, unescape

__all__ = ("MimeType", "charset_of", "guess_content_type", "parse_mimetype")

OCTET_STREAM = "application/octet-stream"


class MimeType(NamedTuple):
    """A media type in its parts, lower-cased where case does not matter.

    Args:
        type: before the slash.
        subtype: after the slash, without the suffix.
        suffix: after the plus sign, if there is one.
        parameters: names (lower-cased) and values (unquoted).
    """

    type: str
    subtype: str
    suffix: str
    parameters: MultiDictProxy[str]


@lru_cache(maxsize=64)
def parse_mimetype(mimetype: str) -> MimeType:
    """Take a media type apart; never fails, whatever the text is.

    ``text/html; charset=utf-8`` gives the type ``text``, the subtype ``html`` and the parameter
    ``charset``. The empty text gives empty parts, ``*`` is ``*/*``.
    """
    full, *items = split_unquoted(mimetype, ";")
    parameters: MultiDict[str] = MultiDict()
    for item in items:
        name, _, value = item.partition("=")
        value = value.strip()
        if name.strip():
            value = unescape(value[1:-1]) if is_quoted(value) else value.strip(' "')
            parameters.add(name.strip().lower(), value)
    full = full.strip().lower()
    if full == "*":
        full = "*/*"
    main, _, sub = full.partition("/")
    sub, _, suffix = sub.partition("+")
    return MimeType(main, sub, suffix, MultiDictProxy(parameters))


def charset_of(content_type: str) -> str | None:
    """Return the charset that a ``Content-Type`` names, or ``None``."""
    return parse_mimetype(content_type).parameters.get("charset") or None


def guess_content_type(filename: str, default: str = OCTET_STREAM) -> str:
    """Return the media type that the system associates with a file's name."""
    import mimetypes  # reads the system's tables

    if sys.version_info >= (3, 13):
        guessed = mimetypes.guess_file_type(filename)[0]
    else:
        guessed = mimetypes.guess_type(filename)[0]
    return guessed or default
