"""Cookies, end to end: what the jar takes and sends over real hops, and what a request adds."""

from __future__ import annotations

import json
import socket
import ssl
import stat
from collections.abc import Mapping
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from tests.servers import Script, ScriptedPeer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.abc import AbstractResolver, ResolveResult
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio


class EveryNameIsHere(AbstractResolver):
    """Resolves every name to 127.0.0.1."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def named(server: LoopbackServer, host: str = "shop.test") -> URL:
    return server.url.with_host(host)


def session_for_names(**options: object) -> anyiohttp.ClientSession:
    connector = anyiohttp.TCPConnector(resolver=EveryNameIsHere())
    return anyiohttp.ClientSession(connector=connector, **options)  # type: ignore[arg-type]


async def sent(session: anyiohttp.ClientSession, url: URL, **options: object) -> dict[str, str]:
    """Return the cookies that arrive at ``url``."""
    async with session.get(url, **options) as r:  # type: ignore[arg-type]
        return dict(await r.json())


def setting(answers: Mapping[str, list[str]]) -> Script:
    """A script that sets cookies by path; other paths tell what came as ``Cookie``."""

    async def script(peer: ScriptedPeer) -> None:
        while True:
            head = await peer.receive_head()
            fields = answers.get(head.split()[1].decode())
            if fields is not None:
                await peer.answer(b"", *[b"Set-Cookie: " + field.encode() for field in fields])
                continue
            cookies = [line for line in head.split(b"\r\n") if line.lower().startswith(b"cookie:")]
            await peer.answer(b"\n".join(cookies))

    return script


async def told(session: anyiohttp.ClientSession, url: URL, **options: object) -> str:
    async with session.get(url, **options) as r:  # type: ignore[arg-type]
        return await r.text()


# --- the jar ---


async def test_the_jar_takes_and_gives_back(loopback: LoopbackServer) -> None:
    shop = named(loopback)
    async with session_for_names() as session:
        async with session.get(shop / "cookies/set?", allow_redirects=False) as r:
            assert dict(r.cookies) == {}
        async with session.get(shop / "cookies/set", params={"a": "1"}, allow_redirects=False) as r:
            assert r.cookies["a"].value == "1"
            assert r.cookies["a"]["path"] == "/"
        assert await sent(session, shop / "cookies") == {"a": "1"}
        assert await sent(session, named(loopback, "other.test") / "cookies") == {}
        assert [morsel.key for morsel in session.cookie_jar] == ["a"]
        session.cookie_jar.clear()
        assert await sent(session, shop / "cookies") == {}


async def test_a_redirect_chain_fills_the_jar(loopback: LoopbackServer) -> None:
    async with (
        session_for_names() as session,
        session.get(named(loopback) / "cookies/set", params={"a": "1", "b": "2", "c": "3"}) as r,
    ):
        # Each hop set one; the last response set none.
        assert dict(await r.json()) == {"a": "1", "b": "2", "c": "3"}
        assert dict(r.cookies) == {}
        assert [list(hop.cookies) for hop in r.history] == [["a"], ["b"], ["c"]]
        assert {morsel.key for morsel in session.cookie_jar} == {"a", "b", "c"}


async def test_what_a_server_sets(scripted_server: StartScripted) -> None:
    rules = {
        "/in/many": ["a=1; Path=/", "b=2", "c=3; Path=/elsewhere", 'q="quoted"; Path=/'],
        "/in/domain": ["d=4; Domain=shop.test; Path=/", "com=5; Domain=test; Path=/"],
        "/in/foreign": ["f=6; Domain=other.test; Path=/"],
        "/in/delete": ["a=; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Path=/"],
        "/in/max-age": ["q=x; Max-Age=0; Path=/"],
        "/in/prefix": ["__Secure-p=1; Path=/", "__Host-p=1; Secure; Path=/in"],
        "/in/secure": ["s=7; Secure; Path=/"],
    }
    server = await scripted_server(setting(rules))
    www = server.url.with_host("www.shop.test")

    async with session_for_names() as session:
        for path in ("/in/many", "/in/domain", "/in/foreign", "/in/prefix", "/in/secure"):
            async with session.get(www.with_path(path)) as r:
                assert len(r.cookies) == len(rules[path])  # what it said, whatever the jar does
        # Longest path first, then in the order in which they came.
        assert await told(session, www / "in/x") == 'Cookie: b=2; a=1; q="quoted"; d=4'
        assert await told(session, www / "x") == 'Cookie: a=1; q="quoted"; d=4'
        assert await told(session, www.with_host("shop.test") / "x") == "Cookie: d=4"
        assert await told(session, www.with_host("test") / "x") == ""
        for path in ("/in/delete", "/in/max-age"):
            async with session.get(www.with_path(path)):
                pass
        assert await told(session, www / "x") == "Cookie: d=4"


async def test_secure_cookies_go_over_tls_only(
    loopback: LoopbackServer, client_ssl_context: ssl.SSLContext
) -> None:
    secure, plain = loopback.tls_url.with_host("localhost"), loopback.url.with_host("localhost")
    jar = anyiohttp.CookieJar()
    jar.update_cookies({"shared": "0"})
    cookie: SimpleCookie = SimpleCookie("s=1; Secure; Path=/")
    jar.update_cookies(cookie, secure)
    connector = anyiohttp.TCPConnector(ssl=client_ssl_context)
    async with anyiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        assert await sent(session, secure / "cookies") == {"shared": "0", "s": "1"}
        assert await sent(session, plain / "cookies") == {"shared": "0"}


@pytest.mark.parametrize("unsafe", [False, True])
async def test_hosts_that_are_addresses(loopback: LoopbackServer, unsafe: bool) -> None:
    jar = anyiohttp.CookieJar(unsafe=unsafe)
    async with (
        anyiohttp.ClientSession(cookie_jar=jar) as session,
        session.get(loopback.url / "cookies/set", params={"a": "1"}) as r,
    ):
        assert dict(await r.json()) == ({"a": "1"} if unsafe else {})
        assert len(jar) == (1 if unsafe else 0)


async def test_treat_as_secure_origin(scripted_server: StartScripted) -> None:
    server = await scripted_server(setting({"/set": ["s=1; Secure; Path=/"]}))
    shop = server.url.with_host("shop.test")
    jar = anyiohttp.CookieJar(treat_as_secure_origin=shop)
    async with session_for_names(cookie_jar=jar) as session:
        async with session.get(shop / "set"):
            pass
        assert await told(session, shop / "x") == "Cookie: s=1"


async def test_public_suffixes_are_refused(scripted_server: StartScripted) -> None:
    pytest.importorskip("publicsuffixlist")
    server = await scripted_server(setting({"/set": ["a=1; Domain=co.uk; Path=/"]}))
    async with session_for_names() as session:
        async with session.get(server.url.with_host("shop.co.uk") / "set"):
            pass
        assert await told(session, server.url.with_host("other.co.uk") / "x") == ""


async def test_a_refused_cookie_does_not_spoil_the_others(scripted_server: StartScripted) -> None:
    server = await scripted_server(
        setting({"/set": ["bad name=1; Domain=com", "=; Path=/", "a=1; Path=/", "b=" + "x" * 5000]})
    )
    shop = server.url.with_host("shop.test")
    async with session_for_names() as session:
        async with session.get(shop / "set") as r:
            assert r.status == 200
        assert await told(session, shop / "x") == "Cookie: a=1"


async def test_cookies_of_an_error_are_taken_too(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        while True:
            await peer.receive_head()
            await peer.answer(b"", b"Set-Cookie: a=1; Path=/", status=b"403 Forbidden")

    server = await scripted_server(script)
    async with session_for_names(raise_for_status=True) as session:
        with pytest.raises(anyiohttp.ClientResponseError):
            await session.get(server.url.with_host("shop.test"))
        assert [morsel.key for morsel in session.cookie_jar] == ["a"]


async def test_two_sessions_share_a_jar(loopback: LoopbackServer) -> None:
    jar = anyiohttp.CookieJar()
    async with session_for_names(cookie_jar=jar) as one, session_for_names(cookie_jar=jar) as two:
        assert one.cookie_jar is two.cookie_jar is jar
        async with one.get(named(loopback) / "cookies/set", params={"a": "1"}):
            pass
        assert await sent(two, named(loopback) / "cookies") == {"a": "1"}


async def test_a_saved_jar_goes_on(loopback: LoopbackServer, tmp_path: Path) -> None:
    path = tmp_path / "jar.json"
    async with session_for_names() as session:
        async with session.get(named(loopback) / "cookies/set", params={"a": "1"}):
            pass
        jar = session.cookie_jar
        assert isinstance(jar, anyiohttp.CookieJar)
        jar.save(path)
    assert json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    jar = anyiohttp.CookieJar()
    jar.load(path)
    async with session_for_names(cookie_jar=jar) as session:
        assert await sent(session, named(loopback) / "cookies") == {"a": "1"}


# --- given by the caller ---


async def test_cookies_of_a_session_go_everywhere(loopback: LoopbackServer) -> None:
    async with session_for_names(cookies={"lang": "de"}) as session:
        assert await sent(session, named(loopback) / "cookies") == {"lang": "de"}
        assert await sent(session, loopback.url / "cookies") == {"lang": "de"}
        # A name set by the server wins over a shared one.
        async with session.get(named(loopback) / "cookies/set", params={"lang": "en"}) as r:
            assert dict(await r.json())["lang"] == "en"


@pytest.mark.parametrize(
    "cookies",
    [{"a": "1", "b": "2"}, [("a", "1"), ("b", "2")], SimpleCookie("a=1; b=2")],
    ids=["dict", "pairs", "SimpleCookie"],
)
async def test_cookies_of_a_request_are_not_kept(loopback: LoopbackServer, cookies: object) -> None:
    async with session_for_names(cookies={"a": "session"}) as session:
        url = named(loopback) / "cookies"
        assert await sent(session, url, cookies=cookies) == {"a": "1", "b": "2"}
        assert await sent(session, url) == {"a": "session"}


async def test_a_cookie_header_set_by_hand_joins_the_others(loopback: LoopbackServer) -> None:
    async with session_for_names(cookies={"session": "s"}) as session:
        url = named(loopback) / "cookies"
        headers = {"Cookie": "hand=h"}
        assert await sent(session, url, headers=headers, cookies={"request": "r"}) == {
            "session": "s",
            "request": "r",
            "hand": "h",
        }
        assert await sent(session, url, headers={"Cookie": "only=this"}) == {
            "session": "s",
            "only": "this",
        }


async def test_cookies_of_a_request_follow_to_its_own_origin(loopback: LoopbackServer) -> None:
    async with session_for_names() as session:
        there = named(loopback) / "redirect-to"
        url = str(named(loopback) / "cookies")
        assert await sent(session, there, params={"url": url}, cookies={"a": "1"}) == {"a": "1"}
        # An iterator must do for all hops.
        pairs = iter([("a", "1")])
        assert await sent(session, there, params={"url": url}, cookies=pairs) == {"a": "1"}


@pytest.mark.parametrize("what", ["cookies", "header"])
@pytest.mark.parametrize("other", ["host", "port", "scheme"])
async def test_cookies_of_a_request_never_cross_an_origin(
    loopback: LoopbackServer,
    scripted_server: StartScripted,
    client_ssl_context: ssl.SSLContext,
    what: str,
    other: str,
) -> None:
    back = await scripted_server(setting({}))
    origin = loopback.url.with_host("localhost")
    target = {
        "host": loopback.url.with_host("127.0.0.1") / "cookies",
        "port": back.url.with_host("localhost") / "x",
        "scheme": loopback.tls_url.with_host("localhost") / "cookies",
    }[other]
    options: dict[str, object] = (
        {"cookies": {"secret": "s"}}
        if what == "cookies"
        else {"headers": {"Cookie": "secret=s", "X-Other": "kept"}}
    )
    connector = anyiohttp.TCPConnector(ssl=client_ssl_context)
    async with anyiohttp.ClientSession(connector=connector) as session:
        async with session.get(
            origin / "redirect-to",
            params={"url": str(target)},
            **options,  # type: ignore[arg-type]
        ) as r:
            text = await r.text()
            assert r.url == target
            assert r.history[0].request_info.headers["Cookie"] == "secret=s"
            assert "Cookie" not in r.request_info.headers
        assert "secret" not in text


async def test_not_even_when_the_chain_comes_back(
    loopback: LoopbackServer, scripted_server: StartScripted
) -> None:
    home = loopback.url / "cookies"

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.answer(b"", b"Location: " + str(home).encode(), status=b"302 Found")

    away = await scripted_server(script)
    async with anyiohttp.ClientSession() as session:
        params = {"url": str(away.url)}
        cookies = {"secret": "s"}
        got = await sent(session, loopback.url / "redirect-to", params=params, cookies=cookies)
    assert got == {}


async def test_the_jars_cookies_go_where_they_belong(
    loopback: LoopbackServer, scripted_server: StartScripted
) -> None:
    back = await scripted_server(setting({}))
    async with session_for_names() as session:
        async with session.get(named(loopback) / "cookies/set", params={"a": "1"}):
            pass
        away = {"url": str(back.url.with_host("other.test") / "x")}
        assert await told(session, named(loopback) / "redirect-to", params=away) == ""
        # Cookies know hosts, not ports (RFC 6265 8.5).
        port = {"url": str(back.url.with_host("shop.test") / "x")}
        assert await told(session, named(loopback) / "redirect-to", params=port) == "Cookie: a=1"


async def test_a_cookie_that_cannot_be_sent_is_refused(loopback: LoopbackServer) -> None:
    jar = anyiohttp.CookieJar(quote_cookie=False)
    async with anyiohttp.ClientSession(cookie_jar=jar) as session:
        for cookies in ({"a": "x\r\nX-Injected: y"}, {"a\r\nb": "x"}, {"a;b": "x"}):
            with pytest.raises(anyiohttp.InvalidRequestError):
                await session.get(loopback.url, cookies=cookies)
    assert loopback.counts.connections == 0


async def test_a_value_that_needs_quoting_is_quoted(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession() as session:
        cookies = {"a": "x\r\nX-Injected: y", "b": "plain"}
        async with session.get(loopback.url / "headers", cookies=cookies) as r:
            fields = dict(await r.json())
    assert fields["Cookie"] == r'a="x\015\012X-Injected: y"; b=plain'


# --- no jar ---


async def test_a_dummy_jar_keeps_nothing(loopback: LoopbackServer) -> None:
    jar = anyiohttp.DummyCookieJar()
    async with session_for_names(cookie_jar=jar, cookies={"lost": "1"}) as session:
        async with session.get(named(loopback) / "cookies/set", params={"a": "1"}) as r:
            assert await r.json() == []
            assert r.history[0].cookies["a"].value == "1"
        assert len(jar) == 0
        assert list(jar) == []
        # What a request brings along is sent nevertheless.
        url = named(loopback) / "cookies"
        assert await sent(session, url, cookies={"b": "2"}) == {"b": "2"}
        assert await sent(session, url) == {}


async def test_a_cookie_that_is_no_text_goes_back_as_it_came(
    scripted_server: StartScripted,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.answer(b"", b"Set-Cookie: a=\xff\xfe")
        assert b"\r\nCookie: a=\xff\xfe\r\n" in await peer.receive_head()
        await peer.answer(b"it did")

    server = await scripted_server(script)
    jar = anyiohttp.CookieJar(unsafe=True)
    async with anyiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(server.url) as r:
            await r.read()
        async with session.get(server.url) as r:
            assert await r.text() == "it did"
