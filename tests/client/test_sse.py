"""Server-sent events end to end: what is asked, which answers are refused, reconnecting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from anyiohttp import (
    BodyTooLargeError,
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientPayloadError,
    ClientSession,
    ClientTimeout,
    EventSource,
    EventSourceError,
    ServerSentEvent,
    ServerTimeoutError,
)
from anyiohttp._client.sse import Reconnecting
from anyiohttp.testing import CertificateAuthority, MemoryNetwork, Peer

pytestmark = pytest.mark.anyio

HOST = "events.example"
URL = f"http://{HOST}/events"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
#: No test waits so long.
PATIENCE = 20

#: Answers one request, and returns whether the connection ends then.
Answer = Callable[[Peer, bytes], Awaitable[None]]


class Server:
    """Answers each connection with the next of the answers; the last one stays."""

    def __init__(self, *answers: bytes | Answer) -> None:
        self.heads: list[bytes] = []
        self._answers = list(answers)

    async def __call__(self, peer: Peer) -> None:
        head = await peer.receive_head()
        self.heads.append(head)
        answer = self._answers[min(len(self.heads), len(self._answers)) - 1]
        if isinstance(answer, bytes):
            await peer.send(answer)
            return
        await answer(peer, head)

    @property
    def ids(self) -> list[str | None]:
        """The ids that were sent."""
        return [self.field(number, "last-event-id") for number in range(len(self.heads))]

    def field(self, number: int, name: str) -> str | None:
        lines = self.heads[number].decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        return fields.get(name)


@asynccontextmanager
async def serving(server: Server, **options: Any) -> AsyncIterator[ClientSession]:
    with anyio.fail_after(PATIENCE):
        async with MemoryNetwork() as network:
            network.listen(HOST, 80, server)
            connector = network.connector(limit=1)
            async with ClientSession(connector=connector, **options) as session:
                yield session
                stats = connector.stats
                assert (stats.busy, stats.dialing) == (0, 0)
            assert not network.open_streams


def stream(*events: bytes) -> bytes:
    """A response that ends with its connection."""
    return HEAD + b"\r\n" + b"".join(events)


def chunked(*events: bytes) -> Answer:
    """A response in chunks that does not end."""

    async def answer(peer: Peer, head: bytes) -> None:
        await peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for event in events:
            await peer.send_pieces(b"%x\r\n%b\r\n" % (len(event), event))
        await peer.stall()

    return answer


GONE = b"HTTP/1.1 204 No Content\r\n\r\n"
QUICK: dict[str, Any] = {"reconnect_delay": 0.001, "max_reconnect_delay": 0.01}


async def all_of(session: ClientSession, **options: Any) -> list[str]:
    """The data of all events."""
    async with session.sse(URL, **{**QUICK, **options}) as events:
        return [event.data async for event in events]


# --- one connection -----------------------------------------------------------------------------


async def test_events_and_what_is_asked() -> None:
    server = Server(chunked(b"data: a\n", b"\nid: 1\nevent: x\ndata: b\n\n", b"data: c\n\n"))
    async with serving(server, headers={"X-Of": "session"}) as session:
        source = session.sse(URL, params={"q": "1"}, headers={"X-More": "1"}, last_event_id="0")
        assert "not connected" in repr(source)
        async with source as events:
            assert events is source
            assert isinstance(events, EventSource)
            assert events.response is not None
            assert events.response.status == 200
            assert "open" in repr(events)
            got = [await anext(events) for _ in range(3)]
            assert got == [
                ServerSentEvent("a", id="0"),
                ServerSentEvent("b", "x", "1"),
                ServerSentEvent("c", id="1"),
            ]
            assert events.last_event_id == "1"
        assert events.closed
        assert events.response is None
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert server.heads[0].startswith(b"GET /events?q=1 HTTP/1.1\r\n")
    for name, value in {
        "accept": "text/event-stream",
        "cache-control": "no-store",
        "x-of": "session",
        "x-more": "1",
        "last-event-id": "0",
    }.items():
        assert server.field(0, name) == value


async def test_breaking_off_leaves_nothing() -> None:
    server = Server(chunked(b"data: a\n\ndata: b\n\n"))
    async with serving(server) as session, session.sse(URL) as events:
        async for event in events:
            assert event.data == "a"
            break


@pytest.mark.parametrize(
    ("answer", "status", "match"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 500, "is 200, not 500"),
        (b"HTTP/1.1 206 No\r\nContent-Length: 0\r\n\r\n", 206, "is 200, not 206"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", 200, "text/html, not text/event-"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "octet-stream, not text/event-"),
    ],
)
async def test_answers_that_are_no_events(answer: bytes, status: int, match: str) -> None:
    async with serving(Server(answer)) as session:
        with pytest.raises(EventSourceError, match=match) as caught:
            async with session.sse(URL):
                pytest.fail("entered")
        assert caught.value.status == status


async def test_entering_fails_at_once_and_once() -> None:
    async with serving(Server(stream())) as session:
        with pytest.raises(ClientConnectionError):
            async with session.sse("http://nowhere.example/"):
                pytest.fail("entered")
        async with session.sse(URL, max_reconnects=0) as events:
            with pytest.raises(RuntimeError, match="entered once"):
                await events.__aenter__()
            assert not events.closed


async def test_one_task_at_a_time() -> None:
    async with (
        serving(Server(chunked(b": nothing\n\n"))) as session,
        session.sse(URL) as events,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(events.__anext__)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="one task at a time"):
            await anext(events)
        tasks.cancel_scope.cancel()


async def test_an_event_that_is_too_large() -> None:
    server = Server(stream(b"data: " + b"a" * 1000 + b"\n\n"))
    async with serving(server) as session, session.sse(URL, max_event_size=100) as events:
        with pytest.raises(BodyTooLargeError):
            await anext(events)
        assert events.closed


async def test_the_limit_of_a_sessions_bodies_is_none_of_a_stream() -> None:
    server = Server(stream(b"data: " + b"a" * 1000 + b"\n\n"), GONE)
    async with serving(server, max_body_size=100) as session:
        assert await all_of(session) == ["a" * 1000]


# --- reconnecting -------------------------------------------------------------------------------


async def test_the_stream_goes_on_where_it_ended() -> None:
    server = Server(
        stream(b"id: 1\ndata: a\n\nid: 2\ndata: not compl"),
        stream(b"data: b\n\nid: 3\ndata: c\n\n"),
        stream(b"id\ndata: d\n\n"),
        GONE,
    )
    async with serving(server) as session:
        assert await all_of(session) == ["a", "b", "c", "d"]
    assert server.ids == [None, "1", "3", None]


async def test_204_ends_it_also_at_once() -> None:
    server = Server(GONE)
    async with serving(server) as session:
        assert await all_of(session) == []
    assert len(server.heads) == 1


@pytest.mark.parametrize("most", [0, 1, 3])
async def test_the_server_always_ends_the_stream(most: int) -> None:
    server = Server(stream(b"data: a\n\n"), stream(b": nothing\n\n"))
    async with serving(server) as session:
        assert await all_of(session, max_reconnects=most) == ["a"]
    assert len(server.heads) == 1 + most


async def test_an_event_begins_the_count_anew() -> None:
    server = Server(*[stream(b"data: a\n\n"), stream()] * 4, GONE)
    async with serving(server) as session:
        assert await all_of(session, max_reconnects=2) == ["a"] * 4


async def test_the_connection_fails_again_and_again() -> None:
    async def breaking(peer: Peer, head: bytes) -> None:
        await peer.send(HEAD + b"Content-Length: 100\r\n\r\n")

    server = Server(stream(b"data: a\n\n"), breaking)
    options: Any = {**QUICK, "max_reconnects": 2}
    async with serving(server) as session, session.sse(URL, **options) as events:
        assert (await anext(events)).data == "a"
        with pytest.raises(ClientPayloadError, match="broke off"):
            await anext(events)
        assert events.closed
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert len(server.heads) == 3


async def test_connecting_fails_again_and_again() -> None:
    async def hanging_up(peer: Peer, head: bytes) -> None:
        pass

    server = Server(stream(b"data: a\n\n"), hanging_up, hanging_up, stream(b"data: b\n\n"), GONE)
    async with serving(server) as session:
        assert await all_of(session, max_reconnects=4) == ["a", "b"]


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 No"])
async def test_the_answer_to_reconnecting_is_no_stream(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    server = Server(stream(b"data: a\n\n"), answer)
    async with serving(server) as session, session.sse(URL, **QUICK) as events:
        assert (await anext(events)).data == "a"
        with pytest.raises(EventSourceError):
            await anext(events)
        assert events.closed
    assert len(server.heads) == 2


async def test_what_must_not_be_repeated_is_not() -> None:
    server = Server(stream(b"data: a\n\n"))
    async with serving(server) as session:
        assert await all_of(session, method="POST", json={"a": 1}) == ["a"]
    assert len(server.heads) == 1
    assert server.heads[0].startswith(b"POST ")


async def test_what_may_be_repeated_by_hand_is_with_its_body() -> None:
    async def answer(peer: Peer, head: bytes) -> None:
        assert await peer.receive_exactly(8) == b'{"a": 1}'
        await peer.send(stream(b"data: a\n\n"))

    server = Server(answer, answer, GONE)
    async with serving(server) as session:
        assert await all_of(session, method="POST", json={"a": 1}, max_reconnects=3) == ["a", "a"]


async def test_a_certificate_is_not_tried_again() -> None:
    authority, other = CertificateAuthority(), CertificateAuthority()
    server = Server(stream())
    async with MemoryNetwork() as network:
        network.listen(HOST, 443, server, tls=other.server_context(HOST))
        connector = network.connector(ssl=authority.client_context())
        async with ClientSession(connector=connector) as session:
            with pytest.raises(ClientConnectorCertificateError):
                async with session.sse(f"https://{HOST}/"):
                    pytest.fail("entered")


async def test_silence_is_limited_and_the_answers_head_is() -> None:
    async def silent(peer: Peer, head: bytes) -> None:
        await peer.stall()

    server = Server(chunked(b"id: 1\ndata: a\n\n"), silent, chunked(b"data: b\n\n"), GONE)
    async with serving(server) as session:
        timeout = ClientTimeout(total=0.2, sock_read=0.1)
        assert await all_of(session, timeout=timeout) == ["a", "b"]
        assert server.ids == [None, "1", "1", "1"]
    async with serving(Server(silent)) as session:
        with pytest.raises(ServerTimeoutError, match=r"0\.05 s \(total\)"):
            async with session.sse(URL, timeout=ClientTimeout(total=0.05)):
                pytest.fail("entered")


async def test_the_total_limit_is_not_of_the_stream() -> None:
    async def slow(peer: Peer, head: bytes) -> None:
        await peer.send(HEAD + b"\r\ndata: a\n\n")
        await anyio.sleep(0.15)
        await peer.send(b"data: b\n\n")

    async with serving(Server(slow), timeout=ClientTimeout(total=0.1)) as session:
        assert await all_of(session, max_reconnects=0) == ["a", "b"]


async def test_a_cancelled_wait_loses_no_event() -> None:
    """Its connection goes; the next wait reconnects at once, however often it is cancelled."""
    server = Server(
        chunked(b"id: 1\ndata: a\n\ndata: b\n\n", b": and nothing\n\n"),
        *[chunked(b": still nothing\n\n")] * 4,
        stream(b"data: c\n\n"),
        GONE,
    )
    async with serving(server) as session:
        async with session.sse(URL, max_reconnects=1, reconnect_delay=0.001) as events:
            got = []
            while len(got) < 3:
                with anyio.move_on_after(0.05):
                    got.append((await anext(events)).data)
        assert got == ["a", "b", "c"]
        assert server.ids == [None, *["1"] * 5]


async def test_the_server_says_how_long_to_wait() -> None:
    server = Server(stream(b"retry: 1\ndata: a\n\n"), stream(b"data: b\n\n"), GONE)
    async with serving(server) as session, session.sse(URL) as events:
        # By itself it would wait for three seconds each time.
        with anyio.fail_after(2.5):
            assert [event.data async for event in events] == ["a", "b"]


def test_how_long_to_wait() -> None:
    reconnecting = Reconnecting(5, 3.0, 60.0)
    waits = [reconnecting.wait_before(attempt, None, 0) for attempt in range(1, 8)]
    assert waits == [3, 6, 12, 24, 48, 60, 60]
    assert reconnecting.wait_before(2, None, 1) == 7.5
    assert reconnecting.wait_before(1, 10, 1) == 0.01
    assert reconnecting.wait_before(3, 500, 0) == 2
    assert reconnecting.wait_before(1, 0, 0) == 0
    assert reconnecting.wait_before(2, 0, 0) == 0.2
    assert reconnecting.wait_before(1, 10**12, 0) == 60
    assert reconnecting.wait_before(10**6, None, 1) == 60
