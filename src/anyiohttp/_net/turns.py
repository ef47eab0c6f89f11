"""Waiting for one's turn: what somebody else ends, or a deadline.

Knows: events, deadlines, which of them suits the event loop.
Must not know: what the turn is for.
Called by: the pool, for each call that has to wait for a connection; HTTP/2, for each task that
another one reads for.

On asyncio a turn is a future and a shared timer (`alarms`): an event and a cancel scope round it
cost several times as much, which counts where thousands wait.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Protocol, cast

import anyio

from .loops import on_trio
from .streams import DeadlinePassed

__all__ = ("Turn", "make_turn")


class Turn(Protocol):
    """What one task waits for, and another sets."""

    def set(self) -> None:
        """Let it go on; more than once does no harm."""
        ...

    async def wait_before(self, deadline: float) -> None:
        """Wait until it is set.

        Args:
            deadline: on the event loop's clock; infinity for none.

        Raises:
            DeadlinePassed: it was not set in time.
        """
        ...


class AnyLoopsTurn:
    """A turn on any event loop."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.set = self._event.set

    async def wait_before(self, deadline: float) -> None:
        """Wait until it is set; see `Turn`."""
        if deadline == math.inf:
            await self._event.wait()
            return
        with anyio.CancelScope(deadline=deadline):
            await self._event.wait()
            return
        raise DeadlinePassed


def make_turn(loop: object) -> Turn:
    """Return a turn for the running event loop.

    Args:
        loop: as `running_loop` names it.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and isinstance(loop, asyncio.AbstractEventLoop):
        from .alarms import AsyncioTurn

        return AsyncioTurn(cast("Any", loop))  # checked above
    if on_trio(loop):
        from .trio_turns import TrioTurn

        return TrioTurn()
    return AnyLoopsTurn()
