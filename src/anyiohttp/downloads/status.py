"""What is known of a download while it runs: counted, told, and minded.

Knows: bytes, states, the speed that is asked for.
Must not know: how anything is fetched or written.
Called by: ``task``, which changes it; ``transfer``, which counts.
"""

from __future__ import annotations

import time

import anyio
from yarl import URL

from ..exceptions import DownloadTooSlowError
from .options import Job
from .place import Place
from .plan import Plan
from .progress import Progress, SegmentProgress, State
from .rates import RateLimit, SpeedMeter
from .sources import Sources

__all__ = ("Meter", "Status")


class Meter:
    """What all connections of a download have fetched, and what they may.

    Args:
        now: the time.
        rates: the limits.

    Attributes:
        speed: over the last few seconds.
        failures: how many requests have failed.
        waiting: how many connections wait before they try again.
        fetching: how many connections there are.
    """

    def __init__(self, now: float, rates: tuple[RateLimit, ...]) -> None:
        self.speed = SpeedMeter(now)
        self.failures = 0
        self.waiting = 0
        self.fetching = 0
        self._rates = rates

    @property
    def piece(self) -> int:
        """How many bytes to take at a time; 0 for whatever comes."""
        return min((rate.piece for rate in self._rates), default=0)

    async def received(self, count: int, now: float) -> None:
        """Note that bytes have come, and pause if there were too many."""
        self.speed.add(count, now)
        if self._rates:
            delay = max(rate.delay(count, now) for rate in self._rates)
            if delay > 0:
                await anyio.sleep(delay)


class Status:
    """What is known of one download.

    Args:
        job: what was asked for.
        sources: where it comes from.
        place: where it goes.
        meter: counts.

    Attributes:
        state: what is being done.
        plan: what is missing, while it is being fetched.
        size: of the whole, as soon as it is known.
    """

    def __init__(self, job: Job, sources: Sources, place: Place, meter: Meter) -> None:
        self.state: State = "connecting"
        self.plan: Plan | None = None
        self.size: int | None = job.size
        self._job = job
        self._sources = sources
        self._place = place
        self._meter = meter

    @property
    def url(self) -> URL:
        """Where it comes from, without credentials."""
        url = self._sources.choose().url
        return url.with_user(None) if url.is_absolute() else url

    @property
    def there(self) -> int:
        """How many bytes are in the part file."""
        recorded = self._place.part.recorded if self._place.part is not None else None
        return recorded.written.total if recorded is not None else 0

    def enter(self, state: State) -> None:
        """Tell the callback that something else is being done now."""
        self.state = state
        self.report()

    def report(self) -> None:
        """Tell the callback."""
        if self._job.progress is None:
            return
        meter, state, there = self._meter, self.state, self.there
        if state == "fetching" and meter.waiting and meter.waiting >= meter.fetching:
            state = "waiting"
        speed = meter.speed.speed(time.monotonic())
        eta = None
        if self.size is not None and speed > 0:
            eta = max(0, self.size - there) / speed
        segments = self.plan.segments if self.plan is not None else ()
        self._job.progress(
            Progress(
                url=self.url,
                path=self._place.part.target if self._place.part is not None else None,
                state=state,
                bytes=there,
                total=self.size,
                speed=speed,
                eta=eta,
                segments=tuple(SegmentProgress(s.start, s.position, s.end) for s in segments),
                failures=meter.failures,
            )
        )

    async def watch(self) -> None:
        """Tell the callback now and then, and mind the speed; returns if it is too slow."""
        job, total = self._job, self._meter.speed
        mark, before = time.monotonic(), total.total
        while True:
            await anyio.sleep(min(job.progress_interval, job.min_speed_time))
            self.report()
            now = time.monotonic()
            if self.state == "verifying":  # it waits for the disk, which is nobody's fault
                mark, before = now, total.total
            elif job.min_speed and now - mark >= job.min_speed_time:
                if (total.total - before) / (now - mark) < job.min_speed:
                    return
                mark, before = now, total.total

    def too_slow(self) -> DownloadTooSlowError:
        """Make the error for a download that was too slow, once all that came is in the file."""
        job, there = self._job, self.there
        return DownloadTooSlowError(
            f"{self.url}: less than {job.min_speed:g} bytes per second for "
            f"{job.min_speed_time:g} s; {there} bytes are kept for the next time",
            there,
        )
