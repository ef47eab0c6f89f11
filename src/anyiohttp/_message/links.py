"""The ``Link`` field (RFC 8288), in aiohttp's form. Pure.

Knows: how links and their parameters are written.
Must not know: what a relation means.
Called by: ``response``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from multidict import MultiDict, MultiDictProxy
from yarl import URL

from .parameters import is_quoted, split_unquoted, unescape

__all__ = ("Links", "parse_links")

#: Links by their relation (by their target as written, if they have none): each the parameters,
#: and the absolute target as ``url``.
Links: TypeAlias = MultiDictProxy[MultiDictProxy[str | URL]]


def parse_links(values: Iterable[str], base: URL) -> Links:
    """Return the links of a response.

    Args:
        values: of its ``Link`` fields, in order.
        base: what relative targets are resolved against.

    What cannot be read as a link is left out.
    """
    links: MultiDict[MultiDictProxy[str | URL]] = MultiDict()
    for value in values:
        for text in split_unquoted(value, ","):
            target, bracket, rest = text.strip().removeprefix("<").partition(">")
            if not bracket or not text.lstrip().startswith("<"):
                continue
            try:
                url = base.join(URL(target))
            except ValueError:
                continue
            link = _parse_parameters(rest)
            relation = link.get("rel", target)
            link.add("url", url)
            links.add(str(relation), MultiDictProxy(link))
    return MultiDictProxy(links)


def _parse_parameters(text: str) -> MultiDict[str | URL]:
    link: MultiDict[str | URL] = MultiDict()
    for item in split_unquoted(text, ";")[1:]:
        name, equals, value = item.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not equals or not name or " " in name:
            continue
        if is_quoted(value):
            value = unescape(value[1:-1])
        elif len(value) >= 2 and value[0] == value[-1] == "'":
            value = value[1:-1]  # not RFC 8288's, but sent
        link.add(name, value)
    return link
