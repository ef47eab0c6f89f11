"""From one server to another, with a digest on the way: GET → SHA-256 → POST.

    python examples/chain.py https://example.org/a.iso https://storage.example.org/a.iso

Nothing is kept: a piece is sent on as it arrives, and the source is slowed down by a slow target.
If one of the two breaks off, the other ends at once, and neither connection is used again.
"""

from __future__ import annotations

import hashlib
import sys

import anyio

import anyiohttp


class Digested:
    """The pieces of a stream, which also go into a digest; an asynchronous iterator.

    Args:
        source: the stream.
    """

    def __init__(self, source: anyiohttp.StreamReader) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self.size = 0

    def __aiter__(self) -> Digested:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._source.readany()
        if not piece:
            raise StopAsyncIteration
        self._digest.update(piece)
        self.size += len(piece)
        return piece

    def hexdigest(self) -> str:
        """Return the digest of what has passed."""
        return self._digest.hexdigest()


async def copy(session: anyiohttp.ClientSession, source: str, target: str) -> tuple[int, str]:
    """Send a body on; return its size and its digest."""
    async with session.get(source) as response:
        response.raise_for_status()
        body = Digested(response.content)
        headers = {"Content-Type": response.content_type}
        if response.content_length is not None and "Content-Encoding" not in response.headers:
            headers["Content-Length"] = str(response.content_length)  # else it goes in chunks
        async with session.post(target, data=body, headers=headers) as answer:
            answer.raise_for_status()
    return body.size, body.hexdigest()


async def main(source: str, target: str) -> None:
    """Copy, and tell what was copied."""
    timeout = anyiohttp.ClientTimeout(sock_connect=30, sock_read=60)
    async with anyiohttp.ClientSession(timeout=timeout) as session:
        size, digest = await copy(session, source, target)
    print(f"{size} bytes, sha256:{digest}")


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:3])
