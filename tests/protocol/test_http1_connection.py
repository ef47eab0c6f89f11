"""A connection's life: exchange after exchange, whatever the peer does and however it splits."""

from __future__ import annotations

import anyio
import pytest
from anyio.abc import SocketAttribute
from tests.protocol.conversations import (
    Pieces,
    Replies,
    call,
    peer,
    read_all,
    read_head,
    request,
    tcp_peer,
)

from anyiohttp._net.streams import MAX_READ, SendStalled
from anyiohttp._protocol.base import HTTP_10, HTTP_11, MessageLimits
from anyiohttp._protocol.http1.connection import SMALL_BODY
from anyiohttp.exceptions import (
    ClientConnectionError,
    ClientPayloadError,
    InvalidRequestError,
    MalformedResponseError,
    ServerDisconnectedError,
    SocketTimeoutError,
)
from anyiohttp.testing.streams import MemoryStream

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n\r\nhello"

#: Every form of a response: the bytes, the method, the body, the trailers, whether the connection
#: lives on, whether the peer ends it.
FORMS = {
    "length": (FIVE, "GET", b"hello", [], True),
    "chunked": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n",
        "GET",
        b"hello",
        [(b"T", b"1")],
        True,
    ),
    "until the end": (OK + b"\r\nhello", "GET", b"hello", [], False),
    "1xx first": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + FIVE,
        "GET",
        b"hello",
        [],
        True,
    ),
    "HEAD": (OK + b"Content-Length: 5\r\n\r\n", "HEAD", b"", [], True),
    "HEAD chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n", "HEAD", b"", [], True),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", b"", [], True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", b"", [], True),
    "no bytes": (OK + b"Content-Length: 0\r\n\r\n", "GET", b"", [], True),
    "close": (
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        "GET",
        b"hello",
        [],
        False,
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "GET", b"hello", [], False),
    "1.0 keep-alive": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        "GET",
        b"hello",
        [],
        True,
    ),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "GET", b"hello", [], True),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_split_at_every_position(form):
    data, method, body, trailers, lives = FORMS[form]
    for position in range(1, len(data) + 1):
        pieces = [piece for piece in (data[:position], data[position:]) if piece]
        async with peer(Replies(*pieces, end=form == "until the end")) as client:
            exchange = await client.exchange(request(method))
            assert await read_all(exchange) == body
            assert list(exchange.trailers) == trailers
            assert exchange.complete
            assert client.free if lives else client.dead
            assert len(client.changes) == 1


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_byte_by_byte_over_tcp(form):
    data, method, body, trailers, lives = FORMS[form]

    async def script(stream):
        await read_head(stream)
        for i in range(len(data)):
            await stream.send(data[i : i + 1])
            await anyio.lowlevel.checkpoint()
        if form == "until the end":
            await stream.aclose()
        await anyio.sleep_forever()

    async with tcp_peer(script) as client:
        exchange = await client.exchange(request(method))
        assert await read_all(exchange) == body
        assert list(exchange.trailers) == trailers
        assert client.free if lives else client.dead
        assert client.connection.usable() == lives


@pytest.mark.parametrize("form", [form for form in FORMS if form != "until the end"])
async def test_every_form_cut_at_every_position(form):
    data, method, *_ = FORMS[form]
    for position in range(len(data)):
        async with peer(Replies(data[:position], end=True)) as client:
            with pytest.raises((ServerDisconnectedError, ClientPayloadError)) as caught:
                await read_all(await client.exchange(request(method)))
            if isinstance(caught.value, ServerDisconnectedError):
                assert caught.value.unanswered == (position == 0)
            assert client.dead


# --- answers before the request has gone ---------------------------------------------------


class Holding(MemoryStream):
    """A stream that holds what is sent until after the peer has been heard."""

    held = False  # type: ignore[assignment]

    def send_soon(self, data: bytes) -> bool:
        self.held = True
        return True


class HalfHolding(MemoryStream):
    """A stream that can send half of what it held, and no more until its peer has read that."""

    stalled = False

    def send_soon(self, data: bytes) -> bool:
        self.stalled = True
        return self.try_send(data[: len(data) // 2])

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if self.stalled:
            self.stalled = False
            raise SendStalled
        return await super().receive_before(deadline, max_bytes)

    async def flush(self) -> None:
        await anyio.sleep_forever()


@pytest.mark.parametrize("split", [1, len(FIVE)])
async def test_who_speaks_before_being_asked_has_not_answered(split):
    async def script(stream):
        await stream.send(FIVE[:split])
        await anyio.sleep_forever()

    async with peer(script) as client:
        client.connection.stream.__class__ = Holding
        with pytest.raises(ServerDisconnectedError, match="spoke before it was asked") as caught:
            await client.exchange(request())
        assert caught.value.unanswered
        assert client.dead


async def test_an_answer_to_half_a_request_ends_the_connection():
    async def script(stream):
        assert await stream.receive()
        await stream.send(FIVE)
        await anyio.sleep_forever()

    async with peer(script) as client:
        client.connection.stream.__class__ = HalfHolding
        exchange = await client.exchange(request())
        assert await read_all(exchange) == b"hello"
        assert not exchange.request_sent
        assert client.dead


# --- one after another ----------------------------------------------------------------------


async def serve(stream):
    """Answer each request with its target."""
    while True:
        target = (await read_head(stream)).split()[1]
        await stream.send(OK + b"Content-Length: %d\r\n\r\n%b" % (len(target), target))


@pytest.mark.parametrize("kind", [peer, tcp_peer])
async def test_exchanges_one_after_another(kind):
    async with kind(serve) as client:
        assert client.connection.version == HTTP_11
        assert "idle" in repr(client.connection)
        for target in ("/a", "/b", "/c"):
            assert client.connection.usable()
            client.connection.reserve()
            assert client.connection.in_flight == 1
            assert "busy" in repr(client.connection)
            exchange = await client.connection.exchange(request(target=target), None, call())
            assert await read_all(exchange) == target.encode()
            assert exchange.head.headers == ((b"Content-Length", b"2"),)
            assert client.free
        await client.connection.aclose()
        assert client.dead
        assert not client.connection.usable()
        assert "closed" in repr(client.connection)


async def test_only_one_at_a_time():
    async with peer(serve) as client:
        with pytest.raises(AssertionError):
            await client.connection.exchange(request(), None, call())
        client.connection.reserve()
        with pytest.raises(AssertionError):
            client.connection.reserve()
        client.connection.unreserve()
        assert client.changes == [(0, 1)]


async def test_without_a_pool():
    async with peer(serve) as client:
        client.connection.on_change = None
        assert (await client.exchange()).complete
        client.connection.abort()
        assert not client.connection.usable()


async def test_not_usable_after_the_peer_has_spoken_or_gone():
    for trouble in (lambda s: s.try_send(b"x"), lambda s: s.end(), lambda s: s.reset()):
        gate = anyio.Event()

        async def script(stream, trouble=trouble, gate=gate):
            await read_head(stream)
            await stream.send(FIVE)
            await gate.wait()
            trouble(stream)
            await anyio.sleep_forever()

        async with peer(script) as client:
            await client.exchange()
            assert client.connection.usable()
            gate.set()
            await anyio.wait_all_tasks_blocked()
            assert not client.connection.usable()
            # The probe has taken the only byte there was; that is not forgotten.
            assert not client.connection.usable()


async def test_requests_of_http_1_0():
    async with peer(Replies(FIVE)) as client:
        exchange = await client.exchange(request(version=HTTP_10))
        assert await read_all(exchange) == b"hello"
        assert client.dead


async def test_a_request_that_closes():
    async with peer(Replies(FIVE)) as client:
        exchange = await client.exchange(request(headers=[("Connection", "close")]))
        assert await read_all(exchange) == b"hello"
        assert client.dead


async def test_without_framing_and_not_until_the_end():
    async with peer(Replies(OK + b"\r\nhello")) as client:
        exchange = await client.exchange(request(read_until_eof=False))
        assert await exchange.receive() == b""
        assert client.dead


# --- what is sent ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "body", "sent"),
    [
        (request("POST"), b"hello", b"Content-Length: 5\r\n\r\nhello"),
        (request("POST"), b"", b"Content-Length: 0\r\n\r\n"),
        (request("POST"), None, b"Content-Length: 0\r\n\r\n"),
        (request("GET"), b"", b"Host: example.org\r\n\r\n"),
        (
            request("POST", chunked=True),
            b"hello",
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
        (request("POST", chunked=True), None, b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (request("POST"), Pieces(b"hello", size=5), b"Content-Length: 5\r\n\r\nhello"),
    ],
)
async def test_head_and_small_body_in_one_send(head, body, sent):
    script = Replies(FIVE)
    async with peer(script) as client:
        if isinstance(body, Pieces):
            body = Pieces(b"hello", size=5)
        await client.exchange(head, body)
        assert script.received.endswith(sent)
        assert client.free


async def test_the_largest_small_body():
    script = Replies(FIVE)
    async with peer(script, capacity=100_000) as client:
        await client.exchange(request("POST"), b"x" * SMALL_BODY)
        assert script.received.endswith(b"x" * SMALL_BODY)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (request("GE T"), None),
        (request(headers=[("A", "b\r\nc")]), None),
        (request("POST", headers=[("Content-Length", "6")]), b"hello"),
        (request("TRACE"), b"hello"),
    ],
)
async def test_an_invalid_request_leaves_the_connection_untouched(head, body):
    async with peer(serve) as client:
        with pytest.raises(InvalidRequestError):
            await client.exchange(head, body)
        assert client.changes == [(0, 1)]
        assert client.connection.usable()
        assert await read_all(await client.exchange()) == b"/"


# --- expectations ---------------------------------------------------------------------------

POST = request("POST", expect_continue=True)


class Expecting:
    """A script that answers the head, and then what follows it."""

    def __init__(self, first, then=b""):
        self.first = first
        self.then = then
        self.received = b""

    async def __call__(self, stream):
        self.received = await read_head(stream)
        self.at_first = self.received
        await stream.send(self.first)
        while self.then and not self.received.endswith(b"hello"):
            self.received += await stream.receive()
        await stream.send(self.then)
        await anyio.sleep_forever()


@pytest.mark.parametrize("body", [b"hello", Pieces(b"hel", b"lo", size=5)])
async def test_100_continue(body):
    script = Expecting(b"HTTP/1.1 100 Continue\r\n\r\n", FIVE)
    async with peer(script) as client:
        if isinstance(body, Pieces):
            body = Pieces(b"hel", b"lo", size=5)
        exchange = await client.exchange(POST, body)
        assert b"\r\nExpect: 100-continue\r\n" in script.at_first
        assert script.at_first.endswith(b"\r\n\r\n")
        assert script.received.endswith(b"\r\n\r\nhello")
        assert exchange.head.status == 200
        assert client.free


async def test_without_100_the_body_goes_after_a_second():
    script = Expecting(b"", FIVE)
    async with peer(script) as client:
        exchange = await client.exchange(POST, b"hello", call(sock_read=0.5))
        assert exchange.head.status == 200


async def test_a_refused_expectation():
    async with peer(
        Replies(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
    ) as client:
        body = Pieces(b"hello")
        exchange = await client.exchange(POST, body)
        assert exchange.head.status == 417
        assert body.asked == 0
        # A body was declared and not sent: what came next could be taken for it.
        assert client.dead


async def test_a_peer_that_is_gone_before_an_expectation():
    for answer, fails in ((b"", True), (FIVE, False)):

        async def script(stream, answer=answer):
            await stream.send(answer)
            stream.reset()

        async with peer(script) as client:
            await anyio.wait_all_tasks_blocked()
            if fails:
                with pytest.raises(ClientConnectionError):
                    await client.exchange(POST, b"hello")
            else:
                assert (await client.exchange(POST, b"hello")).head.status == 200
            assert client.dead


async def test_nothing_is_expected_without_a_body():
    script = Replies(FIVE)
    async with peer(script) as client:
        await client.exchange(request("GET", expect_continue=True))
        assert b"Expect" not in script.received


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"\x15\x03\x01\x00\x02\x02\x46",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 5, 6\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 101 Go\r\n\r\n",
        OK + b"A: " + b"x" * 9000 + b"\r\n\r\n",
    ],
)
async def test_malformed_responses(data):
    async with peer(Replies(data)) as client:
        head = request("PUT", target="/a?b", headers=[("A", "b")])
        with pytest.raises(MalformedResponseError) as caught:
            await client.exchange(head)
        info = caught.value.request_info
        assert str(info.url) == str(info.real_url) == "http://example.org/a?b"
        assert info.method == "PUT"
        assert info.headers["a"] == "b"
        assert caught.value.message
        assert client.dead


async def test_malformed_answer_to_connect():
    async with peer(Replies(b"nonsense")) as client:
        with pytest.raises(MalformedResponseError, match=r"http://a:443"):
            await client.exchange(request("CONNECT", authority="a:443"))


async def test_limits_of_the_request():
    limits = MessageLimits(max_field_size=10)
    async with peer(Replies(OK + b"Name: xxxxxxx\r\n\r\n")) as client:
        with pytest.raises(MalformedResponseError, match="10 bytes"):
            await client.exchange(request(limits=limits))


async def test_sock_read_before_the_head():
    async with peer(Replies(OK)) as client:
        with pytest.raises(SocketTimeoutError) as caught:
            await client.exchange(limits=call(sock_read=0.05))
        assert not caught.value.unanswered
        assert client.dead


async def test_a_stale_connection():
    async def script(stream):
        await read_head(stream)
        await stream.send(FIVE)
        await stream.aclose()

    async with tcp_peer(script) as client:
        await client.exchange()
        await anyio.wait_readable(client.connection.stream.extra(SocketAttribute.raw_socket))
        assert not client.connection.usable()
        with pytest.raises(ClientConnectionError) as caught:
            await client.exchange()
        assert caught.value.unanswered
        assert client.dead


async def test_refusal_and_reset_over_tcp():
    async def script(stream):
        await read_head(stream)
        await stream.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        # Closed with unread bytes: the kernel sends a reset.
        await stream.aclose()

    for body in (b"x" * 10_000_000, Pieces(*[b"x" * 100_000] * 100)):
        async with tcp_peer(script) as client:
            exchange = await client.exchange(request("POST"), body)
            assert exchange.head.status == 413
            assert client.dead


async def test_cancellation_while_waiting_for_the_head():
    async with peer(Replies(b"HTTP")) as client:
        with anyio.move_on_after(0.02) as scope:
            await client.exchange()
        assert scope.cancelled_caught
        assert client.dead
        assert client.changes == [(0, 0)]


async def test_abort_wakes_whoever_waits():
    async with peer(Replies()) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_expect_failure, client)
            await anyio.wait_all_tasks_blocked()
            client.connection.abort()
        assert client.dead


async def _expect_failure(client):
    with pytest.raises(ClientConnectionError, match="closed"):
        await client.exchange()


async def test_a_cancelled_close_closes():
    async with peer(Replies()) as client:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await client.connection.aclose()
        assert client.dead
        assert client.connection.stream.closed
