"""`BodyPartReader`: one part of a multipart body, as it is received.

Knows: where the part ends, in which pieces it is read, what its header fields say of it.
Must not know: the parts before and after it.
Called by: ``multipart_reader`` makes one for each part; users read it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl

from ..exceptions import BodyTooLargeError, MalformedMultipartError
from .content_disposition import content_disposition_filename, parse_content_disposition
from .limits import BodyLimits
from .mimetypes import charset_of
from .multipart_parsing import Delimiter
from .multipart_source import PartContent, PartSource
from .part_coding import TransferDecoder, content_decoder, transfer_decoder, whole_quartets
from .sources import ByteSource, DecodedSource

__all__ = ("BodyPartReader",)

#: The longest line that `BodyPartReader.readline` returns: twice the limit of a `StreamReader`.
_MAX_LINE = 2 * 2**18
_BLOCK = 64 * 1024


class BodyPartReader:
    """Reads one part of a multipart body.

    Args:
        boundary: with ``--`` before it.
        headers: of the part.
        content: where it is read from.
        subtype: of the multipart body; parts of ``form-data`` have no codings (RFC 7578 4.8).
        default_charset: of text that does not say.
        max_decompress_size: accepted for aiohttp's sake; decoding is bounded in any case.
        client_max_size: the most bytes that `read` returns.
        max_size_error_cls: what is raised if there are more.

    Raises:
        MalformedMultipartError: ``Content-Length`` is no number.

    Cancelled, a read loses nothing that was received; what it does to the body as a whole is the
    body's to say (`ClientResponse.content`).
    """

    chunk_size = 8192

    def __init__(
        self,
        boundary: bytes,
        headers: Mapping[str, str],
        content: PartContent | PartSource,
        *,
        subtype: str = "mixed",
        default_charset: str | None = None,
        max_decompress_size: int = 0,
        client_max_size: int = sys.maxsize,
        max_size_error_cls: type[Exception] = BodyTooLargeError,
    ) -> None:
        del max_decompress_size
        self.headers = headers
        self._shared = isinstance(content, PartSource)
        self._source = content if isinstance(content, PartSource) else PartSource(content)
        self._delimiter = Delimiter(boundary)
        self._default_charset = default_charset
        self._is_form_data = subtype == "form-data"
        self._client_max_size = client_max_size
        self._max_size_error_cls = max_size_error_cls
        self._left = None if self._is_form_data else _length_of(headers)
        self._known = 0  # bytes at the front of the buffer that are the part's
        self._begun = False
        self._end_seen = False  # behind them
        self._at_eof = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self.next()
        if data is None:
            raise StopAsyncIteration
        return data

    async def next(self) -> bytes | None:
        """Return the whole part, the first time; ``None`` from then on."""
        return await self.read() or None

    # --- reading ----------------------------------------------------------------------------

    async def read(self, *, decode: bool = False) -> bytes:
        """Return what is left of the part; ``b""`` at its end.

        Args:
            decode: whether it is taken out of its codings.

        Raises:
            MalformedMultipartError: the body ends in it; a coding is unknown.
            ContentDecodingError: the part is not what its coding says, or is cut short in it.
            BodyTooLargeError: it is larger than ``client_max_size``, or expands too far.

        Raises also as the content that it is read from.
        """
        data = bytearray()
        while not self._at_eof:
            await self._know(1)
            data += self._take(self._known)
            self._check_size(len(data))
        if not decode:
            return bytes(data)
        decoded = bytearray()
        source = self._decoded(_once(bytes(data)))
        while piece := await source.receive():
            decoded += piece
            self._check_size(len(decoded))
        return bytes(decoded)

    async def read_chunk(self, size: int = chunk_size) -> bytes:
        """Return at most ``size`` bytes of the part, as they are; ``b""`` at its end.

        Base64 is cut between its quartets, where there is one within ``size`` bytes, so that each
        piece can be decoded by itself.

        Raises: as `read`.
        """
        if size < 1:
            raise ValueError("the size of a chunk is at least 1")
        if self._at_eof:
            return b""
        await self._know(1)
        amount = min(size, self._known)
        if self.headers.get("Content-Transfer-Encoding", "").lower() == "base64":
            amount = await self._to_quartet(size)
        return self._take(amount)

    async def _to_quartet(self, size: int) -> int:
        while True:
            amount = min(size, self._known)
            if amount == self._known and (self._end_seen or self._source.ended):
                return amount
            whole = whole_quartets(self._source.buffer[:amount])
            if whole or amount == size:
                return whole or amount
            await self._know(self._known + 1)

    async def readline(self) -> bytes:
        r"""Return the next line with its ``\n``; the last one has none; ``b""`` at the end.

        Raises: as `read`, and `MalformedMultipartError` if the line is longer than 512 KiB.
        """
        searched = 0
        while not self._at_eof:
            await self._know(searched + 1)
            found = self._source.buffer.find(b"\n", searched, self._known)
            if found >= 0:
                return self._take(found + 1)
            if self._known > _MAX_LINE:
                raise MalformedMultipartError(f"a line of a part is longer than {_MAX_LINE} bytes")
            if self._end_seen or self._source.ended:
                return self._take(self._known)
            searched = self._known
        return b""

    async def release(self) -> None:
        """Read the rest of the part, and forget it.

        Raises: as `read`.
        """
        while not self._at_eof:
            await self._know(1)
            self._take(self._known)

    def at_eof(self) -> bool:
        """Return whether the part was read to its end."""
        return self._at_eof

    # --- its bytes --------------------------------------------------------------------------

    async def _know(self, want: int) -> None:
        """Have so many bytes known to be the part's, or its end.

        Raises:
            MalformedMultipartError: there is neither.
        """
        source = self._source
        self._look()
        while self._known < want and not (self._end_seen or source.ended):
            await source.more()
            self._look()
        if not (self._known or self._end_seen):
            raise MalformedMultipartError(
                "the multipart body ends within a part: a delimiter is missing"
            )
        if not self._known:
            self._take(0)

    def _look(self) -> None:
        """See how much of what was received is the part's."""
        if self._end_seen:
            return
        source = self._source
        if self._left is None:
            at_line = not (self._begun or self._known)
            find, buffer = self._delimiter.find, source.buffer
            self._known, self._end_seen = find(
                buffer, self._known, ended=source.ended, at_line=at_line
            )
            if not self._end_seen and self._known < len(buffer) and source.exhausted:
                # What may be a delimiter is one if nothing comes after it.
                known, self._end_seen = find(buffer, self._known, ended=True, at_line=at_line)
                self._known = known if self._end_seen else self._known
            return
        available = len(source.buffer)
        self._known = min(available, self._left)
        if available >= self._left + 2 or (source.ended and available > self._left):
            if source.buffer[self._left : self._left + 2] != b"\r\n":
                raise MalformedMultipartError(
                    "a part is malformed: no end of line behind as many bytes as its "
                    "Content-Length says"
                )
            self._end_seen = True

    def _take(self, amount: int) -> bytes:
        """Return bytes that are known to be the part's; note its end if it is behind them."""
        if self._at_eof:
            return b""
        buffer = self._source.buffer
        data = bytes(buffer[:amount])
        del buffer[:amount]
        self._known -= amount
        if amount:
            self._begun = True
        if self._left is not None:
            self._left -= amount
        if self._end_seen and not self._known:
            self._at_eof = True
            if buffer.startswith(b"\r\n"):
                del buffer[:2]
            if not self._shared:
                self._source.give_back()
        return data

    def _check_size(self, size: int) -> None:
        if size <= self._client_max_size:
            return
        if issubclass(self._max_size_error_cls, BodyTooLargeError):
            raise self._max_size_error_cls(
                f"a part is larger than client_max_size ({self._client_max_size} bytes)"
            )
        raise self._max_size_error_cls(self._client_max_size)

    # --- what it means ----------------------------------------------------------------------

    async def text(self, *, encoding: str | None = None) -> str:
        """Return the part, decoded, as text.

        Args:
            encoding: the charset; by default the part's, or UTF-8.

        Raises: as `read`; ``UnicodeDecodeError`` if it is not of that charset.
        """
        data = await self.read(decode=True)
        return data.decode(encoding or self.get_charset(default="utf-8"))

    async def json(self, *, encoding: str | None = None) -> Any:
        """Return the part, decoded, as JSON; ``None`` if it is empty.

        Raises: as `text`; ``ValueError`` if it is not JSON.
        """
        data = await self.read(decode=True)
        if not data:
            return None
        return json.loads(data.decode(encoding or self.get_charset(default="utf-8")))

    async def form(self, *, encoding: str | None = None) -> list[tuple[str, str]]:
        """Return the part, decoded, as the names and values of an URL-encoded form.

        Raises: as `read`; ``ValueError`` if it is not of that charset.
        """
        data = await self.read(decode=True)
        if not data:
            return []
        charset = encoding or self.get_charset(default="utf-8")
        try:
            text = data.rstrip().decode(charset)
        except UnicodeDecodeError:
            raise ValueError(f"data cannot be decoded with {charset} encoding") from None
        return parse_qsl(text, keep_blank_values=True, encoding=charset)

    def decode(self, data: bytes) -> bytes:
        """Return bytes of this part, taken out of its codings.

        A content coding needs the part as a whole; for pieces of it there is `decode_iter` of
        the whole, or ``read(decode=True)``.

        Raises: as `read`.
        """
        transfer = self._transfer_decoder()
        plain = transfer.decode(data) + transfer.finish()
        decoder = None if self._is_form_data else content_decoder(self.headers)
        if decoder is None:
            return plain
        decoder.feed(plain)
        decoded, limits = bytearray(), BodyLimits()
        while not decoder.needs_input:
            decoded += decoder.next_chunk()
            limits.check_expansion(decoder.bytes_in, decoder.bytes_expanded)
            self._check_size(len(decoded))
        decoder.finish()
        return bytes(decoded)

    def decode_iter(self, data: bytes) -> DecodedPieces:
        """Iterate over what `decode` returns, in bounded pieces, and let others run meanwhile."""
        return DecodedPieces(self._decoded(_once(data)))

    def decoded(self) -> ByteSource:
        """Return what is left of the part as a source of bytes, taken out of its codings."""
        return self._decoded(lambda: self.read_chunk(_BLOCK))

    def _decoded(self, pull: Callable[[], Awaitable[bytes]]) -> ByteSource:
        source = _Transferred(pull, self._transfer_decoder())
        decoder = None if self._is_form_data else content_decoder(self.headers)
        return source if decoder is None else DecodedSource(source, decoder, BodyLimits())

    def _transfer_decoder(self) -> TransferDecoder:
        return transfer_decoder(self.headers)

    def get_charset(self, default: str) -> str:
        """Return the charset that the part, or else its form, names; ``default`` if none does."""
        charset = charset_of(self.headers.get("Content-Type", ""))
        return charset or self._default_charset or default

    @cached_property
    def name(self) -> str | None:
        """The name in ``Content-Disposition``; ``None`` if there is none that can be read."""
        return self._of_disposition("name")

    @cached_property
    def filename(self) -> str | None:
        """The file's name in ``Content-Disposition`` (RFC 7578 4.2, RFC 8187), as it was sent.

        Whoever saves a file under it must reduce it to a bare name.
        """
        return self._of_disposition("filename")

    def _of_disposition(self, name: str) -> str | None:
        _, parameters = parse_content_disposition(self.headers.get("Content-Disposition"))
        return content_disposition_filename(parameters, name)


class DecodedPieces:
    """Iterates over decoded pieces."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._source.receive()
        if not piece:
            raise StopAsyncIteration
        return piece


class _Transferred:
    """Pieces of a part, taken out of their transfer encoding (a `ByteSource`)."""

    def __init__(self, pull: Callable[[], Awaitable[bytes]], decoder: TransferDecoder) -> None:
        self._pull = pull
        self._decoder = decoder
        self._ended = False

    async def receive(self) -> bytes:
        while not self._ended:
            piece = await self._pull()
            self._ended = not piece
            decoded = self._decoder.decode(piece) if piece else self._decoder.finish()
            if decoded:
                return decoded
        return b""

    def receive_nowait(self) -> bytes | None:
        return b"" if self._ended else None


def _once(data: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return a source of these bytes, as one piece."""
    pieces = [data]

    async def pull() -> bytes:
        return pieces.pop() if pieces else b""

    return pull


def _length_of(headers: Mapping[str, str]) -> int | None:
    length = headers.get("Content-Length")
    if length is None:
        return None
    if not (length.isascii() and length.isdigit()):
        raise MalformedMultipartError(f"invalid Content-Length: {length!r}")
    return int(length)
