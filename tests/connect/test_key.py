"""What makes connections interchangeable, and that no text of a key tells a secret."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace

import pytest
from yarl import URL

from anyiohttp._connect.fingerprint import Fingerprint
from anyiohttp._connect.key import ConnectionKey, ProxyRoute
from anyiohttp.exceptions import InvalidRequestError, InvalidURL

PROXY = ProxyRoute(URL("http://proxy.example:3128"))
PIN = Fingerprint(b"p" * 32)


@dataclass(frozen=True)
class Auth:
    login: str
    password: str = ""
    encoding: str = "latin1"


BASE = ConnectionKey("a.example", 443, True)
OTHERS = [
    replace(BASE, host="b.example"),
    replace(BASE, port=444),
    replace(BASE, is_ssl=False),
    replace(BASE, ssl=False),
    replace(BASE, ssl=PIN),
    replace(BASE, ssl=Fingerprint(b"q" * 32)),
    replace(BASE, ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
    replace(BASE, ssl=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
    replace(BASE, pin=PIN),
    replace(BASE, server_hostname="b.example"),
    replace(BASE, proxy=PROXY, tunnel=True),
    replace(BASE, proxy=PROXY),
    replace(BASE, proxy=replace(PROXY, url=URL("https://proxy.example:3128")), tunnel=True),
    replace(BASE, proxy=replace(PROXY, login="u"), tunnel=True),
    replace(BASE, proxy=replace(PROXY, login="v"), tunnel=True),
    replace(BASE, proxy=replace(PROXY, login="u", password="p"), tunnel=True),
    replace(BASE, proxy=replace(PROXY, login="u", password="p", encoding="utf-8"), tunnel=True),
    replace(BASE, proxy=replace(PROXY, headers=(("X", "1"),)), tunnel=True),
    replace(BASE, proxy=replace(PROXY, ssl=False), tunnel=True),
]


def test_everything_that_differs_keeps_connections_apart() -> None:
    keys = [BASE, *OTHERS]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("key", [BASE, *OTHERS], ids=str)
def test_equal_keys_share(key: ConnectionKey) -> None:
    twin = replace(key)
    assert twin == key
    assert hash(twin) == hash(key)


def test_contexts_are_compared_by_identity() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert replace(BASE, ssl=context) == replace(BASE, ssl=context)


def test_no_text_tells_a_secret() -> None:
    route = ProxyRoute.parse(
        "http://user:s3cret@proxy.example:3128", headers=(("X-Tenant-Key", "s3cret"),)
    )
    key = replace(BASE, proxy=route, tunnel=True)
    assert route.password == "s3cret"
    for text in (repr(route), str(route), repr(key), str(key), f"{key}"):
        assert "s3cret" not in text
        assert "proxy.example" in text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ConnectionKey("a.example", 80, False), "tcp://a.example:80"),
        (ConnectionKey("::1", 443, True), "tls://[::1]:443"),
        (
            ConnectionKey("a.example", 443, True, proxy=PROXY, tunnel=True),
            "tls://a.example:443 via http://proxy.example:3128",
        ),
    ],
)
def test_str(key: ConnectionKey, text: str) -> None:
    assert str(key) == text


def test_host_group_is_host_port_and_tls() -> None:
    assert replace(BASE, ssl=False, proxy=PROXY).host_group == ("a.example", 443, True)


# --- proxies ---


@pytest.mark.parametrize(
    ("login", "password", "encoding", "value"),
    [
        (None, "", "latin1", None),
        ("u", "p", "latin1", "Basic dTpw"),
        ("u", "", "latin1", "Basic dTo="),
        ("u", "p:q", "latin1", "Basic dTpwOnE="),
        ("ü", "", "latin1", "Basic /Do="),
        ("ü", "", "utf-8", "Basic w7w6"),
    ],
)
def test_authorization(login: str | None, password: str, encoding: str, value: str | None) -> None:
    assert replace(PROXY, login=login, password=password, encoding=encoding).authorization == value


@pytest.mark.parametrize(
    ("proxy", "auth", "url", "login", "password"),
    [
        ("http://p.example", None, "http://p.example", None, ""),
        ("http://p.example:3128/", None, "http://p.example:3128", None, ""),
        ("http://p.example:3128/path?query#x", None, "http://p.example:3128", None, ""),
        (URL("https://p.example"), None, "https://p.example", None, ""),
        ("http://u:p@p.example", None, "http://p.example", "u", "p"),
        ("http://u@p.example", None, "http://p.example", "u", ""),
        ("http://:p@p.example", None, "http://p.example", "", "p"),
        ("http://u%20v:p%40q@p.example", None, "http://p.example", "u v", "p@q"),
        ("http://p.example", Auth("u", "p"), "http://p.example", "u", "p"),
        ("http://[::1]:8080", None, "http://[::1]:8080", None, ""),
    ],
)
def test_parse(
    proxy: str | URL, auth: Auth | None, url: str, login: str | None, password: str
) -> None:
    route = ProxyRoute.parse(proxy, auth)
    assert route.url == URL(url)
    assert (route.login, route.password) == (login, password)
    assert route.is_ssl == url.startswith("https")


def test_parse_keeps_the_encoding() -> None:
    assert ProxyRoute.parse("http://p", Auth("ü", encoding="utf-8")).authorization == "Basic w7w6"


def test_parse_refuses_two_sets_of_credentials() -> None:
    with pytest.raises(ValueError, match="proxy_auth"):
        ProxyRoute.parse("http://u:p@p.example", Auth("u", "p"))


def test_parse_refuses_a_header_beside_credentials() -> None:
    headers = (("proxy-authorization", "Bearer x"),)
    assert ProxyRoute.parse("http://p.example", headers=headers).headers == headers
    for proxy, auth in (("http://u:p@p.example", None), ("http://p.example", Auth("u"))):
        with pytest.raises(ValueError, match="Proxy-Authorization"):
            ProxyRoute.parse(proxy, auth, headers)


def test_credentials_beyond_their_encoding() -> None:
    assert ProxyRoute.parse("http://u:%E2%82%AC@p").encoding == "utf-8"
    assert ProxyRoute.parse("http://u:%C3%BC@p").encoding == "latin1"
    with pytest.raises(InvalidRequestError, match="latin1") as caught:
        ProxyRoute.parse("http://p.example", Auth("u", "€s3cret", encoding="latin1"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("auth", [Auth("a:b"), None])
def test_a_login_holds_no_colon(auth: Auth | None) -> None:
    with pytest.raises(ValueError, match="colon"):
        ProxyRoute.parse("http://p.example" if auth else "http://a%3Ab@p.example", auth)


@pytest.mark.parametrize(
    "proxy", ["p.example:3128", "/path", "", "socks6://p.example", "http://", "http://p:99999"]
)
def test_parse_refuses_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(InvalidURL):
        ProxyRoute.parse(proxy)


@pytest.mark.parametrize(
    "url", ["http://u:s3cret@p.example", "http://p.example/path", "ftp://p.example", "http:///x"]
)
def test_a_route_is_an_origin(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        ProxyRoute(URL.build(scheme="http", path="/x") if url == "http:///x" else URL(url))
    assert "s3cret" not in str(caught.value)


def test_a_requests_tls_setting_goes_for_an_https_proxy_too() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    secure = ProxyRoute(URL("https://p.example"))
    assert secure.with_tls_of(context).ssl is context
    assert secure.with_tls_of(False).ssl is False
    assert secure.with_tls_of(True) is secure
    assert secure.with_tls_of(PIN) is secure
    assert PROXY.with_tls_of(context) is PROXY
    own = replace(secure, ssl=False)
    assert own.with_tls_of(context) is own
