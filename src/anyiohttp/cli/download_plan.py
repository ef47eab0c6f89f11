"""What is to be downloaded, as the command line says it.

Knows: how arguments become items and targets.
Must not know: click, how anything is downloaded or shown.
Called by: `download_command` makes plans, `downloading` carries them out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import DownloadItem, DownloadKwargs
from .plan import PlanError, plan_url

__all__ = ("DownloadPlan", "plan_items")


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What is to be downloaded.

    Args:
        items: the files.
        to: the directory they go into.
        jobs: how many files at a time.
        per_host: how many connections to one host.
        rate: bytes per second of all together; ``None`` for no limit.
        headers: of each request.
        options: of each download, besides.
    """

    items: Sequence[DownloadItem]
    to: Path = Path()
    jobs: int = 4
    per_host: int = 4
    rate: float | None = None
    headers: Sequence[tuple[str, str]] = ()
    options: DownloadKwargs = field(default_factory=lambda: DownloadKwargs())


def plan_items(
    urls: Sequence[str],
    listed: Sequence[DownloadItem],
    *,
    output: str | None,
    digest: str | None,
) -> tuple[list[DownloadItem], Path]:
    """Return what is to be downloaded, and the directory it goes into.

    Args:
        urls: of the command line; may be short.
        listed: of the input files.
        output: the file for a single URL, or the directory.
        digest: of a single file.

    Raises:
        PlanError: they contradict each other, or there is nothing to download.
    """
    items = [DownloadItem(plan_url(url)) for url in urls] + list(listed)
    if not items:
        raise PlanError("there is nothing to download: give a URL, or --input")
    if len(items) > 1 and digest is not None:
        raise PlanError("--digest is for a single file; a list can have one for each")
    if digest is not None:
        options: DownloadKwargs = {**items[0].options, "digest": digest}
        items[0] = replace(items[0], options=options)
    if output is None:
        return items, Path()
    path = Path(output)
    if path.is_dir() or output.endswith(os.sep) or len(items) > 1:
        if path.exists() and not path.is_dir():
            raise PlanError(f"{output} is no directory, and there are {len(items)} files")
        return items, path
    items[0] = replace(items[0], path=path.name)
    return items, path.parent
