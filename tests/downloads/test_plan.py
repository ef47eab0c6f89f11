"""Who fetches what: shares, what is given back, what is taken from the slow. The time is told."""

from __future__ import annotations

import random

import pytest

from anyiohttp.downloads.plan import Plan, Segment, Splitting

SPLIT = Splitting(least=100, patience=1.0, stalled=5.0)


def spans(plan: Plan) -> list[tuple[int, int | None]]:
    return [(segment.start, segment.end) for segment in plan.segments]


@pytest.mark.parametrize(
    ("missing", "connections", "expected"),
    [
        ([(0, 1000)], 1, [(0, 1000)]),
        ([(0, 1000)], 4, [(0, 250), (250, 500), (500, 750), (750, 1000)]),
        ([(0, 1001)], 2, [(0, 501), (501, 1001)]),
        # a rest that is too small goes along
        ([(0, 199)], 1, [(0, 199)]),
        ([(0, 350)], 3, [(0, 117), (117, 234), (234, 350)]),
        ([(0, 350)], 4, [(0, 100), (100, 200), (200, 350)]),
        ([(0, 50)], 4, [(0, 50)]),
        ([(0, 300), (600, 900)], 2, [(0, 300), (600, 900)]),
        ([(0, 100), (500, 1000)], 3, [(0, 100), (500, 750), (750, 1000)]),
        ([(0, None)], 4, [(0, None)]),
        ([], 4, []),
    ],
)
def test_shares(
    missing: list[tuple[int, int | None]],
    connections: int,
    expected: list[tuple[int, int | None]],
) -> None:
    plan = Plan(missing, connections, SPLIT)
    for _ in range(connections):
        plan.take(0.0)
    assert spans(plan) == expected


def test_what_failed_is_taken_by_the_next() -> None:
    plan = Plan([(0, 1000)], 2, SPLIT)
    first, second = plan.take(0.0), plan.take(0.0)
    assert first is not None
    assert second is not None
    first.advance(200, 1.0)
    plan.finish(first)
    assert not plan.complete
    again = plan.take(1.0)
    assert again is not None
    assert (again.start, again.end) == (200, 500)
    for segment in (again, second):
        segment.advance(segment.remaining, 2.0)
    assert plan.complete
    plan.finish(again)
    plan.finish(second)
    assert plan.complete
    assert plan.take(2.0) is None


def test_the_rest_of_an_unknown_size() -> None:
    plan = Plan([(0, None)], 1, SPLIT)
    segment = plan.take(0.0)
    assert segment is not None
    segment.advance(70, 1.0)
    assert not segment.complete
    plan.finish(segment)
    assert not plan.complete
    again = plan.take(1.0)
    assert again is not None
    assert (again.start, again.end) == (70, None)


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        (0, 100, [(100, 1000)]),
        (0, 1000, []),
        (0, None, []),
        (300, 400, [(0, 300), (400, 1000)]),
    ],
)
def test_what_is_fetched_already(
    start: int, end: int | None, left: list[tuple[int, int | None]]
) -> None:
    plan = Plan([(0, 1000)], 1, SPLIT)
    adopted = Segment(start, end, 0.0)
    plan.adopt(adopted)
    adopted.advance((end or 1000) - start, 0.1)
    adopted.end = adopted.position
    plan.finish(adopted)
    taken = []
    while (segment := plan.take(1.0)) is not None:
        taken.append((segment.start, segment.end))
        segment.advance(segment.remaining, 1.0)
    assert taken == left
    assert plan.complete


def running(*speeds: float, size: int = 10_000, seconds: float = 4.0) -> Plan:
    """A plan in whose middle each connection has its own speed."""
    plan = Plan([(0, size * len(speeds))], len(speeds), SPLIT)
    segments = [plan.take(0.0) for _ in speeds]
    for tenth in range(1, int(seconds * 10) + 1):
        for segment, speed in zip(segments, speeds, strict=True):
            assert segment is not None
            if speed:
                segment.advance(int(speed / 10), tenth / 10)
    return plan


def test_half_of_what_the_slowest_has_left() -> None:
    plan = running(500, 1000)
    slow = plan.segments[0]
    assert slow.position == 2000
    taken = plan.take(4.0)
    assert taken is not None
    assert (taken.start, taken.end) == (slow.end, 10_000) == (6000, 10_000)


def test_more_of_it_for_who_is_faster() -> None:
    plan = running(500, 1000)
    taken = plan.take(4.0, speed=1500)
    assert taken is not None
    assert plan.segments[0].end == pytest.approx(4000, abs=20)  # a quarter of 8000 is left
    # Both will end together.
    slow = plan.segments[0].remaining / 500
    fast = taken.remaining / 1500
    assert slow == pytest.approx(fast, rel=0.05)


def test_who_is_done_soon_is_left_alone() -> None:
    plan = running(2400, 2400)
    assert plan.segments[0].remaining == 400
    assert plan.take(4.0) is None


def test_little_is_left_alone() -> None:
    plan = running(1, size=190)
    assert plan.take(4.0) is None


def test_a_stalled_one_loses_all() -> None:
    plan = running(1000, 0)
    stalled = plan.segments[1]
    assert not stalled.robbed
    taken = plan.take(4.9)  # not stalled yet: half of it
    assert taken is not None
    assert (taken.start, taken.end) == (15_000, 20_000)
    again = plan.take(5.1)
    assert again is not None
    assert (again.start, again.end) == (10_000, 15_000)
    assert stalled.robbed
    assert stalled.complete


@pytest.mark.parametrize("seed", range(30))
def test_every_byte_is_fetched_once(seed: int) -> None:
    """Connections of all speeds, that fail now and then."""
    chance = random.Random(seed)
    size = chance.randrange(1, 20_000)
    count = chance.randrange(1, 6)
    plan = Plan([(0, size)], count, SPLIT)
    fetched = bytearray(size)
    held: list[Segment | None] = [None] * count
    speeds = [chance.choice([0, 10, 100, 1000]) for _ in held]
    speeds[0] = 100
    for turn in range(100_000):
        now = turn / 10
        if plan.complete:
            break
        for place, segment in enumerate(held):
            if segment is None:
                held[place] = plan.take(now, chance.choice([0.0, float(speeds[place])]))
                continue
            step = min(speeds[place], segment.remaining)
            for position in range(segment.position, segment.position + step):
                fetched[position] += 1
            if step:
                segment.advance(step, now)
            if segment.complete or chance.random() < 0.01:
                plan.finish(segment)
                held[place] = None
    assert plan.complete
    assert fetched == b"\x01" * size
