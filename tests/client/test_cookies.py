from __future__ import annotations

import logging
from collections.abc import Sequence
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client.cookie_jars import HTTP, HTTPS, Clock, sent, set_
from yarl import URL

from anyiohttp._client.cookies import CookieJar, DummyCookieJar, merge_cookie_header
from anyiohttp.exceptions import InvalidRequestError

# --- the cases of the IETF's http-state suite, in short -------------------------------------
# What a server at http://home.example.org:8888/page sends, and what it then gets at PAGE or at
# the URL that is given.

PAGE = "/page-result"
SUITE: list[tuple[Sequence[str], str] | tuple[Sequence[str], str, str]] = [
    # basics
    (["foo=bar"], "foo=bar"),
    (["foo=bar; Expires=Fri, 07 Aug 2019 08:04:19 GMT"], "foo=bar"),
    (
        [
            "foo=bar; Expires=Fri, 07 Aug 2007 08:04:19 GMT",
            "b=c; Expires=Fri, 07 Aug 2017 08:04:19 GMT",
        ],
        "b=c",
    ),
    (["foo"], ""),
    (["foo=bar; max-age=10000;"], "foo=bar"),
    (["foo=bar; max-age=0;"], ""),
    (["foo=bar; version=1;"], "foo=bar"),
    (["foo=bar; customvalue=1000;"], "foo=bar"),
    (["foo=bar; secure;"], ""),
    (['foo=bar; customvalue="1000 or more";'], "foo=bar"),
    (['foo=bar; customvalue="no trailing semicolon"'], "foo=bar"),
    (["foo=bar", "foo=qux"], "foo=qux"),
    (["foo1=bar", "foo2=qux"], "foo1=bar; foo2=qux"),
    (["z=y", "a=b"], "z=y; a=b"),
    (["z=y, a=b"], "z=y, a=b"),
    (["z=y; foo=bar, a=b"], "z=y"),
    (["foo=b;max-age=3600, c=d;path=/"], "foo=b"),
    (["a=b", "=", "c=d"], "a=b; c=d"),
    (["a=b", "=x", "c=d"], "a=b; c=d"),
    (["a=b", "x=", "c=d"], "a=b; x=; c=d"),
    (["foo", ""], ""),
    (["foo", "; bar"], ""),
    (["foo", "   "], ""),
    # attributes
    (["foo=bar; seCURe"], ""),
    (['foo=bar; "Secure"'], "foo=bar"),
    (["foo=bar; Secure="], ""),
    (["foo=bar; Secure=aaaa"], ""),
    (["foo=bar; Secure qux"], "foo=bar"),
    (["foo=bar; Secure =aaaaa"], ""),
    (["foo=bar; Secure= aaaaa"], ""),
    (["foo=bar; Secure;qux"], ""),
    (["foo=bar; Secure    ; qux"], ""),
    (["foo=bar;                Secure"], ""),
    (["foo=bar; Path"], "foo=bar"),
    (["foo=bar; Path="], "foo=bar"),
    (["foo=bar; Path=/"], "foo=bar"),
    (["foo=bar; Path=/qux"], ""),
    (["foo=bar; Path    =/qux"], ""),
    (["foo=bar; Path=    /qux"], ""),
    (["foo=bar; Path=/qux      ; taz"], ""),
    (["foo=bar; Path=/qux; Path=/"], "foo=bar"),
    (["foo=bar; Path=/; Path=/qux"], ""),
    (["foo=bar; Path=/qux; Path=" + PAGE], "foo=bar"),
    (["foo=bar; qux; Secure"], ""),
    (['foo=bar; qux="aaa;bbb"; Secure'], ""),
    # characters
    (["foo=春节回家路·春运"], "foo=春节回家路·春运"),
    (["春节回=家路·春运; 完全手册"], "春节回=家路·春运"),
    (['foo="春节回"'], 'foo="春节回"'),
    # quotes and white space
    (['aBc="zzz "   ;'], 'aBc="zzz "'),
    (['aBc="zz;pp" ; ;'], 'aBc="zz'),
    (['aBc="zz ;'], 'aBc="zz'),
    (['aBc="zzz "   "ppp"  ;'], 'aBc="zzz "   "ppp"'),
    (['aBc=A"B ;'], 'aBc=A"B'),
    (["BLAHHH; path=/;"], ""),
    (['"BLA\\"HHH"; path=/;'], ""),
    (['a="B'], 'a="B'),
    (["ABC=;  path = /"], "ABC="),
    (["  A  = BC  ;foo;;;   bar"], "A=BC"),
    (["  A=== BC  ;foo;;;   bar"], "A=== BC"),
    (['foo="zoh"  ; expires=Sun, 18-Apr-2027 21:06:29 GMT ; path=/  ;  '], 'foo="zoh"'),
    (["a" * 4097], ""),
    (["foo=  bar"], "foo=bar"),
    (['foo="  bar "'], 'foo="  bar "'),
    (['foo="bar=baz"'], 'foo="bar=baz"'),
    (["   foo     =       bar             ;       ttt"], "foo=bar"),
    # commas
    (["foo=bar, baz=qux"], "foo=bar, baz=qux"),
    (['foo="bar, baz=qux"'], 'foo="bar, baz=qux"'),
    (["foo=bar; b,az=qux"], "foo=bar"),
    (["foo=bar; Max-Age=50,399"], "foo=bar"),
    (["foo=bar; Expires=Fri 07 Aug 2019 08:04:19 GMT, baz=qux"], "foo=bar"),
    # domains
    (["a=b; domain=home.example.org"], "a=b", "http://home.example.org:8888/page-result"),
    (["a=b; domain=home.example.org"], "", "http://sibling.example.org:8888/page-result"),
    (["a=b; domain=.home.example.org"], "a=b", "http://home.example.org:8888/page-result"),
    (["a=b; domain=home.example.org"], "a=b", "http://sub.home.example.org:8888/page-result"),
    (["a=b; domain=.home.example.org"], "a=b", "http://sub.home.example.org:8888/page-result"),
    (["a=b; domain=sibling.example.org"], "", "http://sibling.example.org:8888/page-result"),
    (["a=b; domain=.example.org"], "a=b", "http://sibling.example.org:8888/page-result"),
    (["a=b; domain=example.org"], "a=b", "http://home.example.org:8888/page-result"),
    (["a=b; domain=..home.example.org"], ""),
    (["a=b; domain=home..example.org"], ""),
    (["a=b; domain=  .home.example.org"], "a=b"),
    (["a=b; domain=  .  home.example.org"], ""),
    (["a=b; domain=home.example.org."], ""),
    (["a=b; domain=home.example.org .."], ""),
    (["a=b; domain=.org"], ""),
    (["a=b; domain=.org."], ""),
    (["a=b; domain=home.example.org", "c=d; domain=.home.example.org"], "a=b; c=d"),
    (["c=d; domain=.example.org", "a=b; domain=home.example.org"], "c=d; a=b"),
    (['a=b; domain="home.example.org"'], ""),
    (["a=b; domain=.example.org; domain=home.example.org"], "", "http://sibling.example.org:8888/"),
    (
        ["a=b; domain=home.example.org; domain=.example.org"],
        "a=b",
        "http://sibling.example.org:8888/",
    ),
    (["a=b; domain=home.eXaMpLe.org"], "a=b"),
    (["a=b; domain=home.example.org"], "a=b", "http://hoMe.eXaMplE.org:8888/page-result"),
    (["a=b; domain=home.example.org:8888"], ""),
    (["a=b; domain=sub.home.example.org"], "", "http://sub.home.example.org:8888/page-result"),
    (["a=b"], "", "http://sub.home.example.org:8888/page-result"),
    (["a=b; domain=home.example.org; domain=home.example.com"], ""),
    (["a=b; domain=home.example.com; domain=home.example.org"], "a=b"),
    (["a=b; domain="], "a=b"),
    (["a=b; domain=example.org; domain="], "a=b"),
    (["a=b; domain=example.org; domain="], "", "http://sibling.example.org:8888/"),
    # replacing and deleting
    (["foo=bar; max-age=-1"], ""),
    (["foo=bar; expires=Thu, 10 Apr 1980 16:33:12 GMT"], ""),
    (["a=b; max-age=60", "c=d; max-age=60", "a=x; max-age=0"], "c=d"),
    (["a=b; max-age=60", "c=d; max-age=60", "a=x; max-age=0", "e=f; max-age=0"], "c=d"),
    (["test=parser; domain=.parser.test; ;; ;=; ,,, ===,abc,=; abracadabra! max-age=20;=;;"], ""),
    (
        ['test="fubar! = foo;bar\\";" parser; max-age=6', "five; max-age=2.63,"],
        'test="fubar! = foo',
    ),
    (["six", "seven", " =eight", "test=six"], "test=six"),
    # names
    *[
        ([f"{name}=bar"], f"{name}=bar")
        for name in ("a", "1", "$", "!a", "#a", "%a", "^a", "&a", "*a", "(a", ")a", "-a", "_a", "+")
    ],
    (["=a=bar"], ""),
    (["a =bar"], "a=bar"),
    (['"a=bar'], '"a=bar'),
    (['"a=b"=bar', '"a=qux'], '"a=qux'),
    (["foo;bar=baz"], ""),
    (["$Version=1; foo=bar"], "$Version=1"),
    (["===a=bar"], ""),
    (["foo bar=baz"], "foo bar=baz"),
    (['"foo;bar"=baz'], ""),
    (["=foo=bar", "aaa"], ""),
    # order
    (
        [
            "key=val0;",
            "key=val1; path=/page-result",
            "key=val2; path=/",
            "key=val3; path=/bar",
            "key=val4; domain=.example.org",
            "key=val5; domain=.example.org; path=/page-result/foo",
        ],
        "key=val5; key=val1; key=val2; key=val4",
        "/page-result/foo/baz",
    ),
    # paths
    (["a=b; path=/", "x=y; path=/page-result"], "x=y; a=b"),
    (["a=b; path=/page-result", "x=y; path=/"], "a=b; x=y"),
    (["a=b; path=/page-result/foo"], ""),
    (["a=b", "a=c; path=/page-result/foo"], "a=b"),
    (["a=b; path=/page-result/foo"], "a=b", "/page-result/foo"),
    (["a=b; path=/page-result/foo"], "", "/page-result/bar"),
    (["a=b; path=/page-result/foo/qux"], "", "/page-result/foo"),
    (["a=b; path=/page-result/foo/qux/"], "", "/page-result/foo/qux"),
    (["a=b; path=/page-result/foo/qux/"], "a=b", "/page-result/foo/qux/"),
    (["a=b; path=/page-result/foo/"], "a=b", "/page-result/foo/qux"),
    (["a=b; path=/page-result/foo/"], "a=b", "/page-result/foo//qux"),
    (["a=b; path=/page-result/foo/"], "", "/page-result/fooqux"),
    (["a=b; path=/page-result/foo"], "", "/page-result/fooqux"),
    (["a=b; Path=/page-RESULT"], ""),
    (["a=b; path=/page-result/foo/qux?"], "", "/page-result/foo/qux"),
    (["a=b; path=/page-result/foo/qux#"], "", "/page-result/foo/qux"),
    (["a=b; path=/page-result/foo/qux;"], "a=b", "/page-result/foo/qux"),
    (['a=b; path="/page-result/foo/qux;"'], "a=b", "/page-result/foo/qux"),
    (["a=b; path=/page-result/f%6Fo/bar"], "", "/page-result/foo/bar"),
    (["a=b; path=/page-result/foo/bar"], "a=b", "/page-result/f%6Fo/bar"),
    (["a=b;       path    =       /page-result   ", "x=y;  path =  /book "], "a=b"),
    (["a=b; path=/dog; path="], "a=b"),
    (["a=b; path=; path=/dog"], ""),
    (["a=b; path=/page-result", "a=c; path=/page-result/"], "a=c; a=b", "/page-result/dog"),
]


@pytest.mark.parametrize("case", SUITE, ids=lambda case: " | ".join(case[0])[:60])
def test_suite(case: Sequence[str], jar: CookieJar) -> None:
    fields, expected, *target = case
    page = URL("http://home.example.org:8888/page")
    jar.update_cookies_from_headers(fields, page)
    assert jar.cookie_header(page.join(URL(*target or [PAGE]))) == expected


# --- Secure and the prefixes ----------------------------------------------------------------


def test_secure_is_stored_from_and_sent_to_secure_origins_only(jar: CookieJar) -> None:
    set_(jar, HTTP, "a=1; Secure")
    assert len(jar) == 0
    set_(jar, HTTPS, "a=1; Secure")
    assert sent(jar, HTTPS) == "a=1"
    assert sent(jar, "wss://example.org/") == "a=1"
    assert sent(jar, HTTP) == ""
    assert sent(jar, "ws://example.org/") == ""


@pytest.mark.parametrize(
    "origins",
    [
        "http://a.test:8080",
        URL("http://a.test:8080/x"),
        ["http://b.test", URL("http://a.test:8080")],
    ],
)
def test_origins_that_count_as_secure(origins: str | URL | list[str | URL]) -> None:
    jar = CookieJar(treat_as_secure_origin=origins)
    assert URL("http://a.test:8080") in jar.treat_as_secure_origin
    set_(jar, "http://a.test:8080/page", "a=1; Secure")
    assert sent(jar, "http://a.test:8080/other") == "a=1"
    assert sent(jar, "http://a.test/other") == ""


@pytest.mark.parametrize(
    "field",
    [
        "a=plain",
        "a=plain; path=/login/deeper",
        "a=plain; Domain=example.org; path=/login",
        "a=; path=/login; max-age=0",
    ],
)
def test_plain_http_leaves_secure_cookies_alone(field: str, jar: CookieJar) -> None:
    set_(
        jar,
        "https://www.example.org/login",
        "a=secure; Secure; path=/login; Domain=www.example.org",
    )
    set_(jar, "http://www.example.org/login/x", field)
    assert sent(jar, "https://www.example.org/login/deeper") == "a=secure"
    assert sent(jar, "http://www.example.org/login/deeper") == ""


def test_plain_http_may_set_what_hides_no_secure_cookie(jar: CookieJar) -> None:
    set_(jar, "https://www.example.org/", "a=secure; Secure; path=/login", "b=secure; Secure")
    set_(jar, "http://www.example.org/", "a=plain; path=/", "c=plain")
    set_(jar, "http://other.example.org/", "b=other")
    assert sent(jar, "https://www.example.org/login") == "a=secure; b=secure; a=plain; c=plain"
    assert sent(jar, "http://other.example.org/") == "b=other"


def test_https_may_replace_a_secure_cookie(jar: CookieJar) -> None:
    set_(jar, HTTPS, "a=1; Secure", "b=1; Secure")
    set_(jar, HTTPS, "a=2", "b=2; Secure")
    assert sent(jar, HTTPS) == "a=2; b=2"
    assert sent(jar, HTTP) == "a=2"
    set_(jar, HTTP, "a=3")
    assert sent(jar, HTTP) == "a=3"


@pytest.mark.parametrize(
    ("url", "field", "kept"),
    [
        (HTTPS, "__Secure-a=1; Secure", True),
        (HTTPS, "__Secure-a=1; Secure; Domain=example.org; Path=/x", True),
        (HTTPS, "__Secure-a=1", False),
        (HTTPS, "__secure-a=1", False),
        (HTTP, "__Secure-a=1; Secure", False),
        (HTTPS, "__Host-a=1; Secure; Path=/", True),
        (HTTPS, "__hOST-a=1; Secure; Path=/", True),
        (HTTPS, "__Host-a=1; Path=/", False),
        (HTTPS, "__Host-a=1; Secure", False),
        (HTTPS, "__host-a=1; Secure; Path=/x", False),
        (HTTPS, "__Host-a=1; Secure; Path=/; Domain=example.org", False),
        (HTTP, "__Host-a=1; Secure; Path=/", False),
        (HTTPS, "=__Host-a=1; Secure; Path=/", False),
        (HTTPS, "__Host-a; Secure; Path=/", False),
    ],
)
def test_prefixes(url: URL, field: str, kept: bool, jar: CookieJar) -> None:
    set_(jar, url, field)
    assert len(jar) == kept


def test_what_is_refused_is_logged_without_its_value(
    jar: CookieJar, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="anyiohttp.client"):
        set_(jar, HTTP, "a=hidden; Domain=com", "invalid,name=hidden; Path=/", "ok=1")
    assert sent(jar, HTTP) == "ok=1"
    assert "Can not load cookies: Illegal cookie name 'invalid,name'" in caplog.text
    assert "Ignored cookie 'a' of example.org: its Domain is" in caplog.text
    assert "hidden" not in caplog.text


# --- what the caller gives ------------------------------------------------------------------


def test_cookies_without_a_url_are_shared(jar: CookieJar) -> None:
    jar.update_cookies({"a": "1", "n": 2})
    jar.update_cookies([("b", "3"), ("b", "4")])
    assert sent(jar, "http://one.test/x") == "a=1; n=2; b=4"
    assert sent(jar, "https://127.0.0.1:1/") == "a=1; n=2; b=4"
    set_(jar, "http://one.test/", "a=theirs")
    assert sent(jar, "http://one.test/") == "n=2; b=4; a=theirs"
    assert sent(jar, "http://two.test/") == "a=1; n=2; b=4"


def test_cookies_with_a_url_are_for_its_host(jar: CookieJar) -> None:
    jar.update_cookies({"a": "1", "__Host-b": "2"}, URL("http://one.test/deep/page"))
    assert sent(jar, "http://one.test/deep/") == "a=1; __Host-b=2"
    assert sent(jar, "http://one.test/") == ""
    assert sent(jar, "http://two.test/deep/") == ""


def test_shared_morsels_keep_their_limits(jar: CookieJar) -> None:
    cookies = SimpleCookie(
        "a=1; Secure; b=2; Domain=.example.org; Path=/x; c=3; Path=/y; d=4; Domain=localhost"
    )
    cookies["e"] = "5"
    cookies["e"]["max-age"] = 0
    jar.update_cookies(cookies)
    assert len(jar) == 4
    assert sent(jar, "https://other.test/") == "a=1"
    assert sent(jar, "http://www.example.org/x") == "b=2"
    assert sent(jar, "http://other.test/y") == "c=3"
    assert sent(jar, "http://localhost/") == "d=4"
    assert sent(jar, "http://app.localhost/") == ""


def test_morsels_with_a_url_are_judged_like_a_server_s(jar: CookieJar) -> None:
    jar.update_cookies(SimpleCookie("a=1; Domain=other.org; b=2; Secure; c=3; Domain=org"), HTTP)
    jar.update_cookies(SimpleCookie("d=4; Domain=example.org.; __Host-e=5"), HTTP)
    jar.update_cookies({"f": SimpleCookie("f=" + "x" * 5000)["f"]}, HTTP)
    assert sent(jar, HTTP) == "d=4"
    assert sent(jar, "http://www.example.org/") == ""


def test_a_morsel_goes_by_its_own_name(jar: CookieJar) -> None:
    morsel: Morsel[str] = Morsel()
    morsel.set("key", "value", "value")
    morsel["httponly"] = True
    jar.update_cookies({"other": morsel})
    assert sent(jar, HTTP) == "key=value"
    assert [found["httponly"] for found in jar] == [True]


@pytest.mark.parametrize(
    ("quote", "cookies", "expected"),
    [
        (True, {"a": "b c"}, 'a="b c"'),
        (False, {"a": "b c"}, "a=b c"),
        (True, {"a": 'b"c'}, 'a="b\\"c"'),
        (False, {"a": 'b"c'}, 'a=b"c'),
        (True, {"a": "b\n"}, 'a="b\\012"'),
        (True, {"a": "ok"}, "a=ok"),
        (True, {"a": ""}, 'a=""'),
        (False, {"a": ""}, "a="),
        (True, SimpleCookie("a=b/c"), 'a="b/c"'),
        (False, SimpleCookie("a=b/c"), "a=b/c"),
        (True, SimpleCookie('a="b"'), 'a="b"'),
        (False, SimpleCookie('a="b"'), "a=b"),
    ],
)
def test_quoting_of_what_the_caller_gives(
    quote: bool, cookies: dict[str, str], expected: str
) -> None:
    jar = CookieJar(quote_cookie=quote)
    assert jar.quote_cookie is quote
    jar.update_cookies(cookies)
    assert sent(jar, HTTP) == expected
    assert merge_cookie_header("", cookies, None, jar=jar) == expected


@pytest.mark.parametrize("quote", [True, False])
@pytest.mark.parametrize("value", ['"b"', '"', "b c", "b/c", 'a"b', "", '""', "\\", "ü"])
def test_what_a_server_set_goes_back_as_it_came(quote: bool, value: str) -> None:
    jar = CookieJar(quote_cookie=quote)
    set_(jar, HTTP, f"a={value}")
    assert sent(jar, HTTP) == f"a={value}"
    assert jar.filter_cookies(HTTP)["a"].coded_value == value


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a,b", "a\r\n", "a\0"])
def test_names_that_cannot_be_sent_raise(name: str, jar: CookieJar) -> None:
    with pytest.raises(InvalidRequestError, match="Illegal cookie name"):
        jar.update_cookies({name: "x"})
    with pytest.raises(InvalidRequestError):
        merge_cookie_header("", {name: "x"}, None)


@pytest.mark.parametrize("value", ["a\r\nb", "\0", "\x7f"])
def test_values_that_cannot_be_sent_raise(value: str) -> None:
    jar = CookieJar(quote_cookie=False)
    with pytest.raises(InvalidRequestError, match="cookie 'a'") as caught:
        jar.update_cookies({"a": value})
    assert value not in str(caught.value)


# --- views ----------------------------------------------------------------------------------


def test_filter_cookies_has_the_most_specific_of_a_name(jar: CookieJar) -> None:
    set_(jar, "http://example.org/x", "a=1; path=/x", "a=2; path=/", "path=3")
    found = jar.filter_cookies(URL("http://example.org/x"))
    assert {name: morsel.value for name, morsel in found.items()} == {"a": "1", "path": "3"}
    assert sent(jar, "http://example.org/x") == "a=1; a=2; path=3"
    assert found["a"]["path"] == ""
    assert CookieJar().filter_cookies(HTTP) == SimpleCookie()


def test_iteration_shows_what_is_stored(jar: CookieJar) -> None:
    set_(
        jar, HTTP, 'a="1"; HttpOnly; SameSite=Lax; max-age=5', "b{}=2; Domain=.example.org; path=/x"
    )
    first, second = jar
    assert (first.key, first.value, first.coded_value) == ("a", "1", '"1"')
    assert (first["domain"], first["path"], first["max-age"]) == ("example.org", "/", "5")
    assert (first["httponly"], first["samesite"]) == (True, "Lax")
    assert (second.key, second["domain"], second["path"]) == ("b{}", "example.org", "/x")
    assert set(jar.cookies) == {("example.org", "/"), ("example.org", "/x")}
    assert jar.cookies["example.org", "/"]["a"].value == "1"
    assert repr(jar) == "<CookieJar with 2 cookies>"


def test_clear(jar: CookieJar) -> None:
    set_(jar, HTTPS, "a=1; Secure", "b=2; max-age=9", "c=3", "c=4; path=/x; Secure")
    jar.clear(lambda morsel: morsel["path"] == "/x" or morsel.key == "b")
    assert sent(jar, "https://example.org/x") == "a=1; c=3"
    jar.clear()
    assert len(jar) == 0
    assert list(jar) == []
    set_(jar, HTTP, "a=5")
    assert sent(jar, HTTP) == "a=5"


def test_clear_domain(jar: CookieJar) -> None:
    set_(jar, "http://www.example.org/", "a=1", "b=2; Domain=example.org")
    set_(jar, "http://notexample.org/", "c=3")
    jar.update_cookies({"d": "4"})
    jar.clear_domain("WWW.example.org")
    assert [morsel.key for morsel in jar] == ["b", "c", "d"]
    jar.clear_domain(".example.org")
    assert [morsel.key for morsel in jar] == ["c", "d"]


def test_nothing_to_match_and_nothing_given(jar: CookieJar) -> None:
    set_(jar, HTTP)
    jar.update_cookies({})
    assert len(jar) == 0
    set_(jar, HTTP, "a=1")
    assert sent(jar, "http://other.test/") == ""
    assert jar.filter_cookies(URL("http://other.test/")) == SimpleCookie()


def test_cookies_that_have_ended_are_not_shown(jar: CookieJar, clock: Clock) -> None:
    set_(jar, HTTP, "a=1; max-age=10", "b=2")
    jar.clear_domain("other.test")
    assert jar.host_only_cookies == {("example.org", "/", "a"), ("example.org", "/", "b")}
    clock.now += 10
    assert list(jar.filter_cookies(HTTP)) == ["b"]
    assert jar.host_only_cookies == {("example.org", "/", "b")}
    jar.clear_domain("example.org")
    assert len(jar) == 0


def test_addresses_have_no_cookies_by_default() -> None:
    url = URL("http://127.0.0.1/")
    jar = CookieJar()
    set_(jar, url, "a=1")
    jar.update_cookies({"a": "1"}, url)
    jar.update_cookies({"shared": "1"})
    assert sent(jar, url) == "shared=1"


def test_a_jar_goes_by_the_time_of_day(tmp_path: Path) -> None:
    jar = CookieJar()
    set_(jar, HTTP, "a=1; max-age=100", "b=1; expires=Wed, 01 Jan 2020 00:00:00 GMT")
    jar.save(tmp_path / "jar")
    again = CookieJar()
    again.load(tmp_path / "jar")
    assert sent(again, HTTP) == "a=1"


# --- one request ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "cookies", "existing", "expected"),
    [
        ("", None, None, ""),
        ("", {}, "", ""),
        ("a=1; a=2", None, None, "a=1; a=2"),
        ("", {"a": "1"}, None, "a=1"),
        ("", None, "as; is ;x", "as; is ;x"),
        ("a=1; b=2; a=3", {"a": "4"}, None, "b=2; a=4"),
        ("a=1", [("a", "2"), ("b", "3")], "a=0; c=0", "c=0; a=2; b=3"),
        ("a=1", None, "a=0; c=0;; odd; d =0", "c=0; odd; d =0; a=1"),
        ("d=1", None, "d =0; odd", "odd; d=1"),
        ("", {"a": "x y"}, "b=1", 'b=1; a="x y"'),
    ],
)
def test_cookies_of_one_request(
    stored: str, cookies: dict[str, str] | None, existing: str | None, expected: str
) -> None:
    assert merge_cookie_header(stored, cookies, existing) == expected


def test_morsels_of_one_request_go_only_where_they_may() -> None:
    cookies = SimpleCookie("a=1; Secure; b=2; Domain=one.test; c=3; Path=/x; d=4")
    assert merge_cookie_header("", cookies, None, url=URL("http://one.test/")) == "b=2; d=4"
    assert merge_cookie_header("", cookies, None, url=URL("https://two.test/x")) == "c=3; a=1; d=4"
    local = URL("http://localhost/")
    jar = CookieJar(treat_as_secure_origin=local)
    assert merge_cookie_header("", cookies, None, url=local, jar=jar) == "a=1; d=4"
    assert merge_cookie_header("", cookies, None, url=local, jar=DummyCookieJar()) == "d=4"


def test_a_dummy_jar_does_nothing() -> None:
    jar = DummyCookieJar()
    jar.update_cookies({"a": "1"})
    jar.update_cookies_from_headers(["a=1"], HTTP)
    jar.clear()
    jar.clear_domain("example.org")
    assert (len(jar), list(jar)) == (0, [])
    assert jar.filter_cookies(HTTP) == SimpleCookie()
    assert jar.cookie_header(HTTP) == ""
    assert (jar.unsafe, jar.quote_cookie) == (False, True)


@given(st.lists(st.text(), max_size=5), st.text(), st.text())
def test_no_field_breaks_the_jar(fields: list[str], domain: str, path: str) -> None:
    jar = CookieJar()
    set_(
        jar, HTTP, *fields, f"a=b; domain={domain}; path={path}", f"c=d; domain={domain}example.org"
    )
    header = sent(jar, "http://example.org/x/y")
    assert not set(header) & set("\0\r\n")
    assert len(list(jar)) <= len(jar)


def test_the_view_of_what_is_stored_follows_the_jar(jar: CookieJar) -> None:
    view = jar.cookies
    assert (len(view), list(view)) == (0, [])
    set_(jar, HTTP, "a=1; path=/x", "b=2; path=/x", "c=3; path=/")
    assert set(view) == {("example.org", "/x"), ("example.org", "/")}
    assert sorted(name for group in view.values() for name in group) == ["a", "b", "c"]
    assert {key: list(group) for key, group in view.items()} == {
        ("example.org", "/x"): ["a", "b"],
        ("example.org", "/"): ["c"],
    }
    assert repr(dict(view)) in repr(view)
    jar.clear()
    assert view == {}


@pytest.mark.parametrize("path", ["/ Max-Age=1", "/a b", "/a\tb"])
def test_a_path_that_no_request_can_have_is_refused(path: str, jar: CookieJar) -> None:
    set_(jar, HTTP, f"a=1; Path={path}; HttpOnly", "b=1; Path=/ ")
    assert [morsel.key for morsel in jar] == ["b"]
