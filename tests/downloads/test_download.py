"""One download over a network in memory: what is fetched, continued, checked and named."""

from __future__ import annotations

import base64
import errno
import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.downloads.origin import MODIFIED_AT, Origin, Stage, content, sha256
from yarl import URL

import anyiohttp
from anyiohttp import (
    ClientConnectorDNSError,
    ClientResponseError,
    DownloadChangedError,
    DownloadFileError,
    DownloadInterruptedError,
    DownloadMismatchError,
    DownloadTooSlowError,
    Progress,
    Retries,
)
from anyiohttp.downloads.files import Block, PartFile
from anyiohttp.downloads.journal import Identity, url_key
from anyiohttp.downloads.options import Tuning, job_from
from anyiohttp.downloads.plan import Splitting
from anyiohttp.downloads.task import Download
from anyiohttp.testing import Faults, Request, Response, assert_no_leaks

pytestmark = pytest.mark.anyio

#: Failures are followed by a try at once.
AT_ONCE = Retries(attempts=5, backoff=0, progress=1)
SIZE = 3_000_000
DATA = content(SIZE)
BIG = content(2 * SIZE)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# --- all is well ---


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("size", [0, 1, 70_000, SIZE])
async def test_a_file(tmp_path: Path, size: int, connections: int) -> None:
    data = content(size)
    async with Stage(Origin(data)) as stage:
        result = await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, digest=sha256(data)
        )
    assert (tmp_path / "file").read_bytes() == data
    assert (tmp_path / "file").stat().st_mtime == MODIFIED_AT
    assert names(tmp_path) == ["file"]
    assert (result.size, result.received, result.resumed) == (size, size, 0)
    assert result.verified == (sha256(data),)
    assert result.etag == '"v1"'
    assert str(result.url) == stage.url
    assert all(each.headers["Accept-Encoding"] == "identity" for each in stage.origin.asked)


async def test_over_several_connections(tmp_path: Path) -> None:
    async with Stage(Origin(BIG)) as stage, assert_no_leaks(stage.session, stage.network):
        await stage.session.download(stage.url, tmp_path / "file", connections=3)
        assert (tmp_path / "file").read_bytes() == BIG
        assert stage.listener.connections == 3
        first, *others = stage.origin.asked
        assert (first.range, first.if_range) == ("bytes=0-1048575", None)
        assert {each.if_range for each in others} == {'"v1"'}
        assert {each.status for each in stage.origin.asked} == {206}
        # Each byte was asked for once.
        spans = sorted(
            tuple(map(int, str(each.range)[6:].split("-"))) for each in stage.origin.asked
        )
        ends = [end + 1 for _, end in spans]
        assert [start for start, _ in spans] == [0, *ends[:-1]]
        assert ends[-1] == 2 * SIZE


async def test_a_stalled_connection_loses_its_work(tmp_path: Path) -> None:
    """One connection says nothing any more; the others do what it should have done."""
    tuning = Tuning(splitting=Splitting(least=100_000, patience=0, stalled=0.05), poll=0.02)
    async with Stage(Origin(DATA)) as stage:
        stage.listener.faults = lambda number: Faults(stall_at=150_000 if number == 1 else None)
        job = replace(job_from(stage.url, tmp_path / "file", {"connections": 3}), tuning=tuning)
        with anyio.fail_after(20):  # nothing else ends the wait: a read may take a minute
            result = await Download(stage.session, job).run()
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.failures == 0


async def test_a_slow_connection_gives_of_its_work(tmp_path: Path) -> None:
    """The fast one takes a part of what the slow one has asked for already."""
    tuning = Tuning(request=SIZE, splitting=Splitting(least=50_000, patience=0.05), poll=0.02)
    slow = Faults(split=range(0, 2 * SIZE, 50_000), drip=0.01)
    async with Stage(Origin(DATA)) as stage:
        stage.listener.faults = lambda number: slow if number == 1 else Faults()
        job = replace(job_from(stage.url, tmp_path / "file", {"connections": 2}), tuning=tuning)
        result = await Download(stage.session, job).run()
    assert (tmp_path / "file").read_bytes() == DATA
    assert (result.received, result.failures) == (SIZE, 0)
    # Some bytes were asked for twice, of the slow one and then of the fast one.
    spans = [str(each.range)[6:].split("-") for each in stage.origin.asked]
    assert sum(int(end) + 1 - int(start) for start, end in spans) > SIZE


async def test_a_server_without_ranges(tmp_path: Path) -> None:
    async with Stage(Origin(DATA, ranges=False)) as stage:
        await stage.session.download(stage.url, tmp_path / "file", connections=4)
    assert (tmp_path / "file").read_bytes() == DATA
    assert len(stage.origin.asked) == 1


@pytest.mark.parametrize("connections", [1, 4])
async def test_an_unknown_size(tmp_path: Path, connections: int) -> None:
    async with Stage(Origin(DATA, chunked=True)) as stage:
        stage.break_off([200_000])
        result = await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, retries=AT_ONCE
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.failures == 1


async def test_a_coded_answer_is_decoded(tmp_path: Path) -> None:
    coded = Origin(gzip.compress(DATA), more=[("Content-Encoding", "gzip")], ranges=False)
    async with Stage(coded) as stage:
        stage.break_off([200_000])
        result = await stage.session.download(
            stage.url, tmp_path / "file", retries=AT_ONCE, digest=sha256(DATA), connections=2
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.size == SIZE
    # Half of a coded body is of no use: it was fetched from its beginning again.
    assert [each.range for each in coded.asked][1:] == ["bytes=0-1048575"]


async def test_a_part_in_a_coding_is_not_used(tmp_path: Path) -> None:
    async with Stage(Origin(gzip.compress(DATA), more=[("Content-Encoding", "gzip")])) as stage:
        await stage.session.download(stage.url, tmp_path / "file", connections=4)
    assert (tmp_path / "file").read_bytes() == DATA
    assert stage.origin.ranges_asked == ["bytes=0-1048575", None]


# --- what breaks off is continued ---


@pytest.mark.parametrize("connections", [1, 3])
async def test_connections_that_break_off(tmp_path: Path, connections: int) -> None:
    async with Stage(Origin(DATA)) as stage:
        stage.break_off([0, 100, 5_000, 400_000, 400_001, 400_002, 0, 0])
        result = await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, retries=AT_ONCE
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.failures >= 7
    assert result.received == SIZE  # nothing was fetched twice


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("seed", range(3))
async def test_every_connection_breaks_off_at_random(
    tmp_path: Path, seed: int, connections: int
) -> None:
    async with Stage(Origin(DATA)) as stage:
        stage.break_off_at_random(seed, 0, 200_000)
        result = await stage.session.download(
            stage.url,
            tmp_path / "file",
            connections=connections,
            retries=Retries(attempts=20, backoff=0, progress=1),
            digest=sha256(DATA),
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.failures > SIZE / 200_000
    assert result.received == SIZE


async def test_without_validator_it_begins_anew(tmp_path: Path) -> None:
    """A weak ETag says nothing of bytes; a server that dropped it might as well have changed."""
    async with Stage(Origin(DATA, etag='W/"v1"')) as stage:
        stage.break_off([1_000_000])
        result = await stage.session.download(stage.url, tmp_path / "file", retries=AT_ONCE)
    assert (tmp_path / "file").read_bytes() == DATA
    assert [each.if_range for each in stage.origin.asked] == [None, None]
    assert stage.origin.ranges_asked == [None, None]
    assert result.received > SIZE


async def test_a_digest_stands_in_for_a_validator(tmp_path: Path) -> None:
    async with Stage(Origin(DATA, etag=None, modified=None)) as stage:
        stage.break_off([1_000_000])
        result = await stage.session.download(
            stage.url, tmp_path / "file", retries=AT_ONCE, digest=sha256(DATA)
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.received == SIZE
    assert stage.origin.asked[1].if_range is None
    assert str(stage.origin.asked[1].range).startswith("bytes=")


async def test_a_date_will_do(tmp_path: Path) -> None:
    async with Stage(Origin(DATA, etag=None)) as stage:
        stage.break_off([1_000_000])
        await stage.session.download(stage.url, tmp_path / "file", retries=AT_ONCE)
    assert (tmp_path / "file").read_bytes() == DATA
    assert stage.origin.asked[1].if_range == stage.origin.modified


async def test_the_file_changes_while_it_is_fetched(tmp_path: Path) -> None:
    other = content(2_000_000, seed=2)
    origin = Origin(DATA)

    def change(request: Request) -> None:
        if len(origin.asked) == 2:
            origin.data, origin.etag = other, '"v2"'

    origin.before = change
    async with Stage(origin) as stage:
        result = await stage.session.download(stage.url, tmp_path / "file", connections=3)
    assert (tmp_path / "file").read_bytes() == other
    assert result.etag == '"v2"'
    assert names(tmp_path) == ["file"]


async def test_a_server_that_ignores_if_range(tmp_path: Path) -> None:
    """It sends parts of another version, with the other's ETag."""
    other = content(SIZE, seed=2)
    origin = Origin(DATA)

    def change(request: Request) -> None:
        if len(origin.asked) == 1:
            origin.data, origin.etag = other, '"v2"'
        request.headers.popall("If-Range", None)

    origin.before = change
    async with Stage(origin) as stage:
        stage.break_off([1_000_000])
        await stage.session.download(stage.url, tmp_path / "file", retries=AT_ONCE)
    assert (tmp_path / "file").read_bytes() == other


async def test_a_file_that_changes_all_the_time(tmp_path: Path) -> None:
    origin = Origin(DATA)

    def change(request: Request) -> None:
        origin.etag = f'"v{len(origin.asked)}"'

    origin.before = change
    async with Stage(origin) as stage:
        with pytest.raises(DownloadChangedError, match="begun anew 3 times"):
            await stage.session.download(stage.url, tmp_path / "file", connections=2)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "answer",
    [
        Response(206, b"x" * 10, [("Content-Range", "bytes 5-14/3000000")]),
        Response(206, b"x" * 10, [("Content-Type", "multipart/byteranges; boundary=b")]),
        Response(206, b"x" * 10),
        Response(416, b"", [("Content-Range", "bytes */7")]),
    ],
    ids=["another part", "several parts", "no Content-Range", "416"],
)
@pytest.mark.parametrize("connections", [1, 2])
async def test_ranges_that_are_answered_wrongly(
    tmp_path: Path, answer: Response, connections: int
) -> None:
    origin = Origin(DATA)
    origin.before = lambda request: answer if "Range" in request.headers else None
    async with Stage(origin) as stage:
        stage.break_off([500_000] if connections == 1 else [])
        await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, retries=AT_ONCE
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert origin.asked[-1].range is None


async def test_ranges_that_are_not_obeyed_later(tmp_path: Path) -> None:
    """The answer to a range is the whole file, of the same version: it is fetched as a whole."""
    origin = Origin(DATA, ranges=False)
    async with Stage(origin) as stage:
        stage.break_off([500_000, 500_000, 500_000])
        await stage.session.download(stage.url, tmp_path / "file", retries=AT_ONCE)
    assert (tmp_path / "file").read_bytes() == DATA


# --- what an earlier run has left ---


async def interrupted(
    stage: Stage, path: Path, *, after: int = 1_000_000, **options: object
) -> None:
    """Download until the connection breaks off."""
    stage.break_off([after])
    with pytest.raises(DownloadInterruptedError, match="are kept for the next time") as caught:
        await stage.session.download(stage.url, path, retries=0, **options)  # type: ignore[arg-type]
    assert caught.value.received > after - 1000
    assert isinstance(caught.value.__cause__, anyiohttp.ClientPayloadError)
    stage.listener.faults = Faults()
    stage.origin.asked.clear()


@pytest.mark.parametrize("connections", [1, 3])
async def test_resumed(tmp_path: Path, connections: int) -> None:
    async with Stage(Origin(DATA)) as stage:
        await interrupted(stage, tmp_path / "file")
        assert names(tmp_path) == ["file.part", "file.part.journal"]
        result = await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, digest=sha256(DATA)
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert names(tmp_path) == ["file"]
    assert result.resumed + result.received == SIZE
    assert result.resumed > 999_000
    assert stage.origin.asked[0].if_range == '"v1"'


@pytest.mark.parametrize(
    ("connections", "first", "end"), [(1, None, SIZE), (3, "bytes=0-1048575", None)]
)
async def test_resumed_in_a_directory(
    tmp_path: Path, connections: int, first: str | None, end: int | None
) -> None:
    """Only the first response tells the name, and so that there is something already."""
    async with Stage(Origin(DATA)) as stage:
        await interrupted(stage, tmp_path)
        result = await stage.session.download(stage.url, tmp_path, connections=connections)
        assert result.path == tmp_path / "file.bin"
        assert result.resumed > 999_000
        end = end or result.resumed + 1024 * 1024
        assert stage.origin.ranges_asked[:2] == [first, f"bytes={result.resumed}-{end - 1}"]
    assert result.path.read_bytes() == DATA


async def test_resumed_after_the_file_has_changed(tmp_path: Path) -> None:
    other = content(1_500_000, seed=2)
    async with Stage(Origin(DATA)) as stage:
        await interrupted(stage, tmp_path / "file")
        stage.origin.data, stage.origin.etag = other, '"v2"'
        result = await stage.session.download(stage.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == other
    assert (result.resumed, result.received) == (0, len(other))
    # Its answer to If-Range was the new file, which was used.
    assert len(stage.origin.asked) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"resume": False},
        {"size": SIZE, "resume": False},
        {"params": {"other": "1"}, "resume": False},
    ],
)
async def test_not_resumed(tmp_path: Path, options: dict[str, object]) -> None:
    async with Stage(Origin(DATA)) as stage:
        await interrupted(stage, tmp_path / "file")
        result = await stage.session.download(stage.url, tmp_path / "file", **options)  # type: ignore[arg-type]
    assert result.resumed == 0
    assert stage.origin.ranges_asked == [None]
    assert (tmp_path / "file").read_bytes() == DATA


async def test_another_url_is_another_file(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        await interrupted(stage, tmp_path / "file")
        result = await stage.session.download(stage.url + "?v=2", tmp_path / "file")
        assert result.resumed == 0
    # With the same digest it is the same file, wherever it comes from.
    async with Stage(Origin(DATA)) as stage:
        await interrupted(stage, tmp_path / "again", digest=sha256(DATA))
        result = await stage.session.download(
            stage.url + "?v=2", tmp_path / "again", digest=sha256(DATA)
        )
        assert result.resumed > 999_000
    assert (tmp_path / "again").read_bytes() == DATA


@pytest.mark.parametrize("known", [True, False])
async def test_all_was_there_but_the_name(tmp_path: Path, known: bool) -> None:
    """A crash between the last byte and the renaming."""
    origin = Origin(DATA, chunked=not known)
    async with Stage(origin) as stage:
        part = PartFile(tmp_path / "file")
        part.open()
        size = SIZE if known else None
        part.begin(Identity(url_key(URL(stage.url)), size, '"v1"', None, origin.modified))
        part.write([Block(0, [DATA])])
        part.close()
        result = await stage.session.download(stage.url, tmp_path / "file")
        # Where the size is not known, only the server can say that there is no more.
        assert [each.status for each in origin.asked] == ([] if known else [416])
    assert (result.received, result.size) == (0, SIZE)
    assert (tmp_path / "file").read_bytes() == DATA
    assert (tmp_path / "file").stat().st_mtime == MODIFIED_AT


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("named", ["the file", "its directory"])
async def test_a_link_stays_one(tmp_path: Path, there: bool, named: str) -> None:
    """What it leads to is written, as by curl; the part is beside that."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "here").mkdir()
    target, link = tmp_path / "disk" / "large", tmp_path / "here" / "file.bin"
    link.symlink_to("../disk/large")
    if there:
        target.write_text("the old one")
    async with Stage(Origin(DATA)) as stage:
        to = link if named == "the file" else link.parent
        result = await stage.session.download(stage.url, to)
        assert result.path == target
        with pytest.raises(DownloadFileError, match="there already"):
            await stage.session.download(stage.url, to, overwrite=False)
    assert link.is_symlink()
    assert target.read_bytes() == DATA
    assert (names(link.parent), names(target.parent)) == (["file.bin"], ["large"])


async def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("file")
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(DownloadFileError, match=r"cannot look at it: .*symbolic link"):
            await stage.session.download(stage.url, tmp_path / "file")
    assert names(tmp_path) == ["file"]


# --- what is not what it should be ---


async def test_a_digest_that_is_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("the old one")
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(DownloadMismatchError, match="digest= promises sha256:"):
            await stage.session.download(
                stage.url, tmp_path / "file", digest=sha256(b"else"), connections=2
            )
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "the old one"


def field(name: str, algorithm: str, data: bytes) -> tuple[str, str]:
    value = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    if name == "Content-MD5":
        return name, value
    return name, f"{ {'sha256': 'sha-256', 'sha512': 'sha-512'}[algorithm] }=:{value}:"


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize(
    ("name", "algorithm", "connections"),
    [
        ("Repr-Digest", "sha512", 1),
        ("Repr-Digest", "sha256", 3),
        ("Content-Digest", "sha256", 1),
        ("Content-MD5", "md5", 1),
    ],
)
async def test_digests_of_the_server(
    tmp_path: Path, name: str, algorithm: str, connections: int, right: bool
) -> None:
    more = [field(name, algorithm, DATA if right else b"else")]
    async with Stage(Origin(DATA, more=more)) as stage:
        if right:
            result = await stage.session.download(
                stage.url, tmp_path / "file", connections=connections
            )
            assert [text.partition(":")[0] for text in result.verified] == [algorithm]
        else:
            with pytest.raises(DownloadMismatchError, match=f"{name} promises {algorithm}:"):
                await stage.session.download(stage.url, tmp_path / "file", connections=connections)
            assert names(tmp_path) == []


@pytest.mark.parametrize("right", [True, False])
async def test_digests_of_parts(tmp_path: Path, right: bool) -> None:
    origin = Origin(DATA)

    def answer(request: Request) -> Response | None:
        start, _, end = request.headers["Range"].removeprefix("bytes=").partition("-")
        data = DATA[int(start) : int(end) + 1]
        fields = [
            ("ETag", '"v1"'),
            ("Content-Range", f"bytes {start}-{end}/{SIZE}"),
            field("Content-Digest", "sha256", data if right or start == "0" else b"else"),
        ]
        return Response(206, data, fields)

    origin.before = answer
    async with Stage(origin) as stage:
        if right:
            await stage.session.download(stage.url, tmp_path / "file", connections=3)
            assert (tmp_path / "file").read_bytes() == DATA
        else:
            with pytest.raises(DownloadMismatchError, match="Content-Digest"):
                await stage.session.download(stage.url, tmp_path / "file", connections=3)
            assert names(tmp_path) == []


async def test_a_digest_in_the_trailers(tmp_path: Path) -> None:
    async def write(send: object) -> None:
        await send(DATA)  # type: ignore[operator]

    origin = Origin(DATA)
    promised = field("Repr-Digest", "sha256", b"else")
    origin.before = lambda request: Response(200, writer=write, trailers=[promised])
    async with Stage(origin) as stage:
        with pytest.raises(DownloadMismatchError, match="Repr-Digest"):
            await stage.session.download(stage.url, tmp_path / "file")


async def test_a_size_that_is_another(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(DownloadMismatchError, match="3000000 bytes, but 5 were promised"):
            await stage.session.download(stage.url, tmp_path / "file", size=5)
    async with Stage(Origin(DATA, chunked=True)) as stage:
        with pytest.raises(DownloadMismatchError, match="3000000 bytes, but 5 were promised"):
            await stage.session.download(stage.url, tmp_path / "file", size=5)
    assert names(tmp_path) == []


# --- mirrors ---


class Mirrors(Stage):
    """Further origins at ``mirror1.org``, ``mirror2.org``, …"""

    def __init__(self, origin: Origin, *others: Origin) -> None:
        super().__init__(origin)
        self.others = others

    async def __aenter__(self) -> Mirrors:
        await super().__aenter__()
        for number, origin in enumerate(self.others, 1):
            self.network.serve(f"mirror{number}.org", origin)
        return self

    @property
    def urls(self) -> list[str]:
        return [f"http://mirror{number}.org/file.bin" for number in range(1, len(self.others) + 1)]


GONE = Origin(b"")
GONE.before = lambda request: Response(404)


async def test_mirrors_are_mixed(tmp_path: Path) -> None:
    """Each has its own ETag; the digest says that the bytes belong together."""
    origins = [Origin(BIG, etag=f'"{number}"') for number in range(3)]
    async with Mirrors(*origins) as stage:
        await stage.session.download(
            stage.url,
            tmp_path / "file",
            mirrors=stage.urls,
            connections=3,
            digest=sha256(BIG),
        )
    assert (tmp_path / "file").read_bytes() == BIG
    assert all(origin.asked for origin in origins)
    for number, origin in enumerate(origins):
        assert {each.if_range for each in origin.asked} <= {None, f'"{number}"'}


async def test_mirrors_that_are_no_good(tmp_path: Path) -> None:
    """One has nothing, one another file; what is right is fetched from the third."""
    origins = [Origin(DATA), GONE, Origin(content(SIZE + 1))]
    async with Mirrors(*origins) as stage:
        await stage.session.download(
            stage.url,
            tmp_path / "file",
            mirrors=[*stage.urls, "http://nowhere.org/"],
            connections=4,
            digest=sha256(DATA),
            retries=AT_ONCE,
        )
    assert (tmp_path / "file").read_bytes() == DATA


@pytest.mark.parametrize("verified", [True, False])
async def test_the_first_has_nothing(tmp_path: Path, verified: bool) -> None:
    gone = Origin(b"", before=lambda request: Response(404))
    async with Mirrors(gone, Origin(DATA)) as stage:
        await stage.session.download(
            stage.url,
            tmp_path / "file",
            mirrors=stage.urls,
            digest=sha256(DATA) if verified else None,
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert len(gone.asked) == 1


async def test_a_mirror_with_wrong_bytes(tmp_path: Path) -> None:
    """The mixture is wrong; then each is tried alone."""
    origins = [Origin(content(SIZE, seed=5)), Origin(content(SIZE, seed=6)), Origin(DATA)]
    async with Mirrors(*origins) as stage:
        result = await stage.session.download(
            stage.url, tmp_path / "file", mirrors=stage.urls, connections=3, digest=sha256(DATA)
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.verified == (sha256(DATA),)


async def test_no_mirror_is_right(tmp_path: Path) -> None:
    origins = [Origin(content(SIZE, seed=5)), Origin(content(SIZE, seed=6))]
    async with Mirrors(*origins) as stage:
        with pytest.raises(DownloadMismatchError, match="digest="):
            await stage.session.download(
                stage.url, tmp_path / "file", mirrors=stage.urls, digest=sha256(DATA)
            )
    assert names(tmp_path) == []


async def test_without_digest_one_after_the_other(tmp_path: Path) -> None:
    """What the first has sent is not mixed with what the second has."""
    other = content(SIZE, seed=2)
    origins = [Origin(DATA), Origin(other)]
    async with Mirrors(*origins) as stage:
        stage.break_off([1_000_000, 0, 0, 0, 0, 0, 0])
        await stage.session.download(
            stage.url,
            tmp_path / "file",
            mirrors=stage.urls,
            connections=2,
            retries=Retries(attempts=1, backoff=0),
        )
    assert (tmp_path / "file").read_bytes() == other


# --- names ---


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, "file.bin"),
        ("attachment", "file.bin"),
        ('attachment; filename="report.pdf"', "report.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename*=UTF-8''%2e%2e%2fGr%C3%BC%C3%9Fe", "Grüße"),
        ('attachment; filename="nul.txt"', "_nul.txt"),
        ('attachment; filename=".."', "file.bin"),
    ],
)
async def test_the_name(tmp_path: Path, disposition: str | None, name: str) -> None:
    more = [("Content-Disposition", disposition)] if disposition else []
    async with Stage(Origin(b"data", more=more)) as stage:
        result = await stage.session.download(stage.url, tmp_path)
    assert result.path == tmp_path / name
    assert names(tmp_path) == [name]


async def test_into_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with Stage(Origin(b"data")) as stage:
        result = await stage.session.download(stage.url)
    assert result.path == Path("file.bin")
    assert names(tmp_path) == ["file.bin"]


async def test_what_the_server_names_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    more = [("Content-Disposition", "attachment; filename=notes")]
    async with Stage(Origin(b"data", more=more)) as stage:
        with pytest.raises(DownloadFileError, match="overwrite=") as caught:
            await stage.session.download(stage.url, tmp_path)
        assert caught.value.errno == errno.EEXIST
        assert (tmp_path / "notes").read_text() == "mine"
        await stage.session.download(stage.url, tmp_path, overwrite=True)
    assert (tmp_path / "notes").read_bytes() == b"data"


async def test_not_to_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    async with Stage(Origin(b"data")) as stage:
        with pytest.raises(DownloadFileError, match="overwrite="):
            await stage.session.download(stage.url, tmp_path / "file", overwrite=False)
        assert stage.origin.asked == []
    assert (tmp_path / "file").read_text() == "mine"


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    async with Stage(Origin(b"data")) as stage:
        for path in (tmp_path / "missing" / "file", f"{tmp_path}/missing/"):
            with pytest.raises(DownloadFileError, match="make the directory first"):
                await stage.session.download(stage.url, path)
    assert names(tmp_path) == []


async def test_a_disk_that_is_full(tmp_path: Path, small_disk: None) -> None:
    """It is known at once where the size is known, and later where it is not."""
    async with Stage(Origin(DATA)) as stage, assert_no_leaks(stage.session, stage.network):
        with pytest.raises(DownloadFileError, match="cannot make room for it"):
            await stage.session.download(stage.url, tmp_path / "file", connections=2)
        assert names(tmp_path) == []
        stage.origin.chunked = True
        with pytest.raises(DownloadFileError, match="cannot write it"):
            await stage.session.download(stage.url, tmp_path / "file")
        assert "file" not in names(tmp_path)


# --- only what is new ---


async def test_only_if_it_has_changed(tmp_path: Path) -> None:
    async with Stage(Origin(b"data")) as stage:
        for path in (tmp_path / "file", tmp_path):
            first = await stage.session.download(stage.url, path, conditional=True)
            assert not first.unmodified
            again = await stage.session.download(stage.url, path, etag=first.etag)
            assert again.unmodified
            assert (again.path, again.size, again.received) == (first.path, 4, 0)
        again = await stage.session.download(stage.url, tmp_path / "file", conditional=True)
        assert again.unmodified
        assert stage.origin.asked[-1].headers["If-Modified-Since"] == stage.origin.modified
        again = await stage.session.download(
            stage.url, tmp_path / "file", conditional=True, connections=4
        )
        assert again.unmodified
        stage.origin.data, stage.origin.etag = b"newer", '"v2"'
        stage.origin.modified = "Thu, 22 Oct 2015 07:00:00 GMT"
        for options in ({"conditional": True}, {"etag": first.etag}):
            newer = await stage.session.download(stage.url, tmp_path / "file", **options)  # type: ignore[arg-type]
            assert not newer.unmodified
            assert (tmp_path / "file").read_bytes() == b"newer"
            stage.origin.data, stage.origin.etag = b"newer", '"v3"'
            stage.origin.modified = "Thu, 22 Oct 2015 07:10:00 GMT"


async def test_the_time_stamp_is_now(tmp_path: Path) -> None:
    async with Stage(Origin(b"data")) as stage:
        await stage.session.download(stage.url, tmp_path / "file", keep_time=False)
    assert (tmp_path / "file").stat().st_mtime > MODIFIED_AT + 1e6


# --- what fails for good ---


async def test_refused(tmp_path: Path) -> None:
    async with Stage(GONE) as stage:
        with pytest.raises(ClientResponseError) as caught:
            await stage.session.download(stage.url, tmp_path / "file", connections=2)
    assert caught.value.status == 404
    assert len(stage.network.open_streams) == 0
    assert names(tmp_path) == []


async def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(ClientConnectorDNSError):
            await stage.session.download("http://nowhere.org/", tmp_path / "file")
    assert names(tmp_path) == []


@pytest.mark.parametrize("connections", [1, 3])
async def test_a_server_that_is_busy(tmp_path: Path, connections: int) -> None:
    origin = Origin(DATA)
    busy = Response(503, b"", [("Retry-After", "0")])
    origin.before = lambda request: busy if len(origin.asked) % 3 < 2 else None
    async with Stage(origin) as stage:
        result = await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, retries=Retries(backoff=1000)
        )
    assert (tmp_path / "file").read_bytes() == DATA
    assert result.failures >= 2


async def test_a_server_that_is_busy_for_too_long(tmp_path: Path) -> None:
    origin = Origin(DATA)
    origin.before = lambda request: Response(429, b"", [("Retry-After", "1000")])
    async with Stage(origin) as stage:
        with pytest.raises(DownloadInterruptedError, match="429"):
            await stage.session.download(stage.url, tmp_path / "file")
    assert len(origin.asked) == 1


async def test_a_server_that_takes_no_more_than_one_connection(tmp_path: Path) -> None:
    """Those that are refused retire; the one that is not does it all."""
    origin = Origin(DATA)

    async def answer(request: Request) -> Response:
        peers.add(id(request._wire))
        if len(peers) > 1 and id(request._wire) != first:
            return Response(403)
        return await origin(request)

    peers: set[int] = set()
    async with Stage(origin) as stage:
        first = 0

        async def remember(request: Request) -> Response:
            nonlocal first
            first = first or id(request._wire)
            return await answer(request)

        stage.listener = stage.network.serve("example.org", remember)
        await stage.session.download(stage.url, tmp_path / "file", connections=4)
    assert (tmp_path / "file").read_bytes() == DATA


async def test_credentials_are_not_shown(tmp_path: Path) -> None:
    async with Stage(GONE) as stage:
        url = stage.url.replace("://", "://user:secret@")
        for options in ({}, {"size": 3}):
            with pytest.raises(anyiohttp.ClientError) as caught:
                await stage.session.download(url, tmp_path / "file", **options)  # type: ignore[arg-type]
            assert "secret" not in str(caught.value)
    async with Stage(Origin(DATA)) as stage:
        url = stage.url.replace("://", "://user:secret@")
        result = await stage.session.download(url, tmp_path / "file")
    assert "secret" not in repr(result)
    assert stage.origin.asked[0].headers["Authorization"].startswith("Basic ")


# --- speed ---


async def test_a_limit_of_rate(tmp_path: Path) -> None:
    async with Stage(Origin(content(200_000))) as stage:
        result = await stage.session.download(
            stage.url, tmp_path / "file", limit_rate=400_000, connections=2
        )
    assert result.seconds > 0.2  # 0.25 of 0.5 seconds' worth may come at once


async def test_too_slow(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        stage.listener.faults = Faults(stall_at=50_000)
        with pytest.raises(DownloadTooSlowError, match="less than 1000 bytes per second") as caught:
            await stage.session.download(
                stage.url, tmp_path / "file", min_speed=1000, min_speed_time=0.1
            )
        assert names(tmp_path) == ["file.part", "file.part.journal"]
        stage.listener.faults = Faults()
        result = await stage.session.download(stage.url, tmp_path / "file", min_speed=1000)
    assert result.resumed > 49_000
    assert caught.value.received == result.resumed  # also what was written only after it
    assert f"; {result.resumed} bytes are kept" in str(caught.value)
    assert isinstance(DownloadTooSlowError(), TimeoutError)


async def test_progress(tmp_path: Path) -> None:
    told: list[Progress] = []
    async with Stage(Origin(DATA)) as stage:
        stage.break_off([0])
        await stage.session.download(
            stage.url,
            tmp_path / "file",
            connections=2,
            progress=told.append,
            progress_interval=0.001,
            retries=AT_ONCE,
        )
    states = [each.state for each in told]
    assert (states[0], states[-1]) == ("connecting", "done")
    order = ["connecting", "waiting", "connecting", "fetching", "verifying", "done"]
    assert [state for state in states if states.count(state)] == states
    assert list(dict.fromkeys(states)) == list(dict.fromkeys(order))
    done = [each.bytes for each in told]
    assert done == sorted(done)
    last = told[-1]
    assert (last.bytes, last.total, last.failures) == (SIZE, SIZE, 1)
    assert (str(last.url), last.path) == (stage.url, tmp_path / "file")
    assert last.speed > 0
    assert all(
        segment.start <= segment.position and (segment.end or SIZE) <= SIZE
        for each in told
        for segment in each.segments
    )


async def test_a_progress_callback_that_fails(tmp_path: Path) -> None:
    def fail(now: Progress) -> None:
        if now.state == "fetching":
            raise RuntimeError("a mistake")

    async with Stage(Origin(DATA)) as stage, assert_no_leaks(stage.session, stage.network):
        with pytest.raises(RuntimeError, match="a mistake"):
            await stage.session.download(stage.url, tmp_path / "file", progress=fail)


# --- options ---


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"connections": 0}, "connections is from 1"),
        ({"connections": 65}, "connections is from 1"),
        ({"size": -1}, "size"),
        ({"digest": "sha256"}, "digest"),
        ({"limit_rate": 0}, "rate limit"),
        ({"limit_rate": 10, "min_speed": 20}, "too slow"),
        ({"min_speed": -1}, "min_speed"),
        ({"progress_interval": 0}, "progress_interval"),
        ({"retries": -1}, "retries"),
        ({"data": b"x"}, "data= is not for downloads"),
        ({"raise_for_status": True}, "not for downloads"),
        ({"headers": {"range": "bytes=0-1"}}, "Range is what the download"),
    ],
)
async def test_options_that_mean_nothing(
    tmp_path: Path, options: dict[str, object], complaint: str
) -> None:
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(ValueError, match=complaint):
            await stage.session.download(stage.url, tmp_path / "file", **options)  # type: ignore[arg-type]
        assert stage.origin.asked == []


async def test_options_that_do_not_exist(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        with pytest.raises(TypeError, match="conections"):
            await stage.session.download(stage.url, tmp_path / "file", conections=3)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="digest must be str"):
            await stage.session.download(stage.url, tmp_path / "file", digest=b"")  # type: ignore[arg-type]


async def test_options_of_requests(tmp_path: Path) -> None:
    async with Stage(Origin(DATA)) as stage:
        await anyiohttp.download(
            stage.session,
            stage.url,
            tmp_path / "file",
            headers={"X-Mine": "1", "Accept-Encoding": "br"},
            params={"a": "b"},
        )
    (asked,) = stage.origin.asked
    assert asked.headers["X-Mine"] == "1"
    assert asked.headers["Accept-Encoding"] == "br"  # of a whole file, who asks decides
