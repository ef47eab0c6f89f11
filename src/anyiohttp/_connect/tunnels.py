"""A tunnel through an HTTP proxy: CONNECT (RFC 9110 9.3.6).

Knows: what to say to a proxy, and which answers mean yes.
Must not know: how the proxy was reached, what will go through the tunnel.
Called by: `dialing`.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from http import HTTPStatus

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .._net.call import Call
from .._net.streams import NetworkStream
from .._protocol.base import RawHeaders, RequestHead
from .._protocol.opening import open_connection
from ..exceptions import (
    ClientConnectionResetError,
    ClientHttpProxyError,
    ClientOSError,
    ServerDisconnectedError,
)
from .challenges import parse_challenges
from .key import ConnectionKey, ProxyRoute, port_of
from .resolver import without_zone

__all__ = ("ConnectInfo", "open_tunnel")

_WHO_ARE_YOU = 407


@dataclass(frozen=True, slots=True)
class ConnectInfo:
    """What was asked of the proxy, for the error that tells of its refusal.

    The credentials are left out of ``headers``.
    """

    url: URL
    method: str
    headers: CIMultiDictProxy[str] = field(repr=False)  # a proxy's other fields are secrets, too
    real_url: URL = field(repr=False)


async def open_tunnel(
    stream: NetworkStream, key: ConnectionKey, route: ProxyRoute, call: Call
) -> NetworkStream:
    """Have the proxy at the other end of ``stream`` connect us to the target.

    Args:
        stream: a connection to the proxy, which belongs to the returned stream from now on.
        key: the target.
        route: how to greet the proxy.
        call: limits and host for messages.

    Returns:
        A stream to the target. What the target said already comes out of it first.

    Raises:
        ClientHttpProxyError: the proxy refused; status, reason and headers are its answer's.
        OSError: the proxy ended the connection instead of answering.
        ClientError: the proxy's answer is not HTTP, or a limit of the call ran out.

    On any exception, cancellation included, the stream is aborted.
    """
    authority = _authority(key)
    headers = [*route.headers]
    if not any(name.lower() == "proxy-authorization" for name, _ in headers):
        authorization = route.authorization
        if authorization is not None:
            headers.append(("Proxy-Authorization", authorization))
    head = RequestHead("CONNECT", "http", authority, "", headers)
    try:
        connection = open_connection(stream)
        connection.reserve()
        exchange = await connection.exchange(head, None, call)
        answer = exchange.head
        if 200 <= answer.status < 300:
            return exchange.upgrade()
        fields = _decoded(answer.headers)
        raise ClientHttpProxyError(
            _connect_info(key, route),
            (),
            status=answer.status,
            message=(answer.reason or _phrase(answer.status)) + _unsupported(answer.status, fields),
            headers=fields,
        )
    except (ServerDisconnectedError, ClientConnectionResetError, ClientOSError) as exc:
        stream.abort()
        # The peer of this exchange is the proxy, not the host the call's messages speak of.
        text = f"the proxy ended the connection instead of answering CONNECT {authority}"
        raise ConnectionResetError(errno.ECONNRESET, text) from exc
    except BaseException:
        stream.abort()
        raise


def _authority(key: ConnectionKey) -> str:
    """Return host and port as CONNECT wants them: always a port, IPv6 in brackets, no zone."""
    host = without_zone(key.host)
    return f"[{host}]:{port_of(key)}" if ":" in host else f"{host}:{port_of(key)}"


def _connect_info(key: ConnectionKey, route: ProxyRoute) -> ConnectInfo:
    url = URL(f"{'https' if key.is_ssl else 'http'}://{_authority(key)}")
    shown: CIMultiDict[str] = CIMultiDict(route.headers)
    shown.popall("Proxy-Authorization", None)
    return ConnectInfo(url, "CONNECT", CIMultiDictProxy(shown), url)


def _decoded(headers: RawHeaders) -> CIMultiDictProxy[str]:
    fields: CIMultiDict[str] = CIMultiDict()
    for name, value in headers:
        fields.add(
            name.decode("ascii", "surrogateescape"), value.decode("utf-8", "surrogateescape")
        )
    return CIMultiDictProxy(fields)


def _unsupported(status: int, fields: CIMultiDictProxy[str]) -> str:
    """Say of a proxy that wants credentials of which kind, if it is none that there are."""
    if status != _WHO_ARE_YOU:
        return ""
    schemes = {each.scheme for each in parse_challenges(fields.getall("Proxy-Authenticate", ()))}
    if not schemes or "basic" in schemes:
        return ""
    wanted = " or ".join(sorted(scheme.title() for scheme in schemes))
    return f" (the proxy wants {wanted} credentials, and only Basic is supported for proxies)"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
