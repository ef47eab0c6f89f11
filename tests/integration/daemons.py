"""Starting and stopping real servers on free ports, with configurations of our own.

How a program is started stands here if more than one test file starts it; what a server is to do
stands with those who ask it.
"""

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
from tests.certs.authority import CertFiles

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


#: What nginx is told by everybody. Its paths are relative to its directory.
_NGINX = """\
{user}
daemon off;
pid nginx.pid;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type application/octet-stream;
    {http}
}}
"""


@contextmanager
def running_nginx(
    http: str, *, ports: list[int], directory: Path, unix_paths: tuple[Path, ...] = ()
) -> Iterator[None]:
    """Run nginx until the block is left.

    Args:
        http: what stands in its ``http`` block: the servers, and what holds for all of them.
        ports: see `running`.
        directory: likewise; ``http`` can name files in it by themselves.
        unix_paths: likewise.
    """
    program = find_program("nginx")
    # As root, workers must stay root: they read and write in pytest's directories.
    user = "user root;" if os.geteuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(user=user, http=http))
    command = [program, "-p", str(directory), "-c", str(config), "-e", "stderr"]
    with running(command, ports=ports, directory=directory, unix_paths=unix_paths):
        yield


#: What HAProxy is told by everybody.
_HAPROXY = """\
global
    maxconn 200
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
"""


@contextmanager
def running_haproxy(sections: str, *, ports: list[int], directory: Path) -> Iterator[None]:
    """Run HAProxy until the block is left.

    Args:
        sections: what it does; connections and timeouts are limited already.
        ports: see `running`.
        directory: likewise.
    """
    program = find_program("haproxy")
    config = directory / "haproxy.cfg"
    config.write_text(_HAPROXY + sections)
    with running([program, "-db", "-f", str(config)], ports=ports, directory=directory):
        yield


_DANTED = """\
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
user.privileged: root
user.unprivileged: root
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks block {{ from: 127.0.0.0/8 to: 0.0.0.0/0 port = 9 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""


@contextmanager
def running_dante(
    method: str, *, port: int, directory: Path, within: tuple[str, ...] = ()
) -> Iterator[None]:
    """Run Dante until the block is left; it connects nobody to port 9.

    Args:
        method: how it asks who somebody is.
        port: where it listens.
        directory: see `running`.
        within: the command that starts it.
    """
    program = find_program("danted")
    if os.geteuid():
        pytest.skip("danted wants to be started by root")
    config = directory / "danted.conf"
    config.write_text(_DANTED.format(port=port, method=method))
    with running([*within, program, "-f", str(config)], ports=[port], directory=directory):
        yield


@contextmanager
def running_nghttpd(
    *options: str, port: int, directory: Path, certs: CertFiles | None = None
) -> Iterator[None]:
    """Run nghttp2's server until the block is left; it sends back what is sent to it.

    Args:
        *options: more of its options.
        port: where it listens.
        directory: see `running`; also what it serves.
        certs: with TLS.
    """
    tls = ["--no-tls"] if certs is None else []
    files = [] if certs is None else [str(certs.key), str(certs.cert)]
    command = [find_program("nghttpd"), "-a", "127.0.0.1", "-d", str(directory), "--echo-upload"]
    command += [*options, *tls, str(port), *files]
    with running(command, ports=[port], directory=directory):
        yield


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
