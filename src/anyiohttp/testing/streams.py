"""A pair of streams joined in memory: a network without a network.

Knows: what a `NetworkStream` promises, and what ends, resets and full buffers look like.
Must not know: HTTP, TLS, who plays which part.
Called by: tests of this library and of its users, in place of connected sockets.

Each direction is a `_Pipe`: a bounded buffer and how it ended. It behaves as a socket does where
that can be seen: what was sent before an end or a reset can still be read; sending to a peer that
has gone fails; a full buffer makes the sender wait. Nothing depends on time or on the kernel, so a
test that passes once passes always.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled

from .._net.streams import MAX_READ, NetworkStream

__all__ = ("MemoryStream", "memory_stream_pair")

#: What a socket's buffers hold, roughly.
DEFAULT_CAPACITY = 64 * 1024


class _Ending(Enum):
    """How a writer finished."""

    END = "end"
    RESET = "reset"


class _Pipe:
    """One direction: bytes on their way from a writer to a reader.

    Args:
        capacity: how many bytes may be on their way.

    Attributes:
        ending: how the writer finished, once it has.
        abandoned: whether the reader has gone.
    """

    __slots__ = ("_buffer", "_capacity", "_readable", "_writable", "abandoned", "ending")

    def __init__(self, capacity: int) -> None:
        self._buffer = bytearray()
        self._capacity = capacity
        self._readable: anyio.Event | None = None
        self._writable: anyio.Event | None = None
        self.ending: _Ending | None = None
        self.abandoned = False

    @property
    def holds_bytes(self) -> bool:
        return bool(self._buffer)

    def write(self, data: memoryview) -> int:
        """Take as much of ``data`` as there is room for; return how much that was."""
        count = min(len(data), self._capacity - len(self._buffer))
        if count:
            self._buffer += data[:count]
            self._wake_reader()
        return count

    def read(self, max_bytes: int) -> bytes:
        data = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        self._wake_writer()
        return data

    def finish(self, ending: _Ending) -> None:
        """The writer writes no more."""
        if self.ending is None:
            self.ending = ending
            self._wake_reader()
            self._wake_writer()

    def abandon(self) -> None:
        """The reader reads no more; what is on its way is lost."""
        self.abandoned = True
        self._buffer.clear()
        self._wake_writer()
        self._wake_reader()

    async def wait_readable(self) -> None:
        """Wait until something may have changed for the reader."""
        if self._readable is not None:
            raise anyio.BusyResourceError("reading from")
        self._readable = readable = anyio.Event()
        try:
            await readable.wait()
        finally:
            self._readable = None

    async def wait_writable(self) -> None:
        """Wait until something may have changed for the writer."""
        if self._writable is not None:
            raise anyio.BusyResourceError("writing to")
        self._writable = writable = anyio.Event()
        try:
            await writable.wait()
        finally:
            self._writable = None

    def _wake_reader(self) -> None:
        if self._readable is not None:
            self._readable.set()

    def _wake_writer(self) -> None:
        if self._writable is not None:
            self._writable.set()


class MemoryStream(NetworkStream):
    """One end of a pair; made by `memory_stream_pair`.

    One task may read and one may write at a time. A cancelled ``receive`` has lost nothing.
    """

    def __init__(self, incoming: _Pipe, outgoing: _Pipe, name: str) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._name = name
        self._unsent = memoryview(b"")
        self._kept = b""  # was in the hands of a wait that was cancelled
        self._closed = False

    def __repr__(self) -> str:
        return f"<MemoryStream {self._name}{' closed' if self._closed else ''}>"

    @property
    def closed(self) -> bool:
        """Whether this end was closed, aborted or reset."""
        return self._closed

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._kept:
            data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
            return data
        incoming = self._incoming
        if incoming.holds_bytes:
            return incoming.read(max_bytes)
        if incoming.ending is _Ending.RESET:
            raise anyio.BrokenResourceError from _os_error(errno.ECONNRESET)
        if incoming.ending is _Ending.END:
            raise anyio.EndOfStream
        raise anyio.WouldBlock

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        await checkpoint_if_cancelled()
        try:
            data = self.receive_nowait(max_bytes)
        except anyio.WouldBlock:
            pass
        else:
            try:
                await cancel_shielded_checkpoint()
            except BaseException:  # asyncio's own cancellation passes through the shield
                self._kept = data + self._kept
                raise
            return data
        while True:
            await self._incoming.wait_readable()
            try:
                return self.receive_nowait(max_bytes)
            except anyio.WouldBlock:
                continue

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        if self._unsent:
            raise anyio.BusyResourceError("writing to")
        self._check_writable()
        view = memoryview(bytes(data))
        self._unsent = view[self._outgoing.write(view) :]
        return not self._unsent

    async def flush(self) -> None:
        if not self._unsent:
            await checkpoint()
            return
        while self._unsent:
            self._unsent = self._unsent[self._outgoing.write(self._unsent) :]
            if self._unsent:
                await self._outgoing.wait_writable()
                self._check_writable()

    async def wait_taken(self) -> None:
        """Wait until the peer has read everything that was sent, or has gone."""
        outgoing = self._outgoing
        if not outgoing.holds_bytes:
            await checkpoint()
        while outgoing.holds_bytes and not outgoing.abandoned and not self._closed:
            await outgoing.wait_writable()

    async def wait_gone(self) -> None:
        """Wait until the peer has closed its end, reset it, or this end was closed.

        Unlike a read, it leaves what the peer sent where it is.
        """
        while not (self._closed or self._outgoing.abandoned):
            await self._outgoing.wait_writable()
        await checkpoint()

    @property
    def all_taken(self) -> bool:
        """Whether the peer has read everything that was sent."""
        return not self._outgoing.holds_bytes

    def end(self) -> None:
        """Send no more: the peer sees an end after what was sent. Receiving goes on."""
        self._outgoing.finish(_Ending.END)

    def reset(self) -> None:
        """Close as a crashed process does: the peer sees a reset after what was sent."""
        self._outgoing.finish(_Ending.RESET)
        self.abort()

    def abort(self) -> None:
        self._closed = True
        self._unsent = memoryview(b"")
        self._outgoing.finish(_Ending.END)
        self._incoming.abandon()

    async def aclose(self) -> None:
        self.abort()
        await checkpoint()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """Nothing: there is no socket, no address, no TLS."""
        return {}

    def _check_writable(self) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._incoming.ending is _Ending.RESET:
            raise anyio.BrokenResourceError from _os_error(errno.ECONNRESET)
        if self._outgoing.abandoned or self._outgoing.ending is not None:
            raise anyio.BrokenResourceError from _os_error(errno.EPIPE)


def memory_stream_pair(
    capacity: int = DEFAULT_CAPACITY, *, names: tuple[str, str] = ("client", "server")
) -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a connection in memory.

    Args:
        capacity: how many bytes each direction holds before its sender must wait.
        names: what the ends are called in their ``repr``.
    """
    there, back = _Pipe(capacity), _Pipe(capacity)
    return MemoryStream(back, there, names[0]), MemoryStream(there, back, names[1])


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
