"""nginx with one worker on a core of its own, its files, its certificate.

What it serves, on a plain port, on one with TLS, and on one with TLS and HTTP/2:

``/small``   a small answer
``/post``    reads a request's body to its end, then says how long the request was
``/download``, ``/lines``  large files
``/gzip``    a large text, compressed beforehand
``/close``   an answer as long as ``/small``, after which the server closes; it has an ``r`` where
             the TLS session was resumed, else a dot
``/redirect``, ``/cookie``, ``/missing``, ``/slow``  for the soak
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from .machine import cores, find_program, pin

SMALL = b"Hello, world!\n"
LINE = 46
MEGABYTE = 1_000_000
START_TIMEOUT = 30.0

CONFIGURATION = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
error_log error.log warn;
{user}
events {{ worker_connections 20000; multi_accept on; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    # Bodies stay in memory: no disk is measured, or waited for.
    client_body_buffer_size 256m;
    client_body_temp_path bodies;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    open_file_cache max=100;

    server {{
        listen 127.0.0.1:{http} backlog=8192;
        listen 127.0.0.1:{https} ssl backlog=8192;
        listen 127.0.0.1:{http2} ssl http2 backlog=8192;
        ssl_certificate server.pem;
        ssl_certificate_key server.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:sessions:16m;
        ssl_session_tickets on;
        ssl_session_timeout 1h;
        root files;

        location = /small {{ return 200 "{small}"; }}
        # `return` alone would answer before the body has come. The mirror reads it first; a file
        # refuses POST, and the refusal becomes the answer.
        location = /post {{
            mirror /discard;
            error_page 405 =200 @received;
        }}
        location = /discard {{ internal; return 204; }}
        location @received {{ return 200 "$request_length\\n"; }}
        location = /gzip {{ gzip_static always; }}
        location = /close {{
            keepalive_timeout 0;
            return 200 "Hello, world$ssl_session_reused\\n";
        }}
        location = /redirect {{ return 302 /small; }}
        location = /cookie {{ add_header Set-Cookie "name=$request_id; Path=/"; return 200 "{small}"; }}
        location = /missing {{ return 404; }}
        location = /slow {{ limit_rate 4k; alias files/download; }}
    }}
}}
"""  # noqa: E501


@dataclass(frozen=True)
class Site:
    """What a client has to know of the server."""

    http: str
    https: str
    http2: str
    authority: str
    upload: str
    sizes: dict[str, int]


@contextmanager
def serving(*, quick: bool) -> Iterator[Site]:
    """Run nginx on free ports until the block is left."""
    program = find_program("nginx")
    if program is None:
        raise SystemExit("nginx is needed: apt-get install nginx-light")
    directory = Path(tempfile.mkdtemp(prefix="anyiohttp-bench-"))
    directory.chmod(0o755)  # a worker that is not root must be able to read
    try:
        sizes = write_files(directory / "files", quick=quick)
        write_certificate(directory)
        http, https, http2 = free_ports(3)
        (directory / "nginx.conf").write_text(
            CONFIGURATION.format(
                http=http,
                https=https,
                http2=http2,
                small=SMALL.decode().replace("\n", "\\n"),
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        site = Site(
            http=f"http://127.0.0.1:{http}",
            https=f"https://127.0.0.1:{https}",
            http2=f"https://127.0.0.1:{http2}",
            authority=str(directory / "ca.pem"),
            upload=str(directory / "files" / "download"),
            sizes=sizes,
        )
        command = [program, "-p", str(directory), "-c", str(directory / "nginx.conf")]
        with running(command, (http, https, http2), directory):
            yield site
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(command: list[str], ports: tuple[int, ...], directory: Path) -> Iterator[None]:
    """Run the server on its core; it is ready when all ports accept."""
    core = cores()[1]
    with (directory / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: pin(core),
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        for port in ports:
            while not accepts(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    said = (directory / "output.log").read_text()
                    raise SystemExit(f"nginx did not start:\n{said}")
                time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(sock.getsockname()[1]) for sock in sockets]


def write_certificate(directory: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))


def write_files(directory: Path, *, quick: bool) -> dict[str, int]:
    """Write what is served; return the sizes, as a client sees them."""
    directory.mkdir()
    part = 16 if quick else 1
    sizes = {
        "small": len(SMALL),
        "download": 128 * MEGABYTE // part,
        "gzip": 80 * MEGABYTE // part,
        "lines": 28 * MEGABYTE // part // LINE,
    }
    chance = random.Random(4)
    block = chance.randbytes(MEGABYTE)
    with (directory / "download").open("wb") as file:
        for _ in range(sizes["download"] // len(block)):
            file.write(block)
    (directory / "lines").write_bytes(b"%045d\n" % 7 * sizes["lines"])
    (directory / "post").write_bytes(b"")
    (directory / "gzip.gz").write_bytes(compressed_text(sizes["gzip"], chance))
    return sizes


def compressed_text(size: int, chance: random.Random) -> bytes:
    """A log of that size, which gzip makes about a sixth of."""
    words = [bytes(chance.choices(b"abcdefghijklmnoprstuvw", k=length)) for length in range(2, 12)]
    words *= 1 + 400 // len(words)
    words = [word + b"%d" % number for number, word in enumerate(words)]
    weights = [1 / (1 + place) for place in range(len(words))]
    lines = []
    length = 0
    while length < 4 * MEGABYTE:
        line = b" ".join([b"%d" % chance.randrange(10**9), *chance.choices(words, weights, k=9)])
        lines.append(line)
        length += len(line) + 1
    block = b"\n".join(lines) + b"\n"
    text = (block * (1 + size // len(block)))[:size]
    compressor = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush()
