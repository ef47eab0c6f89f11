"""HTTP/2 on one stream: as many exchanges at a time as the peer allows.

Knows: the life of an exchange, when the connection takes another.
Must not know: pools, keys, policies; what bodies mean.
Called by: ``opening`` makes it; the pool reserves and probes; the pipeline exchanges.

The life of an exchange::

    reserve ── exchange ─┬─ plan      pure; InvalidRequestError leaves the connection untouched
                         ├─ probe     a PING, if nothing was heard for a while
                         ├─ open      the head is queued
                         ├─ Upload    the body, if there is one
                         ├─ wait      until the final head
                         └─ HTTP2Exchange ── … ── the stream is closed

Whatever goes wrong with an exchange resets its stream. Only what the peer does to the connection
ends the connection.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

from ..._net.call import Call
from ..._net.deadlines import Phase, timeout_error
from ..._net.streams import DeadlinePassed, NetworkStream
from ...exceptions import ClientConnectionError, ServerDisconnectedError
from ..base import HTTP_20, Body, HTTPConnection, RequestHead
from .engine import Engine
from .exchange import HTTP2Exchange
from .failures import failure_of_head
from .mapping import RequestPlan, plan_request
from .streams import Failure, Stream
from .upload import Upload, await_continue, drained, is_to_stop
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("HTTP2Connection",)

#: After so many seconds without a word from the peer, or once somebody has waited too long for one,
#: it is asked for one before it is given a request.
PING_AFTER = 5.0
#: How long its answer may take.
PING_TIMEOUT = 2.0
#: How long a polite close may take.
CLOSE_TIMEOUT = 1.0


class HTTP2Connection(HTTPConnection):
    """A connection that speaks HTTP/2.

    Args:
        stream: connected, with TLS if there is to be TLS; the connection owns it.

    Attributes:
        engine: the protocol's state.
        wire: moves the bytes.
    """

    version = HTTP_20
    multiplexes = True
    settled = False
    in_flight = 0

    def __init__(self, stream: NetworkStream) -> None:
        self.stream = stream
        self.on_change: Callable[[HTTPConnection], None] | None = None
        self.engine = Engine(self._stream_closed, self._limits_changed)
        self.wire = Wire(stream, self.engine)
        self.capacity = 1
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if not self.capacity else f"{self.in_flight} of {self.capacity}"
        return f"<HTTP2Connection {state} over {self.stream!r}>"

    def usable(self) -> bool:
        return self.capacity > 0 and not self.wire.stuck and self.wire.read_nowait()

    def reserve(self) -> None:
        self.in_flight += 1

    def unreserve(self) -> None:
        self.in_flight -= 1
        self._changed()

    async def exchange(self, head: RequestHead, body: Body, call: Call) -> HTTP2Exchange:
        assert self.in_flight, "reserve a place first"
        state: Stream | None = None
        upload: Upload | None = None
        try:
            if body == b"":
                body = None
            plan = plan_request(head, _size(body), has_body=body is not None)
            await self._check(head, call)
            state = self._open(head, body, plan)
            if body is not None and not state.local_ended:
                upload = Upload(self.engine, self.wire, state, call, plan.length)
            await self._converse(state, head, call, upload, body)
            return HTTP2Exchange(self, state, call)
        except BaseException:
            if upload is not None:
                await upload.stop()
            if state is None:
                self.unreserve()
            else:
                self.engine.reset(state)
                self.wire.queued()
            raise

    async def _check(self, head: RequestHead, call: Call) -> None:
        """See that a stream can be opened and that the peer is there.

        Raises:
            ClientConnectionError: the peer does not know what is asked for.
            ServerDisconnectedError: neither; nothing of the request was sent.
            ServerTimeoutError: a limit of the call ran out.
        """
        engine = self.engine
        if engine.failure is None and (
            time.monotonic() - self.wire.heard > PING_AFTER
            # What the peer can do is known once it has said anything.
            or (head.protocol is not None and not engine.settled)
        ):
            await self._probe(call)
        if engine.failure is not None:
            failure = engine.failure
            raise failure_of_head(
                Failure(failure.reason, lost=True, unprocessed=True, cause=failure.cause),
                head,
                call.host,
                heard=False,
            )
        if not engine.can_open:
            # What the place was granted for has changed since.
            error = ServerDisconnectedError(f"{call.host} takes no more requests here")
            error.unprocessed = error.unanswered = True
            raise error

        if head.protocol is not None and not engine.extended_connect:
            raise ClientConnectionError(
                f"{call.host} does not offer {head.protocol} over HTTP/2 (RFC 8441)"
            )

    async def _probe(self, call: Call) -> None:
        answer = self.engine.ping()
        deadline, ran_out = call.next_deadline(Phase.TOTAL)
        bound = anyio.current_time() + PING_TIMEOUT
        try:
            await self.wire.wait_before(answer, min(deadline, bound))
        except DeadlinePassed:
            if deadline < bound:
                raise timeout_error(call, ran_out) from None
            self.wire.lost(Failure(f"did not answer a PING in {PING_TIMEOUT:g} s", lost=True))

    def _open(self, head: RequestHead, body: Body, plan: RequestPlan) -> Stream:
        end = not plan.tunnel and (body is None or plan.length == 0)
        return self.engine.open(plan.fields, head.method, head.limits, end=end)

    async def _converse(
        self, state: Stream, head: RequestHead, call: Call, upload: Upload | None, body: Body
    ) -> None:
        """Send the body and wait for the final head."""
        wire = self.wire
        if upload is not None and body is not None:
            if head.expect_continue:
                await await_continue(state, wire, call)
            if state.head is None and not state.closed:
                await upload.send(body)
        while state.head is None and not state.closed:
            state.reader.signalled = False
            if state.outgoing and not call.timeout.send:
                await wire.wait(state.reader, call, Phase.TOTAL)
            elif state.outgoing:
                state.writer.signalled = False
                await wire.wait(state.writer, call, Phase.SEND)
            else:
                phase = Phase.SOCK_READ if state.local_ended or state.tunnel else Phase.TOTAL
                await wire.wait(state.reader, call, phase)
        if state.head is None:
            failure = state.failure or Failure("was left")
            raise failure_of_head(failure, head, call.host, heard=state.heard)
        if upload is not None and not state.local_ended:
            # Finish what is at hand, if nobody owns it and the peer takes it before its answer is
            # read; stop it, if it has become pointless.
            owned = call.spawn is not None
            if not owned:
                await drained(state, wire, call, self.engine)
            if is_to_stop(state):
                await upload.stop()

    # --- what the engine tells us ---

    def _stream_closed(self, stream: Stream) -> None:
        self.in_flight -= 1
        self._changed()

    def _limits_changed(self) -> None:
        engine = self.engine
        self.settled = engine.settled or engine.closing
        self.extended_connect = engine.extended_connect
        self.capacity = 0 if engine.closing else engine.max_streams
        self._changed()

    # --- ending ---

    def abort(self) -> None:
        self.capacity = 0
        reason = "is not connected any more: the connection was closed"
        self.wire.lost(Failure(reason, lost=True, closed_here=True))
        self.stream.abort()
        self._changed()

    async def aclose(self) -> None:
        """Close with a GOAWAY, and over TLS with a goodbye, without waiting for the peer's.

        Cancellation closes the stream at once.
        """
        self.capacity = 0
        try:
            with anyio.move_on_after(CLOSE_TIMEOUT):
                await self.wire.close()
        finally:
            self.abort()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change(self)


def _size(body: Body) -> int | None:
    if body is None or isinstance(body, bytes):
        return len(body or b"")
    return body.size
