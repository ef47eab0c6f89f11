"""Which event loop is running, and its clock.

Knows: how asyncio and trio are asked; anyio, which is asked where neither is running.
Must not know: what is done on the loop.
Called by: `call`, once for each call of a user.

anyio answers the same, but asks anew each time which library the running task belongs to: that
takes longer than anything else that a call needs before it is sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from anyio.lowlevel import current_token

__all__ = ("on_trio", "running_loop")


def running_loop() -> tuple[object, Callable[[], float]]:
    """Return the running event loop, as anyio names it, and what tells its time.

    Raises:
        anyio.NoEventLoopError: none is running.
    """
    modules = sys.modules
    trio = modules.get("trio")
    try:
        # First: trio may be a guest of asyncio's loop. trio says in sniffio when it is running.
        if trio is not None:
            sniffio = modules.get("sniffio")
            if sniffio is not None and sniffio.thread_local.name == "trio":
                return trio.lowlevel.current_trio_token(), trio.current_time
        asyncio = modules.get("asyncio")
        if asyncio is not None:
            loop = asyncio.get_running_loop()
            return loop, loop.time
    except RuntimeError:
        pass  # for anyio to say
    token = current_token()
    return token.native_token, token.backend_class.current_time


def on_trio(loop: object) -> bool:
    """Whether an event loop, as `running_loop` names it, is trio's."""
    trio = sys.modules.get("trio")
    return trio is not None and isinstance(loop, trio.lowlevel.TrioToken)
