"""Sending a body that a task of the user's ``async with`` block owns, beside its response.

Knows: that the block runs the sending; that the response may begin, and end, before the body is
sent.
Must not know: what the response means, what becomes of the connection.
Called by: ``connection`` makes one; ``exchange`` reads beside it.

The body is sent by a task of the block, and whoever waits for the response listens: first the call,
for the head, then whoever reads the body. So a peer that sends no more until its answer is read,
or reads no more, keeps only the task waiting that waits for it. Nobody sends for longer than the
exchange lasts:

* a final response of 300 or more, and one that ends before the body does, stops the body, and so
  does a release;
* a body that fails ends the exchange: its message cannot be finished;
* a connection that takes no more may still have an answer to give: it is read to its end.

While the body is on its way only the call's total limits the reading: a server has no need to
speak while it is spoken to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from ..._net.deadlines import Phase, timeout_error
from ..._net.transfer import receive
from ...exceptions import ClientConnectionError, ServerTimeoutError
from ..base import BodySource
from ..source_failures import failure_of_source
from .framing import RequestFraming
from .upload import Upload
from .wire import Wire

__all__ = ("OwnedUpload",)


class OwnedUpload(Upload):
    """One body on its way, sent by a task of the block (``call.spawn``); a `Sending`.

    Args:
        wire: where it goes; its ``upload`` is this one while the task may run.
        body: what is sent.
        framing: how.
    """

    __slots__ = ("_ended", "_hearing", "_scope", "_stopped", "error", "on_failure")

    def __init__(self, wire: Wire, body: BodySource, framing: RequestFraming) -> None:
        super().__init__(wire, body, framing)
        self.on_failure: Callable[[], None] | None = None
        self.error: Exception | None = None
        self._ended = anyio.Event()
        self._hearing: anyio.CancelScope | None = None
        self._scope = anyio.CancelScope()
        self._stopped = False

    @property
    def under_way(self) -> bool:
        """Whether the task has not ended yet."""
        return not self._ended.is_set()

    @property
    def sent(self) -> bool:
        """Whether all of the body was sent."""
        return self._sent

    @property
    def failure(self) -> Exception | None:
        """What ended it early; ``None`` if it was sent, is under way, or was stopped."""
        return None if self._sent else self.error or self._failure

    def cancel(self) -> None:
        """Have the sending end soon, without waiting for it."""
        self._stopped = True
        self._scope.cancel()

    async def stop(self) -> None:
        """End the sending, and see it end: the body may be closed, or sent again."""
        self.cancel()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    async def hear(self) -> bytes | None:
        """Wait for bytes of the response while the body is being sent.

        Returns:
            What has come, ``b""`` at the end of the stream; ``None`` if the sending has ended
            meanwhile, so that other limits apply from now on.

        Raises:
            ClientConnectionError: the connection failed, or the total ran out.
        """
        wire = self._wire
        with anyio.CancelScope() as scope:
            self._hearing = scope
            try:
                return await receive(wire.stream, wire.call, Phase.TOTAL)
            finally:
                self._hearing = None
        return None

    async def _beside_listener(self, send: Callable[[], Awaitable[None]]) -> bool:
        wire = self._wire
        spawn = wire.call.spawn
        assert spawn is not None
        wire.upload = self
        spawn(partial(self._run, send))
        while self.under_way and not wire.answered:
            try:
                data = await self.hear()
            except ClientConnectionError as exc:
                wire.failed(exc)
                raise
            if data is not None:
                wire.heard(data)
        head = wire.parser.head
        if head is not None and self.under_way and not 200 <= head.status < 300:
            await self.stop()
        if self.under_way:
            return False
        wire.upload = None
        if self.error is not None:
            raise self.error
        if self._failure is not None:
            wire.raise_unless_answered(self._failure)
        return self._sent

    async def _run(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send in the block's task; raises nothing but a cancellation of the block."""
        self._scope.deadline, ran_out = self._wire.call.next_deadline(Phase.TOTAL)
        try:
            with self._scope:
                if not self._stopped:
                    await send()
            if self._scope.cancelled_caught and not self._stopped:
                self.error = timeout_error(self._wire.call, ran_out)
            elif isinstance(self._failure, ServerTimeoutError):
                self.error = self._failure
        except Exception as exc:
            self.error = failure_of_source(exc, self._wire.call.host)
        finally:
            self._ended.set()
            if self.error is not None and self.on_failure is not None:
                self.on_failure()
            if self._hearing is not None:
                self._hearing.cancel()
