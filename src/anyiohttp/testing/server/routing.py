"""Which handler answers a request: the one whose path it names.

Knows: paths.
Must not know: connections, framing, what handlers do.
Called by: the servers, for handlers given by path.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from .connection import Handler
from .messages import Request, Response

__all__ = ("router",)


def router(routes: Mapping[str, Handler]) -> Handler:
    """Return a handler that chooses one of ``routes`` by the request's path.

    Args:
        routes: handlers by path; a ``{name}`` between two slashes stands for any text.
    """
    table = [(path.split("/"), handler) for path, handler in routes.items()]

    async def route(request: Request) -> Response:
        segments = request.target.partition("?")[0].split("/")
        for expected, handler in table:
            if len(expected) == len(segments) and all(
                want == got or want.startswith("{")
                for want, got in zip(expected, segments, strict=True)
            ):
                request.params = tuple(
                    unquote(got)
                    for want, got in zip(expected, segments, strict=True)
                    if want.startswith("{")
                )
                return await handler(request)
        return Response(404, f"there is no {request.path}\n".encode())

    return route
