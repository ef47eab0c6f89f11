"""What is said on a WebSocket, as aiohttp names it.

Knows: the names and numbers of RFC 6455, and aiohttp's own.
Must not know: how anything is framed; the ``websockets`` library, which is not loaded for this.
Called by: users, `frames`, and ``_client.websocket``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple

__all__ = (
    "WS_CLOSED_MESSAGE",
    "WS_CLOSING_MESSAGE",
    "WSCloseCode",
    "WSMessage",
    "WSMessageTextBytes",
    "WSMsgType",
)


class WSCloseCode(IntEnum):
    """Why a WebSocket was closed (RFC 6455 7.4.1 and IANA's registry)."""

    OK = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    ABNORMAL_CLOSURE = 1006
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014


class WSMsgType(IntEnum):
    """What a message is: the opcodes of RFC 6455 11.8, and three that are never on the wire."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    PING = 0x9
    PONG = 0xA
    CLOSE = 0x8

    #: Another task has called ``close`` while this one was receiving.
    CLOSING = 0x100
    #: The WebSocket is closed.
    CLOSED = 0x101
    #: Something went wrong; the message's data is the exception.
    ERROR = 0x102

    text = TEXT
    binary = BINARY
    ping = PING
    pong = PONG
    close = CLOSE
    closing = CLOSING
    closed = CLOSED
    error = ERROR


class WSMessage(NamedTuple):
    """A message.

    Attributes:
        type: what it is.
        data: ``str`` of a TEXT; ``bytes`` of a BINARY, PING or PONG; the code of a CLOSE, 0 if
            there was none; the exception of an ERROR; else ``None``.
        extra: the reason of a CLOSE.
    """

    type: WSMsgType
    data: Any
    extra: str | None

    def json(self, *, loads: Callable[[Any], Any] = json.loads) -> Any:
        """Return the data, read as JSON."""
        return loads(self.data)


class WSMessageTextBytes(NamedTuple):
    """A TEXT message as bytes that were not decoded (``decode_text=False``).

    Attributes:
        type: always TEXT.
        data: the bytes; whether they are UTF-8 was not looked at.
        extra: empty.
    """

    type: WSMsgType
    data: Any
    extra: str | None

    def json(self, *, loads: Callable[[Any], Any] = json.loads) -> Any:
        """Return the data, read as JSON."""
        return loads(self.data)


WS_CLOSED_MESSAGE: Final = WSMessage(WSMsgType.CLOSED, None, None)
WS_CLOSING_MESSAGE: Final = WSMessage(WSMsgType.CLOSING, None, None)
