"""Reading responses: whole, in pieces, in lines."""

import hashlib
from pathlib import Path

import anyio

import anyiohttp


# --8<-- [start:whole]
async def whole(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/json") as response:
        assert response.ok
        assert response.headers["content-type"] == "application/json"  # any case
        text = await response.text()  # the body is kept: it can be read again
        assert (await response.json())["name"] in text
        assert await response.read() == text.encode()


# --8<-- [end:whole]


# --8<-- [start:stream]
async def to_a_file(session: anyiohttp.ClientSession, url: str, path: Path) -> str:
    digest = hashlib.sha256()
    async with session.get(f"{url}/stream/1000000") as response:
        async with await anyio.open_file(path, "wb") as file:
            async for piece in response.content.iter_chunked(64 * 1024):
                digest.update(piece)
                await file.write(piece)
    return digest.hexdigest()


# --8<-- [end:stream]


# --8<-- [start:lines]
async def lines(session: anyiohttp.ClientSession, url: str) -> list[str]:
    found = []
    async with session.get(f"{url}/chunked") as response:
        async for line in response.content:
            found.append(line.decode().rstrip())
            if len(found) == 2:
                break  # leaving the block gives up the rest
    return found


# --8<-- [end:lines]


# --8<-- [start:decoding]
async def coded(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/gzip?size=100000") as response:
        assert len(await response.read()) == 100_000  # taken out of its gzip coding
    async with session.get(f"{url}/gzip?size=100000", auto_decompress=False) as response:
        assert (await response.read()).startswith(b"\x1f\x8b")
    async with anyiohttp.ClientSession(max_body_size=50_000) as careful:
        async with careful.get(f"{url}/gzip?size=100000") as response:
            try:
                await response.read()
            except anyiohttp.BodyTooLargeError as exc:
                print(exc)


# --8<-- [end:decoding]


# --8<-- [start:trailers]
async def trailers(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/chunked") as response:
        body = await response.read()
        assert response.trailers["X-Checksum"] == hashlib.sha256(body).hexdigest()


# --8<-- [end:trailers]


async def main(url: str, directory: Path) -> None:
    async with anyiohttp.ClientSession() as session:
        await whole(session, url)
        digest = await to_a_file(session, url, directory / "file")
        content = await anyio.Path(directory / "file").read_bytes()
        assert digest == hashlib.sha256(content).hexdigest()
        assert await lines(session, url) == ["one", "two"]
        await coded(session, url)
        await trailers(session, url)
