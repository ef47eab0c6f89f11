"""How a workload runs in its worker: an event loop, a client, tasks, a meter."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self

import anyio

from .. import clients
from ..clients.base import Client
from ..server import SMALL, Site
from .base import Spec

#: Where many ask at once.
TASKS = 64


class Meter:
    """The CPU time of this process, with its threads, over a block; in seconds.

    ``watchers`` are entered with it: that is how a profiler sees this part only.
    """

    watchers: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.cpu = 0.0
        self.wall = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        for watcher in self.watchers:
            watcher.__enter__()
        self._wall = time.perf_counter()
        self._cpu = cpu_seconds()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.cpu = cpu_seconds() - self._cpu
        self.wall = time.perf_counter() - self._wall
        for watcher in self.watchers:
            watcher.__exit__(*exc)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Bench:
    """What a workload works with.

    Args:
        spec: the measurement.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.site = Site(**spec.site)
        self.meter = Meter()
        self.remark = ""
        self._client = clients.load(spec.client)

    def client(self, *, limit: int, http2: bool = False) -> Client:
        return self._client(self.site, limit=limit, http2=http2)

    def repeats(self, full: int, quick: int) -> int:
        """How often to do it: rarer for a client that takes long."""
        if self.spec.each is not None:
            return self.spec.each
        return max(2, round((quick if self.spec.quick else full) * self._client.pace))

    async def tasks(self, count: int, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a function in many tasks at once, by what the backend itself has for that."""
        if self.spec.backend == "trio":
            import trio

            async with trio.open_nursery() as nursery:
                for _ in range(count):
                    nursery.start_soon(function)
        else:
            import asyncio

            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(function())


def measuring(
    function: Callable[[Bench], Awaitable[float]],
) -> Callable[[Spec], tuple[float, str]]:
    """Make a workload of an async function of a `Bench`."""

    def measure(spec: Spec) -> tuple[float, str]:
        bench = Bench(spec)
        if spec.backend == "trio":
            value = anyio.run(function, bench, backend="trio")
        else:
            options = {"use_uvloop": spec.backend == "uvloop"}
            value = anyio.run(function, bench, backend="asyncio", backend_options=options)
        return value, bench.remark

    return measure


async def calls(
    bench: Bench,
    call: Callable[[], Awaitable[bytes]],
    *,
    tasks: int,
    each: int,
    sizes: tuple[int, ...] = (len(SMALL),),
) -> float:
    """Measure a call that many tasks repeat; return µs of CPU for one.

    The warm-up opens a connection for each task, and uses it. An answer is known by its size.
    """

    async def repeat(times: int) -> None:
        for _ in range(times):
            if len(await call()) not in sizes:
                raise RuntimeError("this is not the answer")

    await bench.tasks(tasks, lambda: repeat(3))
    with bench.meter:
        await bench.tasks(tasks, lambda: repeat(each))
    return bench.meter.cpu / (tasks * each) * 1e6


async def small_gets(bench: Bench, server: str, *, http2: bool = False) -> float:
    """Measure the small GET by 64 tasks: over a connection each, or over one of HTTP/2."""
    url = server + "/small"
    async with bench.client(limit=1 if http2 else TASKS, http2=http2) as client:
        return await calls(bench, lambda: client.get(url), tasks=TASKS, each=bench.repeats(200, 15))


async def downloads(
    bench: Bench, server: str, *, file: str = "download", times: int, http2: bool = False
) -> float:
    """Measure a large file that is read in whatever pieces it comes, one after the other."""
    url = f"{server}/{file}"
    async with bench.client(limit=1, http2=http2) as client:
        size = bench.site.sizes[file]
        return await transfers(bench, lambda: client.download(url), size=size, times=times)


async def transfers(
    bench: Bench, call: Callable[[], Awaitable[int]], *, size: int, times: int
) -> float:
    """Measure a large transfer, one after the other; return ms of CPU for one."""

    async def repeat(times: int) -> None:
        for _ in range(times):
            if await call() != size:
                raise RuntimeError("this is not all")

    await repeat(1)
    with bench.meter:
        await repeat(times)
    return bench.meter.cpu / times * 1e3
