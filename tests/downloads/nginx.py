"""An nginx that serves files and keeps count of the bytes; for the proof and a test of its kind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.daemons import find_program, free_ports, public_directory, running
from yarl import URL

_CONFIG = """\
{user}
daemon off;
pid {dir}/nginx.pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    log_format bytes "$status $body_bytes_sent $http_range";
    access_log {dir}/access.log bytes;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    server {{
        listen 127.0.0.1:{port}{listen};
        root {dir}/www;
        location /slow/ {{ alias {dir}/www/; limit_rate {rate}; }}
    }}
}}
"""


@dataclass(frozen=True)
class FileServer:
    """A running nginx; files are put into `directory`.

    Attributes:
        url: its root; ``slow/`` before a name gives the file at a limited rate per connection.
        directory: what it serves.
        log: a line for each request that has ended: status, bytes of the body, range.
    """

    url: URL
    directory: Path
    log: Path

    def sent(self) -> int:
        """How many bytes of bodies it has sent so far."""
        return sum(int(line.split()[1]) for line in self.log.read_text().splitlines())


@contextmanager
def file_server(rate: str = "1m", listen: str = "") -> Iterator[FileServer]:
    program = find_program("nginx")
    (port,) = free_ports(1)
    with public_directory("downloads") as directory:
        www = directory / "www"
        www.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        config = directory / "nginx.conf"
        config.write_text(
            _CONFIG.format(user=user, dir=directory, port=port, rate=rate, listen=listen)
        )
        command = [program, "-p", str(directory), "-c", str(config), "-e", "stderr"]
        with running(command, ports=[port], directory=directory):
            url = URL.build(scheme="http", host="127.0.0.1", port=port, path="/")
            yield FileServer(url, www, directory / "access.log")
