"""Sets of byte positions: what of a file is there, what is missing. Pure.

Knows: half-open ranges.
Must not know: files, HTTP.
Called by: ``journal``, ``plan``, ``files``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

__all__ = ("Span", "Spans")

#: The positions from the first number up to, and without, the second.
Span = tuple[int, int]


class Spans:
    """A set of positions, kept as sorted ranges that do not touch.

    Args:
        spans: what is in it at first.
    """

    __slots__ = ("_ends", "_starts", "_total")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._total = 0
        for start, end in spans:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Add the positions from ``start`` up to ``end``; nothing if there are none."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)  # the first range that touches
        last = bisect_right(self._starts, end)  # the first range that lies beyond
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
            for known in range(first, last):
                self._total -= self._ends[known] - self._starts[known]
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        self._total += end - start

    def missing(self, size: int) -> list[Span]:
        """Return the ranges below ``size`` that are not in the set."""
        gaps, position = [], 0
        for start, end in self:
            if start >= size:
                break
            if start > position:
                gaps.append((position, start))
            position = end
        if position < size:
            gaps.append((position, size))
        return gaps

    def copy(self) -> Spans:
        """Return a set with the same positions."""
        return Spans(self)

    @property
    def total(self) -> int:
        """How many positions there are."""
        return self._total

    @property
    def prefix(self) -> int:
        """How many there are from 0 without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    @property
    def end(self) -> int:
        """One more than the last; 0 if there is none."""
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Span]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __len__(self) -> int:
        return len(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Spans({list(self)!r})"
