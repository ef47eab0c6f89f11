"""Through which proxy a URL is reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from anyiohttp._client.auth import BasicAuth
from anyiohttp._client.proxies import (
    bypasses_proxy,
    choose_proxy,
    environment_proxy,
    needs_tunnel,
    proxies_from_environ,
    proxy_route,
)
from anyiohttp.exceptions import ClientError, InvalidURL

PROXY = URL("http://proxy:3128")


# --- proxy= ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "url"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://proxy:3128/path?q#f", "http://proxy:3128"),
        ("https://Proxy/", "https://proxy"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://bücher.example:1", "http://xn--bcher-kva.example:1"),
    ],
)
def test_a_proxy_of_the_caller(proxy: str, url: str) -> None:
    for given_proxy in (proxy, URL(proxy)):
        route = proxy_route(given_proxy)
        assert route.url == URL(url)
        assert route.login is None
        assert route.authorization is None
        assert route.headers == ()


@pytest.mark.parametrize(
    ("proxy", "auth", "expected"),
    [
        ("http://u:p@proxy:3128", None, BasicAuth("u", "p")),
        ("http://u@proxy:3128", None, BasicAuth("u")),
        ("http://:p@proxy:3128", None, BasicAuth("", "p")),
        ("http://u:%E2%82%AC@proxy:3128", None, BasicAuth("u", "€", "utf-8")),
        ("http://proxy:3128", BasicAuth("u", "p"), BasicAuth("u", "p")),
        ("http://proxy:3128", BasicAuth("ü", "€", "utf-8"), BasicAuth("ü", "€", "utf-8")),
    ],
)
def test_credentials(proxy: str, auth: BasicAuth | None, expected: BasicAuth) -> None:
    route = proxy_route(proxy, auth)
    assert route.url == PROXY
    assert (route.login, route.password, route.encoding) == expected
    assert route.authorization == expected.encode()
    assert "'p'" not in repr(route)


def test_further_headers() -> None:
    headers = CIMultiDict([("X-A", "1"), ("X-A", "2")])
    assert proxy_route(PROXY, None, headers).headers == (("X-A", "1"), ("X-A", "2"))
    assert proxy_route(PROXY, None, {"X-A": "1"}).headers == (("X-A", "1"),)
    by_hand = {"proxy-authorization": "Bearer x"}
    assert proxy_route(PROXY, None, by_hand).headers == tuple(by_hand.items())
    assert proxy_route(PROXY, BasicAuth("u"), {"X-A": "1"}).login == "u"


def test_credentials_given_twice() -> None:
    with pytest.raises(ValueError, match="Cannot combine"):
        proxy_route("http://u:p@proxy", BasicAuth("u", "p"))
    for proxy, auth in (("http://u:p@proxy", None), ("http://proxy", BasicAuth("u"))):
        with pytest.raises(ValueError, match="Cannot combine"):
            proxy_route(proxy, auth, {"Proxy-Authorization": "Bearer x"})


def test_credentials_that_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="proxy_auth must be None or BasicAuth"):
        proxy_route("http://proxy", ("u", "p"))  # type: ignore[arg-type]
    with pytest.raises(ClientError, match="latin1"):
        proxy_route("http://proxy", BasicAuth("u", "€"))


@pytest.mark.parametrize(
    ("proxy", "match"),
    [
        ("socks://proxy:1080", "'socks'.*only http, https, socks4, socks4a, socks5, socks5h"),
        ("socks5://u:hunter2@", "malformed|no host"),
        ("ftp://proxy", "ftp"),
        ("ws://proxy", "ws"),
        ("proxy:3128", "'proxy'"),
        ("//proxy:3128", "without a scheme"),
        ("", "without a scheme"),
        ("/proxy", "without a scheme"),
        ("http://", "no host"),
        ("http://u:hunter2@/", "malformed"),
        ("http://proxy:0", "port 0"),
        ("http://u:hunter2@proxy:99999", "malformed"),
        ("http://u:hunter2@[::1", "malformed"),
        ("http://us%3Aer:hunter2@proxy", "not allowed in login"),
        ("http://[]@", "malformed"),
        ("http://pro xy", "characters"),
    ],
)
def test_what_is_no_proxy(proxy: str, match: str) -> None:
    with pytest.raises(InvalidURL, match=match) as caught:
        proxy_route(proxy)
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.args}"


@pytest.mark.parametrize(
    ("url", "tunnel"),
    [("http://h/", False), ("https://h/", True), ("ws://h/", True), ("wss://h/", True)],
)
def test_tunnels(url: str, tunnel: bool) -> None:
    assert needs_tunnel(URL(url)) is tunnel


# --- the environment ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"http_proxy": "a", "HTTPS_PROXY": "b"}, {"http": "a", "https": "b"}),
        ({"http_proxy": "a", "HTTP_PROXY": "b"}, {"http": "a"}),
        ({"HTTP_PROXY": "b", "http_proxy": "a"}, {"http": "a"}),
        ({"HTTP_PROXY": "b", "http_proxy": ""}, {}),
        ({"HTTP_PROXY": "", "NO_PROXY": " "}, {}),
        ({"Http_Proxy": " a "}, {"http": "a"}),
        ({"all_proxy": "a", "no_proxy": "b", "WS_PROXY": "c"}, {"all": "a", "no": "b", "ws": "c"}),
        ({"HTTP_PROXY": "evil", "REQUEST_METHOD": "GET"}, {}),
        ({"http_proxy": "a", "HTTP_PROXY": "evil", "REQUEST_METHOD": "GET"}, {"http": "a"}),
        ({"HTTPS_PROXY": "a", "REQUEST_METHOD": "GET"}, {"https": "a"}),
        ({"PROXY": "a", "PATH": "b", "HTTP_PROXY_X": "c"}, {}),
    ],
)
def test_variables(environ: dict[str, str], expected: dict[str, str]) -> None:
    assert proxies_from_environ(environ) == expected


ALL = {"http": "http://p1:1", "https": "http://p2:2", "all": "http://p3:3"}


@pytest.mark.parametrize(
    ("url", "proxies", "expected"),
    [
        ("http://h/", ALL, "http://p1:1"),
        ("https://h/", ALL, "http://p2:2"),
        ("ws://h/", ALL, "http://p1:1"),
        ("wss://h/", ALL, "http://p2:2"),
        ("ws://h/", ALL | {"ws": "http://p4:4"}, "http://p4:4"),
        ("wss://h/", ALL | {"wss": "https://p4"}, "https://p4"),
        ("http://h/", {"all": "http://p3:3"}, "http://p3:3"),
        ("wss://h/", {"all": "http://p3:3"}, "http://p3:3"),
        ("http://h/", {"https": "http://p2:2"}, None),
        ("https://h/", {"http": "http://p1:1"}, None),
        ("ftp://h/", ALL, None),
        ("http://h/", {}, None),
        ("http://h/", {"http": ""}, None),
        ("http://h/", {"http": "p1:1"}, "http://p1:1"),
        ("http://h/", {"http": "[::1]:1"}, "http://[::1]:1"),
        ("http://h/", ALL | {"no": "h"}, None),
        ("http://h/", ALL | {"no": "g"}, "http://p1:1"),
    ],
)
def test_choosing(url: str, proxies: dict[str, str], expected: str | None) -> None:
    route = choose_proxy(URL(url), proxies)
    assert (route and route.url) == (expected and URL(expected))


def test_a_proxy_of_the_environment_with_credentials() -> None:
    route = choose_proxy(URL("http://h/"), {"http": "u:p@proxy:3128"})
    assert route is not None
    assert (route.url, route.login, route.password) == (PROXY, "u", "p")


@pytest.mark.parametrize("value", ["socks6://p:1", "http://", "p:abc", "//p", "http://a b"])
def test_a_proxy_that_cannot_be_used_is_an_error_and_no_way_round_it(value: str) -> None:
    with pytest.raises(InvalidURL):
        choose_proxy(URL("http://h/"), {"http": value})
    assert choose_proxy(URL("http://h/"), {"http": value, "no": "h"}) is None


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("http", "https", "ws", "wss", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine known login u password p\nmachine also login x password y\n")
    netrc.chmod(0o600)
    return monkeypatch


def test_the_environment(environ: pytest.MonkeyPatch) -> None:
    assert environment_proxy(URL("http://h/")) is None
    environ.setenv("http_proxy", "http://other:1")
    environ.setenv("https_proxy", "http://known:1")
    environ.setenv("no_proxy", "local")
    plain = environment_proxy(URL("http://h/"))
    assert plain is not None
    assert (plain.url, plain.login) == (URL("http://other:1"), None)
    tls = environment_proxy(URL("https://h/"))
    assert tls is not None
    assert (tls.url, tls.login, tls.password) == (URL("http://known:1"), "u", "p")
    assert environment_proxy(URL("http://local/")) is None


def test_credentials_in_the_variable_come_before_netrc(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("http_proxy", "http://a:b@also:1")
    route = environment_proxy(URL("http://h/"))
    assert route is not None
    assert (route.login, route.password) == ("a", "b")


# --- no_proxy -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "no_proxy", "bypassed"),
    [
        ("http://h/", "", False),
        ("http://h/", "*", True),
        ("http://h/", "a, *", True),
        ("http://[::1]/", "*", True),
        ("http://localhost/", "", False),
        ("http://127.0.0.1/", "", False),
        # names
        ("http://example.com/", "example.com", True),
        ("http://EXAMPLE.com/", "Example.COM", True),
        ("http://sub.example.com/", "example.com", True),
        ("http://a.b.example.com/", "example.com", True),
        ("http://notexample.com/", "example.com", False),
        ("http://example.com.evil/", "example.com", False),
        ("http://example.com/", "sub.example.com", False),
        ("http://example.com/", ".example.com", True),
        ("http://sub.example.com/", ".example.com", True),
        ("http://notexample.com/", ".example.com", False),
        ("http://example.com/", "*.example.com", False),
        ("http://sub.example.com/", "*.example.com", True),
        ("http://example.com./", "example.com", True),
        ("http://example.com/", "example.com.", True),
        ("http://sub.example.com./", ".example.com.", True),
        ("http://example.com/", "com", True),
        ("http://example.com/", "*example.com", True),
        # separators
        ("http://b/", "a,b,c", True),
        ("http://b/", " a , b ,, c ", True),
        ("http://b/", "a b c", True),
        ("http://b/", "a,\tb", True),
        ("http://b/", ",,,", False),
        # ports
        ("http://h:8080/", "h:8080", True),
        ("http://h/", "h:8080", False),
        ("http://h/", "h:80", True),
        ("https://h/", "h:443", True),
        ("wss://h/", "h:443", True),
        ("http://sub.h:81/", "h:81", True),
        ("http://sub.h:81/", ".h:81", True),
        ("http://h:81/", "h:82,h:81", True),
        # addresses
        ("http://10.1.2.3/", "10.1.2.3", True),
        ("http://10.1.2.3/", "10.1.2.4", False),
        ("http://10.1.2.3/", "2.3", False),
        ("http://10.1.2.3/", ".2.3", False),
        ("http://10.1.2.3:81/", "10.1.2.3:81", True),
        ("http://10.1.2.3:82/", "10.1.2.3:81", False),
        ("http://[::1]/", "::1", True),
        ("http://[::1]/", "[::1]", True),
        ("http://[::1]/", "0:0:0:0:0:0:0:1", True),
        ("http://[2001:DB8::1]/", "2001:db8:0::1", True),
        ("http://[::1]:81/", "[::1]:81", True),
        ("http://[::1]/", "[::1]:81", False),
        ("http://[::1]/", "::2", False),
        ("http://[fe80::1%25eth0]/", "fe80::1", True),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0", True),
        ("http://h/", "10.0.0.1", False),
        ("http://[::ffff:10.0.0.1]/", "10.0.0.1", True),
        ("http://[::ffff:10.0.0.1]/", "10.0.0.0/8", True),
        ("http://10.0.0.1/", "::ffff:10.0.0.1", True),
        # blocks
        ("http://10.1.2.3/", "10.0.0.0/8", True),
        ("http://10.1.2.3/", "10.1.2.3/8", True),
        ("http://11.1.2.3/", "10.0.0.0/8", False),
        ("http://10.1.2.3/", "10.1.2.3/32", True),
        ("http://10.1.2.3/", "0.0.0.0/0", True),
        ("http://10.1.2.3/", "::/0", False),
        ("http://[fe80::1]/", "fe80::/10", True),
        ("http://[fe80::1]/", "[fe80::]/10", True),
        ("http://[::1]/", "fe80::/10", False),
        ("http://[::1]/", "10.0.0.0/8", False),
        ("http://h/", "10.0.0.0/8", False),
        # IDNA
        ("http://bücher.example/", "bücher.example", True),
        ("http://bücher.example/", "xn--bcher-kva.example", True),
        ("http://sub.bücher.example/", ".bücher.example", True),
        # odd entries are skipped, and the rest still counts
        ("http://h/", ".", False),
        ("http://h/", "..", False),
        ("http://h/", "*.", False),
        ("http://h/", "**", False),
        ("http://h/", "h:abc", False),
        ("http://h/", "h:", False),
        ("http://h/", "h:999999", False),
        ("http://h/", "h:\uff18\uff10", False),
        ("http://h/", ":80", False),
        ("http://h/", "[h", False),
        ("http://h/", "http://h", False),
        ("http://h/", "h/8", False),
        ("http://10.1.2.3/", "10.0.0.0/99", False),
        ("http://10.1.2.3/", "10.0.0/8", False),
        ("http://10.1.2.3/", "/", False),
        ("http://[::1]/", "[::1", True),
        ("http://[::1]/", "[::1]:x", False),
        ("http://h/", "\u200d", False),
        ("http://h/", "[[[,]]],%%%,//,h", True),
    ],
)
def test_no_proxy(url: str, no_proxy: str, bypassed: bool) -> None:
    assert bypasses_proxy(URL(url), no_proxy) is bypassed


entries = st.lists(
    st.sampled_from([*list("*.,:/[]% "), "h", "10.0.0.1", "::1", "/8", ":80", "ü", "�", "٣"]),
    max_size=10,
).map("".join)


@given(
    st.sampled_from(
        ["http://h/", "https://10.0.0.1:81/", "http://[::1]/", "http://[fe80::1%25x]/"]
    ),
    entries | st.text(),
)
def test_no_proxy_never_crashes(url: str, no_proxy: str) -> None:
    assert bypasses_proxy(URL(url), no_proxy) in (True, False)
    assert bypasses_proxy(URL(url), no_proxy + " *") is True
    host = URL(url).raw_host or ""
    assert bypasses_proxy(URL(url), f"{no_proxy},{host}") is True


@given(entries | st.text())
def test_any_proxy_is_fine_or_one_of_our_errors(value: str) -> None:
    for text in (value, "http://" + value):
        try:
            choose_proxy(URL("https://h/"), {"https": text})
        except InvalidURL:
            continue
