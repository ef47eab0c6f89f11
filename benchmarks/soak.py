"""Mixed work for minutes, with flat memory: ``python -m benchmarks.soak --minutes 10``.

Each backend runs in a process of its own, all at the same time. A process works in laps: many
tasks over one session do what clients do (requests of all kinds, what is cancelled, broken off,
timed out, refused), then all of them stop, garbage is collected, and memory, objects and open files
are counted. The first third of the laps is the warm-up; after it nothing may grow:

* the process's resident memory, and what of malloc's is in use, by more than 2 % and 1 MB;
* the objects that the garbage collector knows, by more than 1 % and 200;
* the objects of classes of anyiohttp, by more than 20;
* open files, by more than the idle connections there may be.

What is compared is the least of the second third's laps with the least of the last third's: what
leaks raises the least, too, and what is only there for a moment does not. A third has to be longer
than small caches take to fill and be emptied.

What malloc keeps free is given back before resident memory is counted, since a peak that is over
says nothing. Only the free ends of worker threads' arenas cannot be given back (each keeps up to
twice the largest block ever freed, here 16 MB): that they stay small is the library's own doing,
which lets no worker thread allocate a body's blocks, and counts here.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import random
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio

import anyiohttp

from .machine import allow_many_files, malloc_bytes, resident_bytes
from .measure import ROOT
from .server import SMALL, Site, free_ports, serving
from .workloads.post_json import DOCUMENT

TASKS = 24
LIMIT = 16
BACKENDS = ("asyncio", "uvloop", "trio")


@dataclass(frozen=True)
class Count:
    """What there is at the end of a lap, when nothing is being done."""

    resident: int
    malloc: int
    objects: int
    own: int
    files: int


class Work:
    """What is done; each method is one piece of it.

    Args:
        site: the server.
        session: the session that lives all the time, over HTTP/1.1.
        multiplexing: another, over HTTP/2.
        context: trusts the server.
        refused: a port on which nobody listens.
    """

    def __init__(
        self,
        site: Site,
        session: anyiohttp.ClientSession,
        multiplexing: anyiohttp.ClientSession,
        context: ssl.SSLContext,
        refused: int,
    ) -> None:
        self._site = site
        self._session = session
        self._multiplexing = multiplexing
        self._context = context
        self._refused = f"http://127.0.0.1:{refused}/"
        self.kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.small: 30,
            self.small_over_tls: 15,
            self.json: 15,
            self.redirect: 5,
            self.cookie: 5,
            self.missing: 5,
            self.lines: 1,
            self.gzip: 1,
            self.download: 1,
            self.upload_file: 1,
            self.upload_form: 1,
            self.upload_pieces: 2,
            self.broken_off: 3,
            self.unread: 3,
            self.cancelled: 10,
            self.timed_out: 2,
            self.refused: 3,
            self.new_connection: 3,
            self.new_session: 2,
            self.http2_small: 10,
            self.http2_download: 1,
            self.http2_upload: 1,
            self.http2_cancelled: 5,
        }

    async def small(self) -> None:
        async with self._session.get(self._site.http + "/small") as response:
            assert await response.read() == SMALL

    async def small_over_tls(self) -> None:
        async with self._session.get(self._site.https + "/small") as response:
            assert await response.read() == SMALL

    async def json(self) -> None:
        async with self._session.post(self._site.http + "/post", json=DOCUMENT) as response:
            assert int(await response.text()) > 900

    async def redirect(self) -> None:
        async with self._session.get(self._site.https + "/redirect") as response:
            assert response.url.path == "/small"
            assert await response.read() == SMALL

    async def cookie(self) -> None:
        async with self._session.get(self._site.http + "/cookie") as response:
            assert "name" in response.cookies
            await response.read()

    async def missing(self) -> None:
        try:
            async with self._session.get(self._site.http + "/missing", raise_for_status=True):
                raise AssertionError("it was found")
        except anyiohttp.ClientResponseError as exc:
            if exc.status != 404:
                raise

    async def lines(self) -> None:
        count = 0
        async with self._session.get(self._site.http + "/lines") as response:
            async for _ in response.content:
                count += 1
        assert count == self._site.sizes["lines"]

    async def gzip(self) -> None:
        await self._read("/gzip", "gzip")

    async def download(self) -> None:
        await self._read("/download", "download")

    async def _read(self, path: str, what: str) -> None:
        size = 0
        async with self._session.get(self._site.https + path) as response:
            async for piece in response.content.iter_any():
                size += len(piece)
        assert size == self._site.sizes[what]

    async def upload_file(self) -> None:
        with Path(self._site.upload).open("rb") as file:  # noqa: ASYNC230
            async with self._session.post(self._site.http + "/post", data=file) as response:
                assert int(await response.text()) > self._site.sizes["download"]

    async def upload_form(self) -> None:
        form = anyiohttp.FormData({"name": "value"})
        form.add_field("file", Path(self._site.upload).open("rb"))  # noqa: ASYNC230, SIM115
        async with self._session.post(self._site.https + "/post", data=form) as response:
            assert int(await response.text()) > self._site.sizes["download"]

    async def upload_pieces(self) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 5000

        async with self._session.post(self._site.https + "/post", data=pieces()) as response:
            assert int(await response.text()) > 100_000

    async def broken_off(self) -> None:
        async with self._session.get(self._site.http + "/download") as response:
            async for _ in response.content.iter_any():
                break

    async def unread(self) -> None:
        async with self._session.get(self._site.https + "/download"):
            pass

    async def cancelled(self) -> None:
        path = random.choice(("/small", "/download", "/slow", "/close"))
        with anyio.move_on_after(random.uniform(0, 0.02)):
            async with self._session.get(self._site.https + path) as response:
                await response.read()

    async def timed_out(self) -> None:
        timeout = anyiohttp.ClientTimeout(total=0.05)
        try:
            async with self._session.get(self._site.http + "/slow", timeout=timeout) as response:
                await response.read()
        except TimeoutError:
            return
        raise AssertionError("it was not slow")

    async def refused(self) -> None:
        try:
            async with self._session.get(self._refused):
                raise AssertionError("somebody listens")
        except anyiohttp.ClientConnectorError:
            pass

    async def new_connection(self) -> None:
        async with self._session.get(self._site.https + "/close") as response:
            assert len(await response.read()) == len(SMALL)

    async def new_session(self) -> None:
        connector = anyiohttp.TCPConnector(ssl=self._context)
        async with (
            anyiohttp.ClientSession(connector=connector) as session,
            session.get(self._site.https + "/small") as response,
        ):
            assert await response.read() == SMALL

    async def http2_small(self) -> None:
        async with self._multiplexing.get(self._site.http2 + "/small") as response:
            assert response.version == (2, 0)
            assert await response.read() == SMALL

    async def http2_download(self) -> None:
        size = 0
        async with self._multiplexing.get(self._site.http2 + "/download") as response:
            async for piece in response.content.iter_any():
                size += len(piece)
        assert size == self._site.sizes["download"]

    async def http2_upload(self) -> None:
        with Path(self._site.upload).open("rb") as file:  # noqa: ASYNC230
            async with self._multiplexing.post(self._site.http2 + "/post", data=file) as response:
                assert int(await response.text()) > self._site.sizes["download"]

    async def http2_cancelled(self) -> None:
        path = random.choice(("/small", "/download", "/slow"))
        with anyio.move_on_after(random.uniform(0, 0.02)):
            async with self._multiplexing.get(self._site.http2 + path) as response:
                await response.read()


async def soak(site: Site, seconds: float, laps: int, name: str) -> list[Count]:
    """Work for that long; return what was counted at the end of each lap."""
    context = ssl.create_default_context(cafile=site.authority)
    connector = anyiohttp.TCPConnector(limit=LIMIT, ssl=context)
    also_http2 = ssl.create_default_context(cafile=site.authority)
    also_http2.set_alpn_protocols(["h2"])
    multiplexing = anyiohttp.TCPConnector(ssl=also_http2)
    counts = []
    async with (
        anyiohttp.ClientSession(connector=connector) as session,
        anyiohttp.ClientSession(connector=multiplexing) as second,
    ):
        work = Work(site, session, second, context, free_ports(1)[0])
        done: Counter[str] = Counter()
        for lap in range(laps):
            end = time.monotonic() + seconds / laps
            async with anyio.create_task_group() as group:
                for _ in range(TASKS):
                    group.start_soon(keep_working, work, end, done)
            counts.append(counted())
            said = " ".join(f"{key} {value:,}" for key, value in asdict(counts[-1]).items())
            print(f"{name:8} lap {lap + 1}/{laps}: {done.total():,} done; {said}", flush=True)
        missing = {kind.__name__ for kind in work.kinds} - set(done)
        assert not missing, f"never done: {missing}"
    return counts


async def keep_working(work: Work, end: float, done: Counter[str]) -> None:
    kinds, weights = list(work.kinds), list(work.kinds.values())
    while time.monotonic() < end:
        kind = random.choices(kinds, weights)[0]
        await kind()
        done[kind.__name__] += 1


def counted() -> Count:
    """Count what is left after garbage was collected, and given back to the system."""
    for _ in range(3):
        gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    objects = gc.get_objects()
    # Some classes have something else there than a string.
    own = sum(str(type(item).__module__).startswith("anyiohttp") for item in objects)
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return Count(resident_bytes(), malloc_bytes(), len(objects), own, files)


def growth(counts: list[Count]) -> list[str]:
    """What has grown after the warm-up, in words."""
    third = max(1, len(counts) // 3)
    grown = []
    for what, share, some in (
        ("resident", 0.02, 1_000_000),
        ("malloc", 0.02, 1_000_000),
        ("objects", 0.01, 200),
        ("own", 0.0, 20),
        ("files", 0.0, LIMIT),
    ):
        early = min(getattr(count, what) for count in counts[third : 2 * third])
        late = min(getattr(count, what) for count in counts[-third:])
        if late > early * (1 + share) + some:
            grown.append(f"{what} grew from {early:,.0f} to {late:,.0f}")
    return grown


def work_alone(told: str) -> int:
    """One backend, in this process."""
    given = json.loads(told)
    site = Site(**given["site"])
    backend = given["backend"]
    name, options = "asyncio", {"use_uvloop": backend == "uvloop"}
    if backend == "trio":
        name, options = "trio", {}
    arguments = (site, given["seconds"], given["laps"], backend)
    counts = anyio.run(soak, *arguments, backend=name, backend_options=options)
    grown = growth(counts)
    print(f"{backend:8} " + ("; ".join(grown) or "flat"), flush=True)
    return bool(grown)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="on each backend (10)")
    parser.add_argument("--laps", type=int, default=30)
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="one, or more")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    allow_many_files()
    if options.alone:
        return work_alone(options.alone)
    if options.laps < 6:
        parser.error("fewer than 6 laps say nothing")
    with serving(quick=True) as site:
        given = {"site": asdict(site), "seconds": options.minutes * 60, "laps": options.laps}
        processes = {}
        for backend in options.backend or BACKENDS:
            told = json.dumps({**given, "backend": backend})
            command = [sys.executable, "-W", "error::ResourceWarning"]
            command += ["-m", "benchmarks.soak", "--alone", told]
            processes[backend] = subprocess.Popen(command, cwd=ROOT)
        failed = [backend for backend, process in processes.items() if process.wait()]
    print(f"failed: {', '.join(failed)}" if failed else "memory is flat on every backend")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
