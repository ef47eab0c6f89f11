"""What the tests of the command line share: a server in a thread, and programs on a terminal."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import sys
from collections.abc import Iterator

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from anyiohttp.cli.loopback import LoopbackServer, Request, Response, Send, serve
from anyiohttp.cli.loopback.handlers import pattern


async def cut_short(request: Request) -> Response:
    async def write(send: Send) -> None:
        await send(b"half")

    return Response(writer=write, size=8, silent_close=True)


async def nasty(request: Request) -> Response:
    """Text, and a header, that a terminal must not obey."""
    fields = [("Content-Type", "text/plain"), ("X-Title", "\x9b2J")]
    return Response(200, "\x1b]0;owned\x07grüß\n".encode(), fields)


async def endless(request: Request) -> Response:
    async def write(send: Send) -> None:
        while True:
            await send(b"line\n" * 1000)
            await anyio.lowlevel.checkpoint()

    return Response(writer=write, headers=[("Content-Type", "text/plain")])


CONTENT = pattern(3 * 2**20 + 7)


async def ranged(request: Request) -> Response:
    """A file that can be had in parts."""
    fields = [("ETag", '"1"'), ("Accept-Ranges", "bytes"), ("Content-Type", "application/x")]
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked is None:
        return Response(200, CONTENT, fields)
    start, end = int(asked[1]), min(int(asked[2] or len(CONTENT)) + 1, len(CONTENT))
    fields.append(("Content-Range", f"bytes {start}-{end - 1}/{len(CONTENT)}"))
    return Response(206, CONTENT[start:end], fields)


async def wants_digest(request: Request) -> Response:
    """Ask for credentials by RFC 7616; the user is ``me`` and the password ``secret``."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("Authorization", "")))

    def hexed(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    if given:
        middle = (given["nonce"], given["nc"], given["cnonce"], "auth")
        uri = hexed(request.method, given["uri"])
        if given["response"] == hexed(hexed("me", "here", "secret"), *middle, uri):
            return Response(200, b"welcome")
    challenge = 'Digest realm="here", nonce="n", qop="auth", algorithm=SHA-256'
    return Response(401, headers=[("WWW-Authenticate", challenge)])


ROUTES = {
    "/digest": wants_digest,
    "/file.bin": ranged,
    "/cut": cut_short,
    "/nasty": nasty,
    "/endless": endless,
}


@pytest.fixture(scope="module")
def server(
    server_ssl_context: ssl.SSLContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopbackServer]:
    """A loopback server in a thread: the commands bring event loops of their own."""
    socket = tmp_path_factory.mktemp("u") / "s"
    serving = serve(
        routes=ROUTES, tls=server_ssl_context, unix_path=socket, proxy_auth=("me", "secret")
    )
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that the tests run on counts."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("NETRC", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", os.devnull)


#: How the command line is run as a program of its own.
PROGRAM = (sys.executable, "-m", "anyiohttp")
