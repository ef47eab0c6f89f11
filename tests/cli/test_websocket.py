"""WebSockets from the command line, against the server of the ``websockets`` project."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from anyio.from_thread import start_blocking_portal
from tests.cli.stage import on_terminal
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.cli.main import main
from anyiohttp.cli.talking import closing_line


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    path = connection.request.path
    if path == "/close":
        await connection.close(4000, "as you wish")
    elif path == "/headers":
        fields = connection.request.headers
        await connection.send(f"{fields.get('X-A')} {fields.get('Authorization')}")
        await connection.send(f"{connection.subprotocol}")
    else:
        async for message in connection:
            await connection.send(message if isinstance(message, str) else message[::-1])


def first(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    async with serve(handle, "127.0.0.1", 0, select_subprotocol=first) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving()) as url:
        yield url


@dataclass
class Talk:
    """What became of a conversation."""

    status: int
    output: str
    errors: str


Piped = Callable[..., Talk]


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Piped:
    """A function that runs ``ws`` with lines from a pipe."""

    def run(*arguments: str, typed: str = "") -> Talk:
        reading, writing = os.pipe()
        os.write(writing, typed.encode())
        os.close(writing)
        with open(reading, encoding="utf-8") as source:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr("sys.stdin", source)
            status = main(["ws", *arguments])
        return Talk(status, *capfd.readouterr())

    return run


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_lines_of_a_pipe(url: str, piped: Piped, backend: str) -> None:
    options = ["--backend", backend, "--linger", "1", "--compress"]
    done = piped(f"ws://{url}/echo", *options, typed="one\ngrüß dich\r\n\nlast")
    assert done == Talk(0, "one\ngrüß dich\n\nlast\n", "")


def test_binary_messages(url: str, piped: Piped) -> None:
    done = piped(f"{url}/", "--binary", "--linger", "1", typed="abc\n")
    assert (done.status, done.output) == (0, "cba")


def test_fields_and_protocols(url: str, piped: Piped) -> None:
    token = ["-a", "T", "--auth-type", "bearer", "-H", "X-A: b", "--linger", "1"]
    done = piped(f"http://{url}/headers", *token, "--protocol", "chat")
    assert done.output == "b Bearer T\nchat\n"
    done = piped(f"{url}/headers", "-a", "u:p", "--linger", "1")
    assert done.output == "None Basic dTpw\nNone\n"


def test_how_it_was_closed(url: str, piped: Piped) -> None:
    done = piped(f"{url}/close")
    assert done == Talk(ExitCode.BROKEN, "", "closed: 4000, as you wish\n")


def test_a_limit_for_all_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The input does not end, nor does the server say anything."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "w"):
        monkeypatch.setattr("sys.stdin", source)
        assert main(["ws", url, "--timeout", "0.3"]) == ExitCode.TIMEOUT
    assert "the 0.3 s of --timeout have passed" in capfd.readouterr().err


def test_no_handshake(server: LoopbackServer, piped: Piped) -> None:
    done = piped(str(server.url / "get"))
    assert done.status == ExitCode.REFUSED
    assert "WSServerHandshakeError" in done.errors


@pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["ctrl-d", "ctrl-c"])
def test_on_a_terminal(url: str, key: bytes) -> None:
    answers = [(b"Ctrl-D closes", b"hello\n"), (b"hello\r\nhello\r\n", key)]
    code, shown = on_terminal(["ws", f"{url}/echo"], answers)
    if key == b"\x04":
        assert (code, shown.splitlines()[-1]) == (0, "closed: 1000")
    else:
        assert (code, shown.splitlines()[-1]) == (130, "^Canyiohttp: interrupted")
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("code", "reason", "line"),
    [
        (1000, "", "closed: 1000"),
        (1000, "bye", "closed: 1000, bye"),
        (1001, "", "closed: 1001, going away"),
        (1006, "lost", "closed: 1006, abnormal closure, lost"),
        (4000, "", "closed: 4000"),
        (0, "", "closed: no code"),
    ],
)
def test_closing_lines(code: int, reason: str, line: str) -> None:
    assert closing_line(code, reason) == line
