"""Fault at every byte of a WebSocket and of an event stream.

Whatever goes wrong and wherever: of the messages of a WebSocket those that had come whole come out,
and no others; of an event stream all events come out, each once, because it reconnects. What comes
besides is a `ClientError` or what says so, in time, and nothing is left.
"""

from __future__ import annotations

import anyio
import pytest
from tests.proof.answers import FAULTS, Fault
from tests.proof.ledger import CrossTalk, Hang, Ledger, TruncatedAsComplete
from tests.proof.test_fault_everywhere import each, sample
from tests.websocket_peers import BINARY, CONT, PING, TEXT, accept, close_frame, frame

from anyiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    SocketTimeoutError,
    WSMsgType,
)
from anyiohttp.testing import NO_FAULTS, Leaked, MemoryNetwork, Peer, assert_no_leaks

pytestmark = pytest.mark.anyio

CLAIM = "fault at every byte of a conversation"
HOST = "peer.example"
PATIENCE = 10.0
#: A stall is waited for. Many at once share the time and leave it long enough to be no other's.
STALL = 0.2
STALLS_AT_ONCE = 40

#: What the peer says after the handshake, and what is to come out of each part.
PARTS: list[tuple[bytes, object]] = [
    (frame(TEXT, b"one"), "one"),
    (frame(TEXT, b"t", fin=False) + frame(PING, b"ping") + frame(CONT, b"wo"), "two"),
    (frame(BINARY, bytes(range(200))), bytes(range(200))),
    (frame(TEXT, b""), ""),
    (frame(TEXT, "ä€".encode()), "ä€"),
    (close_frame(1000, b"bye"), None),
]
SAID = b"".join(part for part, _ in PARTS)
#: The answer to the handshake: its length does not depend on the key.
HEAD = len(accept(b"\r\nSec-WebSocket-Key: x\r\n"))
TOTAL = HEAD + len(SAID)


def whole_by(position: int) -> list[object]:
    """The messages that have come whole when so many bytes have passed."""
    end, messages = HEAD, []
    for part, message in PARTS:
        end += len(part)
        if end <= position and message is not None:
            messages.append(message)
    return messages


def waits(fault: Fault) -> bool:
    """Whether the client may come to wait for more: what is garbage may say that there is more."""
    return fault.name == "stall" or bool(fault.garbage)


async def script(peer: Peer) -> None:
    while True:
        head = await peer.receive_head()
        if b"/next" in head:
            await peer.answer(b"next")
            continue
        await peer.send(accept(head) + SAID)
        await peer.stall()


async def receive_all(websocket: ClientWebSocketResponse, got: list[object]) -> WSMsgType:
    """Receive until there is no more; return how that was said."""
    while True:
        message = await websocket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return message.type
        got.append(message.data)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_websocket(fault: Fault, ledger: Ledger, exhaustive: bool, backend: str) -> None:
    step = 1 if exhaustive else 30
    positions = sample(TOTAL, step, FAULTS.index(fault), 0, HEAD - 1, HEAD, HEAD + 1, TOTAL)
    at_once = STALLS_AT_ONCE if waits(fault) else 1

    async def run(position: int) -> None:
        with ledger.trial(CLAIM, fault=fault.name, position=position, backend=backend):
            await try_websocket(fault, position)

    async with assert_no_leaks(collect=False):
        await each(positions, at_once, run)


async def try_websocket(fault: Fault, position: int) -> None:
    got: list[object] = []
    end: WSMsgType | Exception
    async with MemoryNetwork() as network:
        faults = fault.at(position)
        plan = lambda number: NO_FAULTS if number else faults  # noqa: E731
        listener = network.listen(HOST, 80, script, faults=plan)
        connector = network.connector(limit=1)
        # A stall of the handshake ends by the one limit, of a message by the other.
        handshake = ClientTimeout(total=STALL if waits(fault) and position < HEAD else PATIENCE)
        limits = ClientWSTimeout(STALL if waits(fault) else PATIENCE, ws_close=STALL)
        async with ClientSession(connector=connector, timeout=handshake) as session:
            with anyio.move_on_after(2 * PATIENCE) as scope:
                try:
                    async with session.ws_connect(f"ws://{HOST}/", timeout=limits) as websocket:
                        end = await receive_all(websocket, got)
                    assert websocket.closed
                except ClientError as exc:
                    end = exc
            if scope.cancelled_caught:
                raise Hang(f"nothing after {2 * PATIENCE} s")
            judge(fault, position, got, end)
            listener.faults = NO_FAULTS  # should the victim not have come so far as to connect
            if connector.stats.busy:
                raise Leaked([f"{connector.stats}"])
            async with session.get(f"http://{HOST}/next", timeout=ClientTimeout()) as response:
                if await response.read() != b"next":
                    raise CrossTalk("the next request got another's answer")
        if network.open_streams:
            raise Leaked([f"{network.open_streams}"])


def judge(fault: Fault, position: int, got: list[object], end: WSMsgType | Exception) -> None:
    expected = whole_by(position)
    if got[: len(expected)] != expected and position >= HEAD:
        raise CrossTalk(f"got {got}, then {end!r}, instead of {expected}")
    if fault.garbage:
        return  # what comes after it is whatever the bytes say
    if got != expected:
        raise TruncatedAsComplete(f"got {got}, then {end!r}, instead of {expected}")
    if position < HEAD:
        if not isinstance(end, ClientError):
            raise TruncatedAsComplete(f"{end!r} by a part of the handshake")
    elif position >= TOTAL:
        assert end is WSMsgType.CLOSE, f"{end!r} although all had come"
    elif fault.name == "stall":
        assert isinstance(end, SocketTimeoutError), f"{end!r} instead of a limit"
    else:
        assert end is WSMsgType.CLOSED, f"{end!r} instead of CLOSED"


# --- events -------------------------------------------------------------------------------------

EVENTS = 6


def stream_from(head: bytes) -> bytes:
    """The answer with the events after the last one that came, three at most."""
    _, mark, rest = head.lower().partition(b"\r\nlast-event-id: ")
    done = int(rest.partition(b"\r\n")[0]) if mark else 0
    if done >= EVENTS:
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    numbers = range(done + 1, min(done + 3, EVENTS) + 1)
    body = b"".join(b"data: %d\r\nid: %d\r\n\r\n" % (n, n) for n in numbers)
    fields = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    return b"HTTP/1.1 200 OK\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (fields, len(body), body)


@pytest.mark.parametrize("name", ["end", "end, byte by byte", "reset", "stall"])
async def test_events(name: str, ledger: Ledger, exhaustive: bool, backend: str) -> None:
    fault = next(fault for fault in FAULTS if fault.name == name)
    total = len(stream_from(b""))
    positions = sample(total, 1 if exhaustive else 30, FAULTS.index(fault), 0, total - 1, total)

    async def run(position: int) -> None:
        with ledger.trial(CLAIM, fault=f"events, {name}", position=position, backend=backend):
            await try_events(fault, position)

    async with assert_no_leaks(collect=False):
        await each(positions, STALLS_AT_ONCE if name == "stall" else 1, run)


async def try_events(fault: Fault, position: int) -> None:
    async def tell(peer: Peer) -> None:
        while True:
            await peer.send(stream_from(await peer.receive_head()))

    head_ends = stream_from(b"").index(b"\r\n\r\n") + 4
    got: list[str] = []
    async with MemoryNetwork() as network:
        faults = fault.at(position)
        network.listen(HOST, 80, tell, faults=lambda number: NO_FAULTS if number else faults)
        connector = network.connector(limit=1)
        async with ClientSession(connector=connector) as session:
            timeout = ClientTimeout(sock_read=STALL if fault.name == "stall" else PATIENCE)
            stream = session.sse(f"http://{HOST}/", timeout=timeout, reconnect_delay=0)
            with anyio.move_on_after(2 * PATIENCE) as scope:
                try:
                    async with stream:
                        async for event in stream:
                            got.append(event.data)  # noqa: PERF401 - each one as it comes
                except ClientError:
                    if position >= head_ends:
                        raise
            if scope.cancelled_caught:
                raise Hang(f"nothing after {2 * PATIENCE} s")
            if got != [str(number) for number in range(1, EVENTS + 1)] and position >= head_ends:
                raise TruncatedAsComplete(f"got {got}")
            if connector.stats.busy:
                raise Leaked([f"{connector.stats}"])
