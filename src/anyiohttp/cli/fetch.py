"""``python -m anyiohttp get``: fetch one URL.

Knows: the public API, files, standard output.
Must not know: the command line's syntax.
Called by: `main`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
from multidict import CIMultiDict

from .. import ClientError, ClientResponse, ClientSession

__all__ = ("run_fetch",)

_BLOCK = 2**16


def run_fetch(url: str, *, headers: Sequence[tuple[str, str]], output: Path | None) -> int:
    """Fetch ``url`` and write its body to ``output``, or to standard output.

    Returns:
        0 for a success, 1 for a status of 400 or more or a failure, which is told on standard
        error.
    """
    return anyio.run(_fetch, url, headers, output)


async def _fetch(url: str, headers: Sequence[tuple[str, str]], output: Path | None) -> int:
    try:
        async with (
            ClientSession(trust_env=True) as session,
            session.get(url, headers=CIMultiDict(headers)) as response,
        ):
            size = await _save(response, output)
            hops = f" after {len(response.history)} redirects" if response.history else ""
            print(
                f"{response.status} {response.reason}, {size} bytes from {response.url}{hops}",
                file=sys.stderr,
            )
            return 0 if response.ok else 1
    except (ClientError, OSError, ValueError) as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 1


async def _save(response: ClientResponse, output: Path | None) -> int:
    """Write the body. A file appears under its name when it is complete."""
    size = 0
    if output is None:
        async for data in response.content.iter_chunked(_BLOCK):
            size += sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return size
    partial = anyio.Path(output.with_name(f"{output.name}.part"))
    try:
        async with await partial.open("wb") as file:
            async for data in response.content.iter_chunked(_BLOCK):
                size += await file.write(data)
        await partial.replace(output)
    except BaseException:
        output.with_name(f"{output.name}.part").unlink(missing_ok=True)
        raise
    return size
