"""Items of a batch and what becomes of each; which of them is next. Pure.

Knows: hosts, limits, order.
Must not know: tasks.
Called by: ``batches``, ``lists``; `DownloadItem` and `DownloadOutcome` are public.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yarl import URL

from ..typedefs import PathLike, StrOrURL
from .options import DownloadKwargs
from .outcomes import DownloadResult

__all__ = ("DownloadItem", "DownloadOutcome", "ItemQueue")

#: So many items are looked at ahead, to find one whose host is not busy.
_LOOKAHEAD = 1000


@dataclass(frozen=True, slots=True)
class DownloadItem:
    """A file to be downloaded in a batch.

    Args:
        url: where from.
        path: the file, relative to the batch's directory; by default it is named by
            the server or the URL.
        options: those of this file; they go over the batch's own.
    """

    url: StrOrURL
    path: PathLike | None = None
    options: DownloadKwargs = field(default_factory=lambda: DownloadKwargs())


@dataclass(frozen=True, slots=True)
class DownloadOutcome:
    """What became of an item: it has a result, or an error.

    Args:
        item: as it was given; a URL by itself becomes an item.
        result: of the download, if it was completed.
        error: why it was not.
    """

    item: DownloadItem
    result: DownloadResult | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether it was completed."""
        return self.error is None

    @property
    def path(self) -> Path | None:
        """The file, if it was completed."""
        return self.result.path if self.result is not None else None


class ItemQueue:
    """What is to be downloaded, in order; who waits for a busy host is passed by.

    Args:
        items: taken one by one as there is need of them.
        per_host: how many of one host may be under way.

    Attributes:
        exhausted: whether there will be no more.
    """

    def __init__(self, items: Iterable[DownloadItem | StrOrURL], per_host: int | None) -> None:
        self._items: Iterator[DownloadItem | StrOrURL] = iter(items)
        self._per_host = per_host
        self._ahead: deque[DownloadItem] = deque()
        self._active: Counter[str | None] = Counter()
        self._drained = False

    @property
    def exhausted(self) -> bool:
        """Whether there will be no more."""
        return self._drained and not self._ahead

    def take(self) -> DownloadItem | None:
        """Return the next item; ``None`` if all have been taken, or their hosts are busy."""
        for index, item in enumerate(self._ahead):
            if self._is_free(item):
                del self._ahead[index]
                return self._taken(item)
        while not self._drained and len(self._ahead) < _LOOKAHEAD:
            try:
                given = next(self._items)
            except StopIteration:
                self._drained = True
                break
            item = given if isinstance(given, DownloadItem) else DownloadItem(given)
            if self._is_free(item):
                return self._taken(item)
            self._ahead.append(item)
        return None

    def done(self, item: DownloadItem) -> None:
        """Note that an item is not under way any more."""
        self._active[_host(item)] -= 1
        self._active += Counter()  # forget hosts that have none

    def _is_free(self, item: DownloadItem) -> bool:
        return self._per_host is None or self._active[_host(item)] < self._per_host

    def _taken(self, item: DownloadItem) -> DownloadItem:
        self._active[_host(item)] += 1
        return item


def _host(item: DownloadItem) -> str | None:
    try:
        return URL(item.url).host
    except (TypeError, ValueError):
        return None  # its download will say what is wrong with it
