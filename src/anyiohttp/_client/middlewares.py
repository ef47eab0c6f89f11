"""The step of the pipeline that runs the user's middlewares.

Knows: what a middleware may do with the handler that it is given: call it not at all, once or
several times.
Must not know: what a middleware is for.
Called by: `pipeline`, which also has the bodies of its own steps taken back to their start here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from anyio import CancelScope, current_time

from .._message.response import ClientResponse
from ..exceptions import BodyNotReplayableError
from .request import ClientHandlerType, ClientMiddlewareType, ClientRequest, RequestOptions
from .steps import OptionalStep

__all__ = ("RunMiddlewares", "rewind")

#: A body that a middleware has put in the place of another may not hold a cancelled call for
#: longer than this.
_CLOSE_BODY_SECONDS = 5.0


class RunMiddlewares(OptionalStep):
    """Run the user's middlewares, the first one outermost.

    They get a copy of the request, so that what they change is not there any more if the request
    has to go through them again. If they are cancelled, the responses that they got are closed.
    """

    def applies(self, options: RequestOptions, *, has_body: bool) -> bool:
        return bool(options.middlewares)

    def __call__(
        self, request: ClientRequest, handle: ClientHandlerType
    ) -> Awaitable[ClientResponse]:
        middlewares = request.options.middlewares
        return self._run(middlewares, request, handle) if middlewares else handle(request)

    async def _run(
        self,
        middlewares: Sequence[ClientMiddlewareType],
        request: ClientRequest,
        handle: ClientHandlerType,
    ) -> ClientResponse:
        body = request.payload
        request = request.copy()
        request.replaced = ()
        innermost = _Innermost(handle)
        handler: ClientHandlerType = innermost
        for middleware in reversed(middlewares):
            handler = _around(middleware, handler)
        try:
            return await handler(request)
        except Exception:
            raise  # a middleware's own error may carry the response to the caller
        except BaseException:
            # A middleware that is cancelled has no reason to know that it holds a connection.
            for response in innermost.got:
                response.close()
            raise
        finally:
            for each in (*request.replaced, request.payload):
                if each is not None and each is not body:
                    with CancelScope(shield=True, deadline=current_time() + _CLOSE_BODY_SECONDS):
                        await each.close()


class _Innermost:
    """The handler of the last middleware: sends, the second time with the body from its start.

    Attributes:
        got: the responses so far.
    """

    def __init__(self, handle: ClientHandlerType) -> None:
        self._handle = handle
        self._begun = False
        self.got: list[ClientResponse] = []

    async def __call__(self, request: ClientRequest) -> ClientResponse:
        if self._begun:
            spawn = request.call.spawn
            if spawn is not None and spawn.running:
                await spawn.stop()  # the body is one attempt's at a time
            await rewind(request)
        self._begun = True
        response = await self._handle(request)
        self.got.append(response)
        return response


def _around(middleware: ClientMiddlewareType, handle: ClientHandlerType) -> ClientHandlerType:
    # Positional, because users name the second parameter as they like.
    return lambda request: middleware(request, handle)


async def rewind(request: ClientRequest) -> None:
    """Take the body back to its start, for a request that is sent again.

    Raises:
        BodyNotReplayableError: it was consumed and cannot be had again.
    """
    body = request.payload
    if body is None:
        return
    if body.consumed:
        raise BodyNotReplayableError(
            f"{request.method} {request.url} must be sent again, but its body was consumed and "
            "cannot be replayed; send bytes or a seekable file (for a redirect, "
            "allow_redirects=False is another way)"
        )
    await body.rewind()
