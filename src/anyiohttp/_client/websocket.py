"""A WebSocket as aiohttp's users have it: messages, pings and the closing handshake.

Knows: the public names, types and options of aiohttp's `ClientWebSocketResponse`.
Must not know: how a WebSocket lives and ends (`conversation`), frames, the handshake.
Called by: `websocket_connect` makes one for each handshake; users have it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload

from .._message.connection_info import extra_info
from .._message.response import ClientResponse
from .._protocol.websocket.messages import WSCloseCode, WSMessage, WSMsgType
from ..exceptions import WSMessageTypeError
from ..typedefs import JSONDecoder, JSONEncoder
from .conversation import Conversation, Manners, Message

if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultTypeVar

    from .._protocol.websocket.connection import WebSocketConnection

    DecodeText = DefaultTypeVar("DecodeText", bound=bool, covariant=True, default=Literal[True])
else:
    DecodeText = TypeVar("DecodeText", bound=bool, covariant=True)

__all__ = ("ClientWebSocketResponse",)

Self = TypeVar("Self", bound="ClientWebSocketResponse[bool]")
_True = Literal[True]
_False = Literal[False]


class ClientWebSocketResponse(Generic[DecodeText]):
    """An open WebSocket; made by ``session.ws_connect``.

    One task at a time may receive; any number may send and close. As ``async with`` it is closed at
    the end of the block, which waits for the peer to close, too, unless the block was cancelled. As
    ``async for`` it gives messages until it is closed.

    Args:
        connection: carries the frames.
        response: of the handshake.
        protocol: the subprotocol that was agreed on.
        manners: how it is held.
        compress: the size of our window in bits, if compression was agreed on; else 0.
        client_notakeover: whether we compress each message anew.
    """

    def __init__(
        self,
        connection: WebSocketConnection,
        response: ClientResponse,
        *,
        manners: Manners,
        protocol: str | None = None,
        compress: int = 0,
        client_notakeover: bool = False,
    ) -> None:
        self._response = response
        self._protocol = protocol
        self._compress = compress
        self._client_notakeover = client_notakeover
        self._conversation = Conversation(connection, manners, response.close)

    def __repr__(self) -> str:
        url = self._response.url.with_user(None)
        return f"<{type(self).__name__} {self._conversation.state} {url}>"

    def __del__(self, _warnings: Any = warnings) -> None:
        conversation = vars(self).get("_conversation")  # there is none if construction failed
        if conversation is not None and not conversation.closed:
            _warnings.warn(f"Unclosed WebSocket {self!r}", ResourceWarning, 2, self)
            conversation.connection.abort()

    # --- what it is ---

    @property
    def closed(self) -> bool:
        """Whether nothing more can be sent or received."""
        return self._conversation.closed

    @property
    def close_code(self) -> int | None:
        """Why it was closed: the peer's code, 1005 if it gave none, 1006 if the connection failed
        or the peer did not answer in time; ``None`` while it is open.
        """
        return self._conversation.close_code

    @property
    def protocol(self) -> str | None:
        """The subprotocol that was agreed on."""
        return self._protocol

    @property
    def compress(self) -> int:
        """The size of our compression window in bits; 0 if nothing is compressed."""
        return self._compress

    @property
    def client_notakeover(self) -> bool:
        """Whether we compress each message anew (``client_no_context_takeover``)."""
        return self._client_notakeover

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection while it is open.

        Args:
            name: see `ClientResponse.get_extra_info`.
            default: what to return if nothing is known.
        """
        conversation = self._conversation
        if conversation.closed:
            return default
        return extra_info(conversation.connection.stream, name, default)

    def exception(self) -> BaseException | None:
        """Return what ended the connection, if it was not closed as it should be."""
        return self._conversation.exception

    # --- sending ---

    async def ping(self, message: bytes = b"") -> None:
        """Send a ping, of at most 125 bytes (see `send_frame`)."""
        await self.send_frame(message, WSMsgType.PING)

    async def pong(self, message: bytes = b"") -> None:
        """Send a pong, of at most 125 bytes (see `send_frame`)."""
        await self.send_frame(message, WSMsgType.PONG)

    async def send_frame(
        self, message: bytes, opcode: WSMsgType, compress: int | None = None
    ) -> None:
        """Send a frame: a whole message, or a control frame.

        Args:
            message: what it carries.
            opcode: what it is.
            compress: compress this message by itself, with a window of so many bits, where
                compression was agreed on; by default as all others.

        Raises:
            ClientConnectionResetError: the WebSocket is closed.
            ClientConnectionError: the connection has failed.
            InvalidRequestError: there is no such frame.

        Cancelled, it has been sent whole, or will be with what is sent next, or not at all; the
        WebSocket goes on.
        """
        await self._conversation.send(opcode, message, compress)

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send a text message (see `send_frame`).

        Raises:
            TypeError: it is no ``str``.
        """
        if not isinstance(data, str):
            raise TypeError(f"data argument must be str ({type(data)!r})")
        await self._conversation.send(WSMsgType.TEXT, data.encode(), compress)

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Send a binary message (see `send_frame`).

        Raises:
            TypeError: it is no ``bytes``, ``bytearray`` or ``memoryview``.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        await self._conversation.send(WSMsgType.BINARY, data, compress)

    async def send_json(
        self, data: Any, compress: int | None = None, *, dumps: JSONEncoder = json.dumps
    ) -> None:
        """Send ``data`` as JSON in a text message (see `send_frame`)."""
        await self.send_str(dumps(data), compress)

    async def send_json_bytes(
        self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], bytes]
    ) -> None:
        """Send ``data`` as JSON in a binary message (see `send_frame`)."""
        await self.send_bytes(dumps(data), compress)

    # --- receiving ---

    @overload
    async def receive(
        self: ClientWebSocketResponse[_True], timeout: float | None = None
    ) -> WSMessage: ...
    @overload
    async def receive(
        self: ClientWebSocketResponse[bool], timeout: float | None = None
    ) -> Message: ...
    async def receive(self, timeout: float | None = None) -> Message:
        """Return the next message.

        A CLOSE is returned once, and answered unless ``autoclose=False``. What breaks a rule is
        answered by closing and returned as an ERROR. When another task closes meanwhile, CLOSING is
        returned (CLOSED if several do); once all is over, or the connection has failed, CLOSED (see
        `exception`).

        Args:
            timeout: seconds; by default `ClientWSTimeout.ws_receive`.

        Raises:
            SocketTimeoutError: nothing came in time; the WebSocket goes on.
            RuntimeError: another task is receiving.

        Cancelled, it has lost nothing, and the WebSocket goes on.
        """
        return await self._conversation.receive(timeout)

    @overload
    async def receive_str(
        self: ClientWebSocketResponse[_True], *, timeout: float | None = None
    ) -> str: ...
    @overload
    async def receive_str(
        self: ClientWebSocketResponse[_False], *, timeout: float | None = None
    ) -> bytes: ...
    @overload
    async def receive_str(
        self: ClientWebSocketResponse[bool], *, timeout: float | None = None
    ) -> str | bytes: ...
    async def receive_str(self, *, timeout: float | None = None) -> str | bytes:
        """Return the next message, which must be text: as bytes with ``decode_text=False``.

        Raises:
            WSMessageTypeError: it is another.

        Raises also as `receive`; cancellation as there.
        """
        return cast("str | bytes", await self._receive_a(WSMsgType.TEXT, timeout))

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Return the next message, which must be binary.

        Raises:
            WSMessageTypeError: it is another.

        Raises also as `receive`; cancellation as there.
        """
        return cast("bytes", await self._receive_a(WSMsgType.BINARY, timeout))

    async def receive_json(
        self,
        *,
        loads: JSONDecoder | Callable[[bytes], Any] = json.loads,
        timeout: float | None = None,
    ) -> Any:
        """Return the next message, which must be text, read as JSON.

        Raises:
            WSMessageTypeError: it is another.
            ValueError: it is no JSON.

        Raises also as `receive`; cancellation as there.
        """
        data: Any = await self._receive_a(WSMsgType.TEXT, timeout)
        return loads(data)

    async def _receive_a(self, kind: WSMsgType, timeout: float | None) -> object:
        message: Message = await self.receive(timeout)
        if message.type is not kind:
            raise WSMessageTypeError(
                f"Received message {message.type}:{message.data!r} is not WSMsgType.{kind.name}"
            )
        return message.data

    def __aiter__(self: Self) -> Self:
        return self

    @overload
    async def __anext__(self: ClientWebSocketResponse[_True]) -> WSMessage: ...
    @overload
    async def __anext__(self: ClientWebSocketResponse[bool]) -> Message: ...
    async def __anext__(self) -> Message:
        message: Message = await self.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
            raise StopAsyncIteration
        return message

    # --- the heartbeat ---

    @property
    def has_heartbeat(self) -> bool:
        """Whether the peer is asked whether it is still there."""
        return bool(self._conversation.manners.heartbeat)

    async def keep_heartbeat(self) -> None:
        """Keep the heartbeat's time; run by the block of ``async with session.ws_connect(…)``."""
        await self._conversation.keep_heartbeat()

    # --- closing ---

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes | str = b"") -> bool:
        """Close the WebSocket: say so, and wait for the peer to say it too.

        A task that receives meanwhile gets CLOSING at once.

        Args:
            code: why. Codes that are never sent (1005, 1006, 1015) are left out.
            message: the reason, at most 123 bytes.

        Returns:
            Whether it was this call that closed it.

        Raises:
            InvalidRequestError: the code or the reason must not be sent; the connection is closed
                without them.

        It takes at most `ClientWSTimeout.ws_close`; what goes wrong is told by `close_code` and
        `exception`. Cancelled, it closes the connection at once.
        """
        return await self._conversation.close(code, message)

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None and not issubclass(exc_type, Exception):
            # Cancelled, by asyncio's own means maybe, which say so only once: nobody is waited for.
            self._conversation.abandon()
        else:
            await self.close()
