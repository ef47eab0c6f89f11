"""What becomes of a download, and the reasons to begin one anew. Pure.

Knows: results as values.
Must not know: how they come about.
Called by: ``task``, ``transfer``, ``batches``; `DownloadResult` is public.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from ..exceptions import DownloadChangedError

__all__ = ("DownloadResult", "Restart", "SourceUnfit")


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """A download that was completed.

    Args:
        path: the file.
        url: where it came from, without credentials.
        size: in bytes.
        received: how many bytes of it came over the network in this run.
        resumed: how many were there from earlier runs.
        unmodified: whether the file that was there is still the newest, and nothing was done.
        etag: the version's ETag, weak or strong.
        verified: the digests that were checked, like ``sha256:…``.
        failures: how many requests failed on the way.
        seconds: how long it took.
    """

    path: Path
    url: URL
    size: int
    received: int = 0
    resumed: int = 0
    unmodified: bool = False
    etag: str | None = None
    verified: tuple[str, ...] = ()
    failures: int = 0
    seconds: float = 0.0


class Restart(Exception):
    """What has been fetched is of no use: the download begins anew.

    Args:
        reason: why.
        ranges: whether ranges can be used from now on.
        cause: the failure that led to it; ``None`` if the file has changed.
        counts: whether it may happen only so often.
    """

    def __init__(
        self,
        reason: str,
        *,
        ranges: bool = True,
        cause: Exception | None = None,
        counts: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ranges = ranges
        self.cause = cause
        self.counts = counts


class SourceUnfit(DownloadChangedError):
    """A mirror has another file than the others."""
