"""How downloads are shown: bars on a terminal, lines otherwise.

Knows: progress and outcomes of downloads, rich.
Must not know: how anything is downloaded.
Called by: `downloading`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import PurePath
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.progress import (
    Progress as Bars,
)
from rich.text import Text

from .. import DownloadItem, DownloadOutcome, Progress
from .formatting import duration, printable, size
from .running import describe

__all__ = ("BarsView", "LinesView", "View", "name_of", "outcome_line", "progress_line")

#: Seconds between two lines about the same file.
_EVERY = 5.0
_NAME_WIDTH = 32


class View(Protocol):
    """Shows a number of downloads; used as a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def told(self, number: int, item: DownloadItem, progress: Progress) -> None:
        """Take note of how far the item of that number is."""

    def ended(self, number: int, outcome: DownloadOutcome) -> None:
        """Take note of what became of it."""


def name_of(item: DownloadItem, progress: Progress | None = None) -> str:
    """Return what a download is called: its file's name, once that is known."""
    if progress is not None and progress.path is not None:
        return printable(progress.path.name)
    if item.path is not None:
        return printable(PurePath(item.path).name)
    return printable(str(item.url).rpartition("/")[2].partition("?")[0] or str(item.url))


def progress_line(name: str, progress: Progress) -> str:
    """Return how far a download is, in a line."""
    total = progress.total
    if progress.state != "fetching":
        return f"{name}: {progress.state}, {size(progress.bytes)} are there"
    done = f"{progress.bytes * 100 // total}% of {size(total)}" if total else size(progress.bytes)
    left = "" if progress.eta is None else f", {duration(progress.eta)} left"
    return f"{name}: {done}, {size(progress.speed)}/s{left}"


def outcome_line(name: str, outcome: DownloadOutcome) -> str:
    """Return what became of a download, in a line."""
    result = outcome.result
    if result is None:
        assert outcome.error is not None
        return f"{name}: {describe(outcome.error)}"
    path = printable(str(result.path))
    if result.unmodified:
        return f"{path}: not modified"
    parts = [size(result.size)]
    if result.resumed:
        parts.append(f"{size(result.resumed)} of it from before")
    speed = f" ({size(result.received / result.seconds)}/s)" if result.seconds else ""
    parts.append(f"in {duration(result.seconds)}{speed}")
    parts += [f"{digest.partition(':')[0]} verified" for digest in result.verified]
    return f"{path}: {', '.join(parts)}"


class LinesView:
    """A line now and then for each download, and one at its end.

    Args:
        write: writes a line.
        clock: tells the time in seconds.
    """

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._due: dict[int, float] = {}
        self._names: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def told(self, number: int, item: DownloadItem, progress: Progress) -> None:
        self._names[number] = name_of(item, progress)
        now = self._clock()
        if progress.state in ("connecting", "done"):
            return
        if number not in self._due:
            self._due[number] = now + _EVERY
        elif now >= self._due[number]:
            self._due[number] = now + _EVERY
            self._write(progress_line(self._names[number], progress))

    def ended(self, number: int, outcome: DownloadOutcome) -> None:
        self._due.pop(number, None)
        name = self._names.pop(number, None) or name_of(outcome.item)
        self._write(outcome_line(name, outcome))


class BarsView:
    """A bar for each download that is under way, and one for all if there are several.

    Nothing redraws by itself: each word of progress does.

    Args:
        console: the terminal.
        count: how many downloads there will be.
    """

    def __init__(self, console: Console, count: int) -> None:
        self._console = console
        self._count = count
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            _Amount(),
            _Speed(),
            _Left(),
            console=console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self._tasks: dict[int, TaskID] = {}
        self._names: dict[int, str] = {}
        self._all: TaskID | None = None
        self._ended = 0

    def __enter__(self) -> Self:
        self._bars.start()
        if self._count > 1:
            self._all = self._bars.add_task("all", total=self._count, of_all=True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def __rich__(self) -> RenderableType:
        """The bars as they are now."""
        return self._bars.get_renderable()

    def told(self, number: int, item: DownloadItem, progress: Progress) -> None:
        name = self._names[number] = name_of(item, progress)
        shown = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
        task = self._tasks.get(number)
        if task is None:
            task = self._tasks[number] = self._bars.add_task(shown, total=None)
        self._bars.update(
            task,
            description=shown,
            total=progress.total,
            completed=progress.bytes,
            progress=progress,
        )
        self._bars.refresh()

    def ended(self, number: int, outcome: DownloadOutcome) -> None:
        task = self._tasks.pop(number, None)
        if task is not None:
            self._bars.remove_task(task)
        name = self._names.pop(number, None) or name_of(outcome.item)
        mark = ("✓ ", "green") if outcome.ok else ("✗ ", "bold red")
        line = Text.assemble(mark, outcome_line(name, outcome))
        self._console.print(line, soft_wrap=True)
        self._ended += 1
        if self._all is not None:
            self._bars.update(self._all, completed=self._ended)
        self._bars.refresh()


def _progress_of(task: Task) -> Progress | None:
    progress = task.fields.get("progress")
    return progress if isinstance(progress, Progress) else None


class _Amount(ProgressColumn):
    """``12.3 MiB of 1.0 GiB``."""

    max_refresh = None

    def render(self, task: Task) -> Text:
        if task.fields.get("of_all"):
            return Text(f"{task.completed:.0f} of {task.total:.0f} files")
        progress = _progress_of(task)
        if progress is None:
            return Text("")
        total = "" if progress.total is None else f" of {size(progress.total)}"
        return Text(f"{size(progress.bytes)}{total}", "cyan")


class _Speed(ProgressColumn):
    """``1.2 MiB/s x4``: how fast, over how many connections; or what is waited for."""

    max_refresh = None

    def render(self, task: Task) -> Text:
        progress = _progress_of(task)
        if progress is None:
            return Text("")
        if progress.state != "fetching":
            return Text(progress.state, "yellow")
        many = f" x{len(progress.segments)}" if len(progress.segments) > 1 else ""
        return Text(f"{size(progress.speed)}/s{many}", "green")


class _Left(ProgressColumn):
    """``0:42``: the time that is left."""

    max_refresh = None

    def render(self, task: Task) -> Text:
        progress = _progress_of(task)
        if progress is None or progress.eta is None or progress.state != "fetching":
            return Text("")
        return Text(f"{duration(progress.eta)} left", "dim")
