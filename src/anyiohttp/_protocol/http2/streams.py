"""The books of each stream and of the connection: windows, lengths, what came and what is to go.

Knows: flow control (RFC 9113 5.2), how long a body says it is, how much of what nobody needs a peer
may send.
Must not know: how frames are written, tasks, clocks. Times are passed in.
Called by: ``engine``; ``exchange`` takes what has come.

Two windows bound what a peer may send. A stream's is given back *as the user reads*, so that a slow
reader holds no more than it; the connection's is given back *as data arrives*, so that what one
stream holds, or left behind when it was cancelled, keeps no other stream waiting. Memory is bounded
all the same: by the sum of the streams' windows, which begin small and grow only from a common
allowance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..base import MessageLimits, RawHeaders, ResponseHead

__all__ = (
    "CONNECTION_WINDOW",
    "FIRST_WINDOW",
    "Budget",
    "Failure",
    "GrowingWindow",
    "SharedWindow",
    "Stream",
    "Waiter",
)

#: What each stream may be sent before its reader has read any of it.
FIRST_WINDOW = 256 * 1024
#: What it may grow to.
LARGEST_WINDOW = 8 * 1024 * 1024
#: How much the windows of one connection's streams may grow, all together.
ALLOWANCE = 32 * 1024 * 1024
#: The connection's own: no stream can come up against it before its own window.
CONNECTION_WINDOW = 16 * 1024 * 1024

#: A piece shorter than this is joined to the one before: a thousand pieces of one byte should not
#: cost a thousand times a piece.
_SHORT = 512


class SharedWindow:
    """The connection's window for what arrives: given back at once.

    Args:
        size: how much may be on its way.
    """

    __slots__ = ("_arrived", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._arrived = 0

    def arrived(self, count: int) -> int | None:
        """Note bytes; return how many to give back now, ``None`` if they were too many."""
        self._arrived += count
        if self._arrived > self._size:
            return None
        if self._arrived * 2 < self._size:
            return 0
        count, self._arrived = self._arrived, 0
        return count


class Allowance:
    """How much the windows of a connection's streams may still grow."""

    __slots__ = ("left",)

    def __init__(self, size: int = ALLOWANCE) -> None:
        self.left = size


class GrowingWindow:
    """A stream's window for what arrives: given back as it is read, and grown as needed.

    A window is too small when its sender must wait for it. The sender can use up a window once in
    each round trip; so if half of it was used up within one, the window holds the sender up, or
    will soon, and is doubled. A reader that takes longer than that is the one that holds it up.

    Args:
        allowance: what growing takes from.
        size: what the peer was told.
    """

    __slots__ = ("_allowance", "_left", "_read", "_since", "_size", "_start")

    def __init__(self, allowance: Allowance, size: int = FIRST_WINDOW) -> None:
        self._allowance = allowance
        self._start = self._size = self._left = size
        self._read = 0
        self._since = 0.0

    @property
    def size(self) -> int:
        """How many bytes it lets the peer send unread."""
        return self._size

    @property
    def exhausted(self) -> bool:
        """Whether the peer may not send any more."""
        return self._left <= 0

    def arrived(self, count: int) -> bool:
        """Note bytes; return whether they were allowed."""
        self._left -= count
        return self._left >= 0

    def read(self, count: int, now: float, round_trip: float) -> int:
        """Note that bytes were read; return how many more to allow the peer now.

        Args:
            count: how many.
            now: the time.
            round_trip: how long a message and its answer take; 0 if it is not known.
        """
        self._read += count
        if self._read * 2 < self._size:
            return 0
        count, self._read = self._read, 0
        if now - self._since <= round_trip:
            grown = min(self._size, LARGEST_WINDOW - self._size, self._allowance.left)
            self._allowance.left -= grown
            self._size += grown
            count += grown
        self._since = now
        self._left += count
        return count

    def extend(self) -> int:
        """Let the peer send more although nothing was read; return how much, 0 if it is enough."""
        grown = min(self._size, LARGEST_WINDOW - self._size, self._allowance.left)
        self._allowance.left -= grown
        self._size += grown
        self._left += grown
        return grown

    def close(self) -> None:
        """Give back what growing took."""
        self._allowance.left += self._size - self._start
        self._start = self._size


class Budget:
    """How much a peer may send that gets nobody further, such as PING and SETTINGS frames.

    Each costs one. There is a store of them, which fills up again slowly; what does get somebody
    further gives some back.

    Args:
        size: the store.
        rate: by how much it fills up in a second.
    """

    __slots__ = ("_left", "_rate", "_seen", "_size")

    def __init__(self, size: int = 5000, rate: float = 10) -> None:
        self._size = size
        self._rate = rate
        self._left = float(size)
        self._seen: float | None = None

    def spend(self, now: float) -> bool:
        """Take one; return whether there was one."""
        if self._seen is not None:
            self._left = min(self._size, self._left + (now - self._seen) * self._rate)
        self._seen = now
        self._left -= 1
        return self._left >= 0

    def earn(self, count: int = 1) -> None:
        """Give back so many."""
        if self._left < self._size:
            self._left = min(self._size, self._left + count)


@dataclass(slots=True)
class Failure:
    """Why a stream came to nothing.

    Args:
        reason: in words that follow the peer's name.
        malformed: whether what came was not HTTP.
        unprocessed: whether the peer is known to have done nothing with the request.
        lost: whether the connection was lost, not this stream alone.
        cause: the exception that ended the connection, if one did.
        upload: what the request's body raised, if that is why.
        closed_here: whether the connection was closed on our side.
    """

    reason: str
    malformed: bool = False
    unprocessed: bool = False
    lost: bool = False
    cause: Exception | None = None
    upload: Exception | None = None
    closed_here: bool = False


class Waiter:
    """Somebody who waits for something to happen.

    Attributes:
        signalled: whether it has happened since this was last set to ``False``.
        wake: called when it happens; set while a task sleeps.
    """

    __slots__ = ("signalled", "wake")

    def __init__(self) -> None:
        self.signalled = False
        self.wake: Callable[[], object] | None = None

    def signal(self) -> None:
        """Say that something has happened."""
        self.signalled = True
        if self.wake is not None:
            self.wake()


class Stream:
    """One request and its response.

    Args:
        number: the stream's.
        method: the request's.
        limits: of the response's head.
        window: for what arrives.

    Attributes:
        reader: told when something of the response has come, or never will.
        writer: told when `outgoing` has gone, or never will.
        head: the final response's head.
        trailers: what came after the body.
        shown: whether ``h2`` was told of the head.
        continued: whether 100 (Continue) has come.
        heard: whether anything of a response has.
        informational: how many 1xx have come.
        left: how many bytes of the body are still to come, if it said.
        without_body: whether no byte of a body may come.
        tunnel: whether the response opened a tunnel (CONNECT).
        outgoing: what is to go out next.
        finished: whether nothing follows `outgoing`.
        local_ended: whether we have said that nothing follows.
        remote_ended: whether the peer has.
        closed: whether the stream is over.
        failure: why it came to nothing.
    """

    __slots__ = (
        "_buffered",
        "_chunks",
        "closed",
        "continued",
        "failure",
        "finished",
        "head",
        "heard",
        "informational",
        "left",
        "limits",
        "local_ended",
        "method",
        "number",
        "outgoing",
        "reader",
        "remote_ended",
        "shown",
        "trailers",
        "tunnel",
        "window",
        "without_body",
        "writer",
    )

    def __init__(
        self, number: int, method: str, limits: MessageLimits, window: GrowingWindow
    ) -> None:
        self.number = number
        self.method = method
        self.limits = limits
        self.window = window
        self.reader = Waiter()
        self.writer = Waiter()
        self.head: ResponseHead | None = None
        self.trailers: RawHeaders = ()
        self.shown = False
        self.continued = False
        self.heard = False
        self.informational = 0
        self.left: int | None = None
        self.without_body = False
        self.tunnel = False
        self.outgoing = memoryview(b"")
        self.finished = False
        self.local_ended = False
        self.remote_ended = False
        self.closed = False
        self.failure: Failure | None = None
        self._chunks: deque[bytes | bytearray] = deque()
        self._buffered = 0

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Stream {self.number} {state} {self.method} buffered={self._buffered}>"

    @property
    def buffered(self) -> int:
        """How many bytes of the body have come and were not read."""
        return self._buffered

    def signal(self) -> None:
        """Tell everybody that something has happened."""
        self.reader.signal()
        self.writer.signal()

    def put(self, data: bytes) -> None:
        """Keep bytes of the body that have come."""
        self._buffered += len(data)
        chunks = self._chunks
        if len(data) < _SHORT and chunks:
            last = chunks[-1]
            if len(last) < _SHORT * 16:
                if not isinstance(last, bytearray):
                    last = chunks[-1] = bytearray(last)
                last += data
                return
        chunks.append(data)

    def take(self, max_bytes: int) -> bytes:
        """Return bytes of the body that have come, at most ``max_bytes``; ``b""`` if none have."""
        chunks = self._chunks
        if not chunks:
            return b""
        if len(chunks) == 1 and self._buffered <= max_bytes:
            data = bytes(chunks.popleft())
        elif self._buffered <= max_bytes:
            data = b"".join(chunks)
            chunks.clear()
        else:
            data = self._take_some(max_bytes)
        self._buffered -= len(data)
        return data

    def _take_some(self, max_bytes: int) -> bytes:
        chunks = self._chunks
        parts = [chunks.popleft()]
        size = len(parts[0])
        while chunks and size + len(chunks[0]) <= max_bytes:
            parts.append(chunks.popleft())
            size += len(parts[-1])
        data = b"".join(parts)
        if size > max_bytes:
            chunks.appendleft(data[max_bytes:])
            data = data[:max_bytes]
        return data

    def discard(self) -> None:
        """Forget what was not read."""
        self._chunks.clear()
        self._buffered = 0

    def take_in(self, payload: bytes, size: int, *, ends: bool) -> str | None:
        """Take a DATA frame; return what is wrong with it.

        Args:
            payload: what it carries.
            size: that and its padding.
            ends: whether nothing follows.
        """
        wrong = None
        if not self.window.arrived(size):
            wrong = "sent more than the window allows"
        elif self.remote_ended:
            wrong = "sent data after the end"
        elif self.head is None:
            wrong = "sent a body before its head"
        wrong = wrong or self._count(len(payload))
        if ends and not wrong:
            wrong = self.end()
        if not wrong and payload:
            self.put(payload)
        return wrong

    def _count(self, size: int) -> str | None:
        """Hold ``size`` more bytes of the body against what it said; return what is wrong."""
        if self.without_body and size:
            return "sent a body where none can be"
        if self.left is not None:
            self.left -= size
            if self.left < 0:
                return "sent more bytes than its Content-Length"
        return None

    def end(self) -> str | None:
        """Note that nothing more comes; return what is wrong with that."""
        if self.left:
            return f"ended the body {self.left} bytes before its Content-Length"
        self.remote_ended = True
        return None
