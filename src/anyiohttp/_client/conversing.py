"""What a session opens besides requests: WebSockets and server-sent events.

Knows: the public signatures.
Must not know: how a request is made, which is the session's; how a conversation goes.
Called by: `session`, whose base class it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from .._message.response import ClientResponse
from .._net.deadlines import ClientTimeout
from ..typedefs import StrOrURL
from .contexts import RequestContext
from .request import RequestKwargs

if TYPE_CHECKING:
    from .sse import EventSource, SSEKwargs
    from .websocket import ClientWebSocketResponse
    from .websocket_connect import WebSocketContext, WSConnectKwargs

__all__ = ("OpensConversations",)


class OpensConversations:
    """A session, as far as it opens conversations."""

    _ws_response_class: type[ClientWebSocketResponse[bool]] | None

    def request(
        self, method: str, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a request (`ClientSession.request`)."""
        raise NotImplementedError

    @property
    def timeout(self) -> ClientTimeout:
        """The limits of requests that set none of their own."""
        raise NotImplementedError

    @overload
    def ws_connect(
        self,
        url: StrOrURL,
        *,
        decode_text: Literal[True] = True,
        **kwargs: Unpack[WSConnectKwargs],
    ) -> WebSocketContext[ClientWebSocketResponse[Literal[True]]]: ...
    @overload
    def ws_connect(
        self, url: StrOrURL, *, decode_text: Literal[False], **kwargs: Unpack[WSConnectKwargs]
    ) -> WebSocketContext[ClientWebSocketResponse[Literal[False]]]: ...
    @overload
    def ws_connect(
        self, url: StrOrURL, *, decode_text: bool, **kwargs: Unpack[WSConnectKwargs]
    ) -> WebSocketContext[ClientWebSocketResponse[bool]]: ...
    def ws_connect(
        self, url: StrOrURL, *, decode_text: bool = True, **kwargs: Unpack[WSConnectKwargs]
    ) -> WebSocketContext[Any]:
        """Open a WebSocket (RFC 6455); ``await`` it, or enter it with ``async with``.

        The handshake is a request like others: redirects, cookies, credentials, proxies (for
        ``ws`` and ``wss`` by CONNECT), middlewares and tracing apply to it, and the session's
        ``timeout``.

        Args:
            url: of ``http``, ``https``, ``ws`` or ``wss``.
            decode_text: whether text messages come as ``str``, not as bytes.
            **kwargs: `WSConnectKwargs`. ``protocols`` are offered, the first one liked best.
                ``timeout`` is a `ClientWSTimeout`. ``autoclose`` answers the peer's close frame,
                ``autoping`` its pings. ``heartbeat``: after so many seconds of silence the peer is
                sent a ping; if nothing comes for half as long, the WebSocket is closed with 1006.
                In a block of ``async with session.ws_connect(…)`` a task of that block keeps the
                time; awaited, the time is kept while somebody is in `receive`. ``compress`` (9 to
                15) offers compression, with a window of so many bits for what the server sends.
                ``max_msg_size`` is 4 MiB by default, 0 for no limit. ``origin``, ``method``,
                ``params``, ``headers`` and those of `request` for credentials, proxies and TLS.

        Raises:
            WSServerHandshakeError: the answer is no handshake.
            ValueError: ``compress`` is none of its numbers.

        Raises also as `request`; a cancelled handshake leaves nothing behind.
        """
        from .websocket import ClientWebSocketResponse  # who opens none does not load them
        from .websocket_connect import WebSocketContext, open_websocket

        response_class = self._ws_response_class or ClientWebSocketResponse
        call = open_websocket(self, response_class, url, decode_text, **kwargs)
        return WebSocketContext(call)

    def sse(self, url: StrOrURL, **kwargs: Unpack[SSEKwargs]) -> EventSource:
        """Receive server-sent events (WHATWG HTML 9.2).

        Enter it, and iterate over it::

            async with session.sse(url) as events:
                async for event in events:
                    print(event.event, event.data)

        When the connection ends or fails after it was made once, it is made again, with
        ``Last-Event-ID``.

        Args:
            url: of the events.
            **kwargs: `SSEKwargs`: the options of `request`, of which ``timeout.total`` is for the
                answer's head and ``timeout.sock_read`` for each silence, and ``method``;
                ``last_event_id`` to go on after; ``max_reconnects``, how often in a row without an
                event: 5 by default, ``None`` for ever, and none for methods that must not be
                repeated; ``reconnect_delay`` (3 seconds) before the first of them, unless the
                server says ``retry``, twice as long before each further one, and at most
                ``max_reconnect_delay`` (60); ``max_event_size`` (1 MiB).

        Raises, when entered:
            EventSourceError: the answer is no event stream: the status is not 200, or the
                Content-Type not ``text/event-stream``. 204 is an end without events.

        Raises also as `request`.
        """
        from .sse import EventSource  # as in `ws_connect`

        return EventSource(self, url, kwargs)
