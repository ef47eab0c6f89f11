"""Runs aiohttp's own published client tests against anyiohttp: ``python -m tests.aiohttp_own``.

aiohttp's source distribution is downloaded from PyPI (one version, by its digest) into a directory
outside of the project; nothing of it is kept here. Its tests run with the client side exchanged
(see `swap`), on asyncio, which is what they are written for. `expectations.txt` says, one line a
test, which of them are not about a client's public behaviour and so do not count, and which of
those that count fail because we decided otherwise. All others must pass.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from tests.aiohttp_own.expectations import COUNTED, NOT_COUNTED, Expectation, read

VERSION = "3.14.5"
SHA256 = "5558a7f5a05af9ecf744af91e5baefc436f93c9333e656c27ec253f9a6bbe178"
#: What may not be lost. Each test below it that fails is a decision, told in docs/migration.md.
GOAL = 0.98

FILES = (
    "test_client_exceptions.py",
    "test_client_fingerprint.py",
    "test_client_functional.py",
    "test_client_middleware.py",
    "test_client_middleware_digest_auth.py",
    "test_client_session.py",
    "test_client_ws_functional.py",
    "test_cookiejar.py",
    "test_formdata.py",
    "test_multipart.py",
    "test_multipart_helpers.py",
    "test_payload.py",
    "test_proxy_functional.py",
    "test_resolver.py",
    "test_tracing.py",
)
#: Their settings, without what is about aiohttp's own repository (coverage, number of processes).
SETTINGS = """\
[pytest]
addopts = -m "not dev_mode and not autobahn and not internal" -p no:cacheprovider
timeout = 60
xfail_strict = true
empty_parameter_set_mark = xfail
filterwarnings =
  error
  ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning
  ignore:Unclosed client session <ClientSession:ResourceWarning
  ignore:unclosed event loop:ResourceWarning
  ignore:unclosed <socket.socket fd=\\d+, family=1, type=1, proto=0>:ResourceWarning
  ignore:coroutine method 'aclose' of 'BodyPartReader._decode_content_async':RuntimeWarning
  ignore:aiohttp.pytest_plugin will be removed in v4:DeprecationWarning
markers =
  autobahn
  dev_mode
  internal
  skip_blockbuster
"""


def download(directory: Path) -> Path:
    """Fetch the source distribution, check it, and return the folder of its tests."""
    archive = directory / f"aiohttp-{VERSION}.tar.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary=:all:"]
        subprocess.run([*command, "-d", str(directory), f"aiohttp=={VERSION}"], check=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        archive.unlink()
        sys.exit(f"{archive.name} has the digest {digest}, not {SHA256}")
    tests = directory / f"aiohttp-{VERSION}" / "tests"
    if not tests.is_dir():
        with tarfile.open(archive) as tar:
            tar.extractall(directory, filter="data")
    (tests / "pytest.ini").write_text(SETTINGS)
    return tests


def run(tests: Path, deselected: list[str], arguments: list[str]) -> Path:
    """Run the tests that count, and return pytest's report."""
    report = tests / "report.xml"
    names = tests / "deselected.txt"
    names.write_text("\n".join(deselected))
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "ANYIOHTTP_DESELECTED": str(names)}
    command = [sys.executable, "-m", "pytest", "-p", "tests.aiohttp_own.swap", "-q", "--tb=short"]
    command += ["-n", "2", "--dist", "loadfile", f"--junitxml={report}", *(arguments or FILES)]
    report.unlink(missing_ok=True)
    subprocess.run(command, cwd=tests, env=environment, check=False)
    return report


def outcomes(report: Path) -> dict[str, bool]:
    """Return which tests passed, by their names; those that were skipped are left out."""
    passed: dict[str, bool] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        module, *classes = (case.get("classname") or "").split(".")
        name = "::".join([f"{module}.py", *classes, case.get("name") or ""])
        children = {child.tag for child in case}
        if "skipped" not in children:
            passed[name] = passed.get(name, True) and not children & {"failure", "error"}
    return passed


def unexpected_failures(passed: dict[str, bool], expectations: list[Expectation]) -> list[str]:
    """Return the tests that failed although nobody decided so."""
    decided = [each for each in expectations if each.kind in COUNTED]
    return [
        name
        for name, good in passed.items()
        if not good and not any(each.matches(name) for each in decided)
    ]


def verdict(passed: dict[str, bool], expectations: list[Expectation]) -> int:
    """Print what was found and return the exit status."""
    decided = [each for each in expectations if each.kind in COUNTED]
    unexpected = unexpected_failures(passed, expectations)
    stale = [
        each.test
        for each in decided
        if not any(each.matches(name) and not good for name, good in passed.items())
    ]
    total, good = len(passed), sum(passed.values())
    left_out = Counter(each.kind for each in expectations if each.kind in NOT_COUNTED)
    for name in unexpected:
        print(f"FAILED, and nobody said so: {name}")
    for test in stale:
        print(f"passes, or is gone, although expectations.txt says that it fails: {test}")
    print(f"left out (tests, or patterns of them): {dict(left_out)}")
    print(f"aiohttp {VERSION}'s own client tests: {good} of {total} pass ({good / total:.2%})")
    return int(bool(unexpected) or bool(stale) or good < GOAL * total)


def main(arguments: list[str]) -> int:
    expectations = read()
    home = Path(os.environ.get("ANYIOHTTP_AIOHTTP_TESTS", Path(tempfile.gettempdir()) / "aiohttp"))
    home.mkdir(parents=True, exist_ok=True)
    tests = download(home)
    shutil.rmtree(tests / "__pycache__", ignore_errors=True)
    deselected = [each.test for each in expectations if each.kind in NOT_COUNTED]
    passed = outcomes(run(tests, deselected, arguments))
    if failed := unexpected_failures(passed, expectations):
        # Some of aiohttp's tests measure time, and fail on a machine that is busy with the others.
        print(f"tried once more: {', '.join(failed)}", flush=True)
        files = sorted({name.partition("::")[0] for name in failed})
        second = outcomes(run(tests, deselected, files))
        passed |= {name: second[name] for name in failed if name in second}
    return verdict(passed, expectations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
