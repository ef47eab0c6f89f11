"""pyreqwest: reqwest, hyper and tokio, in Rust; the time of tokio's threads counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import anyio
from pyreqwest.client import ClientBuilder

from .base import BLOCK, CONNECT, KEEPALIVE, TOTAL, Client


class PyReqwest(Client):
    async def __aenter__(self) -> Self:
        self._client = (
            ClientBuilder()
            .max_connections(self.limit)
            .pool_max_idle_per_host(self.limit)
            .pool_idle_timeout(timedelta(seconds=KEEPALIVE))
            # It has no timeouts of its own accord.
            .timeout(timedelta(seconds=TOTAL))
            .connect_timeout(timedelta(seconds=CONNECT))
            .add_root_certificate_pem(Path(self.site.authority).read_bytes())  # noqa: ASYNC240
            .build()
        )
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._client.close()

    async def get(self, url: str) -> bytes:
        response = await self._client.get(url).build().send()
        return bytes(await response.bytes())

    async def post_json(self, url: str, document: object) -> bytes:
        response = await self._client.post(url).body_json(document).build().send()
        return bytes(await response.bytes())

    async def download(self, url: str) -> int:
        size = 0
        async with self._client.get(url).build_streamed() as response:
            reader = response.body_reader
            while (piece := await reader.read_chunk()) is not None:
                size += len(piece)
        return size

    async def upload(self, url: str, path: str) -> bytes:
        size = str(Path(path).stat().st_size)  # noqa: ASYNC240
        request = self._client.post(url).header("Content-Length", size).body_stream(blocks(path))
        response = await request.build().send()
        return bytes(await response.bytes())


async def blocks(path: str) -> AsyncIterator[bytes]:
    """The file in blocks, read in a thread as the others do; it takes no file itself."""
    async with await anyio.open_file(path, "rb") as file:
        while block := await file.read(BLOCK):
            yield block


CLIENT = PyReqwest
