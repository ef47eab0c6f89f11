"""``python -m anyiohttp``: arguments, and the fetch of a URL."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from anyiohttp.cli.loopback import LoopbackServer, Request, Response, Send, serve
from anyiohttp.cli.loopback.handlers import pattern
from anyiohttp.cli.main import main


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A loopback server in a thread: the commands bring event loops of their own."""

    async def cut_short(request: Request) -> Response:
        async def write(send: Send) -> None:
            await send(b"half")

        return Response(writer=write, size=8, silent_close=True)

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(routes={"/cut": cut_short})) as running,
    ):
        yield running


def test_get_to_standard_output(
    server: LoopbackServer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    url = str(server.url / "headers")
    assert main(["get", url, "-H", "X-One: 1", "--header", "X-Two:2"]) == 0
    output, errors = capfdbinary.readouterr()
    assert b'["X-One", "1"]' in output
    assert b'["X-Two", "2"]' in output
    assert errors.startswith(b"200 OK, ")


def test_get_to_a_file(
    server: LoopbackServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "body"
    url = server.url / "redirect-to" % {"url": "/stream/300000"}
    assert main(["get", str(url), "-o", str(target)]) == 0
    assert target.read_bytes() == pattern(300_000)
    assert "300000 bytes" in (told := capsys.readouterr().err)
    assert "after 1 redirects" in told


def test_get_tells_failures(
    server: LoopbackServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", str(server.url / "status/404")]) == 1
    assert "404 Not Found" in capsys.readouterr().err
    assert main(["get", "nonsense"]) == 1
    assert capsys.readouterr().err.startswith("InvalidUrlClientError: ")
    assert main(["get", str(server.url / "cut"), "-o", str(tmp_path / "body")]) == 1
    assert "ClientPayloadError" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [[], ["get"], ["get", "http://x", "-H", "no colon"], ["demo", "--backend", "x"]]
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m anyiohttp" in capsys.readouterr().err


def test_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["anyiohttp", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("anyiohttp", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("anyiohttp 0.")


def test_demo_command(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("anyiohttp.cli.main.run_demo", lambda backends: asked.append(backends) or 0)
    assert main(["demo", "--backend", "trio"]) == 0
    assert main(["demo"]) == 0
    assert asked == [["trio"], None]
