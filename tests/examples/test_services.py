"""The programs of ``examples/`` that need FastAPI or Dask; ``pip install --group examples``."""

from __future__ import annotations

import csv
import socket
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from tests.examples.test_programs import ROOT, load

import anyiohttp
from anyiohttp.cli.loopback import serve
from anyiohttp.cli.loopback.handlers import pattern


@pytest.mark.skipif(find_spec("fastapi") is None, reason="fastapi is not installed")
def test_fastapi_service(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    config.accesslog = config.errorlog = None
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config.bind = [f"fd://{listening.detach()}"]  # the server closes it

    async def main() -> None:
        async with serve() as server, anyio.create_task_group() as tasks:
            monkeypatch.setenv("UPSTREAM", str(server.url))
            app = load("fastapi_service").app
            stop = anyio.Event()
            tasks.start_soon(
                partial(hypercorn_serve, app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
            )
            async with anyiohttp.ClientSession(url) as session:
                async with session.get("/summary") as response:
                    assert await response.json() == {"name": "anyiohttp", "sum": 6}
                async with session.get("/file/200000") as response:
                    assert await response.read() == pattern(200_000)
                async with session.get("/file/x") as response:
                    assert response.status == 422
                connections = server.counts.connections
            stop.set()
        assert connections == 1  # one session, one connection, for all of it

    anyio.run(main)


@pytest.mark.skipif(find_spec("dask") is None, reason="dask is not installed")
def test_batch_over_processes(tmp_path: Path) -> None:
    name, target = "batch_dask", tmp_path / "results.csv"
    program = ROOT / "examples" / f"{name}.py"
    command = [sys.executable, program, "--demo", "40", "--processes", "2", target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("40 of 40 in ")
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["status"], row["error"]) for row in rows} == {("200", "")}
    assert sorted(int(row["size"]) for row in rows) == list(range(40))
