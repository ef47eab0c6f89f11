"""Media types, taken apart and guessed."""

from __future__ import annotations

import pytest
from aiohttp.helpers import parse_mimetype as reference

from anyiohttp._message.mimetypes import charset_of, guess_content_type, parse_mimetype


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "text/html",
        "TEXT/HTML; Charset=UTF-8",
        "application/vnd.api+json;charset=utf-8; v=1",
        'text/plain; charset="utf-8"',
        "text/plain;",
        "text/plain; ; a=b",
        "text",
        "multipart/mixed; boundary=a=b",
        "text/plain; flag",
    ],
)
def test_parses_as_aiohttp(text: str) -> None:
    ours, theirs = parse_mimetype(text), reference(text)
    assert (ours.type, ours.subtype, ours.suffix) == (theirs.type, theirs.subtype, theirs.suffix)
    assert list(ours.parameters.items()) == list(theirs.parameters.items())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('a/b; x="c;d"', "c;d"),
        (r'a/b; x="c\"d"', 'c"d'),
        ('a/b; x="open', "open"),
        ('a/b; x=""', ""),
        ("a/b; =y; x=1", "1"),
    ],
)
def test_quoted_parameters(text: str, value: str) -> None:
    assert dict(parse_mimetype(text).parameters) == {"x": value}


def test_charset() -> None:
    assert charset_of("text/plain; charset=koi8-r") == "koi8-r"
    assert charset_of("text/plain; charset=") is None
    assert charset_of("text/plain") is None


def test_guess() -> None:
    assert guess_content_type("a.txt") == "text/plain"
    assert guess_content_type("a.nothing-known") == "application/octet-stream"
    assert guess_content_type("a", "x/y") == "x/y"
