"""What the engine makes of frames, where no peer's behaviour could show it for certain."""

from __future__ import annotations

import tracemalloc

from hpack import Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from anyiohttp._protocol.base import MessageLimits
from anyiohttp._protocol.http2.codec import MAX_ENDED
from anyiohttp._protocol.http2.engine import Engine
from anyiohttp._protocol.http2.streams import FIRST_WINDOW, Stream

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FIELDS = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]


def engine_with(
    closed: list[Stream], count: int, *, end: bool = True
) -> tuple[Engine, list[Stream]]:
    """An engine whose peer has said its settings, with streams."""
    engine = Engine(closed.append, lambda: None, clock=lambda: 0.0)
    engine.feed(SettingsFrame(0, {}).serialize())
    streams = [engine.open(FIELDS, "GET", MessageLimits(), end=end) for _ in range(count)]
    return engine, streams


def frames_of(data: bytes) -> list[Frame]:
    found = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        found.append(frame)
        data = data[9 + length :]
    return found


def head(stream: Stream, *flags: str) -> bytes:
    block = Encoder().encode([(b":status", b"200")])
    frame: bytes = HeadersFrame(stream.number, block, flags=["END_HEADERS", *flags]).serialize()
    return frame


def test_a_window_that_is_given_back_in_crumbs_is_no_flood() -> None:
    """As by older servers in Go, whenever their handler has read some of a body."""
    engine, streams = engine_with([], 50, end=False)
    window = WindowUpdateFrame(0, window_increment=512).serialize()
    for stream in streams:
        engine.send(stream, bytes(60_416), end=True)
        engine.take(100_000)
        assert stream.local_ended
        engine.feed(window * (60_416 // 512))
        own = WindowUpdateFrame(stream.number, window_increment=512).serialize()
        engine.feed(own * (60_416 // 512))
        engine.feed(head(stream, "END_STREAM"))
    assert engine.failure is None


def test_messages_whose_windows_are_given_back_one_by_one_are_no_flood() -> None:
    engine, (stream,) = engine_with([], 1, end=False)
    windows = b"".join(
        WindowUpdateFrame(number, window_increment=10).serialize() for number in (0, stream.number)
    )
    for _ in range(6_000):
        engine.send(stream, bytes(10), end=False)
        engine.take(100)
        engine.feed(windows)
    assert engine.failure is None


def test_little_of_a_body_goes_before_the_peer_has_said_its_windows() -> None:
    """What goes beyond a window that SETTINGS make smaller may cost the stream (RFC 9113 6.9.3)."""
    engine = Engine(lambda _: None, lambda: None, clock=lambda: 0.0)
    stream = engine.open(FIELDS, "POST", MessageLimits(), end=False)
    engine.send(stream, bytes(100_000), end=True)
    sent = [engine.take(1_000_000) for _ in range(3)]
    early = frames_of(b"".join(sent).removeprefix(_PREFACE))
    assert sum(len(frame.data) for frame in early if isinstance(frame, DataFrame)) == 4096
    engine.feed(SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 10_000}).serialize())
    frames = frames_of(engine.take(1_000_000))
    assert sum(len(frame.data) for frame in frames if isinstance(frame, DataFrame)) == 10_000 - 4096
    assert not stream.local_ended


def test_heads_for_streams_that_are_over_are_a_flood() -> None:
    engine, (stream, _) = engine_with([], 2)
    engine.reset(stream)
    for _ in range(6_000):
        engine.feed(head(stream))
    assert engine.failure is not None
    assert "flood" in engine.failure.reason


def test_a_client_that_gives_up_all_it_asks_for_is_not_flooded() -> None:
    engine, (first,) = engine_with([], 1)
    engine.reset(first)
    for _ in range(6_000):
        stream = engine.open(FIELDS, "GET", MessageLimits(), end=True)
        engine.reset(stream)
        engine.take(0)
        engine.feed(head(stream) + RstStreamFrame(stream.number).serialize())
    assert engine.failure is None


def test_it_begins_with_the_preface() -> None:
    engine, _ = engine_with([], 1)
    data = engine.take(0)
    assert data.startswith(_PREFACE)
    kinds = [type(frame) for frame in frames_of(data[len(_PREFACE) :])]
    assert kinds[0] is SettingsFrame
    assert sorted(kind.__name__ for kind in kinds[1:]) == [
        "HeadersFrame",
        "SettingsFrame",
        "WindowUpdateFrame",
    ]


def test_nothing_is_said_of_a_stream_after_its_reset() -> None:
    engine, (stream,) = engine_with([], 1)
    engine.take(0)
    data = b"".join(
        DataFrame(stream.number, bytes(16384)).serialize() for _ in range(FIRST_WINDOW // 16384)
    )
    engine.feed(head(stream) + data)
    assert len(engine.read(stream, FIRST_WINDOW)) == FIRST_WINDOW
    engine.reset(stream)
    said = [frame for frame in frames_of(engine.take(0)) if frame.stream_id == stream.number]
    assert [type(frame) for frame in said] == [WindowUpdateFrame, RstStreamFrame]


def test_who_is_turned_away_hears_it_before_others_have_their_answer() -> None:
    """They are to be first in line at the next connection, not last again and again."""
    closed: list[Stream] = []
    engine, (first, second, third) = engine_with(closed, 3)
    goaway = GoAwayFrame(0, last_stream_id=second.number)
    engine.feed(
        head(first, "END_STREAM")
        + head(second)
        + goaway.serialize()
        + DataFrame(second.number, b"x", flags=["END_STREAM"]).serialize()
    )
    assert closed == [third, first, second]
    assert third.failure is not None
    assert third.failure.unprocessed
    assert (first.failure, second.failure) == (None, None)
    assert engine.read(second, 10) == b"x"
    assert not engine.can_open


def test_a_connection_that_lasts_does_not_grow_with_its_streams() -> None:
    engine = Engine(lambda _: None, lambda: None, clock=lambda: 0.0)
    engine.feed(SettingsFrame(0, {}).serialize())
    reset = []

    def have(count: int) -> int:
        for _ in range(count):
            stream = engine.open(FIELDS, "GET", MessageLimits(), end=True)
            if len(reset) < 10:
                reset.append(stream)
                engine.reset(stream)
            else:
                engine.feed(head(stream, "END_STREAM"))
            engine.take(100_000)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        have(MAX_ENDED - 10)
        for stream in reset:
            engine.feed(DataFrame(stream.number, b"crossed the reset").serialize())
        assert engine.failure is None
        before = have(2_000)  # as many as it takes for what `h2` remembers to be of its last size
        assert have(500) - before < 10_000
    finally:
        tracemalloc.stop()
    assert engine.failure is None
