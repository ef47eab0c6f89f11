"""Instructions for each request: ``python -m benchmarks.instructions``.

They hardly differ from run to run, even on a busy machine: a change of one per cent can be seen.
Only user space is counted, so the kernel's share (a third of a small request) is not in it. By
``perf stat`` where the processor's counters can be had, else by valgrind's callgrind, which takes
half a minute for each line. The worker runs twice, with few and with many repeats; the difference
leaves out its start and its warm-up.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from . import clients, workloads
from .__main__ import listed
from .machine import allow_many_files, find_program
from .measure import ROOT
from .server import serving
from .workloads.base import Spec

#: Tasks of the workloads that count requests, and so requests for each repeat.
TASKS = {
    "small_get": 64,
    "tls_get": 64,
    "http2_get": 64,
    "post_json": 64,
    "single_get": 1,
    "tls_connect": 1,
}
DEFAULT = (
    ("floor", "asyncio"),
    ("anyiohttp", "asyncio"),
    ("aiohttp", "asyncio"),
    ("floor", "trio"),
    ("anyiohttp", "trio"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--only", type=listed(TASKS), default=["single_get"], metavar="WORK,…")
    parser.add_argument("--clients", type=listed(clients.CLIENTS), metavar="CLIENT,…")
    parser.add_argument("--backends", type=listed(("asyncio", "uvloop", "trio")))
    parser.add_argument("--requests", type=int, default=640, help="more in the second run (640)")
    parser.add_argument("--callgrind-out", type=Path, help="keep the last run's profile here")
    options = parser.parse_args()
    allow_many_files()
    chosen = list(DEFAULT)
    if options.clients or options.backends:
        chosen = [
            (client, backend)
            for client, (_, backends) in clients.CLIENTS.items()
            for backend in backends
            if client in (options.clients or ("floor", "anyiohttp", "aiohttp"))
            and backend in (options.backends or ("asyncio",))
        ]
    by_perf = counters_work()
    print("instructions in user space for each request, by", "perf" if by_perf else "callgrind")
    with serving(quick=True) as site:
        for name in options.only:
            for client, backend in chosen:
                if client in workloads.load(name).lacking:
                    continue
                spec = Spec(name, client, backend, asdict(site), quick=True)
                count = per_request(spec, options.requests, by_perf, options.callgrind_out)
                print(f"{name:12} {client:10} {backend:8} {count:12,.0f}", flush=True)


def per_request(spec: Spec, requests: int, by_perf: bool, out: Path | None) -> float:
    """Count twice, and divide the difference."""
    tasks = TASKS[spec.workload]
    few = 2
    many = few + max(1, requests // tasks)
    counts = []
    for each in (few, many):
        told = json.dumps({**asdict(spec), "each": each})
        worker = [sys.executable, "-m", "benchmarks.worker", told]
        counts.append(by_counters(worker) if by_perf else by_callgrind(worker, out))
    return (counts[1] - counts[0]) / ((many - few) * tasks)


def counters_work() -> bool:
    """Whether ``perf`` can count instructions here; in most virtual machines it cannot."""
    perf = find_program("perf")
    if perf is None:
        return False
    command = [perf, "stat", "-x,", "-e", "instructions:u", "true"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.returncode == 0 and said.stderr[:1].isdigit()


def by_counters(worker: list[str]) -> int:
    said = run(["perf", "stat", "-x,", "-e", "instructions:u", *worker])
    return int(said.strip().splitlines()[-1].split(",")[0])


def by_callgrind(worker: list[str], out: Path | None) -> int:
    if find_program("valgrind") is None:
        raise SystemExit("valgrind is needed: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as directory:
        file = out or Path(directory) / "callgrind.out"
        said = run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", *worker])
    found = re.search(r"Collected : (\d+)", said)
    if found is None:
        raise SystemExit(said)
    return int(found[1])


def run(command: list[str]) -> str:
    """Run it with the same hashes each time; return its standard error."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stderr


if __name__ == "__main__":
    main()
