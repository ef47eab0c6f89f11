"""The program: its commands, its help, shell completion, and what there is without click."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from tests.cli.stage import PROGRAM

from anyiohttp.cli import main as main_module
from anyiohttp.cli.app import program
from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.cli.main import main
from anyiohttp.cli.manual import Manual

COMMANDS = [command for command in program().commands.values() if isinstance(command, Manual)]
each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def test_all_are_manual() -> None:
    assert len(COMMANDS) == len(program().commands)


@each_command
def test_each_command_has_a_page(command: Manual, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.name is not None
    assert main([command.name, "--help"]) == 0
    page = capsys.readouterr().out
    assert f"anyiohttp {command.name} - {command.page.summary}" in " ".join(page.split())
    for title in ("NAME:", "SYNOPSIS:", "DESCRIPTION:", "EXAMPLES:", "EXIT STATUS:"):
        assert f"\n{title}\n" in f"\n{page}"
    for code in ExitCode:
        assert f"\n  {int(code)} " in page
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[-1] in page
            assert parameter.help
            assert parameter.help.endswith(".")
    assert main(["help", command.name]) == 0
    assert capsys.readouterr().out == page


@each_command
def test_each_example_can_be_parsed(command: Manual) -> None:
    assert command.page.examples
    for _, line in command.page.examples:
        line = re.split(" [<>] ", line.rpartition("| ")[2])[0]
        line = line.removeprefix('eval "$(').removesuffix(')"')
        program_name, name, *rest = shlex.split(line)
        assert (program_name, name) == ("anyiohttp", command.name)
        command.make_context(name, rest)


def test_the_program_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["help"]):
        assert main(arguments) == 0
        page = capsys.readouterr().out
        for command in COMMANDS:
            assert f"\n  {command.name} " in page
    assert main([]) == ExitCode.USAGE
    assert capsys.readouterr().err == page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command"),
        (["get"], "Missing argument 'URL'"),
        (["get", "http://x", "-H", "no colon"], "'no colon' is not 'Name: value'"),
        (["get", "http://x", "word"], "'word' is no item"),
        (["get", "http://"], "there is no host"),
        (["get", "http://x", "--pin", "x"], "'x' is not sha256:…"),
        (["get", "http://x", "--cert", "/nowhere"], "'/nowhere' does not exist"),
        (["get", "http://x", "--key", __file__], "--key needs --cert"),
        (["get", "http://x", "--auth-type", "digest"], "--auth-type needs --auth"),
        (["get", "http://x", "--unix-socket", "/s", "--proxy", "http://p"], "exclude each other"),
        (["get", "http://x", "-b", "x"], "'x' is not NAME=VALUE"),
        (["post", "http://x", "@a", "-d", "b"], "can only be given once"),
        (["get", "http://x", "a=b", "f@x", "--json"], "not for JSON"),
        (["ws", "http://"], "there is no host"),
        (["sse", "http://"], "there is no host"),
        (["demo", "--backend", "x"], "'x' is not one of"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert said in " ".join(told.split())
    assert "Usage: anyiohttp" in told


def test_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["anyiohttp", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("anyiohttp", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("anyiohttp 0.")


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["demo"], None),
        (["demo", "--backend", "trio"], ["trio"]),
        (["demo", "--backend=trio", "--backend", "uvloop"], ["trio", "uvloop"]),
    ],
)
@pytest.mark.parametrize("with_click", [True, False])
def test_demo_command(
    arguments: list[str], asked: list[str] | None, with_click: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_click:
        _without_click(monkeypatch)
    got: list[object] = []

    def run_demo(backends: object) -> int:
        got.append(backends)
        return 1

    monkeypatch.setattr("anyiohttp.cli.demo.run_demo", run_demo)
    assert main(arguments) == 1
    assert [None if each is None else list(each) for each in got] == [asked]


def _without_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        main_module, "find_spec", lambda name: None if name == "click" else find_spec(name)
    )


def test_without_click(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _without_click(monkeypatch)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("anyiohttp 0.")
    for arguments in (["get", "http://x"], [], ["demonstrate"]):
        assert main(arguments) == ExitCode.USAGE
        told = capsys.readouterr().err
        assert "the command line needs click: pip install 'anyiohttp[cli]'" in told
    for arguments in (["demo", "x"], ["demo", "--backend"], ["demo", "--backend", "x"]):
        assert main(arguments) == ExitCode.USAGE
        assert "usage: anyiohttp demo" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there the shell has no such thing")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("get {url} >&-", ExitCode.FILE, "Bad file descriptor"),
        ("get {url} > /dev/full", ExitCode.FILE, "No space left"),
        ("get {url} <&-", ExitCode.OK, ""),
        ("get {url} 2>&-", ExitCode.OK, ""),
        ("get {missing} 2>&-", ExitCode.CLIENT_STATUS, ""),
        ("post {url} @- <&-", ExitCode.OK, ""),
        ("download {url} -o {directory}/ >&- 2>&-", ExitCode.OK, ""),
        ("--version > /dev/full", ExitCode.FILE, "No space left"),
        ("completion bash > /dev/full", ExitCode.FILE, "No space left"),
    ],
)
def test_streams_that_are_closed_or_full(
    server: LoopbackServer, tmp_path: Path, command: str, code: ExitCode, said: str
) -> None:
    url, missing = server.url / "echo", server.url / "status/404"
    command = command.format(url=url, missing=missing, directory=tmp_path)
    line = f"{shlex.join(PROGRAM)} {command}"
    done = subprocess.run(
        line, shell=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    if code == ExitCode.OK and not command.startswith("download"):
        assert json.loads(done.stdout)["path"] == "/echo"


def test_importing_the_library_imports_neither() -> None:
    code = "import sys, anyiohttp; sys.exit({'click', 'rich'} & set(sys.modules) != set())"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_ANYIOHTTP_COMPLETE" in script
    assert f"{shell}_complete" in script
    if (path := shutil.which(shell)) is not None:
        done = subprocess.run(
            [path, "-n"], input=script, text=True, capture_output=True, timeout=30, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("anyiohttp po", {"post"}),
        ("anyiohttp get --pro", {"--proxy", "--proxy-auth"}),
        ("anyiohttp get --backend u", {"uvloop"}),
        ("anyiohttp completion f", {"fish"}),
    ],
)
def test_completion(
    typed: str,
    offered: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_ANYIOHTTP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    with pytest.raises(SystemExit) as caught:
        main([])
    assert not caught.value.code
    assert {line.partition(",")[2] for line in capsys.readouterr().out.split()} == offered


#: Presses Ctrl-C while the package is being loaded.
_INTERRUPTED_LOADING = """\
import signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
from _anyiohttp_command import main
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["anyiohttp", "anyiohttp._client.session", "anyiohttp.cli.main"])
def test_ctrl_c_while_it_is_loaded(name: str) -> None:
    code = _INTERRUPTED_LOADING.format(name=name)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, b"", b"")


def test_as_a_console_script() -> None:
    assert PROGRAM[0] == sys.executable
    script = shutil.which("anyiohttp", path=str(sys.prefix) + "/bin")
    assert script is not None
    done = subprocess.run([script, "--version"], capture_output=True, timeout=30, check=True)
    assert done.stdout.startswith(b"anyiohttp 0.")
