"""Pulling what a function pushes: the chunks of a `Payload.write` that a user has written.

Knows: how a coroutine is run a piece at a time.
Must not know: what the chunks are of.
Called by: ``payload_base``.

aiohttp's payloads push their chunks into a writer; ours are pulled, so that whoever sends them
needs no second task. A pushing coroutine is therefore run by the one who pulls, inside of the very
same task: it is held at its ``writer.write`` until the next chunk is wanted, and what else it
awaits is awaited for it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import lru_cache
from typing import Any, Protocol

__all__ = ("PushedChunks", "WrittenBody", "writes_itself")

_HANDED_OVER = object()


class _Handover:
    """Awaited by a writer: holds its coroutine until it is run again."""

    def __await__(self) -> Generator[object, None, None]:
        yield _HANDED_OVER


class _Writer:
    """What is written to: keeps one chunk until it is taken."""

    def __init__(self) -> None:
        self.chunk = b""

    async def write(self, chunk: bytes) -> None:
        self.chunk = bytes(chunk)
        await _Handover()

    async def drain(self) -> None:
        """Do nothing: what was written is on its way."""

    async def write_eof(self, chunk: bytes = b"") -> None:
        if chunk:
            await self.write(chunk)


class PushedChunks:
    """The chunks that a coroutine function writes, one at a time.

    Args:
        push: writes to what it is given.
    """

    def __init__(self, push: Callable[[_Writer], Coroutine[object, object, object]]) -> None:
        self._writer = _Writer()
        self._push = push
        self._coroutine: Coroutine[object, object, object] | None = None
        self._ended = False

    async def next_chunk(self) -> bytes:
        """Return the next chunk that is not empty; ``b""`` at the end.

        Raises: what the coroutine raises. Cancelled, it is cancelled.
        """
        while not self._ended:
            if self._coroutine is None:
                self._coroutine = self._push(self._writer)
            try:
                self._ended = await _Run(self._coroutine)
            except BaseException:
                self._ended = True
                raise
            if not self._ended and (chunk := self._writer.chunk):
                return chunk
        return b""

    def close(self) -> None:
        """Give the coroutine up, where it is held."""
        self._ended = True
        if self._coroutine is not None:
            self._coroutine.close()


class _Written(Protocol):
    """What a `WrittenBody` needs of a payload."""

    @property
    def size(self) -> int | None: ...
    async def write(self, writer: Any, /) -> object: ...
    async def aclose(self) -> object: ...


class WrittenBody:
    """A payload that is sent as its ``write`` writes it (a `BodySource`).

    Args:
        payload: the payload.
    """

    def __init__(self, payload: _Written) -> None:
        self._payload = payload
        self._chunks = PushedChunks(payload.write)

    @property
    def size(self) -> int | None:
        """The payload's size, if it says so."""
        return self._payload.size

    async def next_chunk(self) -> bytes:
        """Return the next chunk; ``b""`` at the end."""
        return await self._chunks.next_chunk()

    async def aclose(self) -> None:
        """Close the payload."""
        self._chunks.close()
        await self._payload.aclose()


@lru_cache(maxsize=64)
def writes_itself(kind: type) -> bool:
    """Whether a kind of payload has its own ``write``, put over a ``next_chunk`` of ours."""
    for each in kind.__mro__:
        if "next_chunk" in vars(each):
            return False
        if "write" in vars(each):
            return True
    return False


class _Run:
    """Runs a coroutine until it hands something over, or to its end; which of them, it returns."""

    def __init__(self, coroutine: Coroutine[object, object, object]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[object, object, bool]:
        coroutine = self._coroutine
        answer: object = None
        error: BaseException | None = None
        while True:
            try:
                asked = coroutine.send(answer) if error is None else coroutine.throw(error)
            except StopIteration:
                return True
            if asked is _HANDED_OVER:
                return False
            answer, error = None, None
            try:
                answer = yield asked  # the event loop's to answer
            except BaseException as exc:  # also what it throws is the coroutine's
                error = exc
