"""Text for people."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp.cli.formatting import (
    duration,
    is_json,
    is_text,
    plural,
    pretty_json,
    printable,
    size,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\\x0db"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J\x00\x7f", "\\x9b2J\\x00\\x7f"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("grüß dich 😀", "grüß dich 😀"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1", "1"),
        ("{}", "{}"),
        (" [ ] ", "[]"),
        ("[[],{}]", "[\n  [],\n  {}\n]"),
        ('{"a":1.10,"b":[1,2]}', '{\n  "a": 1.10,\n  "b": [\n    1,\n    2\n  ]\n}'),
        ('{"a":1,"a":2}', '{\n  "a": 1,\n  "a": 2\n}'),
        ('["{,}: [",1e400,"\\u00e4\\""]', '[\n  "{,}: [",\n  1e400,\n  "\\u00e4\\""\n]'),
    ],
)
def test_json(text: str, shown: str) -> None:
    assert pretty_json(text, 2) == shown


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "hello", "[1,]", "[" * 100_000])
def test_no_json(text: str) -> None:
    assert pretty_json(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_stays_what_it_was(value: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert pretty_json(text) == json.dumps(value, ensure_ascii=ascii_only, indent=4)


@pytest.mark.parametrize(
    ("media", "json_too", "text_too"),
    [
        ("application/json", True, True),
        ("application/problem+json", True, True),
        ("text/html", False, True),
        ("text/event-stream", False, True),
        ("application/xml", False, True),
        ("image/svg+xml", False, True),
        ("image/png", False, False),
        ("application/octet-stream", False, False),
        ("application/jsonish", False, False),
    ],
)
def test_media_types(media: str, json_too: bool, text_too: bool) -> None:
    assert (is_json(media), is_text(media)) == (json_too, text_too)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**60, "1024.0 PiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00031, "0.31 ms"),
        (0.0123, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (4.56, "4.56 s"),
        (59.999, "1:00"),
        (187, "3:07"),
        (3723, "1:02:03"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plurals() -> None:
    assert [plural(n, "hop") for n in (0, 1, 2)] == ["0 hops", "1 hop", "2 hops"]
