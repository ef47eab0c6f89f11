"""Sending a body in pieces while listening for an early response.

Knows: bodies that are sent in pieces, how they are framed, that a response may come before they
are sent.
Must not know: what the response means, what becomes of the connection.
Called by: ``connection``.

A server may answer before it has read the request (413, 401, a redirect) and then stop reading. So
while the body is sent, a second task listens. It runs in a task group that is entered here and left
before `Upload.run` returns. The body itself runs in the caller's own task: it is the user's code,
and may have scopes and context variables of its own.

When the listener has the final head it cancels the sending; when the sending is done it cancels
the listener, which loses no bytes by that. Only the call's total limits the listening: a server has
no need to speak while it is spoken to. No exception group leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from ..._net.deadlines import Phase, within
from ...exceptions import ClientConnectionError, UploadAbortedError
from ..base import BodySource
from ..source_failures import failure_of_source
from .framing import RequestFraming
from .wire import Wire
from .writing import LAST_CHUNK, encode_chunk

__all__ = ("BytesSource", "Upload")

#: As much of a body at hand goes out in one piece.
PIECE = 64 * 1024


class BytesSource:
    """A large body at hand, in pieces.

    Args:
        data: the body.
    """

    __slots__ = ("_view",)

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)

    @property
    def size(self) -> int:
        """How many bytes are left."""
        return len(self._view)

    async def next_chunk(self) -> bytes:
        """Return the next piece."""
        piece, self._view = self._view[:PIECE], self._view[PIECE:]
        return bytes(piece)

    async def aclose(self) -> None:
        """Nothing to give up."""


class Upload:
    """One body on its way.

    Args:
        wire: where it goes.
        body: what is sent.
        framing: how.
    """

    __slots__ = ("_body", "_chunked", "_failure", "_left", "_length", "_sent", "_size", "_wire")

    def __init__(self, wire: Wire, body: BodySource, framing: RequestFraming) -> None:
        self._wire = wire
        self._body = body
        self._size = body.size
        self._chunked = framing.chunked
        self._length = self._left = framing.length
        self._sent = False
        self._failure: Exception | None = None

    async def run(self, head: bytes) -> bool:
        """Send ``head`` and the body.

        Returns:
            Whether all of the body was sent; if not, the final head is there.

        Raises:
            UploadAbortedError: the body is shorter than its Content-Length, or not as long as it
                said itself.
            ClientConnectionError: the connection failed, or a limit ran out.
            ParseError: what came is not a response.
            RequestBodyError, ClientOSError: the body raised something.
            BaseException: it raised that, and it was no `Exception`.
        """
        first = b""
        if self._size is not None and head:
            # The source knows its size, so it is unlikely to keep us waiting: one send for both.
            first = await self._first_chunk()
            first = self._within_length(first)
            if len(first) == self._size if self._chunked else not self._left:
                return await self.send_whole(head + self._framed(first, last=True))
        # Before anybody else has a turn: whoever finds the stream unused may use it again.
        opening = head + self._framed(first)
        went = not opening or self._wire.say_nowait(opening)
        del first, opening  # they may be large, and the upload may take long
        return await self._beside_listener(partial(self._send_all, went))

    async def _first_chunk(self) -> bytes:
        call = self._wire.call
        try:
            return await within(call, Phase.TOTAL, self._body.next_chunk)
        except Exception as exc:
            failure = failure_of_source(exc, call.host)
            raise failure from failure.__cause__

    async def send_whole(self, data: bytes) -> bool:
        """Send what is all there is, and listen only if it does not go at once.

        Returns and raises: as `run`.
        """
        return self._wire.say_nowait(data) or await self.send_rest()

    async def send_rest(self) -> bool:
        """Go on where `Wire.say_nowait` could not, also where it failed.

        Returns and raises: as `run`.
        """
        failure = self._wire.failure
        if failure is None:
            return await self._beside_listener(self._flush)
        self._wire.raise_unless_answered(failure)
        return False

    async def _beside_listener(self, send: Callable[[], Awaitable[None]]) -> bool:
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as sending:
                tasks.start_soon(self._listen, sending)
                try:
                    await send()
                except anyio.get_cancelled_exc_class():
                    raise
                except Exception as exc:
                    # Out of the group by itself, not inside an ExceptionGroup.
                    failure = failure_of_source(exc, self._wire.call.host)
                except BaseException as exc:
                    failure = exc
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if self._failure is not None:
            # The listener may have had bytes in its hands when sending failed. It has fed them.
            self._wire.raise_unless_answered(self._failure)
        return self._sent

    async def _flush(self) -> None:
        self._sent = await self._say_rest()

    async def _say_rest(self) -> bool:
        """Send what could not go at once, with the wire's failures kept apart."""
        try:
            if self._wire.failure is not None:
                raise self._wire.failure
            await self._wire.flush()
        except ClientConnectionError as exc:
            self._failure = exc
            return False
        return True

    async def _say(self, data: bytes) -> bool:
        """Send, with the wire's failures kept apart from those of the body."""
        try:
            await self._wire.send(data)
        except ClientConnectionError as exc:
            self._failure = exc
            return False
        return True

    async def _send_all(self, went: bool) -> None:
        if not went and not await self._say_rest():
            return
        while self._chunked or self._left:
            chunk = await self._body.next_chunk()
            if not chunk:
                break
            if not await self._say(self._framed(self._within_length(chunk))):
                return
            del chunk  # the next may be read into the same memory if nobody has this one
        if self._chunked:
            self._sent = await self._say(LAST_CHUNK)
        elif self._left:
            raise UploadAbortedError(
                f"the body ended after {self._length - self._left} of {self._length} bytes"
            )
        else:
            self._sent = True

    async def _listen(self, sending: anyio.CancelScope) -> None:
        try:
            while not self._wire.answered:
                await self._wire.hear(Phase.TOTAL)
        except Exception as exc:
            self._failure = self._failure or exc
        sending.cancel()

    def _within_length(self, chunk: bytes) -> bytes:
        """Hold the body to its Content-Length: no more than that ever goes out.

        A length that the caller declared bounds the body; one that the body has of itself is a
        promise.
        """
        if self._chunked:
            return chunk
        if len(chunk) > self._left:
            if self._size == self._length:
                raise UploadAbortedError(
                    f"the body is longer than its Content-Length of {self._length} bytes"
                )
            chunk = chunk[: self._left]
        self._left -= len(chunk)
        return chunk

    def _framed(self, chunk: bytes, *, last: bool = False) -> bytes:
        if not self._chunked:
            return chunk
        data = encode_chunk(chunk) if chunk else b""
        return data + LAST_CHUNK if last else data
