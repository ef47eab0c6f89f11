"""URLs from the call to the wire: what is asked of the resolver, what is sent, what comes back."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from multidict import MultiDict
from tests.servers import ScriptedPeer, ScriptedServer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.abc import AbstractResolver, ResolveResult

pytestmark = pytest.mark.anyio


async def ok(peer: ScriptedPeer) -> None:
    """Answer every request."""
    while True:
        await peer.receive_request()
        await peer.answer(b"ok")


class Everywhere(AbstractResolver):
    """Every host is on loopback."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


def sent(server: ScriptedServer) -> tuple[str, str]:
    """The target and the host of the last connection's first request."""
    lines = bytes(server.peers[-1].received).decode().split("\r\n")
    (host,) = [line[6:] for line in lines if line.lower().startswith("host: ")]
    return lines[0].split(" ")[1], host


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a=b", "/?a=b"),
        ("/a b", "/a%20b"),
        ("/grüß?x=ü", "/gr%C3%BC%C3%9F?x=%C3%BC"),
        ("/a%2Fb%20c?d=%26", "/a%2Fb%20c?d=%26"),
        ("/a/../b/./c", "/b/c"),
        ("/path;x=1/,!$'()*", "/path;x=1/,!$'()*"),
        ("/a#fragment", "/a"),
        ("/a?#fragment", "/a?"),
        ("/a?x=y#fragment?z", "/a?x=y"),
        ("/a?x=1&x=2", "/a?x=1&x=2"),
        ("/a?", "/a?"),
        ("/a?x", "/a?x"),
        ("/a?x=", "/a?x="),
        ("//a", "//a"),
        ("/a+b?c+d", "/a+b?c+d"),
        ("/%E4", "/%E4"),
    ],
)
async def test_targets(scripted_server: StartScripted, path: str, target: str) -> None:
    server = await scripted_server(ok)
    async with (
        anyiohttp.ClientSession() as session,
        session.get(f"{server.url}{path}") as response,
    ):
        assert await response.text() == "ok"
    assert sent(server) == (target, f"127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    "path", ["/a%2fb", "/%7Euser?x=%2f&y=a%20b", "/a/../b", "/a?q=%C3%BC&r=%zz", "/a?b=c%3Dd"]
)
async def test_encoded_urls_are_left_alone(scripted_server: StartScripted, path: str) -> None:
    server = await scripted_server(ok)
    url = URL(f"{server.url}{path}", encoded=True)
    async with anyiohttp.ClientSession() as session, session.get(url) as response:
        assert response.url == url
        assert str(response.url) == f"{server.url}{path}"
    assert sent(server)[0] == path


async def test_fragments_are_kept(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        await peer.answer(b"", b"Location: /there", status=b"302 Found")
        await peer.receive_request()
        await peer.answer(b"", b"Location: /again#new", status=b"302 Found")
        await peer.receive_request()
        await peer.answer(b"ok")

    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession() as session,
        session.get(f"{server.url}/here?a=b#old", params={"c": "d"}) as response,
    ):
        assert str(response.url) == f"{server.url}/again#new"
        assert response.real_url == response.url
        assert [str(hop.url) for hop in response.history] == [
            f"{server.url}/here?a=b&c=d#old",
            f"{server.url}/there#old",
        ]
        assert response.history[0].request_info.real_url == response.history[0].url
    assert b"#" not in bytes(server.peers[0].received)


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"q": "a b"}, "/p?own=1&q=a+b"),
        ({"q": "ü&="}, "/p?own=1&q=%C3%BC%26%3D"),
        ({"q": 1.5, "r": [1, 2]}, "/p?own=1&q=1.5&r=1&r=2"),
        ([("q", "1"), ("q", "2")], "/p?own=1&q=1&q=2"),
        (MultiDict([("q", "1"), ("own", "2")]), "/p?own=1&q=1&own=2"),
        ("q=%20x&r", "/p?own=1&q=%20x&r"),
        ("", "/p?own=1"),
        ({}, "/p?own=1"),
        (None, "/p?own=1"),
    ],
)
async def test_params(scripted_server: StartScripted, params: Any, target: str) -> None:
    server = await scripted_server(ok)
    async with (
        anyiohttp.ClientSession() as session,
        session.get(f"{server.url}/p?own=1#f", params=params) as response,
    ):
        assert response.url.fragment == "f"
        assert response.url.raw_path_qs == target
    assert sent(server)[0] == target


@pytest.mark.parametrize("value", [True, None, object(), float("nan"), float("inf")])
async def test_params_that_are_none(value: Any) -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises((TypeError, ValueError)):
            await session.get("http://localhost", params={"a": value})


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("example.org", "example.org"),
        ("EXAMPLE.org", "example.org"),
        ("example.org.", "example.org."),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("under_score.example", "under_score.example"),
    ],
)
async def test_hosts(scripted_server: StartScripted, host: str, asked: str) -> None:
    server = await scripted_server(ok)
    resolver = Everywhere()
    async with (
        anyiohttp.ClientSession(
            connector=anyiohttp.TCPConnector(resolver=resolver, family=socket.AF_INET)
        ) as session,
        session.get(f"http://{host}:{server.port}/") as response,
    ):
        assert response.status == 200
    assert resolver.asked == [asked]
    assert sent(server) == ("/", f"{asked}:{server.port}")


async def test_ipv6(scripted_server: StartScripted) -> None:
    try:
        server = await scripted_server(ok, host="::1")
    except OSError:
        pytest.skip("no IPv6 on this machine")
    async with (
        anyiohttp.ClientSession() as session,
        session.get(f"http://[::1]:{server.port}/") as response,
    ):
        assert response.status == 200
        assert response.host == "::1"
    assert sent(server) == ("/", f"[::1]:{server.port}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "example.org/path",
        "//example.org/",
        "http://",
        "http:///path",
        "http://:80/",
        "http://?query",
        "http://example.org:99999/",
        "http://example.org:port/",
        "http://example.org:-1/",
        "http://example.org:0/",
        "http://[::1/",
        "http://[nonsense]/",
        "http://a b.example/",
        "http://user:pass@/",
        "http://" + "a" * 64 + "\N{LATIN SMALL LETTER U WITH DIAERESIS}.example/",
    ],
)
async def test_urls_that_are_none(url: str) -> None:
    async with anyiohttp.ClientSession() as session:
        for given in (url, *_as_url(url)):
            with pytest.raises(anyiohttp.InvalidURL) as caught:
                await session.get(given)
            assert isinstance(caught.value, ValueError)
            assert isinstance(caught.value, anyiohttp.InvalidUrlClientError)
            named = str(caught.value.url)
            assert named in str(caught.value)
            assert "pass" not in str(caught.value)
            if "@" not in url:
                assert named.rstrip("/") == url.rstrip("/")


def _as_url(text: str) -> list[URL]:
    try:
        return [URL(text)]
    except ValueError:
        return []


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "file:///etc/passwd", "mailto:a@b.example", "data:,x", "htp://h"]
)
async def test_other_schemes(url: str) -> None:
    async with anyiohttp.ClientSession() as session:
        for given in (url, URL(url)):
            with pytest.raises(anyiohttp.NonHttpUrlClientError) as caught:
                await session.get(given)
            assert url.partition("@")[2].rstrip("/") in str(caught.value)
            assert isinstance(caught.value, anyiohttp.ClientError)


async def test_a_url_of_no_type() -> None:
    async with anyiohttp.ClientSession() as session:
        for url in (None, 5, b"http://localhost"):
            with pytest.raises(TypeError):
                await session.get(url)  # type: ignore[arg-type]


async def test_surrogates_are_refused() -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(anyiohttp.InvalidURL):
            await session.get("http://localhost/\udc80")
