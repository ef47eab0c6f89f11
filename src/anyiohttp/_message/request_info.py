"""What was asked for, as responses and errors carry it. Pure.

Knows: URL, method, header fields.
Must not know: requests on their way, responses.
Called by: ``response`` shows it; the session makes one for each response, and users for tests.
"""

from __future__ import annotations

from typing import NamedTuple

from multidict import CIMultiDictProxy
from yarl import URL

from ..exceptions import without_credentials

__all__ = ("RequestInfo",)


class _RequestInfo(NamedTuple):
    url: URL
    method: str
    headers: CIMultiDictProxy[str]
    real_url: URL


class RequestInfo(_RequestInfo):
    """What was asked for.

    Args:
        url: the URL.
        method: the method.
        headers: as they were sent.
        real_url: the URL as it was given, with its fragment; by default ``url``.
    """

    __slots__ = ()

    def __new__(
        cls,
        url: URL,
        method: str,
        headers: CIMultiDictProxy[str],
        real_url: URL | None = None,
    ) -> RequestInfo:
        # The tuple's own, because one is made for each response.
        return tuple.__new__(cls, (url, method, headers, url if real_url is None else real_url))

    def __repr__(self) -> str:
        # Neither the URL's user part nor an Authorization header belongs into a message.
        return f"<RequestInfo {self.method} {without_credentials(self.url)}>"
