"""What ``docs/guarantees.md`` names exists, and nothing that should be there is missing."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import tests.proof.http2_scenarios  # noqa: F401 - they register themselves
from tests.proof.scenarios import SCENARIOS

from anyiohttp import (
    BaseConnector,
    ClientResponse,
    ClientSession,
    ClientWebSocketResponse,
    StreamReader,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_QUOTED = re.compile(r"“([^”]+)”")
_CODE = re.compile(r"`([\w.]+)`")


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a module, and what else it names on its top level."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


@pytest.mark.parametrize(("path", "name"), sorted(set(_TEST.findall(PAGE))))
def test_each_test_that_is_named_exists(path: str, name: str):
    assert (ROOT / path).is_file()
    assert name in names_in(path)
    assert name.lower().startswith("test")


def test_each_scenario_is_named_and_exists():
    named = set(_QUOTED.findall(PAGE))
    assert named == set(SCENARIOS)


@pytest.mark.parametrize(
    "owner",
    [ClientSession, ClientResponse, StreamReader, BaseConnector, ClientWebSocketResponse],
)
def test_each_call_that_awaits_is_named(owner: type):
    words = {word.rpartition(".")[2] for word in _CODE.findall(PAGE)}
    calls = {
        name
        for name, member in inspect.getmembers(owner, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert calls <= words
    if owner is ClientSession:
        # They return something that is awaited.
        assert {"request", "get", "options", "head", "post", "put", "patch", "delete"} <= words
        assert {"ws_connect", "sse"} <= words


def test_what_awaits_nothing():
    assert not inspect.iscoroutinefunction(ClientSession.detach)
    assert not inspect.iscoroutinefunction(ClientResponse.release)
    assert not inspect.iscoroutinefunction(ClientResponse.close)
    assert not inspect.iscoroutinefunction(BaseConnector.close)
