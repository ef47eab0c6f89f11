"""Redirects: followed, limited, seen."""

import anyiohttp


# --8<-- [start:history]
async def history(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/redirect/2") as response:
        assert response.status == 200
        assert [hop.status for hop in response.history] == [302, 302]
        assert response.url.path == "/get"


# --8<-- [end:history]


# --8<-- [start:limits]
async def limits(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/redirect/1", allow_redirects=False) as response:
        assert response.headers["Location"] == "/get"
    try:
        await session.get(f"{url}/redirect/5", max_redirects=3)
    except anyiohttp.TooManyRedirects as exc:
        assert len(exc.history) == 3


# --8<-- [end:limits]


async def main(url: str) -> None:
    async with anyiohttp.ClientSession() as session:
        await history(session, url)
        await limits(session, url)
