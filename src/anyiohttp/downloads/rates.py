"""Rates: how fast something goes, and how fast it may. Pure; the time is told.

Knows: bytes and seconds.
Must not know: clocks, who waits.
Called by: ``transfer``, ``progress``, ``options``; `RateLimit` is public.
"""

from __future__ import annotations

from collections import deque

__all__ = ("RateLimit", "SpeedMeter")


class RateLimit:
    """A limit in bytes per second; downloads that are given the same one share it.

    Args:
        bytes_per_second: how many may come on average.
        burst: how many may come at once after a pause; by default a quarter of a second's worth.

    Raises:
        ValueError: one of them is not above 0.
    """

    def __init__(self, bytes_per_second: float, burst: float | None = None) -> None:
        if not bytes_per_second > 0 or (burst is not None and not burst > 0):
            raise ValueError(f"a rate limit is above 0, not {bytes_per_second!r} (burst {burst!r})")
        self._rate = float(bytes_per_second)
        self._burst = self._rate / 4 if burst is None else float(burst)
        self._paid_until = float("-inf")  # all that came so far is paid for at this time

    def __repr__(self) -> str:
        return f"RateLimit({self._rate:g})"

    @property
    def bytes_per_second(self) -> float:
        """How many bytes may come in a second."""
        return self._rate

    @property
    def piece(self) -> int:
        """How many bytes to take at a time, so that they come evenly."""
        return int(min(max(self._rate / 10, 1024), 256 * 1024))

    def delay(self, count: int, now: float) -> float:
        """Note that ``count`` bytes have come, and return how many seconds to pause.

        Args:
            count: bytes.
            now: in seconds, of any clock that only goes forward.
        """
        earliest = now - self._burst / self._rate
        self._paid_until = max(self._paid_until, earliest) + count / self._rate
        return max(0.0, self._paid_until - now)


class SpeedMeter:
    """The speed over the last few seconds.

    Args:
        window: how many seconds.
    """

    __slots__ = ("_heard", "_marks", "_total", "_window")

    def __init__(self, now: float, window: float = 5.0) -> None:
        self._window = window
        self._heard = now
        self._total = 0
        self._marks: deque[tuple[float, int]] = deque([(now, 0)])

    def add(self, count: int, now: float) -> None:
        """Note that ``count`` bytes have come."""
        self._heard = now
        self._total += count
        last = self._marks[-1]
        # Twenty marks in a window are enough.
        if now - last[0] >= self._window / 20:
            self._marks.append((now, self._total))
            self._forget(now)

    def speed(self, now: float) -> float:
        """Return the bytes per second; 0 before any time has passed."""
        if now - self._heard >= self._window:
            return 0.0
        self._forget(now)
        since, before = self._marks[0]
        seconds = now - since
        return (self._total - before) / seconds if seconds > 0 else 0.0

    @property
    def total(self) -> int:
        """How many bytes have come."""
        return self._total

    def _forget(self, now: float) -> None:
        marks = self._marks
        while len(marks) > 1 and marks[1][0] <= now - self._window:
            marks.popleft()
