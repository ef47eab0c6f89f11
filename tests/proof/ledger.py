"""What the proof has tried, and what it has found: counts for the table at its end.

A test opens a `Trial` for everything it tries, and raises what it finds; how that is counted
depends on what it is::

    with ledger.trial("cancel at every await", scenario="read()", backend="trio"):
        ...

The table says for each claim how many different values each of its dimensions has had, how many
trials there were, and how many of each kind of failure: all zero, or the tests have failed, too.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyiohttp.testing import Leaked, VictimStuck

__all__ = ("EXHAUSTIVE", "LEDGER", "CrossTalk", "Hang", "Ledger", "TruncatedAsComplete")

#: Whether everything is tried. If not, a slice that is the same every time, and takes seconds.
EXHAUSTIVE = os.environ.get("ANYIOHTTP_PROOF", "") not in ("", "0")


class CrossTalk(AssertionError):
    """A request got what belongs to another."""


class TruncatedAsComplete(AssertionError):
    """A part of a body was handed out as if it were all."""


class Hang(AssertionError):
    """Something did not end in time."""


#: The columns of the table, and what is counted there. Anything else is a stray exception.
KINDS: dict[str, tuple[type[BaseException], ...]] = {
    "leaks": (Leaked,),
    "hangs": (Hang, VictimStuck, TimeoutError),
    "cross-talk": (CrossTalk,),
    "truncated": (TruncatedAsComplete,),
}
STRAY = "stray"


@dataclass
class Claim:
    """What was tried of one claim.

    Attributes:
        dimensions: the values that each dimension has had.
        trials: how many trials there were.
        found: how many of them have failed, by kind.
    """

    dimensions: dict[str, set[str]] = field(default_factory=dict)
    trials: int = 0
    found: Counter[str] = field(default_factory=Counter)


class Ledger:
    """All claims, by name."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}

    @contextmanager
    def trial(self, claim: str, *, count: int = 1, **dimensions: object) -> Iterator[None]:
        """Count what is tried in this block, and what kind of failure comes out of it.

        Args:
            claim: what it is a trial of, for instance ``"fault at every byte"``.
            count: how many trials it stands for.
            **dimensions: what tells it from others, by dimension: ``scenario="CONNECT"``.
        """
        entry = self.claims.setdefault(claim, Claim())
        for name, value in dimensions.items():
            entry.dimensions.setdefault(name, set()).add(str(value))
        entry.trials += count
        try:
            yield
        except Exception as exc:
            entry.found[kind_of(exc)] += 1
            raise

    def dump(self) -> str:
        """What `add` takes in another process."""
        claims = {
            name: {
                "dimensions": {key: sorted(values) for key, values in claim.dimensions.items()},
                "trials": claim.trials,
                "found": claim.found,
            }
            for name, claim in self.claims.items()
        }
        return json.dumps(claims)

    def add(self, dumped: str) -> None:
        """Add what was tried in another process."""
        for name, other in json.loads(dumped).items():
            claim = self.claims.setdefault(name, Claim())
            for key, values in other["dimensions"].items():
                claim.dimensions.setdefault(key, set()).update(values)
            claim.trials += other["trials"]
            claim.found.update(other["found"])

    def table(self) -> list[str]:
        """The lines of the table; none if nothing was tried."""
        if not self.claims:
            return []
        kinds = [*KINDS, STRAY]
        rows = [["claim", "tried", "trials", *kinds]]
        for name, claim in self.claims.items():
            tried = ", ".join(
                f"{len(values):,} {dimension}{'s' if len(values) != 1 else ''}"
                for dimension, values in claim.dimensions.items()
            )
            rows.append([name, tried, f"{claim.trials:,}", *(str(claim.found[k]) for k in kinds)])
        total = sum(claim.trials for claim in self.claims.values())
        found: Counter[str] = sum((claim.found for claim in self.claims.values()), Counter())
        rows.append(["all", "", f"{total:,}", *(str(found[kind]) for kind in kinds)])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def kind_of(exc: BaseException) -> str:
    """Return the column in which a failure is counted; that of the first one in a group."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return next((kind for kind, types in KINDS.items() if isinstance(exc, types)), STRAY)


def _aligned(row: list[str], widths: list[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if column < 2 else cell.rjust(width)


#: Of this test run.
LEDGER = Ledger()
