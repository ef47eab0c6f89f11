"""Fetching what is missing, over several connections at a time, into one part file.

Knows: who fetches which segment, what to do when a connection fails or is slow.
Must not know: where files go, how a download begins and ends (``task``).
Called by: ``task``.

All tasks live inside `Transfer.run`. What fails in one of them is kept and raised after the others
have ended, alone. Whatever was received is written before `run` ends, also when it is cancelled.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from ..exceptions import ClientPayloadError, ClientResponseError, DownloadMismatchError
from .digests import Digest, Hash, digest_of_part, digests_of_whole
from .files import PartFile
from .options import Job
from .outcomes import Restart, SourceUnfit
from .plan import Plan, Segment
from .ranges import Asked, Kind, strong_validator
from .requests import Opened, Requests, refusal
from .retrying import Patience, retry_after
from .sources import Source, Sources
from .status import Meter
from .writing import BlockBuffer, BlockWriter

__all__ = ("Transfer", "Work")

#: Seconds after which a block that is not full is written: a crash is to lose little of what comes
#: slowly, too.
_FLUSH_EVERY = 1.0
#: A request brings as much as comes in so many times the time that passes before its first byte.
_WAITS = 10


@dataclass(slots=True)
class Work:
    """What is to be fetched.

    Args:
        plan: what is missing.
        size: of the whole; ``None`` if it is not known, until the end has come.
        ranged: whether the server allows ranges, so that what broke off can be continued.
    """

    plan: Plan
    size: int | None
    ranged: bool


class Transfer:
    """One go at what is missing of a file.

    Args:
        job: what was asked for.
        requests: make the requests.
        sources: whom to ask.
        part: where it goes.
        work: what is missing; its size is noted when it is found out.
        meter: counts.

    Attributes:
        promised: digests that came with responses.
    """

    def __init__(
        self,
        job: Job,
        requests: Requests,
        sources: Sources,
        part: PartFile,
        work: Work,
        meter: Meter,
    ) -> None:
        self.promised: list[Digest] = []
        self._job = job
        self._requests = requests
        self._sources = sources
        self._part = part
        self._work = work
        self._plan = work.plan
        self._meter = meter
        self._writer = BlockWriter(part, job.tuning.queue)
        self._changed = anyio.Event()
        self._scopes: dict[Segment, anyio.CancelScope] = {}
        self._failure: Exception | None = None
        self._tasks: anyio.CancelScope | None = None

    async def run(self, first: Opened, segment: Segment, connections: int) -> None:
        """Fetch until all is in the part file.

        Args:
            first: a response that has been opened already.
            segment: what it brings.
            connections: how many to use.

        Raises:
            Restart: the file has changed, or cannot be continued.
            ClientError: it cannot be completed.
        """
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks.cancel_scope
                tasks.start_soon(self._guarded, self._writer.run)
                tasks.start_soon(self._guarded, self._fetch_all, first, segment, connections)
        finally:
            self._tasks = None
            first.close()
            with anyio.CancelScope(shield=True):
                await self._write_rest()
        if self._failure is not None:
            raise self._failure

    async def _write_rest(self) -> None:
        try:
            await self._writer.write_rest()
        except Exception as exc:
            self._fail(exc)

    async def _guarded(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run a task whose failure ends all, without a group of exceptions."""
        try:
            await function(*args)
        except Exception as exc:
            self._fail(exc)

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        if self._tasks is not None:
            self._tasks.cancel()

    # --- fetching ---

    async def _fetch_all(self, first: Opened, segment: Segment, connections: int) -> None:
        self._meter.fetching = connections
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._guarded, self._fetch, first, segment)
            for _ in range(connections - 1):
                tasks.start_soon(self._guarded, self._fetch)
        self._writer.end()

    async def _fetch(self, opened: Opened | None = None, segment: Segment | None = None) -> None:
        """Fetch one segment after the other over one connection, until all has come."""
        patience = Patience(self._job.retries)
        patience.answered()
        speed = 0.0
        while True:
            if segment is None:
                segment = await self._next_segment(speed)
                if segment is None:
                    return
            source = opened.source if opened is not None else self._sources.choose()
            source.active += 1
            failure: Exception | None = None
            try:
                await self._fetch_segment(segment, source, opened, patience)
            except Exception as exc:
                failure = exc
            finally:
                source.active -= 1
                speed = segment.speed(time.monotonic())
                self._plan.finish(segment)
                self._tell()
            if failure is not None and not await self._recover(failure, source, patience):
                return
            opened = segment = None

    async def _fetch_segment(
        self, segment: Segment, source: Source, opened: Opened | None, patience: Patience
    ) -> None:
        """Fetch a segment, by one request or several."""
        while opened is not None or not segment.complete:
            if opened is None:
                opened = await self._open(source, segment)
            try:
                await self._receive(opened, segment, patience)
            finally:
                opened.close()
            opened = None

    def _request_end(self, segment: Segment) -> int | None:
        """Return how far the next request goes.

        What is not asked for can be given to another connection without loss, and what is under way
        is lost with a connection. So with several connections a request is no larger than it must
        be for the wait between two requests to cost little.
        """
        if segment.end is None or self._meter.fetching < 2:
            return segment.end
        worth = int(segment.speed(time.monotonic()) * self._requests.latency * _WAITS)
        # No speed is known well enough to ask at once for much more than has come so far.
        count = max(min(worth, segment.position - segment.start), self._job.tuning.request)
        return min(segment.end, segment.position + count)

    async def _next_segment(self, speed: float) -> Segment | None:
        """Wait for something to do; ``None`` when all has come."""
        while not self._plan.complete:
            segment = self._plan.take(time.monotonic(), speed)
            if segment is not None:
                for other, scope in self._scopes.items():
                    if other.robbed:
                        scope.cancel()
                return segment
            changed = self._changed
            with anyio.move_on_after(self._job.tuning.poll):
                await changed.wait()
        return None

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def _open(self, source: Source, segment: Segment) -> Opened:
        """Ask for what a segment lacks."""
        end = self._request_end(segment)
        asked = Asked(segment.position, end, True, source.validator, self._work.size)
        opened = await self._requests.open(source, asked)
        try:
            self._check(opened)
        except BaseException:
            opened.close()
            raise
        if source.validator is None:
            source.validator = strong_validator(opened.response.headers)
        self._note(opened)
        return opened

    def _check(self, opened: Opened) -> None:
        answer = opened.answer
        if answer.kind is Kind.PART:
            return
        if answer.kind in (Kind.REFUSED, Kind.UNMODIFIED):
            raise refusal(opened.response)
        if self._sources.mixed:
            url = opened.source.url.with_user(None)
            raise SourceUnfit(f"{url} has another file than the other mirrors. {answer.reason}")
        known = opened.source.validator
        same = known is not None and strong_validator(opened.response.headers) == known
        if answer.kind is Kind.WHOLE and same:
            raise Restart("ranges are not obeyed", ranges=False)
        raise Restart(answer.reason or "the file has changed", ranges=answer.kind is not Kind.UNFIT)

    def _note(self, opened: Opened) -> None:
        """Note what a response says of the whole file."""
        response = opened.response
        self.promised += digests_of_whole(response.status, response.headers)

    async def _receive(self, opened: Opened, segment: Segment, patience: Patience) -> None:
        """Read a body into the part file, up to the segment's end, which may move meanwhile."""
        promised = (
            digest_of_part(opened.response.headers) if opened.response.status == 206 else None
        )
        check = Hash(promised.algorithm, segment.position) if promised is not None else None
        buffer = BlockBuffer(self._writer, segment.position, self._job.block, check)
        whole = False
        with anyio.CancelScope() as scope:
            self._scopes[segment] = scope
            try:
                whole = await self._read(opened, segment, buffer, patience)
            finally:
                del self._scopes[segment]
                buffer.flush()
        if not whole:
            return
        if opened.response.status != 206 and opened.response.trailers:
            self.promised += digests_of_whole(200, opened.response.trailers)
        if promised is not None and check is not None:
            await self._writer.drained()
            if not promised.matches(check.digest()):
                raise DownloadMismatchError(
                    f"a part of {opened.source.url.with_user(None)} is not what its "
                    f"Content-Digest says ({promised})"
                )

    async def _read(
        self, opened: Opened, segment: Segment, buffer: BlockBuffer, patience: Patience
    ) -> bool:
        """Read until the segment is complete. Returns whether the body was read to its end."""
        content, meter, flushed = opened.response.content, self._meter, time.monotonic()
        piece, end = meter.piece, opened.answer.end
        while (bound := _lower(segment.end, end)) is None or segment.position < bound:
            data = await (content.read(piece) if piece else content.readany())
            if not data:
                if bound is not None:
                    raise ClientPayloadError(
                        f"the body ended {bound - segment.position} bytes early"
                    )
                segment.end = self._work.size = segment.position
                return True
            # Read again: the end may have moved while this was waiting.
            bound = _lower(segment.end, end)
            if bound is not None and len(data) > bound - segment.position:
                data = data[: max(0, bound - segment.position)]
            now = time.monotonic()
            segment.advance(len(data), now)
            patience.received(len(data))
            if buffer.add(data):
                flushed = now
                await self._writer.room()
            elif now - flushed > _FLUSH_EVERY:
                flushed = now
                buffer.flush()
            await meter.received(len(data), now)
        if segment.position != end:
            return False  # somebody else fetches the rest of this body
        if await content.readany():
            raise ClientPayloadError(f"more came than the {end} bytes that were announced")
        return True

    # --- failures ---

    async def _recover(self, failure: Exception, source: Source, patience: Patience) -> bool:
        """Wait before the next try. Returns whether there is one for this connection."""
        if isinstance(failure, Restart | DownloadMismatchError):
            raise failure
        if isinstance(failure, SourceUnfit):
            return self._drop(source, failure, patience)
        self._meter.failures += 1
        source.failures += 1
        if not self._work.ranged:
            raise Restart("it cannot be continued", cause=failure)
        delay = patience.failed(failure, _asked_to_wait(failure))
        if delay is None:
            return self._drop(source, failure, patience)
        self._meter.waiting += 1
        try:
            await anyio.sleep(delay)
        finally:
            self._meter.waiting -= 1
        return True

    def _drop(self, source: Source, failure: Exception, patience: Patience) -> bool:
        """Do without a mirror, or without this connection. Returns whether this connection stays.

        Raises:
            Exception: the failure, if there is nothing else.
        """
        if source.gone or (self._sources.mixed and self._sources.drop(source)):
            patience.renew()
            return True
        if self._meter.fetching > 1:
            # Perhaps the server takes no more than the others: they do the rest.
            self._meter.fetching -= 1
            return False
        raise failure


def _asked_to_wait(failure: Exception) -> float | None:
    if isinstance(failure, ClientResponseError) and failure.headers is not None:
        return retry_after(failure.headers, time.time())
    return None


def _lower(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
