"""nginx, squid, HAProxy and Dante of the machine, started once for all tests that want them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.certs.authority import CertFiles
from tests.integration.daemons import (
    CRYPT_HASH,
    PASSWORD,
    PASSWORD_HASH,
    USER,
    find_program,
    free_ports,
    public_directory,
    running,
    running_dante,
    running_haproxy,
    running_nginx,
)
from yarl import URL

BIG = bytes(range(256)) * 4096
TEXT = "".join(f"line {number} of a text that is worth compressing\n" for number in range(5000))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture
def unused_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    return free_ports(1)[0]


@dataclass(frozen=True)
class Nginx:
    """A running nginx.

    Every endpoint serves: ``/hello.txt``; ``/big.bin`` (1 MiB, `BIG`); ``/text.txt`` (`TEXT`,
    gzip-coded if accepted, and then chunked); ``/redirect`` (302 to /hello.txt); ``/dav/NAME``
    (PUT, then GET); ``/limited/`` (PUT of at most 1 KiB, else 413); ``/auth/hello.txt`` (Basic,
    `user` and `password`); ``/told`` (method, URI, scheme and the TLS client's name as text).

    Attributes:
        url: HTTP.
        url_short: the same, but a connection serves two requests, then it is closed.
        tls_url: HTTPS.
        mtls_url: HTTPS that wants a client certificate.
        unix_path: HTTP on a unix socket.
    """

    url: URL
    url_short: URL
    tls_url: URL
    mtls_url: URL
    unix_path: Path
    user: str = USER
    password: str = PASSWORD
    big: bytes = BIG
    text: str = TEXT


_NGINX = """\
access_log off;
types {{ text/plain txt; }}
gzip on;
gzip_types text/plain;
gzip_min_length 1000;
gzip_vary on;
ssl_certificate {certs.cert};
ssl_certificate_key {certs.key};
ssl_client_certificate {certs.ca};
server {{
    listen 127.0.0.1:{ports[0]};
    listen 127.0.0.1:{ports[1]} ssl;
    listen unix:{socket};
    keepalive_timeout 60s;
    include locations.conf;
}}
server {{
    listen 127.0.0.1:{ports[2]} ssl;
    ssl_verify_client on;
    include locations.conf;
}}
server {{
    listen 127.0.0.1:{ports[3]};
    keepalive_requests 2;
    include locations.conf;
}}
"""

_LOCATIONS = """\
root {dir}/www;
location /dav/ {{
    dav_methods PUT DELETE;
    create_full_put_path on;
    client_max_body_size 1g;
}}
location /limited/ {{ dav_methods PUT; client_max_body_size 1k; }}
location /auth/ {{
    auth_basic nginx;
    auth_basic_user_file {dir}/passwords;
    alias {dir}/www/;
}}
location = /redirect {{ return 302 /hello.txt; }}
location = /told {{
    default_type text/plain;
    return 200 "$request_method $request_uri $scheme $ssl_client_s_dn";
}}
"""


@pytest.fixture(scope="session")
def nginx(cert_files: CertFiles) -> Iterator[Nginx]:
    """A real nginx, with h1, TLS, a unix socket, gzip and client certificates."""
    ports = free_ports(4)
    with public_directory("nginx") as directory:
        www = directory / "www"
        (www / "dav").mkdir(parents=True)
        (www / "limited").mkdir()
        (www / "hello.txt").write_text("hello from nginx\n")
        (www / "big.bin").write_bytes(BIG)
        (www / "text.txt").write_text(TEXT)
        (directory / "passwords").write_text(f"{USER}:{PASSWORD_HASH}\n")
        socket = directory / "socket"
        (directory / "locations.conf").write_text(_LOCATIONS.format(dir=directory))
        http = _NGINX.format(certs=cert_files, ports=ports, socket=socket)
        with running_nginx(http, ports=ports, unix_paths=(socket,), directory=directory):
            assert stat.S_ISSOCK(socket.stat().st_mode)
            yield Nginx(
                url=_http(ports[0]),
                tls_url=_http(ports[1], "https"),
                mtls_url=_http(ports[2], "https"),
                url_short=_http(ports[3]),
                unix_path=socket,
            )


@dataclass(frozen=True)
class Squid:
    """A running squid.

    Attributes:
        url: the proxy that asks for `user` and `password`.
        open_url: the proxy that asks nobody.
    """

    url: URL
    open_url: URL
    user: str = USER
    password: str = PASSWORD


_SQUID = """\
http_port 127.0.0.1:{ports[0]} name=guarded
http_port 127.0.0.1:{ports[1]} name=open
visible_hostname squid.test
auth_param basic program {helper} {dir}/passwords
auth_param basic realm squid
auth_param basic children 1 startup=1
acl open_port myportname open
acl known proxy_auth REQUIRED
http_access allow open_port
http_access allow known
http_access deny all
cache deny all
cache_mem 8 MB
access_log none
cache_log {dir}/cache.log
cache_store_log none
pid_filename {dir}/squid.pid
coredump_dir {dir}
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
forwarded_for delete
max_filedescriptors 1024
"""


@pytest.fixture(scope="session")
def squid() -> Iterator[Squid]:
    """A real squid: forwards and tunnels, with and without credentials."""
    program = find_program("squid")
    helpers = (Path("/usr/lib/squid"), Path("/usr/lib64/squid"), Path("/usr/libexec/squid"))
    found = [path / "basic_ncsa_auth" for path in helpers if (path / "basic_ncsa_auth").exists()]
    if not found:
        pytest.skip("squid's basic_ncsa_auth is not installed")
    ports = free_ports(2)
    with public_directory("squid") as directory:
        (directory / "passwords").write_text(f"{USER}:{PASSWORD_HASH}\n")
        config = directory / "squid.conf"
        config.write_text(_SQUID.format(ports=ports, helper=found[0], dir=directory))
        with running([program, "-N", "-f", str(config)], ports=ports, directory=directory):
            yield Squid(url=_http(ports[0]), open_url=_http(ports[1]))


@dataclass(frozen=True)
class Dante:
    """A running Dante, a SOCKS proxy for SOCKS4 and SOCKS5; it connects nobody to port 9.

    Attributes:
        port: of 127.0.0.1.
        user: whom it asks for; ``None`` if it asks nobody.
        password: likewise.
    """

    port: int
    user: str | None = None
    password: str | None = None

    def url(self, scheme: str) -> URL:
        """The proxy's URL, with its credentials."""
        return URL.build(
            scheme=scheme, host="127.0.0.1", port=self.port, user=self.user, password=self.password
        )


#: Dante asks the system for its users: it gets a system of its own, which has one.
_OWN_USERS = """\
mount --bind {dir}/passwd /etc/passwd && mount --bind {dir}/shadow /etc/shadow && exec "$@"
"""


@pytest.fixture(scope="session")
def dante() -> Iterator[Dante]:
    """A real Dante that asks nobody who they are."""
    (port,) = free_ports(1)
    with (
        public_directory("danted") as directory,
        running_dante("none", port=port, directory=directory),
    ):
        yield Dante(port)


@pytest.fixture(scope="session")
def guarded_dante() -> Iterator[Dante]:
    """A real Dante that asks for a user name and a password (RFC 1929)."""
    unshare = shutil.which("unshare")
    if os.geteuid() or unshare is None:
        pytest.skip("danted's own users want root and unshare")
    (port,) = free_ports(1)
    with public_directory("guarded-danted") as directory:
        users = Path("/etc/passwd").read_text() + f"{USER}:x:65533:65533::/:/usr/sbin/nologin\n"
        (directory / "passwd").write_text(users)
        (directory / "shadow").write_text(f"{USER}:{CRYPT_HASH}:19000:0:99999:7:::\n")
        own_users = (unshare, "--mount", "sh", "-c", _OWN_USERS.format(dir=directory), "sh")
        if subprocess.run([*own_users, "true"], capture_output=True).returncode:
            pytest.skip("danted cannot have users of its own: mounting is not allowed here")
        with running_dante("username", port=port, directory=directory, within=own_users):
            yield Dante(port, USER, PASSWORD)


@dataclass(frozen=True)
class HAProxy:
    """A running HAProxy.

    Attributes:
        tls_proxy_url: `squid` (the open one) behind TLS: a proxy that is itself spoken to over
            https.
        guarded_tls_proxy_url: the same with the squid that asks for credentials.
        impatient_url: `nginx` behind an HTTP frontend that closes connections after 0.2 s of
            idleness.
    """

    tls_proxy_url: URL
    guarded_tls_proxy_url: URL
    impatient_url: URL


_HAPROXY = """\
frontend tls_proxy
    mode tcp
    bind 127.0.0.1:{ports[0]} ssl crt {certs.combined}
    default_backend open_squid
backend open_squid
    mode tcp
    server squid 127.0.0.1:{squid.open_url.port}
frontend guarded_tls_proxy
    mode tcp
    bind 127.0.0.1:{ports[1]} ssl crt {certs.combined}
    default_backend guarded_squid
backend guarded_squid
    mode tcp
    server squid 127.0.0.1:{squid.url.port}
frontend impatient
    mode http
    bind 127.0.0.1:{ports[2]}
    timeout http-keep-alive 200ms
    default_backend nginx
backend nginx
    mode http
    server nginx 127.0.0.1:{nginx.url.port}
"""


@pytest.fixture(scope="session")
def haproxy(cert_files: CertFiles, squid: Squid, nginx: Nginx) -> Iterator[HAProxy]:
    """A real HAProxy: ends TLS for squid, and limits keep-alive for nginx."""
    ports = free_ports(3)
    sections = _HAPROXY.format(ports=ports, certs=cert_files, squid=squid, nginx=nginx)
    with (
        public_directory("haproxy") as directory,
        running_haproxy(sections, ports=ports, directory=directory),
    ):
        yield HAProxy(
            tls_proxy_url=_http(ports[0], "https"),
            guarded_tls_proxy_url=_http(ports[1], "https"),
            impatient_url=_http(ports[2]),
        )


def _http(port: int, scheme: str = "http") -> URL:
    return URL.build(scheme=scheme, host="127.0.0.1", port=port, path="/")
