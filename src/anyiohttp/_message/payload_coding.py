"""Bodies inside codings: content codings, and the transfer encodings of MIME parts.

Knows: that a coding takes bytes and gives bytes, now or later.
Must not know: how a content coding works (`codings` does), what is inside.
Called by: ``_client`` for ``compress=``, ``multipart`` for parts.
"""

from __future__ import annotations

import base64
import binascii
from abc import abstractmethod
from typing import Protocol

import anyio.lowlevel
from anyio import to_thread
from multidict import CIMultiDict

from ..exceptions import InvalidRequestError
from .payload_base import BLOCK, Payload

__all__ = ("CompressedPayload", "TransferEncodedPayload")


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _CodedPayload(Payload):
    """A body whose bytes pass through an encoder. Headers, replaying and closing are the inner's.

    A block of up to 256 KiB is encoded in the event loop's thread, a larger one in another.
    """

    def __init__(self, payload: Payload) -> None:
        super().__init__(
            payload,
            content_type=payload.content_type,
            filename=payload.filename,
            encoding=payload.encoding,
        )
        self._inner = payload
        self._taken = 0
        self._encoder: _Encoder | None = None
        self._ended = False

    @abstractmethod
    def _make_encoder(self) -> _Encoder:
        """Return a fresh encoder, one for each pass."""

    @property
    def headers(self) -> CIMultiDict[str]:
        return self._inner.headers

    @property
    def replayable(self) -> bool:
        return self._inner.replayable

    @property
    def consumed(self) -> bool:
        return self._inner.consumed

    @property
    def autoclose(self) -> bool:
        return self._inner.autoclose

    @property
    def taken(self) -> int:
        """How many bytes of the inner body have been taken in since the start."""
        return self._taken

    async def next_chunk(self) -> bytes:
        if self._encoder is None:
            self._encoder = self._make_encoder()
        while not self._ended:
            chunk = await self._inner.next_chunk()
            self._taken += len(chunk)
            if not chunk:
                self._ended = True
                return self._encoder.flush()
            if len(chunk) <= BLOCK:
                coded = self._encoder.compress(chunk)
            else:
                coded = await to_thread.run_sync(self._encoder.compress, chunk)
            if coded:
                return coded
            await anyio.lowlevel.checkpoint()  # well compressible bodies give nothing for long
        return b""

    async def rewind(self) -> None:
        await self._inner.rewind()
        self._encoder, self._ended, self._taken = None, False, 0

    async def aclose(self) -> None:
        self._encoder, self._ended = None, False
        await self._inner.close()


class CompressedPayload(_CodedPayload):
    """A body inside a content coding; its size is not known.

    ``Content-Encoding`` is not set in its headers: whoever wraps the body says so where it belongs.

    Args:
        payload: what is compressed.
        coding: ``deflate``, ``gzip``, ``br`` or ``zstd``.

    Raises:
        InvalidRequestError: the coding is unknown, or its library is not installed.
    """

    def __init__(self, payload: Payload, coding: str) -> None:
        super().__init__(payload)
        self.coding = coding.lower()
        self._encoder = self._make_encoder()  # an unknown one is refused before anything is sent

    def _make_encoder(self) -> _Encoder:
        from .codings import make_encoder

        return make_encoder(self.coding)


class TransferEncodedPayload(_CodedPayload):
    """A part inside one of MIME's transfer encodings (RFC 2045 6.7, 6.8).

    Args:
        payload: what is encoded.
        encoding: ``base64`` or ``quoted-printable``.

    Raises:
        InvalidRequestError: the encoding is neither.
    """

    def __init__(self, payload: Payload, encoding: str) -> None:
        super().__init__(payload)
        if encoding not in TRANSFER_ENCODERS:
            raise InvalidRequestError(f"unknown content transfer encoding: {encoding}")
        self.transfer_encoding = encoding

    @property
    def size(self) -> int | None:
        if self.transfer_encoding != "base64" or self._inner.size is None:
            return None
        return 4 * ((self._inner.size + 2) // 3)

    def _make_encoder(self) -> _Encoder:
        return TRANSFER_ENCODERS[self.transfer_encoding]()


class _Base64:
    """Base64 in one line, as aiohttp writes it."""

    def __init__(self) -> None:
        self._rest = b""

    def compress(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) - len(data) % 3
        self._rest = data[whole:]
        return base64.b64encode(data[:whole])

    def flush(self) -> bytes:
        return base64.b64encode(self._rest)


class _QuotedPrintable:
    """Quoted-printable, line by line.

    `binascii` writes all ends of lines as the first one it sees, and what becomes of a space
    depends on whether a line ends there: only whole lines, one at a time, come out as they were.
    """

    def __init__(self) -> None:
        self._rest = b""

    def compress(self, data: bytes) -> bytes:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        coded = [binascii.b2a_qp(line + b"\n") for line in lines]
        if len(self._rest) > BLOCK:  # no end of line in sight: a soft one will do
            coded.append(binascii.b2a_qp(self._rest[:-1]) + b"=\n")
            self._rest = self._rest[-1:]
        return b"".join(coded)

    def flush(self) -> bytes:
        return binascii.b2a_qp(self._rest)


TRANSFER_ENCODERS: dict[str, type[_Base64 | _QuotedPrintable]] = {
    "base64": _Base64,
    "quoted-printable": _QuotedPrintable,
}
