"""``anyiohttp download``.

Knows: click, the options of downloads.
Must not know: how anything is downloaded or shown.
Called by: `app`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..exceptions import DownloadListError
from .conversing import run_conversation
from .exit_codes import ExitCode
from .manual import Manual, Option, Page
from .options import CONVERSATION_OPTIONS, auth_of
from .output import Screen
from .plan import PlanError, plan_headers, plan_url
from .running import complain
from .settings import ConnectionSettings, RateError, parse_rate

if TYPE_CHECKING:
    from .. import DownloadItem, DownloadKwargs
    from .download_plan import DownloadPlan
    from .progress import View

__all__ = ("download_command",)

_DOWNLOAD = "DOWNLOAD"

_PAGE = Page(
    "download files: resumable, over several connections, verified",
    """\
A file gets its name in one step, when all of it is on the disk and was found to be what it should
be. Until then it is in NAME.part, with a journal beside it. After Ctrl-C, a crash or a failure the
same command goes on where it was.

On a terminal there is a bar for each file, otherwise a line now and then, on standard error.""",
    sections=(
        (
            "INPUT FILES",
            (
                ("text", "One URL a line; behind it maybe the file's name and sha256:…; # begins a "
                 "comment."),
                (".meta4", "A metalink: mirrors, sizes and hashes of files."),
            ),
        ),
    ),
    examples=(
        ("A file, over four connections", "anyiohttp download -x 4 https://example.org/a.iso"),
        ("Verified", f"anyiohttp download a.org/a.iso --digest sha256:{'0f' * 32}"),
        ("Under another name", "anyiohttp download https://example.org/a.iso -o b.iso"),
        ("A list, ten files at a time, into a directory",
         "anyiohttp download --input urls.txt -j 10 -o files/"),
        ("Mirrors and hashes of a metalink", "anyiohttp download --input debian.meta4"),
        ("With a mirror, not faster than 2 MiB/s",
         "anyiohttp download a.org/a.iso --mirror b.org/a.iso --limit-rate 2M"),
        ("Only if it is newer than what is there", "anyiohttp download --newer a.org/data.csv"),
    ),
)  # fmt: skip


def _rate(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else parse_rate(value)
    except RateError as exc:
        raise click.BadParameter(str(exc), ctx, param) from exc


_OPTIONS: tuple[click.Parameter, ...] = (
    click.Argument(["urls"], metavar="[URL]...", nargs=-1),
    Option(
        "-o",
        "--output",
        group=_DOWNLOAD,
        metavar="FILE|DIR/",
        help="The file, or the directory; by default the server's or the URL's name, here.",
    ),
    Option(
        "--input",
        "inputs",
        group=_DOWNLOAD,
        type=click.Path(allow_dash=True),
        multiple=True,
        metavar="FILE",
        help="A list of downloads; - is standard input.",
    ),
    Option(
        "-j",
        "--jobs",
        group=_DOWNLOAD,
        type=click.IntRange(1),
        default=4,
        show_default=True,
        help="How many files at a time.",
    ),
    Option(
        "-x",
        "--connections",
        group=_DOWNLOAD,
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Over how many connections a file is fetched, if the server allows it.",
    ),
    Option(
        "--per-host",
        group=_DOWNLOAD,
        type=click.IntRange(1),
        help="How many connections to one host; by default 4, or as many as -x says.",
    ),
    Option(
        "--resume/--no-resume",
        group=_DOWNLOAD,
        default=True,
        help="Whether to go on with what an earlier command has left; the default.",
    ),
    Option(
        "--digest",
        group=_DOWNLOAD,
        metavar="sha256:HEX",
        help="What the file must hash to (sha256, sha512, sha1, md5 …).",
    ),
    Option(
        "--mirror",
        "mirrors",
        group=_DOWNLOAD,
        multiple=True,
        metavar="URL",
        help="Another URL of the same file.",
    ),
    Option(
        "--limit-rate",
        group=_DOWNLOAD,
        callback=_rate,
        metavar="RATE",
        help="Bytes a second of all together: 500K, 1.5M, 2G.",
    ),
    Option(
        "--min-speed",
        group=_DOWNLOAD,
        callback=_rate,
        metavar="RATE",
        help="Give up on a file that is slower than this for half a minute.",
    ),
    Option(
        "--retries",
        group=_DOWNLOAD,
        type=click.IntRange(0),
        default=5,
        show_default=True,
        help="How often to try again after failures in which nothing was received.",
    ),
    Option(
        "--newer",
        group=_DOWNLOAD,
        is_flag=True,
        help="Fetch only what has changed since the file that is there.",
    ),
    Option(
        "--overwrite/--no-overwrite",
        group=_DOWNLOAD,
        default=None,
        help="Whether a file of that name is replaced; by default unless the server chose it.",
    ),
    *CONVERSATION_OPTIONS,
)


def download_command() -> Manual:
    """Return the command."""
    return Manual("download", _PAGE, _run, _OPTIONS)


def _run(**values: Any) -> int:
    try:
        plan = _plan(values)
    except OSError as exc:
        complain(str(exc))
        return ExitCode.FILE
    except (PlanError, DownloadListError) as exc:
        raise click.UsageError(str(exc)) from exc
    from .downloading import download_files  # with what is needed for downloads only

    auth = auth_of(values)

    async def command(settings: ConnectionSettings, screen: Screen) -> int:
        return await download_files(plan, settings, auth, _view(screen, plan))

    status = run_conversation(values, command)
    if status == ExitCode.INTERRUPTED:
        complain("what was fetched is kept: the same command goes on with it")
    return status


def _view(screen: Screen, plan: DownloadPlan) -> View:
    from .progress import BarsView, LinesView

    if screen.err_on_terminal and not screen.err.is_dumb_terminal:
        return BarsView(screen.err, len(plan.items))
    return LinesView(screen.tell)


def _plan(values: Mapping[str, Any]) -> DownloadPlan:
    from .download_plan import DownloadPlan, plan_items

    listed = [item for path in values["inputs"] for item in _read_list(path)]
    items, to = plan_items(values["urls"], listed, output=values["output"], digest=values["digest"])
    headers, dropped = plan_headers(values["headers"])
    options = _download_options(values, len(items))
    options["skip_auto_headers"] = dropped
    return DownloadPlan(
        items=items,
        to=to,
        jobs=values["jobs"],
        per_host=values["per_host"] or max(4, values["connections"]),
        rate=values["limit_rate"],
        headers=headers,
        options=options,
    )


def _read_list(path: str) -> list[DownloadItem]:
    from .. import parse_download_list

    if path == "-":
        return parse_download_list(sys.stdin.buffer.read())
    return parse_download_list(Path(path).read_bytes())


def _download_options(values: Mapping[str, Any], count: int) -> DownloadKwargs:
    """Return the options of each download."""
    options: DownloadKwargs = {
        "connections": values["connections"],
        "resume": values["resume"],
        "retries": values["retries"],
        "min_speed": values["min_speed"],
        "conditional": values["newer"],
    }
    if values["overwrite"] is not None:
        options["overwrite"] = values["overwrite"]
    if values["mirrors"]:
        if count > 1:
            raise PlanError("--mirror is for a single file")
        options["mirrors"] = [str(plan_url(url)) for url in values["mirrors"]]
    return options
