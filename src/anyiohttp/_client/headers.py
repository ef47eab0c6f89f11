"""Which header fields go out by themselves, and how a session's and a request's are merged.

Knows: the automatic fields (``Accept``, ``Accept-Encoding``, ``User-Agent``, ``Content-Type``) and
how to leave them out.
Must not know: cookies, authorization, framing; those have their own places.
Called by: `session`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from multidict import CIMultiDict, MultiDict, getversion, istr

from .._message.codings import accept_encoding
from .._message.payloads import Payload
from .._protocol.base import FieldLines
from .._version import __version__
from ..typedefs import LooseHeaders

__all__ = ("DefaultHeaders", "SharedFields")

_ACCEPT = istr("Accept")
_ACCEPT_ENCODING = istr("Accept-Encoding")
_CONTENT_ENCODING = istr("Content-Encoding")
_CONTENT_LENGTH = istr("Content-Length")
_CONTENT_TYPE = istr("Content-Type")
_USER_AGENT = istr("User-Agent")


#: What this client calls itself.
USER_AGENT = f"anyiohttp/{__version__} Python/{sys.version_info.major}.{sys.version_info.minor}"


#: Types of bodies for which a session keeps its fields; there are few, but for multipart's.
_MOST_SHARED = 8


class SharedFields(NamedTuple):
    """Header fields that many requests have in common.

    Attributes:
        headers: never changed; who wants to change them takes a copy.
        lines: the same, in order; what is made of them to be sent is kept with them.
    """

    headers: CIMultiDict[str]
    lines: FieldLines


class DefaultHeaders:
    """A session's header fields, merged once with the automatic ones.

    Args:
        headers: the session's own.
        skip_auto_headers: automatic fields that are not to be sent.
    """

    def __init__(
        self, headers: LooseHeaders | None, skip_auto_headers: Iterable[str] | None
    ) -> None:
        self.own: CIMultiDict[str] = CIMultiDict(headers or ())
        self.skipped = frozenset(istr(name.title()) for name in skip_auto_headers or ())
        self._automatic = (
            (_ACCEPT, "*/*"),
            (_ACCEPT_ENCODING, accept_encoding()),
            (_USER_AGENT, USER_AGENT),
        )
        self._plain: dict[str | None, SharedFields] = {}
        self._plain_of = -1
        # What `getversion` takes by its annotations.
        self._counted = cast("MultiDict[object]", self.own)

    def shared(self, content_type: str | None = None) -> SharedFields:
        """Return the fields of a request that adds none, or only its body's type.

        Args:
            content_type: of the body; each one that is asked for is kept for a while.
        """
        # `own` is the user's to change at any time; multidict counts the changes.
        if self._plain_of != (version := getversion(self._counted)):
            self._plain.clear()
            self._plain_of = version
        shared = self._plain.get(content_type)
        if shared is None:
            skipped = self.skipped_names(None)
            fields = self._with_automatic(self.own.copy(), skipped)
            if content_type is not None and _CONTENT_TYPE.lower() not in skipped:
                fields.setdefault(_CONTENT_TYPE, content_type)
            if len(self._plain) >= _MOST_SHARED:
                self._plain.clear()
            shared = self._plain[content_type] = SharedFields(fields, FieldLines(fields.items()))
        return shared

    def merged(
        self, headers: LooseHeaders | None, skip_auto_headers: Iterable[str] | None
    ) -> CIMultiDict[str]:
        """Return the fields of a request; the request's own replace the session's of that name.

        A field that the request gives several times goes out several times.
        """
        if not headers and not skip_auto_headers:
            return self.shared().headers.copy()
        return self._with_automatic(self.users(headers), self.skipped_names(skip_auto_headers))

    def users(self, headers: LooseHeaders | None) -> CIMultiDict[str]:
        """Return the fields of a request without the automatic ones."""
        merged = self.own.copy()
        replaced: set[str] = set()
        for name, value in CIMultiDict(headers or ()).items():
            lowered = name.lower()
            if lowered in replaced:
                merged.add(name, value)
            else:
                merged[name] = value
                replaced.add(lowered)
        return merged

    def describe_body(
        self,
        headers: CIMultiDict[str],
        body: Payload,
        skip_auto_headers: Iterable[str] | None,
    ) -> None:
        """Add the fields that a body brings along, where the user has not set them."""
        skipped = self.skipped_names(skip_auto_headers)
        for name, value in body.headers.items():
            if name not in headers and name.lower() not in skipped:
                headers[name] = value

    def skipped_names(self, more: Iterable[str] | None) -> frozenset[str]:
        """Return the names of automatic fields, in lower case, that a request leaves out."""
        names = frozenset(name.lower() for name in self.skipped)
        return names | {name.lower() for name in more} if more else names

    def _with_automatic(
        self, headers: CIMultiDict[str], skipped: frozenset[str]
    ) -> CIMultiDict[str]:
        for name, value in self._automatic:
            if name not in headers and name.lower() not in skipped:
                headers[name] = value
        return headers


def content_encoding(headers: Mapping[str, str], compress: str | bool | None) -> str | None:
    """Return the content coding to apply to a body, if any (``compress=``).

    Raises:
        ValueError: the user has set ``Content-Encoding`` by hand as well, or the length of what
            is not compressed yet.
    """
    if not compress:
        return None
    if _CONTENT_ENCODING in headers:
        raise ValueError("compress can not be set if Content-Encoding header is set")
    if _CONTENT_LENGTH in headers:
        raise ValueError("compress can not be set if Content-Length header is set")
    return compress if isinstance(compress, str) else "deflate"
