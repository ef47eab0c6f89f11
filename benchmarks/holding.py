"""A server that holds requests until it is told to answer, in a process on the server's core.

nginx cannot be told. It is for memory only; what it costs is nobody's.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any, Self

from .machine import allow_many_files, cores, pin

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n"


class Holder:
    """Starts the server and talks to it by its standard input and output.

    Args:
        addresses: how many of the loopback network it listens on.
    """

    def __init__(self, addresses: int = 1) -> None:
        self._addresses = addresses

    def __enter__(self) -> Self:
        core = cores()[1]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.holding", str(core), str(self._addresses)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._port = self._read()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._process.kill()
        self._process.communicate()

    def address(self, number: int) -> str:
        """One of the addresses, with the port, which is the same for all."""
        return f"{loopback(number)}:{self._port}"

    def held(self) -> int:
        """How many requests wait."""
        return self._ask("held")

    def connections(self) -> int:
        """How many connections are open."""
        return self._ask("connections")

    def release(self) -> None:
        """Answer all that wait."""
        self._ask("release")

    def _ask(self, question: str) -> int:
        assert self._process.stdin
        self._process.stdin.write(question + "\n")
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


class Server:
    """The connections, and which of them have been asked something."""

    def __init__(self) -> None:
        self.waiting: set[asyncio.Transport] = set()
        self.connected: set[asyncio.Transport] = set()

    def answer(self, question: str) -> int:
        if question == "held":
            return len(self.waiting)
        if question == "connections":
            return len(self.connected)
        for transport in self.waiting:
            transport.write(ANSWER)
        released = len(self.waiting)
        self.waiting.clear()
        return released


class Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connected.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connected.discard(self._transport)
        self._server.waiting.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        if self._received.startswith(b"GET /now"):
            self._transport.write(ANSWER)
        else:
            self._server.waiting.add(self._transport)
        self._received = b""


def loopback(number: int) -> str:
    return f"127.1.{number // 250}.{1 + number % 250}"


async def serve(addresses: int) -> None:
    server = Server()
    loop = asyncio.get_running_loop()
    port = 0
    for number in range(addresses):
        sock = socket.create_server((loopback(number), port), backlog=4096)
        port = sock.getsockname()[1]
        await loop.create_server(lambda: Connection(server), sock=sock)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(port, flush=True)
    while question := await reader.readline():
        print(server.answer(question.decode().strip()), flush=True)


if __name__ == "__main__":
    pin(int(sys.argv[1]))
    allow_many_files()
    asyncio.run(serve(int(sys.argv[2])))
