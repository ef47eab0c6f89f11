"""The cases are those of http://test.greenbytes.de/tech/tc2231/ and RFC 2231's own."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._message.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
    parse_content_disposition,
)

WELL_FORMED = [
    ("inline", "inline", {}),
    ("ATTACHMENT", "attachment", {}),
    ("attachment; filename=foo.html", "attachment", {"filename": "foo.html"}),
    ('attachment; filename="foo.html"', "attachment", {"filename": "foo.html"}),
    ('attachment; FILENAME="foo.html" ', "attachment", {"filename": "foo.html"}),
    ('attachment; filename="foo;bar;baz.html"', "attachment", {"filename": "foo;bar;baz.html"}),
    (r'attachment; filename="f\oo.html"', "attachment", {"filename": "foo.html"}),
    (r'attachment; filename="\"quoting\" a"', "attachment", {"filename": '"quoting" a'}),
    ('attachment; filename="/etc/x"', "attachment", {"filename": "etc/x"}),
    (r'attachment; filename="\\\\x"', "attachment", {"filename": "x"}),
    ('form-data; name="f"; filename=""', "form-data", {"name": "f", "filename": ""}),
    (  # quotes inside of quotes that nobody escaped
        r'attachment; foo=""\";filename="foo.html"',
        "attachment",
        {"foo": '"\\', "filename": "foo.html"},
    ),
    ("attachment; foo=bar; x=y", "attachment", {"foo": "bar", "x": "y"}),
    (
        "attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac.html",
        "attachment",
        {"filename*": "foo-ä-€.html"},
    ),
    ("attachment; filename*=iso-8859-1'de'%E4", "attachment", {"filename*": "ä"}),
    ("attachment; filename*=''%c3%a4", "attachment", {"filename*": "ä"}),
    (
        'attachment; filename*0="foo."; filename*1="\\"html"',
        "attachment",
        {"filename*0": "foo.", "filename*1": '"html'},
    ),
    ("inline; filename*0*=UTF-8''a; x*1=b", "inline", {"filename*0*": "UTF-8''a", "x*1": "b"}),
]

MALFORMED = [
    '"attachment"',
    "; filename=x",
    "attachment; filename",
    "attachment; filename=a; filename=b",
    'attachment; filename="foo.html',
    "attachment; filename=foo bar",
    "attachment; filename=foo,bar",
    'attachment; filename=foo"bar;baz"qux',
    "attachment; filename=",
    'attachment; filename="a"b',
]

BAD_PARAMETERS = [
    "attachment; fil ename=x",
    "attachment; filename*=foo",
    "attachment; filename*=UTF-8''foo bar",
    "attachment; filename*=UTF-8''%ff",
    "attachment; filename*=nonsense''%41",
    "attachment; filename*=undefined''x%ff",
    "attachment; filename*0=a b",
    "attachment; =x",
]


@pytest.mark.parametrize(("value", "kind", "parameters"), WELL_FORMED)
def test_well_formed(value: str, kind: str, parameters: dict[str, str]) -> None:
    assert parse_content_disposition(value) == (kind, parameters)


@pytest.mark.parametrize("value", MALFORMED)
def test_malformed(value: str) -> None:
    with pytest.warns(BadContentDispositionHeader):
        assert parse_content_disposition(value) == (None, {})


@pytest.mark.parametrize("value", BAD_PARAMETERS)
def test_a_bad_parameter_is_left_out(value: str) -> None:
    with pytest.warns(BadContentDispositionParam):
        assert parse_content_disposition(value + "; ok=1") == ("attachment", {"ok": "1"})


def test_a_trailing_semicolon_is_noted() -> None:
    with pytest.warns(BadContentDispositionHeader):
        assert parse_content_disposition("inline;a=b;") == ("inline", {"a": "b"})


def test_nothing() -> None:
    assert parse_content_disposition(None) == (None, {})
    assert parse_content_disposition("") == (None, {})


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        ({}, None),
        ({"name": "x"}, None),
        ({"filename": "a"}, "a"),
        ({"filename": "a", "filename*": "ä"}, "ä"),
        ({"filename": "a", "filename*0": "b"}, "a"),
        ({"filename*0": "a", "filename*1": "b", "filename*3": "d"}, "ab"),
        ({"filename*1": "b"}, None),
        ({"filename*0*": "UTF-8''%e2", "filename*1*": "%82%ac", "filename*2": ".txt"}, "€.txt"),
        ({"filename*0*": "''a%20b"}, "a b"),
        ({"filename*0": "it's"}, "it's"),
        ({"filename*0*": "nonsense''%41"}, None),
        ({"filename*0*": "utf-8''%ff"}, None),
    ],
)
def test_filename(parameters: dict[str, str], filename: str | None) -> None:
    assert content_disposition_filename(parameters) == filename


def test_filename_under_another_name() -> None:
    assert content_disposition_filename({"name*": "x"}, "name") == "x"


@given(st.text(max_size=80) | st.text("a*;=\"'\\%0/ ", max_size=40).map("attachment; ".__add__))
def test_nothing_fails(value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        content_disposition_filename(parse_content_disposition(value)[1])
