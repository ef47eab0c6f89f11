"""HTTP's constants, and WebSocket's, under the name of aiohttp's module for them.

Knows: versions, status codes, what this client calls itself, what messages are.
Must not know: anything that is done.
Called by: users.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from ._client.headers import USER_AGENT
from ._protocol.base import HTTP_10, HTTP_11, HttpVersion
from ._protocol.websocket.messages import (
    WS_CLOSED_MESSAGE,
    WS_CLOSING_MESSAGE,
    WSCloseCode,
    WSMessage,
    WSMsgType,
)
from .exceptions import WebSocketError

__all__ = (
    "RESPONSES",
    "SERVER_SOFTWARE",
    "WS_CLOSED_MESSAGE",
    "WS_CLOSING_MESSAGE",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "WSCloseCode",
    "WSMessage",
    "WSMsgType",
    "WebSocketError",
)

HttpVersion10: Final = HTTP_10
HttpVersion11: Final = HTTP_11

#: What goes out as ``User-Agent``.
SERVER_SOFTWARE: Final = USER_AGENT

#: The phrase and the description of each status code that has them.
RESPONSES: Final[Mapping[int, tuple[str, str]]] = {
    status.value: (status.phrase, status.description) for status in HTTPStatus
}
