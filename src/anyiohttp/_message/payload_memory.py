"""Bodies that are in memory: bytes, text, JSON, ``BytesIO`` and ``StringIO``.

Knows: charsets of text, slicing.
Must not know: files, threads.
Called by: the registry; ``formdata`` and ``multipart`` for what they make themselves.
"""

from __future__ import annotations

import codecs
import io
import json
from abc import abstractmethod
from collections.abc import Callable
from typing import IO, Any, TypeAlias

import anyio.lowlevel

from ..exceptions import BodySizeMismatchError, InvalidBodyError, InvalidRequestError
from ..typedefs import JSONEncoder
from .mimetypes import charset_of
from .payload_base import BLOCK, PAYLOAD_REGISTRY, Payload, PayloadHeaders

__all__ = (
    "BytesIOPayload",
    "BytesPayload",
    "JsonBytesPayload",
    "JsonPayload",
    "StringIOPayload",
    "StringPayload",
    "encode_text",
    "text_encoder",
    "text_settings",
)

BytesLike: TypeAlias = bytes | bytearray | memoryview


def text_settings(encoding: str | None, content_type: str | None) -> tuple[str, str]:
    """Return the charset and the content type of text: each given, or taken from the other.

    Text without either is UTF-8.
    """
    if encoding is None:
        encoding = (charset_of(content_type) if content_type else None) or "utf-8"
    if content_type is None:
        content_type = f"text/plain; charset={encoding}"
    return encoding, content_type


def text_encoder(encoding: str) -> codecs.IncrementalEncoder:
    """Return what encodes text piece by piece, with one byte-order mark at most.

    Raises:
        InvalidRequestError: the charset is unknown.
    """
    try:
        return codecs.getincrementalencoder(encoding)()
    except LookupError:
        raise InvalidRequestError(f"unknown charset {encoding!r} of a body") from None


def encode_text(text: str, encoder: codecs.IncrementalEncoder, final: bool = False) -> bytes:
    """Encode a piece of text that is sent.

    Raises:
        InvalidRequestError: the charset has no such characters.
    """
    try:
        return encoder.encode(text, final)
    except UnicodeError as exc:
        raise InvalidRequestError(f"text of a body does not fit its charset: {exc}") from exc


def _encode_whole(text: str, encoding: str) -> bytes:
    if encoding == "utf-8" and type(text) is str and text.isascii():
        return text.encode()  # what JSON always is, without looking for a codec
    return encode_text(text, text_encoder(encoding), final=True)


class _MemoryPayload(Payload):
    """A body that is cut out of memory by offsets, so that it can be had any number of times."""

    _length: int
    _cursor: int = 0

    @abstractmethod
    def _cut(self, start: int, stop: int) -> bytes:
        """Return the bytes between two offsets; fewer if they are not there any more."""

    @property
    def size(self) -> int:
        return self._length

    @property
    def replayable(self) -> bool:
        return True

    @property
    def consumed(self) -> bool:
        return False

    @property
    def autoclose(self) -> bool:
        return True

    @property
    def _goes_in_pieces(self) -> bool:
        """Whether it is asked for its chunks: it is large, or a subclass makes them."""
        return self._length > BLOCK or type(self).next_chunk is not _MemoryPayload.next_chunk

    @property
    def closes_nothing(self) -> bool:
        kind = type(self)
        # One that was asked for its chunks has to be at its start again; `write` may ask for them.
        whole = not self._goes_in_pieces and not self._cursor and kind.write is Payload.write
        return whole and kind.aclose is _MemoryPayload.aclose and kind.close is Payload.close

    @property
    def at_hand(self) -> bytes | None:
        if self._goes_in_pieces:
            return None
        data = self._cut(0, self._length)
        return data if len(data) == self._length else None

    async def next_chunk(self) -> bytes:
        start, stop = self._cursor, min(self._cursor + BLOCK, self._length)
        if start:
            await anyio.lowlevel.checkpoint()  # a large body must not keep the loop to itself
        chunk = self._cut(start, stop)
        if len(chunk) != stop - start:
            raise BodySizeMismatchError(
                f"the {type(self._value).__name__} shrank below the {self._length} bytes it had"
            )
        self._cursor = stop
        return chunk

    def take_rest(self) -> bytes | None:
        """Return all that was not handed out; ``None`` if it is not there any more, or if it is for
        `next_chunk` of a subclass to say.
        """
        if type(self).next_chunk is not _MemoryPayload.next_chunk:
            return None
        start, self._cursor = self._cursor, self._length
        rest = self._cut(start, self._length)
        return rest if len(rest) == self._length - start else None

    async def rewind(self) -> None:
        self._cursor = 0

    async def aclose(self) -> None:
        self._cursor = 0

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._cut(0, self._length).decode(encoding, errors)


class BytesPayload(_MemoryPayload):
    """Bytes, a bytearray or a memoryview.

    Raises:
        InvalidBodyError: the value is none of these.
    """

    def __init__(
        self,
        value: BytesLike,
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise InvalidBodyError(f"a body of bytes cannot be made of {type(value).__name__}")
        if isinstance(value, memoryview):
            value = value.cast("B") if value.c_contiguous else value.tobytes()
        super().__init__(value, headers, content_type, filename, encoding)
        self._length = len(value)

    @property
    def at_hand(self) -> bytes | None:
        if type(self._value) is bytes and not self._goes_in_pieces:
            return self._value
        return super().at_hand

    def _cut(self, start: int, stop: int) -> bytes:
        value: BytesLike = self._value
        if isinstance(value, bytes) and stop - start == len(value):
            return value
        with memoryview(value) as view:  # released at once: a bytearray stays resizable
            return bytes(view[start:stop])


class StringPayload(BytesPayload):
    """Text, sent in ``encoding``, else in the charset of ``content_type``, else in UTF-8.

    Raises:
        InvalidRequestError: the charset is unknown or has no such characters.
    """

    def __init__(
        self,
        value: str,
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        encoding, content_type = text_settings(encoding, content_type)
        data = _encode_whole(value, encoding)
        super().__init__(data, headers, content_type, filename, encoding)


class StringIOPayload(StringPayload):
    """What is left to read in a ``StringIO``; it is read to its end at once, and not closed."""

    def __init__(
        self,
        value: IO[str],
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        super().__init__(value.read(), headers, content_type, filename, encoding)


class BytesIOPayload(_MemoryPayload):
    """A ``BytesIO``, from its current position to its end.

    Its position is left where it was and it is not closed, so that the same object can be sent
    again, also by several requests at a time.

    Raises:
        InvalidRequestError: it is closed.
    """

    def __init__(
        self,
        value: io.BytesIO,
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if value.closed:
            raise InvalidRequestError("the BytesIO given as a body is closed")
        super().__init__(value, headers, content_type, filename, encoding)
        self._start = value.tell()
        # Not by getbuffer(), which would copy a buffer that is shared with a bytes object.
        self._length = max(0, value.seek(0, io.SEEK_END) - self._start)
        value.seek(self._start)

    def _cut(self, start: int, stop: int) -> bytes:
        file: io.BytesIO = self._value
        if file.closed:
            return b""
        position = file.tell()
        file.seek(self._start + start)
        try:
            return file.read(stop - start)
        finally:
            file.seek(position)


class JsonPayload(BytesPayload):
    """A value, written as JSON by ``dumps``."""

    def __init__(
        self,
        value: Any,
        encoding: str = "utf-8",
        content_type: str = "application/json",
        dumps: JSONEncoder = json.dumps,
        headers: PayloadHeaders | None = None,
        filename: str | None = None,
    ) -> None:
        data = _encode_whole(dumps(value), encoding)
        super().__init__(data, headers, content_type, filename, encoding)


class JsonBytesPayload(BytesPayload):
    """A value, written as JSON by a ``dumps`` that returns bytes."""

    def __init__(
        self,
        value: Any,
        dumps: Callable[[Any], bytes],
        content_type: str = "application/json",
        headers: PayloadHeaders | None = None,
        filename: str | None = None,
    ) -> None:
        super().__init__(dumps(value), headers, content_type, filename)


PAYLOAD_REGISTRY.register(BytesPayload, (bytes, bytearray, memoryview))
PAYLOAD_REGISTRY.register(StringPayload, str)
PAYLOAD_REGISTRY.register(StringIOPayload, io.StringIO)
PAYLOAD_REGISTRY.register(BytesIOPayload, io.BytesIO)
