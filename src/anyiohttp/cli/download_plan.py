"""What is to be downloaded, as the command line says it.

Knows: how arguments become items, targets and rates.
Must not know: click, how anything is downloaded or shown.
Called by: `download_command` makes plans, `downloading` carries them out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .. import DownloadItem, DownloadKwargs
from .plan import PlanError, plan_url

__all__ = ("DownloadPlan", "parse_rate", "plan_items")


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


_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?(?:/s)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_rate(text: str) -> float:
    """Return the bytes per second of ``500K``, ``1.5M``, ``2G`` or a plain number.

    Raises:
        PlanError: it is none, or 0.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    if not rate:
        raise PlanError(f"{text!r} is no rate: use 500K, 1.5M, 2G or a number of bytes a second")
    return rate


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
