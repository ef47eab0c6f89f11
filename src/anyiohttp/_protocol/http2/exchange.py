"""A response that is read from its stream.

Knows: the stream, how to wait for more of it.
Must not know: the other streams.
Called by: ``connection`` makes it; the response reads it.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

from ..._net.call import Call
from ..._net.deadlines import Phase
from ..._net.streams import NetworkStream
from ...exceptions import ClientConnectionError, ClientPayloadError, ServerTimeoutError
from ..base import Exchange, RawHeaders
from .engine import Engine
from .failures import failure_of_body
from .streams import Stream
from .tunnel import TunnelStream
from .wire import Wire

__all__ = ("HTTP2Exchange",)

#: At most so many bytes of a body are given out at a time.
_PIECE = 256 * 1024


class _Shared(Protocol):
    """What an exchange needs of its connection."""

    @property
    def engine(self) -> Engine: ...
    @property
    def wire(self) -> Wire: ...


class HTTP2Exchange(Exchange):
    """A response whose head is there.

    Args:
        connection: which carries it.
        state: of its stream, with a head.
        call: whose limits apply.
    """

    _released = False
    _error: Exception | None = None

    def __init__(self, connection: _Shared, state: Stream, call: Call) -> None:
        assert state.head is not None
        self._engine = connection.engine
        self._wire = connection.wire
        self._state = state
        self._call = call
        self._taken = False
        self.head = state.head

    def __repr__(self) -> str:
        return f"<HTTP2Exchange {self.head.status} {self._state!r}>"

    @property
    def stream(self) -> NetworkStream | None:  # type: ignore[override]
        """Carries the exchange; ``None`` once it has ended."""
        return None if self._state.closed and not self._awaits_upgrade else self._wire.stream

    @property
    def _awaits_upgrade(self) -> bool:
        """Whether there is a tunnel to be handed over; what came through it can still be read,
        also if the peer has ended it meanwhile.
        """
        return self._state.tunnel and not (self._taken or self._released)

    @property
    def request_sent(self) -> bool:  # type: ignore[override]
        """Whether all of the request has been passed on; the rest may go out as others wait."""
        return self._state.local_ended or self._state.finished

    @property
    def upload_error(self) -> Exception | None:  # type: ignore[override]
        """What the request's body came to grief by."""
        failure = self._state.failure
        return None if failure is None else failure.upload

    @property
    def trailers(self) -> RawHeaders:
        return self._state.trailers

    @property
    def complete(self) -> bool:
        return self._state.remote_ended and self._state.failure is None

    async def receive(self) -> bytes:
        state = self._state
        while True:
            data = self.receive_nowait()
            if data is not None:
                return data
            state.reader.signalled = False
            try:
                await self._wire.wait(state.reader, self._call, Phase.SOCK_READ)
            except BaseException as exc:
                self._wait_failed(exc)

    def receive_nowait(self) -> bytes | None:
        state = self._state
        if state.tunnel:
            return self._after_the_last() if state.closed else None
        if state.buffered:
            data = self._engine.read(state, _PIECE)
            if self._engine.owes_window:
                self._wire.queued()
            return data
        if state.remote_ended or state.closed:
            return self._after_the_last()
        return None

    def raise_if_overdue(self) -> None:
        if self._state.closed or self._state.remote_ended:
            return
        try:
            self._call.raise_if_overdue()
        except ServerTimeoutError as exc:
            self._wait_failed(exc)

    def release(self) -> None:
        if self._awaits_upgrade or not (self._state.closed or self._taken):
            self._give_up()

    def upgrade(self) -> NetworkStream:
        if not self._state.tunnel:
            raise RuntimeError(f"{self.head.status} does not hand the stream over")
        if not self._awaits_upgrade:
            raise ClientConnectionError("the exchange was released")
        self._taken = True
        return TunnelStream(self._engine, self._wire, self._state)

    def _give_up(self) -> None:
        self._released = True
        self._state.discard()
        self._engine.reset(self._state)
        self._wire.queued()

    def _after_the_last(self) -> bytes:
        state = self._state
        if self._error is not None:
            raise self._error
        if state.failure is not None:
            self._error = failure_of_body(state.failure, self._call.host)
            raise self._error
        if self._released or not state.remote_ended:
            raise ClientConnectionError("the exchange was released")
        return b""

    def _wait_failed(self, exc: BaseException) -> NoReturn:
        self._give_up()
        if isinstance(exc, ServerTimeoutError):
            self._error = ClientPayloadError(str(exc))
        raise exc
