"""Every example of a page runs, on each backend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs"

#: Pages whose Python blocks are programs with a ``main``.
PAGES = ("testing.md",)

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> Iterator[Any]:
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for block in _BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            # The lines before it make a traceback point into the page.
            yield pytest.param(page, "\n" * line + block[1], id=f"{page}:{line}")


@pytest.mark.parametrize(("page", "source"), list(examples()))
async def test_example(page: str, source: str) -> None:
    namespace: dict[str, object] = {"__name__": "example"}
    exec(compile(source, DOCS / page, "exec"), namespace)
    main = namespace["main"]
    assert callable(main)
    await main()
