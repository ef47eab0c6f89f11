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

__all__ = ("PushedChunks",)

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
        self._coroutine: Coroutine[object, object, object] | None = push(self._writer)

    async def next_chunk(self) -> bytes:
        """Return the next chunk that is not empty; ``b""`` at the end.

        Raises: what the coroutine raises. Cancelled, it is cancelled.
        """
        while self._coroutine is not None:
            if await _Run(self._coroutine):
                self._coroutine = None
            elif chunk := self._writer.chunk:
                return chunk
        return b""

    def close(self) -> None:
        """Give the coroutine up, where it is held."""
        if self._coroutine is not None:
            self._coroutine.close()
            self._coroutine = None


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
