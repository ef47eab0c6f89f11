"""The steps that tell who traces of a request, and of each attempt to get a response.

Knows: where in the pipeline a request and an attempt begin and end.
Must not know: who listens (`request_trace`), what they are told in between.
Called by: the session, which puts them into the pipeline of traced requests, and into no other.
"""

from __future__ import annotations

from .._message.response import ClientResponse
from .request import ClientRequest
from .steps import Handler

__all__ = ("Trace", "TraceAttempt")


class Trace:
    """Tell those who trace of the start and the end of a request."""

    async def __call__(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        trace = request.trace
        assert trace is not None
        try:
            if request.lines is not None:
                request.begin_hop()  # what listeners change is for this request only
            await trace.start(request.method, request.url, request.headers)
            response = await handle(request)
            try:
                await trace.ended(response)
            except BaseException:
                response.close()
                raise
        except BaseException as exc:
            await trace.failed(exc)
            raise
        return response


class TraceAttempt:
    """Tell those who trace of each attempt: of all that `Send` does once."""

    async def __call__(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        trace = request.trace
        assert trace is not None
        about = {"method": request.method, "url": request.url, "headers": request.headers}
        try:
            await trace.notify("attempt_start", **about)
            response = await handle(request)
            try:
                await trace.notify("attempt_end", response=response, **about)
            except BaseException:
                response.close()
                raise
        except BaseException as exc:
            await trace.tell_failure("attempt_exception", exc, about)
            raise
        return response
