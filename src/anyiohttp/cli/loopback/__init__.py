"""A small HTTP/1.1 server and proxy on the loopback interface, to show and test a client with.

`anyiohttp.testing.server` speaks HTTP for it; here are its sockets and what it offers.

    async with serve(tls=context) as server:
        ...  # server.url, server.tls_url, server.unix_path, server.proxy_url, server.counts
"""

from ...testing.server.connection import Handler
from ...testing.server.messages import (
    BodyWriter,
    Request,
    Response,
    Send,
    Takeover,
    json_response,
)
from .server import Counts, LoopbackServer, serve

__all__ = (
    "BodyWriter",
    "Counts",
    "Handler",
    "LoopbackServer",
    "Request",
    "Response",
    "Send",
    "Takeover",
    "json_response",
    "serve",
)
