"""`DigestAuthMiddleware` against lighttpd and Apache, as Debian ships them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.integration.daemons import find_program, free_ports, public_directory, running
from yarl import URL

from anyiohttp import (
    ClientSession,
    DigestAuthMiddleware,
    TraceConfig,
    TraceRequestHeadersSentParams,
)

pytestmark = pytest.mark.anyio

USER, PASSWORD, REALM = "me", "s3:creté", "the realm"

_LIGHTTPD = """\
server.document-root = "{www}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_auth", "mod_authn_file")
index-file.names = ("index.html")
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "{passwords}"
auth.require = ("" => ("method" => "digest", "algorithm" => "{algorithm}",
    "userhash" => "{userhash}", "realm" => "the realm", "require" => "valid-user"))
"""

#: A nonce is good for a second.
_APACHE = """\
ServerRoot /usr/lib/apache2
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {dir}/pid
ErrorLog {dir}/errors
DefaultRuntimeDir {dir}
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authn_core_module modules/mod_authn_core.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule authz_user_module modules/mod_authz_user.so
LoadModule authn_file_module modules/mod_authn_file.so
LoadModule auth_digest_module modules/mod_auth_digest.so
LoadModule dir_module modules/mod_dir.so
DocumentRoot {www}
DirectoryIndex index.html
<Location "/">
    AuthType Digest
    AuthName "the realm"
    AuthDigestProvider file
    AuthUserFile {passwords}
    AuthDigestNonceLifetime 1
    Require valid-user
</Location>
"""


def _files(directory: Path, name: str = "md5", *, userhash: bool = False) -> tuple[Path, Path]:
    """Make what is served and who may have it; return where they are."""

    def hashed(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    www, passwords = directory / "www", directory / "passwords"
    www.mkdir()
    for page in ("index.html", "a b&c.txt"):
        (www / page).write_text(page)
    fields = [USER, REALM, hashed(USER, REALM, PASSWORD)]
    if userhash:
        fields.append(hashed(USER, REALM))
    passwords.write_text(":".join(fields) + "\n")
    return www, passwords


@pytest.fixture(scope="module", params=["MD5", "SHA-256", "SHA-256 userhash"])
def lighttpd(request: pytest.FixtureRequest) -> Iterator[URL]:
    program = find_program("lighttpd")
    algorithm, _, userhash = request.param.partition(" ")
    (port,) = free_ports(1)
    with public_directory("lighttpd") as directory:
        name = algorithm.lower().replace("-", "")
        www, passwords = _files(directory, name, userhash=bool(userhash))
        config = directory / "lighttpd.conf"
        config.write_text(
            _LIGHTTPD.format(
                www=www,
                passwords=passwords,
                port=port,
                algorithm=algorithm,
                userhash="enable" if userhash else "disable",
            )
        )
        with running([program, "-D", "-f", str(config)], ports=[port], directory=directory):
            yield URL(f"http://127.0.0.1:{port}/")


@pytest.fixture(scope="module")
def apache() -> Iterator[URL]:
    program = find_program("apache2")
    (port,) = free_ports(1)
    with public_directory("apache") as directory:
        www, passwords = _files(directory)
        config = directory / "apache.conf"
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        config.write_text(
            user + _APACHE.format(dir=directory, www=www, passwords=passwords, port=port)
        )
        command = [program, "-f", str(config), "-DFOREGROUND"]
        with running(command, ports=[port], directory=directory):
            yield URL(f"http://127.0.0.1:{port}/")


def counting() -> tuple[TraceConfig, list[str]]:
    """What notes each request that is sent."""
    sent: list[str] = []

    async def headers_sent(
        session: ClientSession, context: object, params: TraceRequestHeadersSentParams
    ) -> None:
        sent.append(params.method)

    config = TraceConfig()
    config.on_request_headers_sent.append(headers_sent)
    return config, sent


async def test_lighttpd(lighttpd: URL) -> None:
    config, sent = counting()
    digest = DigestAuthMiddleware(USER, PASSWORD)
    async with ClientSession(lighttpd, middlewares=[digest], trace_configs=[config]) as session:
        async with session.get("/") as response:
            assert (response.status, await response.text()) == (200, "index.html")
        assert len(sent) == 2
        # From now on it is answered unasked, with the target as it is on the wire.
        async with session.get("/a%20b&c.txt?x=1,2&y='q'") as response:
            assert (response.status, await response.text()) == (200, "a b&c.txt")
        async with session.post("/index.html", data=b"x" * 100_000) as response:
            assert response.status == 200
        assert len(sent) == 4
    wrong = DigestAuthMiddleware(USER, "wrong")
    async with (
        ClientSession(middlewares=[wrong]) as session,
        session.get(lighttpd) as response,
    ):
        assert response.status == 401


async def test_apache(apache: URL) -> None:
    """Its ``nextnonce`` is used, and its ``rspauth`` right; of an old nonce it says ``stale``."""
    config, sent = counting()
    digest = DigestAuthMiddleware(USER, PASSWORD)
    async with ClientSession(middlewares=[digest], trace_configs=[config]) as session:
        for count in (2, 3):
            async with session.get(apache) as response:
                assert (response.status, await response.text()) == (200, "index.html")
                assert "nextnonce" in response.headers["Authentication-Info"]
            assert len(sent) == count
        await anyio.sleep(1.2)  # the nonce ages in another process
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                async with session.get(apache) as response:
                    assert response.status == 200

            for _ in range(5):
                tasks.start_soon(ask)
        assert 3 + 5 < len(sent) <= 3 + 10
