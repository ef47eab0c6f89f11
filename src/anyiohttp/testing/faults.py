"""What may go wrong on a connection, as a value, and the stream that makes it happen.

Knows: byte positions, ends, resets, stalls, garbage.
Must not know: HTTP, who listens where.
Called by: `network`, which puts a `FaultyStream` on the peer's end of a connection.

Positions are exact and nothing depends on time (unless ``drip`` asks for it): a piece is sent when
the client has taken the one before. So a response can be broken off at each of its bytes in turn,
and a failure comes again with the same numbers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import anyio

from .._net.streams import MAX_READ, NetworkStream
from .streams import MemoryStream

__all__ = ("NO_FAULTS", "Faults", "FaultyStream")


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong in one direction of a connection, and after how many bytes.

    A fault at ``k`` comes as soon as ``k`` bytes have passed; at 0, when the first byte is about
    to (so after the peer has read a request, not as it accepts). When several meet in one place,
    the garbage comes first.

    Args:
        split: after which bytes a piece ends; ``True`` after each. The receiver sees each piece
            on its own: the next is sent when it has taken the one before.
        drip: seconds between two pieces; with nothing in ``split``, pieces of one byte. The only
            fault that takes real time.
        end_at: the peer closes the connection.
        reset_at: the peer resets the connection.
        stall_at: nothing more passes, and nothing ends.
        garbage_at: here ``garbage`` is sent, which counts for no position.
        garbage: what is sent there.
        overwrite: whether the garbage takes the place of as many bytes, or comes between.
        layer: where positions are counted. ``"wire"`` is below TLS: records, handshake included.
            ``"plaintext"`` is inside TLS. Without TLS, both are the same.
        goodbye: whether an end inside TLS is announced with close_notify.
    """

    split: bool | Collection[int] = False
    drip: float | None = None
    end_at: int | None = None
    reset_at: int | None = None
    stall_at: int | None = None
    garbage_at: int | None = None
    garbage: bytes = b"\x00\xff garbage \r\n"
    overwrite: bool = False
    layer: Literal["wire", "plaintext"] = "wire"
    goodbye: bool = True

    def __bool__(self) -> bool:
        """Whether anything goes wrong at all."""
        places = (self.end_at, self.reset_at, self.stall_at, self.garbage_at)
        return bool(self.split) or self.drip is not None or any(k is not None for k in places)

    @property
    def bytewise(self) -> bool:
        """Whether each byte is a piece of its own."""
        return self.split is True or (self.drip is not None and not self.split)

    def next_place(self, position: int) -> int | None:
        """Return the next position after ``position`` at which something happens."""
        if self.bytewise:
            return position + 1
        places = {self.end_at, self.reset_at, self.stall_at, self.garbage_at}
        places |= set(self.split if not isinstance(self.split, bool) else ())
        return min((k for k in places if k is not None and k > position), default=None)

    def splits_at(self, position: int) -> bool:
        """Whether a piece ends here."""
        if isinstance(self.split, bool) or not self.split:
            return self.bytewise
        return position in self.split


#: Nothing goes wrong.
NO_FAULTS = Faults()


class FaultyStream(NetworkStream):
    """The peer's end of a connection, on which things go wrong.

    Args:
        stream: what is sent and received through: the transport, or TLS over it.
        transport: the end in memory below all layers.
        sending: what goes wrong on the way to the client.
        receiving: what goes wrong with what the client sends: positions count what the peer reads.
            A stalled peer reads no more, so that a client that sends much finds the buffers full.
    """

    def __init__(
        self,
        stream: NetworkStream,
        transport: MemoryStream,
        sending: Faults = NO_FAULTS,
        receiving: Faults = NO_FAULTS,
    ) -> None:
        self._stream = stream
        self._transport = transport
        self._sending = sending
        self._receiving = receiving
        self._unsent = memoryview(b"")
        self._sent = 0
        self._received = 0
        self._due = True  # what happens where sending has come to, has not happened yet
        self._in_gap = False  # a piece has ended: the next waits until the client has taken it
        self._garbage_left = sending.garbage if sending.garbage_at is not None else b""
        self._stalled = False
        self._saying_goodbye = False

    def __repr__(self) -> str:
        return f"<FaultyStream after {self._sent} bytes sent, {self._received} received>"

    # --- sending ---

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        if self._unsent:
            raise anyio.BusyResourceError("writing to")
        if not self._sending:
            return self._stream.try_send(data)
        self._unsent = memoryview(bytes(data))
        return self._push()

    async def flush(self) -> None:
        while True:
            await self._stream.flush()
            if self._saying_goodbye:
                await self._stream.aclose()
                raise anyio.BrokenResourceError from _os_error(errno.EPIPE)
            if self._stalled and self._unsent:
                await self._transport.wait_gone()
                raise anyio.BrokenResourceError from _os_error(errno.EPIPE)
            if self._in_gap and self._unsent:
                await self._transport.wait_taken()
                if self._sending.drip is not None:
                    await anyio.sleep(self._sending.drip)
                self._in_gap = False
            if self._push():
                return

    def _push(self) -> bool:
        """Send as much as may go without waiting. Returns whether everything went."""
        while True:
            if self._due and not self._happens():
                return False
            if not self._unsent:
                return True
            if self._stalled or self._in_gap:
                return False
            place = self._sending.next_place(self._sent)
            size = len(self._unsent)
            count = size if place is None else min(place - self._sent, size)
            piece, self._unsent = self._unsent[:count], self._unsent[count:]
            self._sent += count
            self._due = True
            if not self._stream.try_send(piece):
                return False

    def _happens(self) -> bool:
        """Let happen what is due where sending has come to. Returns whether it may go on."""
        self._due = False
        faults, position, clear = self._sending, self._sent, True
        self._in_gap = position > 0 and faults.splits_at(position)
        if position == faults.garbage_at and self._garbage_left:
            garbage, self._garbage_left = self._garbage_left, b""
            if faults.overwrite:
                skipped = min(len(garbage), len(self._unsent))
                self._sent += skipped
                self._unsent = self._unsent[skipped:]
            clear = self._stream.try_send(garbage)
        if position in (faults.reset_at, faults.end_at):
            self._unsent = memoryview(b"")  # whoever sends after this is not told to wait
        if position == faults.reset_at:
            self._transport.reset()
            raise anyio.BrokenResourceError from _os_error(errno.ECONNRESET)
        if position == faults.end_at:
            if self._stream is self._transport or not faults.goodbye:
                self._transport.abort()
                raise anyio.BrokenResourceError from _os_error(errno.EPIPE)
            self._saying_goodbye = True
            return False
        self._stalled = self._stalled or position == faults.stall_at
        return clear

    # --- receiving ---

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        if not self._receiving:
            return self._stream.receive_nowait(max_bytes)
        self._break_off()
        if self._received == self._receiving.stall_at:
            raise anyio.WouldBlock
        return self._counted(self._stream.receive_nowait(self._allowed(max_bytes)))

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        if not self._receiving:
            return await self._stream.receive(max_bytes)
        self._break_off()
        if self._received == self._receiving.stall_at:
            await self._transport.wait_gone()
            raise anyio.EndOfStream
        if self._receiving.drip is not None:
            await anyio.sleep(self._receiving.drip)
        return self._counted(await self._stream.receive(self._allowed(max_bytes)))

    def _allowed(self, max_bytes: int) -> int:
        place = self._receiving.next_place(self._received)
        return max_bytes if place is None else min(max_bytes, place - self._received)

    def _counted(self, data: bytes) -> bytes:
        self._received += len(data)
        self._break_off()
        return data

    def _break_off(self) -> None:
        """End or reset the connection if that is due."""
        if self._received == self._receiving.reset_at:
            self._transport.reset()
            raise anyio.BrokenResourceError from _os_error(errno.ECONNRESET)
        if self._received == self._receiving.end_at:
            self._transport.abort()
            raise anyio.EndOfStream

    # --- ending ---

    def abort(self) -> None:
        self._stream.abort()

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def encrypted(self) -> bool:
        return self._stream.encrypted

    @property
    def alpn_protocol(self) -> str | None:
        return self._stream.alpn_protocol

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
