"""Where a command's output goes: a terminal, which gets colours, or a pipe or file, which does not.

Knows: terminals, rich, standard output and standard error.
Must not know: requests, responses.
Called by: the commands.

What comes from a server reaches a terminal only as printable text, so that no server can make a
terminal do anything.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from .formatting import is_utf8, printable, size

__all__ = ("Screen", "When")

When = Literal["auto", "always", "never"]


class Screen:
    """Standard output and standard error.

    Args:
        color: whether there are colours; ``auto`` is on a terminal, unless ``NO_COLOR`` is set.
        pretty: whether JSON is indented; ``auto`` is on a terminal.
    """

    def __init__(self, color: When = "auto", pretty: When = "auto") -> None:
        self.out = _console(color, stderr=False)
        self.err = _console(color, stderr=True)
        self.on_terminal = sys.stdout.isatty()
        self.pretty = self.on_terminal if pretty == "auto" else pretty == "always"
        self.err_on_terminal = sys.stderr.isatty()

    def write(self, data: bytes) -> None:
        """Write bytes to standard output as they are."""
        self.out.file.flush()
        left = memoryview(data)
        with _interruptible():
            while left:
                # Without Python's buffer (PYTHONUNBUFFERED) a pipe may take a part only.
                left = left[sys.stdout.buffer.write(left) or 0 :]
            sys.stdout.buffer.flush()

    def write_text(self, text: str) -> None:
        """Write text that came from elsewhere to standard output."""
        shown = printable(text) if self.on_terminal else text
        self.write(shown.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))

    def write_data(self, data: bytes) -> None:
        """Write bytes to standard output; to a terminal only if they are text."""
        if not self.on_terminal:
            self.write(data)
        elif is_utf8(data):
            self.write_text(data.decode())
        else:
            self.tell(f"({size(len(data))} that are no text: use a pipe)", "dim")

    def write_json(self, text: str) -> None:
        """Write JSON to standard output, with colours if there are any."""
        if not self.out.is_terminal:
            self.write_text(f"{text}\n")
            return
        shown = Text(printable(text))
        JSONHighlighter().highlight(shown)
        self.out.print(shown, soft_wrap=True)
        self.out.file.flush()

    def write_head(self, lines: Iterable[str]) -> None:
        """Write the head of a message to standard output, and the blank line after it."""
        if not self.out.is_terminal:
            self.write_text("\n".join([*lines, "", ""]))
            return
        for line in lines:
            self.out.print(_head_line(line), soft_wrap=True)
        self.out.print()
        self.out.file.flush()

    def tell(self, text: str, style: str = "") -> None:
        """Tell something of interest on standard error."""
        self.err.print(Text(printable(text), style=style), soft_wrap=True)

    def tell_head(self, lines: Iterable[str], mark: str) -> None:
        """Tell the head of a message on standard error, each line after a mark."""
        for line in [*lines, ""]:
            marked = Text.assemble((f"{mark} ", "dim"), _head_line(line))
            marked.rstrip()
            self.err.print(marked, soft_wrap=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a write that blocks because nobody reads.

    asyncio takes the first Ctrl-C as a wish to cancel the main task, which cannot be cancelled
    while it is writing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _console(color: When, *, stderr: bool) -> Console:
    force = {"auto": None, "always": True, "never": False}[color]
    return Console(
        stderr=stderr,
        force_terminal=force,
        no_color=True if color == "never" else None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _head_line(line: str) -> Text:
    """Return a line of a head with its parts in colours."""
    line = printable(line)
    name, colon, value = line.partition(": ")
    if colon and " " not in name:
        return Text.assemble((name, "cyan"), (": ", "dim"), value)
    if line.startswith("HTTP/"):
        version, _, rest = line.partition(" ")
        return Text.assemble((version, "dim"), " ", (rest, _status_style(rest)))
    method, space, rest = line.partition(" ")
    target, space2, version = rest.rpartition(" ")
    return Text.assemble((method, "bold green"), space, target, space2, (version, "dim"))


def _status_style(status: str) -> str:
    styles = {"2": "bold green", "3": "bold yellow", "4": "bold red", "5": "bold red"}
    return styles.get(status[:1], "bold")
