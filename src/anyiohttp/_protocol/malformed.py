"""The error for what came back and is not HTTP.

Knows: the request that was sent, how an error shows it.
Must not know: what was wrong, in which version.
Called by: the connections.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ..exceptions import MalformedResponseError
from .base import RequestHead

__all__ = ("malformed_response",)


@dataclass(frozen=True, slots=True)
class _RequestInfo:
    """The request, as an error shows it: without its fields, which may hold credentials."""

    url: URL
    method: str
    headers: CIMultiDictProxy[str] = field(repr=False)
    real_url: URL = field(repr=False)


def malformed_response(head: RequestHead, message: str) -> MalformedResponseError:
    """Return the error for a request whose response is not HTTP.

    Args:
        head: the request.
        message: what is wrong.
    """
    target = head.target if head.target[:1] == "/" else ""
    url = URL(f"{head.scheme}://{head.authority}{target}", encoded=True)
    headers = CIMultiDictProxy(CIMultiDict(head.headers))
    return MalformedResponseError(_RequestInfo(url, head.method, headers, url), message=message)
