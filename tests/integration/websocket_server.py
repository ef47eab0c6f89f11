"""A WebSocket server of another project (``websockets``), to be run by itself.

``python websocket_server.py PORT…``: three ports, which differ in how they compress: not at all;
with context takeover and the usual windows; without context takeover and with small windows.

What it does depends on the path: ``/echo`` sends back what comes; ``/close`` closes with 4000;
``/count/N`` sends N messages and closes; ``/ping`` pings until it was answered, and says so;
``/deaf`` reads nothing; ``/headers`` tells the request's fields as JSON; ``/fragments`` sends each
message back in fragments, with pings between them.
"""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    path = connection.request.path
    if path.endswith("/echo"):
        async for message in connection:
            await connection.send(message)
    elif path.endswith("/fragments"):
        async for message in connection:
            await connection.send(pieces(connection, message))
    elif path.endswith("/close"):
        await connection.close(4000, "as you wish")
    elif "/count/" in path:
        for number in range(int(path.rpartition("/")[2])):
            await connection.send(str(number))
    elif path.endswith("/ping"):
        await (await connection.ping(b"there?"))
        await connection.send("answered")
        await connection.wait_closed()
    elif path.endswith("/headers"):
        await connection.send(json.dumps(dict(connection.request.headers.raw_items())))
    else:
        connection.transport.pause_reading()
        await connection.send("deaf")
        await asyncio.sleep(3600)


async def pieces(connection, message):
    for start in range(0, len(message), 1000):
        await connection.ping()
        yield message[start : start + 1000]


async def main(ports: list[int]) -> None:
    narrow = ServerPerMessageDeflateFactory(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        server_max_window_bits=10,
        client_max_window_bits=10,
    )
    for port, extensions in zip(
        ports, (None, [ServerPerMessageDeflateFactory()], [narrow]), strict=True
    ):
        await serve(
            handle,
            "127.0.0.1",
            port,
            compression=None,
            extensions=extensions,
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            max_size=None,
            ping_interval=None,
        )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]]))
