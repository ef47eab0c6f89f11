"""What a caller's URL becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from yarl import URL

from anyiohttp._client.urls import (
    authority_of,
    check_base_url,
    connect_authority,
    has_empty_query,
    http_scheme,
    origin_of,
    port_of,
    prepare_url,
    request_target,
    same_origin,
    shown,
    strip_credentials,
)
from anyiohttp.exceptions import InvalidURL, InvalidUrlClientError, NonHttpUrlClientError


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("http://h", "http://h"),
        ("HTTP://H.Example/", "http://h.example/"),
        ("https://h:8443/x?q=1#f", "https://h:8443/x?q=1#f"),
        ("ws://h/x", "ws://h/x"),
        ("wss://h/x", "wss://h/x"),
        ("http://u:p@h/", "http://u:p@h/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
        ("http://[fe80::1%eth0]/", "http://[fe80::1%eth0]/"),
        ("http://пример.испытание/ü", "http://xn--e1afmkfd.xn--80akhbyknj4f/%C3%BC"),
        ("http://xn--bad-.com/", "http://xn--bad-.com/"),
        ("http://a_b/", "http://a_b/"),
        ("http://h./", "http://h./"),
        ("http://h:/", "http://h/"),
        ("http://@h/", "http://h/"),
    ],
)
def test_urls_that_can_be_requested(given_url: str, expected: str) -> None:
    assert str(prepare_url(given_url)) == expected
    assert str(prepare_url(URL(given_url))) == expected


def test_encoded_urls_are_left_alone() -> None:
    url = URL("http://h/%7e%2f?a=%20&b=%zz", encoded=True)
    assert prepare_url(url) is url
    assert request_target(prepare_url(url)) == "/%7e%2f?a=%20&b=%zz"


def test_the_host_of_an_encoded_url_becomes_ascii_all_the_same() -> None:
    url = prepare_url(URL("http://пример:81/%7e?a=%20", encoded=True))
    assert (url.raw_host, url.raw_path_qs) == ("xn--e1afmkfd", "/%7e?a=%20")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "?q",
        "*",
        "h/x",
        "//h/x",
        "http://",
        "http:///x",
        "http:/x",
        "http:x",
        "http://:80/",
        "http://u:p@/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:-1/",
        "http://h:abc/",
        "http://h:80:80/",
        "http://[::1",
        "http://[]",
        "http://[::1]x/",
        "http://[::1%25a/b]/",
        "http://[1::2::3]/",
        "http://[1:2]/",
        "http://ex ample/",
        "http://a%2fb/",
        "http://a%00b/",
        "http://a|b/",
        "http://a\\b/",
        "http://\u200d/",
        "http://\ud800/",
        "http://h/\ud800",
        "http://" + "ü" * 70 + "/",
    ],
)
def test_urls_that_cannot_be_requested(url: str) -> None:
    with pytest.raises(InvalidUrlClientError) as caught:
        prepare_url(url)
    assert isinstance(caught.value, InvalidURL)
    assert isinstance(caught.value, ValueError)
    assert caught.value.url == (url if "@" not in url else "http:///")
    assert caught.value.description


def test_a_broken_host_of_an_encoded_url_is_refused() -> None:
    with pytest.raises(InvalidUrlClientError):
        prepare_url(URL("http://\u200d/", encoded=True))
    with pytest.raises(InvalidUrlClientError):
        prepare_url(URL("http://::1/", encoded=True))
    with pytest.raises(InvalidUrlClientError) as caught:
        prepare_url(URL("http://u:hunter2@::1/", encoded=True))
    assert "hunter2" not in repr(caught.value)
    with pytest.raises(InvalidUrlClientError, match="zone"):
        prepare_url(URL("http://[fe80::1%25a b]/", encoded=True))


@pytest.mark.parametrize(
    "url", ["ftp://h/", "file:///etc/passwd", "mailto:x", "localhost:8080/x", "http+unix://s/x"]
)
def test_other_schemes_are_named(url: str) -> None:
    with pytest.raises(NonHttpUrlClientError) as caught:
        prepare_url(url)
    assert str(caught.value) == str(URL(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@h:0/",
        "http://user:hunter2@h:abc/",
        "http://user:hunter2@[::1",
        "http://user:hunter2@ex ample/",
        "http://user:hunter2@h℀/",
        "http://user:hunter2/x@h/",
        "http://user:hunter2",
        "ftp://user:hunter2@h/",
        "user:hunter2@h/",
        "//user:hunter2@h/",
    ],
)
def test_no_message_shows_a_password(url: str) -> None:
    if "@" not in url:
        url += "@[x/"
    with pytest.raises((InvalidURL, NonHttpUrlClientError)) as caught:
        prepare_url(url)
    error: BaseException | None = caught.value
    while error is not None:
        text = f"{error} {error!r} {error.args}"
        assert "hunter2" not in text
        error = error.__cause__


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/?mail=a@b", "http://h/?mail=a@b"),
        ("http://u:p@h:x/?mail=a@b", "http://h:x/?mail=a@b"),
        ("http://u:p/q@h", "http://***@h"),
        (URL("http://u:p@h/"), URL("http://h/")),
        (URL("http://u@h/"), URL("http://h/")),
        (URL("/a@b"), "***@b"),
        ("u:p@http://u:p@h", "u:***@h"),
        (URL("http://h/a@b"), URL("http://h/a@b")),
        ("x", "x"),
    ],
)
def test_shown(url: object, expected: object) -> None:
    if url == "http://h/?mail=a@b":
        url = URL(str(url))
        expected = url
    assert shown(url) == expected


def test_brackets_around_nothing() -> None:
    with pytest.raises(InvalidUrlClientError, match="IPv6"):
        prepare_url("http://[]@")


def test_types_that_are_no_url_are_type_errors() -> None:
    with pytest.raises(TypeError):
        prepare_url(5)  # type: ignore[arg-type]


# --- base_url -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("http://h/", "x", "http://h/x"),
        ("http://h/api/", "x?q=1#f", "http://h/api/x?q=1#f"),
        ("http://h/api/", "/x", "http://h/x"),
        ("http://h/api/", "../x", "http://h/x"),
        ("http://h/api/", "", "http://h/api/"),
        ("http://h/api/", "?a=b", "http://h/api/?a=b"),
        ("http://h:8080/api/", "https://g/x", "https://g/x"),
        ("http://u:p@h/", "x", "http://u:p@h/x"),
    ],
)
def test_base_url(base: str, url: str, expected: str) -> None:
    assert str(prepare_url(url, check_base_url(base))) == expected
    assert str(prepare_url(URL(url), check_base_url(URL(base)))) == expected


def test_base_url_is_checked() -> None:
    assert check_base_url(None) is None
    with pytest.raises(ValueError, match="base_url must have a trailing '/'"):
        check_base_url("http://h/api")
    with pytest.raises(ValueError, match="not absolute"):
        check_base_url("/api/")
    with pytest.raises(NonHttpUrlClientError):
        check_base_url("ftp://h/")
    with pytest.raises(NonHttpUrlClientError):
        prepare_url("mailto:x", URL("http://h/"))


# --- params ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "params", "expected"),
    [
        ("http://h/", None, "/"),
        ("http://h/", {}, "/"),
        ("http://h/", "", "/"),
        ("http://h/?a=1#f", {"a": 2, "b": 2.5}, "/?a=1&a=2&b=2.5"),
        ("http://h", [("k", "v 1"), ("k", "ü")], "/?k=v+1&k=%C3%BC"),
        ("http://h", MultiDict([("k", "1"), ("k", "&=")]), "/?k=1&k=%26%3D"),
        ("http://h", {"k": ["1", "2"]}, "/?k=1&k=2"),
        ("http://h/x", "key=value+1", "/x?key=value+1"),
        ("http://h/x?a", "b=%20%2f", "/x?a&b=%20%2f"),
        ("http://h/x", "b=ü %26#", "/x?b=%C3%BC+%26%23"),
        ("http://h/x", "b=%zz", "/x?b=%25zz"),
        ("http://h/x", "\r\n", "/x"),
    ],
)
def test_params(url: str, params: object, expected: str) -> None:
    prepared = prepare_url(url, params=params)  # type: ignore[arg-type]
    assert request_target(prepared) == expected
    assert prepared.raw_fragment == URL(url).raw_fragment


def test_string_params_leave_an_encoded_url_alone() -> None:
    url = URL("http://u:p@h:81/%7e?a=%20", encoded=True)
    assert str(prepare_url(url, params="b=%2f")) == "http://u:p@h:81/%7e?a=%20&b=%2f"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (None, "/?own=0&a=1&b=2"),
        ({"a": "9"}, "/?own=0&b=2&a=9"),
        ("a=9&b=9", "/?own=0&a=9&b=9"),
        ({"own": "9"}, "/?own=0&a=1&b=2&own=9"),
    ],
)
def test_the_sessions_params_give_way(params: object, expected: str) -> None:
    defaults = {"own": "x", "a": "1", "b": "2"}
    url = prepare_url("http://h/?own=0", None, params, defaults)  # type: ignore[arg-type]
    assert request_target(url) == expected


@pytest.mark.parametrize("params", [{"a": None}, {"a": True}, 5, b"a=1", {"a": object()}])
def test_params_of_other_types_are_type_errors(params: object) -> None:
    with pytest.raises(TypeError):
        prepare_url("http://h/", params=params)  # type: ignore[arg-type]


def test_params_that_are_no_number_are_value_errors() -> None:
    with pytest.raises(ValueError):
        prepare_url("http://h/", params={"a": float("nan")})


# --- parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "authority", "connect"),
    [
        ("http://h/", "h", "h:80"),
        ("http://h:80/", "h", "h:80"),
        ("http://h:443/", "h:443", "h:443"),
        ("https://h:443/", "h", "h:443"),
        ("https://h:80/", "h:80", "h:80"),
        ("ws://h:80/", "h", "h:80"),
        ("wss://h/", "h", "h:443"),
        ("http://u:p@h:8080/", "h:8080", "h:8080"),
        ("http://[::1]/", "[::1]", "[::1]:80"),
        ("http://[::1]:8080/", "[::1]:8080", "[::1]:8080"),
        ("https://[fe80::1%25eth0]:8443/", "[fe80::1]:8443", "[fe80::1]:8443"),
        ("http://h./", "h.", "h.:80"),
        ("http://bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example:80"),
    ],
)
def test_authority(url: str, authority: str, connect: str) -> None:
    assert authority_of(URL(url)) == authority
    assert connect_authority(URL(url)) == connect
    assert port_of(URL(url)) == int(connect.rpartition(":")[2])


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (URL("http://h"), "/"),
        (URL("http://h?a=b"), "/?a=b"),
        (URL("http://h?a=b#f"), "/?a=b"),
        (URL("http://h/x y#f"), "/x%20y"),
        (URL("http://h?q", encoded=True), "/?q"),
        (URL("?q"), "/?q"),
    ],
)
def test_request_target(url: URL, target: str) -> None:
    assert request_target(url) == target


@pytest.mark.parametrize(
    ("url", "expected", "target"),
    [
        ("http://h/a?", True, "/a?"),
        ("http://h/a?#f", True, "/a?"),
        ("http://h/a", False, "/a"),
        ("http://h/a?b?", False, "/a?b?"),
        ("http://h/a#?", False, "/a"),
        (URL("http://h/a?"), False, "/a"),
    ],
)
def test_an_empty_query_can_be_kept(url: str | URL, expected: bool, target: str) -> None:
    assert has_empty_query(url) is expected
    assert request_target(URL(url), empty_query=has_empty_query(url)) == target


def test_a_query_stands_for_itself_when_params_were_added() -> None:
    url = prepare_url("http://h/a?", params={"b": 1})
    assert request_target(url, empty_query=True) == "/a?b=1"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("http://h/a", "http://h/b?c#d", True),
        ("http://h/", "http://H:80/", True),
        ("http://u:p@h/", "http://h/", True),
        ("ws://h/", "http://h/", True),
        ("wss://h/", "https://h:443/", True),
        ("http://h/", "https://h/", False),
        ("https://h/", "http://h/", False),
        ("https://h:443/", "http://h:443/", False),
        ("http://h/", "http://h:8080/", False),
        ("http://h/", "http://h./", False),
        ("http://h/", "http://sub.h/", False),
        ("http://127.0.0.1/", "http://localhost/", False),
    ],
)
def test_same_origin(first: str, second: str, same: bool) -> None:
    assert same_origin(URL(first), URL(second)) is same
    assert same_origin(URL(second), URL(first)) is same
    assert same_origin(URL(first, encoded=True), URL(second, encoded=True)) is same


def test_small_parts() -> None:
    assert [http_scheme(scheme) for scheme in ("ws", "wss", "http", "https")] == [
        "http",
        "https",
        "http",
        "https",
    ]
    assert origin_of(URL("https://u:p@h:8443/x?y#z")) == URL("https://h:8443")
    assert strip_credentials(URL("http://h/x")) == (URL("http://h/x"), None)
    assert strip_credentials(URL("http://u%40x:p%3Aw@h/")) == (URL("http://h/"), ("u@x", "p:w"))
    assert strip_credentials(URL("http://:p@h/")) == (URL("http://h/"), ("", "p"))
    assert strip_credentials(URL("http://u@h/")) == (URL("http://h/"), ("u", ""))


# --- anything at all ------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        "http",
        "https",
        "ws",
        ":",
        "//",
        "/",
        "@",
        "[",
        "]",
        "::1",
        "%",
        "%25",
        "%00",
        "?",
        "#",
        "h",
        "\\",
        "..",
        ".",
        "8",
        "80",
        "99999",
        " ",
        "\t",
        "\n",
        "\x00",
        "ü",
        "ß",
        "\u200d",
        "℀",
        "-",
        "xn--",
        "1",
        "fe80",
        "�",
        "٣",
        "user",
        "。",
    ]
)
urls = st.lists(pieces, max_size=12).map("".join) | st.text()


def check(url: str | URL) -> None:
    try:
        prepared = prepare_url(url)
    except (InvalidUrlClientError, NonHttpUrlClientError) as exc:
        str(exc)
        return
    assert prepared.scheme in {"http", "https", "ws", "wss"}
    authority = authority_of(prepared)
    assert authority.isascii()
    assert authority.isprintable()
    assert not set(authority) & set("/?#@ \\")
    assert connect_authority(prepared).endswith(f":{port_of(prepared)}")
    assert 0 < int(port_of(prepared) or 0) < 65536
    assert request_target(prepared).startswith("/")
    assert same_origin(prepared, strip_credentials(prepared)[0])
    assert same_origin(prepared, origin_of(prepared))


@given(urls)
def test_any_text_is_a_url_or_one_of_our_errors(text: str) -> None:
    check(text)


@given(urls)
def test_any_authority_is_fine_or_one_of_our_errors(text: str) -> None:
    check("http://" + text)


@given(urls)
def test_any_encoded_url_is_fine_or_one_of_our_errors(text: str) -> None:
    try:
        url = URL("http://" + text, encoded=True)
    except (ValueError, IndexError):  # of yarl's own making, for "http://[]@"
        return
    check(url)


@given(urls, urls)
def test_any_reference_resolves_or_is_one_of_our_errors(text: str, params: str) -> None:
    try:
        url = prepare_url(text, URL("http://h/a/"), params)
    except (InvalidUrlClientError, NonHttpUrlClientError):
        return
    assert url.raw_query_string.isascii()
