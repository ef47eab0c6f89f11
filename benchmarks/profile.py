"""Where one workload's time goes: ``python -m benchmarks.profile small_get --backend trio``.

Only the measured part is profiled, not the start and the warm-up. (Run it as a module: as a script
it would hide the standard library's ``profile``.)
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, Self

from . import workloads
from .clients import CLIENTS
from .machine import allow_many_files, cores, pin
from .server import serving
from .workloads.base import Spec
from .workloads.running import Meter


class Profiler(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: Any) -> None: ...
    def report(self, lines: int, out: Path | None) -> None: ...


class Deterministic:
    """cProfile: exact counts of calls; it makes small functions look dear."""

    def __init__(self, order: str) -> None:
        self._profile = cProfile.Profile()
        self._order = order

    def __enter__(self) -> Self:
        self._profile.enable()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._profile.disable()

    def report(self, lines: int, out: Path | None) -> None:
        if out:
            self._profile.dump_stats(out)
        stats = pstats.Stats(self._profile)
        stats.sort_stats(self._order).print_stats(lines)


class Sampling:
    """pyinstrument: a tree of samples; true times, also of what is called in C."""

    def __init__(self) -> None:
        from pyinstrument import Profiler

        self._profiler = Profiler(interval=0.0005, async_mode="disabled")

    def __enter__(self) -> Self:
        self._profiler.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._profiler.stop()

    def report(self, lines: int, out: Path | None) -> None:
        if out:
            out.write_text(self._profiler.output_html(), encoding="utf-8")
        print(self._profiler.output_text(unicode=True, color=sys.stdout.isatty(), show_all=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("workload", choices=workloads.NAMES)
    parser.add_argument("--client", choices=CLIENTS, default="anyiohttp")
    parser.add_argument("--backend", choices=("asyncio", "uvloop", "trio"), default="asyncio")
    parser.add_argument("--each", type=int, help="repeats of each task")
    parser.add_argument("--quick", action="store_true", help="small files, few repeats")
    parser.add_argument("--sample", action="store_true", help="by pyinstrument, not cProfile")
    parser.add_argument("--sort", default="tottime", help="cProfile's order (tottime)")
    parser.add_argument("--lines", type=int, default=45, help="of cProfile's table (45)")
    parser.add_argument("--out", type=Path, help="a file for pstats, or HTML with --sample")
    options = parser.parse_args()
    if options.workload == "import_time":
        parser.error(f"that is: python -X importtime -c 'import {options.client}'")
    allow_many_files()
    profiler: Profiler = Sampling() if options.sample else Deterministic(options.sort)
    Meter.watchers = (profiler,)
    with serving(quick=options.quick) as site:
        pin(cores()[0])
        spec = Spec(
            options.workload,
            options.client,
            options.backend,
            site=asdict(site),
            quick=options.quick,
            each=options.each,
        )
        workload = workloads.load(options.workload)
        value, remark = workload.measure(spec)
    profiler.report(options.lines, options.out)
    print(f"{value:.1f} {workload.unit} under the profiler. {remark}")


if __name__ == "__main__":
    main()
