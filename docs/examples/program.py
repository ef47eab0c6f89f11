"""A whole program: fetch a page and print its lines as they arrive."""

import sys

import anyio

import anyiohttp


async def main(page: str) -> None:
    async with anyiohttp.ClientSession() as session:
        async with session.get(page) as response:
            response.raise_for_status()
            async for line in response.content:
                print(line.decode().rstrip())


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])  # asyncio; or: anyio.run(main, …, backend="trio")
