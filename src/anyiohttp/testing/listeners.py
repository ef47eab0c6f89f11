"""Who answers at a host and port, and how a connection to it is set up.

Knows: the layers of the peer's end: faults on the wire, TLS, faults inside it, the script.
Must not know: names, addresses, tasks.
Called by: `network`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from yarl import URL

from .._net.streams import NetworkStream
from .._net.tls import TLSStream
from .faults import NO_FAULTS, Faults, FaultyStream
from .peers import Peer, Script
from .server.wire import PEER_GONE
from .streams import MemoryStream

__all__ = ("FaultPlan", "Listener")

#: What goes wrong with each connection of a listener, or a function of the connection's number.
FaultPlan = Faults | Callable[[int], Faults]


class Listener:
    """A host and port at which a peer answers; made by `MemoryNetwork`.

    Attributes:
        host: its name.
        port: its port.
        tls: the context of its TLS, if it speaks TLS.
        faults: what goes wrong on the way to the client, for connections opened from now on.
        upload_faults: the same with what the client sends.
        connections: how many were opened so far.
        requests: how many request heads arrived; only counted for handlers.
        tls_failures: how many TLS handshakes failed.
    """

    def __init__(
        self, host: str, port: int, peer: Script, tls: ssl.SSLContext | None, faults: FaultPlan
    ) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.faults: FaultPlan = faults
        self.upload_faults: FaultPlan = NO_FAULTS
        self.connections = 0
        self.requests = 0
        self.tls_failures = 0
        self._peer = peer

    def __repr__(self) -> str:
        return f"<Listener {self.host}:{self.port} connections={self.connections}>"

    @property
    def url(self) -> URL:
        """The root of what is served: ``http://host:port/``, or https if it speaks TLS."""
        scheme = "https" if self.tls else "http"
        return URL.build(scheme=scheme, host=self.host, port=self.port, path="/")

    async def converse(self, transport: MemoryStream, number: int) -> None:
        """Play the peer on one connection, and close it."""
        sending, receiving = _planned(self.faults, number), _planned(self.upload_faults, number)
        stream: NetworkStream = _faulty(transport, transport, sending, receiving, "wire")
        try:
            if self.tls is not None:
                stream = secure = TLSStream(stream, self.tls, server_side=True)
                try:
                    await secure.handshake()
                except PEER_GONE:
                    self.tls_failures += 1
                    raise
            stream = _faulty(stream, transport, sending, receiving, "plaintext")
            await self._peer(Peer(stream, transport, number))
            await stream.aclose()
        except PEER_GONE:
            pass  # the client has gone before the script's end, or the faults have ended it


def _planned(plan: FaultPlan, number: int) -> Faults:
    return plan if isinstance(plan, Faults) else plan(number)


def _faulty(
    stream: NetworkStream,
    transport: MemoryStream,
    sending: Faults,
    receiving: Faults,
    layer: str,
) -> NetworkStream:
    """Put on ``stream`` those faults that belong on this layer; nothing, if there are none."""
    sending = sending if sending and sending.layer == layer else NO_FAULTS
    receiving = receiving if receiving and receiving.layer == layer else NO_FAULTS
    if not (sending or receiving):
        return stream
    return FaultyStream(stream, transport, sending, receiving)
