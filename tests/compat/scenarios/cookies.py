"""Cookies: from requests, sessions, jars and responses."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from yarl import URL


def _jar(jar: Any) -> list[Any]:
    return sorted([morsel.key, morsel.value, morsel["domain"], morsel["path"]] for morsel in jar)


@scenario
async def through_redirects(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        url = stage.local / "cookies/set" % {"a": "1", "b": "2"}
        async with session.get(url) as response:
            stage.saw("sent", sorted(await response.json()))
            stage.saw("last response's", response.cookies)
            stage.saw("first response's", response.history[0].cookies)
        stage.saw("jar", _jar(session.cookie_jar))


@scenario
async def of_a_request(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(cookies={"s": "session", "t": "session"}) as session:
        for name, cookies in {
            "none": None,
            "dict": {"r": "request"},
            "over the session's": {"s": "request"},
            "pairs": [("p", "1"), ("q", "2")],
            "SimpleCookie": SimpleCookie('m="quoted value"'),
            "odd": {"o": 'a b;c,d"ä'},
            "empty": {"e": ""},
        }.items():
            async with session.get(stage.local / "cookies", cookies=cookies) as response:
                stage.saw(name, sorted(await response.json()))
        stage.saw("jar", sorted(morsel.key for morsel in session.cookie_jar))
        headers = {"Cookie": "h=hand"}
        async with session.get(
            stage.local / "cookies", headers=headers, cookies={"r": "1"}
        ) as response:
            stage.saw("with a header", sorted(await response.json()))


@scenario
async def of_addresses(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "cookies/set" % {"a": "1"}
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        stage.saw("safe", await response.json())
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(url) as response:
            stage.saw("unsafe", await response.json())
        stage.saw("jar", _jar(session.cookie_jar))


@scenario
async def dummy_jar(aiohttp: Any, stage: Stage) -> None:
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, cookies={"a": "b"}) as session:
        async with session.get(stage.local / "cookies/set" % {"c": "d"}) as response:
            stage.saw("sent", await response.json())
        stage.saw("length", len(jar))
        stage.saw("filtered", jar.filter_cookies(stage.local))


@scenario
async def attributes(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        b"Set-Cookie: plain=1\r\n"
        b"Set-Cookie: path=1; Path=/deep\r\n"
        b"Set-Cookie: secure=1; Secure\r\n"
        b"Set-Cookie: expired=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT\r\n"
        b"Set-Cookie: aged=1; Max-Age=0\r\n"
        b"Set-Cookie: young=1; Max-Age=100; HttpOnly; SameSite=Lax\r\n"
        b"Set-Cookie: foreign=1; Domain=example.org\r\n"
        b'Set-Cookie: quoted="a b"\r\n'
        b"Set-Cookie: empty=\r\n\r\n",
        keep=True,
    )
    url = url.with_host("localhost")
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            stage.saw("response's", response.cookies)
        stage.saw("jar", _jar(session.cookie_jar))
        async with session.get(url / "deep") as response:
            stage.saw("deep", response.status)


@scenario
async def deletion(aiohttp: Any, stage: Stage) -> None:
    jar = aiohttp.CookieJar()
    url = URL("http://example.org/")
    jar.update_cookies({"a": "1", "b": "2", "c": "3"}, url)
    stage.saw("before", sorted(jar.filter_cookies(url)))
    gone = SimpleCookie()
    gone["a"] = ""
    gone["a"]["max-age"] = "0"
    gone["b"] = ""
    gone["b"]["expires"] = "Thu, 01 Jan 1970 00:00:00 GMT"
    jar.update_cookies(gone, url)
    stage.saw("after", sorted(jar.filter_cookies(url)))
    jar.clear()
    stage.saw("cleared", len(jar))


@scenario
async def filtering(aiohttp: Any, stage: Stage) -> None:
    jar = aiohttp.CookieJar()
    jar.update_cookies({"host": "1"}, URL("http://example.org/"))
    cookies = SimpleCookie()
    described: dict[str, dict[str, Any]] = {
        "whole": {"domain": "example.org"},
        "deep": {"path": "/a/b"},
        "safe": {"secure": True},
        "sub": {"domain": "www.example.org"},
    }
    for name, attributes in described.items():
        cookies[name] = "1"
        for attribute, value in attributes.items():
            cookies[name][attribute] = value
    jar.update_cookies(cookies, URL("https://www.example.org/"))
    for url in (
        "http://example.org/",
        "https://example.org/",
        "http://www.example.org/a/b/c",
        "http://www.example.org/a/bc",
        "https://www.example.org/",
        "http://badexample.org/",
        "http://other.example.org/",
    ):
        stage.saw(url, sorted(jar.filter_cookies(URL(url))))
    stage.saw("jar", _jar(jar))
    jar.clear_domain("example.org")
    stage.saw("without the domain", _jar(jar))
    jar.clear(lambda morsel: morsel.key == "deep")
    stage.saw("without deep", _jar(jar))


@scenario
async def one_name_on_two_paths(aiohttp: Any, stage: Stage) -> None:
    jar = aiohttp.CookieJar()
    url = URL("http://example.org/a/b")
    for path in ("/", "/a", "/a/b"):
        cookie = SimpleCookie()
        cookie["n"] = path
        cookie["n"]["path"] = path
        jar.update_cookies(cookie, url)
    stage.saw("length", len(jar))
    stage.saw("sent", [morsel.value for morsel in jar.filter_cookies(url).values()])


@scenario
async def quoting(aiohttp: Any, stage: Stage) -> None:
    for quote in (True, False):
        jar = aiohttp.CookieJar(quote_cookie=quote)
        stage.saw(f"{quote} property", jar.quote_cookie)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            jar.update_cookies({"a": "b c", "d": "e/f", "g": "h:i"}, stage.local)
            async with session.get(stage.local / "cookies") as response:
                stage.saw(f"{quote}", sorted(await response.json()))


@scenario
async def treat_as_secure_origin(aiohttp: Any, stage: Stage) -> None:
    cookie = SimpleCookie()
    cookie["s"] = "1"
    cookie["s"]["secure"] = True
    for origin in (None, stage.local.origin(), [str(stage.local.origin())]):
        jar = aiohttp.CookieJar(treat_as_secure_origin=origin)
        jar.update_cookies(cookie, stage.local.with_scheme("https"))
        stage.saw(f"{type(origin).__name__}", sorted(jar.filter_cookies(stage.local)))


@scenario
async def saving_and_loading(aiohttp: Any, stage: Stage) -> None:
    jar = aiohttp.CookieJar()
    url = URL("http://example.org/")
    cookie = SimpleCookie()
    cookie["a"] = "1"
    cookie["a"]["max-age"] = "1000"
    cookie["b"] = "2"
    cookie["b"]["path"] = "/x"
    jar.update_cookies(cookie, url)
    path = stage.directory / "jar"
    jar.save(path)
    stage.saw("mode", oct(path.stat().st_mode & 0o777))
    other = aiohttp.CookieJar()
    other.load(path)
    stage.saw("loaded", _jar(other))
    stage.saw("sent", sorted(other.filter_cookies(url / "x")))


@scenario
async def update_from_every_kind(aiohttp: Any, stage: Stage) -> None:
    jar = aiohttp.CookieJar()
    url = URL("http://example.org/")
    morsel = SimpleCookie("m=1")["m"]
    jar.update_cookies({"dict": "1"}, url)
    jar.update_cookies([("pair", "1")], url)
    jar.update_cookies({"morsel": morsel}, url)
    jar.update_cookies(SimpleCookie("simple=1"), url)
    jar.update_cookies({"shared": "1"})
    stage.saw("jar", _jar(jar))
    stage.saw("other host", sorted(jar.filter_cookies(URL("http://other.org/"))))
    stage.saw("address", sorted(jar.filter_cookies(URL("http://127.0.0.1/"))))


@scenario
async def domains_that_are_refused(aiohttp: Any, stage: Stage) -> None:
    for domain in (
        "com",
        ".com",
        "org",
        "other.org",
        ".example.org",
        "EXAMPLE.org",
        "example.org.",
    ):
        jar = aiohttp.CookieJar()
        cookie = SimpleCookie()
        cookie["a"] = "1"
        cookie["a"]["domain"] = domain
        jar.update_cookies(cookie, URL("http://www.example.org/"))
        stage.saw(domain, _jar(jar))
