"""A stream of server-sent events, followed and written.

Knows: the public events, the screen.
Must not know: the options' syntax, how an event looks.
Called by: `events_command`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from .. import SSEKwargs
from .events import EventForm, event_text
from .exit_codes import ExitCode
from .output import Screen
from .plan import Destination
from .sessions import destination_arguments, open_session
from .settings import ConnectionSettings

__all__ = ("EventsPlan", "follow")


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """A stream of events to follow.

    Args:
        destination: whom to ask.
        form: how events are written.
        last_event_id: to go on after this one.
        count: how many events to write; ``None`` for all.
        reconnects: how often in a row to connect anew; ``None`` for any number.
    """

    destination: Destination
    form: EventForm = EventForm.DATA
    last_event_id: str = ""
    count: int | None = None
    reconnects: int | None = 5


async def follow(plan: EventsPlan, settings: ConnectionSettings, screen: Screen) -> int:
    """Write events as they come."""
    arguments, middlewares = destination_arguments(plan.destination, settings)
    options = cast("SSEKwargs", arguments)  # it has all that requests have
    options["last_event_id"] = plan.last_event_id
    options["max_reconnects"] = plan.reconnects
    left = plan.count
    async with (
        open_session(settings, endless=True, middlewares=middlewares) as session,
        session.sse(plan.destination.url, **options) as events,
    ):
        async for event in events:
            screen.write_text(event_text(event, plan.form))
            if left is not None:
                left -= 1
                if left <= 0:
                    break
    return ExitCode.OK
