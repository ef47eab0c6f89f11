"""``python -m benchmarks``: measure, print the table, write ``RESULTS.md`` and ``chart.svg``.

A full run wants the machine for itself, for at most 12 minutes (``--minutes``): first everybody
does everything once; then those of whom a target speaks take turns for as many rounds as there is
time for. A part of a run (``--only``, ``--clients``, ``--backends``, ``--quick``) is printed and
not written; with ``--merge`` the workloads that were measured replace those of the last run.
"""

from __future__ import annotations

import argparse
import sys
import time

from . import chart, report, workloads
from .clients import CLIENTS
from .machine import allow_many_files, cores, description
from .measure import Result, configs, run_round
from .server import serving

MOST_ROUNDS = 9


def main() -> int:
    options = parsed()
    names = options.only or list(workloads.NAMES)
    complete = not (options.quick or options.clients or options.backends)
    allow_many_files()
    if len(set(cores())) == 1:
        print("there is only one core: nginx and the client share it", file=sys.stderr)
    end = time.monotonic() + 60 * options.minutes
    chosen = [workloads.load(name) for name in names]
    results = [
        Result.of(workload, configs(workload, options.clients, options.backends))
        for workload in chosen
    ]
    with serving(quick=options.quick) as site:
        for number in range(options.rounds or MOST_ROUNDS):
            started = time.monotonic()
            for result in results:
                if number < result.workload.rounds:
                    run_round(result, site, number, quick=options.quick, say=say)
            took = time.monotonic() - started
            print(f"round {number + 1} took {took:.0f} s", file=sys.stderr, flush=True)
            if not options.rounds and number and time.monotonic() + took > end:
                break
    say("")
    print(report.text_table(report.VALUE_HEAD, report.value_rows(results)), flush=True)
    print()
    targets = report.target_rows(results)
    print(report.text_table(report.TARGET_HEAD, targets))
    if complete and (not options.only or options.merge):
        if options.only:
            measured = {result.workload.name: result for result in results}
            kept = {result.workload.name: result for result in report.load()[1]} | measured
            results = [kept[name] for name in workloads.NAMES if name in kept]
        report.save(description(), results)
        chart.write()
        print(f"\nwritten to {report.PAGE}, {report.DATA.name} and {chart.CHART.name}")
    return any(None in rounds for result in results for rounds in result.values.values())


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="do little, to see that it works")
    parser.add_argument("--rounds", type=int, help="so many, however long that takes")
    parser.add_argument("--minutes", type=float, default=11.0, help="how long it may take (11)")
    parser.add_argument("--merge", action="store_true", help="write a part of a run, too")
    parser.add_argument("--only", type=listed(workloads.NAMES), metavar="WORK,…")
    parser.add_argument("--clients", type=listed(CLIENTS), metavar="CLIENT,…")
    backends = ("asyncio", "uvloop", "trio")
    parser.add_argument("--backends", type=listed(backends), metavar="BACKEND,…")
    return parser.parse_args()


class listed:  # noqa: N801 - a function to argparse
    """Takes names with commas between them."""

    def __init__(self, known: object) -> None:
        self._known = list(known)  # type: ignore[call-overload]

    def __call__(self, text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in self._known]:
            raise argparse.ArgumentTypeError(
                f"no {', '.join(unknown)}: there are {', '.join(self._known)}"
            )
        return names


def say(what: str) -> None:
    """Show what is being done, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
