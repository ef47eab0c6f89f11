"""The same script gives the same answers under ``import aiohttp`` and ``import anyiohttp``.

Each scenario runs once with aiohttp, on asyncio, and with anyiohttp on every backend; what it
observed is compared label by label. Expected differences are in `differences`.
"""

from __future__ import annotations

import gc
import ssl
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType

import aiohttp
import anyio
import pytest
from tests.certs.authority import Fingerprints
from tests.compat.differences import CLASSES, DIFFERENCES, NOTHING, Difference, difference_for
from tests.compat.observations import ATTRIBUTE, CAUGHT
from tests.compat.registry import load
from tests.compat.stage import Trust, stage

import anyiohttp

#: Not for the backends, which are below: for the guard against leaked sockets.
pytestmark = pytest.mark.anyio

SCENARIOS = load()

#: No scenario waits for longer than a second or two.
_HANGS = 20

_BACKENDS = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}

Play = Callable[[str, ModuleType, str], dict[str, object]]


@pytest.fixture(scope="module")
def play(
    tmp_path_factory: pytest.TempPathFactory,
    server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
) -> Play:
    """Run a scenario with a library on a backend, and return what it observed."""
    trust = Trust(server_ssl_context, client_ssl_context, server_fingerprints)
    root, numbers = tmp_path_factory.mktemp("c"), count()

    async def run(name: str, library: ModuleType, directory: Path) -> dict[str, object]:
        with anyio.fail_after(_HANGS):
            async with stage(trust, directory) as it:
                await SCENARIOS[name](library, it)
                # What servers note may come after the client's answer.
                await anyio.wait_all_tasks_blocked()
        return dict(it.observations)

    def play(name: str, library: ModuleType, backend: str) -> dict[str, object]:
        directory = root / str(next(numbers))
        directory.mkdir()
        backend, options = _BACKENDS[backend]
        return anyio.run(run, name, library, directory, backend=backend, backend_options=options)

    return play


@pytest.fixture(scope="module")
def theirs(play: Play) -> Iterator[Callable[[str], dict[str, object]]]:
    """Return aiohttp's answers; each scenario is played once."""

    @cache
    def answers(name: str) -> dict[str, object]:
        with warnings.catch_warnings():
            # aiohttp deprecates much of what its users write, and it may leave transports to the
            # garbage collector.
            warnings.simplefilter("ignore")
            seen = play(name, aiohttp, "asyncio")
            gc.collect()
        return seen

    with pytest.MonkeyPatch.context() as patch:
        # With aiodns installed aiohttp asks it by default; ours is asked for (`AsyncResolver`).
        patch.setattr("aiohttp.connector.DefaultResolver", aiohttp.ThreadedResolver)
        yield answers
    answers.cache_clear()


@pytest.mark.parametrize("backend", _BACKENDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_same_answers(
    name: str, backend: str, play: Play, theirs: Callable[[str], dict[str, object]]
) -> None:
    needed = "asyncio" if backend == "asyncio" else backend
    if find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    wanted = theirs(name)
    got = play(name, anyiohttp, backend)
    # An unclosed session, response or socket is reported in the test that left it.
    gc.collect()
    problems = list(_compare(name, wanted, got))
    assert not problems, "\n".join(["", *problems])


def _compare(name: str, wanted: dict[str, object], got: dict[str, object]) -> Iterator[str]:
    seen: set[Difference] = set()
    for label in dict.fromkeys([*wanted, *got]):
        theirs, ours = wanted.get(label, NOTHING), got.get(label, NOTHING)
        if ATTRIBUTE in label and theirs == NOTHING:
            continue  # our errors may tell more
        expected = difference_for(name, label)
        if label + CAUGHT in got and _more_exact(theirs, ours):
            continue
        if _same(label, theirs, ours):
            continue
        if expected is not None:
            seen.add(expected)
        if expected is None or not expected.holds(theirs, ours):
            yield f"{label}:\n    aiohttp   {theirs!r}\n    anyiohttp {ours!r}"
    for entry in DIFFERENCES:
        if entry.scenario == name and entry not in seen:
            yield f"{entry.label}: no longer differs"


def _more_exact(theirs: object, ours: object) -> bool:
    """Tell whether our error's class is one that stands for theirs."""
    return any(entry.anyiohttp == ours and theirs in entry.aiohttp for entry in CLASSES)


def _same(label: str, theirs: object, ours: object) -> bool:
    if label.endswith(CAUGHT):
        # What catches aiohttp's error must catch ours; ours may have more bases.
        assert isinstance(theirs, list | str)
        assert isinstance(ours, list | str)
        return set(theirs) <= set(ours)
    return theirs == ours


def test_every_difference_belongs_to_a_scenario() -> None:
    assert {entry.scenario for entry in DIFFERENCES} <= set(SCENARIOS)


def test_there_are_enough_scenarios() -> None:
    assert len(SCENARIOS) >= 250
