"""What stands after the URL: ``Name:value``, ``name==value``, ``name=value``, ``name@file`` ….

Knows: the separators and what each of them means.
Must not know: files, requests.
Called by: `plan`; the command line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

__all__ = ("Item", "ItemError", "Kind", "parse_header", "parse_item")


class ItemError(ValueError):
    """An item cannot be read."""


class Kind(Enum):
    """What an item adds to the request, by its separator."""

    HEADER = ":"
    QUERY = "=="
    TEXT = "="
    JSON = ":="
    FILE = "@"
    TEXT_OF_FILE = "=@"
    JSON_OF_FILE = ":=@"


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Args:
        kind: what it adds.
        name: of the header, parameter or field; empty for a file that is the whole body.
        value: its value, or the file's path. ``None`` for a header that is not to be sent.
        content_type: of a file, if the item names it.
    """

    kind: Kind
    name: str
    value: str | None
    content_type: str | None = None


#: A name, in which a backslash takes the meaning from what follows it, and the first separator;
#: of those that begin at the same place, the longest.
_ITEM = re.compile(r"((?:\\.|[^\\:=@]|\\$)*)(:=@|:=|=@|==|=|@|:)(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\:=@;])")
_TYPED_FILE = re.compile(r"(.+);type=([^;]+)", re.DOTALL)


def parse_item(text: str) -> Item:
    """Read one item.

    Raises:
        ItemError: it is none; the message says what there is.
    """
    found = _ITEM.fullmatch(text)
    if found is None:
        if text.endswith(";") and len(text) > 1:
            return Item(Kind.HEADER, _unescaped(text[:-1]), "")
        raise ItemError(
            f"{text!r} is no item: use Name:value for a header, name==value for the query, "
            "name=value or name:=json for a field, name@file for a file, @file for the whole body"
        )
    kind = Kind(found[2])
    name, value = _unescaped(found[1]), found[3]
    if not name and kind is not Kind.FILE:
        raise ItemError(f"{text!r} has no name before {kind.value!r}")
    if kind is Kind.HEADER:
        # ``Name:`` alone takes back what would go out by itself; ``Name;`` sends it empty.
        return Item(kind, name.strip(), value.strip() or None)
    if kind in (Kind.FILE, Kind.TEXT_OF_FILE, Kind.JSON_OF_FILE) and not value:
        raise ItemError(f"{text!r} names no file after {kind.value!r}")
    if kind is Kind.FILE and (typed := _TYPED_FILE.fullmatch(value)):
        return Item(kind, name, typed[1], typed[2].strip())
    return Item(kind, name, value)


def parse_header(text: str) -> Item:
    """Read what was given as ``--header 'Name: value'``.

    Raises:
        ItemError: there is no colon, or no name before it.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ItemError(f"{text!r} is not 'Name: value'")
    return Item(Kind.HEADER, name.strip(), value.strip() or None)


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(r"\1", name)
