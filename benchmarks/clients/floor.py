"""The floor: the bare anyio stream, a prebuilt request, httptools' parser, and nothing else.

No timeouts, no headers to look at, no pool but a list, no errors: no client can cost less on
anyio's streams. It speaks to one server only.
"""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream
from httptools import HttpResponseParser

from .base import BLOCK, Client

REQUEST = b"GET %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\nUser-Agent: floor\r\n\r\n"
POST = (
    b"POST %b HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\nUser-Agent: floor\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


class Connection:
    """A stream and a parser; its attributes are httptools' callbacks."""

    __slots__ = ("_body", "_complete", "_headers", "_parser", "_received", "_stream")

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._parser = HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._received = 0
        self._complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, piece: bytes) -> None:
        self._received += len(piece)
        self._body = piece

    def on_message_complete(self) -> None:
        self._complete = True

    async def exchange(self, request: bytes) -> bytes:
        """Send a request; return the last piece of the answer, which is all of a small one."""
        await self.send(request)
        return await self.answer()

    async def answer(self) -> bytes:
        await self.receive()
        return self._body

    async def send(self, data: bytes) -> None:
        await self._stream.send(data)

    async def receive(self) -> int:
        """Read one answer; return the size of its body."""
        self._complete = False
        self._received = 0
        self._headers = []
        while not self._complete:
            self._parser.feed_data(await self._stream.receive())
        return self._received

    async def aclose(self) -> None:
        await anyio.aclose_forcefully(self._stream)


class Floor(Client):
    async def __aenter__(self) -> Self:
        self._idle: list[Connection] = []
        self._requests: dict[str, bytes] = {}
        self._context = ssl.create_default_context(cafile=self.site.authority)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        for connection in self._idle:
            await connection.aclose()

    async def get(self, url: str) -> bytes:
        connection = self._idle.pop() if self._idle else await self._connect(url)
        body = await connection.exchange(self._requests.get(url) or self._prebuilt(url))
        self._idle.append(connection)
        return body

    async def post_json(self, url: str, document: object) -> bytes:
        connection = self._idle.pop() if self._idle else await self._connect(url)
        body = json.dumps(document).encode()
        answer = await connection.exchange(
            (self._requests.get(url) or self._prebuilt(url, len(body))) + body
        )
        self._idle.append(connection)
        return answer

    async def download(self, url: str) -> int:
        connection = self._idle.pop() if self._idle else await self._connect(url)
        await connection.send(self._requests.get(url) or self._prebuilt(url))
        size = await connection.receive()
        self._idle.append(connection)
        return size

    async def upload(self, url: str, path: str) -> bytes:
        connection = self._idle.pop() if self._idle else await self._connect(url)
        size = Path(path).stat().st_size  # noqa: ASYNC240
        await connection.send(self._requests.get(url) or self._prebuilt(url, size))
        with Path(path).open("rb") as file:  # noqa: ASYNC230
            while block := file.read(BLOCK):
                await connection.send(block)
        answer = await connection.answer()
        self._idle.append(connection)
        return answer

    def _prebuilt(self, url: str, size: int | None = None) -> bytes:
        parts = urlsplit(url)
        line = (parts.path.encode(), parts.netloc.encode())
        request = REQUEST % line if size is None else POST % (*line, size)
        self._requests[url] = request
        return request

    async def _connect(self, url: str) -> Connection:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        if parts.scheme == "https":
            stream: ByteStream = await anyio.connect_tcp(
                parts.hostname, parts.port, ssl_context=self._context, tls_hostname=parts.hostname
            )
        else:
            stream = await anyio.connect_tcp(parts.hostname, parts.port)
        return Connection(stream)


CLIENT = Floor
