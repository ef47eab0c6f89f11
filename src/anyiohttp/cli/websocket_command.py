"""``anyiohttp ws``.

Knows: click, the options of a WebSocket.
Must not know: how the conversation goes.
Called by: `app`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from .manual import Manual, Option, Page
from .options import (
    AUTH_OPTIONS,
    COLOR_OPTION,
    CONNECTION_OPTIONS,
    HEADER_OPTION,
    TLS_OPTIONS,
    auth_of,
    connection_within,
)
from .output import Screen
from .plan import PlanError, full_url, plan_headers, plan_url
from .running import run_command
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
    HEADER_OPTION,
    *AUTH_OPTIONS,
    COLOR_OPTION,
    *CONNECTION_OPTIONS,
    *TLS_OPTIONS,
)


def websocket_command() -> Manual:
    """Return the command."""

    def callback(**values: Any) -> int:
        return _run(values)

    return Manual("ws", _PAGE, callback, _OPTIONS)


def _run(values: Mapping[str, Any]) -> int:
    headers, _ = plan_headers(values["headers"])
    try:
        url = plan_url(full_url(values["url"], secure="wss", plain="ws"))
    except PlanError as exc:
        raise click.UsageError(str(exc)) from exc
    plan = WebSocketPlan(
        url,
        headers,
        auth_of(values),
        protocols=values["protocols"],
        heartbeat=values["heartbeat"],
        compress=values["compress"],
        binary=values["binary"],
        linger=values["linger"],
    )
    settings, limit = connection_within(values)
    command = partial(talk, plan, settings, Screen(values["color"]))
    return run_command(values["backend"], command, limit)
