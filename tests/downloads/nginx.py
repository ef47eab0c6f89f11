"""An nginx that serves files and keeps count of the bytes; for the proof and a test of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.daemons import free_ports, public_directory, running_nginx
from yarl import URL

_HTTP = """\
log_format bytes "$status $body_bytes_sent $http_range";
access_log access.log bytes;
sendfile on;
tcp_nopush on;
server {{
    listen 127.0.0.1:{port}{listen};
    root {dir}/www;
    location /slow/ {{ alias {dir}/www/; limit_rate {rate}; }}
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
    (port,) = free_ports(1)
    with public_directory("downloads") as directory:
        www = directory / "www"
        www.mkdir()
        http = _HTTP.format(dir=directory, port=port, rate=rate, listen=listen)
        with running_nginx(http, ports=[port], directory=directory):
            url = URL.build(scheme="http", host="127.0.0.1", port=port, path="/")
            yield FileServer(url, www, directory / "access.log")
