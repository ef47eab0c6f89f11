"""Importing the package, beyond what anyio, yarl and multidict cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from .base import Spec, Target, Workload

UNWANTED = "PYTHONDONTWRITEBYTECODE"
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
    """Import it twice, each in a process of its own: the first one compiles all of it.

    What is compiled is kept in a folder of its own, so that neither the source tree nor a setting
    against bytecode (``PYTHONDONTWRITEBYTECODE``) makes a difference.
    """
    module = "pyreqwest.client" if spec.client == "pyreqwest" else spec.client
    command = [sys.executable, "-c", SCRIPT, module]
    environment = {key: value for key, value in os.environ.items() if key != UNWANTED}
    with tempfile.TemporaryDirectory() as compiled:
        environment["PYTHONPYCACHEPREFIX"] = compiled
        for _ in range(2):
            answer = subprocess.run(
                command, cwd="/", env=environment, check=True, capture_output=True, text=True
            )
    return float(answer.stdout), ""


WORKLOAD = Workload(
    name="import_time",
    title="import, beyond what anyio, yarl and multidict cost",
    unit="ms",
    measure=measure,
    targets=(Target("asyncio", 60.0),),
    lacking=frozenset({"floor"}),
)
