"""The server's side of a WebSocket, byte by byte: frames as they are wanted, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple, Protocol

__all__ = (
    "BINARY",
    "CLOSE",
    "CONT",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "accept",
    "close_frame",
    "frame",
    "parse_frame",
    "receive_frame",
)

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_KEY = re.compile(rb"(?i)\r\nsec-websocket-key: *([^\r]+)\r\n")
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Frame(NamedTuple):
    """A frame of the client's, unmasked."""

    opcode: int
    data: bytes
    fin: bool = True
    rsv1: bool = False


class Receiver(Protocol):
    """A scripted peer."""

    async def receive_exactly(self, count: int) -> bytes: ...


def frame(
    opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = False
) -> bytes:
    """Return a frame of a server's; ``rsv`` is 4 for the first reserved bit, 2, and 1."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size, mask = len(data), 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 1 << 16:
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + data


def close_frame(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def accept(head: bytes, *fields: bytes) -> bytes:
    """Return the answer to a handshake, with more header lines if any are given."""
    found = _KEY.search(head)
    assert found is not None, head
    digest = base64.b64encode(hashlib.sha1(found[1] + _MAGIC).digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + digest,
        *fields,
    ]
    return b"\r\n".join([*lines, b"", b""])


def parse_frame(data: bytes) -> tuple[Frame, bytes]:
    """Read one frame of a client's, which must be masked; return what follows it, too."""
    first, second, at = data[0], data[1], 2
    assert second & 0x80, "a client masks"
    assert not first & 0x30
    size = second & 0x7F
    if size >= 126:
        at += 2 if size == 126 else 8
        size = int.from_bytes(data[2:at], "big")
    mask, at = data[at : at + 4], at + 4
    masked = data[at : at + size]
    assert len(masked) == size, "the frame is not whole"
    key = (mask * (size // 4 + 1))[:size]
    plain = (int.from_bytes(masked, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return Frame(first & 0x0F, plain, bool(first & 0x80), bool(first & 0x40)), data[at + size :]


async def receive_frame(peer: Receiver) -> Frame:
    """Receive one frame of a client's."""
    data = await peer.receive_exactly(2)
    size = data[1] & 0x7F
    if size >= 126:
        data += await peer.receive_exactly(2 if size == 126 else 8)
        size = int.from_bytes(data[2:], "big")
    return parse_frame(data + await peer.receive_exactly(4 + size))[0]
