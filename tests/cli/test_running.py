"""Running a command: what it raises becomes a line and an exit status."""

from __future__ import annotations

import pytest

from anyiohttp import ClientConnectionError, ClientPayloadError
from anyiohttp.cli import backends
from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.running import run_command


def raising(error: BaseException) -> int:
    async def command() -> int:
        raise error

    return run_command("asyncio", command)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ClientConnectionError("gone"), ExitCode.CONNECT, "ClientConnectionError: gone"),
        (OSError("no\nsuch\x1bfile"), ExitCode.FILE, "OSError: no such\\x1bfile"),
        (ValueError("what?"), ExitCode.USAGE, "ValueError: what?"),
        (
            ExceptionGroup("", [ExceptionGroup("", [ClientPayloadError("half")])]),
            ExitCode.BROKEN,
            "ClientPayloadError: half",
        ),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
        (
            BaseExceptionGroup("", [KeyboardInterrupt()]),
            ExitCode.INTERRUPTED,
            "interrupted",
        ),
    ],
)
def test_failures(
    error: BaseException, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == code
    assert capsys.readouterr().err == f"anyiohttp: {said}\n"


@pytest.mark.parametrize(
    "mistake", [ZeroDivisionError(), ExceptionGroup("", [ZeroDivisionError()])]
)
def test_mistakes_of_ours_are_not_hidden(mistake: Exception) -> None:
    with pytest.raises(type(mistake)):
        raising(mistake)


def test_a_backend_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def command() -> int:
        return 0

    assert run_command("trio", command) == 0
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert run_command("trio", command) == ExitCode.USAGE
    assert "pip install 'anyiohttp[trio]'" in capsys.readouterr().err
