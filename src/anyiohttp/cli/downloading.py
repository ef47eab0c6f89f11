"""Downloads carried out and shown.

Knows: plans, the public API, views.
Must not know: the options' syntax, how progress is shown.
Called by: `download_command`.
"""

from __future__ import annotations

from dataclasses import replace

from multidict import CIMultiDict

from .. import (
    ClientError,
    DownloadItem,
    DownloadKwargs,
    Progress,
    download_all,
)
from .download_plan import DownloadPlan
from .exit_codes import ExitCode, exit_code_of
from .plan import Auth
from .progress import View
from .sessions import auth_arguments, open_session, timeout_of, tls_arguments
from .settings import ConnectionSettings

__all__ = ("download_files",)


async def download_files(
    plan: DownloadPlan, settings: ConnectionSettings, auth: Auth | None, view: View
) -> int:
    """Download all files of a plan.

    Returns:
        0 if all are there; else the exit status that stands for what went wrong with all those
        that are not, or 1 if that was not the same.
    """
    headers = CIMultiDict(plan.headers)
    options: DownloadKwargs = {
        **tls_arguments(settings),
        "timeout": timeout_of(settings),
        "headers": headers,
        **auth_arguments(auth, headers),
        **plan.options,
    }
    numbers: dict[int, int] = {}
    items = []
    with view:
        for number, item in enumerate(plan.items):
            watched = _watched(number, item, view)
            numbers[id(watched)] = number
            items.append(watched)
        codes = set()
        async with (
            open_session(settings) as session,
            download_all(
                session,
                items,
                to=plan.to,
                limit=plan.jobs,
                per_host=plan.per_host,
                total_rate=plan.rate,
                **options,
            ) as outcomes,
        ):
            async for outcome in outcomes:
                view.ended(numbers[id(outcome.item)], outcome)
                if outcome.error is not None:
                    codes.add(_code_of(outcome.error))
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 else ExitCode.FAILURE


def _code_of(error: Exception) -> int:
    if not isinstance(error, ClientError | OSError | ValueError):
        raise error  # a mistake of ours
    return exit_code_of(error)


def _watched(number: int, item: DownloadItem, view: View) -> DownloadItem:
    """Return an item whose progress the view is told of."""

    def progress(progress: Progress) -> None:
        view.told(number, item, progress)

    options: DownloadKwargs = {**item.options, "progress": progress}
    return replace(item, options=options)
