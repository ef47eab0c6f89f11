"""Sending a request's body.

Knows: bodies at hand and in pieces, what an early response means for them, who may own them.
Must not know: windows and frames (``engine``).
Called by: ``connection``.

A body at hand is given to the engine, which sends it as the windows open, whoever reads for all. A
body in pieces is the user's code and runs in a task of the user's: the caller's own, beside a child
that listens for an early answer; or, inside an ``async with`` block, one that the block owns, so
that the response can be read while the body is still being sent.

An early answer of 300 or more stops the body, as does one that is complete. With any other, a call
whose upload nobody owns finishes it first. The peer may go on answering meanwhile, and may wait for
its answer to be read before it reads on: so the answer is kept, up to a bound. Beyond it, the rest
of a body in memory goes out while the answer is read. Any other would be left without an owner:
the call fails and says what to do.
"""

from __future__ import annotations

import math
from functools import partial

import anyio

from ..._net.call import Call
from ..._net.deadlines import Phase, within
from ...exceptions import UploadAbortedError
from ..base import BodySource, InMemory
from ..source_failures import failure_of_source
from .engine import Engine
from .streams import Failure, Stream
from .wire import Wire

__all__ = ("Upload", "await_continue", "drained", "is_to_stop")

#: How long ``100 Continue`` is waited for. RFC 9110 10.1.1: not indefinitely; curl's choice.
CONTINUE_TIMEOUT = 1.0


class Upload:
    """One body on its way.

    Args:
        engine: of the connection.
        wire: likewise.
        state: of the stream.
        call: whose limits apply.
        length: how many bytes are to be sent; ``None`` if that is not known.
    """

    def __init__(
        self, engine: Engine, wire: Wire, state: Stream, call: Call, length: int | None
    ) -> None:
        self._engine = engine
        self._wire = wire
        self._state = state
        self._call = call
        self._length = self._left = length
        self._first = b""  # of the body, if it had to be looked at
        self._too_much = False  # of an answer has come than can be kept
        self._owned: anyio.CancelScope | None = None
        self._owned_ended: anyio.Event | None = None

    async def send(self, body: bytes | BodySource) -> None:
        """Send the body, or let it be sent; return when the answer may be waited for.

        Raises:
            ServerTimeoutError: a limit of the call ran out.
            UploadAbortedError: the body is not as long as was said.
            RequestBodyError, ClientOSError: the body raised something.
            BaseException: it raised that, and it was no `Exception`.
        """
        if isinstance(body, bytes):
            self._engine.send(self._state, memoryview(body)[: self._length], end=True)
            return
        if body.size is not None:
            # It knows its size, so it is unlikely to keep us waiting.
            first = await self._first_chunk(body)
            if len(first) == body.size or len(first) == self._left:
                self._engine.send(self._state, self._within_length(first), end=True)
                return
            self._first = first
            del first  # it may be large, and the upload may take long
        if self._call.spawn is not None:
            self._owned = anyio.CancelScope()
            self._owned_ended = anyio.Event()
            self._call.spawn(partial(self._run_owned, self._owned, body))
        else:
            await self._beside_listener(body)

    async def _first_chunk(self, body: BodySource) -> bytes:
        try:
            return await within(self._call, Phase.TOTAL, body.next_chunk)
        except Exception as exc:
            failure = failure_of_source(exc, self._call.host)
            raise failure from failure.__cause__

    async def stop(self) -> None:
        """End what the block owns, and see it end: the body may be sent again."""
        if self._owned is not None and self._owned_ended is not None:
            self._owned.cancel()
            with anyio.CancelScope(shield=True):
                await self._owned_ended.wait()
        self._engine.stop_sending(self._state)

    async def _run_owned(self, scope: anyio.CancelScope, body: BodySource) -> None:
        state = self._state
        assert self._owned_ended is not None
        try:
            with scope:
                await self._send_all(body)
        except Exception as exc:
            failure = failure_of_source(exc, self._call.host)
            self._engine.reset(state, Failure("", upload=failure))
            self._wire.queued()
        finally:
            # If it was cancelled, so was the block, which resets the stream itself.
            self._owned_ended.set()

    async def _beside_listener(self, body: BodySource) -> None:
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as sending:
                tasks.start_soon(self._listen, sending)
                try:
                    await self._send_all(body)
                except anyio.get_cancelled_exc_class():
                    raise
                except Exception as exc:
                    # Out of the group by itself, not inside an ExceptionGroup.
                    failure = failure_of_source(exc, self._call.host)
                except BaseException as exc:
                    failure = exc
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if self._too_much and not is_to_stop(self._state):
            if not self._state.finished:
                self._leave_rest(body)
        elif not self._state.local_ended:
            self._engine.stop_sending(self._state)

    def _leave_rest(self, body: BodySource) -> None:
        """Let the rest of a body go out while its answer is read, if nobody has to be asked for it.

        Raises:
            UploadAbortedError: somebody has to.
        """
        state = self._state
        rest = body.take_rest() if isinstance(body, InMemory) else None
        if rest is None:
            raise UploadAbortedError(
                f"{self._call.host} has sent {state.buffered} bytes of its answer before it has "
                "the whole request; enter the call with 'async with' to read the one while the "
                "other is being sent"
            )
        data = b"".join((state.outgoing, self._within_length(rest)))
        self._engine.send(state, data, end=True)
        self._wire.queued()

    async def _listen(self, sending: anyio.CancelScope) -> None:
        state = self._state
        while not is_to_stop(state):
            if not keep_answer(self._engine, self._wire, state):
                self._too_much = True
                break
            state.reader.signalled = False
            await self._wire.wait_before(state.reader, math.inf)
        sending.cancel()

    async def _send_all(self, body: BodySource) -> None:
        state = self._state
        chunk, self._first = self._first, b""
        while not is_to_stop(state):
            if not chunk:
                chunk = await body.next_chunk()
            if not chunk:
                break
            self._engine.send(state, self._within_length(chunk), end=self._left == 0)
            await drained(state, self._wire, self._call)
            if self._left == 0:
                return
            chunk = b""
        if is_to_stop(state):
            return
        if self._left:
            assert self._length is not None
            raise UploadAbortedError(
                f"the body ended after {self._length - self._left} of {self._length} bytes"
            )
        self._engine.send(state, b"", end=True)
        await drained(state, self._wire, self._call)

    def _within_length(self, chunk: bytes) -> bytes:
        """Hold the body to its Content-Length: no more than that ever goes out."""
        if self._left is None:
            return chunk
        chunk = chunk[: self._left]
        self._left -= len(chunk)
        return chunk


def is_to_stop(state: Stream) -> bool:
    """Whether what has been heard makes the rest of the body pointless."""
    if state.closed or state.remote_ended:
        return True
    return state.head is not None and state.head.status >= 300


def keep_answer(engine: Engine, wire: Wire, state: Stream) -> bool:
    """Let more of an answer come while the request is sent and nobody can read it.

    Returns:
        Whether there is room for it.
    """
    if state.head is None or not state.window.exhausted:
        return True
    if not engine.extend(state):
        return False
    wire.queued()
    return True


async def drained(state: Stream, wire: Wire, call: Call, engine: Engine | None = None) -> None:
    """Wait until what was given to the engine has gone, or is not to go any more.

    Args:
        state: of the stream.
        wire: of the connection.
        call: whose limits apply.
        engine: given if nobody can read the answer meanwhile, and all of the body is at hand: it
            is not waited for any longer once the peer waits for its answer to be read.

    Raises:
        ServerTimeoutError: a limit of the call ran out.
    """
    wire.queued()
    while state.outgoing or (state.finished and not state.local_ended):
        if is_to_stop(state) or not (engine is None or keep_answer(engine, wire, state)):
            return
        state.writer.signalled = False
        await wire.wait(state.writer, call, Phase.SEND)


async def await_continue(state: Stream, wire: Wire, call: Call) -> None:
    """Wait for 100, for a final response, or until a bounded time is over.

    Raises:
        ServerTimeoutError: a limit of the call ran out.
    """
    with anyio.move_on_after(CONTINUE_TIMEOUT):
        while state.head is None and not (state.continued or state.closed):
            state.reader.signalled = False
            await wire.wait(state.reader, call, Phase.TOTAL)
