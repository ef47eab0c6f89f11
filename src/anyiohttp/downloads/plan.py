"""Who fetches which part of a file. Pure; the time is told.

Knows: what is missing, what is being fetched, how fast; when it is worth taking work from the slow.
Must not know: connections, files.
Called by: ``transfer``.

What is missing is dealt out in equal shares, one for each connection. A connection that has
finished takes what was given back by one that failed, or else a part of what the slowest still has
to do: so much that both should end together. One from which nothing comes any more loses all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .rates import SpeedMeter
from .spans import Span

__all__ = ("Plan", "Segment", "Splitting")


@dataclass(frozen=True, slots=True)
class Splitting:
    """When work is divided.

    Args:
        least: bytes; nothing smaller is split off.
        patience: seconds; who will be done sooner is left alone.
        stalled: seconds without a byte, after which a segment is taken away as a whole.
    """

    least: int = 1024 * 1024
    patience: float = 1.0
    stalled: float = 5.0


class Segment:
    """A part of a file that one connection fetches.

    Attributes:
        start: where it begins.
        position: where its next byte belongs.
        end: one more than its last position; ``None`` if nobody knows where the file ends. It may
            be lowered while the segment is being fetched.
        heard: when its last byte came.
        robbed: whether all that it lacked was taken away.
    """

    __slots__ = ("_meter", "end", "heard", "position", "robbed", "start")

    def __init__(self, start: int, end: int | None, now: float) -> None:
        self.start = self.position = start
        self.end = end
        self.heard = now
        self.robbed = False
        self._meter = SpeedMeter(now)

    @property
    def remaining(self) -> int:
        """How many bytes are missing; 0 if that is not known."""
        return 0 if self.end is None else max(0, self.end - self.position)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.end is not None and self.position >= self.end

    def advance(self, count: int, now: float) -> None:
        """Note that ``count`` bytes have come."""
        self.position += count
        self.heard = now
        self._meter.add(count, now)

    def speed(self, now: float) -> float:
        """Return the bytes per second."""
        return self._meter.speed(now)

    def __repr__(self) -> str:
        return f"<Segment {self.start}..{self.position}..{self.end}>"


class Plan:
    """What is missing, and who has taken what of it.

    Args:
        missing: what is missing; an end of ``None`` for a file of unknown size.
        connections: how many share the work.
        splitting: when it is divided.
    """

    def __init__(
        self,
        missing: Iterable[tuple[int, int | None]],
        connections: int = 1,
        splitting: Splitting = Splitting(),
    ) -> None:
        self._open: list[tuple[int, int | None]] = sorted(missing, key=lambda span: span[0])
        self._shares = connections
        self._splitting = splitting
        self._active: list[Segment] = []

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What is being fetched, in the order of the file."""
        return tuple(sorted(self._active, key=lambda segment: segment.start))

    @property
    def complete(self) -> bool:
        """Whether all has come."""
        return not self._open and all(segment.complete for segment in self._active)

    def take(self, now: float, speed: float = 0.0) -> Segment | None:
        """Return a segment to fetch; ``None`` if there is nothing worth it.

        Args:
            now: the time.
            speed: bytes per second of who asks; 0 if it is not known.
        """
        if self._open:
            start, end = self._open[0]
            if end is None:
                del self._open[0]
            else:
                end = self._bite(start, end)
        else:
            split = self._split(now, speed)
            if split is None:
                return None
            start, end = split
        segment = Segment(start, end, now)
        self._active.append(segment)
        return segment

    def adopt(self, segment: Segment) -> None:
        """Take what a segment covers out of what is missing: it is being fetched already."""
        rest: list[tuple[int, int | None]] = []
        for start, end in self._open:
            if end is None:
                continue
            stop = end if segment.end is None else min(end, segment.end)
            if stop <= segment.position or end <= start or start >= stop:
                rest.append((start, end))
                continue
            if start < segment.position:
                rest.append((start, segment.position))
            if stop < end:
                rest.append((stop, end))
        self._open = rest
        self._active.append(segment)

    def finish(self, segment: Segment) -> None:
        """Note that a segment is not being fetched any more; what it lacks is to be fetched."""
        self._active.remove(segment)
        if segment.end is None or segment.remaining:
            self._open.append((segment.position, segment.end))
            self._open.sort(key=lambda span: span[0])

    def _bite(self, start: int, end: int) -> int:
        """Take a share of the first gap; the share is the same for all who have none yet."""
        left = sum(stop - begin for begin, stop in self._open if stop is not None)
        share = max(-(-left // max(1, self._shares)), self._splitting.least)
        self._shares = max(0, self._shares - 1)
        stop = end if end - start - share < self._splitting.least else start + share
        stop = min(stop, end)
        if stop == end:
            del self._open[0]
        else:
            self._open[0] = (stop, end)
        return stop

    def _split(self, now: float, speed: float) -> Span | None:
        rules = self._splitting
        victim = max(self._active, key=lambda each: _seconds_left(each, now), default=None)
        if victim is None or victim.end is None or not victim.remaining:
            return None
        end = victim.end
        if now - victim.heard >= rules.stalled:
            cut = victim.position
            victim.robbed = True
        elif victim.remaining < 2 * rules.least or _seconds_left(victim, now) < rules.patience:
            return None
        else:
            theirs = victim.speed(now)
            part = speed / (speed + theirs) if speed > 0 else 0.5
            count = int(victim.remaining * part)
            count = min(max(count, rules.least), victim.remaining - rules.least)
            cut = end - count
        victim.end = cut
        return cut, end


def _seconds_left(segment: Segment, now: float) -> float:
    if not segment.remaining:
        return -1.0
    speed = segment.speed(now)
    return segment.remaining / speed if speed > 0 else float("inf")
