"""What a session opens besides requests: WebSockets.

Knows: the public signatures.
Must not know: how a request is made, which is the session's; how a conversation goes.
Called by: `session`, whose base class it is.
"""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

from .._message.response import ClientResponse
from ..typedefs import StrOrURL
from .contexts import RequestContext
from .options import RequestKwargs
from .websocket import ClientWebSocketResponse
from .websocket_connect import WebSocketContext, WSConnectKwargs, open_websocket

__all__ = ("OpensConversations",)


class OpensConversations:
    """A session, as far as it opens conversations."""

    _ws_response_class: type[ClientWebSocketResponse[bool]]

    def request(
        self, method: str, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a request (`ClientSession.request`)."""
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
        self, url: StrOrURL, *, decode_text: bool = True, **kwargs: Unpack[WSConnectKwargs]
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
        call = open_websocket(self, self._ws_response_class, url, decode_text, **kwargs)
        return WebSocketContext(call)
