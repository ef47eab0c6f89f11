"""docs/migration.md has every difference that is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.aiohttp_own.expectations import read
from tests.compat.differences import CLASSES, DIFFERENCES

TEXT = " ".join(
    (Path(__file__).parents[2] / "docs" / "migration.md").read_text(encoding="utf-8").split()
)

REASONS = sorted(
    {each.reason for each in DIFFERENCES if each.reason != "see above"}
    | {each.reason for each in CLASSES}
    | {each.reason for each in read() if each.kind == "differs"}
)


@pytest.mark.parametrize("reason", REASONS)
def test_the_reason_is_told(reason: str) -> None:
    assert reason in TEXT
