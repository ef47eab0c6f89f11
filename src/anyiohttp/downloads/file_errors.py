"""What the system says of files, as errors that say what was tried, and what to do.

Knows: the system's numbers.
Must not know: what is done with files.
Called by: all modules that look at files.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..exceptions import DownloadFileError

__all__ = ("file_error", "in_the_way", "told")

_HINTS = {
    errno.ENOSPC: "make room and start again",
    errno.EDQUOT: "make room and start again",
    errno.EFBIG: "the file system or a limit (ulimit -f) allows no file of this size",
    errno.EACCES: "choose a directory that may be written",
    errno.EPERM: "choose a directory that may be written",
    errno.EROFS: "choose a directory that may be written",
    errno.ENOENT: "make the directory first",
    errno.ENOTDIR: "make the directory first",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "it is a symbolic link: move it away",
}


@contextmanager
def told(doing: str, path: Path) -> Iterator[None]:
    """Turn what the system says of a file into an error that says what was tried and what to do."""
    try:
        yield
    except DownloadFileError:
        raise
    except OSError as exc:
        raise file_error(exc, doing, path) from exc


def in_the_way(path: Path) -> DownloadFileError:
    """Make the error for a file that is there and is not to be replaced."""
    return DownloadFileError(
        errno.EEXIST, "a file of this name is there already; overwrite= replaces it", str(path)
    )


def file_error(exc: OSError, doing: str, path: Path) -> DownloadFileError:
    """Make the error for what the system said."""
    number = exc.errno or errno.EIO
    text = f"cannot {doing} it: {exc.strerror or exc}"
    hint = _HINTS.get(number)
    return DownloadFileError(number, f"{text}; {hint}" if hint else text, str(path))
