"""A batch of URLs, spread over processes, or over machines, by Dask.

    python examples/batch_dask.py urls.txt results.csv
    python examples/batch_dask.py urls.txt results.csv --scheduler tcp://scheduler:8786
    python examples/batch_dask.py --demo 10000 results.csv

An event loop uses one processor. Dask gives each process its share of the list; there one session
fetches it, many URLs at a time. With ``--demo N`` a server on this machine is asked N times.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import anyio
import dask
import dask.bag

import anyiohttp


class Row(NamedTuple):
    """What became of a URL: its status, or 0 and an error."""

    url: str
    status: int
    size: int
    error: str = ""


async def fetch_share(urls: list[str], at_once: int) -> list[Row]:
    """Fetch one process's share."""
    rows: list[Row] = []
    pending = iter(urls)

    async def work(session: anyiohttp.ClientSession) -> None:
        for url in pending:  # shared by all workers: each takes the next
            try:
                async with session.get(url) as response:
                    rows.append(Row(url, response.status, len(await response.read())))
            except anyiohttp.ClientError as exc:
                rows.append(Row(url, 0, 0, str(exc)))

    connector = anyiohttp.TCPConnector(limit=at_once)
    timeout = anyiohttp.ClientTimeout(total=60)
    async with (
        anyiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(at_once):
            tasks.start_soon(work, session)
    return rows


def run_share(urls: Iterable[str], at_once: int) -> list[Row]:
    """Fetch a share; what Dask runs in its processes."""
    return anyio.run(fetch_share, list(urls), at_once)


def fetch_all(urls: list[str], *, shares: int = 8, at_once: int = 50) -> list[Row]:
    """Fetch all URLs over Dask's processes; with a client of ``distributed``, over its workers."""
    bag = dask.bag.from_sequence(urls, npartitions=shares)
    return list(bag.map_partitions(run_share, at_once).compute())


@contextmanager
def demo_server(count: int) -> Iterator[list[str]]:
    """A server on this machine, and URLs of it."""
    from anyio.from_thread import start_blocking_portal

    from anyiohttp.cli.loopback import serve

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve()) as server:
        yield [str(server.url / "stream" / str(number)) for number in range(count)]


def main(arguments: list[str] | None = None) -> None:
    """Fetch a list of URLs, and write a table of what became of them."""
    parser = argparse.ArgumentParser(description="Fetch URLs over many processes.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="the URLs' file, the table's file")
    parser.add_argument("--demo", type=int, metavar="N", help="ask a server of this machine")
    parser.add_argument("--scheduler", help="of dask.distributed; else processes of this machine")
    parser.add_argument("--processes", type=int, help="on this machine; one for each processor")
    chosen = parser.parse_args(arguments)
    *lists, target = chosen.files
    if chosen.demo is None:
        source = nullcontext(Path(lists[0]).read_text(encoding="utf-8").split())
    else:
        source = demo_server(chosen.demo)
    with source as urls:
        started = time.perf_counter()
        if chosen.scheduler:
            from dask.distributed import Client

            with Client(chosen.scheduler) as client:
                rows = fetch_all(urls, shares=4 * len(client.scheduler_info()["workers"]))
        else:
            with dask.config.set(scheduler="processes", num_workers=chosen.processes):
                rows = fetch_all(urls)
    seconds = time.perf_counter() - started
    with Path(target).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(rows)
    good = sum(200 <= row.status < 300 for row in rows)
    print(f"{good} of {len(rows)} in {seconds:.1f} s ({len(rows) / seconds:.0f} a second)")


if __name__ == "__main__":
    main()
