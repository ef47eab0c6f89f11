"""Where a file comes from: one URL, or several mirrors of it. Pure.

Knows: which of them to ask next, which are no good.
Must not know: requests.
Called by: ``task``, ``transfer``.

Bytes of different servers are put into one file only if a digest will tell whether they belong
together. Without one a mirror is asked only when the one before is given up, from the first byte.
"""

from __future__ import annotations

from collections.abc import Sequence

from yarl import URL

from .journal import url_key

__all__ = ("Source", "Sources")


class Source:
    """A URL from which the file can be had.

    Attributes:
        url: the URL.
        key: what stands for it in a journal.
        validator: the strong validator of its version; ``None`` as long as there is none.
        active: how many connections fetch from it.
        failures: how often it has failed.
        gone: whether it is not to be asked any more.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.key = url_key(url)
        self.validator: str | None = None
        self.active = 0
        self.failures = 0
        self.gone = False

    def __repr__(self) -> str:
        return f"<Source {self.url.with_user(None)} active={self.active} failures={self.failures}>"


class Sources:
    """All URLs of a file, the preferred first.

    Args:
        urls: at least one.
        mixed: whether their bytes may be mixed.
    """

    def __init__(self, urls: Sequence[URL], *, mixed: bool) -> None:
        self._all = [Source(url) for url in dict.fromkeys(urls)]
        self.mixed = mixed and len(self._all) > 1

    def choose(self) -> Source:
        """Return the one to ask next."""
        left = self.left
        if not self.mixed:
            return left[0]
        return min(left, key=lambda source: (source.failures, source.active))

    def drop(self, source: Source) -> bool:
        """Do without a source. Returns whether there is another; the last one stays."""
        if len(self.left) < 2:
            return False
        source.gone = True
        return True

    def separate(self) -> bool:
        """Mix no more: from now on one after the other is tried. Returns whether that is new."""
        was_mixed, self.mixed = self.mixed, False
        return was_mixed

    @property
    def left(self) -> list[Source]:
        """Those that can still be asked; at least one."""
        return [source for source in self._all if not source.gone]
