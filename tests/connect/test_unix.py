from __future__ import annotations

import errno
import os
import secrets
import socket
import sys
from pathlib import Path

import anyio
import pytest
from tests.connect.peers import listening

from anyiohttp._connect.unix import open_unix

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("form", [str, Path, os.fsencode])
async def test_connects(unix_path: Path, form: type) -> None:
    async with listening(path=unix_path):
        stream = await open_unix(form(unix_path))
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
        stream.abort()


async def test_abstract_namespace() -> None:
    if sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's")
    name = f"\0anyiohttp-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        stream = await open_unix(name)
        peer, _ = listener.accept()
        peer.send(b"hi")
        assert await stream.receive() == b"hi"
        stream.abort()
        peer.close()


async def test_nobody_there(unix_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught:
        await open_unix(unix_path)
    assert caught.value.errno == errno.ENOENT


async def test_nobody_listens(unix_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(unix_path))
        with pytest.raises(ConnectionRefusedError):
            await open_unix(unix_path)


async def test_path_too_long() -> None:
    with pytest.raises(OSError, match="too long"):
        await open_unix("/" + "x" * 200)


async def test_waits_while_the_queue_is_full(unix_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(unix_path))
        listener.listen(0)
        fillers = []
        while True:
            filler = socket.socket(socket.AF_UNIX)
            filler.setblocking(False)
            fillers.append(filler)
            if filler.connect_ex(str(unix_path)) == errno.EAGAIN:
                break
        with anyio.move_on_after(0.02) as scope:
            await open_unix(unix_path)
        assert scope.cancelled_caught
        for _ in fillers[:-1]:
            listener.accept()[0].close()
        with anyio.fail_after(10):
            stream = await open_unix(unix_path)
        stream.abort()
        for filler in fillers:
            filler.close()


async def test_systems_without_unix_sockets() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(socket, "AF_UNIX")
        with pytest.raises(OSError, match="no unix sockets"):
            await open_unix("/x")
