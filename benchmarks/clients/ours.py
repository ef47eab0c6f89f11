"""anyiohttp."""

from __future__ import annotations

import ssl
from typing import Self

import anyiohttp

from .aiohttp_api import AioHTTPClient
from .base import KEEPALIVE


class AnyioHTTP(AioHTTPClient):
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


CLIENT = AnyioHTTP
