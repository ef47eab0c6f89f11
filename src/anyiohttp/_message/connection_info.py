"""What is known of a connection, by aiohttp's (asyncio's) names.

Knows: which name stands for which attribute of a stream.
Must not know: whose connection it is.
Called by: `response`, and ``_client.websocket``.
"""

from __future__ import annotations

from typing import Any

from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSAttribute

from .._net.streams import NetworkStream

__all__ = ("extra_info",)

_ATTRIBUTES = {
    "cipher": TLSAttribute.cipher,
    "peercert": TLSAttribute.peer_certificate,
    "peername": SocketAttribute.remote_address,
    "socket": SocketAttribute.raw_socket,
    "sockname": SocketAttribute.local_address,
    "ssl_object": TLSAttribute.ssl_object,
}


def extra_info(stream: NetworkStream | None, name: str, default: Any = None) -> Any:
    """Return what is known of the connection that a stream is.

    Args:
        stream: ``None`` if there is none any more.
        name: ``peername``, ``sockname``, ``socket``, ``ssl_object``, ``cipher``, ``peercert``.
        default: what to return if nothing is known.
    """
    attribute = _ATTRIBUTES.get(name)
    if stream is None or attribute is None:
        return default
    return stream.extra(attribute, default)  # noqa: S610 (not Django's)
