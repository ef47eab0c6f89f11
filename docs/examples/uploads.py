"""Request bodies: JSON, forms, files, streams, compressed, chained."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyiohttp


# --8<-- [start:json]
async def send_json(url: str) -> None:
    def dumps(value: object) -> str:
        return json.dumps(value, separators=(",", ":"))

    async with anyiohttp.ClientSession(json_serialize=dumps) as session:
        async with session.post(f"{url}/echo", json={"a": [1, 2]}) as response:
            assert (await response.json())["body"] == '{"a":[1,2]}'


# --8<-- [end:json]


# --8<-- [start:multipart]
async def send_form(session: anyiohttp.ClientSession, url: str, path: Path) -> None:
    form = anyiohttp.FormData()
    form.add_field("comment", "two files follow")
    form.add_field("report", path.open("rb"), content_type="text/csv")  # closed when it was sent
    form.add_field("image", b"\x89PNG...", filename="a.png", content_type="image/png")
    async with session.post(f"{url}/upload", data=form) as response:
        parts = (await response.json())["parts"]
    assert [part["filename"] for part in parts] == [None, path.name, "a.png"]


# --8<-- [end:multipart]


# --8<-- [start:file]
async def send_file(session: anyiohttp.ClientSession, url: str, path: Path) -> None:
    with path.open("rb") as file:
        async with session.put(f"{url}/upload", data=file) as response:
            assert (await response.json())["size"] == path.stat().st_size


# --8<-- [end:file]


# --8<-- [start:generator]
async def send_generated(session: anyiohttp.ClientSession, url: str) -> None:
    async def rows() -> AsyncIterator[bytes]:
        for number in range(1000):
            yield f"{number},{number**2}\n".encode()

    async with session.post(f"{url}/upload", data=rows()) as response:  # in chunks
        assert (await response.json())["size"] > 1000


# --8<-- [end:generator]


# --8<-- [start:chain]
async def chain(session: anyiohttp.ClientSession, url: str) -> None:
    """One response's body is another request's, as it arrives."""
    async with session.get(f"{url}/stream/1000000") as source:
        async with session.post(f"{url}/upload", data=source.content) as response:
            assert (await response.json())["size"] == 1_000_000


# --8<-- [end:chain]


# --8<-- [start:compress]
async def compressed(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.post(f"{url}/echo", data="words " * 1000, compress="gzip") as response:
        told = await response.json()
    assert dict(told["headers"])["Content-Encoding"] == "gzip"


# --8<-- [end:compress]


# --8<-- [start:continue]
async def ask_first(session: anyiohttp.ClientSession, url: str) -> None:
    """The body is sent once the server says that it wants it."""
    url = f"{url}/expect-continue"
    async with session.post(url, data=b"x" * 100_000, expect100=True) as response:
        assert (await response.json())["continued"]


# --8<-- [end:continue]


async def main(url: str, directory: Path) -> None:
    path = directory / "report.csv"
    path.write_text("a,b\n" * 10_000)
    await send_json(url)
    async with anyiohttp.ClientSession() as session:
        await send_form(session, url, path)
        await send_file(session, url, path)
        await send_generated(session, url)
        await chain(session, url)
        await compressed(session, url)
        await ask_first(session, url)
