"""aiohttp."""

from __future__ import annotations

import ssl
from typing import Self

import aiohttp

from .aiohttp_api import AioHTTPClient
from .base import KEEPALIVE


class AioHTTP(AioHTTPClient):
    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self.limit,
                ssl=ssl.create_default_context(cafile=self.site.authority),
                keepalive_timeout=KEEPALIVE,
            )
        )
        return self


CLIENT = AioHTTP
