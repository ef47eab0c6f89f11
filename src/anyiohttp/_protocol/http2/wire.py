"""The bytes of a connection that many tasks share, without a task of its own.

Knows: the stream below, who waits, who reads for all of them.
Must not know: what the bytes mean (``engine``).
Called by: ``connection``, ``exchange``, ``upload`` and ``tunnel``.

*Whoever waits, reads for all.* Of all tasks that wait for something on the connection, one holds
the baton: it reads the socket and feeds the engine, which signals those for whom something came.
When the holder has what it waited for, runs out of time or is cancelled, another waiter gets the
baton. So a limit or a cancellation ends one task's wait and touches nothing else: a cancelled read
of a `NetworkStream` has lost nothing.

Frames are queued synchronously and sent by `queued`, in one write for all that were queued in one
turn of the event loop: the holder lets the others run before it writes and reads. What the kernel
does not take at once stays here, whole and in order, and is sent by the holder while it reads: a
peer may read only when it is read from. A write that was cancelled is gone on with by the next
holder. If nothing goes for `STUCK_AFTER` seconds, the connection is dead.
"""

from __future__ import annotations

import math
import time

import anyio
from anyio.lowlevel import checkpoint

from ..._net.call import Call
from ..._net.deadlines import Phase, timeout_error
from ..._net.loops import running_loop
from ..._net.shared import (
    StreamFailed,
    flush_all,
    receive_before,
    receive_what_is_there,
    send_what_goes,
)
from ..._net.streams import DeadlinePassed, NetworkStream
from ..._net.turns import Turn, make_turn
from .engine import Engine
from .streams import Failure, Waiter

__all__ = ("Wire",)

#: How long what was queued may stay unsent, in seconds.
STUCK_AFTER = 30.0

#: About as many bytes of bodies are queued at a time.
_BATCH = 128 * 1024
#: So often is an idle connection read from at check-out before it is taken for a bad one.
_MOST_READS = 64


class Wire:
    """Moves bytes between a stream and an engine, for all who wait.

    Args:
        stream: connected; belongs to the connection.
        engine: is fed and emptied.

    Attributes:
        heard: when something was last heard, as by ``time.monotonic``; never, once somebody has
            waited for longer than their limit.
    """

    def __init__(self, stream: NetworkStream, engine: Engine) -> None:
        self.stream = stream
        self.heard = time.monotonic()
        self._engine = engine
        self._parked: dict[Waiter, Turn] = {}
        self._holder: Waiter | None = None
        self._about_to_write = False  # whoever has, or is being given, the baton writes next
        self._reading: anyio.CancelScope | None = None  # the wait for bytes, while it lasts
        self._stuck_since: float | None = None  # the stream holds bytes that it has not sent

    def __repr__(self) -> str:
        return f"<Wire {len(self._parked)} parked over {self.stream!r}>"

    # --- waiting ---

    async def wait(self, waiter: Waiter, call: Call, phase: Phase) -> None:
        """Wait until ``waiter`` is signalled; reads and writes for all who wait meanwhile.

        Args:
            waiter: whose `signalled` was reset before what it waits for was looked at.
            call: whose limits apply.
            phase: which of them.

        Raises:
            ServerTimeoutError: a limit of the call ran out.

        What becomes of the connection is told to the streams; it is not raised here.
        """
        deadline, ran_out = call.next_deadline(phase)
        try:
            await self.wait_before(waiter, deadline)
        except DeadlinePassed:
            self.heard = -math.inf  # the next request asks whether the peer is still there
            raise timeout_error(call, ran_out) from None

    async def wait_before(self, waiter: Waiter, deadline: float) -> None:
        """Wait as `wait` does, or give up at ``deadline``.

        Raises:
            DeadlinePassed: it was not signalled in time.
        """
        try:
            while not waiter.signalled:
                if self._holder is None:
                    await self._hold(waiter, deadline)
                else:
                    await self._park(waiter, deadline)
        finally:
            self._hand_over()

    async def _hold(self, waiter: Waiter, deadline: float) -> None:
        self._holder = waiter
        waiter.wake = self._interrupt  # another task may give it what it waits for
        try:
            while not waiter.signalled:
                if self._engine.failure is not None:
                    waiter.signal()
                    return
                await self._turn(waiter, deadline)
        finally:
            self._holder = None
            waiter.wake = None
            self._about_to_write = False

    async def _park(self, waiter: Waiter, deadline: float) -> None:
        self.queued()
        if waiter.signalled:
            return
        turn = self._parked[waiter] = make_turn(running_loop()[0])
        waiter.wake = turn.set
        try:
            await turn.wait_before(deadline)
        finally:
            waiter.wake = None
            self._parked.pop(waiter, None)

    def _hand_over(self) -> None:
        """Give the baton to somebody who waits, if nobody has it."""
        if self._holder is not None:
            return
        for waiter, turn in self._parked.items():
            if not waiter.signalled:
                self._about_to_write = True
                turn.set()
                return
        self._about_to_write = False
        self.write()

    # --- reading ---

    async def _turn(self, waiter: Waiter, deadline: float) -> None:
        """Write what is queued and read once, unless that is no longer needed."""
        if len(self._engine.streams) > 1:
            # Who was woken by the last read may have something to say, too.
            self._about_to_write = True
            await checkpoint()
        self._about_to_write = False
        self.write()
        if waiter.signalled or self._engine.failure is not None:
            return
        try:
            if self._stuck_since is None:
                self._feed(await self._receive(deadline))
            else:
                await self._receive_while_flushing(deadline)
        except StreamFailed as exc:
            self._failed(exc)

    def _feed(self, data: bytes) -> None:
        if not data:
            return
        self.heard = time.monotonic()
        self._engine.feed(data)
        if self._engine.failure is not None:
            self._end()

    async def _receive(self, deadline: float) -> bytes:
        """Return what arrives; ``b""`` if there is something to write first."""
        data = b""
        with anyio.CancelScope() as scope:
            self._reading = scope
            try:
                data = await receive_before(self.stream, deadline)
            finally:
                self._reading = None
        return data

    async def _receive_while_flushing(self, deadline: float) -> None:
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._flush)
            try:
                # Fed at once: leaving the group may be cancelled, and what came must not be lost.
                self._feed(await self._receive(deadline))
            except (DeadlinePassed, StreamFailed) as exc:
                failure = exc  # out of the group by itself
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _flush(self) -> None:
        """Send what the stream holds and what is queued meanwhile, then end the wait for bytes."""
        try:
            while self._stuck_since is not None:
                left = self._stuck_since + STUCK_AFTER - time.monotonic()
                with anyio.move_on_after(left) as scope:
                    await flush_all(self.stream)
                if scope.cancelled_caught:
                    self.lost(Failure(f"did not read for {STUCK_AFTER:g} s", lost=True))
                    break
                self._stuck_since = None
                self.write()
        except StreamFailed as exc:
            self._failed(exc)
        self._interrupt()

    def _interrupt(self) -> None:
        """End the holder's wait for bytes, which loses nothing."""
        if self._reading is not None:
            self._reading.cancel()

    def read_nowait(self) -> bool:
        """Take what has arrived, without waiting; return whether the connection lives."""
        engine = self._engine
        if self._holder is not None:
            # It reads, or has in hand what must be taken first.
            return engine.failure is None
        try:
            for _ in range(_MOST_READS):
                data = None if engine.failure is not None else receive_what_is_there(self.stream)
                if data is None:
                    break
                self._feed(data)
            else:
                self.lost(Failure("sent without end what nobody asked for", lost=True))
        except StreamFailed as exc:
            self._failed(exc)
        self.write()
        return engine.failure is None

    # --- writing ---

    def queued(self) -> None:
        """Send what was queued, now or with what others queue in this turn of the event loop."""
        if self._about_to_write:
            return
        self.write()
        if self._stuck_since is not None:
            # The holder is to write while it reads.
            self._interrupt()

    def write(self) -> None:
        """Send as much of what is queued as takes no waiting."""
        engine = self._engine
        try:
            while self._stuck_since is None:
                data = engine.take(_BATCH)
                if not data:
                    return
                if not send_what_goes(self.stream, data):
                    self._stuck_since = time.monotonic()
        except StreamFailed as exc:
            self._failed_to_send(exc)

    @property
    def stuck(self) -> bool:
        """Whether what was queued has not gone for so long that the connection is dead."""
        since = self._stuck_since
        return since is not None and time.monotonic() - since > STUCK_AFTER

    def _failed_to_send(self, exc: StreamFailed) -> None:
        """Note that the connection has failed; what the peer said before still counts."""
        try:
            while self._engine.failure is None:
                data = receive_what_is_there(self.stream)
                if data is None:
                    break
                self._engine.feed(data)
        except StreamFailed:
            pass
        self._failed(exc)

    # --- ending ---

    def _failed(self, exc: StreamFailed) -> None:
        self.lost(Failure("closed the connection", lost=True, cause=exc.cause))

    def lost(self, failure: Failure) -> None:
        """End the connection and all of its streams."""
        self._engine.fail(failure)
        self._end()

    def _end(self) -> None:
        """Say why, if that takes no waiting, and close."""
        if self._stuck_since is None:
            try:
                data = self._engine.take(0)
                if data:
                    send_what_goes(self.stream, data)
            except StreamFailed:
                pass
        self.stream.abort()
        self._interrupt()

    async def close(self) -> None:
        """Say goodbye without waiting for the peer, and close."""
        self._engine.say_goodbye()
        self.write()
        await self.stream.aclose()
