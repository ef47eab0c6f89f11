"""Tables: what was to be reached and what was; what everybody took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import workloads
from .measure import Config, Result, median

HERE = Path(__file__).parent
DATA = HERE / "results.json"
PAGE = HERE / "RESULTS.md"

INTRODUCTION = """\
# What anyiohttp costs

Made by `nox -s bench`; how it is measured is said in [`__init__.py`](__init__.py): CPU time, user
and system, of the client's process alone, with nginx on a core of its own; fresh processes; rounds
that go from client to client. The floor is the bare anyio stream with a prebuilt request and
httptools. Less is better everywhere.
"""


def target_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Rows: work, backend, target, reached with its spread, verdict."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        for target in result.workload.targets:
            ratios = result.reached(target)
            reached = median(ratios)
            unit = f" {result.workload.unit}" if target.reference is None else " ×"
            wanted = f"≤ {target.limit:g}{unit}"
            if target.reference:
                wanted += f" {target.reference}"
                if target.reference_backend:
                    wanted += f" on {target.reference_backend}"
            if reached is None:
                rows.append((result.workload.title, target.backend, wanted, "–", "not measured"))
                continue
            spread = f"{reached:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            over = reached / target.limit - 1
            verdict = "met" if over <= 0 else f"missed by {over:.0%}"
            rows.append((result.workload.title, target.backend, wanted, spread, verdict))
    return rows


def value_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Rows: work with its unit, client, backend, median, lowest to highest."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        for config in result.values:
            middle, spread = result.median(config), result.spread(config)
            if middle is None or spread is None:
                values = ("failed", "–")
            else:
                remark = result.remarks.get(config)
                around = f"{number(spread[0])} to {number(spread[1])}"
                values = (number(middle), f"{around}; {remark}" if remark else around)
            rows.append((f"{result.workload.title} ({result.workload.unit})", *config, *values))
    return rows


def number(value: float) -> str:
    """A number with three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


TARGET_HEAD = ("work", "backend", "target", "reached (lowest to highest round)", "")
VALUE_HEAD = ("work (unit)", "client", "backend", "median", "lowest to highest")


def text_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table for a terminal; what is the same as above is left out."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    last = ""
    for row in [head, tuple("-" * width for width in widths), *rows]:
        shown = ("" if row[0] == last else row[0], *row[1:])
        last = row[0]
        cells = [cell.ljust(width) for cell, width in zip(shown, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def page_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table for Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def load() -> tuple[dict[str, Any], list[Result]]:
    """Read what was written by `save`, in the table's order."""
    if not DATA.exists():
        return {}, []
    data = json.loads(DATA.read_text())
    results = []
    for name in workloads.NAMES:
        if name in data["workloads"]:
            found = data["workloads"][name]
            values = {tuple_of(key): rounds for key, rounds in found["values"].items()}
            remarks = {tuple_of(key): remark for key, remark in found["remarks"].items()}
            results.append(Result(workloads.load(name), values, remarks))
    return data["machine"], results


def tuple_of(key: str) -> Config:
    client, _, backend = key.partition(" ")
    return client, backend


def save(machine: dict[str, str], results: list[Result]) -> None:
    """Write the data and the page."""
    made = {**machine, "made": time.strftime("%Y-%m-%d")}
    data = {
        "machine": made,
        "workloads": {
            result.workload.name: {
                "values": {
                    " ".join(config): [value and round(value, 3) for value in rounds]
                    for config, rounds in result.values.items()
                },
                "remarks": {" ".join(config): said for config, said in result.remarks.items()},
            }
            for result in results
        },
    }
    DATA.write_text(json.dumps(data, indent=1) + "\n")
    targets = target_rows(results)
    met = sum(row[-1] == "met" for row in targets)
    parts = [
        INTRODUCTION,
        f"## Targets: {met} of {len(targets)} met\n",
        page_table(TARGET_HEAD, targets) + "\n",
        "## What everybody took\n",
        page_table(VALUE_HEAD, value_rows(results)) + "\n",
        "## Where\n",
        page_table(("", ""), list(made.items())),
    ]
    PAGE.write_text("\n".join(parts) + "\n")
