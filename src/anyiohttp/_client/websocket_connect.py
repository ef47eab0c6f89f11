"""Opening a WebSocket: the handshake as a request, and who keeps its heartbeat.

Knows: the options of ``session.ws_connect``; what makes a request a handshake.
Must not know: frames; how requests are made, which is the session's and its pipeline's.
Called by: `session`.

The handshake is an ordinary request: redirects, cookies, credentials, proxies, middlewares and
tracing apply to it. The ``websockets`` library is loaded with the first one.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

import anyio
import anyio.abc
from multidict import CIMultiDict

from .._connect.fingerprint import Fingerprint
from .._message.response import ClientResponse
from ..exceptions import WSServerHandshakeError
from ..typedefs import LooseHeaders, Query, StrOrURL
from .auth import BasicAuth
from .contexts import RequestContext
from .conversation import ClientWSTimeout, Manners
from .options import RequestKwargs
from .unset import UNSET, Unset
from .websocket import ClientWebSocketResponse

__all__ = ("WSConnectKwargs", "WebSocketContext", "open_websocket")

W = TypeVar("W", bound=ClientWebSocketResponse[bool], covariant=True)

#: aiohttp's default: 4 MiB.
_MAX_MSG_SIZE = 4 * 1024 * 1024


class WSConnectKwargs(TypedDict, total=False):
    """The options of ``session.ws_connect``, as aiohttp has them."""

    method: str
    protocols: Iterable[str]
    timeout: ClientWSTimeout | float | Unset | None
    receive_timeout: float | None
    autoclose: bool
    autoping: bool
    heartbeat: float | None
    auth: BasicAuth | None
    origin: str | None
    params: Query
    headers: LooseHeaders | None
    proxy: StrOrURL | None
    proxy_auth: BasicAuth | None
    ssl: ssl_module.SSLContext | bool | Fingerprint | None
    verify_ssl: bool | None
    fingerprint: bytes | None
    ssl_context: ssl_module.SSLContext | None
    server_hostname: str | None
    proxy_headers: LooseHeaders | None
    compress: int
    max_msg_size: int


class Requester(Protocol):
    """Who makes the request: the session."""

    def request(
        self, method: str, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a request (`ClientSession.request`)."""
        ...


async def open_websocket(
    session: Requester,
    make: type[ClientWebSocketResponse[bool]],
    url: StrOrURL,
    decode_text: bool,
    **kwargs: Unpack[WSConnectKwargs],
) -> ClientWebSocketResponse[bool]:
    """Make the handshake, and the WebSocket.

    Args:
        session: makes the request.
        make: the class of what is returned.
        url: of ``http``, ``https``, ``ws`` or ``wss``.
        decode_text: whether text comes out as ``str``.
        **kwargs: see `ClientSession.ws_connect`.

    Raises: as `ClientSession.ws_connect`.
    """
    from .._protocol.websocket.connection import WebSocketConnection
    from .._protocol.websocket.handshake import HandshakeRefused, Offer

    options: dict[str, Any] = dict(kwargs)
    manners = _take_manners(options)
    offer = Offer(options.pop("protocols", ()), options.pop("compress", 0))
    max_size = options.pop("max_msg_size", _MAX_MSG_SIZE)
    fields = _fields(options.pop("headers", None), options.pop("origin", None), offer.fields())
    method = options.pop("method", "GET")
    options |= {"headers": fields, "read_until_eof": False, "upgrade": True}
    response = await session.request(method, url, **options)
    try:
        accepted = offer.accepted(
            response.status, response.headers, http2=response.version == (2, 0)
        )
        exchange = response.connection
        assert exchange is not None, "a 101 leaves its connection open"
        host = f"{response.url.raw_host}:{response.url.port}"
        deflate = accepted.deflate
        connection = WebSocketConnection(
            exchange.upgrade(), host, max_size=max_size, deflate=deflate, decode_text=decode_text
        )
    except HandshakeRefused as exc:
        response.close()
        raise WSServerHandshakeError(
            response.request_info,
            response.history,
            status=response.status,
            message=str(exc),
            headers=response.headers,
        ) from exc.__cause__
    except BaseException:
        response.close()
        raise
    return make(
        connection,
        response,
        manners=manners,
        protocol=accepted.protocol,
        compress=0 if deflate is None else deflate.local_max_window_bits,
        client_notakeover=deflate is not None and deflate.local_no_context_takeover,
    )


def _take_manners(options: dict[str, Any]) -> Manners:
    """Take from the options those that say how the conversation is held.

    A number as ``timeout`` is aiohttp's older way to limit the closing handshake, and
    ``receive_timeout`` its older way to limit a `receive`.
    """
    timeout = options.pop("timeout", UNSET)
    if timeout is UNSET:
        timeout = ClientWSTimeout()
    elif not isinstance(timeout, ClientWSTimeout):
        timeout = ClientWSTimeout(ws_close=timeout)
    receive_timeout = options.pop("receive_timeout", None)
    if receive_timeout is not None:
        timeout = replace(timeout, ws_receive=receive_timeout)
    return Manners(
        timeout,
        autoclose=options.pop("autoclose", True),
        autoping=options.pop("autoping", True),
        heartbeat=options.pop("heartbeat", None),
    )


def _fields(
    headers: LooseHeaders | None, origin: str | None, offered: Iterable[tuple[str, str]]
) -> CIMultiDict[str]:
    """Return the header fields of the handshake; the user may replace those that are the same for
    every one, and no others.
    """
    fields: CIMultiDict[str] = CIMultiDict(headers or ())
    fields.setdefault("Upgrade", "websocket")
    fields.setdefault("Connection", "Upgrade")
    fields.setdefault("Sec-WebSocket-Version", "13")
    for name, value in offered:
        fields[name] = value
    if origin is not None:
        fields["Origin"] = origin
    return fields


class WebSocketContext(RequestContext[W]):
    """A WebSocket that is not open yet: ``await`` it, or enter it with ``async with``.

    Entered, it is closed at the end of the block, and the block keeps its heartbeat.

    Args:
        call: makes the handshake.
    """

    __slots__ = ("_tasks",)

    def __init__(self, call: Coroutine[Any, Any, W]) -> None:
        super().__init__(call)
        self._tasks: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> W:
        websocket = await super().__aenter__()
        if websocket.has_heartbeat:
            self._tasks = anyio.create_task_group()
            await self._tasks.__aenter__()
            self._tasks.start_soon(websocket.keep_heartbeat)
        return websocket

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(exc_type, exc, traceback)
        finally:
            tasks, self._tasks = self._tasks, None
            if tasks is not None:
                tasks.cancel_scope.cancel()
                # What the block raised is none of the heartbeat's business: no group wraps it.
                await tasks.__aexit__(None, None, None)
