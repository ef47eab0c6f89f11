"""Socket streams on trio.

Knows: sockets, trio's waits and scopes.
Must not know: TLS, HTTP, who uses the stream and for how long.
Called by: ``sockets``.

anyio would ask anew for each wait which library the task belongs to, and put a scope of its own
round trio's: together that costs as much as the wait itself.
"""

from __future__ import annotations

import math

import anyio
import trio
from trio.lowlevel import wait_readable

from .streams import MAX_READ, DeadlinePassed, SocketStream

__all__ = ("TrioSocketStream",)


class TrioSocketStream(SocketStream):
    """A connected TCP or unix socket on trio."""

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if deadline == math.inf:
            return await self.receive(max_bytes)
        with trio.CancelScope(deadline=deadline):
            return await self.receive(max_bytes)
        raise DeadlinePassed

    async def _readable(self) -> None:
        try:
            await wait_readable(self._socket)
        except trio.ClosedResourceError:
            raise anyio.ClosedResourceError from None
        except trio.BusyResourceError:
            raise anyio.BusyResourceError("reading from") from None
