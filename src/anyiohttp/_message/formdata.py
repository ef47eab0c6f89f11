"""Forms: fields, written as ``application/x-www-form-urlencoded`` or ``multipart/form-data``.

Knows: which form needs which of the two, how fields become parts (RFC 7578).
Must not know: how parts become bytes (`multipart` does).
Called by: ``payloads`` for ``data=`` of pairs, and users.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from multidict import MultiDictProxy, MultiMapping

from ..exceptions import InvalidBodyError, InvalidRequestError
from .mimetypes import charset_of
from .multipart import MultipartWriter
from .payload_base import Payload, check_field, get_payload
from .payload_files import guess_filename, is_file
from .payload_memory import BytesPayload
from .payload_streams import is_async_file

__all__ = ("FormData",)

_BYTES = (bytes, bytearray, memoryview)


class _Field(NamedTuple):
    name: str
    value: object
    content_type: str | None
    filename: str | None


class FormData:
    """The fields of a form.

    As long as there are only names and plain values, it is sent URL-encoded. A file, bytes, a
    stream, a content type or a file name make it ``multipart/form-data``.

    A form can be sent again if everything in it can: text, bytes and ``BytesIO`` always, a file
    not, since it is closed when it was sent.

    Args:
        fields: a mapping, a multidict, or pairs of names and values.
        quote_fields: whether names and file names are escaped as browsers do; see
            `content_disposition_header`.
        charset: of text; by default UTF-8.
        boundary: of the multipart body; by default random, the same for each time it is sent.
        default_to_multipart: whether it is multipart even if it need not be.

    Raises:
        InvalidBodyError: the fields are of none of these types.
        InvalidRequestError: as for `add_field`.
    """

    def __init__(
        self,
        fields: object = (),
        quote_fields: bool = True,
        charset: str | None = None,
        boundary: str | None = None,
        *,
        default_to_multipart: bool = False,
    ) -> None:
        self._boundary = MultipartWriter("form-data", boundary).boundary
        self._fields: list[_Field] = []
        self._made: dict[int, Payload] = {}
        self._is_multipart = default_to_multipart
        self._quote_fields = quote_fields
        self._charset = check_field(charset) if charset is not None else None
        if isinstance(fields, Mapping) and not isinstance(fields, MultiMapping):
            self.add_fields(*fields.items())
        elif isinstance(fields, (list, tuple)):
            self.add_fields(*fields)
        else:
            self.add_fields(fields)

    @property
    def is_multipart(self) -> bool:
        """Whether the form is sent as ``multipart/form-data``."""
        return self._is_multipart

    def add_field(
        self,
        name: str,
        value: object,
        *,
        content_type: str | None = None,
        filename: str | None = None,
        content_transfer_encoding: str | None = None,
    ) -> None:
        """Add a field.

        Args:
            name: of the field.
            value: text, a number, bytes, a file, a stream, a payload: in a multipart form,
                whatever can be sent as a body, otherwise whatever ``str`` can write.
            content_type: of the field's part. Its charset, if any, is what text is sent in.
            filename: by default that of the file, or the field's name for files and bytes
                without one.
            content_transfer_encoding: makes the form multipart and, for bytes, leaves out the
                default file name. No coding is applied: RFC 7578 4.7 has done away with them.

        Raises:
            InvalidBodyError: an argument is of the wrong type.
            InvalidRequestError: an argument holds control characters.
        """
        for argument, given in (
            ("name", name),
            ("filename", "" if filename is None else filename),
            ("content_type", content_type or ""),
            ("content_transfer_encoding", content_transfer_encoding or ""),
        ):
            if not isinstance(given, str):
                raise InvalidBodyError(
                    f"{argument} of a form's field must be str, not {type(given).__name__}"
                )
        if content_type is not None:
            check_field(content_type)
        if content_transfer_encoding is not None:
            check_field(content_transfer_encoding)
        if inspect.isgenerator(value):
            raise InvalidBodyError(f"the field {name!r} is a generator: write an async generator")
        if filename is None:
            if is_file(value) or is_async_file(value):
                filename = guess_filename(value, name)
            elif isinstance(value, _BYTES) and content_transfer_encoding is None:
                filename = name
        for text in (name, filename or ""):
            check_field(text)
        self._is_multipart = (
            self._is_multipart
            or content_type is not None
            or filename is not None
            or content_transfer_encoding is not None
            or isinstance(value, (Payload, AsyncIterable))
            or callable(getattr(value, "readany", None))
        )
        self._fields.append(_Field(name, value, content_type, filename))

    def add_fields(self, *fields: object) -> None:
        """Add pairs of names and values, the items of multidicts, and named files.

        Raises:
            InvalidBodyError: an argument is none of these.
        """
        for field in fields:
            if is_file(field) or is_async_file(field):
                self.add_field(guess_filename(field, "unknown") or "unknown", field)
            elif isinstance(field, (MultiMapping, MultiDictProxy)):
                self.add_fields(*field.items())
            elif isinstance(field, (list, tuple)) and len(field) == 2:
                self.add_field(field[0], field[1])
            else:
                hint = ""
                if inspect.isgenerator(field):
                    hint = " (a generator cannot be waited for: write an async generator)"
                raise InvalidBodyError(
                    "a form is made of pairs, multidicts and files; use add_field() for more "
                    f"than that; got {type(field).__name__}{hint}"
                )

    def __call__(self) -> Payload:
        """Return the form as a payload.

        Raises:
            InvalidBodyError: a value is of a type that there is no payload for.
            InvalidRequestError: a file is closed already, or a charset lacks a character.
        """
        return self._as_multipart() if self._is_multipart else self._as_urlencoded()

    def _as_urlencoded(self) -> Payload:
        charset = self._charset or "utf-8"
        content_type = "application/x-www-form-urlencoded"
        if charset != "utf-8":
            content_type += f"; charset={charset}"
        pairs = [(field.name, field.value) for field in self._fields]
        try:
            text = urlencode(pairs, doseq=True, encoding=charset)
        except (UnicodeError, LookupError) as exc:
            raise InvalidRequestError(f"a form does not fit its charset: {exc}") from exc
        return BytesPayload(text.encode("ascii"), content_type=content_type)

    def _as_multipart(self) -> Payload:
        writer = MultipartWriter("form-data", self._boundary)
        for index, field in enumerate(self._fields):
            part = self._made.get(index)
            if part is None:
                part = self._part(field)
                if not part.autoclose or not part.replayable:
                    # A file or a stream is one and the same thing each time; what is in memory
                    # gets a body each time, so that a form can be sent twice at once.
                    self._made[index] = part
            writer.append_payload(part)
        return writer

    def _part(self, field: _Field) -> Payload:
        encoding = self._charset
        headers = {}
        if field.content_type is not None:
            headers["Content-Type"] = field.content_type
            encoding = charset_of(field.content_type) or encoding
        try:
            part = get_payload(
                field.value, content_type=field.content_type, headers=headers, encoding=encoding
            )
        except LookupError:
            raise InvalidBodyError(
                f"the field {field.name!r} of a form cannot be sent: its value is of type "
                f"{type(field.value).__name__}"
            ) from None
        params = {"name": field.name}
        if field.filename is not None:
            params["filename"] = field.filename
        part.headers.update(headers)
        part.set_content_disposition("form-data", self._quote_fields, **params)
        part.headers.popall("Content-Length", None)
        return part
