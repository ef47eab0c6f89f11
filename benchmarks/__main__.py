"""``python -m benchmarks``: measure, print the table, write ``RESULTS.md`` and ``chart.svg``.

A full run takes about half an hour and wants the machine for itself. A part of one (``--only``,
``--clients``, ``--backends``, ``--quick``) is printed and not written; with ``--merge`` the
workloads that were measured replace those of the last run.
"""

from __future__ import annotations

import argparse
import sys

from . import chart, report, workloads
from .clients import CLIENTS
from .machine import allow_many_files, cores, description
from .measure import configs, run_rounds
from .server import serving


def main() -> int:
    options = parsed()
    names = options.only or list(workloads.NAMES)
    complete = not (options.quick or options.clients or options.backends)
    allow_many_files()
    if len(set(cores())) == 1:
        print("there is only one core: nginx and the client share it", file=sys.stderr)
    results = []
    with serving(quick=options.quick) as site:
        for name in names:
            workload = workloads.load(name)
            rounds = options.rounds or (2 if options.quick else min(7, workload.rounds))
            taking_part = list(configs(workload, options.clients, options.backends))
            result = run_rounds(
                workload, taking_part, site, rounds=rounds, quick=options.quick, say=say
            )
            results.append(result)
            say("")
            print(report.text_table(report.VALUE_HEAD, report.value_rows([result])), flush=True)
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
    parser.add_argument("--rounds", type=int, help="7, where one does not take long")
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
