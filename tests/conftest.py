"""What every test has: the three backends, certificates, servers, and a guard against leaks.

Async tests are plain ``async def test_…`` functions in modules that say
``pytestmark = pytest.mark.anyio``; each runs once on asyncio, on uvloop and on trio.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis  # noqa: F401 - registers trio's random source, which a frozen heap would hide
import pytest

from anyiohttp.testing.leaks import describe_socket, open_sockets

pytest_plugins = ("tests.certs.fixtures", "tests.servers")

BACKENDS = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    pytest.param(("trio", {}), id="trio"),
]


@pytest.fixture(scope="module", params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """The backend a test runs on; overrides the fixture of anyio's plugin."""
    name, options = request.param
    needed = "uvloop" if options.get("use_uvloop") else name
    if find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    return name, options


@pytest.fixture(scope="session", autouse=True)
def _frozen_heap() -> None:
    """Make `gc.collect` cheap: what was there before the first test need not be searched again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an async test that leaves a socket open, or garbage that should have been closed.

    Garbage is collected right after the test, so that a `ResourceWarning` of an unclosed session,
    response or socket (an error by ``filterwarnings``) belongs to the test that caused it.
    """
    if request.node.get_closest_marker("anyio") is None:
        yield
        return
    before = open_sockets()
    yield
    gc.collect()
    left = open_sockets() - before
    assert not left, f"sockets left open: {', '.join(map(describe_socket, left))}"


@pytest.fixture
def unix_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path for a unix socket: the kernel allows about a hundred bytes."""
    if sys.platform == "win32":
        pytest.skip("no unix sockets on Windows")
    path = tmp_path_factory.mktemp("u", numbered=True) / "s"
    if len(str(path)) > 100:
        pytest.skip(f"the temporary directory's name is too long for a unix socket: {path}")
    return path
