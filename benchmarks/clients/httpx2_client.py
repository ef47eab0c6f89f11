"""httpx2."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import anyio
import httpx2

from .base import BLOCK, KEEPALIVE, TOTAL, Client


class HTTPX2(Client):
    pace = 0.1

    async def __aenter__(self) -> Self:
        self._client = httpx2.AsyncClient(
            http2=self.http2,
            verify=ssl.create_default_context(cafile=self.site.authority),
            limits=httpx2.Limits(
                max_connections=self.limit,
                max_keepalive_connections=self.limit,
                keepalive_expiry=KEEPALIVE,
            ),
            # Its default is 5 seconds for each step; that is too little for a long queue.
            timeout=httpx2.Timeout(TOTAL),
        )
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._client.aclose()

    async def get(self, url: str) -> bytes:
        return (await self._client.get(url)).content

    async def post_json(self, url: str, document: object) -> bytes:
        return (await self._client.post(url, json=document)).content

    async def download(self, url: str) -> int:
        size = 0
        async with self._client.stream("GET", url) as response:
            async for piece in response.aiter_bytes():
                size += len(piece)
        return size

    async def upload(self, url: str, path: str) -> bytes:
        headers = {"Content-Length": str(Path(path).stat().st_size)}  # noqa: ASYNC240
        response = await self._client.post(url, content=blocks(path), headers=headers)
        return response.content

    async def lines(self, url: str) -> int:
        count = 0
        async with self._client.stream("GET", url) as response:
            async for _ in response.aiter_lines():
                count += 1
        return count


async def blocks(path: str) -> AsyncIterator[bytes]:
    """The file in blocks, read in a thread as the others do; it takes no file itself."""
    async with await anyio.open_file(path, "rb") as file:
        while block := await file.read(BLOCK):
            yield block


CLIENT = HTTPX2
