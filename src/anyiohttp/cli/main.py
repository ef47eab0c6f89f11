"""The arguments of the command line.

Knows: the commands and their arguments.
Must not know: what the commands do.
Called by: ``python -m anyiohttp``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from .demo import run_demo
from .fetch import run_fetch

__all__ = ("main",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: instead of those of the process.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m anyiohttp",
        description="An async HTTP client for asyncio, uvloop and trio.",
    )
    parser.add_argument("--version", action="version", version=f"anyiohttp {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="show what the client can do, on every backend")
    demo.add_argument(
        "--backend",
        choices=("asyncio", "uvloop", "trio"),
        action="append",
        help="only this backend (may be repeated)",
    )
    get = commands.add_parser("get", help="fetch a URL")
    get.add_argument("url", metavar="URL")
    get.add_argument(
        "-H",
        "--header",
        metavar="'Name: value'",
        action="append",
        default=[],
        type=_header,
        help="a header field to send (may be repeated)",
    )
    get.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the body there")
    chosen = parser.parse_args(arguments)
    if chosen.command == "demo":
        return run_demo(chosen.backend)
    return run_fetch(chosen.url, headers=chosen.header, output=chosen.output)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()
