"""Byte streams that can be tried without waiting, and closed without waiting.

Knows: anyio's stream interface, sockets, readiness.
Must not know: TLS, HTTP, who uses the stream and for how long.
Called by: `tls` (which stacks on any of them), the dialers of ``_connect``, the connections of
``_protocol``, and `anyiohttp.testing`, whose network in memory is one more `NetworkStream`.

anyio's own socket stream keeps bytes in a queue between the kernel and us and pauses reading
between waits. A pooled connection of that kind cannot tell whether its peer has closed it, or sent
bytes nobody asked for. `SocketStream` therefore reads the socket itself, waits with anyio's
`wait_readable` and `wait_writable`, and has nothing buffered: what the kernel says is the whole
truth. Every `NetworkStream` is an anyio ``ByteStream`` with four things more:

* ``receive_nowait`` and ``try_send``: the fast path, and the check-out probe;
* ``flush``: wait until what ``try_send`` could not pass on is on its way;
* ``abort``: close at once, synchronously, from any task or thread.

Cancellation: a cancelled ``receive`` has lost nothing. A cancelled ``send`` or ``flush`` may have
sent a part, and the stream keeps the rest: it can be flushed again, or aborted, and nothing else
may be sent before.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.lowlevel import (
    cancel_shielded_checkpoint,
    checkpoint,
    checkpoint_if_cancelled,
)

__all__ = ("NOTHING", "DeadlinePassed", "NetworkStream", "SendStalled", "SocketStream")

#: As much as one read takes from the kernel. Above 64 KiB a read costs little more CPU, and saves
#: a wake-up (measured on loopback).
MAX_READ = 256 * 1024

#: Windows has none.
_HAS_POLL = hasattr(select, "poll")

# glibc gives a block above a threshold fresh pages, which the kernel zeroes, and takes them back
# when it is freed: for a read of this size that costs more than the read. The threshold rises to
# the size of such a block when it is freed; but a read is cut to what has come, and so never makes
# it rise far enough. A larger block does, once, without being touched.
bytes(4 * MAX_READ)

#: After so many bytes sent without a wait, a send lets other tasks run.
_SENDS_BEFORE_YIELD = 256 * 1024


class DeadlinePassed(Exception):
    """A stream's wait has come to its deadline."""


class SendStalled(Exception):
    """What `NetworkStream.send_soon` was given could not be sent at once, or not at all.

    `NetworkStream.flush` goes on with it, and says what failed.
    """


class NetworkStream(ByteStream):
    """A byte stream to a peer that can be tried, flushed and aborted."""

    @abstractmethod
    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        """Return what has arrived, at most ``max_bytes`` bytes.

        Raises:
            anyio.WouldBlock: nothing has arrived.
            anyio.EndOfStream: the peer has ended its side.
        """

    @abstractmethod
    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        """Send without waiting; what did not go is kept for `flush`.

        Returns:
            Whether everything went. If not, `flush` must be awaited before anything else is sent.
        """

    def send_soon(self, data: bytes) -> bool:
        """Send at the end of the event loop's turn, together with what other tasks send.

        It is for who calls `receive_before` next, without any wait in between. If not all could be
        sent then, that raises `SendStalled` before it returns anything, and `flush` must be
        awaited. So who has received something knows that all has gone, or nothing (`held`).

        Returns and raises: as `try_send`.
        """
        return self.try_send(data)

    @property
    def held(self) -> bool:
        """Whether nothing of what `send_soon` was given has gone yet: what came is no answer."""
        return False

    @abstractmethod
    async def flush(self) -> None:
        """Wait until everything that was given to `try_send` has gone.

        Cancelled, it can be called again.
        """

    @abstractmethod
    def abort(self) -> None:
        """Close at once, without a goodbye; safe to call twice and from anywhere."""

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        """Return what arrives next, as ``receive`` does, or give up at ``deadline``.

        A stream that can wait for its own deadline overrides this: a cancel scope round every read
        is what costs most on a fast connection.

        Args:
            deadline: on the event loop's clock; infinity for none.
            max_bytes: at most so many bytes.

        Raises:
            DeadlinePassed: nothing came in time; nothing is lost.
        """
        if deadline == math.inf:
            return await self.receive(max_bytes)
        with anyio.CancelScope(deadline=deadline):
            return await self.receive(max_bytes)
        raise DeadlinePassed

    @property
    def wakes(self) -> bool:
        """Whether `wake` is there."""
        return False

    def wake(self) -> None:
        """End the ``receive_before`` of another task as its deadline would; nothing is lost.

        A stream that can wait for its own deadline has it: it needs no cancel scope for this
        either.
        """
        raise NotImplementedError

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken with the peer."""
        return False

    @property
    def alpn_protocol(self) -> str | None:
        """What TLS has agreed upon with the peer (RFC 7301); ``None`` if nothing."""
        return None

    @property
    def silent(self) -> bool:
        """Whether it is known, without reading, that nothing has come: neither bytes nor an end.

        ``False`` means that it is not known.
        """
        return False

    @property
    def quiet(self) -> bool:
        """Whether the peer has neither ended its side nor sent anything: fit to be used again."""
        if self.silent:
            return True
        try:
            self.receive_nowait(1)
        except anyio.WouldBlock:
            return True
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return False
        except (OSError, ssl.SSLError):
            return False
        return False

    async def send(self, item: bytes) -> None:
        """Send all of ``item`` (anyio's ``ByteStream.send``)."""
        if not self.try_send(item):
            await self.flush()

    async def send_eof(self) -> None:
        """Not used by HTTP: a client that half-closes looks like one that has gone."""
        raise NotImplementedError("half-closing is not supported")


#: One for all: thousands of idle connections have nothing to send.
NOTHING = memoryview(b"")


class SocketStream(NetworkStream):
    """A connected TCP or unix socket, on any event loop.

    Args:
        sock: connected and non-blocking; the stream owns it from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._recv = sock.recv
        self._send = sock.send
        self._unsent = NOTHING
        self._sent_since_yield = 0
        self._kept = b""  # was in the hands of a wait that was cancelled
        self._closed = False
        self._held = False  # what is unsent waits for the end of the loop's turn
        self._stalled = False  # what was held could not be sent at once
        self._answering = False  # nothing was received since something was sent
        self._poller: select.poll | None = None

    def __repr__(self) -> str:
        return f"<SocketStream {'closed' if self._closed else self._socket}>"

    @property
    def silent(self) -> bool:
        if self._closed or self._kept or not _HAS_POLL:
            return False
        # Asks the same of the kernel as a read would, without the price of two exceptions.
        poller = self._poller
        if poller is None:
            poller = self._poller = select.poll()
            poller.register(self._socket, select.POLLIN)
        return not poller.poll(0)

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._kept:
            data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
            return data
        try:
            data = self._recv(max_bytes)
        except (BlockingIOError, InterruptedError):
            raise anyio.WouldBlock from None
        if not data:
            raise anyio.EndOfStream
        return data

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        if not self._answering or self._kept:
            # A stream that always has data must still let timeouts and other tasks in, and must
            # not lose what it has read to a cancellation: check before, yield after.
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
        # What was just asked for has hardly been answered yet.
        self._answering = False
        if self._closed:
            raise anyio.ClosedResourceError
        while True:
            await self._readable()
            try:
                return self.receive_nowait(max_bytes)
            except anyio.WouldBlock:
                continue

    async def _readable(self) -> None:
        await anyio.wait_readable(self._socket)

    async def _writable(self) -> None:
        await anyio.wait_writable(self._socket)

    def _wake(self) -> None:
        """Wake whoever waits for this socket, with ``ClosedResourceError``."""
        try:
            anyio.notify_closing(self._socket)
        except RuntimeError:
            pass  # outside an event loop nobody can be waiting

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._unsent:
            return self._send_after_held(data)
        self._answering = True
        try:
            count = self._send(data)
        except (BlockingIOError, InterruptedError):
            count = 0
        self._sent_since_yield += count
        if count == len(data) and self._sent_since_yield < _SENDS_BEFORE_YIELD:
            return True
        # Not a view of nothing: it would hold all that was sent, as long as the stream is kept.
        self._unsent = memoryview(data)[count:] or NOTHING
        return False

    def _hold(self, data: bytes) -> None:
        """Keep what is to be sent at the end of the turn."""
        if self._closed:
            raise anyio.ClosedResourceError
        if self._unsent:
            raise anyio.BusyResourceError("writing to")
        self._unsent = memoryview(data)
        self._held = self._answering = True

    def send_held(self) -> None:
        """Send what `send_soon` has kept; who waits for the answer is told if it does not go."""
        if not self._held:
            return
        self._held = False
        try:
            count = self._send(self._unsent)
        except OSError:
            count = 0  # `flush` will find out, too
        if count == len(self._unsent):
            self._unsent = NOTHING
        else:
            self._unsent = self._unsent[count:]
            self._stall()

    @property
    def held(self) -> bool:
        return self._held

    def _stall(self) -> None:
        """What was held has not gone: have `receive_before` say so."""
        self._stalled = True

    def _say_stalled(self, data: bytes = b"") -> NoReturn:
        """Say that what was held has not gone, before anything that came meanwhile is returned.

        Args:
            data: that; it is kept for the next read.
        """
        self._stalled = False
        self._kept = data + self._kept
        raise SendStalled

    def _send_after_held(self, data: bytes | bytearray | memoryview) -> bool:
        """Send what is held, and ``data`` behind it (records that TLS makes of its own)."""
        if not (self._held or self._stalled):
            raise anyio.BusyResourceError("writing to")
        self.send_held()
        if not self._unsent:
            return self.try_send(data)
        self._unsent = memoryview(bytes(self._unsent) + bytes(data))
        return False

    async def flush(self) -> None:
        self._held = self._stalled = False
        self._sent_since_yield = 0
        if not self._unsent:
            await checkpoint()
            return
        while self._unsent:
            await self._writable()
            if self._closed:
                raise anyio.ClosedResourceError
            try:
                count = self._send(self._unsent)
            except (BlockingIOError, InterruptedError):
                continue
            self._unsent = self._unsent[count:] or NOTHING

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._held = False
        self._unsent = NOTHING
        self._wake()
        self._socket.close()

    async def aclose(self) -> None:
        self.abort()
        await checkpoint()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        attributes: dict[Any, Callable[[], Any]] = {
            SocketAttribute.family: lambda: self._socket.family,
            SocketAttribute.local_address: self._socket.getsockname,
            SocketAttribute.raw_socket: lambda: self._socket,
            SocketAttribute.remote_address: self._socket.getpeername,
        }
        if self._socket.family in (socket.AF_INET, socket.AF_INET6):
            attributes[SocketAttribute.local_port] = lambda: self._socket.getsockname()[1]
            attributes[SocketAttribute.remote_port] = lambda: self._socket.getpeername()[1]
        return attributes
