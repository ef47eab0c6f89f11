"""Server-sent events: bytes in, events out (WHATWG HTML 9.2.5 and 9.2.6).

Knows: lines, fields, when an event is complete.
Must not know: where the bytes come from, what is done when they end.
Called by: ``_client.sse``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..exceptions import BodyTooLargeError

__all__ = ("EventStreamParser", "ServerSentEvent")

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event.

    Args:
        data: the lines of its data, joined by line feeds.
        event: its type; ``message`` if the server gave none.
        id: of the last event that had one, this one included; empty if there was none.
        retry: how many milliseconds to wait before reconnecting, if this event said so.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None

    def json(self, *, loads: Callable[[str], Any] = json.loads) -> Any:
        """Return the data, read as JSON."""
        return loads(self.data)


class EventStreamParser:
    """Makes events of one stream.

    Args:
        last_event_id: what an event has as its id before any has one of its own.
        max_event_size: how many bytes an event may have, as they come.

    Attributes:
        last_event_id: to be sent when reconnecting.
        retry: how many milliseconds to wait before, if the server has said so.
    """

    def __init__(self, last_event_id: str = "", *, max_event_size: int) -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self._max_event_size = max_event_size
        self._partial: list[bytes] = []  # of the line that has not ended
        self._partial_size = 0
        self._after_cr = False
        self._begun = False
        # Of the event that has not ended:
        self._data: list[str] = []
        self._size = 0
        self._event = ""
        self._id = last_event_id
        self._own_retry: int | None = None

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Return the events that are complete now.

        Raises:
            BodyTooLargeError: an event is larger than it may be.
        """
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
        if not data:
            return []
        self._after_cr = data.endswith(b"\r")
        if b"\n" not in data and b"\r" not in data:
            self._keep(data)
            return []
        lines = b"".join([*self._partial, data]).splitlines(keepends=True)
        self._partial.clear()
        self._partial_size = 0
        if not lines[-1].endswith((b"\n", b"\r")):
            self._keep(lines.pop())
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(_BOM)
        events = []
        for line in lines:
            event = self._take_line(line)
            if event is not None:
                events.append(event)
        return events

    def _keep(self, part: bytes) -> None:
        self._partial.append(part)
        self._partial_size += len(part)
        self._check_size(self._partial_size)

    def _check_size(self, more: int) -> None:
        if self._size + more > self._max_event_size:
            raise BodyTooLargeError(
                f"a server-sent event has more than {self._max_event_size} bytes (max_event_size)"
            )

    def _take_line(self, line: bytes) -> ServerSentEvent | None:
        """Take a line with its end; return the event that it ends."""
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        if not text:
            return self._complete()
        name, _, value = text.partition(":")
        if not name:
            return None  # a comment
        self._check_size(len(line))
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(line)
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = self._own_retry = int(value[:_MOST_DIGITS])
        return None

    def _complete(self) -> ServerSentEvent | None:
        self.last_event_id = self._id
        event = None
        if self._data:
            name = self._event or "message"
            event = ServerSentEvent("\n".join(self._data), name, self._id, self._own_retry)
            self._data = []
        self._size = 0
        self._event = ""
        self._own_retry = None
        return event


#: More milliseconds than anybody waits.
_MOST_DIGITS = 12
