"""A small HTTP/1.1 server and proxy on the loopback interface, to show and test a client with.

It speaks HTTP by itself, with none of the client's code above byte streams: a misunderstanding of
the client's is not shared by its server. It is not meant to face the internet.

    async with serve(tls=context) as server:
        ...  # server.url, server.tls_url, server.unix_path, server.proxy_url, server.counts
"""

from .connection import Handler
from .messages import BodyWriter, Request, Response, Send, Takeover, json_response
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
