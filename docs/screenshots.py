"""Makes the pictures of ``docs/images``: ``python docs/screenshots.py`` in the project's folder.

The programs run for real, against a server on the loopback interface; what they show is drawn as
SVG by rich.
"""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio.from_thread import start_blocking_portal
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from anyiohttp import DownloadItem, DownloadKwargs, DownloadOutcome, Progress
from anyiohttp.cli.download_plan import DownloadPlan
from anyiohttp.cli.downloading import download_files
from anyiohttp.cli.loopback import Request, Response, serve
from anyiohttp.cli.progress import BarsView, outcome_line
from anyiohttp.cli.settings import ConnectionSettings

IMAGES = Path(__file__).parent / "images"
WIDTH = 100
#: The files, and how many MiB they have.
SIZES = {"photos.tar": 4, "debian-13.iso": 20, "model.bin": 28}
#: Pages ask nobody else for fonts.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


async def file(request: Request) -> Response:
    """A file that can be had in parts."""
    fields = [("ETag", '"1"'), ("Accept-Ranges", "bytes")]
    content = bytes(SIZES[request.path[1:]] * 2**20)
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked is None:
        return Response(200, content, fields)
    start, end = int(asked[1]), min(int(asked[2] or len(content)) + 1, len(content))
    fields.append(("Content-Range", f"bytes {start}-{end - 1}/{len(content)}"))
    return Response(206, content[start:end], fields)


class Camera(BarsView):
    """Takes a picture of the bars when one download is done and the others are half way.

    Args:
        picture: where it is drawn.
        count: how many downloads there are.
    """

    def __init__(self, picture: Console, count: int) -> None:
        super().__init__(Console(file=io.StringIO(), force_terminal=True, width=WIDTH), count)
        self._picture = picture
        self._done = self._taken = False

    def told(self, number: int, item: DownloadItem, progress: Progress) -> None:
        super().told(number, item, progress)
        half = progress.total is not None and progress.bytes > progress.total // 2
        if self._done and half and len(progress.segments) > 1 and not self._taken:
            self._taken = True
            self._picture.print(self)

    def ended(self, number: int, outcome: DownloadOutcome) -> None:
        super().ended(number, outcome)
        if not self._done:
            self._done = True
            self._picture.print(Text.assemble(("✓ ", "green"), outcome_line("", outcome)))


def download() -> None:
    """Draw ``download.svg``."""
    picture = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    command = "$ anyiohttp download -x 4 -j 3 --limit-rate 16M --input files.txt -o files/"
    picture.print(Text(command, "bold"), soft_wrap=True)

    async def run() -> None:
        async with serve(routes={f"/{name}": file for name in SIZES}) as server:
            items = [DownloadItem(server.url / name) for name in SIZES]
            options: DownloadKwargs = {"connections": 4, "progress_interval": 0.05}
            plan = DownloadPlan(items, Path("files"), per_host=12, rate=16 * 2**20, options=options)
            await download_files(plan, ConnectionSettings(), None, Camera(picture, len(items)))

    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        anyio.run(run)
    _save(picture, "download.svg", "anyiohttp download")


def on_terminal(arguments: Sequence[str]) -> str:
    """Run the program on a terminal, and return what it showed."""
    process, terminal = pty.fork()
    if not process:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(WIDTH))
        os.execv(sys.executable, [sys.executable, "-m", "anyiohttp", *arguments])
    shown = b""
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:
        pass  # the program has ended
    os.waitpid(process, 0)
    return shown.decode().replace("\r\n", "\n")


def request() -> None:
    """Draw ``request.svg``."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve()) as server:
        shown = on_terminal(
            ["post", "-v", str(server.url / "form"), "--form", "name=Zoë", "age=42"]
        )
        port = str(server.url.port)
    picture = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    command = "$ anyiohttp post -v :8000/form --form name=Zoë age=42"
    picture.print(Text(command, "bold"), soft_wrap=True)
    picture.print(Text.from_ansi(shown.replace(port, "8000")), soft_wrap=True)
    _save(picture, "request.svg", "anyiohttp post -v")


def _save(picture: Console, name: str, title: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    drawn = picture.export_svg(title=title, code_format=FORMAT, unique_id=name.partition(".")[0])
    (IMAGES / name).write_text(drawn, encoding="utf-8")
    print(IMAGES / name)


if __name__ == "__main__":
    download()
    request()
