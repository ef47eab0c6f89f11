"""The step that sends a request again which came to nothing on its connection.

Knows: what to do about it.
Must not know: when it may be done (`retries`).
Called by: the session, which puts it into its pipeline.
"""

from __future__ import annotations

from .._message.response import ClientResponse
from ..exceptions import ClientConnectionError
from .middlewares import rewind
from .request import ClientRequest
from .retries import may_resend
from .steps import Handler

__all__ = ("Resend",)


class Resend:
    """Send once more when the kept connection that was used turns out to have been dead, and a few
    times when the server says that it has not begun with the request.
    """

    async def __call__(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        for _ in range(_MOST_UNPROCESSED):
            try:
                return await handle(request)
            except ClientConnectionError as exc:
                body = request.payload
                if not may_resend(
                    exc,
                    request.method,
                    reused=request.reused_connection,
                    replayable=body is None or not body.consumed,
                ):
                    raise
                begun = not exc.unprocessed
            await rewind(request)
            if begun:
                break
        return await handle(request)


#: So often a request is sent that no server has begun with, but for a last time. Each time it goes
#: to another connection, or to one that has room again. With many at a time and a server that ends
#: each connection after few (nginx's ``keepalive_requests``), one may have bad luck several times.
_MOST_UNPROCESSED = 16
