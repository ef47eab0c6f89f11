"""The peer's end of an HTTP/2 connection, for a script that plays a server frame by frame.

Knows: ``h2`` from the server's side; ``hyperframe`` for what no well-behaved server sends.
Must not know: who listens where, what the client is.
Called by: scripts given to `MemoryNetwork.listen`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import anyio
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import StreamClosedError, StreamIDTooLowError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame

from .peers import Peer

__all__ = ("HTTP2Peer",)

E = TypeVar("E", bound=Event)

#: What ``h2`` says of a stream that the client has reset; the other, once it has forgotten it.
_GIVEN_UP = (StreamClosedError, StreamIDTooLowError)

_CONFIG = H2Configuration(
    client_side=False,
    header_encoding="utf-8",
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class HTTP2Peer:
    """One HTTP/2 connection, seen from the server.

    What it sends through `respond` and `send_data` is well-formed and waits for the client's
    windows; a stream that the client has reset is passed over. `send_frames` and `send` send
    anything. What the client sends is read only while the script waits for it.

    Args:
        peer: the connection.
        settings: of ours, by their codes; ``h2``'s defaults otherwise.

    Attributes:
        peer: the connection.
        h2: the protocol's state, to be looked at or changed.
        events: everything that has come, as ``h2``'s events, in order.
    """

    def __init__(
        self, peer: Peer, settings: Mapping[SettingCodes | int, int] | None = None
    ) -> None:
        self.peer = peer
        self.h2 = H2Connection(_CONFIG)
        self.events: list[Event] = []
        self._seen = 0
        if settings:
            self.h2.local_settings = Settings(client=False)
            self.h2.local_settings.update(dict(settings))
            self.h2.local_settings.acknowledge()
            self.h2.decoder.max_allowed_table_size = max(
                4096, self.h2.local_settings.header_table_size
            )
            self.h2.max_inbound_frame_size = self.h2.local_settings.max_frame_size
        self.h2.initiate_connection()

    def __repr__(self) -> str:
        return f"<HTTP2Peer of {self.peer!r}>"

    # --- receiving ---

    async def next_event(self) -> Event:
        """Return the client's next event; what is to be sent is sent before it is waited for."""
        while self._seen == len(self.events):
            await self.flush()
            self.events += self.h2.receive_data(await self.peer.stream.receive())
        self._seen += 1
        return self.events[self._seen - 1]

    async def wait_for(self, kind: type[E], stream: int | None = None) -> E:
        """Return the next event of a kind; those before it are passed over.

        Args:
            kind: the event's class.
            stream: the stream it must be of; any, if ``None``.
        """
        while True:
            event = await self.next_event()
            of_stream = stream is None or getattr(event, "stream_id", None) == stream
            if isinstance(event, kind) and of_stream:
                await self.flush()
                return event

    async def request(self) -> RequestReceived:
        """Return the next request, when its head is there."""
        return await self.wait_for(RequestReceived)

    async def body_of(self, stream: int) -> bytes:
        """Return a request's body, whose window is given back as it is read."""
        parts = [
            event.data
            for event in self.events[: self._seen]
            if isinstance(event, DataReceived) and event.stream_id == stream
        ]
        seen = self.events[: self._seen]
        ended = any(isinstance(e, StreamEnded) and e.stream_id == stream for e in seen)
        while not ended:
            event = await self.next_event()
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, DataReceived):
                parts.append(event.data)
                self.acknowledge(event)
            elif isinstance(event, StreamReset):
                raise AssertionError(f"the client reset stream {stream}: {event.error_code!r}")
            ended = isinstance(event, StreamEnded)
        await self.flush()
        return b"".join(parts)

    def acknowledge(self, event: DataReceived) -> None:
        """Give the window of received data back."""
        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def count(self, kind: type[Event]) -> int:
        """Return how many events of a kind have come."""
        return sum(isinstance(event, kind) for event in self.events)

    # --- sending ---

    async def respond(
        self,
        stream: int,
        body: bytes = b"",
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (),
        end: bool = True,
    ) -> None:
        """Send a response's head, and its body if there is one.

        Args:
            stream: the stream's number.
            body: sent as the windows allow.
            status: the status.
            headers: more fields.
            end: whether nothing follows.
        """
        fields = [(":status", str(status)), *headers]
        await self.send_fields(stream, fields, end=end and not body)
        if body:
            await self.send_data(stream, body, end=end)

    async def send_fields(
        self, stream: int, fields: Sequence[tuple[str, str]], *, end: bool = False
    ) -> None:
        """Send fields: an informational response, a head, or trailers, which end the stream."""
        state = self.h2.streams.get(stream)
        # Of a stream that is over, h2 says so in several ways: for a 1xx, as of any wrong order.
        if state is None or not state.closed:
            with suppress(*_GIVEN_UP):
                self.h2.send_headers(stream, fields, end_stream=end)
        await self.flush()

    async def send_data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a part of a body, as the windows allow."""
        with suppress(*_GIVEN_UP):
            await self._send_data(stream, data, end=end)
        await self.flush()

    async def _send_data(self, stream: int, data: bytes, *, end: bool) -> None:
        view = memoryview(data)
        while view:
            window = self.h2.local_flow_control_window(stream)
            count = min(len(view), window, self.h2.max_outbound_frame_size)
            if count <= 0:
                await self.wait_for(WindowUpdated)
                continue
            last = end and count == len(view)
            self.h2.send_data(stream, bytes(view[:count]), end_stream=last)
            view = view[count:]
            await self.flush()
        if end and not data:
            self.h2.end_stream(stream)

    async def send_frames(self, *frames: Frame) -> None:
        """Send frames as they are, in one write, behind what else is to be sent."""
        await self.flush(b"".join(frame.serialize() for frame in frames))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.flush(data)

    async def flush(self, more: bytes = b"") -> None:
        """Send what is to be sent, and then ``more``."""
        data = self.h2.data_to_send() + more
        if data:
            await self.peer.stream.send(data)

    async def wait_closed(self) -> None:
        """Read until the client has gone."""
        try:
            while True:
                await self.next_event()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass
