"""The demonstration: each step on each backend, and how it is told."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import anyio
import pytest
import trustme
from tests.certs.authority import client_context, der, server_context

from anyiohttp.cli import backends, demo
from anyiohttp.cli.demo import run_demo
from anyiohttp.cli.demo_steps import STEPS, Stage, Step, Wrong, expect
from anyiohttp.cli.loopback import serve


@pytest.mark.anyio
@pytest.mark.parametrize("step", [step for _, step in STEPS], ids=[title for title, _ in STEPS])
async def test_step(
    step: Step, ca: trustme.CA, server_cert: trustme.LeafCert, unix_path: Path, tmp_path: Path
) -> None:
    async with serve(
        tls=server_context(server_cert), unix_path=unix_path, proxy_auth=("me", "secret")
    ) as server:
        stage = Stage(server, client_context(ca), der(server_cert), ("me", "secret"), tmp_path)
        with anyio.fail_after(60):
            assert await step(stage)


def test_wrong_is_told() -> None:
    expect(1, 1)
    with pytest.raises(Wrong, match="got 1, wanted 2"):
        expect(1, 2)


def test_right_steps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def fine(stage: Stage) -> str:
        return hashlib.sha256(stage.certificate).hexdigest()[:4]

    monkeypatch.setattr(demo, "STEPS", (("something", fine),))
    assert run_demo(["trio"]) == 0
    output = capsys.readouterr().out
    assert "\n  ok     something " in output
    assert "1 of 1 right" in output
    assert output.endswith("all right\n")


def test_wrong_steps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def wrong(stage: Stage) -> str:
        raise Wrong("no")

    monkeypatch.setattr(demo, "STEPS", (("something", wrong),))
    assert run_demo(["asyncio"]) == 1
    output = capsys.readouterr().out
    assert "\n  WRONG  something                  Wrong: no\n" in output
    assert output.endswith("1 wrong\n")


def test_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {"trio", "uvloop"}

    def find_spec(name: str) -> object:
        return None if name in missing else importlib.util.find_spec(name)

    for module in (demo, backends):
        monkeypatch.setattr(module, "find_spec", find_spec)
    monkeypatch.setattr(demo, "STEPS", ())
    assert run_demo() == 0
    assert "trio is not installed: pip install 'anyiohttp[trio]'" in capsys.readouterr().out
    assert run_demo(["trio"]) == 2
    missing.add("trustme")
    assert run_demo() == 2
    assert "pip install 'anyiohttp[demo]'" in capsys.readouterr().out
