"""Multipart bodies, written as a stream (RFC 2046 5.1, RFC 7578).

Knows: boundaries, the heads of parts, the order of their bytes.
Must not know: what kind of payload a part is; forms and their fields (`formdata` does).
Called by: ``formdata``; the registry's users; users.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlencode

from ..exceptions import (
    BodySizeMismatchError,
    InvalidBodyError,
    InvalidRequestError,
    UnknownCodingError,
)
from .payload_base import (
    BLOCK,
    BodyWriter,
    Payload,
    PayloadHeaders,
    check_field,
    get_payload,
)
from .payload_coding import CompressedPayload, TransferEncodedPayload
from .payload_memory import JsonPayload, StringPayload

__all__ = ("MultipartWriter", "Part")

_TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
#: RFC 2046 5.1.1, and the characters that a token may have besides; a space not at the end.
_BOUNDARY = r"[0-9A-Za-z'()+_,\-./:=? !#$%&*^`|~]{0,69}[0-9A-Za-z'()+_,\-./:=?!#$%&*^`|~]"

_CONTENT_CODINGS = frozenset({"deflate", "gzip"})
_TRANSFER_ENCODINGS = frozenset({"base64", "quoted-printable"})
#: RFC 7578 4.7, 4.8: what a part of a form must not have.
_NOT_IN_FORMS = ("Content-Encoding", "Content-Length", "Content-Transfer-Encoding")


class Part(NamedTuple):
    """A part, as iterating over a `MultipartWriter` gives it (aiohttp's triple).

    ``encoding`` is its content coding and ``te_encoding`` its transfer encoding; empty or ``None``
    if there is none.
    """

    payload: Payload
    encoding: str | None
    te_encoding: str | None


def _coded(part: Part) -> Payload:
    """Wrap a part's payload in its codings, the content coding inside."""
    body = part.payload
    if part.encoding:
        # aiohttp's servers read "deflate" of a part without zlib's wrapper only; others take both.
        coding = "raw-deflate" if part.encoding == "deflate" else part.encoding
        body = CompressedPayload(body, coding)
    if part.te_encoding:
        body = TransferEncodedPayload(body, part.te_encoding)
    return body


class MultipartWriter(Payload):
    """A multipart body. It is sent as it is read: no more than a block is in memory.

    It is replayable if all of its parts are, and closing it closes them.

    Args:
        subtype: ``mixed``, ``form-data``, ``related`` …
        boundary: what separates the parts, by default random.

    Raises:
        InvalidRequestError: the boundary is not what RFC 2046 5.1.1 allows.
    """

    def __init__(self, subtype: str = "mixed", boundary: str | None = None) -> None:
        if boundary is None:
            import uuid

            boundary = uuid.uuid4().hex
        if re.fullmatch(_BOUNDARY, boundary) is None:
            raise InvalidRequestError(f"invalid multipart boundary {boundary!r}")
        if re.fullmatch(_TCHARS, subtype) is None:
            raise InvalidRequestError(f"invalid multipart subtype {subtype!r}")
        quoted = boundary if re.fullmatch(_TCHARS, boundary) else f'"{boundary}"'
        super().__init__(None, content_type=f"multipart/{subtype}; boundary={quoted}")
        self._boundary = boundary
        self._is_form_data = subtype == "form-data"
        self._parts: list[Part] = []
        self._bodies: list[Payload] = []
        self._restart()

    def _restart(self) -> None:
        self._index = 0
        self._in_body = False
        self._ended = False
        self._given = 0  # bytes of the current part

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        pass

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __bool__(self) -> bool:
        return True  # an empty multipart body is a body

    @property
    def boundary(self) -> str:
        """What separates the parts."""
        return self._boundary

    # --- parts ------------------------------------------------------------------------------

    def append(self, obj: object, headers: PayloadHeaders | None = None) -> Payload:
        """Add a part for any object that there is a kind of payload for.

        Args:
            obj: the object, or a payload.
            headers: of the part. ``Content-Encoding`` and ``Content-Transfer-Encoding`` are
                carried out.

        Raises:
            InvalidBodyError: no kind of payload fits.
            InvalidRequestError: as for `append_payload`.
        """
        if isinstance(obj, Payload):
            obj.headers.update(headers or {})
            return self.append_payload(obj)
        try:
            payload = get_payload(obj, headers=headers)
        except LookupError:
            raise InvalidBodyError(f"cannot make a part of {type(obj).__name__}") from None
        return self.append_payload(payload)

    def append_payload(self, payload: Payload) -> Payload:
        """Add a payload as a part.

        Raises:
            InvalidRequestError: a header is not allowed in a form, holds control characters, or
                names a coding other than ``deflate gzip identity`` and ``base64
                quoted-printable binary`` (``7bit`` and ``8bit`` too).
        """
        encoding = te_encoding = ""
        if self._is_form_data:
            for name in _NOT_IN_FORMS:
                if name in payload.headers:
                    raise InvalidRequestError(f"a part of a form must not have {name}")
            if "Content-Disposition" not in payload.headers:
                payload.set_content_disposition("form-data", name=f"section-{len(self._parts)}")
        else:
            encoding = _coding(payload, "Content-Encoding", _CONTENT_CODINGS, {"identity"})
            te_encoding = _coding(
                payload,
                "Content-Transfer-Encoding",
                _TRANSFER_ENCODINGS,
                {"binary", "7bit", "8bit"},
            )
        part = Part(payload, encoding or None, te_encoding or None)
        self._parts.append(part)
        self._bodies.append(_coded(part))
        self._part_head(len(self._parts) - 1)
        return payload

    def append_json(self, obj: object, headers: PayloadHeaders | None = None) -> Payload:
        """Add ``obj`` as a part in JSON."""
        return self.append_payload(JsonPayload(obj, headers=headers))

    def append_form(
        self,
        obj: Sequence[tuple[str, object]] | Mapping[str, object],
        headers: PayloadHeaders | None = None,
    ) -> Payload:
        """Add names and values as a part in ``application/x-www-form-urlencoded``."""
        pairs = list(obj.items()) if isinstance(obj, Mapping) else obj
        return self.append_payload(
            StringPayload(
                urlencode(pairs, doseq=True),
                headers=headers,
                content_type="application/x-www-form-urlencoded",
            )
        )

    def _part_head(self, index: int) -> bytes:
        """Return the delimiter and the header fields before a part."""
        payload, encoding, te_encoding = self._parts[index]
        headers, size = payload.headers, payload.size
        if not (self._is_form_data or encoding or te_encoding or size is None):
            headers["Content-Length"] = str(size)  # a nested writer may have grown since
        fields = "".join(
            f"{_check_name(name)}: {check_field(value)}\r\n" for name, value in headers.items()
        )
        try:
            return f"--{self._boundary}\r\n{fields}\r\n".encode()
        except UnicodeEncodeError as exc:
            raise InvalidRequestError(f"header of a part is not valid Unicode: {exc}") from exc

    # --- the body as a whole ----------------------------------------------------------------

    _unclosed = False

    @property
    def _closing(self) -> bytes:
        return b"" if self._unclosed else f"--{self._boundary}--\r\n".encode()

    @property
    def size(self) -> int | None:
        total = len(self._closing)
        for index, body in enumerate(self._bodies):
            size = body.size
            if size is None:
                return None
            total += len(self._part_head(index)) + size + len(b"\r\n")
        return total

    @property
    def replayable(self) -> bool:
        return all(part.payload.replayable for part in self._parts)

    @property
    def consumed(self) -> bool:
        return any(part.payload.consumed for part in self._parts)

    @property
    def autoclose(self) -> bool:
        return all(part.payload.autoclose for part in self._parts)

    @property
    def at_hand(self) -> bytes | None:
        pieces: list[bytes] = []
        total = 0
        for index, body in enumerate(self._bodies):
            data = body.at_hand
            if data is None or total > BLOCK:
                return None
            pieces += (self._part_head(index), data, b"\r\n")
            total += len(data)
        return b"".join((*pieces, self._closing))

    async def next_chunk(self) -> bytes:
        if self._ended:
            return b""
        pieces: list[bytes] = []
        gathered = 0
        while gathered < BLOCK:
            if self._index == len(self._bodies):
                self._ended = True
                pieces.append(self._closing)
                break
            body = self._bodies[self._index]
            if self._in_body:
                if pieces:
                    break  # what is ready need not wait for what has to be read
                return await self._more_of(body)
            piece = self._part_head(self._index)
            data = body.at_hand
            if data is None:
                self._in_body = True
            else:
                piece += data + b"\r\n"
                self._next_part()
            pieces.append(piece)
            gathered += len(piece)
        return b"".join(pieces)

    async def _more_of(self, body: Payload) -> bytes:
        chunk = await body.next_chunk()
        self._given += len(chunk)
        size = body.size
        if size is not None and (self._given > size or (not chunk and self._given < size)):
            raise BodySizeMismatchError(
                f"{body!r} gave {self._given} bytes as a part of a multipart body"
            )
        if chunk:
            return chunk
        self._next_part()
        return b"\r\n"

    def _next_part(self) -> None:
        self._index += 1
        self._in_body = False
        self._given = 0

    async def rewind(self) -> None:
        await super().rewind()
        for body in self._bodies:
            await body.rewind()
        self._restart()

    async def aclose(self) -> None:
        self._restart()
        failure: BaseException | None = None
        for body in self._bodies:
            try:
                await body.close()
            except BaseException as exc:  # the other parts are to be closed too
                failure = failure or exc
        if failure is not None:
            raise failure

    async def write(self, writer: BodyWriter, close_boundary: bool = True) -> None:
        """Write the body to ``writer``, from its start.

        Args:
            writer: takes it.
            close_boundary: whether the last delimiter is written, too.

        Raises and cancellation: as `next_chunk`, and as the writer.
        """
        self._unclosed = not close_boundary
        try:
            await super().write(writer)
        finally:
            self._unclosed = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text; of parts inside codings, what they are made of.

        Raises:
            TypeError: a part is not in memory.
        """
        pieces = []
        for index, part in enumerate(self._parts):
            pieces.append(self._part_head(index).decode())
            pieces.append(part.payload.decode(encoding, errors))
            pieces.append("\r\n")
        return "".join((*pieces, self._closing.decode()))


def _check_name(name: str) -> str:
    if re.fullmatch(_TCHARS, name) is None:
        raise InvalidRequestError(f"invalid header name {name!r} of a part")
    return name


def _coding(payload: Payload, name: str, known: frozenset[str], plain: set[str]) -> str:
    """Return the coding that a part's header asks for, empty if it changes nothing."""
    coding = payload.headers.get(name, "").lower()
    if not coding or coding in plain:
        return ""
    if coding not in known:
        raise UnknownCodingError(f"unknown {name.lower().replace('-', ' ')}: {coding}")
    return coding
