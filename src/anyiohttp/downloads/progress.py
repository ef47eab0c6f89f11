"""How far a download is: what a progress callback is told. Pure.

Knows: bytes, seconds, segments.
Must not know: who shows it, and how.
Called by: ``task``; `Progress` is public.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yarl import URL

__all__ = ("Progress", "ProgressCallback", "SegmentProgress", "State")

#: ``connecting``: nothing has come yet; ``fetching``; ``waiting``: all connections failed, and the
#: next try is due later; ``verifying``: all is there, digests are computed and the disk is waited
#: for; ``done``.
State = Literal["connecting", "fetching", "waiting", "verifying", "done"]


@dataclass(frozen=True, slots=True)
class SegmentProgress:
    """A part of the file that one connection fetches.

    Args:
        start: its first position.
        position: where its next byte belongs.
        end: one more than its last position; ``None`` if the size of the file is not known.
    """

    start: int
    position: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is.

    Args:
        url: what is downloaded, without credentials.
        path: the file's final name; ``None`` before it is known.
        state: what is being done.
        bytes: how many are there, those of earlier runs included.
        total: how many there will be; ``None`` if the server does not say.
        speed: bytes per second over the last seconds.
        eta: seconds that are left at this speed; ``None`` if that cannot be told.
        segments: what is being fetched at the moment, in the order of the file.
        failures: how many requests have failed so far.
    """

    url: URL
    path: Path | None
    state: State
    bytes: int
    total: int | None
    speed: float
    eta: float | None
    segments: tuple[SegmentProgress, ...] = ()
    failures: int = 0


#: Is told of progress; called in the event loop, so it must not block.
ProgressCallback = Callable[[Progress], object]
