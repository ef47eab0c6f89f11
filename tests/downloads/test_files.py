"""Part files: what they hold, who may write them, and what the system says when it cannot."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.downloads.origin import content

from anyiohttp import DownloadFileError
from anyiohttp.downloads import files
from anyiohttp.downloads.digests import Hash
from anyiohttp.downloads.disk import behind_links
from anyiohttp.downloads.files import Block, PartFile
from anyiohttp.downloads.journal import Identity

IDENTITY = Identity("key", 1000, '"v1"')
DATA = content(1000)


def begun(target: Path, identity: Identity = IDENTITY) -> PartFile:
    part = PartFile(target)
    assert part.open() is None
    part.begin(identity)
    return part


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_from_nothing_to_its_name(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.expect("sha256")
    assert names(tmp_path) == ["file.part", "file.part.journal"]
    assert part.part.stat().st_size == 1000  # room was made at once
    part.write([Block(500, [DATA[500:]]), Block(0, [DATA[:200], DATA[200:500]])])
    assert part.hash_more("sha256", 1000) == hashlib.sha256(DATA).digest()
    part.publish(1000, 1445412480.0, overwrite=True)
    part.close()
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == DATA
    assert (tmp_path / "file").stat().st_mtime == 1445412480


def test_gone_on_with(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.write([Block(100, [DATA[100:300]])])
    part.close()
    again = PartFile(tmp_path / "file")
    recorded = again.open()
    assert recorded is not None
    assert (recorded.identity, list(recorded.written)) == (IDENTITY, [(100, 300)])
    again.resume(recorded.identity)
    again.write([Block(0, [DATA[:100]])])
    again.close()
    third = PartFile(tmp_path / "file")
    recorded = third.open()
    assert recorded is not None
    assert list(recorded.written) == [(0, 300)]
    assert third.part.read_bytes()[:300] == DATA[:300]
    third.discard()
    third.close()
    assert names(tmp_path) == []


def test_a_part_of_which_nothing_is_there_is_not_left(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.close()
    part.close()
    assert names(tmp_path) == []


def test_begun_anew(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.expect("md5")
    part.write([Block(0, [DATA])])
    part.begin(Identity("other", 10))
    assert part.recorded is not None
    assert not part.recorded.written
    assert part.part.stat().st_size == 10
    assert part.hashes["md5"].position == 0
    part.close()


def test_hashes_go_along_only_in_order(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.expect("sha256")
    check = Hash("md5", 500)
    part.write([Block(0, [DATA[:100]]), Block(500, [DATA[500:]], check)])
    assert part.hashes["sha256"].position == 100
    assert check.digest() == hashlib.md5(DATA[500:]).digest()
    part.write([Block(100, [DATA[100:500]])])
    assert part.hashes["sha256"].position == 500
    # The rest is read back, a bounded piece at a time.
    assert part.hash_more("sha256", 1000, limit=300) is None
    assert part.hashes["sha256"].position == 800
    assert part.hash_more("sha256", 1000) == hashlib.sha256(DATA).digest()
    with pytest.raises(DownloadFileError, match="shorter"):
        part.hash_more("sha256", 2000)
    part.close()


def test_a_journal_does_not_grow_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_LINES", 10)
    part = begun(tmp_path / "file")
    for position in range(100):
        part.write([Block(position, [DATA[position : position + 1]])])
        assert len(part.journal.read_bytes().splitlines()) <= 11
    part.close()
    again = PartFile(tmp_path / "file")
    recorded = again.open()
    assert recorded is not None
    assert list(recorded.written) == [(0, 100)]
    again.close()


def test_it_is_synced_now_and_then(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file", sync_every=0)
    part.open()
    part.begin(IDENTITY)
    part.write([Block(0, [DATA[:10]])])
    assert part.recorded is not None
    assert part.recorded.synced == part.recorded.written
    assert part.journal.read_bytes().splitlines()[-1].startswith(b"S ")
    part.sync()
    part.close()


def test_many_pieces(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.write([Block(0, [bytes([byte]) for byte in DATA] * 3)])
    assert part.part.read_bytes() == DATA * 3
    part.close()


# --- what is in the way ---


def test_two_downloads_into_one_file(tmp_path: Path) -> None:
    one = begun(tmp_path / "file")
    two = PartFile(tmp_path / "file")
    with pytest.raises(DownloadFileError, match="another download") as caught:
        two.open()
    assert caught.value.errno == errno.EBUSY
    two.close()
    one.write([Block(0, [DATA])])
    code = (
        "import sys; from pathlib import Path; from anyiohttp.downloads.files import PartFile\n"
        "PartFile(Path(sys.argv[1])).open()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "another download is writing it" in done.stderr
    one.close()


def test_a_part_that_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_text("a browser's")
    part = PartFile(tmp_path / "file")
    with pytest.raises(DownloadFileError, match="move it away"):
        part.open()
    part.close()
    assert (tmp_path / "file.part").read_text() == "a browser's"


@pytest.mark.parametrize("left", ["empty", "begun"])
def test_a_part_that_belongs_to_another_user(
    tmp_path: Path, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if left == "begun":
        part = begun(tmp_path / "file")
        part.write([Block(0, [DATA])])
        part.close()
    else:
        (tmp_path / "file.part").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    again = PartFile(tmp_path / "file")
    with pytest.raises(DownloadFileError, match="another user"):
        again.open()
    again.close()
    assert "file.part" in names(tmp_path)


def test_a_part_that_has_become_shorter_is_not_believed(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.write([Block(0, [DATA])])
    part.close()
    os.truncate(part.part, 500)
    again = PartFile(tmp_path / "file")
    assert again.open() is None
    again.close()


def test_a_part_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "file.part").symlink_to(tmp_path / "precious")
    with pytest.raises(DownloadFileError, match=r"cannot open it.*; it is a symbolic link"):
        PartFile(tmp_path / "file").open()
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_file_that_is_not_to_be_replaced(tmp_path: Path) -> None:
    part = begun(tmp_path / "file", Identity("key", 4))
    part.write([Block(0, [b"data"])])
    (tmp_path / "file").write_text("came meanwhile")
    with pytest.raises(DownloadFileError, match="overwrite=") as caught:
        part.publish(4, None, overwrite=False)
    assert caught.value.errno == errno.EEXIST
    assert (tmp_path / "file").read_text() == "came meanwhile"
    (tmp_path / "file").unlink()
    part.publish(4, None, overwrite=False)
    part.close()
    assert (tmp_path / "file").read_text() == "data"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux says")
@pytest.mark.parametrize(
    ("path", "number", "hint"),
    [
        ("missing/file", errno.ENOENT, "make the directory first"),
        ("plain/file", errno.ENOTDIR, "make the directory first"),
        ("n" * 300, errno.ENAMETOOLONG, "shorter name"),
        ("/sys/kernel/file", errno.EACCES, "directory that may be written"),
    ],
)
def test_where_nothing_can_be_written(tmp_path: Path, path: str, number: int, hint: str) -> None:
    (tmp_path / "plain").write_text("")
    with pytest.raises(DownloadFileError, match=hint) as caught:
        PartFile(tmp_path / path).open()
    assert caught.value.errno in (number, errno.EPERM, errno.EROFS)
    assert caught.value.filename == str(tmp_path / path) + ".part"
    assert isinstance(caught.value, OSError)


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such owners there")
def test_a_link_that_a_stranger_has_put_into_a_directory_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "file"
    link.symlink_to("precious")
    tmp_path.chmod(0o1777)
    assert behind_links(link) == tmp_path / "precious"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DownloadFileError, match="the link belongs to another user") as caught:
        behind_links(link)
    assert caught.value.filename == str(link)
    tmp_path.chmod(0o755)
    assert behind_links(link) == tmp_path / "precious"


def test_a_directory_in_the_way_of_the_name(tmp_path: Path) -> None:
    part = begun(tmp_path / "file", Identity("key", 4))
    part.write([Block(0, [b"data"])])
    (tmp_path / "file").mkdir()
    with pytest.raises(DownloadFileError, match="cannot name it"):
        part.publish(4, None, overwrite=True)
    part.close()
    assert names(tmp_path) == ["file", "file.part", "file.part.journal"]


@pytest.mark.parametrize("where", ["file", "file.part"])
@pytest.mark.parametrize("through_a_link", [False, True])
def test_what_is_no_file_is_left_alone(tmp_path: Path, where: str, through_a_link: bool) -> None:
    """Root could put a file in the place of ``/dev/null``."""
    os.mkfifo(tmp_path / where)
    target = tmp_path / "file"
    if through_a_link and where == "file":
        target = tmp_path / "link"
        target.symlink_to("file")
    before = names(tmp_path)
    part = PartFile(target)
    with pytest.raises(DownloadFileError, match="no file") as caught:
        part.open()
    part.close()
    assert caught.value.filename == str(target.with_name(target.name + where[4:]))
    assert names(tmp_path) == before
    assert (tmp_path / where).is_fifo()


@pytest.mark.usefixtures("small_disk")
def test_no_room_for_it(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "file")
    part.open()
    with pytest.raises(DownloadFileError, match="cannot make room for it") as caught:
        part.begin(Identity("key", 200_000))
    assert caught.value.errno in (errno.EFBIG, errno.ENOSPC)
    part.close()
    assert names(tmp_path) == []


@pytest.mark.usefixtures("small_disk")
def test_no_more_room(tmp_path: Path) -> None:
    part = begun(tmp_path / "file", Identity("key", None, '"v1"'))
    part.write([Block(0, [bytes(90_000)])])
    with pytest.raises(DownloadFileError, match="cannot write it"):
        part.write([Block(90_000, [bytes(5_000)]), Block(95_000, [bytes(50_000)])])
    part.close()
    # What was written before counts.
    again = PartFile(tmp_path / "file")
    recorded = again.open()
    assert recorded is not None
    assert list(recorded.written) == [(0, 95_000)]
    again.close()


def test_closed_before_it_was_opened(tmp_path: Path) -> None:
    """What opens it waits for a thread, and what closes it has had one already."""
    part = PartFile(tmp_path / "file")
    part.close()
    with pytest.raises(DownloadFileError, match="has ended"):
        part.open()
    assert names(tmp_path) == []


def test_after_it_was_closed(tmp_path: Path) -> None:
    part = begun(tmp_path / "file")
    part.close()
    with pytest.raises(DownloadFileError, match="has ended"):
        part.write([Block(0, [b"x"])])
