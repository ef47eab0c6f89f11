"""Frames and messages by the rules of RFC 6455, as tables; the cases follow autobahn's list."""

from __future__ import annotations

import random
import zlib

import pytest
from tests.websocket_peers import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Frame,
    close_frame,
    frame,
    parse_frame,
)

from anyiohttp._protocol.websocket.deflate import Deflate
from anyiohttp._protocol.websocket.frames import FrameParser, FrameWriter, close_payload
from anyiohttp._protocol.websocket.messages import WSMessage, WSMessageTextBytes, WSMsgType
from anyiohttp.exceptions import InvalidRequestError, WebSocketError


def parser(
    max_size: int = 0, *, deflate: Deflate | None = None, decode_text: bool = True
) -> FrameParser:
    return FrameParser(max_size=max_size, deflate=deflate, decode_text=decode_text)


def parse(
    data: bytes, max_size: int = 0, *, deflate: Deflate | None = None, step: int = 0
) -> list[tuple[WSMsgType, object] | int]:
    """What comes of bytes: types and data, and at last maybe the close code of a mistake."""
    parsing = parser(max_size, deflate=deflate)
    seen: list[tuple[WSMsgType, object] | int] = []
    step = step or len(data) or 1
    try:
        for start in range(0, len(data), step):
            parsing.feed(data[start : start + step])
            while (message := parsing.next_message()) is not None:
                seen.append((message.type, message.data))
    except WebSocketError as exc:
        seen.append(exc.code)
        with pytest.raises(WebSocketError):
            parsing.next_message()
    return seen


def text(data: str) -> tuple[WSMsgType, object]:
    return WSMsgType.TEXT, data


def binary(data: bytes) -> tuple[WSMsgType, object]:
    return WSMsgType.BINARY, data


def ping(data: bytes = b"") -> tuple[WSMsgType, object]:
    return WSMsgType.PING, data


def pong(data: bytes = b"") -> tuple[WSMsgType, object]:
    return WSMsgType.PONG, data


def closed(code: int) -> tuple[WSMsgType, object]:
    return WSMsgType.CLOSE, code


KAPPA = "Hello-µ@ßöäüàá-UTF-8!!".encode()
SIZES = (0, 1, 125, 126, 127, 128, 65_535, 65_536)

CASES: dict[str, tuple[bytes, list[object]]] = {
    # 1: framing
    **{f"text of {n}": (frame(TEXT, b"*" * n), [text("*" * n)]) for n in SIZES},
    **{f"binary of {n}": (frame(BINARY, b"\xfe" * n), [binary(b"\xfe" * n)]) for n in SIZES},
    "a length in more bytes than needed": (b"\x81\x7e\x00\x01a", [text("a")]),
    # 2: pings and pongs
    "ping": (frame(PING), [ping()]),
    "ping with data": (frame(PING, b"\x00\xff\xfe"), [ping(b"\x00\xff\xfe")]),
    "ping of 125": (frame(PING, b"p" * 125), [ping(b"p" * 125)]),
    "ping of 126": (frame(PING, b"p" * 126), [1002]),
    "pong that nobody asked for": (frame(PONG, b"x") + frame(TEXT, b"a"), [pong(b"x"), text("a")]),
    # 3: reserved bits
    **{f"reserved bits {n}": (frame(TEXT, b"a", rsv=n), [1002]) for n in range(1, 8)},
    "reserved bit after a good one": (
        frame(TEXT, b"a") + frame(TEXT, b"b", rsv=4) + frame(PING),
        [text("a"), 1002],
    ),
    "reserved bit on a ping": (frame(PING, rsv=4), [1002]),
    "reserved bit on a close": (frame(CLOSE, rsv=1), [1002]),
    # 4: opcodes
    **{f"opcode {n}": (frame(n, b"a"), [1002]) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    # 5: fragmentation
    "fragmented ping": (frame(PING, b"a", fin=False) + frame(CONT, b"b"), [1002]),
    "fragmented pong": (frame(PONG, b"a", fin=False), [1002]),
    "fragmented close": (frame(CLOSE, fin=False), [1002]),
    "two fragments": (frame(TEXT, b"a", fin=False) + frame(CONT, b"b"), [text("ab")]),
    "fragments of a binary": (
        frame(BINARY, b"a", fin=False) + frame(CONT, b"b", fin=False) + frame(CONT, b"c"),
        [binary(b"abc")],
    ),
    "empty fragments": (
        frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT),
        [text("")],
    ),
    "empty fragments round one that is not": (
        frame(TEXT, fin=False) + frame(CONT, b"a", fin=False) + frame(CONT),
        [text("a")],
    ),
    "ping between fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONT, b"b"),
        [ping(b"p"), text("ab")],
    ),
    "continuation of nothing": (frame(CONT, b"a"), [1002]),
    "continuation of nothing, not the last": (frame(CONT, b"a", fin=False), [1002]),
    "continuation after the end": (
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + frame(CONT, b"c"),
        [text("ab"), 1002],
    ),
    "text within fragments": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), [1002]),
    "text within empty fragments": (frame(TEXT, fin=False) + frame(TEXT, b"b"), [1002]),
    "binary within fragments": (
        frame(TEXT, b"a", fin=False) + frame(BINARY, b"b", fin=False),
        [1002],
    ),
    "close within fragments": (
        frame(TEXT, b"a", fin=False) + close_frame(1001),
        [closed(1001)],
    ),
    # 6: UTF-8
    "UTF-8": (frame(TEXT, KAPPA), [text(KAPPA.decode())]),
    "UTF-8 split within characters": (
        b"".join(frame(CONT if i else TEXT, KAPPA[i : i + 1], fin=False) for i in range(len(KAPPA)))
        + frame(CONT),
        [text(KAPPA.decode())],
    ),
    **{
        f"no UTF-8: {bad.hex()}": (frame(TEXT, bad), [1007])
        for bad in (
            b"\xff",
            b"\xc0\xaf",  # overlong
            b"\xed\xa0\x80",  # a surrogate
            b"\xf4\x90\x80\x80",  # beyond the last code point
            b"\xce\xba\xe1\xbd",  # ends early
            b"\x80",
            b"\xf8\x88\x80\x80\x80",
        )
    },
    "no UTF-8 in fragments": (frame(TEXT, b"\xce", fin=False) + frame(CONT, b"\xff"), [1007]),
    "the last code point": (frame(TEXT, b"\xf4\x8f\xbf\xbf"), [text("\U0010ffff")]),
    "a noncharacter": (frame(TEXT, b"\xef\xbf\xbf"), [text("\uffff")]),
    "NUL": (frame(TEXT, b"\0"), [text("\0")]),
    # 7: closing
    "close without a code": (close_frame(None), [closed(0)]),
    "close of one byte": (frame(CLOSE, b"\x03"), [1002]),
    "close with a reason of 123": (close_frame(1000, b"*" * 123), [closed(1000)]),
    "close with a reason of 124": (close_frame(1000, b"*" * 124), [1002]),
    "close with a reason that is no UTF-8": (close_frame(1000, b"\xce\xba\xe1"), [1007]),
    **{
        f"close {n}": (close_frame(n), [closed(n)])
        for n in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)
    },
    **{
        f"close {n}": (close_frame(n), [1002])
        for n in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    # and: a server does not mask
    "masked": (frame(TEXT, b"a", masked=True), [1002]),
}


@pytest.mark.parametrize("step", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES)
def test_cases(data: bytes, expected: list[object], step: int) -> None:
    if step and len(data) > 1000:
        step = 997
    assert parse(data, step=step) == expected


@pytest.mark.parametrize(
    "beginning",
    [
        b"\x91",
        b"\xc1",
        b"\x83",
        b"\x09",
        b"\x80",
    ],
    ids=["reserved", "compressed", "opcode", "fragmented ping", "continuation"],
)
def test_mistakes_are_seen_before_the_data_has_come(beginning: bytes) -> None:
    assert parse(beginning + b"\x7f") == [1002]


def test_a_control_frame_of_any_size_is_refused_at_once() -> None:
    assert parse(b"\x89\x7f") == [1002]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (frame(TEXT, b"a" * 10), [text("a" * 10)]),
        (frame(TEXT, b"a" * 11), [1009]),
        (frame(TEXT, b"a" * 10, fin=False) + frame(CONT), [text("a" * 10)]),
        (frame(TEXT, b"a" * 10, fin=False) + frame(CONT, b"b"), [1009]),
        (frame(TEXT, b"a" * 6, fin=False) + frame(CONT, b"b" * 5, fin=False), [1009]),
        (frame(PING, b"p" * 125), [ping(b"p" * 125)]),
        (b"\x82\x7f" + b"\x7f" + b"\xff" * 7, [1009]),
        (b"\x82\x7f" + b"\xff" * 8, [1009]),
    ],
)
def test_sizes_are_refused_before_the_data_has_come(frames: bytes, expected: list[object]) -> None:
    assert parse(frames, 10) == expected


def test_the_error_says_what_was_too_big() -> None:
    parsing = parser(10)
    parsing.feed(frame(TEXT, b"a" * 8, fin=False) + b"\x80\x05")
    with pytest.raises(WebSocketError, match="Message size 13 exceeds limit 10") as caught:
        parsing.next_message()
    assert caught.value.code == 1009


def test_one_message_at_a_time() -> None:
    parsing = parser()
    parsing.feed(frame(TEXT, b"a") + frame(BINARY, b"bc") + frame(TEXT, b"d")[:2])
    assert parsing.next_message() == WSMessage(WSMsgType.TEXT, "a", "")
    assert parsing.buffered == 6
    assert parsing.next_message() == WSMessage(WSMsgType.BINARY, b"bc", "")
    assert parsing.next_message() is None
    parsing.feed(b"d")
    assert parsing.next_message() == WSMessage(WSMsgType.TEXT, "d", "")
    assert parsing.buffered == 0


def test_text_that_is_not_decoded() -> None:
    parsing = parser(decode_text=False)
    parsing.feed(frame(TEXT, b'{"a": 1}') + frame(TEXT, b"\xff") + close_frame(1000, b"bye"))
    message = parsing.next_message()
    assert message == WSMessageTextBytes(WSMsgType.TEXT, b'{"a": 1}', "")
    assert message.json() == {"a": 1}
    assert parsing.next_message() == WSMessageTextBytes(WSMsgType.TEXT, b"\xff", "")
    assert parsing.next_message() == WSMessage(WSMsgType.CLOSE, 1000, "bye")


def test_messages_of_any_size() -> None:
    data = random.Random(1).randbytes(1 << 24)
    parsing = parser()
    sent = frame(BINARY, data[: 1 << 23], fin=False) + frame(CONT, data[1 << 23 :])
    for start in range(0, len(sent), 1 << 18):
        assert parsing.next_message() is None
        parsing.feed(sent[start : start + (1 << 18)])
    message = parsing.next_message()
    assert message is not None
    assert message.data == data


# --- writing ------------------------------------------------------------------------------------


def read_back(data: bytes) -> Frame:
    """Read a frame of a client's as a server does."""
    written, rest = parse_frame(data)
    assert not rest
    return written


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_frames_are_written_masked(size: int, kind: type) -> None:
    data = random.Random(size).randbytes(size)
    written = read_back(FrameWriter(None).encode(WSMsgType.BINARY, kind(data)))
    assert written == Frame(BINARY, data)


def test_masks_differ() -> None:
    writer = FrameWriter(None)
    assert len({writer.encode(WSMsgType.BINARY, b"\0" * 8) for _ in range(8)}) > 1


def test_a_view_of_larger_items_is_its_bytes() -> None:
    data = memoryview(b"\x01\x02\x03\x04\x05\x06\x07\x08").cast("I")
    assert read_back(FrameWriter(None).encode(WSMsgType.BINARY, data)).data == data.tobytes()
    every_other = memoryview(b"abcdef")[::2]
    assert read_back(FrameWriter(None).encode(WSMsgType.BINARY, every_other)).data == b"ace"


@pytest.mark.parametrize(
    ("opcode", "data", "compress", "match"),
    [
        (3, b"", None, "opcode"),
        (WSMsgType.CLOSED, b"", None, "opcode"),
        (WSMsgType.PING, b"p" * 126, None, "125 bytes, not 126"),
        (WSMsgType.TEXT, b"", 8, "from 9 to 15"),
        (WSMsgType.TEXT, b"", 16, "from 9 to 15"),
    ],
)
def test_frames_that_must_not_be_sent(
    opcode: int, data: bytes, compress: int | None, match: str
) -> None:
    with pytest.raises(InvalidRequestError, match=match):
        FrameWriter(None).encode(opcode, data, compress)


@pytest.mark.parametrize(
    ("code", "reason", "payload"),
    [
        (1000, "", b"\x03\xe8"),
        (1001, "bye", b"\x03\xe9bye"),
        (4999, b"bye", b"\x13\x87bye"),
        (1000, "ä" * 61 + "b", b"\x03\xe8" + ("ä" * 61 + "b").encode()),
        (1005, "", b""),
        (1006, "", b""),
        (1015, "lost", b""),
    ],
)
def test_what_a_close_frame_carries(code: int, reason: bytes | str, payload: bytes) -> None:
    assert close_payload(code, reason) == payload


@pytest.mark.parametrize(
    ("code", "reason"),
    [(999, ""), (5000, ""), (0, ""), (-1, ""), (1000, "ä" * 62), (1000, b"\xff")],
)
def test_close_frames_that_must_not_be_sent(code: int, reason: bytes | str) -> None:
    with pytest.raises(InvalidRequestError):
        close_payload(code, reason)


# --- compression --------------------------------------------------------------------------------


def deflate(*, peer_forgets: bool = False, we_forget: bool = False, our_bits: int = 15) -> Deflate:
    return Deflate(peer_forgets=peer_forgets, we_forget=we_forget, our_bits=our_bits)


def squeezed(data: bytes) -> bytes:
    """Compress a message as RFC 7692 7.2.1 says."""
    return Squeezer().message(data)


class Squeezer:
    """A server's side of the compression, with context takeover."""

    def __init__(self, bits: int = 15) -> None:
        self._zlib = zlib.compressobj(wbits=-bits)

    def message(self, data: bytes) -> bytes:
        out = self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        return out.removesuffix(b"\x00\x00\xff\xff")


HELLO = bytes.fromhex("f248cdc9c90700")

DEFLATED: dict[str, tuple[bytes, list[object]]] = {
    # RFC 7692 7.2.3
    "one frame": (frame(TEXT, HELLO, rsv=4), [text("Hello")]),
    "two frames": (
        frame(TEXT, HELLO[:3], fin=False, rsv=4) + frame(CONT, HELLO[3:]),
        [text("Hello")],
    ),
    "the window is shared": (
        frame(TEXT, HELLO, rsv=4) + frame(TEXT, bytes.fromhex("f200110000"), rsv=4),
        [text("Hello"), text("Hello")],
    ),
    "a block without compression": (
        frame(TEXT, bytes.fromhex("000500faff48656c6c6f00"), rsv=4),
        [text("Hello")],
    ),
    "a final block": (frame(TEXT, bytes.fromhex("f348cdc9c9070000"), rsv=4), [text("Hello")]),
    "messages after a final block": (
        frame(TEXT, bytes.fromhex("f348cdc9c9070000"), rsv=4) * 2
        + frame(TEXT, HELLO, rsv=4)
        + frame(TEXT, bytes.fromhex("f200110000"), rsv=4),
        [text("Hello")] * 4,
    ),
    "a final block at the very end": (
        frame(TEXT, bytes.fromhex("f348cdc9c90700"), rsv=4) + frame(TEXT, HELLO, rsv=4),
        [text("Hello")] * 2,
    ),
    "the window outlives a final block": (
        frame(TEXT, bytes.fromhex("f348cdc9c9070000"), rsv=4)
        + frame(TEXT, bytes.fromhex("f200110000"), rsv=4),
        [text("Hello"), text("Hello")],
    ),
    "two blocks": (
        frame(TEXT, bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", "")), rsv=4),
        [text("Hello")],
    ),
    "a message that is not compressed": (frame(TEXT, b"Hello"), [text("Hello")]),
    "an empty one": (frame(TEXT, b"\x00", rsv=4), [text("")]),
    "a ping between": (
        frame(TEXT, HELLO[:3], fin=False, rsv=4) + frame(PING, b"p") + frame(CONT, HELLO[3:]),
        [ping(b"p"), text("Hello")],
    ),
    "the bit on a continuation": (
        frame(TEXT, HELLO[:3], fin=False, rsv=4) + frame(CONT, HELLO[3:], rsv=4),
        [1002],
    ),
    "the bit on the continuation of one that is not compressed": (
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b", rsv=4),
        [1002],
    ),
    "the bit on a ping": (frame(PING, rsv=4), [1002]),
    "another bit": (frame(TEXT, HELLO, rsv=6), [1002]),
    "no deflate data": (frame(TEXT, b"\xff\xff\xff", rsv=4), [1002]),
    "no UTF-8 in it": (frame(TEXT, squeezed(b"\xff"), rsv=4), [1007]),
    "many final blocks": (frame(BINARY, b"\x03\x00" * 1000, rsv=4), [1002]),
}


@pytest.mark.parametrize("step", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(("data", "expected"), DEFLATED.values(), ids=DEFLATED)
def test_compressed(data: bytes, expected: list[object], step: int) -> None:
    assert parse(data, deflate=deflate(), step=step) == expected


def test_a_peer_that_forgets_may_refer_to_nothing() -> None:
    frames = frame(TEXT, HELLO, rsv=4) + frame(TEXT, bytes.fromhex("f200110000"), rsv=4)
    assert parse(frames, deflate=deflate(peer_forgets=True)) == [text("Hello"), 1002]


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize(("limit", "passes"), [(99_999, False), (100_000, True), (0, True)])
def test_the_limit_is_of_what_comes_out(limit: int, passes: bool, fragments: int) -> None:
    coded = squeezed(b"a" * 100_000)
    assert len(coded) < 200
    step = len(coded) // fragments + 1
    pieces = [coded[start : start + step] for start in range(0, len(coded), step)]
    frames = b"".join(
        frame(CONT if i else BINARY, piece, fin=i == len(pieces) - 1, rsv=0 if i else 4)
        for i, piece in enumerate(pieces)
    )
    seen = parse(frames, limit, deflate=deflate())
    assert seen == ([binary(b"a" * 100_000)] if passes else [1009])


def test_what_follows_a_message_that_fills_the_limit_is_expanded_within_it() -> None:
    squeezer = Squeezer()
    frames = frame(BINARY, squeezer.message(b"a" * 100) + b"\x00\x00\xff\xff", fin=False, rsv=4)
    frames += frame(CONT, squeezer.message(b"b" * 1_000_000))
    assert parse(frames, 100, deflate=deflate()) == [1009]


@pytest.mark.parametrize("we_forget", [False, True])
@pytest.mark.parametrize("bits", [9, 15])
def test_what_we_compress_is_expanded_by_the_peer(bits: int, we_forget: bool) -> None:
    writer = FrameWriter(deflate(we_forget=we_forget, our_bits=bits))
    inflater = zlib.decompressobj(-bits)
    noise = random.Random(bits)
    same = noise.randbytes(300)
    for data, once in [
        (b"", None),
        (b"Hello " * 1000, None),
        (same, None),
        (same, None),
        (same, 9),  # in between by itself: what comes after must not count on what came before
        (same, None),
        (noise.randbytes(70_000), 15),
        (same * 3, None),
    ]:
        written = read_back(writer.encode(WSMsgType.BINARY, data, once))
        assert written.rsv1
        if we_forget:
            inflater = zlib.decompressobj(-bits)
        assert inflater.decompress(written.data + b"\x00\x00\xff\xff") == data


def test_control_frames_and_others_are_not_compressed() -> None:
    assert not read_back(FrameWriter(deflate()).encode(WSMsgType.PING, b"a" * 100)).rsv1
    assert not read_back(FrameWriter(None).encode(WSMsgType.TEXT, b"a" * 100, 15)).rsv1
