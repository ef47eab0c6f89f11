"""How a WebSocket lives and ends: who receives, pings, the heartbeat, the closing handshake.

Knows: when it is open, closing and closed, and who is told what.
Must not know: frames, compression, how the handshake was made, what users call things.
Called by: `websocket`, which shows it to users.

There is no hidden task. Whoever waits in `receive` reads for all, answers pings and keeps the
heartbeat's time. In the block of ``async with session.ws_connect(…, heartbeat=…)`` a task of that
block keeps the time as well (`keep_heartbeat`), so that it is kept while nobody receives.

Cancellation: a cancelled `receive` has lost no message, and the next one goes on. A cancelled send
has sent its message whole or not at all; the WebSocket goes on. A cancelled `close` closes at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from .._protocol.websocket.messages import (
    WS_CLOSED_MESSAGE,
    WS_CLOSING_MESSAGE,
    WSCloseCode,
    WSMessage,
    WSMessageTextBytes,
    WSMsgType,
)
from ..exceptions import (
    ClientConnectionResetError,
    ClientError,
    InvalidRequestError,
    ServerTimeoutError,
    SocketTimeoutError,
    WebSocketError,
)
from .heartbeat import Heartbeat

if TYPE_CHECKING:
    from .._protocol.websocket.connection import WebSocketConnection

__all__ = ("ClientWSTimeout", "Conversation", "Manners", "Message")

Message = WSMessage | WSMessageTextBytes

#: What stands for "the peer's close frame had no code" (RFC 6455 7.1.5).
_NO_CODE = 1005


@dataclass(frozen=True, slots=True)
class ClientWSTimeout:
    """The limits of a WebSocket, in seconds; ``None`` or 0 means no limit.

    Args:
        ws_receive: waiting in one ``receive``; it starts anew with each ping and pong.
        ws_close: the whole closing handshake.
    """

    ws_receive: float | None = None
    ws_close: float | None = 10.0


@dataclass(frozen=True, slots=True)
class Manners:
    """How a conversation is held.

    Args:
        timeout: limits.
        autoclose: whether the peer's close frame is answered by itself.
        autoping: whether pings are answered, and pongs swallowed, by themselves.
        heartbeat: seconds of silence after which the peer is asked whether it is there; or never.
    """

    timeout: ClientWSTimeout = ClientWSTimeout()
    autoclose: bool = True
    autoping: bool = True
    heartbeat: float | None = None


class Conversation:
    """One WebSocket, from its handshake to its end.

    Args:
        connection: carries the frames.
        manners: how it is held.
        on_end: called when the connection has been given up; maybe more than once.

    Attributes:
        closed: whether nothing more can be sent or received.
        close_code: why; ``None`` while it is open.
        exception: what ended it, if it was not closed as it should be.
        connection: carries the frames.
        manners: how it is held.
    """

    def __init__(
        self, connection: WebSocketConnection, manners: Manners, on_end: Callable[[], object]
    ) -> None:
        self.connection = connection
        self.manners = manners
        self.closed = False
        self.close_code: int | None = None
        self.exception: BaseException | None = None
        self._on_end = on_end
        seconds = manners.heartbeat
        self._heartbeat = Heartbeat(seconds, anyio.current_time()) if seconds else None
        self._closing = False
        self._insisted = False
        self._waiting = False
        self._receiver_left: anyio.Event | None = None

    @property
    def state(self) -> str:
        """In one word."""
        return "closed" if self.closed else "closing" if self._closing else "open"

    # --- sending ---

    async def send(
        self, opcode: WSMsgType, data: bytes | bytearray | memoryview, compress: int | None
    ) -> None:
        """Send a frame (see `ClientWebSocketResponse.send_frame`)."""
        if self.closed:
            raise ClientConnectionResetError("Cannot write to closing transport")
        await self.connection.send(opcode, data, compress)

    # --- receiving ---

    async def receive(self, timeout: float | None = None) -> Message:
        """Return the next message (see `ClientWebSocketResponse.receive`)."""
        seconds = timeout or self.manners.timeout.ws_receive or math.inf
        while True:
            if self._waiting:
                raise RuntimeError("Concurrent call to receive() is not allowed")
            if self.closed:
                return WS_CLOSED_MESSAGE
            if self._closing:
                await self.close(WSCloseCode.OK, b"")
                return WS_CLOSED_MESSAGE
            try:
                message = await self._receive_one(seconds)
                if not (self.manners.autoping and self._is_heartbeat(message)):
                    break
            except WebSocketError as exc:
                self.close_code = exc.code
                await self.close(exc.code, b"")
                return WSMessage(WSMsgType.ERROR, exc, None)
            except SocketTimeoutError:
                raise
            except ServerTimeoutError as exc:
                self._fail(exc)
                return WSMessage(WSMsgType.ERROR, exc, None)
            except ClientError as exc:
                self._fail(exc)
                return WS_CLOSED_MESSAGE
        if message.type is WSMsgType.CLOSE:
            self._closing = True
            self.close_code = message.data or _NO_CODE
            if self.manners.autoclose:
                await self.close(WSCloseCode.OK, b"")
        return message

    def _is_heartbeat(self, message: Message) -> bool:
        """Answer a ping; tell whether it is one, or a pong."""
        if message.type is WSMsgType.PING:
            try:
                self.connection.send_soon(WSMsgType.PONG, message.data)
            except ClientError:
                pass  # what has come already is received all the same, and then the end
            return True
        return message.type is WSMsgType.PONG

    async def _receive_one(self, seconds: float) -> Message:
        """Wait for the next message or control frame."""
        connection = self.connection
        self._waiting = True
        try:
            if connection.owes_a_turn():
                await checkpoint()
            message = connection.next_message()
            if message is not None:
                return message
            deadline = anyio.current_time() + seconds if seconds != math.inf else math.inf
            # Another task may have begun to close before there was a wait to interrupt.
            while not self._closing:
                if self._heartbeat is not None:
                    await self._wait_with_heartbeat(self._heartbeat, deadline, seconds)
                elif not await connection.wait(deadline):
                    self._waited_in_vain(seconds, limited=True)
                message = connection.next_message()
                if message is not None:
                    return message
        finally:
            self._waiting = False
            if self._receiver_left is not None:
                self._receiver_left.set()
        # As in aiohttp: who receives while several close is told that all is over.
        return WS_CLOSED_MESSAGE if self._insisted else WS_CLOSING_MESSAGE

    async def _wait_with_heartbeat(
        self, heartbeat: Heartbeat, deadline: float, seconds: float
    ) -> None:
        due = heartbeat.deadline
        if await self.connection.wait(min(deadline, due)):
            heartbeat.heard(anyio.current_time())
        else:
            self._waited_in_vain(seconds, limited=deadline <= due)

    def _waited_in_vain(self, seconds: float, *, limited: bool) -> None:
        """A wait has ended because it was interrupted, or by the one limit or the other."""
        if self._closing:
            return
        if limited:
            raise _timeout(
                "ws_receive", seconds, "waiting for a message from", self.connection.host
            )
        if self._heartbeat is not None:
            self._keep_time(self._heartbeat)

    # --- the heartbeat ---

    async def keep_heartbeat(self) -> None:
        """Keep the heartbeat's time until the WebSocket is closed, also while nobody receives.

        It is run by the block of ``async with session.ws_connect(…, heartbeat=…)``.
        """
        heartbeat = self._heartbeat
        while heartbeat is not None and not (self.closed or self._closing):
            await anyio.sleep_until(heartbeat.deadline)
            if self._waiting or anyio.current_time() < heartbeat.deadline:
                continue  # who receives keeps the time; or the peer has been heard of meanwhile
            try:
                self._keep_time(heartbeat)
            except ServerTimeoutError as exc:
                self._fail(exc)
            except ClientError:
                return  # the connection has ended; who receives will find out what came before

    def _keep_time(self, heartbeat: Heartbeat) -> None:
        """The heartbeat's time has come: ask the peer, or give it up.

        Raises:
            ServerTimeoutError: it has not answered in time.
            ClientConnectionError: the connection has ended or failed.
        """
        now = anyio.current_time()
        if self.connection.collect():
            heartbeat.heard(now)
        elif heartbeat.ask(now):
            self.connection.send_soon(WSMsgType.PING, b"")
        else:
            raise ServerTimeoutError(
                f"No PONG received after {heartbeat.patience:g} seconds from "
                f"{self.connection.host}",
                phase="heartbeat",
                host=self.connection.host,
                seconds=heartbeat.patience,
            )

    # --- closing ---

    async def close(self, code: int, message: bytes | str) -> bool:
        """Close on both sides (see `ClientWebSocketResponse.close`)."""
        if self.closed:
            self._insisted = self._closing
            return False
        self.closed = True
        try:
            if self._waiting:
                self._closing = True
                self._receiver_left = anyio.Event()
                self.connection.interrupt()
                await self._receiver_left.wait()
            self.close_code = await self._shake_hands(code, message)
        except InvalidRequestError:
            self._abort()
            raise
        except ClientError as exc:
            if self.close_code is None:
                self._fail(exc)
            self.connection.abort()  # it was the answer to the peer's close frame that failed
        except BaseException:
            self._abort()
            raise
        self._on_end()
        return True

    def abandon(self) -> None:
        """Close at once, without waiting for anybody: say so if that takes no waiting."""
        if self.closed:
            return
        try:
            self.connection.send_soon(WSMsgType.CLOSE, WSCloseCode.OK.to_bytes(2, "big"))
        except ClientError:
            pass
        self._abort()

    async def _shake_hands(self, code: int, message: bytes | str) -> int:
        """Close on both sides; return the peer's code."""
        from .._protocol.websocket.frames import close_payload

        payload = close_payload(code, message)
        seconds = self.manners.timeout.ws_close or math.inf
        with anyio.CancelScope() as scope:
            if seconds != math.inf:
                scope.deadline = anyio.current_time() + seconds
            await self.connection.send(WSMsgType.CLOSE, payload)
            peers = self.close_code or await self._peers_code()
            await self.connection.aclose()
            return peers
        raise _timeout("ws_close", seconds, "closing the WebSocket to", self.connection.host)

    async def _peers_code(self) -> int:
        """Wait for the peer's close frame; what comes before it is dropped."""
        connection = self.connection
        while True:
            if connection.owes_a_turn():
                await checkpoint()
            message = connection.next_message()
            if message is None:
                await connection.wait()
            elif message.type is WSMsgType.CLOSE:
                return message.data or _NO_CODE

    def _fail(self, exc: Exception) -> None:
        """The connection has failed."""
        self.exception = exc
        self._abort()

    def _abort(self) -> None:
        self.closed = True
        self.close_code = WSCloseCode.ABNORMAL_CLOSURE
        self.connection.abort()
        self._on_end()


def _timeout(phase: str, seconds: float, doing: str, host: str) -> SocketTimeoutError:
    text = f"Timeout of {seconds:g} s ({phase}) while {doing} {host}"
    return SocketTimeoutError(text, phase=phase, host=host, seconds=seconds)
