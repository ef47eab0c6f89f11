"""One connection of a server that speaks HTTP/2: the same handlers, many at a time.

Knows: ``h2`` from the server's side, flow control.
Must not know: sockets, routes.
Called by: `anyiohttp.testing.network`, in a task for each connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from urllib.parse import parse_qsl, unquote

import anyio
from anyio.abc import ByteStream, TaskGroup
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame
from multidict import CIMultiDict, MultiDict

from ..._net.failures import NETWORK_FAILURES
from .connection import Handler
from .messages import Request, Response

__all__ = ("serve_http2_connection",)

logger = logging.getLogger("anyiohttp.testing.server")

_CONFIG = H2Configuration(client_side=False, header_encoding="utf-8")


async def serve_http2_connection(
    stream: ByteStream,
    handler: Handler,
    *,
    secure: bool,
    on_request: Callable[[], None],
    settings: Mapping[SettingCodes | int, int] | None = None,
) -> None:
    """Answer requests until the client ends the connection.

    Args:
        stream: the connection; it is not closed here.
        handler: answers.
        secure: whether the connection is TLS.
        on_request: called for each request head that arrived.
        settings: of ours, by their codes.
    """
    connection = _Connection(stream, handler, secure=secure, on_request=on_request)
    try:
        await connection.run(settings or {})
    except anyio.EndOfStream:
        pass
    except NETWORK_FAILURES as exc:
        logger.debug("a client vanished: %r", exc)


class _Stream:
    """What has come of a request, and who waits for more."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.ended = False
        self.gone = False
        self.trailers: CIMultiDict[str] = CIMultiDict()
        self.changed = anyio.Event()

    def change(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()


class _StreamGone(Exception):
    """The client has reset the stream."""


#: What ends a connection, and what ends a stream.
_ENDS: tuple[type[Exception], ...] = (anyio.EndOfStream, ProtocolError, *NETWORK_FAILURES)
_GONE: tuple[type[Exception], ...] = (_StreamGone, ProtocolError, *NETWORK_FAILURES)


class _Request(Request):
    """A request of a stream."""

    def __init__(
        self, connection: _Connection, number: int, state: _Stream, event: RequestReceived
    ) -> None:
        fields = [(str(name), str(value)) for name, value in event.headers]
        pseudo = dict(fields)
        self.method, self.version = pseudo[":method"], (2, 0)
        self.target = pseudo.get(":path", "")
        path, _, query = self.target.partition("?")
        self.path = unquote(path)
        self.query = MultiDict(parse_qsl(query, keep_blank_values=True))
        self.headers = CIMultiDict((name, value) for name, value in fields if name[0] != ":")
        self.headers["Host"] = pseudo[":authority"]
        if ":protocol" in pseudo:  # RFC 8441; what handlers look at
            self.headers["Upgrade"] = pseudo[":protocol"]
            self.headers["Sec-WebSocket-Key"] = ""
        self.secure = connection.secure
        self.params = ()
        self.continued = False
        self.resources = AsyncExitStack()
        self._connection = connection
        self._number = number
        self._state = state

    @property
    def body_ended(self) -> bool:
        return self._state.ended and not self._state.parts

    @property
    def trailers(self) -> CIMultiDict[str]:
        return self._state.trailers

    async def receive(self) -> bytes:
        if self.expects_continue and not self.continued and not self.body_ended:
            self.continued = True
            await self._connection.send_head(self._number, [(":status", "100")])
        return await self._connection.receive(self._number, self._state)

    async def wait_client_gone(self) -> None:
        while not self._state.gone:
            await self._state.changed.wait()


#: What an answer to Upgrade says, and one to an extended CONNECT does not.
_OF_HTTP1 = ("connection", "upgrade", "sec-websocket-accept", "content-length")


class _Tunnel(ByteStream):
    """A stream's bytes, for who speaks on it after CONNECT."""

    def __init__(self, connection: _Connection, number: int) -> None:
        self._connection = connection
        self._number = number

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data = await self._connection.receive_of(self._number)
        if not data:
            raise anyio.EndOfStream
        return data

    async def send(self, item: bytes) -> None:
        await self._connection.send_data(self._number, item)

    async def send_eof(self) -> None:
        """Sent when the speaking is over."""

    async def aclose(self) -> None:
        """The stream ends when the speaking is over."""


class _Connection:
    def __init__(
        self, stream: ByteStream, handler: Handler, *, secure: bool, on_request: Callable[[], None]
    ) -> None:
        self.secure = secure
        self._stream = stream
        self._handler = handler
        self._on_request = on_request
        self._h2 = H2Connection(_CONFIG)
        self._streams: dict[int, _Stream] = {}
        self._sending = anyio.Lock()
        self._tasks: TaskGroup | None = None
        self._over = False  # end with the last stream

    async def run(self, settings: Mapping[SettingCodes | int, int]) -> None:
        h2 = self._h2
        if settings:
            h2.local_settings = Settings(client=False)
            h2.local_settings.update(dict(settings))
            h2.local_settings.acknowledge()
            h2.decoder.max_allowed_table_size = max(4096, h2.local_settings.header_table_size)
            h2.max_inbound_frame_size = h2.local_settings.max_frame_size
        h2.initiate_connection()
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                await self._flush()
                while True:
                    for event in h2.receive_data(await self._stream.receive()):
                        self._take(event, tasks)
                    await self._flush()
            except _ENDS as exc:
                failure = exc
            tasks.cancel_scope.cancel()
        self._tasks = None
        if failure is not None and not isinstance(failure, ProtocolError):
            raise failure

    def _take(self, event: Event, tasks: TaskGroup) -> None:
        if isinstance(event, ConnectionTerminated):
            raise anyio.EndOfStream
        number = getattr(event, "stream_id", 0)
        if isinstance(event, RequestReceived) and not self._over:
            state = self._streams[number] = _Stream()
            self._on_request()
            tasks.start_soon(self._serve, number, state, event)
        state = self._streams.get(number or 0, _Stream())
        if isinstance(event, DataReceived):
            state.parts.append(event.data)
            if number not in self._streams:
                self._h2.acknowledge_received_data(event.flow_controlled_length, number)
        elif isinstance(event, TrailersReceived):
            state.trailers.extend((str(name), str(value)) for name, value in event.headers)
        elif isinstance(event, StreamReset):
            state.gone = True
            self._give_back(number, state)
        elif isinstance(event, StreamEnded):
            state.ended = True
        for each in self._streams.values() if not number else (state,):
            each.change()

    async def _serve(self, number: int, state: _Stream, event: RequestReceived) -> None:
        request = _Request(self, number, state, event)
        try:
            async with request.resources:
                response = await self._answer(request)
                await self._write(number, request, response)
            if not request.body_ended and not state.gone:
                self._give_back(number, state)
                self._h2.reset_stream(number, ErrorCodes.NO_ERROR)
                await self._flush()
            if response.close:
                self._over = True
                last = self._h2.highest_inbound_stream_id
                await self._send(GoAwayFrame(0, last_stream_id=last).serialize())
            self._over = self._over or response.silent_close
        except _GONE:
            pass
        finally:
            del self._streams[number]
            if self._over and not self._streams and self._tasks is not None:
                self._tasks.cancel_scope.cancel()

    async def _answer(self, request: _Request) -> Response:
        try:
            return await self._handler(request)
        except _GONE:
            raise
        except Exception as exc:
            logger.exception("a handler failed")
            return Response(500, f"{exc!r}\n".encode())

    async def _write(self, number: int, request: Request, response: Response) -> None:
        fields = [(":status", str(response.status))]
        fields += [(name.lower(), value) for name, value in response.headers]
        size = response.size if response.writer is not None else len(response.body)
        if size is not None and response.status not in (204, 304):
            fields.append(("content-length", str(size)))
        bodyless = request.method == "HEAD" or response.status in (204, 304)
        if response.takeover is not None:
            fields = [(":status", "200"), *((n, v) for n, v in fields[1:] if n not in _OF_HTTP1)]
            await self.send_head(number, fields)
            await response.takeover(_Tunnel(self, number), b"")
            self._check(number)
            self._h2.end_stream(number)
            await self._flush()
            return
        trailers = [(name.lower(), value) for name, value in response.trailers]
        empty = bodyless or (response.writer is None and not response.body)
        await self.send_head(number, fields, end=empty and not trailers)
        if not empty:
            if response.writer is None:
                await self.send_data(number, response.body)
            else:
                await response.writer(lambda data: self.send_data(number, data))
        if trailers:
            await self.send_head(number, trailers, end=True)
        elif not empty:
            self._check(number)
            self._h2.end_stream(number)
            await self._flush()

    # --- what handlers need ---

    async def receive(self, number: int, state: _Stream) -> bytes:
        """Return the next part of a request's body; ``b""`` at its end."""
        while not state.parts:
            if state.gone:
                raise _StreamGone
            if state.ended:
                return b""
            await state.changed.wait()
        data = b"".join(state.parts)
        self._give_back(number, state)
        await self._flush()
        return data

    def _give_back(self, number: int, state: _Stream) -> None:
        """Let the client send more in the place of what was read, or will not be."""
        size = sum(map(len, state.parts))
        state.parts.clear()
        if size:
            self._h2.acknowledge_received_data(size, number)

    async def receive_of(self, number: int) -> bytes:
        """Return the next part of what comes on a stream; ``b""`` at its end."""
        return await self.receive(number, self._streams[number])

    async def send_head(
        self, number: int, fields: list[tuple[str, str]], *, end: bool = False
    ) -> None:
        """Send fields."""
        self._check(number)
        self._h2.send_headers(number, fields, end_stream=end)
        await self._flush()

    async def send_data(self, number: int, data: bytes) -> None:
        """Send a part of a body, as the windows allow."""
        view = memoryview(data)
        while view:
            self._check(number)
            window = self._h2.local_flow_control_window(number)
            count = min(len(view), window, self._h2.max_outbound_frame_size)
            if count <= 0:
                await self._streams[number].changed.wait()
                continue
            self._h2.send_data(number, bytes(view[:count]))
            view = view[count:]
            await self._flush()

    def _check(self, number: int) -> None:
        if self._streams[number].gone:
            raise _StreamGone

    async def _flush(self) -> None:
        await self._send(b"")

    async def _send(self, more: bytes) -> None:
        async with self._sending:
            data = self._h2.data_to_send() + more
            if data:
                await self._stream.send(data)
