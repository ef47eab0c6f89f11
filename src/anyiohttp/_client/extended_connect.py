"""A WebSocket's handshake on a stream of HTTP/2 (RFC 8441).

Knows: what of the handshake HTTP/2 says otherwise; when its connection may be used for it.
Must not know: how the request is sent; what is said after the handshake.
Called by: the sending step of `pipeline`.

A connection that carries other requests, and whose server has said that it knows how, carries the
WebSocket, too. None is made for it: whether a server knows is only known once it has been asked,
and a WebSocket over HTTP/1.1 works everywhere. Only where nothing but HTTP/2 may be spoken is it
tried anyway.
"""

from __future__ import annotations

from dataclasses import replace

from .._connect.base_connector import BaseConnector
from .._connect.key import ConnectionKey
from .._connect.pool import Lease
from .._net.call import Call
from .._protocol.base import RequestHead

__all__ = ("as_extended_connect", "lease_for_websocket")

#: They belong to the handshake of HTTP/1.1.
_NOT_SAID = frozenset({"connection", "upgrade", "sec-websocket-key"})


def as_extended_connect(head: RequestHead) -> RequestHead:
    """Return a handshake as HTTP/2 says it."""
    fields = tuple((name, value) for name, value in head.headers if name.lower() not in _NOT_SAID)
    return replace(head, method="CONNECT", headers=fields, upgrade=False, protocol="websocket")


async def lease_for_websocket(
    connector: BaseConnector, key: ConnectionKey, call: Call
) -> Lease | None:
    """Return a place on a connection that can carry a WebSocket; ``None`` if HTTP/1.1 is better.

    Args:
        connector: where connections come from.
        key: of those that may speak HTTP/2.
        call: whose limits apply.

    Raises: as `BaseConnector.acquire`.
    """
    if not key.may_multiplex:
        return None
    lease = connector.acquire_nowait(key, call)
    if "http/1.1" not in key.versions:
        return lease or await connector.acquire(key, call)
    if lease is not None and not lease.connection.extended_connect:
        lease.release()
        return None
    return lease
