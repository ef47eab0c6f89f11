"""Where the command line begins: with click and rich, or, without them, with the demonstration.

Knows: whether click and rich are installed.
Must not know: the commands.
Called by: the console script ``anyiohttp`` (by `_anyiohttp_command`) and ``python -m anyiohttp``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from .. import __version__

__all__ = ("main",)

_NEEDED = ("click", "rich")
_USAGE = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: instead of those of the process.

    Returns:
        The exit status.
    """
    _open_missing_streams()
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        return _without(missing, sys.argv[1:] if arguments is None else list(arguments))
    try:
        from .app import run  # it needs them

        return run(arguments)
    except KeyboardInterrupt:  # while the modules are loaded, which takes a moment
        print("anyiohttp: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _open_missing_streams() -> None:
    """Have standard streams where a shell has closed them (``<&-``, ``>&-``).

    Nothing is read from the first, nothing can be written to the second, what is told goes nowhere.
    """
    for name, flags, mode in (
        ("stdin", os.O_RDONLY, "r"),
        ("stdout", os.O_RDONLY, "w"),
        ("stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8"))


def _without(missing: Sequence[str], arguments: Sequence[str]) -> int:
    """Do what can be done without click and rich, and say how to have the rest."""
    if arguments == ["--version"]:
        print(f"anyiohttp {__version__}")
        return 0
    if arguments[:1] == ["demo"]:
        from .demo import run_demo  # what `get` needs not

        backends = _backends(arguments[1:])
        if backends is not None:
            return run_demo(backends or None)
        print("usage: anyiohttp demo [--backend asyncio|uvloop|trio]...", file=sys.stderr)
        return _USAGE
    print(
        f"anyiohttp: the command line needs {' and '.join(missing)}: pip install 'anyiohttp[cli]'\n"
        "(without them there are only `anyiohttp demo` and `anyiohttp --version`)",
        file=sys.stderr,
    )
    return _USAGE


def _backends(arguments: Sequence[str]) -> list[str] | None:
    """Return the values of ``--backend``; ``None`` if there is anything else."""
    words = [word for argument in arguments for word in argument.split("=", 1)]
    names, options = words[1::2], words[0::2]
    wrong = any(word != "--backend" for word in options) or len(names) != len(options)
    return None if wrong or not {*names} <= {"asyncio", "uvloop", "trio"} else names
