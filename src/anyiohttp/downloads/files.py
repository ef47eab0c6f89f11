"""The part file and its journal: everything that blocks. Called in worker threads.

Knows: what is written, hashed, noted and synced in which order, and renamed at the end.
Must not know: HTTP, event loops, how the system does it (``disk``).
Called by: ``writing``, ``task``.

Beside ``name`` there are ``name.part``, as large as the whole from the beginning, and
``name.part.journal``. The final name appears in one step, when the whole is on the disk. A part
file is locked while it is written: two downloads into one file do not mix, in one process or two.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..exceptions import DownloadFileError
from .digests import Hash
from .disk import (
    begin_sync,
    boot_id,
    lock,
    preallocate,
    read_at,
    rename_new,
    sync_directory,
    write_at,
)
from .file_errors import told
from .journal import Identity, JournalWriter, Recorded, decode
from .naming import JOURNAL_SUFFIX, PART_SUFFIX

__all__ = ("Block", "PartFile")

#: So many records are kept before the journal is written anew, with ranges joined.
_MAX_LINES = 4096
_MAX_JOURNAL = 1024 * 1024
_READ = 1024 * 1024
_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes to be written.

    Args:
        offset: where.
        pieces: what.
        check: goes over the bytes too, if there is one.
    """

    offset: int
    pieces: Sequence[bytes]
    check: Hash | None = None

    @property
    def size(self) -> int:
        """How many bytes."""
        return sum(map(len, self.pieces))


class PartFile:
    """A file that is not complete yet, and what is known of it.

    Args:
        target: the final name.
        sync_every: seconds between two times at which it is brought to the disk while it grows.

    Attributes:
        recorded: what is there; ``None`` before `open` or `begin`.
        hashes: go along while bytes are written in order.

    All methods block. They exclude each other, so that none runs on a file that another closes.
    """

    def __init__(self, target: Path, *, sync_every: float = 30.0) -> None:
        self.target = target
        self.part = target.with_name(target.name + PART_SUFFIX)
        self.journal = target.with_name(target.name + JOURNAL_SUFFIX)
        self.recorded: Recorded | None = None
        self.hashes: dict[str, Hash] = {}
        self._writer = JournalWriter()
        self._boot = boot_id()
        self._sync_every = sync_every
        self._synced_at = time.monotonic()
        self._lock = threading.Lock()
        self._file = -1
        self._log = -1
        self._ended = False

    # --- beginning ---

    def open(self) -> Recorded | None:
        """Open and lock the part file, which is made if there is none; return what it holds.

        Raises:
            DownloadFileError: it cannot be written, another download writes it, it is somebody
                else's, or under the final name there is no file but a directory or a device.
        """
        with self._lock, told("open", self.part):
            if self._ended:
                raise self._has_ended()
            _check_target(self.target)
            self._file = self._open_locked()
            size = os.fstat(self._file).st_size
            try:
                _check_owner(self._file, self.part)
                recorded = self._read_journal()
            except BaseException:
                self._close_files()  # and leave it alone
                raise
            if recorded is not None and recorded.written.end <= size:
                self.recorded = recorded
            return self.recorded

    def _open_locked(self) -> int:
        while True:
            file = os.open(self.part, _FLAGS, 0o666)
            try:
                lock(file)
                # Whoever had it before may have renamed it in this moment.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(file), self.part.stat()):
                        return file
            except BlockingIOError:
                os.close(file)
                raise DownloadFileError(
                    errno.EBUSY, "another download is writing it", str(self.part)
                ) from None
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _read_journal(self) -> Recorded | None:
        try:
            with self.journal.open("rb") as file:
                _check_owner(file.fileno(), self.journal)
                return decode(file.read(2 * _MAX_JOURNAL), self._boot)
        except FileNotFoundError:
            if os.fstat(self._file).st_size:
                raise DownloadFileError(
                    errno.EEXIST,
                    "it has no journal, so it is not a part of this download: move it away",
                    str(self.part),
                ) from None
            return None

    def begin(self, identity: Identity) -> None:
        """Forget what is there, and make room for the file.

        Raises:
            DownloadFileError: there is no room.
        """
        with self._lock, told("make room for", self.part):
            self._check()
            self.recorded = Recorded(identity)
            self.hashes = {name: Hash(name) for name in self.hashes}
            # In this order: what is not empty has a journal.
            os.ftruncate(self._file, 0)
            self._rewrite_journal()
            if identity.size:
                preallocate(self._file, identity.size)

    def resume(self, identity: Identity) -> None:
        """Go on with what is there.

        Raises:
            DownloadFileError: the journal cannot be written.
        """
        with self._lock, told("go on with", self.part):
            self._check()
            assert self.recorded is not None
            self.recorded.identity = identity
            self._rewrite_journal()

    def expect(self, algorithm: str) -> None:
        """Hash what is written from now on."""
        self.hashes.setdefault(algorithm, Hash(algorithm))

    # --- writing ---

    def write(self, blocks: Sequence[Block]) -> None:
        """Write blocks, then note in the journal that they are there.

        Raises:
            DownloadFileError: the disk is full, or fails.
        """
        with self._lock, told("write", self.part):
            self._check()
            assert self.recorded is not None
            lines = []
            try:
                for block in blocks:
                    write_at(self._file, block.offset, block.pieces)
                    begin_sync(self._file, block.offset, block.size)
                    end = block.offset + block.size
                    self.recorded.written.add(block.offset, end)
                    lines.append(self._writer.wrote(block.offset, end))
                    for running in (
                        *self.hashes.values(),
                        *((block.check,) if block.check else ()),
                    ):
                        running.update(block.offset, block.pieces)
            finally:
                self._append(b"".join(lines))
            if time.monotonic() - self._synced_at >= self._sync_every:
                self._sync()
            if self._writer.lines > _MAX_LINES:
                self._rewrite_journal()

    def sync(self) -> None:
        """Bring what was written to the disk."""
        with self._lock, told("sync", self.part):
            self._check()
            self._sync()

    def _sync(self) -> None:
        assert self.recorded is not None
        os.fsync(self._file)
        self._synced_at = time.monotonic()
        self.recorded.synced = self.recorded.written.copy()
        self._append(self._writer.synced())

    def _append(self, lines: bytes) -> None:
        while lines:
            lines = lines[os.write(self._log, lines) :]

    def _rewrite_journal(self) -> None:
        """Put a new journal in the place of the old one, in one step."""
        assert self.recorded is not None
        new = self.journal.with_name(self.journal.name + ".new")
        file = os.open(new, _FLAGS | os.O_TRUNC, 0o666)
        try:
            text = self._writer.begin(self.recorded, self._boot)
            while text:
                text = text[os.write(file, text) :]
            if self.recorded.synced:
                os.fsync(file)
            new.replace(self.journal)
        except BaseException:
            os.close(file)
            with suppress(OSError):
                new.unlink()
            raise
        if self._log >= 0:
            os.close(self._log)
        self._log = file

    # --- ending ---

    def hash_more(self, algorithm: str, end: int, limit: int = 16 * 1024 * 1024) -> bytes | None:
        """Read back what a hash has not seen; up to ``limit`` bytes, so that it takes not long.

        Returns:
            The digest, once the hash has come to ``end``; before, ``None``.
        """
        with self._lock, told("read", self.part):
            self._check()
            running = self.hashes.setdefault(algorithm, Hash(algorithm))
            stop = min(end, running.position + limit)
            while running.position < stop:
                data = read_at(self._file, running.position, min(_READ, stop - running.position))
                if not data:
                    raise DownloadFileError(errno.EIO, "it has become shorter", str(self.part))
                running.update(running.position, [data])
            return running.digest() if running.position >= end else None

    def publish(self, size: int, modified: float | None, *, overwrite: bool) -> None:
        """Give the file its final name, in one step.

        Args:
            size: of the whole.
            modified: its time stamp, in seconds since 1970.
            overwrite: whether it may take the place of another.

        Raises:
            DownloadFileError: it cannot have that name.
        """
        with self._lock, told("name", self.part):
            self._check()
            if os.fstat(self._file).st_size != size:
                os.ftruncate(self._file, size)
            if modified is not None:
                with suppress(OSError, OverflowError, ValueError):  # a date the system cannot keep
                    os.utime(self.part, (modified, modified))
            os.fsync(self._file)
            if sys.platform == "win32":
                self._close_files()  # what is open cannot be renamed
            if overwrite:
                self.part.replace(self.target)
            else:
                rename_new(self.part, self.target)
            with suppress(FileNotFoundError):
                self.journal.unlink()
            sync_directory(self.target.parent)

    def discard(self) -> None:
        """Delete what is there."""
        with self._lock, told("delete", self.part):
            self._check()
            self.recorded = None
            with suppress(FileNotFoundError):
                self.part.unlink()
            with suppress(FileNotFoundError):
                self.journal.unlink()

    def close(self) -> None:
        """Let go of the files, for good: a thread that is only about to open them does not.

        A part of which nothing is there is deleted.
        """
        with self._lock:
            self._ended = True
            if self._file < 0:
                return
            try:
                if self._is_ours() and not (self.recorded and self.recorded.written):
                    for path in (self.part, self.journal):
                        with suppress(OSError):
                            path.unlink()
                elif not self._boot and self.recorded is not None:
                    with suppress(OSError):  # nothing tells what holds after the next start
                        self._sync()
            finally:
                self._close_files()

    def _is_ours(self) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._file), self.part.stat())
        return False

    def _close_files(self) -> None:
        for file in (self._file, self._log):
            if file >= 0:
                os.close(file)
        self._file = self._log = -1

    def _check(self) -> None:
        if self._file < 0:
            raise self._has_ended()

    def _has_ended(self) -> DownloadFileError:
        return DownloadFileError(errno.EBADF, "the download has ended", str(self.part))


def _check_target(target: Path) -> None:
    """Refuse to put a file in the place of a device (``/dev/null``) or a directory."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise DownloadFileError(errno.EEXIST, "what is there is no file", os.fspath(target))


def _check_owner(file: int, path: Path) -> None:
    """Refuse what is no file, or what another user has put there: its bytes would be the file's."""
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise DownloadFileError(errno.EEXIST, "it is no file: move it away", os.fspath(path))
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise DownloadFileError(
            errno.EPERM, "it belongs to another user: move it away", os.fspath(path)
        )
