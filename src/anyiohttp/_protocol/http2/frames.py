"""What arrives, cut into frames.

Knows: the layout of HTTP/2's frames (RFC 9113 4.1), how large one may be, header blocks that come
in several frames.
Must not know: what a frame means to a stream or to the connection.
Called by: ``engine``, with everything that was read.

A frame that was never going to be acceptable, by its size or its place, is refused as soon as its
nine bytes of header are there, before any of its payload is kept.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from h2.errors import ErrorCodes

__all__ = (
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "GOAWAY",
    "HEADERS",
    "PING",
    "RST_STREAM",
    "SETTINGS",
    "WINDOW_UPDATE",
    "Frame",
    "FrameError",
    "FrameReader",
    "code_name",
    "data_payload",
    "empty_headers",
    "head_of_200",
    "header_block",
    "whole_frame",
    "window_update",
)

DATA = 0
HEADERS = 1
RST_STREAM = 3
SETTINGS = 4
PUSH_PROMISE = 5
PING = 6
GOAWAY = 7
WINDOW_UPDATE = 8
CONTINUATION = 9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20

#: Bytes of a frame's header.
HEAD = 9

#: Frames of one header block. More of them than any field list needs is a flood (CVE-2024-24549).
MAX_BLOCK_FRAMES = 64

_head = Struct(">BHBBL").unpack_from
_write_head = Struct(">BHBBL").pack
_write_number = Struct(">L").pack


class FrameError(Exception):
    """The peer broke the rules of the whole connection.

    Args:
        message: what it did.
        code: the error code to tell it (RFC 9113 7).
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Frame(NamedTuple):
    """A frame; of a header block in several frames, all of them as one.

    Attributes:
        kind: its type.
        flags: of its header; of a block, the first frame's.
        stream: the stream's number; 0 for the connection.
        payload: what follows the header; for `HEADERS`, the frames as they came, headers included.
    """

    kind: int
    flags: int
    stream: int
    payload: bytes


class FrameReader:
    """Takes bytes, gives frames.

    Args:
        max_frame: the largest payload that is accepted.
        max_block: bytes of the largest header block that is accepted.

    Attributes:
        failure: why nothing more can be accepted.
    """

    def __init__(self, max_frame: int, max_block: int) -> None:
        self._max_frame = max_frame
        self.max_block = max_block
        self._rest = bytearray()
        self._needed = HEAD
        self._block: list[bytes] = []
        self._block_size = 0
        self._block_head = (0, 0)
        self.failure: FrameError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete.

        Raises:
            FrameError: the first one cannot be accepted. If it is a later one, those before it are
                returned, and `failure` says so.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        frames: list[Frame] = []
        try:
            position = self._cut(data, frames)
        except FrameError as exc:
            if not frames:
                raise
            self.failure = exc
            return frames
        if position < len(data):
            self._rest += memoryview(data)[position:]
        return frames

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        """Append the complete frames to ``frames``; return where the next one begins."""
        position, end = 0, len(data)
        while end - position >= HEAD:
            high, low, kind, flags, stream = _head(data, position)
            length = high << 16 | low
            stream &= 0x7FFFFFFF
            self._check(kind, length, stream)
            after = position + HEAD + length
            if after > end:
                self._needed = HEAD + length
                break
            if kind == DATA:
                frames.append(Frame(DATA, flags, stream, data[position + HEAD : after]))
            elif kind in (HEADERS, CONTINUATION, PUSH_PROMISE):
                block = self._gather(kind, flags, stream, data[position:after])
                if block is not None:
                    frames.append(block)
            else:
                frames.append(Frame(kind, flags, stream, data[position + HEAD : after]))
            position = after
            self._needed = HEAD
        return position

    def _check(self, kind: int, length: int, stream: int) -> None:
        if length > self._max_frame:
            raise FrameError(f"a frame of {length} bytes; {self._max_frame} are allowed", 0x6)
        if self._block:
            if kind != CONTINUATION or stream != self._block_head[1]:
                raise FrameError("another frame in the middle of a header block", 0x1)
            if self._block_size + length > self.max_block:
                raise FrameError(f"a header block of more than {self.max_block} bytes", 0xB)
            if len(self._block) >= MAX_BLOCK_FRAMES:
                raise FrameError(f"a header block of more than {MAX_BLOCK_FRAMES} frames", 0xB)
        elif kind == CONTINUATION:
            raise FrameError("CONTINUATION without a header block", 0x1)
        if kind in (DATA, HEADERS, RST_STREAM) and not stream:
            raise FrameError("a frame of a stream that names none", 0x1)

    def _gather(self, kind: int, flags: int, stream: int, raw: bytes) -> Frame | None:
        if kind == PUSH_PROMISE:
            raise FrameError("PUSH_PROMISE although pushing is switched off", 0x1)
        if kind == HEADERS:
            if flags & END_HEADERS:
                return Frame(HEADERS, flags, stream, raw)
            self._block_head = (flags, stream)
            self._block_size = 0
        self._block.append(raw)
        self._block_size += len(raw) - HEAD
        if not flags & END_HEADERS:
            return None
        whole = b"".join(self._block)
        self._block = []
        return Frame(HEADERS, self._block_head[0], stream, whole)


def data_payload(frame: Frame) -> bytes:
    """Return what a DATA frame carries, without its padding.

    Raises:
        FrameError: there is more padding than frame.
    """
    payload = frame.payload
    if not frame.flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise FrameError("more padding than frame", 0x1)
    return payload[1 : len(payload) - payload[0]]


def header_block(raw: bytes) -> bytes:
    """Return the header block of frames as `Frame.payload` of HEADERS has them.

    Raises:
        FrameError: there is more padding than frame.
    """
    parts = []
    position = 0
    while position < len(raw):
        high, low, kind, flags, _ = _head(raw, position)
        start = position + HEAD
        position = start + (high << 16 | low)
        end = position
        if kind == HEADERS:
            if flags & PADDED:
                end -= raw[start] if start < end else 1
                start += 1
            if flags & PRIORITY:
                start += 5
            if start > end:
                raise FrameError("more padding than frame", 0x1)
        parts.append(raw[start:end])
    return b"".join(parts)


def whole_frame(frame: Frame) -> bytes:
    """Return a frame as it came."""
    kind, flags, stream, payload = frame
    if kind == HEADERS:
        return payload
    size = len(payload)
    return _write_head(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def window_update(stream: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame; ``stream`` 0 for the connection."""
    return _write_head(0, 4, WINDOW_UPDATE, 0, stream) + _write_number(increment)


def head_of_200(stream: int) -> bytes:
    """Return a head that says 200 and nothing else."""
    return _write_head(0, 1, HEADERS, END_HEADERS, stream) + b"\x88"  # RFC 7541, Appendix A


def empty_headers(stream: int) -> bytes:
    """Return trailers without fields, which end a stream."""
    return _write_head(0, 0, HEADERS, END_STREAM | END_HEADERS, stream)


def code_name(code: int) -> str:
    """How an error code is called (RFC 9113 7)."""
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"
