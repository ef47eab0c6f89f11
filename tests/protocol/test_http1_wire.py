"""Sending and hearing until the head is there, and the one fact that decides about resending."""

from __future__ import annotations

import anyio
import pytest
from tests.protocol.conversations import call

from anyiohttp._protocol.base import MessageLimits
from anyiohttp._protocol.http1.parsing import ParseError, ResponseParser
from anyiohttp._protocol.http1.wire import CONTINUE_TIMEOUT, Wire
from anyiohttp.exceptions import (
    ClientConnectionError,
    ClientConnectionResetError,
    ServerDisconnectedError,
    ServerTimeoutError,
    SocketTimeoutError,
)
from anyiohttp.testing.streams import memory_stream_pair

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n\r\n"


def wired(capacity=64 * 1024, **limits):
    client, server = memory_stream_pair(capacity)
    return Wire(client, call(**limits), ResponseParser(MessageLimits())), server


async def test_say_and_hear():
    wire, server = wired()
    assert not wire.used
    assert await wire.say(b"abc")
    assert wire.used
    assert await server.receive() == b"abc"
    await server.send(OK[:9])
    await wire.hear()
    assert not wire.answered
    await server.send(OK[9:])
    await wire.hear()
    assert wire.answered


@pytest.mark.parametrize(
    ("before", "answered", "unanswered"),
    [
        (b"", False, True),
        (b"HTTP/1.1 1", False, False),
        (b"nonsense", False, False),
        (OK, True, None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, True, None),
    ],
)
@pytest.mark.parametrize("how", ["reset", "abort"])
async def test_a_response_that_had_arrived_is_heard_when_sending_fails(
    before, answered, unanswered, how
):
    wire, server = wired()
    server.try_send(before)
    getattr(server, how)()
    if answered:
        assert not await wire.say(b"abc")
        assert wire.answered
        return
    with pytest.raises(ClientConnectionResetError) as caught:
        await wire.say(b"abc")
    assert caught.value.unanswered is unanswered


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 2"])
@pytest.mark.parametrize("how", ["end", "reset"])
async def test_the_peer_goes_before_it_has_answered(before, how):
    wire, server = wired()
    server.try_send(before)
    getattr(server, how)()
    with pytest.raises(ClientConnectionError) as caught:
        while True:
            await wire.hear()
    assert caught.value.unanswered is not bool(before)
    if how == "end":
        assert isinstance(caught.value, ServerDisconnectedError)
        words = "in the middle of a response's head" if before else "without a word"
        assert str(caught.value) == f"example.org closed the connection {words}"


async def test_limits_are_never_called_unanswered():
    wire, _ = wired(1, send=0.01)
    with pytest.raises(SocketTimeoutError) as sending:
        await wire.say(b"abc")
    wire, _ = wired(sock_read=0.01)
    with pytest.raises(SocketTimeoutError) as hearing:
        await wire.hear()
    assert not sending.value.unanswered
    assert not hearing.value.unanswered


async def test_garbage():
    wire, server = wired()
    server.try_send(b"nonsense")
    with pytest.raises(ParseError):
        await wire.hear()


async def test_await_continue():
    wire, server = wired()
    server.try_send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
    await wire.await_continue()
    assert not wire.answered
    wire, server = wired()
    server.try_send(OK)
    await wire.await_continue()
    assert wire.answered


async def test_await_continue_is_bounded():
    wire, _ = wired(total=10, sock_read=0.01)
    start = anyio.current_time()
    await wire.await_continue()
    assert anyio.current_time() - start >= CONTINUE_TIMEOUT * 0.9
    wire, _ = wired(total=0.01)
    with pytest.raises(ServerTimeoutError, match="total"):
        await wire.await_continue()
