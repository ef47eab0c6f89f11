"""The reference has every public name, and each name says what it is."""

from __future__ import annotations

import importlib.util
import inspect
import types
from pathlib import Path

import pytest

import anyiohttp
import anyiohttp.abc
import anyiohttp.opentelemetry
import anyiohttp.testing

ROOT = Path(__file__).parents[2]
MODULES = [anyiohttp, anyiohttp.testing, anyiohttp.abc, anyiohttp.opentelemetry]


@pytest.fixture(scope="module")
def hooks() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs/hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_public_name_is_on_one_page(hooks: types.ModuleType) -> None:
    lines = [line for text in hooks.reference().values() for line in text.splitlines()]
    for module in (anyiohttp, anyiohttp.testing, anyiohttp.opentelemetry):
        for name in module.__all__:
            assert lines.count(f"::: {module.__name__}.{name}") == 1, name


def test_each_page_of_the_reference_is_in_the_navigation(hooks: types.ModuleType) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in hooks.reference():
        assert f" {path}\n" in navigation


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_each_public_name_says_what_it_is(module: types.ModuleType) -> None:
    silent = []
    for name in module.__all__:
        value = getattr(module, name)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        if not inspect.getdoc(value):
            silent.append(name)
        elif inspect.isclass(value):
            silent += [
                f"{name}.{member}"
                for member, what in vars(value).items()
                if not member.startswith("_")
                and (inspect.isfunction(what) or isinstance(what, property))
                and not inspect.getdoc(getattr(value, member))
            ]
    assert not silent


def test_manual_pages(hooks: types.ModuleType) -> None:
    assert "EXIT STATUS:" in hooks.manual_page("get")
    assert "COMMANDS:" in hooks.manual_page("")
