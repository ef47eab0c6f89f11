"""What a redirect asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from anyiohttp._client.auth import BasicAuth
from anyiohttp._client.redirects import (
    BODY_HEADERS,
    ORIGIN_HEADERS,
    RedirectPlan,
    plan_redirect,
)
from anyiohttp._client.urls import authority_of, request_target
from anyiohttp.exceptions import (
    InvalidURL,
    InvalidUrlRedirectClientError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
    RedirectClientError,
)

BASE = URL("http://h/dir/page?old=1")


def follow(
    location: str | bytes, base: URL | str = BASE, status: int = 302, requote: bool = True
) -> RedirectPlan:
    raw = location.encode() if isinstance(location, str) else location
    plan = plan_redirect(status, [(b"Location", raw)], "GET", URL(base), requote)
    assert plan is not None
    return plan


# --- method and body ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_method_and_body(status: int, method: str) -> None:
    plan = plan_redirect(status, [(b"Location", b"/x")], method, BASE)
    assert plan is not None
    to_get = (status in (301, 302) and method == "POST") or (status == 303 and method != "HEAD")
    assert plan.method == ("GET" if to_get else method)
    assert plan.keep_body is not to_get
    assert set(plan.drop_headers) == (set(BODY_HEADERS) if to_get else set())


def test_the_headers_that_go_with_the_body() -> None:
    assert {
        "Content-Length",
        "Content-Type",
        "Content-Encoding",
        "Content-Language",
        "Content-Location",
        "Transfer-Encoding",
        "Expect",
    } <= set(BODY_HEADERS)


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 309, 400, 500])
def test_other_statuses_are_final(status: int) -> None:
    assert plan_redirect(status, [(b"Location", b"/x")], "GET", BASE) is None


@pytest.mark.parametrize(
    "headers", [[], [(b"Location", b"")], [(b"Location", b" \t")], [(b"X", b"/x")]]
)
def test_without_a_location_the_response_is_final(headers: list[tuple[bytes, bytes]]) -> None:
    assert plan_redirect(302, headers, "GET", BASE) is None


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([(b"URI", b"/uri")], "/uri"),
        ([(b"URI", b"/uri"), (b"LOCATION", b"/location")], "/location"),
        ([(b"location", b""), (b"uri", b"/uri")], "/uri"),
        ([(b"location", b"/first"), (b"location", b"/second")], "/first"),
    ],
)
def test_where_the_location_stands(headers: list[tuple[bytes, bytes]], path: str) -> None:
    plan = plan_redirect(302, headers, "GET", BASE)
    assert plan is not None
    assert plan.url == URL("http://h" + path)


# --- resolving ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        # RFC 3986 5.4.1 and 5.4.2, as far as they are http
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"),
        ("g#s", "http://a/b/c/g#s"),
        ("g?y#s", "http://a/b/c/g?y#s"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("http:g", "http://a/b/c/g"),
        # and what servers send
        ("http:/ok", "http://a/ok"),
        ("HTTP:/ok", "http://a/ok"),
        ("http://G/x", "http://g/x"),
        ("http://g:80/x", "http://g/x"),
        ("http://g:/x", "http://g/x"),
        ("https://g:443/", "https://g/"),
        ("http://g?x", "http://g/?x"),
        ("http://g/a/./b/../c", "http://g/a/c"),
        ("/a/%2e%2E/b", "http://a/b"),
        ("/a/%2e", "http://a/a/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        (" \t/x\r\n ", "http://a/x"),
        ("/a\tb", "http://a/ab"),
        ("http://bücher.example/ü?ü#ü", "http://xn--bcher-kva.example/%C3%BC?%C3%BC#%C3%BC"),
        ("/a b", "http://a/a%20b"),
        ("/%zz%", "http://a/%25zz%25"),
        ('/"<>[]^`{|}\\', "http://a/%22%3C%3E%5B%5D%5E%60%7B%7C%7D%5C"),
        ("/x:y@z", "http://a/x:y@z"),
        ("\\\\g\\x", "http://a/b/c/%5C%5Cg%5Cx"),
        ("///..//x", None),
    ],
)
def test_resolving(location: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(InvalidUrlRedirectClientError):
            follow(location, "http://a/b/c/d;p?q")
        return
    plan = follow(location, "http://a/b/c/d;p?q")
    assert plan.url == URL(expected, encoded=True)
    # The same as if the user had asked for it: nothing depends on how the URL came about.
    assert plan.url.raw_host == URL(expected).raw_host
    assert plan.url.port == URL(expected).port


def test_resolving_against_a_bare_authority() -> None:
    assert follow("x", "http://a").url == URL("http://a/x")
    assert follow("?x", "http://a").url == URL("http://a/?x")
    assert follow("x", "ws://a/b/c").url == URL("ws://a/b/x")


@pytest.mark.parametrize(
    "target",
    ["/%7e%41%2f/a;b?x=%20%2c+&&y=a,b'()*", "/a//b/", "/a?b?c/d", "/?sig=%2B%2f%3D&%41"],
)
def test_escapes_are_kept_as_given(target: str) -> None:
    for requote in (True, False):
        assert request_target(follow(target, requote=requote).url) == target
        assert request_target(follow("http://g" + target, requote=requote).url) == target


def test_without_requoting_only_what_cannot_be_sent_is_quoted() -> None:
    plan = follow('/"<>[]^`{|}\\%zz ü?|#|', requote=False)
    assert request_target(plan.url) == '/"<>[]^`{|}\\%zz%20%C3%BC?|'
    assert plan.url.raw_fragment == "|"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/caf\xc3\xa9?\xc3\xa9", "/caf%C3%A9?%C3%A9"),
        (b"/caf\xe9?\xe9", "/caf%E9?%E9"),
        (b"/\xff\xc3\xa9", "/%FF%C3%A9"),
        (b"/\x00\x7f", "/%00%7F"),
    ],
)
def test_raw_bytes(location: bytes, target: str) -> None:
    assert request_target(follow(location).url) == target
    assert request_target(follow(location, requote=False).url) == target


@pytest.mark.parametrize(
    ("location", "empty", "target"),
    [
        ("/a?", True, "/a?"),
        ("http://g?", True, "/?"),
        ("/a?#f", True, "/a?"),
        ("/a", False, "/a"),
        ("/a?b", False, "/a?b"),
        ("?", True, "/dir/page?"),
        ("", False, ""),
    ],
)
def test_an_empty_query_is_kept(location: str, empty: bool, target: str) -> None:
    if not location:
        return
    plan = follow(location)
    assert plan.empty_query is empty
    assert request_target(plan.url, empty_query=plan.empty_query) == target


@pytest.mark.parametrize(
    ("old", "location", "fragment"),
    [
        ("http://h/#old", "/x", "old"),
        ("http://h/#old", "http://g/x", "old"),
        ("http://h/#old", "/x#new", "new"),
        ("http://h/#old", "/x#", ""),
        ("http://h/", "/x#a%20b c", "a%20b%20c"),
        ("http://h/#%20", "/x", "%20"),
    ],
)
def test_fragments(old: str, location: str, fragment: str) -> None:
    plan = follow(location, old)
    assert plan.url.raw_fragment == fragment
    assert "#" not in request_target(plan.url)


@pytest.mark.parametrize(
    "location",
    [
        "http://",
        "http:///x",
        "//",
        "///x",
        "//:80/",
        "//u:p@/",
        "//u:p@:80/",
        "https:/x",
        "https:x",
        "http:\\\\g/x",
        "http:/\\g/x",
        "http:\\/g/x",
        "http://h:0/",
        "http://h:65536/",
        "http://h:abc/",
        "http://[::1/",
        "http://[1:2]/",
        "http://[]@",
        "http://ex ample/",
        "http://a%20b/",
        "http://a\\b/",
        "http://\u200d/",
        "http://us%3Aer:pw@h/",
        b"http://\xff/",
    ],
)
def test_malformed_locations(location: str | bytes) -> None:
    with pytest.raises(InvalidUrlRedirectClientError) as caught:
        follow(location)
    assert isinstance(caught.value, RedirectClientError)
    assert isinstance(caught.value, InvalidURL)
    assert caught.value.description
    str(caught.value).encode()


@pytest.mark.parametrize(
    "location",
    [
        "ftp://h/",
        "mailto:x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ws://h/",
        "about:blank",
        "localhost:8080/x",
        b"data:\xff",
    ],
)
def test_other_schemes(location: str | bytes) -> None:
    with pytest.raises(NonHttpUrlRedirectClientError) as caught:
        follow(location)
    assert isinstance(caught.value, RedirectClientError)
    assert isinstance(caught.value, NonHttpUrlClientError)
    assert str(caught.value).partition(":")[0] in str(location)


@pytest.mark.parametrize(
    "location", ["http://u:hunter2@h:0/", "ftp://u:hunter2@h/", "http://u:hunter2@a b/"]
)
def test_no_message_shows_a_password(location: str) -> None:
    with pytest.raises(RedirectClientError) as caught:
        follow(location)
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.args}"


# --- origins and credentials ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "location", "crosses"),
    [
        ("http://h/", "/x", False),
        ("http://h/", "http://H:80/x", False),
        ("http://h:80/", "//h/x", False),
        ("https://h/", "https://h:443/", False),
        ("ws://h/", "/x", False),
        ("ws://h/", "http://h/x", False),
        ("http://h/", "http://g/", True),
        ("http://h/", "http://sub.h/", True),
        ("http://h/", "http://h:8080/", True),
        ("http://h:8080/", "http://h/", True),
        ("http://h/", "https://h/", True),
        ("https://h/", "http://h/", True),
        ("https://h/", "http://h:443/", True),
        ("http://h/", "//h./", True),
        ("http://127.0.0.1/", "http://localhost/", True),
    ],
)
def test_what_crosses_an_origin(old: str, location: str, crosses: bool) -> None:
    plan = follow(location, old, 307)
    assert plan.cross_origin is crosses
    assert set(plan.drop_headers) == (set(ORIGIN_HEADERS) if crosses else set())
    assert plan.keep_body
    assert plan.auth is None


def test_what_belongs_to_an_origin() -> None:
    assert set(ORIGIN_HEADERS) == {"Authorization", "Cookie", "Proxy-Authorization", "Host"}


def test_crossing_with_a_change_to_get_drops_both_kinds() -> None:
    plan = plan_redirect(302, [(b"Location", b"http://g/")], "POST", BASE)
    assert plan is not None
    assert set(plan.drop_headers) == {*BODY_HEADERS, *ORIGIN_HEADERS}


@pytest.mark.parametrize(
    ("location", "auth"),
    [
        ("http://u:p@h/x", BasicAuth("u", "p")),
        ("http://u:p@g/x", BasicAuth("u", "p")),
        ("//u@h/x", BasicAuth("u")),
        ("http://:p@h:80/x", BasicAuth("", "p")),
        ("http://%E2%82%AC:p%3A@h/x", BasicAuth("€", "p:", "utf-8")),
        ("http://@h/x", None),
    ],
)
def test_credentials_of_the_location_win(location: str, auth: BasicAuth | None) -> None:
    plan = follow(location)
    assert plan.auth == auth
    assert plan.url.user is None
    assert plan.url.password is None
    assert plan.url == URL(f"http://{'g' if '@g' in location else 'h'}/x")
    assert ("Authorization" in plan.drop_headers) is (auth is not None or plan.cross_origin)


@pytest.mark.parametrize("location", ["x", "/x", "?x", "#x", "http:x", "//h/x", "http://h/x"])
def test_credentials_of_the_old_url_are_not_in_the_new(location: str) -> None:
    plan = follow(location, "http://u:p@h/dir/")
    assert plan.url.user is None
    assert plan.url.password is None
    assert plan.auth is None


# --- anything at all ------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        b"http",
        b"https",
        b":",
        b"//",
        b"/",
        b"@",
        b"[",
        b"]",
        b"::1",
        b"%",
        b"%2e",
        b"?",
        b"#",
        b"h",
        b"\\",
        b"..",
        b".",
        b"80",
        b" ",
        b"\t",
        b"\x00",
        "ü".encode(),
        b"\xff",
        "℀".encode(),
    ]
)
locations = st.lists(pieces, max_size=12).map(b"".join) | st.binary()
bases = st.sampled_from(
    ["http://h", "http://u:p@h:81/a/b?q#f", "https://[::1]/x/", "ws://h/a", "http://h/%2e/.."]
)


@given(locations, bases, st.booleans(), st.sampled_from([b"", b"http://", b"//", b"/"]))
def test_any_location_is_followed_or_one_of_our_errors(
    location: bytes, base: str, requote: bool, prefix: bytes
) -> None:
    try:
        plan = plan_redirect(307, [(b"location", prefix + location)], "PUT", URL(base), requote)
    except (InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError) as exc:
        str(exc).encode()
        return
    if plan is None:
        return
    assert plan.url.scheme in {"http", "https", "ws"}
    assert plan.url.raw_host
    assert plan.url.raw_user is plan.url.raw_password is None
    target = request_target(plan.url, empty_query=plan.empty_query)
    assert target.startswith("/")
    assert all("!" <= char <= "~" for char in target)
    assert "#" not in target
    assert authority_of(plan.url).isascii()
    path = plan.url.raw_path.lower().replace("%2e", ".")
    assert not {".", ".."} & set(path.split("/"))
    if plan.url.scheme == "ws":
        return
    # What comes out is stable: resolving it again changes nothing.
    again = plan_redirect(307, [(b"location", str(plan.url).encode())], "PUT", plan.url, False)
    assert again is not None
    assert again.url == plan.url
    assert not again.cross_origin
