"""Where a `StreamReader` has its bytes from.

Knows: how to pull coded bytes from below and hand decoded ones up; how to wait for what another
task feeds.
Must not know: HTTP, how any coding works, in which pieces the bytes are read.
Called by: ``response`` puts `DecodedSource` or `LimitedSource` between its exchange and its
`StreamReader`; a user's own reader fills a `FedSource`.

An exchange is a source as it is. Through `DecodedSource` it is held to one piece received and one
chunk decoded at a time: whoever reads slowly slows the peer down.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint

from ..exceptions import ContentDecodingError
from .codings import Decoder
from .limits import BodyLimits

__all__ = ("ByteSource", "DecodedSource", "FedSource", "HeldSource", "LimitedSource")


class ByteSource(Protocol):
    """Where bytes are pulled from; an `Exchange` is one."""

    async def receive(self) -> bytes:
        """Return the next bytes; ``b""`` at the end, and from then on."""
        ...

    def receive_nowait(self) -> bytes | None:
        """Return bytes that are at hand; ``b""`` at the end; ``None`` if there are none yet."""
        ...


class HeldSource:
    """A body that is there as a whole.

    Args:
        body: all of it.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def receive(self) -> bytes:
        """Return all of it; ``b""`` from then on."""
        return self.receive_nowait()

    def receive_nowait(self) -> bytes:
        """Return all of it; ``b""`` from then on."""
        body, self._body = self._body, b""
        return body


class LimitedSource:
    """Another source's bytes as they are, held to a size.

    Args:
        source: gives the bytes.
        limits: hold for them.
        announced: how many there will be, if that is known.
    """

    def __init__(
        self, source: ByteSource, limits: BodyLimits, announced: int | None = None
    ) -> None:
        self._source = source
        self._limits = limits
        self._announced = announced
        self._size = 0

    async def receive(self) -> bytes:
        """Return the next bytes; ``b""`` at the end.

        Raises:
            BodyTooLargeError: there are, or will be, more than the limits allow. Of what was
                announced too large not a byte is asked for.
            ClientError: what the source raised.
        """
        if self._announced is not None:
            self._limits.check_announced(self._announced)
        return self._counted(await self._source.receive())

    def receive_nowait(self) -> bytes | None:
        """Return bytes that are at hand, as `receive`; ``None`` if there are none yet."""
        if self._announced is not None:
            self._limits.check_announced(self._announced)
        data = self._source.receive_nowait()
        return data if data is None else self._counted(data)

    def _counted(self, data: bytes) -> bytes:
        self._size += len(data)
        self._limits.check_size(self._size)
        return data


_NO_LIMITS = BodyLimits(max_decompressed_ratio=None)


class DecodedSource:
    """Another source's bytes, taken out of their content codings.

    Args:
        source: gives the coded bytes.
        decoder: takes them apart.
        limits: hold for what comes out.
        may_be_empty: whether no bytes at all are a whole body. They are if that was said, and a
            body that was cut short if nothing but the connection's end says so.
    """

    def __init__(
        self,
        source: ByteSource,
        decoder: Decoder,
        limits: BodyLimits = _NO_LIMITS,
        *,
        may_be_empty: bool = True,
    ) -> None:
        self._source = source
        self._decoder = decoder
        self._limits = limits
        self._may_be_empty = may_be_empty
        self._ended = False

    @property
    def raw_bytes(self) -> int:
        """How many coded bytes have been received."""
        return self._decoder.bytes_in

    async def receive(self) -> bytes:
        """Return the next decoded bytes, a bounded chunk; ``b""`` at the end.

        Raises:
            ContentDecodingError: the body is broken, or cut short.
            BodyTooLargeError: it is larger, or expands further, than the limits allow.
            ClientError: what the source raised.

        Cancellation loses nothing here; what it does to the source is the source's to say.
        """
        while not self._ended:
            if not self._decoder.needs_input:
                # Decoding is work of this process: a body that expands without end must not keep
                # timeouts and other tasks out.
                await checkpoint()
            elif not self._feed(await self._source.receive()):
                break
            chunk = self._next_chunk()
            if chunk:
                return chunk
        return b""

    def receive_nowait(self) -> bytes | None:
        """Return decoded bytes that are at hand, as `receive`; ``None`` if there are none yet."""
        while not self._ended:
            chunk = self._next_chunk()
            if chunk:
                return chunk
            if not self._decoder.needs_input:
                return None  # much work without result: leave it to `receive`
            data = self._source.receive_nowait()
            if data is None:
                return None
            self._feed(data)
        return b""

    def _next_chunk(self) -> bytes:
        decoder = self._decoder
        chunk = decoder.next_chunk()
        # Also of a chunk that is empty: an inner coding may expand without end and without result.
        self._limits.check_size(decoder.bytes_out)
        self._limits.check_expansion(decoder.bytes_in, decoder.bytes_expanded)
        return chunk

    def _feed(self, data: bytes) -> bool:
        if data:
            self._decoder.feed(data)
        else:
            if not (self._decoder.bytes_in or self._may_be_empty):
                raise ContentDecodingError(
                    "Can not decode content-encoding: the body is cut short before its first byte"
                )
            self._decoder.finish()
            self._ended = True
        return bool(data)


class FedSource:
    """A source that is filled from another task of the same event loop.

    One task at a time may wait for it. There is no back-pressure: whoever feeds decides how much
    is held.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._eof = False
        self._exception: BaseException | None = None
        self._fed: anyio.Event | None = None
        self.total_bytes = 0

    @property
    def eof(self) -> bool:
        """Whether the end was fed."""
        return self._eof

    def feed(self, data: bytes) -> None:
        """Add bytes."""
        self._pieces.append(data)
        self.total_bytes += len(data)
        self._wake()

    def feed_eof(self) -> None:
        """End the stream."""
        self._eof = True
        self._wake()

    def fail(self, exception: BaseException) -> None:
        """Make whoever waits, and whoever receives from now on, fail."""
        self._exception = exception
        self._pieces.clear()
        self._wake()

    def _wake(self) -> None:
        if self._fed is not None:
            self._fed.set()

    async def receive(self) -> bytes:
        """Return all that was fed; ``b""`` at the end. A cancelled wait loses nothing."""
        while True:
            data = self.receive_nowait()
            if data is not None:
                return data
            self._fed = fed = anyio.Event()
            try:
                await fed.wait()
            finally:
                self._fed = None

    def receive_nowait(self) -> bytes | None:
        """Return all that was fed; ``b""`` at the end; ``None`` if nothing was."""
        if self._exception is not None:
            raise self._exception
        if self._pieces:
            data = b"".join(self._pieces)
            self._pieces.clear()
            return data
        return b"" if self._eof else None
