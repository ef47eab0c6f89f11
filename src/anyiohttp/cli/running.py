"""Running a command: an event loop, errors told in one line, an exit status.

Knows: event loops, errors, standard error.
Must not know: what a command does.
Called by: every command that makes requests.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from .. import ClientError
from .backends import BackendMissing, run_on
from .exit_codes import ExitCode, exit_code_of
from .formatting import printable

__all__ = ("complain", "describe", "run_command", "tell_failure")


def run_command(
    backend: str, function: Callable[[], Awaitable[int]], limit: float | None = None
) -> int:
    """Run a command to its end.

    Args:
        backend: ``asyncio``, ``uvloop`` or ``trio``.
        function: the command; returns the exit status.
        limit: the seconds it may take in all; 0 or ``None`` for any time.

    Returns:
        That, or the one for what it raised, which is told on standard error.
    """
    try:
        status = run_on(backend, partial(_within, limit, function) if limit else function)
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except BackendMissing as exc:
        complain(str(exc))
        return ExitCode.USAGE
    except (ClientError, OSError, ValueError) as exc:
        return tell_failure(exc)
    except BaseExceptionGroup as group:
        only = _only(group)
        if isinstance(only, KeyboardInterrupt):  # trio, from within a task group
            complain("interrupted")
            return ExitCode.INTERRUPTED
        if isinstance(only, ClientError | OSError | ValueError):
            return tell_failure(only)
        raise
    return status


async def _within(limit: float, function: Callable[[], Awaitable[int]]) -> int:
    with anyio.move_on_after(limit):
        return await function()
    raise TimeoutError(f"the {limit:g} s of --timeout have passed")


def tell_failure(exc: Exception) -> int:
    """Tell what went wrong on standard error; return the exit status for it."""
    try:
        sys.stdout.flush()
    except OSError:  # nor must Python's exit try to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(exc, BrokenPipeError) and not isinstance(exc, ClientError):
        return ExitCode.PIPE  # whoever read our output has gone
    complain(describe(exc))
    return exit_code_of(exc)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what a group holds: the one error, or the first of those that are no cancellations."""
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def describe(exc: BaseException) -> str:
    """Return an error in one line."""
    return printable(f"{type(exc).__name__}: {exc}".replace("\n", " "))


def complain(text: str) -> None:
    """Tell what is wrong on standard error."""
    print(f"anyiohttp: {text}", file=sys.stderr, flush=True)
