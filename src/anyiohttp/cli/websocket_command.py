"""``anyiohttp ws``.

Knows: click, the options of a WebSocket.
Must not know: how the conversation goes.
Called by: `app`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from yarl import URL

from .conversing import destination_of, run_conversation
from .manual import Manual, Option, Page
from .options import CONVERSATION_OPTIONS
from .plan import full_url, plan_url
from .talking import WebSocketPlan, talk

__all__ = ("websocket_command",)

_WEBSOCKET = "WEBSOCKET"

_PAGE = Page(
    "talk over a WebSocket, line by line",
    """\
Sends each line of standard input as a message, and writes each message that comes to standard
output, a line each. Without a scheme the URL is wss, or ws for this machine.

Ctrl-D closes the WebSocket. At the end of a file or pipe it is closed once no message has come for
a second (--linger).""",
    examples=(
        ("Talk", "anyiohttp ws wss://echo.example.org/"),
        ("Send a file's lines and keep the answers", "anyiohttp ws :8000/feed < in.txt > out.txt"),
        ("Ask one thing", 'echo \'{"get": "time"}\' | anyiohttp ws api.example.org/socket'),
        ("With a subprotocol", "anyiohttp ws api.example.org/graphql --protocol graphql-ws"),
    ),
)

_OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["url"], metavar="URL"),
    Option(
        "--protocol",
        "protocols",
        group=_WEBSOCKET,
        multiple=True,
        metavar="NAME",
        help="A subprotocol to offer, the best first.",
    ),
    Option(
        "--heartbeat",
        group=_WEBSOCKET,
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Time between two pings; 0 for none.",
    ),
    Option("--compress", group=_WEBSOCKET, is_flag=True, help="Offer compression (RFC 7692)."),
    Option("--binary", group=_WEBSOCKET, is_flag=True, help="Send the lines as binary messages."),
    Option(
        "--linger",
        group=_WEBSOCKET,
        type=click.FloatRange(min=0),
        default=1.0,
        show_default=True,
        metavar="SECONDS",
        help="After the end of a file or pipe, close once no message has come for so long.",
    ),
    *CONVERSATION_OPTIONS,
)


def websocket_command() -> Manual:
    """Return the command."""
    return Manual("ws", _PAGE, _run, _OPTIONS)


def _websocket_url(text: str) -> URL:
    return plan_url(full_url(text, secure="wss", plain="ws"))


def _run(**values: Any) -> int:
    plan = WebSocketPlan(
        destination_of(values, _websocket_url),
        protocols=values["protocols"],
        heartbeat=values["heartbeat"],
        compress=values["compress"],
        binary=values["binary"],
        linger=values["linger"],
    )
    return run_conversation(values, partial(talk, plan))
