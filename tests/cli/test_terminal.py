"""The program on a terminal: colours, nothing a terminal would obey, Ctrl-C, a closed pipe."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.stage import PROGRAM, on_terminal

from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.loopback import LoopbackServer

if sys.platform == "win32":  # pragma: no cover
    pytest.skip("no terminals to open on Windows", allow_module_level=True)

import fcntl
import termios

COLOURS = re.compile(r"\x1b\[[\d;]*m")


def test_json_is_coloured_and_indented(server: LoopbackServer) -> None:
    code, shown = on_terminal(["get", "-i", str(server.url / "json")])
    assert code == 0
    assert COLOURS.search(shown)
    plain = COLOURS.sub("", shown)
    assert plain.startswith("HTTP/1.1 200 OK\nContent-Type: application/json\n")
    assert '\n    "numbers": [\n        1,\n' in plain
    assert "grüß dich" in plain


def test_a_terminal_obeys_no_server(server: LoopbackServer) -> None:
    code, shown = on_terminal(["get", "-i", "-v", "--color", "never", str(server.url / "nasty")])
    assert code == 0
    assert "\\x1b]0;owned\\x07grüß" in shown
    assert not re.search(r"[\x1b\x07\x9b]", shown)


def test_binary_data_stay_away(server: LoopbackServer) -> None:
    code, shown = on_terminal(["get", str(server.url / "stream/5000")])
    assert (code, shown) == (0, "(application/octet-stream, 4.9 KiB: use -o FILE, or a pipe)\n")


def test_a_request_that_is_only_shown(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("grüß\x1b[2J\n")
    (tmp_path / "data").write_bytes(b"\xff\x00")
    shown = {}
    for name in ("text", "data"):
        code, output = on_terminal(["put", "--offline", "a.org", f"@{tmp_path / name}"])
        assert code == 0
        shown[name] = COLOURS.sub("", output).partition("\n\n")[2]
    assert shown == {
        "text": "grüß\\x1b[2J\n\n",
        "data": "(2 B that are no text: use a pipe)\n\n",
    }


def test_a_password_is_asked_for(server: LoopbackServer) -> None:
    url = str(server.url / "basic-auth/me/secret")
    code, shown = on_terminal(["get", url, "-a", "me"], [(b"password of me", b"secret\n")])
    assert code == 0
    assert "secret" not in shown


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_ctrl_c(server: LoopbackServer, backend: str) -> None:
    """While waiting for an answer: at once, with one line, and no traceback."""
    url = str(server.url / "drip" % {"n": "1000", "delay": "0.05"})
    code, shown = on_terminal(["get", url, "--backend", backend], [(b"**", b"\x03")])
    assert code == ExitCode.INTERRUPTED
    assert "anyiohttp: interrupted" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_ctrl_c_while_nobody_reads(server: LoopbackServer, backend: str) -> None:
    """The pipe is full and the program blocked in a write: it ends all the same."""
    command = [*PROGRAM, "get", str(server.url / "endless"), "--backend", backend]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as program:
        assert program.stdout is not None
        assert os.read(program.stdout.fileno(), 10)
        _wait_until_full(program.stdout.fileno())
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=60) == ExitCode.INTERRUPTED
        assert program.stderr is not None
        assert program.stderr.read() == b"anyiohttp: interrupted\n"


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_ctrl_c_while_nobody_opens_a_pipe(
    server: LoopbackServer, tmp_path: Path, backend: str
) -> None:
    """It waits for a reader, as every program does, and can be told not to."""
    os.mkfifo(tmp_path / "pipe")
    url = str(server.url / "stream/1000")
    command = [*PROGRAM, "get", url, "-v", "-o", str(tmp_path / "pipe"), "--backend", backend]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as program:
        assert program.stderr is not None
        while program.stderr.readline().strip() != b"<":
            pass  # of the answer's head, which is told before its body is written
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=60) == ExitCode.INTERRUPTED
        assert program.stderr.read() == b"anyiohttp: interrupted\n"


def _wait_until_full(pipe: int) -> None:
    """Wait until no more comes into a pipe that nobody reads."""
    deadline = time.monotonic() + 60
    before = -1
    while time.monotonic() < deadline:
        unread = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
        if unread == before > 4096:
            return
        before = unread
        time.sleep(0.1)
    raise AssertionError("it never blocked")


def test_ends_when_its_reader_ends(server: LoopbackServer) -> None:
    command = [*PROGRAM, "get", str(server.url / "endless")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.read(5) == b"line\n"
        program.stdout.close()
        assert program.wait(timeout=60) == ExitCode.PIPE
        assert program.stderr is not None
        assert program.stderr.read() == b""
