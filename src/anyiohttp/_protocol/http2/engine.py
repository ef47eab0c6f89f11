"""One HTTP/2 connection without its socket: bytes in, bytes out, streams in between.

Knows: ``h2``, which speaks the protocol; what becomes of each frame.
Must not know: sockets, tasks, who waits.
Called by: ``connection`` and ``wire``.

Four kinds of frames do not go through ``h2``, because it would let one stream harm the others:

* HEADERS. ``h2`` ends the whole connection when one response is wrong. It is told of heads and ends
  that are in order; what is wrong with others is the misfortune of their streams alone.
* DATA. ``h2`` answers each frame that comes for a cancelled stream with one RST_STREAM more, which
  servers cut connections for, and ends the whole connection when one body does not match its
  Content-Length. `streams` keeps those books. (It also makes a download cost a third.)
* GOAWAY. ``h2`` closes at once; here the streams that the peer still serves go on.
* RST_STREAM and WINDOW_UPDATE for streams that are over, which are nobody's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from h2.errors import ErrorCodes
from h2.events import (
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    SettingsAcknowledged,
    StreamReset,
)
from h2.exceptions import ProtocolError
from hpack import Decoder, HPACKError

from ..base import MessageLimits
from .codec import MAX_FIELDS, MAX_FRAME, Fields, new_client
from .frames import (
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
    FrameError,
    FrameReader,
    code_name,
    data_payload,
    empty_headers,
    head_of_200,
    header_block,
    whole_frame,
    window_update,
)
from .heads import take_fields
from .streams import (
    CONNECTION_WINDOW,
    Allowance,
    Budget,
    Failure,
    GrowingWindow,
    SharedWindow,
    Stream,
    Waiter,
)

__all__ = ("Engine",)

#: More streams at a time than this are not asked of any peer.
MAX_STREAMS = 256
#: No stream of a client has a higher number.
_LAST_STREAM = 2**31 - 1
#: One frame of an upload at most, so that others get their turn.
_PIECE = 16 * 1024
#: So much of a body goes before the peer has said how large its windows are. It may end a stream
#: that has overrun a window that it only was about to make smaller (RFC 9113 6.9.3): nghttp2 does.
_EARLY = 4 * 1024


class Engine:
    """A client's side of a connection.

    Args:
        on_closed: told of each stream that is over, once.
        on_change: told when `max_streams` or `closing` may have changed.
        clock: what time it is, in seconds.

    Attributes:
        streams: those that are not over, by number.
        max_streams: how many the peer allows; 1 until it has said so.
        settled: whether it has said so.
        closing: whether no stream can be opened any more.
        failure: why the connection failed, if it did.
        extended_connect: whether the peer knows RFC 8441.
    """

    def __init__(
        self,
        on_closed: Callable[[Stream], None],
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_closed = on_closed
        self._on_change = on_change
        self._clock = clock
        self.streams: dict[int, Stream] = {}
        self.max_streams = 1
        self.settled = False
        self.closing = False
        self.failure: Failure | None = None
        self.extended_connect = False
        self._pings: list[Waiter] = []
        self._reader = FrameReader(MAX_FRAME, MAX_FIELDS)
        self._window = SharedWindow(CONNECTION_WINDOW)
        self._allowance = Allowance()
        self._budget = Budget()
        self._credits = bytearray()
        self._senders: dict[Stream, None] = {}
        self._piece = _EARLY
        self._last_opened = -1
        self._round_trip = 0.0
        self._began = clock()
        self._h2 = new_client()
        self._decoder = Decoder(MAX_FIELDS)
        self._credits += self._h2.data_to_send() + window_update(0, CONNECTION_WINDOW - 65535)

    def __repr__(self) -> str:
        return f"<Engine streams={len(self.streams)} of {self.max_streams}>"

    # --- what we say ---

    @property
    def can_open(self) -> bool:
        """Whether another stream can be opened now."""
        return not self.closing and len(self.streams) < self.max_streams

    def open(self, fields: Fields, method: str, limits: MessageLimits, *, end: bool) -> Stream:
        """Open a stream with a request's fields.

        Args:
            fields: the fields.
            method: the request's.
            limits: of the response's head.
            end: whether nothing follows.
        """
        h2 = self._h2
        number = h2.get_next_available_stream_id()
        h2.send_headers(number, fields, end_stream=end)
        stream = Stream(number, method, limits, GrowingWindow(self._allowance))
        stream.local_ended = stream.finished = end
        self.streams[number] = stream
        self._last_opened = number
        self._budget.earn(2)  # for a head and a reset, should it be given up
        most = limits.max_headers * limits.max_field_size
        if most > self._decoder.max_header_list_size:
            self._decoder.max_header_list_size = self._reader.max_block = most
        if number + 2 > _LAST_STREAM:
            self._close_for_new()
        return stream

    def send(self, stream: Stream, data: bytes | memoryview, *, end: bool) -> None:
        """Give a stream more to send; the last of it must have gone before.

        Args:
            stream: which.
            data: what.
            end: whether nothing follows it.
        """
        if stream.closed or stream.local_ended:
            return
        stream.outgoing = memoryview(data)
        stream.finished = end
        stream.writer.signalled = False
        self._senders[stream] = None

    def stop_sending(self, stream: Stream) -> None:
        """Send no more on a stream; what is heard on it goes on."""
        self._senders.pop(stream, None)
        stream.outgoing = memoryview(b"")
        stream.finished = False
        stream.writer.signal()

    def reset(self, stream: Stream, failure: Failure | None = None) -> None:
        """End a stream, whatever state it is in.

        Args:
            stream: which.
            failure: why, for who still waits for something of it.
        """
        if stream.closed:
            return
        stream.failure = failure
        if self.failure is None:
            self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
        self._close(stream)

    @property
    def owes_window(self) -> bool:
        """Whether the peer is to be told that it may send more."""
        return bool(self._credits)

    def read(self, stream: Stream, max_bytes: int) -> bytes:
        """Take what has come for a stream, and let the peer send more in its place."""
        data = stream.take(max_bytes)
        if data and not stream.remote_ended and not stream.closed:
            now = self._clock()
            more = stream.window.read(len(data), now, self._round_trip)
            if more:
                self._credits += window_update(stream.number, more)
        return data

    def extend(self, stream: Stream) -> bool:
        """Let the peer send more that nobody reads yet; return whether that is still possible."""
        more = 0 if stream.remote_ended or stream.closed else stream.window.extend()
        if more:
            self._credits += window_update(stream.number, more)
        return more > 0

    def ping(self) -> Waiter:
        """Ask the peer whether it is there; what is returned is told of the answer."""
        waiter = Waiter()
        self._pings.append(waiter)
        self._h2.ping(b"anyiohtt")
        return waiter

    def say_goodbye(self) -> None:
        """Tell the peer that the connection ends."""
        if self.failure is None:
            self._h2.close_connection()
            self.closing = True

    def take(self, size: int) -> bytes:
        """Return what is to be sent next: all that steers, and about ``size`` bytes of bodies."""
        h2 = self._h2
        senders = self._senders
        while senders and size > 0:
            sent = 0
            for stream in list(senders):
                count = self._send_piece(stream)
                sent += count
                size -= count
                if size <= 0:
                    break
            if not sent:
                break
        data = h2.data_to_send()
        if self._credits:
            # Before a reset, after which nothing may be said of a stream.
            data = bytes(self._credits) + data
            self._credits.clear()
        return data

    def _send_piece(self, stream: Stream) -> int:
        """Send one frame of a stream's, if its windows allow; return how large."""
        h2 = self._h2
        outgoing = stream.outgoing
        size = len(outgoing)
        if size:
            window = h2.local_flow_control_window(stream.number)
            count = min(size, window, h2.max_outbound_frame_size, self._piece)
            if count <= 0:
                return 0
            if not self.settled:
                self._piece -= count
        else:
            count = 0
        end = stream.finished and count == size
        h2.send_data(stream.number, outgoing[:count], end_stream=end)
        # Some give back both windows for each frame, or for each few bytes that they have read.
        self._budget.earn(3 + count // 128)
        if count == size:
            stream.outgoing = memoryview(b"")
            self._senders.pop(stream, None)
            if end:
                stream.local_ended = True
                self._close_if_over(stream)
            stream.signal()
        else:
            stream.outgoing = outgoing[count:]
            stream.writer.signal()
            # To the end of the line.
            self._senders.pop(stream, None)
            self._senders[stream] = None
        return count or 1

    # --- what we hear ---

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer. What it breaks of the connection's rules fails all streams."""
        if self.failure is not None:
            return
        try:
            frames = self._reader.feed(data)
            if len(self.streams) > 1 and self.settled:
                # Whom it turns away goes elsewhere before those who are served ask for more there.
                frames.sort(key=_is_no_goaway)
            for frame in frames:
                self._take_frame(frame)
            if self._reader.failure is not None:
                raise self._reader.failure
        except FrameError as exc:
            self._break(str(exc), exc.code)
        except ProtocolError as exc:  # h2 has made the GOAWAY
            self._break(str(exc) or type(exc).__name__, None)
        except HPACKError as exc:
            self._break(f"header compression: {exc}", ErrorCodes.COMPRESSION_ERROR)

    def fail(self, failure: Failure) -> None:
        """End the connection and all of its streams."""
        if self.failure is not None:
            return
        self.failure = failure
        self.closing = True
        for stream in list(self.streams.values()):
            self._fail(stream, failure)
        self._senders.clear()
        self._answer_pings()
        self._on_change()

    def _break(self, reason: str, code: int | None) -> None:
        if code is not None:
            self._h2.close_connection(code)
        self.fail(Failure(f"broke the rules of HTTP/2: {reason}", malformed=True))

    def _take_frame(self, frame: Frame) -> None:
        kind, _, number, _ = frame
        if not self.settled and kind != SETTINGS:
            raise FrameError("the first frame is not SETTINGS", ErrorCodes.PROTOCOL_ERROR)
        if kind == DATA:
            self._take_data(frame)
        elif kind == HEADERS:
            self._take_headers(frame)
        elif kind == GOAWAY:
            self._take_goaway(frame)
        elif kind in (WINDOW_UPDATE, RST_STREAM) and number and number not in self.streams:
            self._check_opened(number)
            self._spend()
        else:
            if kind != WINDOW_UPDATE or not self._senders:
                self._spend()
            for event in self._h2.receive_data(whole_frame(frame)):
                self._take_event(event)

    def _take_data(self, frame: Frame) -> None:
        size = len(frame.payload)
        more = self._window.arrived(size)
        if more is None:
            raise FrameError("more data than the window allows", ErrorCodes.FLOW_CONTROL_ERROR)
        if more:
            self._credits += window_update(0, more)
        ends = frame.flags & END_STREAM
        stream = self.streams.get(frame.stream)
        payload = data_payload(frame)
        if payload or ends:
            self._budget.earn()
        else:
            self._spend()
        if stream is None:
            self._check_opened(frame.stream)
            return
        wrong = stream.take_in(payload, size, ends=bool(ends))
        if wrong:
            self._refuse(stream, wrong)
            return
        padding = size - len(payload)
        if padding:
            self._credit_padding(stream, padding)
        if ends:
            self._h2.receive_data(empty_headers(stream.number))
            self._end_remote(stream)
        stream.signal()

    def _credit_padding(self, stream: Stream, padding: int) -> None:
        more = stream.window.read(padding, self._clock(), 0)
        if more:
            self._credits += window_update(stream.number, more)

    def _take_headers(self, frame: Frame) -> None:
        fields = list(self._decoder.decode(header_block(frame.payload), raw=True))
        stream = self.streams.get(frame.stream)
        if stream is None:
            self._check_opened(frame.stream)
            self._spend()
            return
        ends = bool(frame.flags & END_STREAM)
        wrong = take_fields(stream, fields, ends=ends)
        if wrong:
            self._refuse(stream, f"sent {wrong}")
            return
        if stream.head is not None and not stream.shown:
            stream.shown = True
            self._h2.receive_data(head_of_200(stream.number))
        if ends:
            self._h2.receive_data(empty_headers(stream.number))
            self._end_remote(stream)
        stream.signal()

    def _take_goaway(self, frame: Frame) -> None:
        if len(frame.payload) < 8 or frame.stream:
            raise FrameError("an invalid GOAWAY", ErrorCodes.FRAME_SIZE_ERROR)
        self._spend()
        last = int.from_bytes(frame.payload[:4], "big") & 0x7FFFFFFF
        code = code_name(int.from_bytes(frame.payload[4:8], "big"))
        failure = Failure(f"closed the connection ({code}) without serving", unprocessed=True)
        for number in [number for number in self.streams if number > last]:
            self._fail(self.streams[number], failure)
        self._close_for_new()

    def _take_event(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self._take_settings()
        elif isinstance(event, SettingsAcknowledged):
            if not self._round_trip:
                self._round_trip = self._clock() - self._began
        elif isinstance(event, PingAckReceived):
            self._answer_pings()
        elif isinstance(event, StreamReset):
            stream = self.streams.get(event.stream_id)
            if stream is not None:
                self._take_reset(stream, event)

    def _answer_pings(self) -> None:
        pings, self._pings = self._pings, []
        for waiter in pings:
            waiter.signal()

    def _take_settings(self) -> None:
        settings = self._h2.remote_settings
        self.settled = True
        self._piece = _PIECE
        self.max_streams = min(settings.max_concurrent_streams, MAX_STREAMS)
        self.extended_connect = bool(settings.enable_connect_protocol)
        self._on_change()

    def _take_reset(self, stream: Stream, event: StreamReset) -> None:
        code = int(event.error_code)
        if stream.remote_ended and code == ErrorCodes.NO_ERROR:
            # The answer is complete, and the peer does not want the rest of the request
            # (RFC 9113 8.1).
            self._close(stream)
            return
        self._fail(
            stream,
            Failure(
                f"reset the stream ({code_name(code)})",
                unprocessed=code == ErrorCodes.REFUSED_STREAM,
                malformed=not event.remote_reset,
            ),
        )

    # --- the ends of streams ---

    def _end_remote(self, stream: Stream) -> None:
        stream.remote_ended = True
        if not (stream.local_ended or stream.tunnel):
            # All is said: what the peer has not been sent by now it does not need.
            self._h2.reset_stream(stream.number, ErrorCodes.NO_ERROR)
            self._close(stream)
        self._close_if_over(stream)

    def _close_if_over(self, stream: Stream) -> None:
        if not stream.closed and stream.local_ended and stream.remote_ended:
            self._close(stream)

    def _refuse(self, stream: Stream, reason: str) -> None:
        with suppress(ProtocolError):  # to h2, it may be over already
            self._h2.reset_stream(stream.number, ErrorCodes.PROTOCOL_ERROR)
        self._fail(stream, Failure(reason, malformed=True))

    def _fail(self, stream: Stream, failure: Failure) -> None:
        if not stream.closed:
            stream.failure = failure
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        stream.closed = True
        stream.window.close()
        stream.outgoing = memoryview(b"")
        self.streams.pop(stream.number, None)
        self._senders.pop(stream, None)
        stream.signal()
        self._on_closed(stream)

    def _close_for_new(self) -> None:
        self.closing = True
        self._on_change()

    def _check_opened(self, number: int) -> None:
        if not number & 1 or number > self._last_opened:
            raise FrameError("a frame of a stream that was never opened", ErrorCodes.PROTOCOL_ERROR)

    def _spend(self) -> None:
        if not self._budget.spend(self._clock()):
            raise FrameError("a flood of frames", ErrorCodes.ENHANCE_YOUR_CALM)


def _is_no_goaway(frame: Frame) -> bool:
    return frame.kind != GOAWAY
