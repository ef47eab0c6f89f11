"""Frames, and the messages they carry (RFC 6455 5).

Knows: the order of frames, sizes, UTF-8; which close code each mistake of the peer's has.
Must not know: streams, anything that waits; what a close frame or a ping leads to.
Called by: `connection`.

One message is parsed at a time, when it is asked for: what has come after it stays as it is, so
that a burst of small frames costs only as much as is read of it.
"""

from __future__ import annotations

from collections.abc import Generator

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from ...exceptions import InvalidRequestError, WebSocketError
from .deflate import Deflate
from .messages import WSCloseCode, WSMessage, WSMessageTextBytes, WSMsgType

__all__ = ("FrameParser", "FrameWriter", "close_payload")

#: What a control frame carries at most (RFC 6455 5.5).
_MAX_CONTROL = 125
_OPCODES = {int(each): each for each in Opcode}
#: What stands for no code: in `WSMessage.data` as aiohttp has it, and in RFC 6455 7.1.5.
NO_CODE = 1005
#: Codes that a close frame never carries, because they say that there was none (7.4.1).
_NEVER_SENT = frozenset({NO_CODE, 1006, 1015})


class FrameParser:
    """Makes messages of bytes.

    Args:
        max_size: of a message, as it comes out; 0 for any.
        deflate: the negotiated compression.
        decode_text: whether text comes out as ``str``.
    """

    def __init__(self, *, max_size: int, deflate: Deflate | None, decode_text: bool) -> None:
        self._max_size = max_size or None
        self._extensions: list[Extension] = [] if deflate is None else [deflate]
        self._decode_text = decode_text
        self._reader = StreamReader()
        self._parsing: Generator[None, None, Frame] | None = None
        self._opcode: Opcode | None = None  # of the message that has begun
        self._begun = bytearray()
        self._failure: WebSocketError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes have come that no message was made of yet."""
        return len(self._reader.buffer)

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._reader.feed_data(data)

    def next_message(self) -> WSMessage | WSMessageTextBytes | None:
        """Return the next message or control frame; ``None`` if more must come first.

        Raises:
            WebSocketError: the peer broke a rule; the code says which. From then on, always.
        """
        if self._failure is not None:
            raise self._failure
        if not self._reader.buffer:
            return None
        try:
            while (frame := self._next_frame()) is not None:
                message = self._take(frame)
                if message is not None:
                    return message
        except WebSocketError as exc:
            self._failure = exc
        except ProtocolError as exc:
            self._failure = WebSocketError(WSCloseCode.PROTOCOL_ERROR, str(exc))
        except PayloadTooBig as exc:
            self._failure = self._too_big(exc)
        except UnicodeDecodeError:
            self._failure = WebSocketError(WSCloseCode.INVALID_TEXT, "Invalid UTF-8 text message")
        else:
            return None
        self._begun.clear()
        raise self._failure

    def _next_frame(self) -> Frame | None:
        if self._parsing is None:
            buffer = self._reader.buffer
            if len(buffer) < 2:
                return None
            self._parsing = self._parse(buffer[0], buffer[1])
        try:
            next(self._parsing)
        except StopIteration as done:
            self._parsing = None
            frame: Frame = done.value
            return frame
        return None

    def _parse(self, first: int, second: int) -> Generator[None, None, Frame]:
        """Begin with a frame whose first bytes are these."""
        opcode = self._check_beginning(first, second)
        room = None
        if opcode < Opcode.CLOSE and self._max_size is not None:
            room = self._max_size - len(self._begun)
        return Frame.parse(
            self._reader.read_exact, mask=False, max_size=room, extensions=self._extensions
        )

    def _check_beginning(self, first: int, second: int) -> int:
        """Refuse what can be refused before the frame's data is waited for; return the opcode."""
        opcode = first & 0x0F
        if first & 0x30 or (first & 0x40 and not (self._extensions and opcode < Opcode.CLOSE)):
            raise ProtocolError("Received frame with non-zero reserved bits")
        if opcode not in _OPCODES:
            raise ProtocolError(f"Unexpected opcode={opcode!r}")
        if opcode >= Opcode.CLOSE:
            if not first & 0x80:
                raise ProtocolError("Received fragmented control frame")
            if second & 0x7F > _MAX_CONTROL:
                raise ProtocolError("Control frame payload cannot be larger than 125 bytes")
        elif opcode == Opcode.CONT:
            if self._opcode is None:
                raise ProtocolError("Continuation frame for non started message")
        elif self._opcode is not None:
            raise ProtocolError("A message begins before the one before it has ended")
        return opcode

    def _take(self, frame: Frame) -> WSMessage | WSMessageTextBytes | None:
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            return _close_message(frame)
        if opcode is Opcode.PING or opcode is Opcode.PONG:
            return WSMessage(WSMsgType(opcode), bytes(frame.data), "")
        if not frame.fin:
            if opcode is not Opcode.CONT:
                self._opcode = opcode
            self._begun += frame.data
            return None
        data = bytes(frame.data)
        if self._opcode is not None:
            opcode, self._opcode = self._opcode, None
            self._begun += data
            data = bytes(self._begun)
            self._begun = bytearray()
        if opcode is Opcode.BINARY:
            return WSMessage(WSMsgType.BINARY, data, "")
        if not self._decode_text:
            return WSMessageTextBytes(WSMsgType.TEXT, data, "")
        return WSMessage(WSMsgType.TEXT, data.decode(), "")

    def _too_big(self, exc: PayloadTooBig) -> WebSocketError:
        if exc.size is None:
            text = f"Decompressed message exceeds size limit {self._max_size}"
        else:
            size = exc.size + len(self._begun)
            text = f"Message size {size} exceeds limit {self._max_size}"
        return WebSocketError(WSCloseCode.MESSAGE_TOO_BIG, text)


def _close_message(frame: Frame) -> WSMessage:
    close = Close.parse(frame.data)
    code = 0 if close.code == NO_CODE else int(close.code)
    return WSMessage(WSMsgType.CLOSE, code, close.reason)


class FrameWriter:
    """Makes frames of messages; each message is one masked frame.

    Args:
        deflate: the negotiated compression.
    """

    def __init__(self, deflate: Deflate | None) -> None:
        self._deflate = deflate

    def encode(
        self, opcode: int, data: bytes | bytearray | memoryview, compress: int | None = None
    ) -> bytes:
        """Return a frame.

        Frames must go out in the order in which they were made: compression remembers.

        Args:
            opcode: of RFC 6455.
            data: what it carries.
            compress: compress this message by itself, with a window of so many bits (9 to 15),
                where compression was negotiated.

        Raises:
            InvalidRequestError: it must not be sent.
        """
        known = _OPCODES.get(opcode)
        if known is None:
            raise InvalidRequestError(f"{opcode!r} is no opcode of RFC 6455")
        if compress and not 9 <= compress <= 15:
            raise InvalidRequestError(f"compress is a number of bits from 9 to 15, not {compress}")
        if isinstance(data, memoryview) and not (data.contiguous and data.itemsize == 1):
            data = data.tobytes()
        extensions: list[Extension] = []
        if opcode >= Opcode.CLOSE:
            if len(data) > _MAX_CONTROL:
                raise InvalidRequestError(
                    f"a control frame carries at most {_MAX_CONTROL} bytes, not {len(data)}"
                )
        elif self._deflate is not None:
            extensions = [self._deflate.once(compress) if compress else self._deflate]
        return Frame(known, data).serialize(mask=True, extensions=extensions)


def close_payload(code: int, reason: bytes | str) -> bytes:
    """Return what a close frame carries.

    Codes that are never sent, because they say that there was none, are left out.

    Raises:
        InvalidRequestError: there is no such code, or the reason is too long or no UTF-8.
    """
    if code in _NEVER_SENT:
        return b""
    if not 1000 <= code < 5000:
        raise InvalidRequestError(f"a close code is a number from 1000 to 4999, not {code}")
    text = reason.encode() if isinstance(reason, str) else bytes(reason)
    if len(text) > _MAX_CONTROL - 2:
        raise InvalidRequestError(
            f"the reason of a close frame has at most {_MAX_CONTROL - 2} bytes, not {len(text)}"
        )
    try:
        text.decode()
    except UnicodeDecodeError:
        raise InvalidRequestError("the reason of a close frame must be UTF-8") from None
    return code.to_bytes(2, "big") + text
