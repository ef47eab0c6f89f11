"""Standard input, read without a thread: a thread that waits for a line would outlive Ctrl-C.

Knows: file descriptors.
Must not know: what is read.
Called by: `sending` for a body, `websocket_command` for lines.
"""

from __future__ import annotations

import os
import sys
from typing import Self

import anyio

__all__ = ("Lines", "StandardInput")

_BLOCK = 64 * 1024


class StandardInput:
    """What comes on standard input, in pieces; an asynchronous iterator."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()

    async def receive(self) -> bytes:
        """Return the next piece; ``b""`` at the end.

        A cancelled call loses nothing.
        """
        await self._readable()
        return os.read(self._descriptor, _BLOCK)

    async def _readable(self) -> None:
        if sys.platform == "win32":  # pragma: no cover - only sockets can be waited for there
            return
        try:
            await anyio.wait_readable(self._descriptor)
        except (PermissionError, ValueError):
            await anyio.lowlevel.checkpoint()  # a file can always be read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self.receive()
        if not data:
            raise StopAsyncIteration
        return data


class Lines:
    """The lines of standard input, without their ends; an asynchronous iterator."""

    def __init__(self, source: StandardInput) -> None:
        self._source = source
        self._pending = b""
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while b"\n" not in self._pending and not self._ended:
            data = await self._source.receive()
            self._pending += data
            self._ended = not data
        if not self._pending:
            raise StopAsyncIteration
        line, _, self._pending = self._pending.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "replace")
