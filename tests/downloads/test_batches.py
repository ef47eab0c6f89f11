"""Many downloads in one block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.downloads.origin import Origin, Stage, content, sha256

from anyiohttp import (
    ClientResponseError,
    DownloadFileError,
    DownloadItem,
    DownloadMismatchError,
    RateLimit,
    download_all,
)
from anyiohttp.downloads.items import ItemQueue
from anyiohttp.downloads.options import DownloadKwargs
from anyiohttp.testing import Request, Response, assert_no_leaks

pytestmark = pytest.mark.anyio

DATA = content(20_000)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_all_of_them(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage, assert_no_leaks(stage.session, stage.network):
        urls = (f"{stage.listener.url}{number}" for number in range(20))
        done = []
        async with download_all(stage.session, urls, to=tmp_path / "new" / "dir", limit=3) as all_:
            async for outcome in all_:
                assert outcome.ok
                assert outcome.result is not None
                assert outcome.path == outcome.result.path
                assert outcome.path is not None
                assert str(outcome.item.url).endswith(outcome.path.name)
                done.append(outcome.path.name)
        assert sorted(done) == names(tmp_path / "new" / "dir")
        assert len(done) == 20
        assert stage.listener.connections <= 3


async def test_one_that_fails_does_not_disturb_the_others(tmp_path: Path) -> None:
    origin = Origin(DATA)
    origin.before = lambda request: Response(404) if request.path == "/missing" else None
    async with Stage(origin) as stage:
        root = stage.listener.url
        items = [
            root / "good",
            root / "missing",
            DownloadItem(root / "wrong", options=DownloadKwargs(digest=sha256(b"else"))),
            DownloadItem(root / "bad", options=DownloadKwargs(digest="nonsense")),
            DownloadItem("http://[", "x"),
            DownloadItem(root / "elsewhere", "sub/dir/named", {"connections": 2}),
            DownloadItem(root / "other", "good/in/the/way"),
            DownloadItem(root / "again", "sub/dir/named"),
        ]
        errors = {}
        async with download_all(stage.session, items, to=tmp_path, limit=1) as outcomes:
            async for outcome in outcomes:
                errors[outcome.item.url] = outcome.error
                assert (outcome.path is None) == (outcome.error is not None)
    kinds = [type(errors[getattr(item, "url", item)]) for item in items]
    assert kinds == [
        type(None),
        ClientResponseError,
        DownloadMismatchError,
        ValueError,
        kinds[4],
        type(None),
        DownloadFileError,
        DownloadFileError,
    ]
    assert issubclass(kinds[4], ValueError)
    assert "another item of this batch" in str(errors[root / "again"])
    assert (tmp_path / "sub" / "dir" / "named").read_bytes() == DATA
    assert names(tmp_path) == ["good", "sub"]


async def test_leaving_early_ends_the_rest(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage, assert_no_leaks(stage.session, stage.network):
        urls = [f"{stage.listener.url}{number}" for number in range(50)]
        async with download_all(stage.session, urls, to=tmp_path, limit=2) as outcomes:
            async for _ in outcomes:
                break
        assert len(stage.origin.asked) < 10
        for path in tmp_path.iterdir():
            assert path.suffix or path.read_bytes() == DATA


async def test_an_error_in_the_block_is_not_wrapped(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage, assert_no_leaks(stage.session, stage.network):
        urls = [f"{stage.listener.url}{number}" for number in range(9)]
        with pytest.raises(KeyError):
            async with download_all(stage.session, urls, to=tmp_path) as outcomes:
                async for _ in outcomes:
                    raise KeyError


async def test_items_that_fail_to_come(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage, assert_no_leaks(stage.session, stage.network):

        def urls() -> Iterator[str]:
            yield f"{stage.listener.url}1"
            raise LookupError("no more")

        with pytest.raises(LookupError, match="no more"):
            async with download_all(stage.session, urls(), to=tmp_path, limit=2) as outcomes:
                assert (await outcomes.__anext__()).path == tmp_path / "1"
                await outcomes.__anext__()

        def none() -> Iterator[str]:
            raise LookupError("no more")
            yield

        with pytest.raises(LookupError, match="no more"):
            async with download_all(stage.session, none(), to=tmp_path):
                await anyio.wait_all_tasks_blocked()


async def test_no_more_connections_to_a_host_than_may_be(tmp_path: Path) -> None:
    """Also of one file over several connections, and other hosts do not wait for it."""
    active = most = 0
    origin = Origin(content(3_000_000))

    async def answer(request: Request) -> Response:
        nonlocal active, most
        response = await origin(request)
        data = response.body

        async def write(send: object) -> None:
            nonlocal active, most
            active += 1
            most = max(most, active)
            for start in range(0, len(data), 300_000):
                await send(data[start : start + 300_000])  # type: ignore[operator]
            active -= 1

        return Response(response.status, b"", response.headers, writer=write, size=len(data))

    async with Stage(origin) as stage:
        listener = stage.network.serve("busy.org", answer)
        busy = [f"{listener.url}{number}" for number in range(4)]
        order = []
        async with download_all(
            stage.session,
            [*busy, stage.url],
            to=tmp_path,
            limit=4,
            per_host=2,
            connections=3,
        ) as outcomes:
            async for outcome in outcomes:
                assert outcome.ok, outcome.error
                order.append(str(outcome.item.url))
    assert most == 2
    assert order.index(stage.url) < 4  # it was last, and did not wait for the busy host


async def test_a_rate_for_all_together(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        urls = [f"{stage.listener.url}{number}" for number in range(5)]
        began = anyio.current_time()
        async with download_all(
            stage.session, urls, to=tmp_path, total_rate=RateLimit(400_000, burst=1000)
        ) as outcomes:
            results = [outcome async for outcome in outcomes]
        assert len(results) == 5
        assert anyio.current_time() - began > 0.2  # 100,000 bytes take a quarter of a second


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"per_host": 0},
        {"total_rate": 0},
        {"digest": "nonsense"},
        {"connections": 0},
        {"data": b"x"},
    ],
)
async def test_options_that_mean_nothing(tmp_path: Path, options: dict[str, object]) -> None:
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(ValueError):
            download_all(stage.session, [], to=tmp_path, **options)  # type: ignore[arg-type]


async def test_it_is_entered_first(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        batch = download_all(stage.session, [stage.url], to=tmp_path)
        with pytest.raises(RuntimeError, match="enter"):
            await batch.__anext__()
        (tmp_path / "file").write_text("")
        with pytest.raises(DownloadFileError, match="cannot make it"):
            async with download_all(stage.session, [], to=tmp_path / "file"):
                pass


async def test_nothing_to_do(tmp_path: Path) -> None:
    async with (
        Stage(Origin(DATA)) as stage,
        download_all(stage.session, [], to=tmp_path) as outcomes,
    ):
        assert [outcome async for outcome in outcomes] == []
        with pytest.raises(StopAsyncIteration):
            await outcomes.__anext__()


# --- which is next (pure) ---


def urls_of(queue: ItemQueue, count: int) -> list[str | None]:
    found = []
    for _ in range(count):
        item = queue.take()
        found.append(str(item.url) if item is not None else None)
    return found


def test_who_waits_for_a_busy_host_is_passed_by() -> None:
    queue = ItemQueue(["http://a/1", "http://a/2", "http://a/3", "http://b/1", "http://a/4"], 2)
    assert urls_of(queue, 3) == ["http://a/1", "http://a/2", "http://b/1"]
    assert urls_of(queue, 1) == [None]
    assert not queue.exhausted
    queue.done(DownloadItem("http://a/1"))
    assert urls_of(queue, 2) == ["http://a/3", None]
    queue.done(DownloadItem("http://b/1"))
    assert urls_of(queue, 1) == [None]
    queue.done(DownloadItem("http://a/3"))
    assert urls_of(queue, 2) == ["http://a/4", None]
    assert queue.exhausted


def test_items_are_taken_as_there_is_need_of_them() -> None:
    taken = []

    def items() -> Iterator[str]:
        for number in range(10**9):
            taken.append(number)
            yield f"http://a/{number}"

    queue = ItemQueue(items(), None)
    urls_of(queue, 3)
    assert len(taken) == 3
    busy = ItemQueue(items(), 1)
    assert urls_of(busy, 2) == ["http://a/0", None]
    assert len(taken) < 2000


async def test_it_is_iterated_over_in_its_block(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        async with download_all(stage.session, [stage.url], to=tmp_path) as outcomes:
            pass
        with pytest.raises(RuntimeError, match="has ended"):
            await outcomes.__anext__()
