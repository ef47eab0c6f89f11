"""The event loops a command can run on.

Knows: their names, and how anyio is told.
Must not know: what runs on them.
Called by: `running`, `demo`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import TypeVar

import anyio

__all__ = ("BACKENDS", "BackendMissing", "is_installed", "run_on")

T = TypeVar("T")

BACKENDS: dict[str, tuple[str, dict[str, object]]] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


class BackendMissing(Exception):
    """A backend is not installed."""


def is_installed(name: str) -> bool:
    """Whether a backend can be used."""
    return find_spec(name) is not None


def run_on(name: str, function: Callable[[], Awaitable[T]]) -> T:
    """Run a function on an event loop of its own.

    Raises:
        BackendMissing: the backend is not installed.
    """
    if not is_installed(name):
        raise BackendMissing(f"{name} is not installed: pip install 'anyiohttp[{name}]'")
    backend, options = BACKENDS[name]
    return anyio.run(function, backend=backend, backend_options=options)
