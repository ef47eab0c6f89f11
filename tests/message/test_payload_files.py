"""Bodies that are files, real ones."""

# ruff: noqa: SIM115 - a body closes its file

from __future__ import annotations

import asyncio
import codecs
import gzip
import io
import mmap
import os
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread
import pytest
import sniffio

from anyiohttp._message.payload_base import FILE_BLOCK, Payload, get_payload
from anyiohttp._message.payload_files import (
    BufferedReaderPayload,
    IOBasePayload,
    TextIOPayload,
    guess_filename,
    is_file,
)
from anyiohttp.exceptions import (
    BodyNotReplayableError,
    BodySizeMismatchError,
    ClientPayloadError,
    InvalidBodyError,
    InvalidRequestError,
)

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 8400  # two blocks and a bit


async def collect(payload: Payload) -> list[bytes]:
    chunks = []
    while chunk := await payload.next_chunk():
        chunks.append(chunk)
    assert await payload.next_chunk() == b""
    return chunks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "some file.txt"
    path.write_bytes(DATA)
    return path


def temporary(kind: Callable[..., Any]) -> Callable[[Path], IO[bytes]]:
    def make(_: Path) -> IO[bytes]:
        file: IO[bytes] = kind()
        file.write(DATA)
        file.seek(0)
        return file

    return make


SIZED = {
    "buffered": lambda path: path.open("rb"),
    "raw": lambda path: path.open("rb", buffering=0),
    "random": lambda path: path.open("r+b"),
    "temporary": temporary(tempfile.TemporaryFile),
    "named": temporary(tempfile.NamedTemporaryFile),
    "spooled": temporary(tempfile.SpooledTemporaryFile),
    "spooled-to-disk": temporary(lambda: tempfile.SpooledTemporaryFile(max_size=10)),
}


@pytest.mark.parametrize("name", SIZED)
async def test_files_of_known_size(name: str, path: Path) -> None:
    file = SIZED[name](path)
    payload = get_payload(file)
    assert payload.size == len(DATA)
    assert payload.at_hand is None
    assert not payload.autoclose
    for _ in range(2):
        chunks = await collect(payload)
        assert b"".join(chunks) == DATA
        assert max(map(len, chunks)) <= FILE_BLOCK
        assert payload.replayable
        await payload.rewind()
    assert await payload.next_chunk()
    await payload.rewind()  # in the middle, too
    assert await payload.as_bytes() == DATA
    assert not payload.consumed
    await payload.aclose()
    await payload.aclose()
    assert file.closed
    assert payload.consumed
    assert not payload.replayable
    with pytest.raises(BodyNotReplayableError):
        await payload.rewind()
    with pytest.raises(BodyNotReplayableError, match="closed"):
        await payload.next_chunk()
    assert payload.size == len(DATA)


@pytest.mark.parametrize("name", SIZED)
async def test_files_start_at_their_position(name: str, path: Path) -> None:
    file = SIZED[name](path)
    file.seek(1000)
    payload = get_payload(file)
    assert payload.size == len(DATA) - 1000
    for _ in range(2):
        assert b"".join(await collect(payload)) == DATA[1000:]
        await payload.rewind()
    await payload.aclose()


async def test_one_file_in_two_bodies_after_each_other(path: Path) -> None:
    with path.open("rb") as file:
        one, other = get_payload(file), get_payload(file)
        assert await one.as_bytes() == DATA
        assert await other.as_bytes() == DATA


async def test_unflushed_writes_count() -> None:
    file = tempfile.TemporaryFile()
    file.write(b"abc")
    payload = get_payload(file)
    assert payload.size == 0
    assert await collect(payload) == []
    await payload.rewind()
    file.seek(0)
    payload = get_payload(file)
    assert payload.size == 3
    await payload.aclose()


async def test_position_past_the_end(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(len(DATA) + 5)
        payload = get_payload(file)
        assert payload.size == 0
        assert await collect(payload) == []


async def test_gzip_is_sent_decompressed_and_of_unknown_size(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    with gzip.open(path, "wb") as packed:
        packed.write(DATA)
    payload = get_payload(gzip.open(path))
    assert payload.size is None
    for _ in range(2):
        assert b"".join(await collect(payload)) == DATA
        await payload.rewind()
    await payload.aclose()
    path.write_bytes(path.read_bytes()[:-20])
    payload = get_payload(gzip.open(path))
    with pytest.raises(ClientPayloadError, match="cannot be read"):
        await collect(payload)
    await payload.aclose()


async def test_spooled_text() -> None:
    file = tempfile.SpooledTemporaryFile(mode="w+", encoding="utf-8")
    file.write("é")
    file.seek(0)
    payload = get_payload(file)
    assert payload.size is None
    assert await payload.as_bytes() == "é".encode()
    await payload.aclose()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
async def test_files_that_lie_about_being_empty() -> None:
    payload = get_payload(Path("/proc/self/status").open("rb"))
    assert payload.size is None
    assert b"Name:" in await payload.as_bytes()
    await payload.aclose()


async def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    payload = get_payload(path.open("rb"))
    assert payload.size == 0
    assert await collect(payload) == []
    await payload.aclose()


async def test_file_that_shrank(path: Path) -> None:
    payload = get_payload(path.open("rb"))
    assert await payload.next_chunk()
    os.truncate(path, FILE_BLOCK + 1)
    with pytest.raises(BodySizeMismatchError, match=f"had {len(DATA)} bytes.*now has only"):
        await collect(payload)
    await payload.aclose()


@pytest.mark.parametrize("before", [b"", DATA, b"x" * FILE_BLOCK])
async def test_file_that_grew(before: bytes, path: Path) -> None:
    path.write_bytes(before)
    payload = get_payload(path.open("rb"))
    with path.open("ab") as file:
        file.write(b"more")
    given = []
    with pytest.raises(BodySizeMismatchError, match="now has more"):
        while chunk := await payload.next_chunk():
            given.append(chunk)
    assert sum(map(len, given)) <= len(before)
    await payload.aclose()


# --- text -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-16", "iso-2022-jp"])
async def test_text_files_are_transcoded(encoding: str | None, tmp_path: Path) -> None:
    text = "日本語 text\n" * 40_000
    path = tmp_path / "text"
    path.write_text(text, encoding="shift-jis")
    payload = get_payload(path.open(encoding="shift-jis"), encoding=encoding)
    assert isinstance(payload, TextIOPayload)
    assert payload.size is None
    assert payload.content_type == f"text/plain; charset={encoding or 'utf-8'}"
    for _ in range(2):
        assert b"".join(await collect(payload)) == text.encode(encoding or "utf-8")
        await payload.rewind()
    await payload.aclose()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "utf-16", "shift-jis"])
async def test_text_files_in_the_charset_asked_for_go_out_as_on_disk(
    encoding: str, tmp_path: Path
) -> None:
    """Their size is known, since not a byte is other: not a line end, nor a byte-order mark."""
    data = "日本語\r\ntext\n".encode(encoding) * 20_000
    path = tmp_path / "text"
    path.write_bytes(data)
    payload = get_payload(path.open(encoding=encoding), encoding=encoding.upper())
    assert payload.size == len(data)
    for _ in range(2):
        assert b"".join(await collect(payload)) == data
        await payload.rewind()
    await payload.aclose()


# --- memory ---------------------------------------------------------------------------------

#: What is read into memory of the event loop's thread.
PLAIN: dict[str, Callable[[Path], IO[Any]]] = {
    **SIZED,
    "of any other raw file": lambda path: io.BufferedReader(Unsized(path)),
    "text as on disk": lambda path: path.open(encoding="utf-8"),
}


class Unsized(io.RawIOBase):
    """A file of which nothing but its bytes is known, and those come as they come."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._file.readinto(memoryview(buffer)[:300_000])

    def close(self) -> None:
        self._file.close()
        super().close()


@pytest.mark.parametrize("name", PLAIN)
async def test_blocks_that_nobody_holds_share_their_memory(name: str, path: Path) -> None:
    """It is the event loop's thread's: what worker threads allocate may never be given back."""
    payload = get_payload(PLAIN[name](path))
    places = []
    while chunk := await payload.next_chunk():
        places.append(id(chunk))
        del chunk
    assert len(places) == 3
    assert len(set(places)) == 1
    await payload.aclose()


@pytest.mark.parametrize("hold", [bytes, memoryview, lambda chunk: memoryview(chunk)[1:-1]])
@pytest.mark.parametrize("name", PLAIN)
async def test_blocks_that_somebody_holds_never_change(
    name: str, hold: Callable[[bytes], bytes], path: Path
) -> None:
    payload = get_payload(PLAIN[name](path))
    held, sums = [], []
    while chunk := await payload.next_chunk():
        held.append(hold(chunk))
        sums.append(zlib.crc32(held[-1]))
        del chunk
    await payload.aclose()
    assert len(held) == 3
    assert [zlib.crc32(each) for each in held] == sums


class Counting(io.BufferedReader):
    """A file that knows how much was read, as progress bars do."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


class Delegating:
    """The same, and no file itself."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._file = path.open("rb")

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.count += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.parametrize("kind", [lambda path: Counting(io.FileIO(path)), Delegating])
async def test_a_read_of_the_files_own_is_not_passed_by(
    kind: Callable[[Path], Any], path: Path
) -> None:
    file = kind(path)
    payload = get_payload(file)
    assert b"".join(await collect(payload)) == DATA
    await payload.aclose()
    assert file.count == len(DATA)


async def test_a_file_that_gives_nothing_yet(path: Path) -> None:
    """It does not block, which no body of ours can wait for."""

    class Silent(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any, /) -> int | None:
            return None

    payload = get_payload(io.BufferedReader(Silent()))
    with pytest.raises(InvalidBodyError, match="None"):
        await payload.next_chunk()
    await payload.aclose()


# --- text -----------------------------------------------------------------------------------


async def test_text_that_was_written_and_is_sent(tmp_path: Path) -> None:
    file = (tmp_path / "text").open("w+", encoding="utf-8")
    file.write("é")
    file.seek(0)
    payload = get_payload(file)
    assert payload.size == 2
    assert await payload.as_bytes() == "é".encode()
    await payload.aclose()


async def test_text_whose_errors_are_to_be_replaced_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a\xff")
    payload = get_payload(path.open(encoding="utf-8", errors="replace"))
    assert payload.size is None
    assert await payload.as_bytes() == "a\ufffd".encode()
    await payload.aclose()


async def test_text_files_start_at_their_position(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("é\nè\n", encoding="utf-8")
    file = path.open(encoding="utf-8")
    file.readline()
    payload = get_payload(file, content_type="text/x; charset=latin1")
    assert await payload.as_bytes() == b"\xe8\n"
    assert await payload.as_bytes() == b"\xe8\n"
    await payload.aclose()


async def test_text_file_whose_lines_are_iterated_over(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("a\nb\n")
    file = path.open()
    next(file)
    payload = get_payload(file)
    assert not payload.replayable
    assert await payload.as_bytes() == b"b\n"
    assert payload.consumed
    await payload.aclose()


async def test_text_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("é".encode())
    payload = get_payload(path.open(encoding="utf-8"), encoding="ascii")
    with pytest.raises(InvalidRequestError, match="charset"):
        await payload.next_chunk()
    await payload.aclose()
    payload = get_payload(path.open(encoding="ascii"))
    with pytest.raises(ClientPayloadError, match="cannot be read"):
        await payload.next_chunk()
    await payload.aclose()
    payload = get_payload(path.open(encoding="utf-8"), encoding="no-such")
    with pytest.raises(InvalidRequestError, match="unknown charset"):
        await payload.next_chunk()
    await payload.aclose()


class Dribble(io.TextIOBase):
    """Text, given in the pieces it was made of."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces

    def read(self, size: int | None = -1, /) -> str:
        return self.pieces.pop(0) if self.pieces else ""


async def test_a_charset_that_holds_a_character_back_does_not_end_the_body() -> None:
    # Shift-JIS-2004 waits for a combining character after か.
    payload = get_payload(Dribble(["か", "か"]), encoding="shift_jis_2004")
    assert b"".join(await collect(payload)) == "かか".encode("shift_jis_2004")
    await payload.aclose()


# --- names and headers ----------------------------------------------------------------------


async def test_name_type_and_disposition(path: Path) -> None:
    with path.open("rb") as file:
        payload = get_payload(file)
        assert isinstance(payload, BufferedReaderPayload)
        assert payload.filename == "some file.txt"
        assert payload.content_type == "text/plain"
        assert payload.headers["Content-Disposition"] == 'attachment; filename="some file.txt"'
        assert "Content-Disposition" not in IOBasePayload(file, disposition=None).headers
        given = IOBasePayload(file, filename="x.png", headers={"Content-Disposition": "inline"})
        assert given.headers == {"Content-Type": "image/png", "Content-Disposition": "inline"}


def test_guess_filename(path: Path) -> None:
    with path.open("rb") as file:
        assert guess_filename(file) == "some file.txt"
    with tempfile.TemporaryFile() as file:
        assert guess_filename(file, "x") == "x"
    assert guess_filename(io.BytesIO()) is None
    named = io.BytesIO()
    named.name = "<stdin>"  # type: ignore[attr-defined]
    assert guess_filename(named) is None


def test_is_file() -> None:
    with tempfile.NamedTemporaryFile() as file:
        assert is_file(file)
    assert is_file(io.BytesIO())
    assert not is_file(b"abc")
    assert not is_file(anyio.Path("x"))


def test_closed_file_is_refused_by_name(path: Path) -> None:
    with path.open("rb") as file:
        pass
    with pytest.raises(InvalidRequestError, match=r"some file\.txt.*closed"):
        get_payload(file)


# --- odd files ------------------------------------------------------------------------------


async def test_objects_that_act_like_files(path: Path) -> None:
    with path.open("r+b") as file:
        payload = get_payload(mmap.mmap(file.fileno(), 0))
    assert b"".join(await collect(payload)) == DATA
    await payload.aclose()
    path.write_text("é", encoding="utf-8")
    payload = get_payload(codecs.getreader("utf-8")(path.open("rb")), encoding="latin1")
    assert b"".join(await collect(payload)) == b"\xe9"
    await payload.aclose()


class Odd(io.RawIOBase):
    def read(self, size: int = -1, /) -> Any:
        return None


async def test_file_that_gives_neither_bytes_nor_text() -> None:
    payload = get_payload(Odd())
    assert not payload.replayable
    with pytest.raises(InvalidBodyError, match="NoneType"):
        await payload.next_chunk()
    await payload.aclose()


async def test_file_closed_by_its_owner_before_it_was_sent(path: Path) -> None:
    file = path.open("rb")
    payload = get_payload(file)
    file.close()
    with pytest.raises(BodyNotReplayableError, match="closed"):
        await payload.next_chunk()
    await payload.aclose()


async def test_reads_do_not_block_the_event_loop() -> None:
    here = threading.get_ident()
    threads = set()

    class Watched(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            threads.add(threading.get_ident())
            return b""

        def close(self) -> None:
            if not self.closed:
                threads.add(threading.get_ident())
            super().close()

    payload = get_payload(Watched())
    assert await collect(payload) == []
    await payload.aclose()
    assert threads
    assert here not in threads


# --- pipes and cancellation -----------------------------------------------------------------


async def test_pipe_is_sent_as_it_comes() -> None:
    reading, writing = os.pipe()
    payload = get_payload(os.fdopen(reading, "rb"))
    assert payload.size is None
    assert not payload.replayable
    os.write(writing, b"abc")
    assert await payload.next_chunk() == b"abc"  # without waiting for a whole block
    os.write(writing, b"def")
    os.close(writing)
    assert await collect(payload) == [b"def"]
    assert payload.consumed
    await payload.aclose()


class Pipe(io.BufferedReader):
    """A pipe that tells when it is read from and when it was closed."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor))
        self.reading = threading.Event()
        self.was_closed = threading.Event()

    def read1(self, size: int = -1, /) -> bytes:
        self.reading.set()
        return super().read1(size)

    def close(self) -> None:
        super().close()
        self.was_closed.set()


async def test_cancelled_read_of_a_pipe_is_left_to_its_thread() -> None:
    reading, writing = os.pipe()
    file = Pipe(reading)
    payload = get_payload(file)
    async with anyio.create_task_group() as group:
        group.start_soon(payload.next_chunk)
        await anyio.to_thread.run_sync(file.reading.wait)
        group.cancel_scope.cancel()
    await payload.aclose()
    assert not file.closed  # the thread still reads it
    with pytest.raises(BodyNotReplayableError):
        await payload.next_chunk()
    os.write(writing, b"x")
    await anyio.to_thread.run_sync(file.was_closed.wait)
    os.close(writing)


class Slow(io.RawIOBase):
    """A file whose reads wait until they are let go."""

    def __init__(self) -> None:
        self.reading = threading.Event()
        self.go = threading.Event()
        self.closed_while_read = False
        self.inside = False

    def read(self, size: int = -1, /) -> bytes:
        self.inside = True
        self.reading.set()
        self.go.wait()
        self.closed_while_read = self.closed
        self.inside = False
        return b"x"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self.read()
        return len(memoryview(buffer))


#: Read by ``read``, and into memory.
AS_IT_IS_AND_BUFFERED = pytest.mark.parametrize("kind", [lambda file: file, io.BufferedReader])


@AS_IT_IS_AND_BUFFERED
async def test_cancelled_read_of_a_regular_file_is_waited_for(
    kind: Callable[[Slow], Any],
) -> None:
    file = Slow()
    payload = get_payload(kind(file))
    async with anyio.create_task_group() as group:
        group.start_soon(payload.next_chunk)
        await anyio.to_thread.run_sync(file.reading.wait)
        group.cancel_scope.cancel()
        file.go.set()
    assert not file.inside
    with anyio.CancelScope() as scope:
        scope.cancel()
        await payload.aclose()
    assert file.closed
    assert not file.closed_while_read


@AS_IT_IS_AND_BUFFERED
async def test_task_cancelled_by_asyncio_itself(kind: Callable[[Slow], Any]) -> None:
    """``asyncio.wait_for`` and ``Task.cancel`` do not heed anyio's shield."""
    if sniffio.current_async_library() != "asyncio":
        return
    file = Slow()
    payload = get_payload(kind(file))
    task = asyncio.create_task(payload.next_chunk())
    await anyio.to_thread.run_sync(file.reading.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(InvalidRequestError, match="cancelled"):
        await payload.next_chunk()  # two threads must not read one file
    closing = asyncio.create_task(payload.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not file.closed
    file.go.set()
    while not file.closed:
        await anyio.to_thread.run_sync(threading.Event().wait, 0.001)
    assert not file.closed_while_read


@pytest.mark.anyio
async def test_what_only_reads_like_a_file() -> None:
    class Reading:
        def __init__(self) -> None:
            self.left = [b"one", b"two"]

        def read(self, size: int) -> bytes:
            return self.left.pop(0) if self.left else b""

    payload = IOBasePayload(Reading())  # type: ignore[arg-type]
    assert payload.size is None
    assert not payload.consumed
    assert await payload.as_bytes() == b"onetwo"
    await payload.aclose()
    assert payload.consumed
