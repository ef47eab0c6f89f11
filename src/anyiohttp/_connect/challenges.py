"""What a server asks for before it answers: ``WWW-Authenticate``, ``Proxy-Authenticate``. Pure.

Knows: the grammar of challenges (RFC 9110 11.3, 11.6.1), several of them in one field included,
and that of the lists of parameters in ``Authentication-Info`` (RFC 7615).
Must not know: any scheme.
Called by: `tunnels`, and ``_client`` for Digest.

What servers send is often a little wrong. It is read as far as it can be: quotes that are not
closed end with the field, parameters may be parted by spaces, what is nothing is passed over. All
of it is linear in the length of the field, and nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ("Challenge", "parse_challenges", "parse_parameters", "quoted")

_BETWEEN = re.compile(r"[\s,;]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_EQUALS = re.compile(r"\s*=\s*")
#: RFC 9110 11.2: what a scheme may say instead of parameters; a comma or the end is next.
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9\-._~+/]+=*)(?=\s*(?:,|$))")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)(?:"|\\?$)', re.DOTALL)
_BARE = re.compile(r"[^\s,;]*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Challenge(NamedTuple):
    """One way to authenticate that a server offers.

    Args:
        scheme: in lower case.
        parameters: by their names in lower case, unquoted; of one that is repeated, the first.
        token68: what stands in the place of parameters, if that is how the scheme does it.
    """

    scheme: str
    parameters: dict[str, str]
    token68: str = ""


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Return all challenges of a response, in the server's order, which is that of preference.

    Args:
        fields: the values of all fields of that name.
    """
    found: list[Challenge] = []
    for field in fields:
        challenge: Challenge | None = None  # a parameter belongs to the scheme before it
        for name, value, token68 in _items(field):
            if value is None:
                challenge = Challenge(name.lower(), {}, token68)
                found.append(challenge)
            elif challenge is not None:
                challenge.parameters.setdefault(name.lower(), value)
    return found


def parse_parameters(field: str) -> dict[str, str]:
    """Return the parameters of a field that holds nothing else (``Authentication-Info``)."""
    found: dict[str, str] = {}
    for name, value, _ in _items(field):
        if value is not None:
            found.setdefault(name.lower(), value)
    return found


def quoted(text: str) -> str:
    """Return a text as a quoted string (RFC 9110 5.6.4)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _items(field: str) -> Iterator[tuple[str, str | None, str]]:
    """Give the schemes of a field, with ``None`` as value, and the parameters, each in its turn."""
    position = 0
    while (position := _end(_BETWEEN, field, position)) < len(field):
        token = _TOKEN.match(field, position)
        if token is None:
            # Neither: a stray character, or a quoted string, whose inside is not to be looked at.
            position = max(position + 1, _end(_QUOTED, field, position))
            continue
        position = token.end()
        equals = _EQUALS.match(field, position)
        if equals is not None:
            value, position = _value(field, equals.end())
            yield token[0], value, ""
            continue
        token68 = _TOKEN68.match(field, position)
        if token68 is not None:
            position = token68.end()
        yield token[0], None, "" if token68 is None else token68[1]


def _value(field: str, position: int) -> tuple[str, int]:
    match = _QUOTED.match(field, position)
    if match is not None:
        return _ESCAPED.sub(r"\1", match[1]), match.end()
    match = _BARE.match(field, position)
    assert match is not None  # it may be empty
    return match[0], match.end()


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()
