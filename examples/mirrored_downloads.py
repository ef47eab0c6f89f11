"""Downloads of a list: with mirrors and digests, resumed, many at a time.

    python examples/mirrored_downloads.py debian.meta4 downloads/

The list is a metalink (.meta4: mirrors and hashes), or text: a URL a line, behind it maybe a name
and ``sha256:…``. A mirror that fails is replaced by the next. After Ctrl-C the same command goes
on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

import anyiohttp


async def fetch_list(path: Path, to: Path, connections: int = 4) -> dict[str, str]:
    """Download everything in a list; return what became of each file."""
    items = anyiohttp.parse_download_list(await anyio.Path(path).read_bytes())
    told: dict[str, str] = {}
    async with (
        anyiohttp.ClientSession() as session,
        anyiohttp.download_all(
            session, items, to=to, limit=4, per_host=8, connections=connections
        ) as outcomes,
    ):
        async for outcome in outcomes:
            result = outcome.result
            if result is None:
                told[str(outcome.item.url)] = f"failed: {outcome.error}"
            else:
                checked = ", ".join(digest.partition(":")[0] for digest in result.verified)
                told[result.path.name] = f"{result.size} bytes, {checked or 'no digest'}"
    return told


async def main(path: str, to: str = ".") -> None:
    """Download a list, and tell what became of it."""
    for name, what in (await fetch_list(Path(path), Path(to))).items():
        print(f"{name}: {what}")


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:3])
