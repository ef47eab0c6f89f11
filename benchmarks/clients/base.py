"""What a workload asks of a client.

Timeouts are on everywhere, so that everybody does the work they cost: 300 seconds in all and 30 to
connect (aiohttp's defaults), or what comes closest.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, Self

from ..server import Site

#: Seconds, as aiohttp's and anyiohttp's defaults have it.
TOTAL = 300.0
CONNECT = 30.0
#: Idle connections are not to expire while somebody measures.
KEEPALIVE = 600.0
#: Bytes of a file read at a time, where the client leaves it to its user.
BLOCK = 65536


class Client(abc.ABC):
    """One client with a pool; an asynchronous context manager.

    Args:
        site: the server.
        limit: connections in all.
        http2: whether to offer HTTP/2 to servers with TLS.
    """

    #: Fewer requests are enough to measure a slow one.
    pace: ClassVar[float] = 1.0

    def __init__(self, site: Site, *, limit: int, http2: bool = False) -> None:
        self.site = site
        self.limit = limit
        self.http2 = http2

    @abc.abstractmethod
    async def __aenter__(self) -> Self: ...

    @abc.abstractmethod
    async def __aexit__(self, *exc: Any) -> None: ...

    @abc.abstractmethod
    async def get(self, url: str) -> bytes:
        """Fetch a whole body."""

    @abc.abstractmethod
    async def post_json(self, url: str, document: object) -> bytes:
        """Send a document, and fetch the whole answer."""

    @abc.abstractmethod
    async def download(self, url: str) -> int:
        """Read a body in whatever pieces it comes, decoded; return its size."""

    @abc.abstractmethod
    async def upload(self, url: str, path: str) -> bytes:
        """Send a file, and fetch the whole answer."""

    async def lines(self, url: str) -> int:
        """Read a body line by line; return how many there were."""
        raise NotImplementedError
