"""What the tests of the command line share: what the server offers, and programs on a terminal."""

from __future__ import annotations

import hashlib
import os
import re
import select
import signal
import sys
from collections.abc import Sequence

import anyio

from anyiohttp.cli.loopback import Request, Response, Send
from anyiohttp.cli.loopback.handlers import pattern

#: How the command line is run as a program of its own.
PROGRAM = (sys.executable, "-m", "anyiohttp")

#: What to type once the program has shown something.
Dialogue = Sequence[tuple[bytes, bytes]]


def on_terminal(arguments: Sequence[str], dialogue: Dialogue = ()) -> tuple[int, str]:
    """Run the program on a terminal of its own; return its exit status and what it showed."""
    import pty  # not on Windows

    pending = list(dialogue)
    process, terminal = pty.fork()
    if not process:  # pragma: no cover - the child becomes the program
        os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="40")
        os.execv(PROGRAM[0], [*PROGRAM, *arguments])
    shown = b""
    try:
        while True:
            readable, _, _ = select.select([terminal], [], [], 60)
            if not readable:
                os.kill(process, signal.SIGKILL)
                raise AssertionError(f"it hangs after {shown!r}")
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the program has ended
                break
            if not data:
                break
            shown += data
            if pending and pending[0][0] in shown:
                os.write(terminal, pending.pop(0)[1])
    finally:
        os.close(terminal)
        _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


# --- what the server offers ---


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


async def odd_json(request: Request) -> Response:
    """Say that it is JSON; it is cut off after so many bytes."""
    size = int(request.params[0])
    body = ("[" + "1," * size)[:size].encode()
    return Response(200, body, [("Content-Type", "application/json")])


ROUTES = {
    "/odd-json/{size}": odd_json,
    "/digest": wants_digest,
    "/file.bin": ranged,
    "/cut": cut_short,
    "/nasty": nasty,
    "/endless": endless,
}
