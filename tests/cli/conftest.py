"""What the tests of the command line have: a server in a thread, and no environment."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal
from tests.cli.stage import ROUTES

from anyiohttp.cli.loopback import LoopbackServer, serve


@pytest.fixture(scope="module")
def server(
    server_ssl_context: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopbackServer]:
    """A loopback server in a thread: the commands bring event loops of their own."""
    socket = tmp_path_factory.mktemp("u") / "s"
    serving = serve(
        routes=ROUTES, tls=server_ssl_context, unix_path=socket, proxy_auth=("me", "secret")
    )
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that the tests run on counts."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("NETRC", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", os.devnull)
