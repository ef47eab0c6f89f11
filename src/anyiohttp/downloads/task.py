"""One download from its beginning to its end.

Knows: the order of things: what is there, what the server has, fetching, checking, naming.
Must not know: how parts are fetched (``transfer``), how files are written (``files``).
Called by: ``entry``, ``batches``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import to_thread

from .. import ClientSession
from ..exceptions import (
    ClientError,
    DownloadChangedError,
    DownloadFileError,
    DownloadInterruptedError,
    DownloadMismatchError,
)
from .digests import Digest, digests_of_whole, strongest
from .file_errors import told
from .journal import Identity, Recorded
from .options import Job
from .outcomes import DownloadResult, Restart
from .place import Place
from .plan import Plan, Segment
from .ranges import Asked, Kind, is_coded, modified_at, strong_validator
from .rates import RateLimit
from .requests import HostSlots, Opened, Requests, refusal
from .retrying import Patience, retry_after
from .sources import Source, Sources
from .status import Meter, Status
from .transfer import Transfer, Work

__all__ = ("Download",)

T = TypeVar("T")


class Download:
    """A download; `run` it once.

    Args:
        session: makes the requests.
        job: what is asked for.
        hosts: how many connections each host may have.
        rate: a limit in addition to the job's own.
        claim: told the final name before anything is written under it; raises if it is taken.
    """

    def __init__(
        self,
        session: ClientSession,
        job: Job,
        *,
        hosts: HostSlots | None = None,
        rate: RateLimit | None = None,
        claim: Callable[[Path], None] | None = None,
    ) -> None:
        self._job = job
        self._place = Place(job, claim)
        self._requests = Requests(session, job, hosts or HostSlots())
        self._sources = Sources(job.urls, mixed=job.digest is not None)
        self._began = time.monotonic()
        rates = tuple(each for each in (job.rate, rate) if each is not None)
        self._meter = Meter(self._began, rates)
        self._status = Status(job, self._sources, self._place, self._meter)
        self._patience = Patience(job.retries)
        self._ranges = True
        self._restarts = 0
        self._resumed = 0
        self._etag: str | None = None
        self._promised: list[Digest] = []

    # --- the whole ---

    async def run(self) -> DownloadResult:
        """Download.

        Raises:
            DownloadError: it cannot be completed; its subclasses say why.
            ClientError: a request failed for good.

        Cancelled, it leaves the part file and its journal, whose bytes are used the next time, and
        nothing under the final name.
        """
        try:
            if self._job.progress is None and not self._job.min_speed:
                return await self._download()
            return await self._watched()
        finally:
            with anyio.CancelScope(shield=True):
                await self._place.close()

    async def _watched(self) -> DownloadResult:
        """Download while another task of this block tells of progress and minds the speed."""
        failure: Exception | None = None
        result: DownloadResult | None = None

        async def watch() -> None:
            nonlocal failure
            try:
                await self._status.watch()
            except Exception as exc:
                failure = exc
            tasks.cancel_scope.cancel()

        self._status.report()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            try:
                result = await self._download()
            except Exception as exc:
                failure = failure or exc
            tasks.cancel_scope.cancel()
        if result is None:
            # Nothing has failed, but the watch has ended it.
            raise failure if failure is not None else self._status.too_slow()
        self._status.enter("done")
        return result

    async def _download(self) -> DownloadResult:
        """Try until it is done, or nothing is left to be tried."""
        restart: Restart | None = None
        while True:
            try:
                if restart is not None:
                    await self._begin_anew(restart)
                    restart = None
                return await self._attempt()
            except Restart as exc:
                restart = exc
            except DownloadMismatchError:
                # Of mirrors that were mixed each is tried alone, then one less.
                source = self._sources.choose()
                if not self._sources.separate() and not self._sources.drop(source):
                    await self._drop_part()
                    raise
                restart = Restart("it is not what it should be", counts=False)
            except DownloadFileError:
                raise
            except ClientError as exc:
                restart = None
                if not self._sources.drop(self._sources.choose()):
                    raise self._given_up(exc) from exc
                self._patience.renew()

    def _given_up(self, failure: ClientError) -> ClientError:
        """Make the error for a download whose requests fail."""
        if self._patience.is_final(failure):
            return failure
        there = self._status.there
        return DownloadInterruptedError(
            f"{self._status.url}: gave up after {self._meter.failures} failed requests, the last "
            f"with {type(failure).__name__}: {failure}; {there} bytes are kept for the next time",
            there,
        )

    async def _begin_anew(self, restart: Restart) -> None:
        """Forget what was fetched, which is of no use."""
        if restart.counts and restart.cause is None and (restart.ranges or not self._ranges):
            self._restarts += 1
            if self._restarts > self._job.tuning.restarts:
                await self._drop_part()
                raise DownloadChangedError(
                    f"{self._status.url}: begun anew {self._restarts - 1} times already, and again "
                    f"it is of no use: {restart.reason}"
                )
        self._ranges = self._ranges and restart.ranges
        self._promised.clear()
        for source in self._sources.left:
            source.validator = None
        await self._drop_part()
        if restart.cause is not None:
            await self._wait_after(restart.cause)

    async def _drop_part(self) -> None:
        self._status.plan = None
        self._resumed = 0
        await self._place.drop()

    # --- one attempt ---

    async def _attempt(self) -> DownloadResult:
        if self._place.part is None:
            await self._place.settle()
        recorded = self._usable(self._sources.choose())
        if recorded is not None and _is_all_there(recorded):
            return await self._finish_resumed(recorded, recorded.identity.size)
        while True:
            opened = await self._first(recorded)
            try:
                if opened.answer.kind is Kind.UNMODIFIED:
                    return await self._unmodified(opened)
                if self._place.part is None:
                    recorded = await self._settle_name(opened)
                    if recorded is not None:
                        # There is something from an earlier run: this response was for the name.
                        opened.close()
                        if _is_all_there(recorded):
                            return await self._finish_resumed(recorded, recorded.identity.size)
                        continue
                return await self._transfer_from(opened, recorded)
            finally:
                opened.close()

    async def _first(self, recorded: Recorded | None) -> Opened:
        """Ask until there is an answer of some use."""
        while True:
            source = self._sources.choose()
            asked = self._ask(recorded, source)
            try:
                opened = await self._requests.open(
                    source, asked, self._conditions() if recorded is None else None
                )
                self._patience.answered()
                if opened.answer.kind is not Kind.REFUSED:
                    return opened
                opened.close()
                raise refusal(opened.response)
            except ClientError as exc:
                self._meter.failures += 1
                source.failures += 1
                hopeless = self._sources.mixed and self._patience.is_final(exc)
                if hopeless and self._sources.drop(source):
                    continue
                await self._wait_after(exc)

    async def _wait_after(self, failure: Exception) -> None:
        """Wait before the next try; raise the failure if there is to be none."""
        headers = getattr(failure, "headers", None)
        wait = retry_after(headers, time.time()) if headers is not None else None
        delay = self._patience.failed(failure, wait)
        if delay is None:
            raise failure
        self._status.enter("waiting")
        await anyio.sleep(delay)
        self._status.enter("connecting")

    def _ask(self, recorded: Recorded | None, source: Source) -> Asked:
        if recorded is not None:
            size = recorded.identity.size
            if source.key == recorded.identity.url:
                source.validator = recorded.identity.validator
            if size is None:
                return Asked(recorded.written.prefix, None, True, source.validator)
            start, end = recorded.written.missing(size)[0]
            if self._job.connections > 1:
                end = min(end, start + self._job.tuning.probe)
            return Asked(start, end, True, source.validator, size)
        if self._ranges and self._job.connections > 1:
            return Asked(0, self._job.tuning.probe, True)
        return Asked()

    def _conditions(self) -> dict[str, str]:
        """Return the fields that ask only for what is new."""
        job = self._job
        if not job.conditional or self._place.part is None:
            return {"If-None-Match": job.etag} if job.conditional and job.etag else {}
        try:
            modified = self._place.part.target.stat().st_mtime
        except OSError:
            return {}
        fields = {"If-Modified-Since": formatdate(modified, usegmt=True)}
        if job.etag is not None:
            fields["If-None-Match"] = job.etag
        return fields

    async def _unmodified(self, opened: Opened) -> DownloadResult:
        if not self._job.conditional:
            raise refusal(opened.response)
        path = (
            self._place.part.target if self._place.part is not None else self._place.named(opened)
        )
        with told("find", path):  # it has not changed on the server, but may not be here
            size = (await anyio.Path(path).stat()).st_size
        return self._result(path, size, (), unmodified=True)

    # --- what is there, and where ---

    async def _settle_name(self, opened: Opened) -> Recorded | None:
        """Find the file's name with the first response, and open what is there."""
        await self._place.settle_named(opened)
        recorded = self._usable(opened.source)
        if recorded is None:
            return None
        known, headers = recorded.identity, opened.response.headers
        same = known.validator is None or known.validator == strong_validator(headers)
        return recorded if same and opened.answer.size in (None, known.size) else None

    def _usable(self, source: Source) -> Recorded | None:
        """Return what is in the part file, if it can be gone on with."""
        if self._place.part is None or not self._job.resume or not self._ranges:
            return None
        recorded = self._place.part.recorded
        if recorded is None or not recorded.written:
            return None
        identity, digest = recorded.identity, self._job.digest
        if self._job.size is not None and identity.size not in (None, self._job.size):
            return None
        same_file = digest is not None and identity.digest == str(digest)
        same_url = identity.validator is not None and source.key == identity.url
        return recorded if same_file or same_url else None

    # --- fetching ---

    async def _transfer_from(self, opened: Opened, recorded: Recorded | None) -> DownloadResult:
        """Fetch what is missing, beginning with a response that is there."""
        assert self._place.part is not None
        kind, answer, headers = opened.answer.kind, opened.answer, opened.response.headers
        if kind is Kind.PAST_END:
            if recorded is not None and recorded.identity.size is None:
                if answer.size == recorded.written.prefix:
                    return await self._finish_resumed(recorded, answer.size)
                raise Restart("the file has become shorter")
            raise Restart("no range of it can be had", ranges=False)
        if kind in (Kind.CHANGED, Kind.UNFIT):
            raise Restart(answer.reason or "the file has changed", ranges=kind is Kind.CHANGED)
        validator = None if is_coded(headers) else strong_validator(headers)
        combinable = validator is not None or self._job.digest is not None
        if kind is Kind.PART and (answer.size is None or not combinable):
            raise Restart("its parts cannot be told to belong together", ranges=False)
        self._check_size(answer.size)
        if recorded is None or kind is Kind.WHOLE:
            recorded = await self._begin(opened, validator)
        else:
            await self._resume(recorded)
        self._etag = headers.get("ETag")
        self._promised += digests_of_whole(opened.response.status, headers)
        ranged = self._ranges and combinable and not is_coded(headers)
        size = await self._fetch(opened, recorded, ranged=ranged)
        return await self._finish(size, recorded.identity.modified)

    async def _begin(self, opened: Opened, validator: str | None) -> Recorded:
        """Make room for the file, of which nothing is there yet."""
        assert self._place.part is not None
        source, digest, answer = opened.source, self._job.digest, opened.answer
        source.validator = validator
        modified = opened.response.headers.get("Last-Modified")
        identity = Identity(
            source.key, answer.size, validator, str(digest) if digest else None, modified
        )
        for name in self._algorithms():
            self._place.part.expect(name)
        self._resumed = 0
        await to_thread.run_sync(self._place.part.begin, identity)
        assert self._place.part.recorded is not None
        return self._place.part.recorded

    async def _resume(self, recorded: Recorded) -> None:
        assert self._place.part is not None
        for name in self._algorithms():
            self._place.part.expect(name)
        self._resumed = recorded.written.total
        await to_thread.run_sync(self._place.part.resume, recorded.identity)

    async def _fetch(self, opened: Opened, recorded: Recorded, *, ranged: bool) -> int | None:
        """Fetch what is missing; return the size of the whole."""
        assert self._place.part is not None
        job, answer = self._job, opened.answer
        size = answer.size if answer.size is not None else recorded.identity.size
        segment = Segment(answer.start, answer.end, time.monotonic())
        connections = 1
        missing: list[tuple[int, int | None]] = [(answer.start, None)]
        if size is not None:
            missing = [*recorded.written.missing(size)]
            if answer.kind is Kind.PART:
                left = size - recorded.written.total
                connections = max(1, min(job.connections, -(-left // job.tuning.splitting.least)))
        plan = Plan(missing, connections, job.tuning.splitting)
        plan.adopt(segment)
        work = Work(plan, size, ranged)
        self._status.size, self._status.plan = size, plan
        self._status.enter("fetching")
        part = self._place.part
        transfer = Transfer(job, self._requests, self._sources, part, work, self._meter)
        await transfer.run(opened, segment, connections)
        self._promised += transfer.promised
        return work.size

    # --- the end ---

    async def _finish(self, size: int | None, modified: str | None) -> DownloadResult:
        """Check what is there, and give it its name."""
        assert self._place.part is not None
        part, job = self._place.part, self._job
        self._status.enter("verifying")
        size = self._status.there if size is None else size
        self._check_size(size)
        if self._status.there != size:
            raise DownloadMismatchError(
                f"{self._status.url}: {self._status.there} bytes of {size} are there"
            )
        verified = await self._verify(size)
        stamp = modified_at({"Last-Modified": modified or ""}) if job.keep_time else None
        await to_thread.run_sync(
            partial(part.publish, size, stamp, overwrite=self._place.overwrite)
        )
        return self._result(part.target, size, verified)

    async def _finish_resumed(self, recorded: Recorded, size: int | None) -> DownloadResult:
        """Finish what an earlier run has fetched to its end."""
        self._resumed = recorded.written.total
        return await self._finish(size, recorded.identity.modified)

    async def _verify(self, size: int) -> tuple[str, ...]:
        assert self._place.part is not None
        expected = strongest([*((self._job.digest,) if self._job.digest else ()), *self._promised])
        for digest in expected:
            value = None
            while value is None:
                value = await to_thread.run_sync(self._place.part.hash_more, digest.algorithm, size)
            if not digest.matches(value):
                raise DownloadMismatchError(
                    f"{self._status.url}: {digest.source} promises {digest}, but it is "
                    f"{digest.algorithm}:{value.hex()}"
                )
        return tuple(str(digest) for digest in expected)

    def _algorithms(self) -> set[str]:
        found = {self._job.digest.algorithm} if self._job.digest else set()
        return found | {digest.algorithm for digest in strongest(self._promised)}

    def _check_size(self, size: int | None) -> None:
        wanted = self._job.size
        if wanted is not None and size is not None and size != wanted:
            raise DownloadMismatchError(
                f"{self._status.url}: it has {size} bytes, but {wanted} were promised"
            )

    def _result(
        self, path: Path, size: int, verified: tuple[str, ...], *, unmodified: bool = False
    ) -> DownloadResult:
        return DownloadResult(
            path=path,
            url=self._status.url,
            size=size,
            received=self._meter.speed.total,
            resumed=self._resumed,
            unmodified=unmodified,
            etag=self._etag or self._job.etag,
            verified=verified,
            failures=self._meter.failures,
            seconds=time.monotonic() - self._began,
        )


def _is_all_there(recorded: Recorded) -> bool:
    size = recorded.identity.size
    return size is not None and not recorded.written.missing(size)
