"""What the system is asked to do with files, where systems and file systems differ.

Knows: which of them lack what, and what stands in for it.
Must not know: what files hold, that there is a journal.
Called by: ``files``, ``place``.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..exceptions import DownloadFileError
from .file_errors import in_the_way

if sys.platform != "win32":
    import fcntl

__all__ = (
    "begin_sync",
    "behind_links",
    "boot_id",
    "lock",
    "preallocate",
    "read_at",
    "rename_new",
    "sync_directory",
    "write_at",
)

#: The kernel takes no more pieces at a time.
_MAX_PIECES = 512


def behind_links(path: Path) -> Path:
    """Return the file that is meant by a path; it need not be there.

    Raises:
        OSError: links go in circles.
        DownloadFileError: another user has put the link into a directory that all may write, which
            not every system refuses by itself.
    """
    if not path.is_symlink():
        return path
    if hasattr(os, "geteuid") and path.lstat().st_uid != os.geteuid():
        mode = path.parent.stat().st_mode
        if mode & stat.S_ISVTX and mode & stat.S_IWOTH:
            raise DownloadFileError(
                errno.EACCES, "the link belongs to another user: move it away", os.fspath(path)
            )
    with suppress(FileNotFoundError):
        path.stat()
    return Path(os.path.realpath(path))


def boot_id() -> str:
    """Return what tells this start of the machine from all others; ``""`` if nothing does."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def lock(file: int) -> None:
    """Lock a file for this process, where there are locks.

    Raises:
        BlockingIOError: another has it.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as exc:  # a file system without locks
            if exc.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise


def preallocate(file: int, size: int) -> None:
    """Make a file as large as it will be; say so now if there is no room."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as exc:
            if exc.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise
        else:
            return
    os.ftruncate(file, size)


def begin_sync(file: int, offset: int, size: int) -> None:
    """Have the system begin to bring what was written to the disk, so that `sync` waits less.

    Of pages that are not on the disk yet, this advice only starts the writing (Linux).
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a pipe, or a file system that does not know it
            os.posix_fadvise(file, offset, size, os.POSIX_FADV_DONTNEED)


def write_at(file: int, offset: int, pieces: Sequence[bytes]) -> None:
    """Write all of the pieces, one behind the other."""
    for first in range(0, len(pieces), _MAX_PIECES):
        some = pieces[first : first + _MAX_PIECES]
        size = sum(map(len, some))
        done = _write_some(file, offset, some)
        if done < size:  # rare: a signal, or a disk that is nearly full
            rest = memoryview(b"".join(some))[done:]
            while rest:
                rest = rest[_write_some(file, offset + size - len(rest), [rest]) :]
        offset += size


def _write_some(file: int, offset: int, pieces: Sequence[bytes | memoryview]) -> int:
    if hasattr(os, "pwritev"):
        return os.pwritev(file, pieces, offset)
    os.lseek(file, offset, os.SEEK_SET)
    return os.write(file, b"".join(pieces))


def read_at(file: int, offset: int, count: int) -> bytes:
    """Read at most ``count`` bytes."""
    if hasattr(os, "pread"):
        return os.pread(file, count, offset)
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, count)


def rename_new(part: Path, target: Path) -> None:
    """Rename, unless there is such a file already."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise in_the_way(target) from None
    except OSError:  # no links here
        if target.exists():
            raise in_the_way(target) from None
        part.replace(target)
    else:
        part.unlink()


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk."""
    if sys.platform == "win32":
        return
    with suppress(OSError):  # some file systems have nothing to sync here
        file = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(file)
        finally:
            os.close(file)
