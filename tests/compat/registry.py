"""The scenarios, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tests.compat.stage import Stage

__all__ = ("SCENARIOS", "Scenario", "load", "scenario")

#: Plays with one of the two libraries and tells the stage what it saw.
Scenario = Callable[[ModuleType, Stage], Awaitable[None]]

SCENARIOS: dict[str, Scenario] = {}


def scenario(play: Scenario) -> Scenario:
    """Register a scenario as ``module.function``.

    It is written once and gets the library as an argument: what it says of the stage's servers, and
    what the library answered, must be the same for both.
    """
    name = f"{play.__module__.rpartition('.')[2]}.{play.__name__}"
    assert name not in SCENARIOS, f"two scenarios are called {name}"
    SCENARIOS[name] = play
    return play


def load() -> dict[str, Scenario]:
    """Import every module of ``scenarios/`` and return what they registered."""
    for path in sorted((Path(__file__).parent / "scenarios").glob("*.py")):
        import_module(f"tests.compat.scenarios.{path.stem}")
    return SCENARIOS
