"""Bodies that arrive in pieces: async iterables, stream readers, async files.

Knows: how pieces are asked for, who closes what.
Must not know: where the pieces come from.
Called by: the registry.
"""

from __future__ import annotations

import codecs
import inspect
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable
from typing import Any, Protocol, runtime_checkable

import anyio.lowlevel

from ..exceptions import BodyNotReplayableError, InvalidBodyError
from .payload_base import FILE_BLOCK, PAYLOAD_REGISTRY, Order, Payload, PayloadHeaders
from .payload_memory import encode_text, text_encoder

__all__ = (
    "AsyncFilePayload",
    "AsyncIterablePayload",
    "StreamPayload",
    "StreamReaderPayload",
    "is_async_file",
)


@runtime_checkable
class _ReadsAny(Protocol):
    """A `StreamReader`, whichever task feeds it."""

    async def readany(self) -> bytes:
        """Return what there is; ``b""`` at the end."""
        ...


class StreamPayload(Payload):
    """A body that can be had once, unless `as_bytes` was asked for it first and kept it."""

    _begun: bool = False
    _closed: bool = False
    _kept: bytes | None = None
    _kept_given: bool = False

    @abstractmethod
    async def _pull(self) -> bytes | None:
        """Return the next piece; ``None`` at the end; an empty piece means nothing."""

    @property
    def replayable(self) -> bool:
        return self._kept is not None

    @property
    def consumed(self) -> bool:
        return (self._begun or self._closed) and not self.replayable

    async def next_chunk(self) -> bytes:
        if self._kept is not None:
            if self._kept_given:
                return b""
            self._kept_given = True
            return self._kept
        if self._closed:
            raise BodyNotReplayableError(f"{type(self).__name__} was sent or given up before")
        self._begun = True
        while True:
            chunk = await self._pull()
            if chunk is None:
                return b""
            if chunk:
                return chunk
            await anyio.lowlevel.checkpoint()  # a source of empty pieces must not seize the loop

    async def rewind(self) -> None:
        await super().rewind()
        self._kept_given = False

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the whole body and keep it, so that from now on it can be replayed."""
        data = await super().as_bytes(encoding, errors)
        self._kept, self._kept_given = data, False
        return data

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        if self._kept is None:
            raise TypeError("Unable to decode - content not cached: use as_bytes() first")
        return self._kept.decode(encoding, errors)

    async def aclose(self) -> None:
        self._closed = True
        self._kept_given = False


class AsyncIterablePayload(StreamPayload):
    """An async iterable of bytes-like pieces; empty ones are passed over.

    A generator, and an iterator that was made for this body, is closed with it, also when it was
    not read to its end; an iterator that the caller made is left open.

    Raises:
        InvalidBodyError: the value is not an async iterable.
    """

    _iterator: AsyncIterator[bytes] | None = None
    _ended: bool = False

    def __init__(
        self,
        value: AsyncIterable[bytes],
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if not isinstance(value, AsyncIterable):
            raise InvalidBodyError(f"{type(value).__name__} is not an async iterable")
        super().__init__(value, headers, content_type, filename, encoding)

    @property
    def autoclose(self) -> bool:
        return not isinstance(self._value, AsyncGenerator)

    async def _pull(self) -> bytes | None:
        if self._ended:
            return None
        if self._iterator is None:
            self._iterator = aiter(self._value)
        try:
            chunk: object = await anext(self._iterator)
        except StopAsyncIteration:
            self._ended = True
            return None
        if isinstance(chunk, bytes):
            return chunk
        if isinstance(chunk, (bytearray, memoryview)):
            return bytes(chunk)
        raise InvalidBodyError(
            f"{type(self._value).__name__} given as a body must give bytes, but gave "
            f"{type(chunk).__name__}"
        )

    async def aclose(self) -> None:
        await super().aclose()
        iterator, self._iterator = self._iterator, None
        if isinstance(self._value, AsyncGenerator):
            await self._value.aclose()  # begun or not: an unused one would be left unfinalised
        elif iterator is not None and iterator is not self._value:
            aclose = getattr(iterator, "aclose", None)
            if aclose is not None:
                await aclose()


class StreamReaderPayload(StreamPayload):
    """A `StreamReader`: of another response, or fed by another task. It is not closed."""

    _ended: bool = False

    @property
    def autoclose(self) -> bool:
        return True

    async def _pull(self) -> bytes | None:
        # A reader may stay at its end, but another task may also feed it anew.
        if self._ended:
            return None
        chunk: bytes = await self._value.readany()
        if not chunk:
            self._ended = True
            return None
        return chunk


def is_async_file(value: object) -> bool:
    """Whether ``value`` is a file whose ``read`` is to be awaited (anyio, trio, aiofiles)."""
    return (
        inspect.iscoroutinefunction(getattr(value, "read", None))
        and hasattr(value, "readline")
        and not isinstance(value, _ReadsAny)
    )


class _AsyncFileType(type):
    """Lets ``isinstance`` ask the object itself: wrappers delegate what they do not have."""

    def __instancecheck__(cls, instance: object) -> bool:
        return is_async_file(instance)


class _AsyncFile(metaclass=_AsyncFileType):
    """Whatever `is_async_file`."""


class AsyncFilePayload(StreamPayload):
    """An async file, from its current position; replayable if it can ``seek``. It is closed.

    Text is sent in ``encoding``, by default UTF-8.
    """

    _start: int | None = None
    _ended: bool = False
    _encoder: codecs.IncrementalEncoder | None = None

    @property
    def replayable(self) -> bool:
        return super().replayable or (self._start is not None and not self._closed)

    async def _pull(self) -> bytes | None:
        if self._ended:
            return None
        if self._start is None:
            self._start = await self._position()
        chunk = await self._value.read(FILE_BLOCK)
        if isinstance(chunk, str):
            if self._encoder is None:
                self._encoder = text_encoder(self._encoding or "utf-8")
            self._ended = not chunk
            return encode_text(chunk, self._encoder, final=self._ended)
        if not isinstance(chunk, bytes):
            raise InvalidBodyError(f"read() of the file gave {type(chunk).__name__}, not bytes")
        self._ended = not chunk
        return chunk

    async def _position(self) -> int | None:
        seekable = getattr(self._value, "seekable", None)
        if seekable is None or not await _result(seekable()):
            return None
        position: int = await _result(self._value.tell())
        return position

    async def rewind(self) -> None:
        await super().rewind()
        if self._kept is None and self._begun:
            await _result(self._value.seek(self._start))
            self._ended, self._encoder = False, None

    async def aclose(self) -> None:
        await super().aclose()
        close: Any = getattr(self._value, "aclose", None) or getattr(self._value, "close", None)
        if close is not None:
            await _result(close())


async def _result(value: Any) -> Any:
    """Wait for a method's result if that is needed: wrappers leave some methods synchronous."""
    return await value if isinstance(value, Awaitable) else value


def _payload_of_async_file(value: Any, *args: Any, **kwargs: Any) -> Payload:
    """Read the file inside a wrapper, which needs fewer threads and tells its size, if we can."""
    inner = getattr(value, "wrapped", None)
    if inner is None or not callable(getattr(inner, "read", None)):
        return AsyncFilePayload(value, *args, **kwargs)
    return PAYLOAD_REGISTRY.get(inner, *args, **kwargs)


PAYLOAD_REGISTRY.register(StreamReaderPayload, _ReadsAny)
PAYLOAD_REGISTRY.register(_payload_of_async_file, _AsyncFile)
PAYLOAD_REGISTRY.register(AsyncIterablePayload, AsyncIterable, order=Order.try_last)
