"""The books of streams: windows, lengths, floods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._protocol.base import HTTP_20, MessageLimits, ResponseHead
from anyiohttp._protocol.http2.streams import (
    FIRST_WINDOW,
    LARGEST_WINDOW,
    Allowance,
    Budget,
    GrowingWindow,
    SharedWindow,
    Stream,
    Waiter,
)

HEAD = ResponseHead(200, "", HTTP_20, ())


def a_stream(length: int | None = None, *, window: int = 1000) -> Stream:
    stream = Stream(1, "GET", MessageLimits(), GrowingWindow(Allowance(), window))
    stream.head = HEAD
    stream.left = length
    return stream


# --- windows ---


def test_the_connections_window_is_given_back_as_data_arrive():
    window = SharedWindow(100)
    assert window.arrived(49) == 0
    assert window.arrived(1) == 50
    assert window.arrived(100) == 100
    assert window.arrived(101) is None


def test_a_streams_window_is_given_back_as_data_are_read():
    window = GrowingWindow(Allowance(), 100)
    assert window.arrived(100)
    assert window.exhausted
    assert window.read(49, 10, 0) == 0
    assert window.exhausted
    assert window.read(1, 10, 0) == 50
    assert window.arrived(50)
    assert not window.arrived(1)


@pytest.mark.parametrize(
    ("seconds", "grows"), [(0.05, True), (0.09, True), (0.11, False), (1, False)]
)
def test_a_window_grows_if_half_of_it_is_used_up_within_a_round_trip(seconds: float, grows: bool):
    window = GrowingWindow(Allowance(), 100)
    window.arrived(50)
    assert window.read(50, 1000, 0.1) == 50
    window.arrived(50)
    assert window.read(50, 1000 + seconds, 0.1) == (150 if grows else 50)
    assert window.size == (200 if grows else 100)


def test_windows_do_not_grow_before_the_round_trip_is_known():
    window = GrowingWindow(Allowance(), 100)
    for now in range(1, 10):
        window.arrived(50)
        assert window.read(50, now, 0) == 50


def test_windows_grow_no_larger_than_is_allowed():
    window = GrowingWindow(Allowance())
    for _ in range(50):
        window.arrived(window.size // 2)
        window.read(window.size // 2, 1, 1)
    assert window.size == LARGEST_WINDOW


def test_windows_grow_from_one_allowance_and_give_it_back():
    allowance = Allowance(150)
    first, second = GrowingWindow(allowance, 100), GrowingWindow(allowance, 100)
    for window in (first, second):
        window.arrived(50)
        window.read(50, 1, 1)
    assert (first.size, second.size, allowance.left) == (200, 150, 0)
    first.close()
    first.close()
    assert allowance.left == 100
    assert second.extend() == 100


@given(st.lists(st.tuples(st.integers(0, 4000), st.booleans()), max_size=60))
def test_a_reader_never_holds_more_than_the_window(steps: list[tuple[int, bool]]):
    """And the peer may always send again once all was read."""
    window = GrowingWindow(Allowance(2000), 1000)
    allowed, held, now = 1000, 0, 0.0
    for count, reads in steps:
        now += count / 1000
        if reads:
            taken = min(count, held)
            allowed += window.read(taken, now, 1) if taken else 0
            held -= taken
        else:
            sent = min(count, allowed)
            assert window.arrived(sent)
            allowed -= sent
            held += sent
        assert 0 <= allowed <= window.size
        assert held + allowed <= window.size
    if held:
        allowed += window.read(held, now, 1)
    assert allowed > 0


# --- bodies ---


def taken(stream: Stream, *pieces: bytes, end: bool = False) -> str | None:
    for number, piece in enumerate(pieces, 1):
        wrong = stream.take_in(piece, len(piece), ends=end and number == len(pieces))
        if wrong:
            return wrong
    return None


@pytest.mark.parametrize(
    ("length", "pieces", "end", "wrong"),
    [
        (None, [b"abc", b"def"], True, None),
        (6, [b"abc", b"def"], True, None),
        (6, [b"abcdef", b""], True, None),
        (0, [b""], True, None),
        (6, [b"abc", b"d"], False, None),
        (6, [b"abc", b"d"], True, "ended the body 2 bytes before its Content-Length"),
        (5, [b"abc", b"def"], False, "sent more bytes than its Content-Length"),
        (0, [b"a"], False, "sent more bytes than its Content-Length"),
        (None, [b"x" * 1001], False, "sent more than the window allows"),
    ],
)
def test_lengths(length: int | None, pieces: list[bytes], end: bool, wrong: str | None):
    stream = a_stream(length)
    assert taken(stream, *pieces, end=end) == wrong
    assert stream.remote_ended == (end and wrong is None)


def test_what_cannot_have_a_body():
    stream = a_stream()
    stream.without_body = True
    assert taken(stream, b"") is None
    assert taken(stream, b"x") == "sent a body where none can be"


def test_data_before_the_head_and_after_the_end():
    stream = a_stream()
    stream.head = None
    assert taken(stream, b"x") == "sent a body before its head"
    stream = a_stream()
    assert taken(stream, b"x", end=True) is None
    assert taken(stream, b"y") == "sent data after the end"


def test_padding_counts_for_the_window_only():
    stream = a_stream(3)
    assert stream.take_in(b"abc", 900, ends=False) is None
    assert stream.take_in(b"", 101, ends=False) == "sent more than the window allows"


@given(
    st.lists(st.binary(max_size=2000), max_size=20),
    st.lists(st.integers(1, 3000), min_size=1, max_size=20),
)
def test_what_is_put_in_is_taken_out(pieces: list[bytes], sizes: list[int]):
    stream = a_stream(window=100_000)
    for piece in pieces:
        if piece:
            stream.put(piece)
    assert stream.buffered == len(b"".join(pieces))
    got = []
    while stream.buffered:
        size = sizes[len(got) % len(sizes)]
        got.append(stream.take(size))
        assert 0 < len(got[-1]) <= size
    assert b"".join(got) == b"".join(pieces)
    assert stream.take(10) == b""


def test_many_small_pieces_do_not_cost_a_piece_each():
    stream = a_stream(window=10_000)
    for _ in range(5000):
        stream.put(b"x")
    assert len(stream.take(1_000_000)) == 5000
    stream.put(b"y")
    stream.discard()
    assert stream.buffered == 0
    assert stream.take(1) == b""


# --- floods ---


def test_a_budget_is_spent_and_fills_up_again():
    budget = Budget(3, rate=2)
    assert [budget.spend(10) for _ in range(4)] == [True, True, True, False]
    budget = Budget(3, rate=2)
    assert all(budget.spend(10) for _ in range(3))
    assert budget.spend(10.5)
    assert not budget.spend(10.5)
    budget = Budget(3, rate=2)
    assert all(budget.spend(100 + number) for number in range(1000))


def test_what_gets_somebody_further_earns():
    budget = Budget(2, rate=0)
    for _ in range(100):
        assert budget.spend(1)
        budget.earn()
    budget.earn()
    assert [budget.spend(1) for _ in range(3)] == [True, True, False]


# --- waiting ---


def test_waiters():
    waiter = Waiter()
    waiter.signal()
    assert waiter.signalled
    woken = []
    waiter.wake = lambda: woken.append(1)
    waiter.signal()
    assert woken == [1]


def test_a_stream_starts_small():
    assert GrowingWindow(Allowance()).size == FIRST_WINDOW
    assert "buffered=0" in repr(a_stream())
