"""Limits and measures of speed; the time is told."""

from __future__ import annotations

import pytest

from anyiohttp.downloads.rates import RateLimit, SpeedMeter


@pytest.mark.parametrize("piece", [1, 100, 1000, 7000])
def test_a_limit_is_kept(piece: int) -> None:
    limit, now, count = RateLimit(1000), 0.0, 0
    while count < 10_000:
        count += piece
        now += limit.delay(piece, now)
    # A quarter of a second's worth comes at once.
    assert now == pytest.approx(count / 1000 - 0.25)


def test_shared_by_several() -> None:
    limit, clocks = RateLimit(1000, burst=1), [0.0, 0.0, 0.0]
    for _ in range(30):
        turn = clocks.index(min(clocks))
        clocks[turn] += limit.delay(100, clocks[turn])
    assert max(clocks) == pytest.approx(3.0, abs=0.01)


def test_a_pause_is_not_saved_up() -> None:
    limit = RateLimit(1000)
    assert limit.delay(250, 0.0) == 0
    assert limit.delay(250, 1000.0) == 0
    assert limit.delay(100, 1000.0) == pytest.approx(0.1)


@pytest.mark.parametrize(("rate", "piece"), [(10, 1024), (100_000, 10_000), (1e9, 256 * 1024)])
def test_pieces(rate: float, piece: int) -> None:
    assert RateLimit(rate).piece == piece
    assert RateLimit(rate).bytes_per_second == rate


@pytest.mark.parametrize(("rate", "burst"), [(0, None), (-1, None), (float("nan"), None), (1, 0)])
def test_what_is_no_limit(rate: float, burst: float | None) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RateLimit(rate, burst)


def test_speed() -> None:
    meter = SpeedMeter(100.0, window=5)
    assert meter.speed(100.0) == 0
    for tenth in range(1, 101):
        meter.add(10, 100 + tenth / 10)
    assert meter.speed(110.0) == pytest.approx(100, rel=0.02)
    assert meter.total == 1000
    # Half a window later without a byte.
    assert meter.speed(112.5) == pytest.approx(50, rel=0.1)
    assert meter.speed(120.0) == 0
