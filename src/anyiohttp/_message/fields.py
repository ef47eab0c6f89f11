"""The header fields of a response, in aiohttp's terms.

Knows: the fields that describe a body (RFC 9110 8), cookies and links.
Must not know: the body itself, the connection, the HTTP version.
Called by: ``response``, whose head it is; nothing is parsed before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .._protocol.base import RawHeaders
from .content_disposition import (
    ContentDisposition,
    content_disposition_filename,
    parse_content_disposition,
)
from .links import Links, parse_links
from .mimetypes import OCTET_STREAM, charset_of

__all__ = ("HeaderFields", "decode_fields", "parse_cookies")


def decode_fields(raw: RawHeaders) -> CIMultiDictProxy[str]:
    """Return fields as text, by names whose case does not matter."""
    # Whatever bytes the peer sent: readable where they are UTF-8, never lost where they are not.
    return CIMultiDictProxy(
        CIMultiDict(
            (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            for name, value in raw
        )
    )


def parse_cookies(values: Sequence[str]) -> SimpleCookie:
    """Return the cookies of ``Set-Cookie`` fields, as ``http.cookies`` reads them."""
    cookies: SimpleCookie = SimpleCookie()
    for value in values:
        try:
            cookies.load(value)
        except CookieError:
            continue
    return cookies


class HeaderFields:
    """The header fields of a response.

    Args:
        raw: as they stood on the wire.
        base: the URL that relative ones are resolved against.
        parse_cookies: makes cookies of the values of ``Set-Cookie``.
    """

    def __init__(
        self,
        raw: RawHeaders,
        base: URL,
        parse_cookies: Callable[[Sequence[str]], SimpleCookie],
    ) -> None:
        self._raw = raw
        self._base = base
        self._parse_cookies = parse_cookies

    @cached_property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields, by names whose case does not matter."""
        return decode_fields(self._raw)

    def field_values(self, name: bytes) -> list[str]:
        """Return the values of the fields of one name, in order, without making `headers`.

        Args:
            name: in lower case.
        """
        size = len(name)
        return [
            value.decode("utf-8", "surrogateescape")
            for each, value in self._raw
            if len(each) == size and each.lower() == name
        ]

    @cached_property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields as they stood on the wire, in order."""
        return tuple((bytes(name), bytes(value)) for name, value in self._raw)

    @cached_property
    def cookies(self) -> SimpleCookie:
        """The cookies that this response sets, valid or not for its host."""
        return self._parse_cookies(self.headers.getall("Set-Cookie", []))

    @property
    def content_type(self) -> str:
        """The media type in lower case; ``application/octet-stream`` if it is missing or bad."""
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return media_type if media_type.count("/") == 1 else OCTET_STREAM

    @property
    def charset(self) -> str | None:
        """The charset that ``Content-Type`` names."""
        return charset_of(self.headers.get("Content-Type", ""))

    @property
    def content_length(self) -> int | None:
        """The number of bytes on the wire that ``Content-Length`` announces."""
        value = self.headers.get("Content-Length", "").partition(",")[0].strip()
        return int(value) if value.isascii() and value.isdigit() else None

    @cached_property
    def content_disposition(self) -> ContentDisposition | None:
        """What ``Content-Disposition`` says; ``None`` without one."""
        value = self.headers.get("Content-Disposition")
        if value is None:
            return None
        kind, parameters = parse_content_disposition(value)
        filename = content_disposition_filename(parameters)
        return ContentDisposition(kind, MappingProxyType(parameters), filename)

    @cached_property
    def links(self) -> Links:
        """The links of ``Link`` (RFC 8288) by their relations; each has its ``url``, absolute."""
        return parse_links(self.headers.getall("Link", []), self._base)
