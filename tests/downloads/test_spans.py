"""Sets of positions, against Python's own sets."""

from __future__ import annotations

import random

import pytest

from anyiohttp.downloads.spans import Spans


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ([], []),
        ([(3, 3)], []),
        ([(0, 4), (4, 9)], [(0, 9)]),
        ([(4, 9), (0, 4)], [(0, 9)]),
        ([(0, 4), (5, 9)], [(0, 4), (5, 9)]),
        ([(0, 4), (5, 9), (4, 5)], [(0, 9)]),
        ([(0, 2), (4, 6), (8, 10), (1, 9)], [(0, 10)]),
        ([(0, 9), (3, 4)], [(0, 9)]),
    ],
)
def test_ranges_that_touch_are_one(
    added: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    assert list(Spans(added)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_against_a_set(seed: int) -> None:
    chance, spans, model = random.Random(seed), Spans(), set[int]()
    for _ in range(40):
        start = chance.randrange(60)
        end = start + chance.randrange(8)
        spans.add(start, end)
        model |= set(range(start, end))
        found = [position for low, high in spans for position in range(low, high)]
        assert found == sorted(model)
        assert spans.total == len(model)
        assert spans.end == (max(model) + 1 if model else 0)
        assert spans.prefix == next(n for n in range(100) if n not in model)
        missing = [position for low, high in spans.missing(64) for position in range(low, high)]
        assert missing == [position for position in range(64) if position not in model]
    assert spans.missing(spans.prefix) == []
    assert spans.copy() == spans
    assert len(spans) == len(list(spans))
