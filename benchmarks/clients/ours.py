"""anyiohttp."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Self

import anyiohttp

from .base import KEEPALIVE, Client


class AnyioHTTP(Client):
    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=self.site.authority)
        if self.http2:
            context.set_alpn_protocols(["h2", "http/1.1"])
        self._session = anyiohttp.ClientSession(
            connector=anyiohttp.TCPConnector(
                limit=self.limit,
                ssl=context,
                keepalive_timeout=KEEPALIVE,
            )
        )
        return self

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


CLIENT = AnyioHTTP
