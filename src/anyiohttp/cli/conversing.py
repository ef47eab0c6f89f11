"""From the values of a command's options to a conversation under way: `ws`, `sse`, `download`.

Knows: the values of `CONVERSATION_OPTIONS`.
Must not know: what is said.
Called by: the commands' modules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import click
from yarl import URL

from .options import auth_of, connection_of
from .output import Screen
from .plan import Destination, PlanError, plan_headers
from .running import run_command
from .settings import ConnectionSettings

__all__ = ("destination_of", "run_conversation")


def destination_of(values: Mapping[str, Any], url_of: Callable[[str], URL]) -> Destination:
    """Return whom to ask.

    Args:
        values: of the options.
        url_of: completes the URL.

    Raises:
        click.UsageError: it is no URL, or the credentials are wrong.
    """
    headers, _ = plan_headers(values["headers"])
    try:
        url = url_of(values["url"])
    except PlanError as exc:
        raise click.UsageError(str(exc)) from exc
    return Destination(url, headers, auth_of(values))


def run_conversation(
    values: Mapping[str, Any], command: Callable[[ConnectionSettings, Screen], Awaitable[int]]
) -> int:
    """Run a command to its end, of which ``--timeout`` limits all, and not each call.

    Args:
        values: of the options.
        command: is given how servers are reached, and the screen.

    Returns:
        The exit status.

    Raises:
        click.UsageError: the options contradict each other.
    """
    settings = connection_of(values)
    screen = Screen(values["color"])
    return run_command(
        values["backend"],
        partial(command, replace(settings, timeout=None), screen),
        settings.timeout,
    )
