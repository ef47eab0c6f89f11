"""Sending and receiving within limits, and every failure of the network as one of our errors."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import anyio
import pytest

from anyiohttp._net.call import Call
from anyiohttp._net.deadlines import ClientTimeout, Phase
from anyiohttp._net.failures import as_os_error, connection_failure
from anyiohttp._net.streams import SocketStream
from anyiohttp._net.transfer import receive, send
from anyiohttp.exceptions import (
    ClientConnectionResetError,
    ClientError,
    ClientOSError,
    ServerDisconnectedError,
    ServerTimeoutError,
    SocketTimeoutError,
)

pytestmark = pytest.mark.anyio

Pair = tuple[SocketStream, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield SocketStream(ours), theirs
    theirs.close()
    ours.close()


async def test_there_and_back(pair: Pair) -> None:
    stream, peer = pair
    call = Call("peer")
    await send(stream, b"ping", call)
    assert peer.recv(10) == b"ping"
    peer.sendall(b"pong")
    assert await receive(stream, call) == b"pong"
    peer.close()
    assert await receive(stream, call) == b""


async def test_a_peer_that_sends_nothing(pair: Pair) -> None:
    call = Call("peer", ClientTimeout(sock_read=0.01))
    with pytest.raises(SocketTimeoutError, match=r"0\.01 s \(sock_read\).* from peer"):
        await receive(pair[0], call)


async def test_only_the_total_counts_while_a_body_is_being_sent(pair: Pair) -> None:
    call = Call("peer", ClientTimeout(sock_read=0.001, total=0.02))
    with pytest.raises(ServerTimeoutError) as caught:
        await receive(pair[0], call, Phase.TOTAL)
    assert caught.value.phase == "total"


async def test_a_peer_that_takes_nothing(pair: Pair) -> None:
    call = Call("peer", ClientTimeout(send=0.01))
    with pytest.raises(SocketTimeoutError, match=r"0\.01 s \(send\).* to peer"):
        await send(pair[0], b"x" * 10_000_000, call)


async def test_writing_to_a_peer_that_has_gone(pair: Pair) -> None:
    stream, peer = pair
    peer.close()
    with pytest.raises(ClientConnectionResetError, match="sending to peer"):
        await send(stream, b"x", Call("peer"))


async def test_a_closed_connection(pair: Pair) -> None:
    stream, _ = pair
    stream.abort()
    with pytest.raises(ClientConnectionResetError, match="was closed while receiving from peer"):
        await receive(stream, Call("peer"))


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ConnectionResetError(errno.ECONNRESET, "reset"), ClientConnectionResetError),
        (BrokenPipeError(errno.EPIPE, "pipe"), ClientConnectionResetError),
        (OSError(errno.EHOSTUNREACH, "no way"), ClientOSError),
        (OSError("odd"), ClientOSError),
        (ssl.SSLError(1, "bad record"), ClientOSError),
        (anyio.ClosedResourceError(), ClientConnectionResetError),
        (anyio.BrokenResourceError("no close_notify"), ServerDisconnectedError),
        (anyio.BrokenResourceError(), ServerDisconnectedError),
    ],
)
def test_every_failure_has_its_error(failure: Exception, kind: type[ClientError]) -> None:
    error = connection_failure(failure, "receiving from", "example.org:80")
    assert type(error) is kind
    assert "receiving from example.org:80" in str(error)


def test_the_cause_of_a_broken_stream_decides() -> None:
    broken = anyio.BrokenResourceError()
    broken.__cause__ = ConnectionResetError(errno.ECONNRESET, "reset")
    assert type(connection_failure(broken, "sending to", "h")) is ClientConnectionResetError


def test_the_os_error_within() -> None:
    inner = OSError(errno.ENETUNREACH, "unreachable")
    outer = RuntimeError("outer")
    outer.__cause__ = inner
    assert as_os_error(inner) is inner
    assert as_os_error(outer) is inner
    assert as_os_error(anyio.EndOfStream()).errno == errno.ECONNRESET
    assert as_os_error(LookupError("odd")).errno == errno.EIO
