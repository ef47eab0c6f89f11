"""A program of trio's own: a nursery, its time limits, its channels.

    python examples/trio_program.py https://example.org/ https://example.com/

Nothing of anyio is to be seen: the client finds out that it runs on trio.
"""

from __future__ import annotations

import sys

import trio

import anyiohttp


async def check(
    session: anyiohttp.ClientSession, url: str, results: trio.MemorySendChannel[tuple[str, str]]
) -> None:
    """Ask one server how it is."""
    outcome = "too slow"
    async with results:
        with trio.move_on_after(5):
            try:
                async with session.get(url) as response:
                    body = await response.read()
                    outcome = f"{response.status}, {len(body)} bytes"
            except anyiohttp.ClientError as exc:
                outcome = f"failed: {exc}"
        await results.send((url, outcome))


async def check_all(urls: list[str]) -> dict[str, str]:
    """Ask all servers at the same time."""
    send, receive = trio.open_memory_channel[tuple[str, str]](0)
    async with anyiohttp.ClientSession() as session, trio.open_nursery() as nursery:
        async with send:
            for url in urls:
                nursery.start_soon(check, session, url, send.clone())
        async with receive:
            return {url: outcome async for url, outcome in receive}


async def main(*urls: str) -> None:
    """Ask, and tell."""
    for url, outcome in (await check_all(list(urls))).items():
        print(f"{url}: {outcome}")


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
