"""What is asked of aiohttp and of anyiohttp, which takes its place: the same, to the letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .base import Client


class AioHTTPClient(Client):
    """A client with aiohttp's API.

    Who extends it makes ``_session`` on entering; no library is imported here, so that none is
    measured with the other.
    """

    _session: Any

    async def __aexit__(self, *exc: Any) -> None:
        await self._session.close()

    async def get(self, url: str) -> bytes:
        async with self._session.get(url) as response:
            return await response.read()

    async def post_json(self, url: str, document: object) -> bytes:
        async with self._session.post(url, json=document) as response:
            return await response.read()

    async def download(self, url: str) -> int:
        size = 0
        async with self._session.get(url) as response:
            async for piece in response.content.iter_any():
                size += len(piece)
        return size

    async def upload(self, url: str, path: str) -> bytes:
        with Path(path).open("rb") as file:  # noqa: ASYNC230 - as its users do
            async with self._session.post(url, data=file) as response:
                return await response.read()

    async def lines(self, url: str) -> int:
        count = 0
        async with self._session.get(url) as response:
            async for _ in response.content:
                count += 1
        return count
