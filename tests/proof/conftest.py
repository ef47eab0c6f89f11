"""What the tests of the proof share: the ledger, the backend's name, certificates.

``ANYIOHTTP_PROOF=1`` tries everything (``nox -s proof``); otherwise it is a slice, the same each
time. The ledger's table is printed at the end if everything was tried, or with ``-v``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.proof.ledger import EXHAUSTIVE, LEDGER, Ledger

from anyiohttp.testing import CertificateAuthority


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """Where every trial is noted."""
    return LEDGER


@pytest.fixture(scope="session")
def exhaustive() -> bool:
    """Whether everything is to be tried."""
    return EXHAUSTIVE


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    """Issues the certificates of servers in memory."""
    return CertificateAuthority()


@pytest.fixture(scope="module")
def backend(anyio_backend: tuple[str, dict[str, object]]) -> str:
    """``asyncio``, ``uvloop`` or ``trio``."""
    name, options = anyio_backend
    return "uvloop" if options.get("use_uvloop") else name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep to one backend, if the proof is run in parts; what needs none goes with the first."""
    wanted = os.environ.get("ANYIOHTTP_PROOF_BACKEND")
    if not wanted:
        return
    kept = [item for item in items if _backend_of(item) == wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _backend_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    if callspec is None or "anyio_backend" not in callspec.params:
        return "asyncio"
    name, options = callspec.params["anyio_backend"]
    return "uvloop" if options.get("use_uvloop") else name


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the ledger's table, or leave it to who runs the proof in parts."""
    if path := os.environ.get("ANYIOHTTP_PROOF_LEDGER"):
        Path(path).write_text(LEDGER.dump(), encoding="utf-8")
        return
    lines = LEDGER.table()
    if lines and (EXHAUSTIVE or terminalreporter.verbosity > 0):
        terminalreporter.section("proof" if EXHAUSTIVE else "proof, a slice of it")
        for line in lines:
            terminalreporter.write_line(line)
