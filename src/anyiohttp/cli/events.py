"""A server-sent event as text.

Knows: events, the forms they can be written in.
Must not know: where events come from and where the text goes.
Called by: `following`.
"""

from __future__ import annotations

import json
from enum import Enum

from .. import ServerSentEvent

__all__ = ("EventForm", "event_text")


class EventForm(Enum):
    """How an event is written."""

    DATA = "data"
    SSE = "sse"
    JSON = "json"


def event_text(event: ServerSentEvent, form: EventForm) -> str:
    """Return an event as text, with its last line feed.

    Args:
        event: the event.
        form: only its data; all of it, as in a stream of events; or a JSON object in a line.
    """
    if form is EventForm.DATA:
        return f"{event.data}\n"
    if form is EventForm.JSON:
        told = {"event": event.event, "data": event.data, "id": event.id}
        return f"{json.dumps(told, ensure_ascii=False)}\n"
    lines = [f"event: {event.event}"] if event.event != "message" else []
    if event.id:
        lines.append(f"id: {event.id}")
    if event.retry is not None:
        lines.append(f"retry: {event.retry}")
    lines += [f"data: {line}" for line in event.data.split("\n")]
    return "\n".join([*lines, "", ""])
