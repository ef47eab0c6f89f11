"""A round: every client in turn, each measurement in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .clients import CLIENTS
from .machine import cores, pin
from .server import Site
from .workloads.base import Spec, Target, Workload

ROOT = Path(__file__).resolve().parent.parent
#: Seconds one measurement may take.
PATIENCE = 600.0

#: A client on a backend.
Config = tuple[str, str]


@dataclass
class Result:
    """The values of one workload, by round; ``None`` where a measurement failed."""

    workload: Workload
    values: dict[Config, list[float | None]] = field(default_factory=dict)
    remarks: dict[Config, str] = field(default_factory=dict)

    @classmethod
    def of(cls, workload: Workload, taking_part: Iterable[Config]) -> Result:
        """Return what is still to be filled."""
        return cls(workload, {config: [] for config in taking_part})

    def median(self, config: Config) -> float | None:
        return median([value for value in self.values.get(config, []) if value is not None])

    def spread(self, config: Config) -> tuple[float, float] | None:
        """The lowest and the highest value."""
        values = [value for value in self.values.get(config, []) if value is not None]
        return (min(values), max(values)) if values else None

    def reached(self, target: Target) -> list[float]:
        """What was reached in each round: the ratio to the reference, or the value itself."""
        ours = self.values.get(("anyiohttp", target.backend), [])
        if target.other is None:
            return [value for value in ours if value is not None]
        theirs = self.values.get(target.other, [])
        return [
            own / other
            for own, other in zip(ours, theirs, strict=False)
            if own is not None and other is not None and other > 0
        ]


def median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def configs(
    workload: Workload, only_clients: set[str] | None, only_backends: set[str] | None
) -> Iterator[Config]:
    """Who takes part, in the order in which they take turns."""
    for client, (_, backends) in CLIENTS.items():
        if client in workload.lacking or (only_clients and client not in only_clients):
            continue
        for backend in backends:
            if only_backends and backend not in only_backends:
                continue
            if workload.name == "import_time" and backend != "asyncio":
                continue  # no event loop is imported
            yield client, backend


def run_round(
    result: Result, site: Site, number: int, *, quick: bool, say: Callable[[str], None]
) -> None:
    """Measure one workload once, by each in turn; a client that failed is not asked again.

    Of whom no target speaks is asked in the first round only.
    """
    workload = result.workload
    for config, values in result.values.items():
        if number and config not in wanted(workload):
            continue
        measured = None
        if None not in values:
            say(f"round {number + 1}: {workload.name} {' '.join(config)}")
            spec = Spec(workload.name, *config, site=asdict(site), quick=quick)
            measured = run_worker(spec)
        values.append(measured and measured[0])
        if measured and measured[1]:
            result.remarks[config] = measured[1]


def wanted(workload: Workload) -> set[Config]:
    """Of whom the targets of a workload speak."""
    ours = {("anyiohttp", target.backend) for target in workload.targets}
    return ours | {target.other for target in workload.targets if target.other is not None}


def run_worker(spec: Spec) -> tuple[float, str] | None:
    """Measure once; ``None``, and a word on standard error, if that failed."""
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(asdict(spec))]
    core = cores()[0]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            preexec_fn=lambda: pin(core),
        )
    except subprocess.TimeoutExpired:
        why = f"it took more than {PATIENCE:g} s"
    except subprocess.CalledProcessError as exc:
        why = "\n".join(exc.stderr.strip().splitlines()[-6:])
    else:
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer["value"], answer["remark"]
    print(f"\n{spec.workload}: {spec.client} on {spec.backend} failed: {why}", file=sys.stderr)
    return None
