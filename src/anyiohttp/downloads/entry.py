"""`download`: one file, in the caller's own task.

Knows: the public signature.
Must not know: how anything is done.
Called by: users, `ClientSession.download`.
"""

from __future__ import annotations

import os
from typing import Unpack

from .. import ClientSession
from ..typedefs import StrOrURL
from .options import DownloadKwargs, job_from
from .outcomes import DownloadResult
from .task import Download

__all__ = ("download",)


async def download(
    session: ClientSession,
    url: StrOrURL,
    path: str | os.PathLike[str] | None = None,
    **options: Unpack[DownloadKwargs],
) -> DownloadResult:
    """Download a file.

    Its final name appears in one step, when all of it is on the disk and was found to be what it
    should be. Until then it is in ``path.part``, with a journal in ``path.part.journal``; both are
    used by the next download to the same path, after a failure, a cancellation or a crash. A
    connection that breaks off is continued by itself.

    Args:
        session: makes the requests.
        url: what to download.
        path: the file; or a directory (one that exists, or a path that ends with ``/``) in which it
            gets the name that ``Content-Disposition`` gives it, else the URL's. By default the
            working directory.
        **options: `DownloadKwargs`: ``connections``, ``digest``, ``mirrors``, ``resume``,
            ``limit_rate``, ``progress`` and so on, and the options of `ClientSession.get`.
            ``timeout`` holds for each request; by default 30 seconds to connect and 60 between two
            reads.

    Returns:
        Where it is, how large, and what was checked.

    Raises:
        DownloadFileError: it cannot be written: disk full, no permission, a file in the way.
        DownloadMismatchError: it is not what was promised; it was deleted.
        DownloadInterruptedError: requests failed again and again; `DownloadTooSlowError`: it was
            slower than ``min_speed``. What was fetched is kept.
        DownloadChangedError: it kept changing on the server.
        ClientResponseError: the server refuses it, for example with 404.
        ClientError: a request failed in a way that trying again does not mend.
        ValueError: options contradict each other.

    Cancelled at any moment, it writes what it has received to the part file, waiting for the disk
    but not for the network; nothing stands under the final name, and nothing is left open.
    """
    return await Download(session, job_from(url, path, options)).run()
