"""Work in a thread whose caller may give it up.

Knows: threads, capacity limiters, how a thread speaks to an event loop without waiting for it.
Must not know: what the work is.
Called by: `_connect` for name lookups.

anyio gives the place of an abandoned thread back at once on asyncio, though the thread goes on:
with a name server that answers nobody, each caller that runs out of time would leave one more
thread behind (cpython #112169). Here a place is the thread's own until it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple, Unpack

import anyio
from anyio.lowlevel import EventLoopToken, current_token

__all__ = ("run_abandonable",)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_abandonable(
    limiter: anyio.CapacityLimiter, function: Callable[[Unpack[Ts]], T], *args: *Ts
) -> T:
    """Return ``function(*args)``, called in a worker thread.

    Args:
        limiter: how many such threads there may be, those included whose callers have gone.
        function: what is called.
        *args: its arguments.

    A cancelled call returns at once; the thread goes on to its end, and then gives its place back.
    """
    place = _Place(limiter, current_token())
    await limiter.acquire_on_behalf_of(place)

    def work() -> T:
        if not place.begin():
            raise RuntimeError("nobody waits for this")  # and nobody hears of it
        try:
            return function(*args)
        finally:
            place.leave()

    try:
        # The place was taken above: this limiter limits nothing.
        limitless = anyio.CapacityLimiter(1)
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limitless)
    except BaseException:
        if place.begin():
            limiter.release_on_behalf_of(place)  # the thread will not
        raise


class _Place:
    """A place at a limiter, which passes from the caller to the thread as it begins."""

    def __init__(self, limiter: anyio.CapacityLimiter, token: EventLoopToken) -> None:
        self._limiter = limiter
        loop: Any = token.native_token
        # An event loop of asyncio, or trio's token: each has its own word for it.
        self._soon: Callable[..., object] = getattr(loop, "call_soon_threadsafe", None) or (
            loop.run_sync_soon
        )
        self._begun = False
        self._lock = threading.Lock()

    def begin(self) -> bool:
        """Take the place over; whether it was still the caller's."""
        with self._lock:
            begun, self._begun = self._begun, True
        return not begun

    def leave(self) -> None:
        """Give the place back; called in the thread."""
        # The event loop may have ended before the thread has.
        with suppress(RuntimeError):
            self._soon(self._limiter.release_on_behalf_of, self)
