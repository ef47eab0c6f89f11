"""Cookies: the jar, a request's own, kept in a file, none at all."""

from pathlib import Path

import anyiohttp


# --8<-- [start:jar]
async def jar(url: str) -> None:
    async with anyiohttp.ClientSession(cookies={"theme": "dark"}) as session:
        # The server sets one and redirects; the jar sends both back.
        async with session.get(f"{url}/cookies/set?id=42") as response:
            assert dict(await response.json()) == {"id": "42", "theme": "dark"}
        async with session.get(f"{url}/cookies", cookies={"once": "1"}) as response:
            assert dict(await response.json())["once"] == "1"
        names = {cookie.key for cookie in session.cookie_jar}
        assert names == {"id", "theme"}


# --8<-- [end:jar]


# --8<-- [start:file]
async def kept_in_a_file(url: str, path: Path) -> None:
    jar = anyiohttp.CookieJar()
    async with anyiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(f"{url}/cookies/set?id=42"):
            pass
    jar.save(path)  # JSON that only its owner can read

    jar = anyiohttp.CookieJar()
    jar.load(path)
    async with anyiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(f"{url}/cookies") as response:
            assert await response.json() == [["id", "42"]]


# --8<-- [end:file]


# --8<-- [start:none]
async def none(url: str) -> None:
    async with anyiohttp.ClientSession(cookie_jar=anyiohttp.DummyCookieJar()) as session:
        async with session.get(f"{url}/cookies/set?id=42") as response:
            assert await response.json() == []


# --8<-- [end:none]


async def main(named_url: str, directory: Path) -> None:
    await jar(named_url)
    await kept_in_a_file(named_url, directory / "cookies.json")
    await none(named_url)
