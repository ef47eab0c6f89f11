"""Importing the package, beyond what anyio, yarl and multidict cost."""

from __future__ import annotations

import subprocess
import sys

from .base import Spec, Target, Workload

SCRIPT = """\
import anyio, yarl, multidict
import importlib, resource, sys
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
before = cpu()
importlib.import_module(sys.argv[1])
print((cpu() - before) * 1e3)
"""


def measure(spec: Spec) -> tuple[float, str]:
    """Import it twice, each in a process of its own: the first one may have to compile it."""
    module = "pyreqwest.client" if spec.client == "pyreqwest" else spec.client
    command = [sys.executable, "-c", SCRIPT, module]
    for _ in range(2):
        answer = subprocess.run(command, cwd="/", check=True, capture_output=True, text=True)
    return float(answer.stdout), ""


WORKLOAD = Workload(
    name="import_time",
    title="import, beyond what anyio, yarl and multidict cost",
    unit="ms",
    measure=measure,
    targets=(Target("asyncio", 60.0),),
    lacking=frozenset({"floor"}),
)
