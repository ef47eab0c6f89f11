"""The whole proof, on all cores: ``python -m tests.proof``, which is what ``nox -s proof`` runs.

Each module is run once for each backend, by a process of its own; their ledgers make one table.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from tests.proof.ledger import Ledger

HERE = Path(__file__).parent
#: What else belongs to the proof, and needs no backend: the pool's model.
BESIDES = (HERE.parent / "connect" / "test_pool_state.py",)
BACKENDS = ("asyncio", "uvloop", "trio")
#: pytest's status if none of a module's tests is for a backend.
NOTHING_TO_DO = 5


def run(job: tuple[Path, str], folder: Path) -> bool:
    """Run one module on one backend, and print how it went. Returns whether it went well."""
    module, backend = job
    name = f"{module.stem}-{backend}"
    env = {
        **os.environ,
        "ANYIOHTTP_PROOF": "1",
        "ANYIOHTTP_PROOF_BACKEND": backend,
        "ANYIOHTTP_PROOF_LEDGER": str(folder / f"{name}.json"),
    }
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    began = time.monotonic()
    # The output goes to a file: a pipe would have to be read meanwhile.
    with (folder / f"{name}.txt").open("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(
            [*command, str(module)], env=env, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        good = done.returncode in (0, NOTHING_TO_DO)
        output.seek(0)
        lines = output.read().splitlines() or ["no output"]
    seconds = time.monotonic() - began
    print(f"{seconds:5.0f} s  {backend:8} {module.stem}: {lines[-1]}", flush=True)
    if not good:
        print("\n".join(lines), flush=True)
    return good


def main(arguments: list[str]) -> int:
    """Run all modules, or those whose names contain one of the arguments."""
    modules = sorted(HERE.glob("test_*.py"))
    jobs = [(module, backend) for backend, module in product(BACKENDS, modules)]
    jobs += [(module, BACKENDS[0]) for module in BESIDES]
    if arguments:
        jobs = [job for job in jobs if any(argument in job[0].stem for argument in arguments)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
            good = all(list(workers.map(lambda job: run(job, folder), jobs)))
        ledger = Ledger()
        for path in sorted(folder.glob("*.json")):
            ledger.add(path.read_text(encoding="utf-8"))
    print("", *ledger.table(), "", sep="\n")
    print(f"{'all passed' if good else 'FAILED'} in {time.monotonic() - began:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
