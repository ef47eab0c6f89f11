"""Sessions for development; plain ``nox`` runs what a change must pass."""

from __future__ import annotations

import nox

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "types", "demo"]
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"


def install(session: nox.Session, *groups: str) -> None:
    """Install the project with all extras, and the given dependency groups."""
    wanted = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install("-q", "-e", ".[all]", *wanted)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on asyncio, uvloop and trio, on every Python that is installed."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-n", "3", "--dist", "loadfile", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests and demand 95 % of all branches."""
    install(session, "test")
    session.run("python", "-m", "coverage", "run", "-m", "pytest", *session.posargs)
    session.run("python", "-m", "coverage", "report", "--fail-under=95", "--show-missing")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("-q", *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types with mypy and pyright."""
    install(session, "types")
    session.run("mypy")
    session.run("pyright")


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demonstration on every backend."""
    session.install("-q", "-e", ".[all]")
    session.run("python", "-m", "anyiohttp", "demo")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; any warning is an error."""
    install(session, "docs")
    # The theme's announcement of its successor is no warning about these pages.
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def aiohttp_tests(session: nox.Session) -> None:
    """Run aiohttp's own client tests with our client in the place of aiohttp's."""
    install(session, "aiohttp-tests")
    session.run("python", "-m", "tests.aiohttp_own", *session.posargs)


@nox.session
def proof(session: nox.Session) -> None:
    """Try everything that the ordinary tests try a slice of, and print what was tried."""
    install(session, "test")
    session.run("python", "-m", "tests.proof", *session.posargs)


@nox.session
def downloads_proof(session: nox.Session) -> None:
    """Kill, resume and time downloads of a GiB from nginx (--size MiB, --to DIRECTORY, …)."""
    install(session, "test")
    env = {"ANYIOHTTP_PROOF": "1"}
    session.run("python", "-m", "pytest", "-q", "tests/downloads/test_cancellation.py", env=env)
    session.run("python", "-m", "tests.downloads.proof", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside other clients, print the table and write benchmarks/RESULTS.md."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Do mixed work for ten minutes (--minutes N) on each backend, with flat memory."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks.soak", *session.posargs)
