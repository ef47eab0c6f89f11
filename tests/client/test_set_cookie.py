from __future__ import annotations

import logging
from datetime import UTC, datetime
from http.cookies import Morsel, SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._client import set_cookie
from anyiohttp._client.set_cookie import (
    Cookie,
    RefusedCookieError,
    make_cookie,
    make_morsel,
    parse_cookie_date,
    parse_response_cookies,
    parse_set_cookie,
    parse_set_cookies,
)


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the three forms of RFC 9110
        ("Sun, 06 Nov 1994 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", at(1994, 11, 6, 8, 49, 37)),
        # what servers make of them
        ("Sun, 06-Nov-1994 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        ("Thu, 01-Jan-1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Sun Nov 6 1994 08:49:37 GMT-0500 (EST)", at(1994, 11, 6, 8, 49, 37)),
        ("Sun, 06/Nov\\1994 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ("Sun,06-nov-94 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        (", 6-Nov-1994 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        (" 6-Nov-1994 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        ("6-Nov-1994 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ("Caturday  , 6 - Novembre-94 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ('"Sun, 06-Nov-94\\"08:49:37\\"GMT"', at(1994, 11, 6, 8, 49, 37)),
        ("Sun, 06-Nov-94 08:49:37 GMT and more", at(1994, 11, 6, 8, 49, 37)),
        ("Sun, 06-Nov-94 08:49:37 -0400", at(1994, 11, 6, 8, 49, 37)),
        ("Sun, 06-Nov-94 08:49:37 11:22:33", at(1994, 11, 6, 8, 49, 37)),
        ("Sun, 06-Nov-94 ::00 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ("Sun, 06-Nov-94 x:y 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ("Wed, 1 Nov 1995 8:4:7 GMT", at(1995, 11, 1, 8, 4, 7)),
        ("1 Nov 1995 08:04:07pm", at(1995, 11, 1, 8, 4, 7)),
        # odd orders
        ("08:49:37 Sun Nov 6 1994", at(1994, 11, 6, 8, 49, 37)),
        ("Sun 08:49:37 Nov 6 1994", at(1994, 11, 6, 8, 49, 37)),
        ("Sun Nov 08:49:37 6 1994", at(1994, 11, 6, 8, 49, 37)),
        ("Nov 6 94 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ("6 94 Nov 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        ("6-Sun, Nov 08:49:37 GMT 94", at(1994, 11, 6, 8, 49, 37)),
        ("1994 November 6 08:49:37", at(1994, 11, 6, 8, 49, 37)),
        # two and three digits of a year, and the ends of the scale
        ("6 Nov 70 08:49:37", at(1970, 11, 6, 8, 49, 37)),
        ("6 Nov 69 08:49:37", at(2069, 11, 6, 8, 49, 37)),
        ("6 Nov 00 08:49:37", at(2000, 11, 6, 8, 49, 37)),
        ("6 Nov 1601 08:49:37", at(1601, 11, 6, 8, 49, 37)),
        ("6 Nov 9999 08:49:37", at(9999, 11, 6, 8, 49, 37)),
        ("29 Feb 2024 00:00:00", at(2024, 2, 29)),
        # none at all
        ("6 Nov 1600 08:49:37", None),
        ("6 Nov 101 08:49:37", None),
        ("29 Feb 2023 00:00:00", None),
        ("31 Apr 2023 00:00:00", None),
        ("0 Nov 1994 08:49:37", None),
        ("32 Nov 1994 08:49:37", None),
        ("94 November 6 08:49:37", None),
        ("6 Nov 1994 24:00:00", None),
        ("6 Nov 1994 23:60:00", None),
        ("6 Nov 1994 23:59:60", None),
        ("6 Nov 1994 91:22:33 08:49:37", None),
        ("6 Nov 1994 08:49:999", None),
        ("6 Nov 1994 08: 49:37", None),
        ("6 Nov 1994 0849", None),
        ("6 Nov 08:49:37", None),
        ("6 1994 08:49:37", None),
        ("Nov 1994 08:49:37", None),
        ("006-Nov-2008 08:49:37", None),
        ("6-Nov-31841 08:49:37", None),
        ("6-Nov-9999999999 08:49:37", None),
        ("999999999999-Nov-1994 08:49:37", None),
        ("\u0666 Nov 1994 08:49:37", None),
        ("tomorrow", None),
        ("0", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: float | None) -> None:
    assert parse_cookie_date(text) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a=b", Cookie("a", "b")),
        ("  a \t= b \t", Cookie("a", "b")),
        ("a=", Cookie("a", "")),
        ('a=""', Cookie("a", '""')),
        ('a=" b c "', Cookie("a", '" b c "')),
        ("a=b=c==", Cookie("a", "b=c==")),
        ("a=b, c=d", Cookie("a", "b, c=d")),
        ("a=b\tc", Cookie("a", "b\tc")),
        ("a{b}[c]=d", Cookie("a{b}[c]", "d")),
        ('"a b=c', Cookie('"a b', "c")),
        ("b", Cookie("", "b")),
        ("=b", Cookie("", "b")),
        ("a=b;", Cookie("a", "b", ())),
        ("a=b; Secure", Cookie("a", "b", (("secure", ""),), secure=True)),
        ("a=b;secure=no", Cookie("a", "b", (("secure", "no"),), secure=True)),
        ("a=b; HTTPonly", Cookie("a", "b", (("httponly", ""),), httponly=True)),
        ("a=b; Path=/x", Cookie("a", "b", (("path", "/x"),), path="/x")),
        ("a=b; Path=x", Cookie("a", "b", (("path", "x"),))),
        (
            "a=b; Domain=.Example.ORG",
            Cookie("a", "b", (("domain", ".Example.ORG"),), "example.org"),
        ),
        ("a=b; Max-Age=10", Cookie("a", "b", (("max-age", "10"),), max_age=10)),
        ("a=b; Max-Age=-10", Cookie("a", "b", (("max-age", "-10"),), max_age=-10)),
        ("a=b; Max-Age=+10", Cookie("a", "b", (("max-age", "+10"),))),
        ("a=b; Max-Age=1e3", Cookie("a", "b", (("max-age", "1e3"),))),
        ("a=b; Max-Age=\u0661", Cookie("a", "b", (("max-age", "\u0661"),))),
        ("a=b; SameSite=STRICT", Cookie("a", "b", (("samesite", "STRICT"),), samesite="Strict")),
        ("a=b; SameSite=odd", Cookie("a", "b", (("samesite", "odd"),))),
        ("a=b; =x; new=thing", Cookie("a", "b", (("new", "thing"),))),
    ],
)
def test_fields(field: str, expected: Cookie) -> None:
    assert parse_set_cookie(field) == expected


def test_the_last_attribute_of_a_name_counts() -> None:
    cookie = parse_set_cookie(
        "a=b; path=/x; domain=x.org; path=/y; domain=y.org; max-age=1; max-age=2; max-age=z;"
        " expires=Thu, 01 Jan 1970 00:00:01 GMT; expires=Thu, 01 Jan 1970 00:00:02 GMT; expires=?;"
        " samesite=lax; samesite=none"
    )
    assert (cookie.path, cookie.domain, cookie.max_age) == ("/y", "y.org", 2)
    assert (cookie.expires, cookie.samesite) == (2.0, "None")
    assert cookie.has_path
    assert not make_cookie("a", "b").has_path
    assert parse_set_cookie("a=b; path=/x; path=").path == ""


@pytest.mark.parametrize("code", [*range(9), *range(10, 32), 127])
@pytest.mark.parametrize("field", ["a{}=b", "a=b{}c", "a=b; path=/{}"])
def test_control_characters_are_refused(code: int, field: str) -> None:
    with pytest.raises(RefusedCookieError, match="control character"):
        parse_set_cookie(field.format(chr(code)))


@pytest.mark.parametrize("field", ["", " \t", "=", " = ", ";", "; Secure", "= ; path=/"])
def test_empty_fields_are_refused(field: str) -> None:
    with pytest.raises(RefusedCookieError, match="empty"):
        parse_set_cookie(field)


def test_sizes_are_those_of_octets() -> None:
    assert parse_set_cookie("a" * 96 + "=" + "b" * 4000).value == "b" * 4000
    with pytest.raises(RefusedCookieError, match="4096"):
        parse_set_cookie("a" * 97 + "=" + "b" * 4000)
    assert parse_set_cookie("a=" + "é" * 2047).value == "é" * 2047
    with pytest.raises(RefusedCookieError, match="4096"):
        parse_set_cookie("a=" + "é" * 2048)
    # one octet that is not UTF-8, as a header decoded with surrogateescape holds it
    assert parse_set_cookie("a=\udcff").value == "\udcff"
    with pytest.raises(RefusedCookieError):
        parse_set_cookie("a=\ud800")


def test_attribute_values_over_1024_octets_are_ignored() -> None:
    assert parse_set_cookie("a=b; path=/" + "x" * 1023).path == "/" + "x" * 1023
    assert parse_set_cookie("a=b; path=/" + "x" * 1024).path == ""
    assert parse_set_cookie("a=b; path=/" + "é" * 512).path == ""
    assert parse_set_cookie("a=b; max-age=" + "9" * 1024).max_age == int("9" * 1024)


def test_refused_fields_are_logged_and_the_others_read(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="anyiohttp.client"):
        cookies = parse_set_cookies(["a=1", "bad,name=secret", "c=\0secret", "d=4"])
    assert [cookie.name for cookie in cookies] == ["a", "d"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG"]
    assert "Illegal cookie name 'bad,name'" in caplog.text
    assert "secret" not in caplog.text


def test_response_cookies_show_what_was_received() -> None:
    shown = parse_response_cookies(
        [
            'a="x y"; Path=/p; Domain=.example.org; Secure; HttpOnly; Max-Age=5; SameSite=Lax',
            "a{}=1; Expires=Tue, 1 Jan 1980 12:00:00 GMT; unknown=1; Partitioned",
            "path=first",
            "path=last",
            "nameless",
            "",
        ]
    )
    assert isinstance(shown, SimpleCookie)
    assert list(shown) == ["a", "a{}", "path"]
    assert (shown["a"].value, shown["a"].coded_value) == ("x y", '"x y"')
    assert (shown["a"]["path"], shown["a"]["domain"]) == ("/p", ".example.org")
    assert (shown["a"]["secure"], shown["a"]["httponly"]) == (True, True)
    assert (shown["a"]["max-age"], shown["a"]["samesite"]) == ("5", "Lax")
    assert shown["a{}"]["expires"] == "Tue, 1 Jan 1980 12:00:00 GMT"
    assert shown["path"].value == "last"
    assert "Path=/p" in shown.output()


def test_morsels_that_http_cookies_refuses_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Newer versions of http.cookies refuse control characters, among them the tab.
    class Strict(Morsel):  # type: ignore[type-arg]
        def __setstate__(self, state: dict[str, str]) -> None:
            if "\t" in state["value"]:
                raise set_cookie.CookieError("control character")
            super().__setstate__(state)  # type: ignore[misc]

        def __setitem__(self, key: str, value: object) -> None:
            if "\t" in str(value):
                raise set_cookie.CookieError("control character")
            super().__setitem__(key, value)

    monkeypatch.setattr(set_cookie, "Morsel", Strict)
    assert make_morsel("a", "b\tc") is None
    morsel = make_morsel("a", "b", [("path", "/\t"), ("domain", "x.org")])
    assert morsel is not None
    assert (morsel["path"], morsel["domain"]) == ("", "x.org")


@given(st.text())
def test_any_text_is_a_cookie_or_refused(field: str) -> None:
    for cookie in parse_set_cookies([field, "a=b; " + field]):
        assert cookie.name or cookie.value
    parse_response_cookies([field, f"a=b; expires={field}; max-age={field}"])
    parse_cookie_date(field)
