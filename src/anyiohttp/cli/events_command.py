"""``anyiohttp sse``.

Knows: click, the options of a stream of events.
Must not know: how events are received or written.
Called by: `app`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from .conversing import destination_of, run_conversation
from .events import EventForm
from .following import EventsPlan, follow
from .manual import Manual, Option, Page
from .options import CONVERSATION_OPTIONS
from .plan import plan_url

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
    *CONVERSATION_OPTIONS,
)


def events_command() -> Manual:
    """Return the command."""
    return Manual("sse", _PAGE, _run, _OPTIONS)


def _run(**values: Any) -> int:
    plan = EventsPlan(
        destination_of(values, plan_url),
        form=EventForm(values["form"]),
        last_event_id=values["last_event_id"],
        count=values["count"],
        reconnects=values["reconnects"],
    )
    return run_conversation(values, partial(follow, plan))
