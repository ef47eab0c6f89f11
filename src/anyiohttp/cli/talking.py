"""A WebSocket between a person, or a pipe, and a server.

Knows: the public WebSocket, standard input, the screen.
Must not know: the options' syntax.
Called by: `websocket_command`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import anyio

from .. import (
    ClientConnectionError,
    ClientWebSocketResponse,
    WSCloseCode,
    WSConnectKwargs,
    WSMsgType,
)
from .exit_codes import ExitCode
from .formatting import size
from .output import Screen
from .plan import Destination
from .sessions import destination_arguments, open_session
from .settings import ConnectionSettings
from .stdin import Lines, StandardInput

__all__ = ("WebSocketPlan", "closing_line", "talk")

_FINE = (0, WSCloseCode.OK, WSCloseCode.GOING_AWAY)


@dataclass(frozen=True, slots=True)
class WebSocketPlan:
    """A conversation.

    Args:
        destination: of http, https, ws or wss.
        protocols: subprotocols, best first.
        heartbeat: seconds between two pings; 0 for none.
        compress: whether compression is offered.
        binary: whether lines are sent as binary messages.
        linger: seconds without a message after the end of the input; then it is closed.
    """

    destination: Destination
    protocols: Sequence[str] = ()
    heartbeat: float = 30.0
    compress: bool = False
    binary: bool = False
    linger: float = 1.0


async def talk(plan: WebSocketPlan, settings: ConnectionSettings, screen: Screen) -> int:
    """Send each line of standard input, and write each message that comes.

    Returns:
        0 if it was closed as it should be; `ExitCode.BROKEN` for any other code.
    """
    arguments, middlewares = destination_arguments(plan.destination, settings)
    options = cast("WSConnectKwargs", arguments)  # it has what `destination_arguments` gives
    options["protocols"] = plan.protocols
    options["heartbeat"] = plan.heartbeat or None
    options["compress"] = 15 if plan.compress else 0
    code, reason = 0, ""
    async with (
        open_session(settings, endless=True, middlewares=middlewares) as session,
        session.ws_connect(plan.destination.url, **options) as socket,
        anyio.create_task_group() as tasks,
    ):
        if screen.err_on_terminal:
            protocol = f" ({socket.protocol})" if socket.protocol else ""
            screen.tell(f"connected{protocol}; Ctrl-D closes", "dim")
        conversation = _Conversation(plan, screen, socket)
        tasks.start_soon(conversation.send_lines)
        code, reason = await conversation.receive()
        tasks.cancel_scope.cancel()
    if screen.err_on_terminal or code not in _FINE:
        screen.tell(closing_line(code, reason), "" if code in _FINE else "red")
    return ExitCode.OK if code in _FINE else ExitCode.BROKEN


def closing_line(code: int, reason: str) -> str:
    """Return how a WebSocket was closed, in a line."""
    try:
        name = WSCloseCode(code).name.lower().replace("_", " ")
    except ValueError:
        name = "" if code else "no code"
    parts = [str(code) if code else "", name if code != WSCloseCode.OK else "", reason]
    return f"closed: {', '.join(filter(None, parts))}"


class _Conversation:
    """The two directions of a conversation.

    Args:
        plan: what was asked for.
        screen: where messages go.
        socket: the WebSocket.
    """

    def __init__(
        self, plan: WebSocketPlan, screen: Screen, socket: ClientWebSocketResponse
    ) -> None:
        self._plan = plan
        self._screen = screen
        self._socket = socket
        self._silent_for: float | None = None
        self._limit = anyio.CancelScope()

    async def send_lines(self) -> None:
        """Send each line; at the end of the input, let the conversation end."""
        source = StandardInput()
        async for line in Lines(source):
            try:
                if self._plan.binary:
                    await self._socket.send_bytes(line.encode())
                else:
                    await self._socket.send_str(line)
            except ClientConnectionError:
                if self._socket.closed:
                    return  # whoever receives knows why
                raise
        # What was asked last is still to be answered; who types has seen the answer.
        self._silent_for = 0.0 if sys.stdin.isatty() else self._plan.linger
        self._limit.deadline = anyio.current_time() + self._silent_for

    async def receive(self) -> tuple[int, str]:
        """Write messages until it is closed; return the code and the reason."""
        socket = self._socket
        with self._limit:
            while True:
                message = await socket.receive()
                if message.type is WSMsgType.TEXT:
                    self._show(str(message.data))
                elif message.type is WSMsgType.BINARY:
                    self._show_bytes(bytes(message.data))
                elif message.type is WSMsgType.ERROR:
                    return socket.close_code or WSCloseCode.ABNORMAL_CLOSURE, str(message.data)
                else:
                    reason = message.extra if message.type is WSMsgType.CLOSE else ""
                    return socket.close_code or 0, str(reason or "")
                if self._silent_for is not None:
                    self._limit.deadline = anyio.current_time() + self._silent_for
        await socket.close()
        return socket.close_code or 0, ""

    def _show(self, text: str) -> None:
        self._screen.write_text(f"{text}\n")

    def _show_bytes(self, data: bytes) -> None:
        if self._screen.on_terminal:
            self._screen.tell(f"(a binary message, {size(len(data))}: use a pipe)", "dim")
        else:
            self._screen.write(data)
