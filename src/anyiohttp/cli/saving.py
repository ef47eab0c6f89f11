"""A response's body in the file that was named, or whatever else there is under that name.

Knows: files, links, named pipes.
Must not know: the options' syntax, what else is shown of a response.
Called by: `sending`.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Literal

import anyio

from .. import ClientResponse

__all__ = ("save",)

_BLOCK = 64 * 1024
#: Seconds between two looks whether somebody reads a named pipe: nothing tells.
_LOOK_EVERY = 0.05


async def save(response: ClientResponse, output: Path) -> int:
    """Write the body to a file, which appears under its name when it is complete.

    A link stays one: its target is written. A file that is replaced passes its permissions on. What
    is no file (``/dev/null``, a named pipe) is written to.

    Returns:
        How many bytes there were.
    """
    named = anyio.Path(output)
    try:
        # By its own name: the kernel does not follow what a stranger has put into /tmp.
        before = (await named.stat()).st_mode
    except FileNotFoundError:
        before = None
    if before is not None and stat.S_ISFIFO(before):
        return await _write_to_pipe(response, output)
    if before is not None and not stat.S_ISREG(before):
        return await _write_to(response, named, "wb")
    target = await named.resolve()
    # Of a name that nobody else uses, least of all a download that is to be gone on with.
    partial = target.with_name(f".{target.name[:50]}.{token_hex(4)}")
    try:
        total = await _write_to(response, partial, "xb", before)
        await partial.replace(target)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await partial.unlink(missing_ok=True)
        raise
    return total


async def _write_to(
    response: ClientResponse, path: anyio.Path, mode: Literal["wb", "xb"], before: int | None = None
) -> int:
    total = 0
    async with await path.open(mode) as file:
        if before is not None:
            await path.chmod(stat.S_IMODE(before))
        async for data in response.content.iter_chunked(_BLOCK):
            total += await file.write(data)
    return total


async def _write_to_pipe(response: ClientResponse, path: Path) -> int:
    """Write to a named pipe, without a thread: one that waits for a reader would outlive Ctrl-C."""
    total = 0
    pipe = await _open_pipe(path)
    try:
        async for data in response.content.iter_any():
            rest = memoryview(data)
            while rest:
                await anyio.wait_writable(pipe)
                with suppress(BlockingIOError):
                    rest = rest[os.write(pipe, rest) :]
            total += len(data)
    finally:
        os.close(pipe)
    return total


async def _open_pipe(path: Path) -> int:
    """Open a named pipe as soon as somebody reads it."""
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as exc:
            if exc.errno != errno.ENXIO:  # nobody reads it yet
                raise
        await anyio.sleep(_LOOK_EVERY)
