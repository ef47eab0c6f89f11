"""Where a download goes: the final name, and the part file that is open for it.

Knows: who decides the name, what may be replaced.
Must not know: what is fetched.
Called by: ``task``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
from anyio import to_thread

from .disk import behind_links
from .file_errors import in_the_way, told
from .files import PartFile
from .naming import safe_name, url_name
from .options import Job
from .requests import Opened

__all__ = ("Place",)


class Place:
    """The place of one download.

    Args:
        job: what was asked for.
        claim: told the final name before anything is written under it; raises if it is taken.

    Attributes:
        part: the part file; ``None`` as long as the name is not known.
        overwrite: whether a file of that name may be replaced.
    """

    def __init__(self, job: Job, claim: Callable[[Path], None] | None) -> None:
        self.part: PartFile | None = None
        self.overwrite = True
        self._job = job
        self._claim = claim

    async def settle(self) -> None:
        """Open the part file, if the path that was given is that of the file.

        Raises:
            DownloadFileError: it cannot be written.
        """
        job = self._job
        is_directory = job.is_directory
        if is_directory is None:
            with told("look at", job.path):
                is_directory = await to_thread.run_sync(job.path.is_dir)
        if not is_directory:
            await self._open(job.path, overwrite=job.overwrite is not False)

    async def settle_named(self, opened: Opened) -> None:
        """Open the part file in the directory that was given, now that the name is known.

        Raises:
            DownloadFileError: it cannot be written.
        """
        overwrite = self._job.overwrite
        if overwrite is None:
            # A name of the server's choice replaces nothing unasked.
            overwrite = self._job.conditional or _server_name(opened) is None
        await self._open(self.named(opened), overwrite=overwrite)

    def named(self, opened: Opened) -> Path:
        """Return the file's path, as a response and the URL name it."""
        return self._job.path / (_server_name(opened) or url_name(self._job.urls[0]))

    async def _open(self, target: Path, *, overwrite: bool) -> None:
        with told("look at", target):
            target = await to_thread.run_sync(behind_links, target)  # a link stays one
            if not overwrite and await anyio.Path(target).exists():
                raise in_the_way(target)
        if self._claim is not None:
            self._claim(target)
        self.overwrite = overwrite
        await self._reopen(target)

    async def _reopen(self, target: Path) -> None:
        await self.close()
        # Known before it is open: whoever cancels this finds it, and closes it.
        part = self.part = PartFile(target, sync_every=self._job.tuning.sync_every)
        await to_thread.run_sync(part.open)

    async def drop(self) -> None:
        """Delete what was fetched, and begin with nothing."""
        part = self.part
        if part is not None and part.recorded is not None:
            await to_thread.run_sync(part.discard)
            await self._reopen(part.target)

    async def close(self) -> None:
        """Let go of the part file, which stays there if anything is in it."""
        if self.part is not None:
            try:
                await to_thread.run_sync(self.part.close)
            except BaseException:
                # asyncio cancels a task again if it is told so, shielded or not, before the thread
                # has begun or while it works. Left open, the part would stay locked.
                self.part.close()
                raise


def _server_name(opened: Opened) -> str | None:
    disposition = opened.response.content_disposition
    if disposition is None or not disposition.filename:
        return None
    return safe_name(disposition.filename)
