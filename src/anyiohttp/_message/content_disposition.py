"""``Content-Disposition`` (RFC 6266, RFC 7578 4.2), in aiohttp's form. Pure.

Knows: how the value is written, extended (RFC 8187) and continued (RFC 2231) parameters included,
and which malformed ones browsers read all the same.
Must not know: whether it stands in a response or in a part of a multipart body.
Called by: ``response``, ``multipart``.

A file name comes from the peer: one that looks absolute loses its leading slashes, and whoever
saves a file under it must still reduce it to a bare name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from .parameters import is_quoted, is_token, split_unquoted, unescape

__all__ = (
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "ContentDisposition",
    "content_disposition_filename",
    "parse_content_disposition",
)

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class BadContentDispositionHeader(RuntimeWarning):
    """A ``Content-Disposition`` could not be read at all, or has an empty parameter."""


class BadContentDispositionParam(RuntimeWarning):
    """A parameter of a ``Content-Disposition`` could not be read and was left out."""


class ContentDisposition(NamedTuple):
    """What a ``Content-Disposition`` says.

    Args:
        type: ``attachment``, ``inline``, ``form-data`` …, in lower case; ``None`` if the value
            could not be read.
        parameters: by their names in lower case, extended values decoded.
        filename: the file's name, from whichever parameter says it best.
    """

    type: str | None
    parameters: MappingProxyType[str, str]
    filename: str | None


def parse_content_disposition(header: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the disposition's type and parameters; ``(None, {})`` if the value is malformed.

    Warns:
        BadContentDispositionHeader: the value is malformed.
        BadContentDispositionParam: one parameter is, and was left out.
    """
    if not header:
        return None, {}
    # Some senders do not escape the quotes inside of quotes: then every semicolon separates.
    for parts, strict in ((split_unquoted(header, ";"), True), (header.split(";"), False)):
        kind, *items = parts
        complaints: list[Warning] = []
        parameters = _parse_items(items, header, complaints, strict=strict)
        if parameters is not None and is_token(kind.strip()):
            for complaint in complaints:
                warnings.warn(complaint, stacklevel=2)
            return kind.strip().lower(), parameters
    warnings.warn(BadContentDispositionHeader(header), stacklevel=2)
    return None, {}


def _parse_items(
    items: list[str], header: str, complaints: list[Warning], *, strict: bool
) -> dict[str, str] | None:
    """Return the parameters, complaining of those that were left out; ``None`` if malformed."""
    parameters: dict[str, str] = {}
    for item in items:
        if not item:  # a trailing semicolon
            complaints.append(BadContentDispositionHeader(header))
            continue
        name, equals, value = item.partition("=")
        name, value = name.lower().strip(), value.lstrip()
        if not equals or name in parameters:
            return None
        parsed = _parse_special(name, value)
        if parsed is None and _is_plain(name):
            parsed = _parse_plain(value, strict=strict)
            if parsed is None:
                return None
        if parsed is None:
            complaints.append(BadContentDispositionParam(item))
            continue
        parameters[name] = parsed
    return parameters


def _is_continued(name: str) -> bool:
    """Return whether the name is like ``filename*0`` or ``filename*0*`` (RFC 2231 3)."""
    _, star, number = name.partition("*")
    return bool(star) and number.removesuffix("*").isdigit()


def _is_plain(name: str) -> bool:
    return is_token(name) and not name.endswith("*") and not _is_continued(name)


def _parse_special(name: str, value: str) -> str | None:
    """Return the value of a continued or extended parameter; ``None`` if it is neither, or bad."""
    if not is_token(name):
        return None
    if _is_continued(name):
        if is_quoted(value):
            return unescape(value[1:-1])
        return value if is_token(value) else None
    if name.endswith("*") and is_token(value) and value.count("'") == 2:
        return _decode_extended(value)
    return None


def _parse_plain(value: str, *, strict: bool) -> str | None:
    stripped = value.rstrip()
    if _QUOTED.fullmatch(stripped) if strict else is_quoted(stripped):
        return unescape(stripped[1:-1].lstrip("\\/"))
    return value if is_token(value) else None


def _decode_extended(value: str) -> str | None:
    """Decode ``charset'language'percent-encoded`` (RFC 8187 3.2)."""
    charset, _, text = value.split("'", 2)
    try:
        return unquote(text, charset or "utf-8", "strict")
    except (LookupError, ValueError):  # the peer chose the charset as well as the bytes
        return None


def content_disposition_filename(params: Mapping[str, str], name: str = "filename") -> str | None:
    """Return the file's name: ``filename*``, else ``filename``, else ``filename*0`` and so on.

    Args:
        params: as `parse_content_disposition` returns them.
        name: which parameter holds the name.
    """
    extended = f"{name}*"
    if extended in params:
        return params[extended]
    if name in params:
        return params[name]
    parts: list[str] = []
    while True:
        key = f"{extended}{len(parts)}"
        part = params.get(key, params.get(f"{key}*"))
        if part is None:
            break
        parts.append(part)
    if not parts:
        return None
    value = "".join(parts)
    return _decode_extended(value) if value.count("'") >= 2 else value
