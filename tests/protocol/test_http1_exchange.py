"""Reading a response: when its connection becomes free, what breaks it, and upgrades."""

from __future__ import annotations

import anyio
import pytest
from tests.protocol.conversations import (
    Pieces,
    Replies,
    call,
    peer,
    read_all,
    read_head,
    request,
    tls_peer,
)

from anyiohttp._protocol.http1.exchange import MAX_DRAIN
from anyiohttp.exceptions import (
    ClientConnectionError,
    ClientPayloadError,
    ServerTimeoutError,
    SocketTimeoutError,
)

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def test_a_small_response_frees_the_connection_before_it_is_read():
    async with peer(Replies(FIVE + b"hello")) as client:
        exchange = await client.exchange()
        assert client.free
        assert client.changes == [(0, 1)]
        assert exchange.complete
        assert exchange.stream is None
        assert "200 ended" in repr(exchange)
        exchange.release()
        assert await exchange.receive() == b"hello"
        assert await exchange.receive() == b""
        assert exchange.receive_nowait() == b""
        assert client.changes == [(0, 1)]
        assert not client.connection.stream.closed


async def test_the_last_byte_frees_the_connection():
    async with peer(Replies(FIVE + b"he", b"llo")) as client:
        exchange = await client.exchange()
        assert not client.free
        assert not exchange.complete
        assert exchange.stream is client.connection.stream
        assert "under way" in repr(exchange)
        assert exchange.receive_nowait() == b"he"
        assert exchange.receive_nowait() is None
        assert await exchange.receive() == b"llo"
        assert client.free
        assert await exchange.receive() == b""


async def test_trailers():
    async with peer(Replies(CHUNKED, b"5\r\nhello\r\n0\r\nX-T: 1\r\n", b"\r\n")) as client:
        exchange = await client.exchange()
        assert list(exchange.trailers) == []
        assert await read_all(exchange) == b"hello"
        assert list(exchange.trailers) == [(b"X-T", b"1")]
        assert client.free


async def test_until_the_end():
    async with peer(Replies(OK + b"\r\nhel", b"lo", end=True)) as client:
        exchange = await client.exchange()
        assert await read_all(exchange) == b"hello"
        assert exchange.complete
        assert client.dead


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((FIVE + b"he",), "after 2 of 5 bytes"),
        ((FIVE, b"he"), "after 2 of 5 bytes"),
        ((CHUNKED + b"2\r\nhe\r\n3\r\nl",), "after 3 bytes of chunks"),
        ((CHUNKED, b"2\r\nhe\r\n0\r\n"), "before the last one"),
    ],
)
async def test_cut_short(pieces, words):
    async with peer(Replies(*pieces, end=True)) as client:
        exchange = await client.exchange()
        with pytest.raises(ClientPayloadError, match=words):
            await read_all(exchange)
        assert client.dead
        assert not exchange.complete
        for again in (exchange.receive_nowait, exchange.receive):
            with pytest.raises(ClientPayloadError, match=words):
                if (result := again()) is not None:
                    await result


@pytest.mark.parametrize("start", [FIVE, CHUNKED, OK + b"\r\n"])
async def test_reset_in_the_middle(start):
    async with peer(Replies(start, reset=True)) as client:
        exchange = await client.exchange()
        with pytest.raises(ClientPayloadError, match="reset"):
            await exchange.receive()
        assert client.dead


async def test_wrong_chunks_with_the_head_and_later():
    async with peer(Replies(CHUNKED + b"nonsense\r\n")) as client:
        exchange = await client.exchange()
        assert client.dead
        with pytest.raises(ClientPayloadError, match="size line"):
            await exchange.receive()
    async with peer(Replies(CHUNKED + b"1\r\na\r\n", b"nonsense\r\n")) as client:
        exchange = await client.exchange()
        assert await exchange.receive() == b"a"
        with pytest.raises(ClientPayloadError, match="size line"):
            await exchange.receive()
        assert client.dead


@pytest.mark.parametrize(
    "pieces",
    [
        (FIVE + b"helloX",),
        (FIVE, b"helloHTTP/1.1 200 OK\r\n\r\n"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\nX",),
        (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", b""),
    ],
)
async def test_excess_is_never_delivered_nor_the_connection_used_again(pieces):
    async with peer(Replies(*pieces)) as client:
        exchange = await client.exchange()
        assert await read_all(exchange) == b"hello"
        assert client.free if not pieces[-1] else client.dead


async def test_excess_after_a_head_without_body():
    async with peer(Replies(FIVE + b"hello")) as client:
        exchange = await client.exchange(request("HEAD"))
        assert await exchange.receive() == b""
        assert client.dead


# --- TLS ------------------------------------------------------------------------------------


@pytest.mark.parametrize("polite", [True, False])
async def test_until_the_end_of_tls(polite, client_ssl_context, server_ssl_context):
    async def script(stream):
        await read_head(stream)
        await stream.send(OK + b"\r\nhello")
        if polite:
            await stream.aclose()
        else:
            stream.abort()

    async with tls_peer(script, client_ssl_context, server_ssl_context) as client:
        exchange = await client.exchange()
        if polite:
            assert await read_all(exchange) == b"hello"
        else:
            # Anybody on the way could have cut it there.
            with pytest.raises(ClientPayloadError, match="close_notify"):
                await read_all(exchange)
        assert client.dead


async def test_exchanges_over_tls(client_ssl_context, server_ssl_context):
    async def script(stream):
        while True:
            data = await read_head(stream)
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data += await stream.receive()
            await stream.send(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")

    async with tls_peer(script, client_ssl_context, server_ssl_context) as client:
        for _ in range(3):
            assert client.connection.usable()
            body = Pieces(*[b"x" * 50_000] * 10)
            assert await read_all(await client.exchange(request("POST"), body)) == b"hello"
            assert client.free
        await client.connection.aclose()
        assert client.dead


# --- limits and cancellation ----------------------------------------------------------------


async def test_sock_read_limits_each_wait():
    async with peer(Replies(FIVE, b"he")) as client:
        exchange = await client.exchange(limits=call(sock_read=0.05))
        assert await exchange.receive() == b"he"
        with pytest.raises(SocketTimeoutError, match="sock_read"):
            await exchange.receive()
        assert client.dead
        with pytest.raises(ClientPayloadError, match="sock_read"):
            await exchange.receive()


async def test_total_runs_over_the_body():
    async with peer(Replies(FIVE)) as client:
        exchange = await client.exchange(limits=call(total=0.05))
        with pytest.raises(ServerTimeoutError, match="total"):
            await exchange.receive()
        assert client.dead


async def test_cancellation_ends_the_exchange():
    async with peer(Replies(FIVE)) as client:
        exchange = await client.exchange()
        with anyio.move_on_after(0.01):
            await exchange.receive()
        assert client.dead
        with pytest.raises(ClientConnectionError, match="released"):
            await exchange.receive()


# --- release --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "rest"), [(FIVE, b"hello"), (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")]
)
async def test_release_keeps_the_connection_if_the_rest_has_arrived(start, rest):
    script = Replies(start, rest)
    async with peer(script) as client:
        exchange = await client.exchange()
        await script.sent.wait()
        exchange.release()
        assert client.free
        exchange.release()
        await exchange.aclose()
        assert client.changes == [(0, 1)]
        with pytest.raises(ClientConnectionError, match="released"):
            await exchange.receive()
        with pytest.raises(ClientConnectionError, match="released"):
            exchange.receive_nowait()


@pytest.mark.parametrize(
    "pieces",
    [
        (FIVE, b"hell"),  # not all has arrived
        (FIVE, b"helloX"),  # too much has
        (CHUNKED, b"nonsense\r\n"),
        (OK + b"\r\n", b"until the end"),
        (OK + b"Connection: close\r\nContent-Length: 5\r\n\r\n", b"hello"),
    ],
)
async def test_release_gives_the_connection_up_otherwise(pieces):
    script = Replies(*pieces)
    async with peer(script) as client:
        exchange = await client.exchange()
        await script.sent.wait()
        exchange.release()
        assert client.dead


@pytest.mark.parametrize("how", ["end", "reset"])
async def test_release_after_the_peer_has_gone(how):
    script = Replies(FIVE, b"he", **{how: True})
    async with peer(script) as client:
        exchange = await client.exchange()
        await script.sent.wait()
        exchange.release()
        assert client.dead


@pytest.mark.parametrize(("size", "kept"), [(MAX_DRAIN, True), (MAX_DRAIN + 1, False)])
async def test_release_reads_no_more_than_a_bounded_rest(size, kept):
    head = OK + b"Content-Length: %d\r\n\r\n" % size
    script = Replies(head, b"x" * size)
    async with peer(script, capacity=1024 * 1024) as client:
        exchange = await client.exchange()
        await script.sent.wait()
        exchange.release()
        assert client.free if kept else client.dead


async def test_release_from_another_task_wakes_the_reader():
    async with peer(Replies(FIVE)) as client:
        exchange = await client.exchange()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_expect_released, exchange)
            await anyio.wait_all_tasks_blocked()
            exchange.release()
        assert client.dead


async def _expect_released(exchange):
    with pytest.raises(ClientConnectionError, match="released"):
        await exchange.receive()


# --- upgrades -------------------------------------------------------------------------------

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


async def echo(stream):
    data = await read_head(stream)
    tunnel = data.startswith(b"CONNECT")
    await stream.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhey" if tunnel else SWITCH + b"hey"
    )
    try:
        while True:
            await stream.send(await stream.receive())
    except anyio.EndOfStream:
        stream.end()


UPGRADES = [request("CONNECT", authority="a:1"), request(upgrade=True)]


@pytest.mark.parametrize("head", UPGRADES, ids=["connect", "101"])
async def test_upgrade(head):
    async with peer(echo) as client:
        exchange = await client.exchange(head)
        assert exchange.complete
        assert await exchange.receive() == b""
        assert exchange.receive_nowait() == b""
        assert client.changes == []
        stream = exchange.upgrade()
        assert client.changes == [(1, 0)]
        assert exchange.stream is None
        assert repr(client.connection.stream) in repr(stream)
        assert stream.receive_nowait(1) == b"h"
        assert await stream.receive(1) == b"e"
        assert await stream.receive() == b"y"
        await stream.send(b"ping")
        await stream.flush()
        assert await stream.receive() == b"ping"
        with pytest.raises(anyio.WouldBlock):
            stream.receive_nowait()
        assert stream.extra_attributes == {}
        assert (stream.encrypted, stream.alpn_protocol) == (False, None)
        exchange.release()
        assert client.changes == [(1, 0)]
        await stream.aclose()
        stream.abort()
        assert client.changes == [(1, 0), (0, 0)]
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()
        with pytest.raises(ClientConnectionError, match="released"):
            exchange.upgrade()


@pytest.mark.parametrize("head", UPGRADES, ids=["connect", "101"])
async def test_release_instead_of_upgrade(head):
    async with peer(echo) as client:
        exchange = await client.exchange(head)
        exchange.release()
        assert client.dead
        with pytest.raises(ClientConnectionError, match="released"):
            exchange.upgrade()


async def test_upgrade_of_an_ordinary_response():
    async with peer(Replies(FIVE)) as client:
        exchange = await client.exchange()
        with pytest.raises(RuntimeError, match="200"):
            exchange.upgrade()
        exchange.release()
