"""Cancelled at every await: nothing broken under the final name, and all can be gone on with."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import get_cancelled_exc_class
from tests.downloads.origin import Origin, Stage, content, sha256

import anyiohttp
from anyiohttp import DownloadResult
from anyiohttp.downloads.files import PartFile
from anyiohttp.downloads.options import DownloadKwargs, Tuning, job_from
from anyiohttp.downloads.plan import Splitting
from anyiohttp.downloads.task import Download
from anyiohttp.testing import (
    Faults,
    Moment,
    assert_no_leaks,
    cancel_at,
    cancel_everywhere,
    distinct_moments,
)

pytestmark = pytest.mark.anyio

DATA = content(3000)
#: Small blocks, so that there are many moments.
TUNING = Tuning(block=600, queue=1, probe=500, request=500, splitting=Splitting(least=500))


def victim(
    stage: Stage, path: Path, options: DownloadKwargs
) -> Callable[[], Awaitable[DownloadResult]]:
    def run() -> Awaitable[DownloadResult]:
        job = replace(job_from(stage.url, path, options), tuning=TUNING)
        return Download(stage.session, job).run()

    return run


CASES = {
    "one connection": DownloadKwargs(),
    "three connections": DownloadKwargs(connections=3, digest=sha256(DATA)),
    "told of progress": DownloadKwargs(
        connections=2, progress=lambda now: None, progress_interval=0.001
    ),
}


#: In the proof all turns are tried that there are; see `numbers`.
EVERY_TURN = "ANYIOHTTP_PROOF" in os.environ


def numbers(moment: Moment) -> Iterator[int]:
    """Every point; of turns, which pass without number while a thread works, fewer and fewer."""
    number = 0.0
    while True:
        sparse = moment is Moment.TURN and not (EVERY_TURN and number < 1000)
        number += max(1, number / 6) if sparse else 1
        yield int(number)


@pytest.mark.parametrize("case", CASES)
async def test_cancelled_at_every_await(tmp_path: Path, case: str) -> None:
    """Each run is cancelled a step later than the one before; a run from scratch each time."""
    path, part = tmp_path / "file", tmp_path / "file.part"
    async with Stage(Origin(DATA)) as stage:
        stage.listener.faults = Faults(split=range(0, 4000, 700))
        for moment in distinct_moments():
            if moment is Moment.TURN and case == "told of progress" and not EVERY_TURN:
                continue  # its turns are those of the others, and more of them
            kept = 0
            for number in numbers(moment):
                run = await cancel_at(number, victim(stage, path, CASES[case]), moment=moment)
                left = {each.name for each in tmp_path.iterdir()}
                if path.exists():
                    # It came so far as to have its name, or was not cancelled at all.
                    assert path.read_bytes() == DATA
                    assert left <= {"file"}
                else:
                    assert run.cancelled
                    assert left <= {"file.part", "file.part.journal"}
                    assert len(left) != 1, "a part without a journal, or a journal without a part"
                if part.exists():
                    kept += 1
                async with assert_no_leaks(stage.session, stage.network, collect=False):
                    result = await victim(stage, path, CASES[case])()
                assert path.read_bytes() == DATA
                assert result.resumed + result.received >= len(DATA)
                assert {each.name for each in tmp_path.iterdir()} == {"file"}
                path.unlink()
                if not run.requested:
                    break
            # How many turns a thread's work takes is chance: a sample of them may miss the middle.
            if moment is not Moment.TURN or EVERY_TURN:
                assert kept > (2 if moment is Moment.TURN else 0), "never cancelled in its middle"


async def test_what_was_received_is_not_fetched_again(tmp_path: Path) -> None:
    """Cancelled over and over at a later point, it comes to its end all the same."""
    async with Stage(Origin(DATA)) as stage:
        path = tmp_path / "file"
        received = 0
        async for _ in cancel_everywhere(
            victim(stage, path, DownloadKwargs(connections=2)),
            moment=Moment.POINT,
            most=500,
        ):
            assert not path.exists() or path.read_bytes() == DATA
            if path.exists():
                break
        received = sum(
            int(str(each.range).rpartition("-")[2]) - int(str(each.range)[6:].split("-")[0]) + 1
            for each in stage.origin.asked
            if each.status == 206
        )
    assert path.read_bytes() == DATA
    assert received < 12 * len(DATA)


async def test_cancelled_again_and_again(tmp_path: Path) -> None:
    """Task.cancel knows no shield: what a second one meets is let go all the same."""
    if get_cancelled_exc_class() is not asyncio.CancelledError:
        return  # trio has no other cancellation than that of scopes
    path = tmp_path / "file"
    async with Stage(Origin(DATA)) as stage:
        for turns in range(40):
            task = asyncio.ensure_future(victim(stage, path, CASES["one connection"])())
            for _ in range(turns):
                await asyncio.sleep(0)
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)
            part = PartFile(path)
            part.open()  # nobody holds it
            part.close()
            assert task.cancelled() or path.read_bytes() == DATA
        assert (await victim(stage, path, CASES["one connection"])()).size == len(DATA)
    assert path.read_bytes() == DATA


async def test_a_batch_is_cancelled_at_every_await(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        urls = [f"{stage.listener.url}{number}" for number in range(4)]

        async def run() -> int:
            count = 0
            async with anyiohttp.download_all(
                stage.session, urls, to=tmp_path, limit=2
            ) as outcomes:
                async for outcome in outcomes:
                    assert outcome.ok
                    count += 1
            return count

        for moment in distinct_moments():
            for number in numbers(moment):
                result = await cancel_at(number, run, moment=moment)
                for path in tmp_path.iterdir():
                    if not path.name.endswith((".part", ".part.journal")):
                        assert path.read_bytes() == DATA
                assert not result.completed or result.value == 4
                async with assert_no_leaks(stage.session, stage.network, collect=False):
                    pass
                if not result.requested:
                    break
        assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]
