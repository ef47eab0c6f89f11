"""What of an answer is shown on a terminal, and how; the terminal itself is in `test_terminal`."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import anyio
import pytest
from yarl import URL

from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.cli.main import main
from anyiohttp.cli.output import Screen
from anyiohttp.cli.plan import RequestPlan
from anyiohttp.cli.sending import Shown, send

Capture = pytest.CaptureFixture[str]


def on_terminal(url: URL, capfd: Capture) -> tuple[str, str]:
    """Fetch a URL as on a terminal; return both outputs without colours."""
    screen = Screen("always")
    screen.on_terminal = screen.pretty = True
    plan = RequestPlan("GET", url)
    assert anyio.run(partial(send, plan, screen, Shown())) == 0
    output, errors = capfd.readouterr()
    return re.sub(r"\x1b\[[\d;]*m", "", output), re.sub(r"\x1b\[[\d;]*m", "", errors)


def test_json_is_indented(server: LoopbackServer, capfd: Capture) -> None:
    output, _ = on_terminal(server.url / "json", capfd)
    assert output.startswith('{\n    "name": "anyiohttp",\n')


def test_text_is_made_printable(server: LoopbackServer, capfd: Capture) -> None:
    output, _ = on_terminal(server.url / "nasty", capfd)
    assert output == "\\x1b]0;owned\\x07grüß\n"


def test_text_ends_with_its_line(server: LoopbackServer, capfd: Capture) -> None:
    output, _ = on_terminal(server.url / "drip" % {"n": "3", "delay": "0"}, capfd)
    assert output == "***\n"


def test_other_data_are_named(server: LoopbackServer, capfd: Capture) -> None:
    shown = on_terminal(server.url / "stream/5000", capfd)
    assert shown == ("", "(application/octet-stream, 4.9 KiB: use -o FILE, or a pipe)\n")


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_what_is_said_to_be_json(server: LoopbackServer, capfd: Capture, size: int) -> None:
    """It may be none, or too much of it: then it is written as it is."""
    url = str(server.url / "odd-json" / str(size))
    assert main(["get", url, "--pretty", "always"]) == 0
    output = capfd.readouterr().out
    assert output == ("[" + "1," * size)[:size]
    output, _ = on_terminal(URL(url), capfd)
    assert output == ("[" + "1," * size)[:size] + "\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-d", "x" * 70_000], "(a body of 68.4 KiB)"),
        (["@{binary}"], "(a body of 2 B)"),
        (["a=b"], '{"a": "b"}'),
    ],
)
def test_verbose_tells_bodies(
    server: LoopbackServer, capfd: Capture, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    arguments = [word.format(binary=tmp_path / "binary") for word in arguments]
    assert main(["post", "-v", str(server.url / "echo"), *arguments]) == 0
    output, errors = capfd.readouterr()
    assert f">\n{told}\n" in errors
    assert json.loads(output)["size"] > 0
