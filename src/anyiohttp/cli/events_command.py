"""``anyiohttp sse``.

Knows: click, the options of a stream of events.
Must not know: how events are received or written.
Called by: `app`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from .events import EventForm
from .following import EventsPlan, follow
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
from .plan import PlanError, plan_headers, plan_url
from .running import run_command

__all__ = ("events_command",)

_EVENTS = "EVENTS"

_PAGE = Page(
    "follow a stream of server-sent events",
    """\
Writes the data of each event to standard output as it comes. When the connection ends or fails it
is made again, and the server is told which event came last.""",
    examples=(
        ("Follow", "anyiohttp sse https://stream.example.org/changes"),
        ("As JSON, a line each", "anyiohttp sse example.org/changes --format json > all.jsonl"),
        ("The next three events", "anyiohttp sse :8000/events -n 3"),
    ),
)

_OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["url"], metavar="URL"),
    Option(
        "--format",
        "form",
        group=_EVENTS,
        type=click.Choice([form.value for form in EventForm]),
        default=EventForm.DATA.value,
        show_default=True,
        help="Only the data; all of each event; or a JSON object in a line.",
    ),
    Option(
        "-n",
        "--count",
        group=_EVENTS,
        type=click.IntRange(1),
        metavar="COUNT",
        help="End after so many events.",
    ),
    Option(
        "--last-event-id", group=_EVENTS, default="", metavar="ID", help="Go on after this event."
    ),
    Option(
        "--reconnects",
        group=_EVENTS,
        type=click.IntRange(0),
        default=5,
        show_default=True,
        metavar="COUNT",
        help="How often in a row to connect anew without an event.",
    ),
    HEADER_OPTION,
    *AUTH_OPTIONS,
    COLOR_OPTION,
    *CONNECTION_OPTIONS,
    *TLS_OPTIONS,
)


def events_command() -> Manual:
    """Return the command."""

    def callback(**values: Any) -> int:
        return _run(values)

    return Manual("sse", _PAGE, callback, _OPTIONS)


def _run(values: Mapping[str, Any]) -> int:
    headers, _ = plan_headers(values["headers"])
    try:
        url = plan_url(values["url"])
    except PlanError as exc:
        raise click.UsageError(str(exc)) from exc
    plan = EventsPlan(
        url,
        headers,
        auth_of(values),
        form=EventForm(values["form"]),
        last_event_id=values["last_event_id"],
        count=values["count"],
        reconnects=values["reconnects"],
    )
    settings, limit = connection_within(values)
    command = partial(follow, plan, settings, Screen(values["color"]))
    return run_command(values["backend"], command, limit)
