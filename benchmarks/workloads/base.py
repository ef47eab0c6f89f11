"""What a workload is, and what it wants to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Who cannot speak HTTP/2.
NO_HTTP2 = frozenset({"aiohttp", "pyreqwest", "floor"})


@dataclass(frozen=True)
class Target:
    """What is to be reached, on a backend.

    Args:
        backend: anyiohttp's.
        limit: the highest ratio to the reference; without one, the highest value.
        reference: a client, or ``None``.
        reference_backend: where that differs.
    """

    backend: str
    limit: float
    reference: str | None = None
    reference_backend: str | None = None

    @property
    def other(self) -> tuple[str, str] | None:
        if self.reference is None:
            return None
        return self.reference, self.reference_backend or self.backend


@dataclass(frozen=True)
class Spec:
    """One measurement: all that a worker is told.

    Args:
        workload: its name.
        client: the client's name.
        backend: ``asyncio``, ``uvloop`` or ``trio``.
        site: the fields of `server.Site`.
        quick: whether to do little.
        each: how often each task repeats; what the workload thinks right if not given.
    """

    workload: str
    client: str
    backend: str
    site: dict[str, Any]
    quick: bool = False
    each: int | None = None


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    Args:
        name: of its module.
        title: of the row.
        unit: of its values.
        measure: does it, in a worker; returns the value, less being better, and a remark.
        targets: what is to be reached.
        lacking: clients that cannot do it.
        rounds: at most so many, where one takes long.
    """

    name: str
    title: str
    unit: str
    measure: Callable[[Spec], tuple[float, str]]
    targets: tuple[Target, ...]
    lacking: frozenset[str] = field(default_factory=frozenset)
    rounds: int = 99
