"""A stream of HTTP/2 as a stream of bytes: after CONNECT (RFC 9113 8.5), also of RFC 8441.

Knows: one stream, how to wait for it.
Must not know: what the bytes mean.
Called by: ``exchange`` makes it; a WebSocket or a tunnel uses it like any other `NetworkStream`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

from ..._net.streams import MAX_READ, DeadlinePassed, NetworkStream
from .engine import Engine
from .streams import Stream
from .wire import Wire

__all__ = ("TunnelStream",)


class TunnelStream(NetworkStream):
    """The bytes that go through one stream of a connection.

    Closing it ends the stream and nothing else.

    Args:
        engine: of the connection.
        wire: likewise.
        state: of the stream.
    """

    def __init__(self, engine: Engine, wire: Wire, state: Stream) -> None:
        self._engine = engine
        self._wire = wire
        self._state = state
        self._closed = False

    def __repr__(self) -> str:
        return f"<TunnelStream {self._state!r}>"

    # --- receiving ---

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if self._closed:
            raise anyio.ClosedResourceError
        state = self._state
        data = self._engine.read(state, max_bytes)
        if data:
            if self._engine.owes_window:
                self._wire.queued()
            return data
        if state.remote_ended:
            raise anyio.EndOfStream
        if state.closed:
            raise self._broken()
        raise anyio.WouldBlock

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        return await self.receive_before(math.inf, max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        await checkpoint_if_cancelled()
        if deadline != math.inf and anyio.current_time() >= deadline:
            raise DeadlinePassed
        reader = self._state.reader
        while True:
            try:
                return self.receive_nowait(max_bytes)
            except anyio.WouldBlock:
                reader.signalled = False
                await self._wire.wait_before(reader, deadline)

    # --- sending ---

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        self._check_writable()
        state = self._state
        if state.outgoing:
            raise anyio.BusyResourceError("writing to")
        if data:
            self._engine.send(state, bytes(data), end=False)
            self._wire.queued()
        return not state.outgoing

    async def flush(self) -> None:
        state = self._state
        if not state.outgoing:
            self._check_writable()
            await checkpoint()
            return
        while state.outgoing:
            state.writer.signalled = False
            await self._wire.wait_before(state.writer, math.inf)
        self._check_writable()

    def _check_writable(self) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._state.closed or self._state.local_ended:
            raise self._broken()

    def _broken(self) -> Exception:
        failure = self._state.failure
        error = anyio.BrokenResourceError("the peer " + failure.reason if failure else "")
        if failure is not None and failure.cause is not None:
            error.__cause__ = failure.cause
        return error

    # --- ending ---

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._state.discard()
        self._engine.reset(self._state)
        self._wire.queued()

    async def aclose(self) -> None:
        """Reset the stream; never waits for the peer.

        An empty DATA frame that ends it would be gentler, but a server that is done with the stream
        may not expect one: hypercorn (0.17) then drops the connection, with all other streams.
        """
        self.abort()
        await checkpoint()

    @property
    def encrypted(self) -> bool:
        return self._wire.stream.encrypted

    @property
    def alpn_protocol(self) -> str | None:
        return self._wire.stream.alpn_protocol

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._wire.stream.extra_attributes
