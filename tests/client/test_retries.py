"""When a request may be sent once more, as a table; and the step that does it, over sockets."""

from __future__ import annotations

import io
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from tests.servers import ScriptedPeer, StartScripted

import anyiohttp
from anyiohttp._client.retries import IDEMPOTENT_METHODS, may_resend

# --- the decision ---------------------------------------------------------------------------


def failure(kind: type[anyiohttp.ClientConnectionError], *, unanswered: bool) -> object:
    error = kind()
    error.unanswered = unanswered
    return error


@pytest.mark.parametrize(
    ("reused", "replayable", "unanswered", "method"),
    list(itertools.product([True, False], [True, False], [True, False], ["GET", "POST"])),
)
def test_all_conditions_are_needed(
    reused: bool, replayable: bool, unanswered: bool, method: str
) -> None:
    error = failure(anyiohttp.ServerDisconnectedError, unanswered=unanswered)
    assert may_resend(error, method, reused=reused, replayable=replayable) == (
        reused and replayable and unanswered and method == "GET"
    )


def test_idempotent_methods() -> None:
    assert {"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"} == IDEMPOTENT_METHODS


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "LOCK", "get"])
def test_other_methods(method: str) -> None:
    error = failure(anyiohttp.ServerDisconnectedError, unanswered=True)
    assert not may_resend(error, method, reused=True, replayable=True)


@pytest.mark.parametrize("kind", [anyiohttp.ServerTimeoutError, anyiohttp.SocketTimeoutError])
def test_a_timeout_is_not_a_dead_connection(kind: type[anyiohttp.ServerTimeoutError]) -> None:
    assert not may_resend(failure(kind, unanswered=True), "GET", reused=True, replayable=True)


# --- the step -------------------------------------------------------------------------------

pytestmark = pytest.mark.anyio


class Stale:
    """A server whose first connection answers once and is gone when it is asked again.

    Attributes:
        bodies: of all requests that arrived in full, in order of arrival.
    """

    def __init__(self, *, answers: int = 1, stale: int = 1, part: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self._answers = answers
        self._stale = stale
        self._part = part

    async def __call__(self, peer: ScriptedPeer) -> None:
        for count in itertools.count():
            head, body = await peer.receive_request()
            self.heads.append(head)
            self.bodies.append(body)
            if count == self._answers and peer.number < self._stale:
                if self._part:
                    await peer.send(self._part)
                return  # the request has arrived, and the connection ends
            await peer.answer(b"%d" % peer.number)


@pytest.mark.parametrize("method", sorted(IDEMPOTENT_METHODS))
async def test_sent_once_more(scripted_server: StartScripted, method: str) -> None:
    server = await scripted_server(Stale())
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/") as first:
            assert await first.text() == "0"
        async with session.request(method, "/again") as response:
            assert response.status == 200
            if method != "HEAD":
                assert await response.text() == "1"
        assert server.connections == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
async def test_what_is_not_idempotent_is_not_sent_again(
    scripted_server: StartScripted, method: str
) -> None:
    script = Stale()
    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/"):
            pass
        with pytest.raises(anyiohttp.ServerDisconnectedError):
            await session.request(method, "/")
        assert server.connections == 1
        assert len(script.heads) == 2


async def test_a_new_connection_that_dies_is_not_replaced(scripted_server: StartScripted) -> None:
    server = await scripted_server(Stale(answers=0))
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.ServerDisconnectedError):
            await session.get("/")
        assert server.connections == 1


async def test_only_once(scripted_server: StartScripted) -> None:
    stale = Stale(stale=2)

    async def script(peer: ScriptedPeer) -> None:
        await server.wait_for(lambda server: server.connections == 2)
        await stale(peer)

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with anyio.create_task_group() as tasks:
            # Two connections at a time, so that both are kept ones.
            tasks.start_soon(session.get, "/")
            tasks.start_soon(session.get, "/")
        with pytest.raises(anyiohttp.ServerDisconnectedError):
            await session.get("/again")
        assert server.connections == 2
        assert sum(b"/again" in head for head in stale.heads) == 2


async def test_not_after_a_byte_of_the_response(scripted_server: StartScripted) -> None:
    server = await scripted_server(Stale(part=b"HTTP/1.1 2"))
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/"):
            pass
        with pytest.raises(anyiohttp.ServerDisconnectedError, match="in the middle of a response"):
            await session.get("/")
        assert server.connections == 1


async def test_closed_while_idle_is_found_at_check_out(scripted_server: StartScripted) -> None:
    """A POST gets through, too: the request never went to the dead connection."""

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        await peer.answer(b"%d" % peer.number)

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/") as response:
            assert await response.text() == "0"
        await server.wait_for(lambda server: server.open == 0)
        async with session.post("/", data=b"x") as response:
            assert await response.text() == "1"


async def test_reset_is_resent_too(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        await peer.answer(b"%d" % peer.number)
        await peer.receive_request()
        peer.reset()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/"):
            pass
        async with session.get("/") as response:
            assert await response.text() == "1"


CONTENT = bytes(range(256)) * 2000


def binary_file(path: Path) -> object:
    (path / "body").write_bytes(b"skipped" + CONTENT)
    file = (path / "body").open("rb")
    file.seek(7)
    return file


def form(path: Path) -> object:
    made = anyiohttp.FormData(boundary="b")
    made.add_field("f", binary_file(path), filename="f", content_type="x/y")
    return made


@pytest.mark.parametrize(
    "make",
    [lambda path: CONTENT, lambda path: io.BytesIO(CONTENT), binary_file, form],
    ids=["bytes", "BytesIO", "file", "form"],
)
async def test_the_body_is_rewound(
    scripted_server: StartScripted, make: Callable[[Path], object], tmp_path: Path
) -> None:
    script = Stale()
    server = await scripted_server(script)
    tracker = anyiohttp.UploadTracker()
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/"):
            pass
        async with session.put("/", data=make(tmp_path), upload_tracker=tracker) as response:
            assert await response.text() == "1"
    assert script.bodies[1] == script.bodies[2]
    assert CONTENT in script.bodies[2]
    assert b"skipped" not in script.bodies[2]
    assert tracker.attempts == 2
    assert tracker.bytes_written == len(script.bodies[2])
    assert tracker.upload_complete.exception() is None


async def test_a_generator_is_not_sent_again(scripted_server: StartScripted) -> None:
    script = Stale()
    server = await scripted_server(script)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"once"

    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/"):
            pass
        with pytest.raises(anyiohttp.ServerDisconnectedError):
            await session.put("/", data=pieces())
        assert server.connections == 1


async def test_a_cancelled_resend_leaves_nothing(scripted_server: StartScripted) -> None:
    arrived = anyio.Event()

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_request()
        if peer.number == 0:
            await peer.answer()
            await peer.receive_request()
            return
        arrived.set()
        await peer.wait_closed()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.get("/"):
            pass
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.request, "GET", "/")
            await arrived.wait()
            tasks.cancel_scope.cancel()
        await server.wait_for(lambda server: server.open == 0)
