"""`download_all`: many files, each on its own, in the tasks of one block.

Knows: how many at a time, who is told of outcomes.
Must not know: how one file is downloaded.
Called by: users.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from .. import ClientSession
from ..exceptions import DownloadFileError
from ..typedefs import PathLike, StrOrURL
from .file_errors import told
from .items import DownloadItem, DownloadOutcome, ItemQueue
from .options import DownloadKwargs, job_from
from .rates import RateLimit
from .requests import HostSlots
from .task import Download

__all__ = ("DownloadBatch", "download_all")


def download_all(
    session: ClientSession,
    items: Iterable[DownloadItem | StrOrURL],
    *,
    to: PathLike = ".",
    limit: int = 8,
    per_host: int | None = 4,
    total_rate: float | RateLimit | None = None,
    **options: Unpack[DownloadKwargs],
) -> DownloadBatch:
    """Download many files; enter it with ``async with``, and iterate over what it gives.

    ::

        async with download_all(session, urls, to="pictures", limit=10) as outcomes:
            async for outcome in outcomes:
                print(outcome.path or outcome.error)

    Outcomes come as they are ready, in no order. One that fails does not disturb the others: its
    outcome has the error.

    Args:
        session: makes the requests.
        items: URLs, or `DownloadItem` for those that have names or options of their own; taken as
            there is need of them, so that there may be very many.
        to: the directory, which is made if it does not exist.
        limit: how many files at a time.
        per_host: how many connections to one host at a time; ``None`` for any number.
        total_rate: bytes per second of all together; ``limit_rate`` is for each.
        **options: as for `download`, for each file.

    The tasks belong to the block. Leaving it, also by an exception or a cancellation, ends what is
    under way; what has been fetched of it is kept for the next time.

    Raises:
        ValueError: a limit is below 1.
        Exception: what iterating over ``items`` raises; the block ends then.
    """
    return DownloadBatch(
        session, ItemQueue(items, per_host), Path(to), limit, (per_host, total_rate), options
    )


class DownloadBatch:
    """The block of `download_all`, and the iterator over its outcomes."""

    def __init__(
        self,
        session: ClientSession,
        queue: ItemQueue,
        to: Path,
        limit: int,
        shared: tuple[int | None, float | RateLimit | None],
        options: DownloadKwargs,
    ) -> None:
        per_host, rate = shared
        if limit < 1 or (per_host is not None and per_host < 1):
            raise ValueError(f"limit and per_host are at least 1, not {limit} and {per_host}")
        job_from("http://localhost/", None, options)  # wrong options are not each item's error
        self._session = session
        self._queue = queue
        self._to = to
        self._limit = limit
        self._hosts = HostSlots(per_host)
        self._rate = rate if rate is None or isinstance(rate, RateLimit) else RateLimit(rate)
        self._options = options
        self._targets: set[str] = set()
        self._changed = anyio.Event()
        self._failure: Exception | None = None
        self._stack = AsyncExitStack()
        self._outcomes: MemoryObjectReceiveStream[DownloadOutcome] | None = None

    async def __aenter__(self) -> Self:
        await to_thread.run_sync(self._make_directory, self._to)
        async with AsyncExitStack() as stack:
            tasks: TaskGroup = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            send, receive = anyio.create_memory_object_stream[DownloadOutcome](self._limit)
            stack.callback(receive.close)
            self._outcomes = receive
            with send:
                for _ in range(self._limit):
                    tasks.start_soon(self._work, send.clone())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What the block raised is none of the tasks' business: it is not wrapped in a group.
        await self._stack.aclose()
        failure, self._failure = self._failure, None
        if failure is not None and exc is None:
            raise failure

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DownloadOutcome:
        if self._outcomes is None:
            raise RuntimeError("enter download_all() with async with before iterating over it")
        try:
            return await self._outcomes.receive()
        except anyio.ClosedResourceError:
            raise RuntimeError("the block of download_all() has ended") from None
        except anyio.EndOfStream:
            # If it is a cancellation that has ended the tasks, it goes before the end of outcomes.
            await checkpoint()
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure from None
            raise StopAsyncIteration from None

    async def _work(self, outcomes: MemoryObjectSendStream[DownloadOutcome]) -> None:
        """Download one item after the other."""
        with outcomes:
            while self._failure is None:
                try:
                    item = self._queue.take()
                except Exception as exc:  # the caller's own iterable has failed
                    self._failure = exc
                    self._tell()
                    return
                if item is None:
                    if self._queue.exhausted:
                        return
                    await self._changed.wait()
                    continue
                try:
                    outcome = await self._outcome(item)
                finally:
                    self._queue.done(item)
                    self._tell()
                await outcomes.send(outcome)

    def _tell(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def _outcome(self, item: DownloadItem) -> DownloadOutcome:
        try:
            path = f"{self._to}{os.sep}"
            if item.path is not None:
                path = os.fspath(self._to / item.path)
                await to_thread.run_sync(self._make_directory, Path(path).parent)
            job = job_from(item.url, path, self._options | item.options)
            download = Download(
                self._session, job, hosts=self._hosts, rate=self._rate, claim=self._claim
            )
            return DownloadOutcome(item, result=await download.run())
        except Exception as exc:
            return DownloadOutcome(item, error=exc)

    def _claim(self, target: Path) -> None:
        """Refuse a second item of the batch that would go into the same file."""
        path = os.path.normcase(target.absolute())
        if path in self._targets:
            raise DownloadFileError(
                errno.EEXIST,
                "another item of this batch has the same name; give one of them another",
                os.fspath(target),
            )
        self._targets.add(path)

    def _make_directory(self, path: Path) -> None:
        with told("make", path):
            path.mkdir(parents=True, exist_ok=True)
