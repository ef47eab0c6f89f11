"""The server's side of a WebSocket (RFC 6455), for handlers that accept one.

Knows: the handshake's answer, frames, the closing handshake.
Must not know: who handles what; compression, which it does not offer.
Called by: handlers.

Like the rest of this server it shares no code with the client: a misunderstanding of one is not
the other's too.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream

from .messages import Request, Response

__all__ = ("ServerWebSocket", "accept_websocket", "echo_websocket")

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


class ServerWebSocket:
    """A WebSocket, seen from the server.

    Args:
        stream: after the handshake.
        ahead: what was read of it already.
    """

    def __init__(self, stream: ByteStream, ahead: bytes) -> None:
        self._stream = stream
        self._buffer = bytearray(ahead)

    async def receive(self) -> str | bytes | None:
        """Return the next message; ``None`` when the client has closed, which is answered.

        Pings are answered meanwhile.

        Raises:
            anyio.EndOfStream: the client has gone without closing.
        """
        message, kind = bytearray(), _TEXT
        while True:
            opcode, data, last = await self.receive_frame()
            if opcode == _PING:
                await self.send_frame(_PONG, data)
            elif opcode == _CLOSE:
                await self.send_frame(_CLOSE, data[:2])
                return None
            elif opcode != _PONG:
                kind = opcode or kind
                message += data
                if last:
                    return bytes(message) if kind == _BINARY else message.decode()

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        if isinstance(message, str):
            await self.send_frame(_TEXT, message.encode())
        else:
            await self.send_frame(_BINARY, message)

    async def close(self, code: int = 1000) -> None:
        """Close, and wait for the client to answer."""
        await self.send_frame(_CLOSE, code.to_bytes(2, "big"))
        opcode = -1
        while opcode != _CLOSE:
            opcode, _, _ = await self.receive_frame()

    async def send_frame(self, opcode: int, data: bytes = b"", *, last: bool = True) -> None:
        """Send one frame, right or wrong."""
        head = bytes([0x80 | opcode if last else opcode])
        if len(data) < 126:
            head += bytes([len(data)])
        elif len(data) < 1 << 16:
            head += b"\x7e" + len(data).to_bytes(2, "big")
        else:
            head += b"\x7f" + len(data).to_bytes(8, "big")
        await self._stream.send(head + data)

    async def receive_frame(self) -> tuple[int, bytes, bool]:
        """Return the next frame: its opcode, what it carries, and whether it ends its message."""
        first, second = await self._take(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._take(2 if size == 126 else 8), "big")
        key = int.from_bytes(await self._take(4) * (size // 4 + 1), "big") >> 8 * (4 - size % 4)
        masked = int.from_bytes(await self._take(size), "big")
        return first & 0x0F, (masked ^ key).to_bytes(size, "big"), bool(first & 0x80)

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += await self._stream.receive()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def accept_websocket(
    request: Request, converse: Callable[[ServerWebSocket], Awaitable[None]]
) -> Response:
    """Return the answer to a handshake; 426 if the request is none.

    Args:
        request: the request.
        converse: what is said then; the connection ends with it.
    """
    key = request.headers.get("Sec-WebSocket-Key")
    if key is None or request.headers.get("Upgrade", "").lower() != "websocket":
        return Response(426, headers=[("Upgrade", "websocket")])

    async def takeover(stream: ByteStream, ahead: bytes) -> None:
        try:
            await converse(ServerWebSocket(stream, ahead))
        except anyio.EndOfStream:
            pass  # the client has gone

    accepted = b64encode(hashlib.sha1((key + _MAGIC).encode()).digest()).decode()  # noqa: S324
    fields = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accepted),
    ]
    return Response(101, headers=fields, takeover=takeover)


async def echo_websocket(websocket: ServerWebSocket) -> None:
    """Send back what comes until the client closes."""
    while (message := await websocket.receive()) is not None:
        await websocket.send(message)
