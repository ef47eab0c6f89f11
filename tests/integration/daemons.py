"""Starting and stopping real servers on free ports, with configurations of our own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

#: Seconds a server may take to start, on a busy machine.
START_TIMEOUT = 30.0

#: A user of the servers with authentication, and the password's hash (``openssl passwd -apr1``).
USER = "alice"
PASSWORD = "secret"
PASSWORD_HASH = "$apr1$anyiohtp$SDokRZDHFp2oni5KlzQEo/"
#: The same for the system's users (``openssl passwd -6 -salt anyiohttp``).
CRYPT_HASH = (
    "$6$anyiohttp$PymF9Q0wgPH0RNjsqF.h.0ooCQTfMBmSqPZ3rEDj39Jpi.Z"
    "oIx2g9hPMmXCgG1LsimUrpXaALyp3acsvrgDdd."
)


def find_program(name: str) -> str:
    """Return the server's path, or skip the test by the server's name."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def free_ports(count: int) -> list[int]:
    """Return TCP ports of 127.0.0.1 that were free a moment ago, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


@contextmanager
def public_directory(name: str) -> Iterator[Path]:
    """A temporary directory that a server which gave up root's rights can use.

    (pytest's own are closed to other users.)
    """
    path = Path(tempfile.mkdtemp(prefix=f"anyiohttp-{name}-"))
    path.chmod(0o777)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(
    command: list[str], *, ports: list[int], directory: Path, unix_paths: tuple[Path, ...] = ()
) -> Iterator[None]:
    """Run a server in the foreground until the block is left.

    Args:
        command: starts it.
        ports: it is ready when it accepts connections on all of these,
        unix_paths: and these.
        directory: its working directory; its output goes to ``output.log`` there.
    """
    log = directory / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        for port in ports:
            _wait_ready(lambda port=port: _connect_tcp(port), process, deadline, log)
        for path in unix_paths:
            _wait_ready(lambda path=path: _connect_unix(path), process, deadline, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(
    connect: Callable[[], None], process: subprocess.Popen[bytes], deadline: float, log: Path
) -> None:
    while True:
        try:
            connect()
        except OSError as exc:
            if process.poll() is not None:
                pytest.fail(f"{process.args} ended with {process.returncode}:\n{log.read_text()}")
            if time.monotonic() > deadline:
                pytest.fail(f"{process.args} does not answer ({exc}):\n{log.read_text()}")
            time.sleep(0.02)  # another process: there is nothing to wait for but time
        else:
            return


def _connect_tcp(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def _connect_unix(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
