"""Bytes cut into frames."""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from anyiohttp._protocol.http2 import frames
from anyiohttp._protocol.http2.frames import (
    DATA,
    HEADERS,
    Frame,
    FrameError,
    FrameReader,
    data_payload,
    empty_headers,
    head_of_200,
    header_block,
    whole_frame,
    window_update,
)

PING = PingFrame(0, opaque_data=b"12345678")
SEVERAL = [
    SettingsFrame(0, {3: 100}),
    HeadersFrame(1, b"block", flags=["END_HEADERS"]),
    DataFrame(1, b"data" * 100),
    PING,
    HeadersFrame(3, b"one", flags=["END_STREAM"]),
    ContinuationFrame(3, b"two"),
    ContinuationFrame(3, b"three", flags=["END_HEADERS"]),
    DataFrame(1, b"", flags=["END_STREAM"]),
    RstStreamFrame(3, error_code=8),
    WindowUpdateFrame(0, window_increment=5),
    PriorityFrame(5, stream_weight=3),
    GoAwayFrame(0, last_stream_id=3, additional_data=b"bye"),
]
SAID = b"".join(frame.serialize() for frame in SEVERAL)


def reader(max_frame: int = 16384, max_block: int = 1000) -> FrameReader:
    return FrameReader(max_frame, max_block)


def test_all_at_once():
    got = reader().feed(SAID)
    assert [frame.kind for frame in got] == [4, 1, 0, 6, 1, 0, 3, 8, 2, 7]
    assert [frame.stream for frame in got] == [0, 1, 1, 0, 3, 1, 3, 0, 5, 0]
    assert got[2].payload == b"data" * 100
    assert header_block(got[1].payload) == b"block"
    assert header_block(got[4].payload) == b"onetwothree"
    assert got[4].flags & frames.END_STREAM
    assert got[5].flags & frames.END_STREAM


@pytest.mark.parametrize("size", [1, 2, 7, 9, 10, 100])
def test_in_pieces(size: int):
    cutting = reader()
    got: list[Frame] = []
    for start in range(0, len(SAID), size):
        got += cutting.feed(SAID[start : start + size])
    assert got == reader().feed(SAID)


def test_whole_frames_are_as_they_came():
    assert b"".join(map(whole_frame, reader().feed(SAID))) == SAID


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        (DataFrame(1, b"abc"), b"abc"),
        (DataFrame(1, b""), b""),
        (DataFrame(1, b"abc", pad_length=5, flags=["PADDED"]), b"abc"),
        (DataFrame(1, b"abc", pad_length=0, flags=["PADDED"]), b"abc"),
        (DataFrame(1, b"", pad_length=255, flags=["PADDED"]), b""),
    ],
)
def test_data(frame: DataFrame, payload: bytes):
    (got,) = reader().feed(frame.serialize())
    assert data_payload(got) == payload


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x05abc", b"\xffabc"])
def test_more_padding_than_frame(payload: bytes):
    with pytest.raises(FrameError, match="more padding than frame"):
        data_payload(Frame(DATA, 0x8, 1, payload))


@pytest.mark.parametrize(
    "frame",
    [
        HeadersFrame(1, b"block", flags=["END_HEADERS"]),
        HeadersFrame(1, b"block", pad_length=3, flags=["END_HEADERS", "PADDED"]),
        HeadersFrame(1, b"block", stream_weight=9, flags=["END_HEADERS", "PRIORITY"]),
        HeadersFrame(
            1, b"block", pad_length=3, depends_on=7, flags=["END_HEADERS", "PADDED", "PRIORITY"]
        ),
    ],
)
def test_header_blocks(frame: HeadersFrame):
    (got,) = reader().feed(frame.serialize())
    assert header_block(got.payload) == b"block"


@pytest.mark.parametrize(
    ("flags", "payload"), [(0x8, b""), (0x8, b"\x02a"), (0x20, b"1234"), (0x28, b"\x00123")]
)
def test_header_blocks_that_are_too_short(flags: int, payload: bytes):
    raw = bytes([0, 0, len(payload), HEADERS, flags | 4, 0, 0, 0, 1]) + payload
    with pytest.raises(FrameError, match="more padding than frame"):
        header_block(raw)


FIRST = HeadersFrame(1, b"x").serialize()
LONG = b"x" * 900


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        (bytes([1, 0, 0, 0, 0, 0, 0, 0, 1]), 6, "a frame of 65536 bytes; 16384 are allowed"),
        (FIRST + PING.serialize(), 1, "in the middle of a header block"),
        (FIRST + FIRST, 1, "in the middle of a header block"),
        (FIRST + ContinuationFrame(3, b"x").serialize(), 1, "in the middle of a header block"),
        (ContinuationFrame(1, b"x").serialize(), 1, "CONTINUATION without a header block"),
        (FIRST + ContinuationFrame(1, LONG).serialize() * 2, 11, "more than 1000 bytes"),
        (FIRST + ContinuationFrame(1, b"").serialize() * 70, 11, "more than 64 frames"),
        (PushPromiseFrame(1, 2, b"x", flags=["END_HEADERS"]).serialize(), 1, "PUSH_PROMISE"),
        (bytes([0, 0, 0, 0, 0, 0, 0, 0, 0]), 1, "names none"),
        (bytes([0, 0, 0, 1, 4, 0, 0, 0, 0]), 1, "names none"),
        (bytes([0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1, "names none"),
    ],
)
def test_what_is_refused(said: bytes, code: int, reason: str):
    with pytest.raises(FrameError, match=reason) as caught:
        reader().feed(said)
    assert caught.value.code == code


def test_a_frame_too_large_is_refused_by_its_header():
    with pytest.raises(FrameError, match="are allowed"):
        reader().feed(bytes([1, 0, 0, 0, 0, 0, 0, 0, 1]))


def test_frames_before_one_that_is_refused_are_not_lost():
    cutting = reader()
    got = cutting.feed(PING.serialize() + bytes([1, 0, 0, 0, 0, 0, 0, 0, 1]))
    assert [frame.kind for frame in got] == [frames.PING]
    assert cutting.failure is not None
    assert cutting.failure.code == 6


def test_what_nobody_knows_is_passed_on():
    frame = ExtensionFrame(0xEE, 3, body=b"abc")
    frame.body_len = 3
    (got,) = reader().feed(frame.serialize())
    assert got == Frame(0xEE, 0, 3, b"abc")


def test_what_is_written():
    assert window_update(5, 70000) == WindowUpdateFrame(5, window_increment=70000).serialize()
    ended = HeadersFrame(7, b"", flags=["END_STREAM", "END_HEADERS"])
    assert empty_headers(7) == ended.serialize()
    assert head_of_200(7) == HeadersFrame(7, b"\x88", flags=["END_HEADERS"]).serialize()
