"""Downloads: one file, many, with progress."""

import hashlib
from pathlib import Path

import anyiohttp


# --8<-- [start:one]
async def one(session: anyiohttp.ClientSession, url: str, sha256: str, path: Path) -> None:
    def show(progress: anyiohttp.Progress) -> None:
        print(f"{progress.bytes} of {progress.total} at {progress.speed:.0f} B/s")

    result = await anyiohttp.download(
        session, url, path, connections=4, digest=f"sha256:{sha256}", progress=show
    )
    assert result.path == path  # whole, verified, on the disk; or an error and no file


# --8<-- [end:one]


# --8<-- [start:many]
async def many(session: anyiohttp.ClientSession, urls: list[str], to: Path) -> set[str]:
    names = set()
    async with anyiohttp.download_all(session, urls, to=to, limit=8, per_host=4) as outcomes:
        async for outcome in outcomes:
            if outcome.path is not None:
                names.add(outcome.path.name)
            else:
                print(outcome.item.url, outcome.error)
    return names


# --8<-- [end:many]


# --8<-- [start:list]
def read_list(text: str) -> list[anyiohttp.DownloadItem]:
    # One URL a line, maybe with a name and a digest; or a metalink with mirrors and hashes.
    return anyiohttp.parse_download_list(text)


# --8<-- [end:list]


async def main(url: str, directory: Path) -> None:
    content = bytes(range(256)) * 4000
    async with anyiohttp.ClientSession() as session:
        source = f"{url}/stream/{len(content)}"
        await one(session, source, hashlib.sha256(content).hexdigest(), directory / "file")
        urls = [f"{url}/json", f"{url}/stream/5", f"{url}/status/404"]
        assert await many(session, urls, directory / "many") == {"json", "5"}
    assert [str(item.path) for item in read_list("http://a.org/b c.bin\n# comment\n")] == ["c.bin"]
