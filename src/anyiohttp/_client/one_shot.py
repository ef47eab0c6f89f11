"""`request`: a single call, and a session that lives no longer than it.

Knows: when the session behind a call ends.
Must not know: how the call is made.
Called by: users.
"""

from __future__ import annotations

from typing import Unpack

from .._connect.connectors import BaseConnector, TCPConnector
from .._message.response import ClientResponse
from .._protocol.base import HTTP_11, HttpVersion
from ..typedefs import StrOrURL
from .contexts import RequestContext
from .options import RequestKwargs
from .session import ClientSession

__all__ = ("request",)


def request(
    method: str,
    url: StrOrURL,
    *,
    version: HttpVersion = HTTP_11,
    connector: BaseConnector | None = None,
    loop: object = None,
    **kwargs: Unpack[RequestKwargs],
) -> RequestContext[ClientResponse]:
    """Make a single request, without a session to care for.

    The session behind it ends with the response: when its body has been read, or it was released
    or closed.

    Args:
        method: any token.
        url: an absolute URL.
        version: the HTTP version.
        connector: where the connection comes from; it is not closed.
        loop: accepted for aiohttp's sake.
        **kwargs: as for `ClientSession.request`.

    Raises and cancellation: as `ClientSession.request`.
    """
    owner = connector is None
    if connector is None:
        connector = TCPConnector(force_close=True)
    session = ClientSession(version=version, connector=connector, connector_owner=owner)
    return RequestContext(_one_shot(session, method, url, kwargs))


async def _one_shot(
    session: ClientSession, method: str, url: StrOrURL, kwargs: RequestKwargs
) -> ClientResponse:
    def end() -> None:
        connector = session.connector
        if connector is not None and session.connector_owner:
            connector.close()
        session.detach()

    try:
        response = await session.request(method, url, **kwargs)
    except BaseException:
        end()
        raise
    response.call_at_end(end)
    return response
