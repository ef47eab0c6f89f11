"""`MultipartReader`: the parts of a multipart body, one after the other.

Knows: in which order parts, nested bodies and what is between them come.
Must not know: what is in a part (`body_part`), where exactly it ends (`multipart_parsing`).
Called by: users, for a response or any other stream.

Nothing is received before somebody asks for it, and no more than a block is held. Heads are held
to numbers and sizes; bodies within bodies to a depth.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Protocol, Self

from multidict import CIMultiDictProxy

from ..exceptions import BodyTooLargeError, ClientError, MalformedMultipartError
from .body_part import BodyPartReader
from .mimetypes import parse_mimetype
from .multipart_parsing import Delimiter, parse_boundary, parse_part_headers
from .multipart_source import PartContent, PartSource
from .reader import StreamReader

__all__ = ("MultipartReader", "MultipartResponseWrapper")

#: Bodies within bodies. E-mail that was forwarded again and again has a few.
_MAX_DEPTH = 32
#: The longest name of a charset, with its terminator, that a form may give.
_MAX_CHARSET = 32
#: What may be left of a body behind its last delimiter for the connection to be kept.
_MAX_EPILOGUE = 64 * 1024


class _Response(Protocol):
    """What is needed of a response; `ClientResponse` is one."""

    @property
    def headers(self) -> CIMultiDictProxy[str]: ...
    @property
    def content(self) -> StreamReader: ...
    def release(self) -> Awaitable[None]: ...


class MultipartReader:
    """Reads a multipart body, part by part: ``async for part in reader``.

    A part is a `BodyPartReader`, or a `MultipartReader` if it is multipart itself. Asking for the
    next one skips what was not read of the last one.

    Args:
        headers: of the body; ``Content-Type`` has the boundary.
        content: the body.
        client_max_size: the most bytes that a part's ``read`` returns.
        max_field_size: bytes of a line in a part's head.
        max_headers: number of lines in a part's head.
        max_size_error_cls: what is raised if a part is larger.

    Raises:
        MalformedMultipartError: ``Content-Type`` is not that of a multipart body.

    Attributes:
        depth: in how many multipart bodies this one is.
    """

    #: What `from_response` returns.
    response_wrapper_cls: type[MultipartResponseWrapper]
    #: The class for parts that are multipart; ``None`` for the class of the reader itself.
    multipart_reader_cls: type[MultipartReader] | None = None
    #: The class for all other parts.
    part_reader_cls = BodyPartReader

    def __init__(
        self,
        headers: Mapping[str, str],
        content: PartContent | PartSource,
        *,
        client_max_size: int = sys.maxsize,
        max_field_size: int = 8190,
        max_headers: int = 128,
        max_size_error_cls: type[Exception] = BodyTooLargeError,
    ) -> None:
        self.headers = headers
        self.depth = 0
        self._subtype, boundary = parse_boundary(headers.get("Content-Type", ""))
        self._delimiter = Delimiter(boundary)
        self._source = content if isinstance(content, PartSource) else PartSource(content)
        self._client_max_size = client_max_size
        self._max_field_size = max_field_size
        self._max_headers = max_headers
        self._max_size_error_cls = max_size_error_cls
        self._default_charset: str | None = None
        self._last_part: MultipartReader | BodyPartReader | None = None
        self._begun = False
        self._at_eof = False

    @classmethod
    def from_response(cls, response: _Response) -> MultipartResponseWrapper:
        """Read a response's body; the response is released behind the last part.

        Raises:
            MalformedMultipartError: its ``Content-Type`` is not that of a multipart body.
        """
        return cls.response_wrapper_cls(response, cls(response.headers, response.content))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    def at_eof(self) -> bool:
        """Return whether the last delimiter was read."""
        return self._at_eof

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part; ``None`` behind the last one.

        Raises:
            MalformedMultipartError: the body is malformed, or ends before its last delimiter.

        Raises also as the content, and as `BodyPartReader.release`.
        """
        if self._at_eof:
            return None
        part = await self._next_part()
        if isinstance(part, BodyPartReader) and not self._begun and self._is_charset(part):
            # RFC 7578 4.6: a form may begin with the charset of the rest.
            charset = await part.read_chunk(_MAX_CHARSET)
            if len(charset) >= _MAX_CHARSET:
                raise MalformedMultipartError("Invalid default charset of a form")
            self._default_charset = charset.strip().decode("ascii", "replace")
            part = await self._next_part()
        self._begun = True
        return part

    def _is_charset(self, part: BodyPartReader) -> bool:
        return self._subtype == "form-data" and part.name == "_charset_"

    async def _next_part(self) -> MultipartReader | BodyPartReader | None:
        last = self._last_part
        if last is not None and not last.at_eof():
            await last.release()
        # Behind a nested body, and before the first part, there may be text that means nothing.
        await self._pass_delimiter(skip=not isinstance(last, BodyPartReader))
        self._last_part = None if self._at_eof else await self.fetch_next_part()
        return self._last_part

    async def release(self) -> None:
        """Read all parts that are left, and forget them.

        Raises: as `next`.
        """
        while not self._at_eof:
            part = await self.next()
            if part is not None:
                await part.release()

    async def fetch_next_part(self) -> MultipartReader | BodyPartReader:
        """Return the part whose head is next; `next` has come to it by then.

        Raises: as `next`.
        """
        return self._get_part_reader(await self._read_headers())

    def _get_part_reader(self, headers: Mapping[str, str]) -> MultipartReader | BodyPartReader:
        if parse_mimetype(headers.get("Content-Type", "")).type != "multipart":
            return self.part_reader_cls(
                self._delimiter.boundary,
                headers,
                self._source,
                subtype=self._subtype,
                default_charset=self._default_charset,
                client_max_size=self._client_max_size,
                max_size_error_cls=self._max_size_error_cls,
            )
        if self.depth >= _MAX_DEPTH:
            raise MalformedMultipartError(f"more than {_MAX_DEPTH} multipart bodies in one another")
        nested = (self.multipart_reader_cls or type(self))(
            headers,
            self._source,
            client_max_size=self._client_max_size,
            max_field_size=self._max_field_size,
            max_headers=self._max_headers,
            max_size_error_cls=self._max_size_error_cls,
        )
        nested.depth = self.depth + 1
        return nested

    async def _pass_delimiter(self, *, skip: bool) -> None:
        """Come to what is behind the next delimiter.

        Args:
            skip: whether there may be something before it.
        """
        source, delimiter = self._source, self._delimiter
        at_line = True
        while True:
            known, found = delimiter.find(source.buffer, ended=source.ended, at_line=at_line)
            if known:
                if not skip:
                    raise MalformedMultipartError(
                        f"Invalid boundary {bytes(source.buffer[:100])!r}, "
                        f"expected {delimiter.boundary!r}"
                    )
                del source.buffer[:known]
                at_line = False
            if found:
                break
            if source.ended:
                raise MalformedMultipartError(
                    f"Could not find the boundary {delimiter.boundary!r} before the end of the body"
                )
            await source.more()
        self._at_eof = delimiter.take(source.buffer)

    async def _read_headers(self) -> CIMultiDictProxy[str]:
        lines: list[bytes] = []
        while line := await self._source.readline(self._max_field_size):
            if len(lines) >= self._max_headers:
                raise MalformedMultipartError(
                    f"Too many headers received: a part has more than {self._max_headers}"
                )
            lines.append(line)
        return parse_part_headers(lines)


class MultipartResponseWrapper:
    """The parts of a response, which is released behind the last one.

    Args:
        resp: the response.
        stream: reads its body.
    """

    def __init__(self, resp: _Response, stream: MultipartReader) -> None:
        self.resp = resp
        self.stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    def at_eof(self) -> bool:
        """Return whether everything of the response has been read."""
        return self.resp.content.at_eof()

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part; ``None`` behind the last one.

        Raises: as `MultipartReader.next`.
        """
        part = await self.stream.next()
        if self.stream.at_eof():
            await self.release()
        return part

    async def release(self) -> None:
        """Release the response; its connection is kept if all of it has arrived."""
        content, left = self.resp.content, _MAX_EPILOGUE
        # The last delimiter is not yet the end of HTTP's message, which is mostly there, too.
        with suppress(ClientError):
            while left > 0 and not content.at_eof() and (data := content.read_nowait(left)):
                left -= len(data)
        await self.resp.release()


MultipartReader.response_wrapper_cls = MultipartResponseWrapper
