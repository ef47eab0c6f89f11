"""A measurement in a process of its own: ``python -m benchmarks.worker SPEC``, as JSON."""

from __future__ import annotations

import json
import os
import sys

from . import workloads
from .machine import allow_many_files
from .workloads.base import Spec


def main() -> None:
    """The parent has pinned this process to the client's core already."""
    allow_many_files()
    spec = Spec(**json.loads(sys.argv[1]))
    value, remark = workloads.load(spec.workload).measure(spec)
    print(json.dumps({"value": value, "remark": remark}), flush=True)
    # Not by the interpreter's own end: there pyreqwest's threads now and then crash it.
    os._exit(0)


if __name__ == "__main__":
    main()
