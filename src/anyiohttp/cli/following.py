"""A stream of server-sent events, followed and written.

Knows: the public events, the screen.
Must not know: the options' syntax, how an event looks.
Called by: `events_command`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from multidict import CIMultiDict
from yarl import URL

from .. import BasicAuth, ClientMiddlewareType, DigestAuthMiddleware, SSEKwargs
from .events import EventForm, event_text
from .exit_codes import ExitCode
from .output import Screen
from .plan import Auth, AuthKind
from .sessions import open_session, tls_arguments
from .settings import ConnectionSettings

__all__ = ("EventsPlan", "follow")


@dataclass(frozen=True, slots=True)
class EventsPlan:
    """A stream of events to follow.

    Args:
        url: of the events.
        headers: of the request.
        auth: credentials for it.
        form: how events are written.
        last_event_id: to go on after this one.
        count: how many events to write; ``None`` for all.
        reconnects: how often in a row to connect anew; ``None`` for any number.
    """

    url: URL
    headers: Sequence[tuple[str, str]] = ()
    auth: Auth | None = None
    form: EventForm = EventForm.DATA
    last_event_id: str = ""
    count: int | None = None
    reconnects: int | None = 5


async def follow(plan: EventsPlan, settings: ConnectionSettings, screen: Screen) -> int:
    """Write events as they come."""
    options, middlewares = _options(plan, settings)
    left = plan.count
    async with (
        open_session(settings, endless=True, middlewares=middlewares) as session,
        session.sse(plan.url, **options) as events,
    ):
        async for event in events:
            screen.write_text(event_text(event, plan.form))
            if left is not None:
                left -= 1
                if left <= 0:
                    break
    return ExitCode.OK


def _options(
    plan: EventsPlan, settings: ConnectionSettings
) -> tuple[SSEKwargs, list[ClientMiddlewareType]]:
    headers = CIMultiDict(plan.headers)
    options = cast("SSEKwargs", tls_arguments(settings))  # it has all that requests have
    options["headers"] = headers
    options["last_event_id"] = plan.last_event_id
    options["max_reconnects"] = plan.reconnects
    auth = plan.auth
    if auth is not None and auth.kind is AuthKind.BASIC:
        options["auth"] = BasicAuth(auth.user, auth.password, "utf-8")
    elif auth is not None and auth.kind is AuthKind.DIGEST:
        return options, [DigestAuthMiddleware(auth.user, auth.password)]
    elif auth is not None:
        headers["Authorization"] = f"Bearer {auth.password}"
    return options, []
