from __future__ import annotations

import time

import pytest

from anyiohttp._message.parameters import is_quoted, is_token, split_unquoted, unescape


@pytest.mark.parametrize(
    ("text", "separator", "parts"),
    [
        ("", ";", [""]),
        ("a", ";", ["a"]),
        ("a;b;", ";", ["a", "b", ""]),
        ('a="x;y";b', ";", ['a="x;y"', "b"]),
        (r'a="x\";y";b', ";", [r'a="x\";y"', "b"]),
        (r"a\;b", ";", ["a\\", "b"]),
        ('a="unterminated;b', ";", ['a="unterminated;b']),
        ("<a,b>;x, <c>", ",", ["<a,b>;x", " <c>"]),
        (r"<a\,b>, c", ",", [r"<a\,b>", " c"]),
        ('<a>; t="x,y<", <b>', ",", ['<a>; t="x,y<"', " <b>"]),
        ("a<b;c>", ";", ["a<b", "c>"]),
    ],
)
def test_split(text: str, separator: str, parts: list[str]) -> None:
    assert split_unquoted(text, separator) == parts


def test_split_is_linear() -> None:
    start = time.perf_counter()
    split_unquoted('"\\' * 100_000, ";")
    assert time.perf_counter() - start < 2


def test_tokens_and_quotes() -> None:
    assert is_token("abc!#$%&'*+-.^_`|~09")
    assert not is_token("")
    assert not is_token("a b")
    assert not is_token("a\n")
    assert is_quoted('""')
    assert not is_quoted('"')
    assert not is_quoted('"a')
    assert unescape(r"a\"b\\c") == 'a"b\\c'
    assert unescape("plain") == "plain"
