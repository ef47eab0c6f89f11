"""A connector whose connections do not come from sockets.

Knows: how a `TCPConnector` is told to connect otherwise.
Must not know: what it connects to.
Called by: `MemoryNetwork.connector`.
"""

from __future__ import annotations

from typing import Unpack

from .._connect.connectors import TCPConnector, TCPSettings
from .._connect.dialing import Dialer
from .._connect.tcp import Connect

__all__ = ("MemoryConnector",)


class MemoryConnector(TCPConnector):
    """A `TCPConnector` that opens its streams with a function.

    Everything else is the real thing: pool, name cache, happy eyeballs, TLS, CONNECT, HTTP.

    Args:
        connect: opens a stream to one address.
        **settings: see `TCPConnector`.
    """

    def __init__(self, connect: Connect, **settings: Unpack[TCPSettings]) -> None:
        super().__init__(**settings)
        options = self._dial_options
        self._dial_options = options._replace(tcp=options.tcp._replace(connect=connect))
        self._dialer = Dialer(self._dial_options)
