"""Faults at every byte of a connection that carries a WebSocket and another request (RFC 8441).

Whatever goes wrong with the connection and wherever, at the edges of frames and inside them: of
the WebSocket's messages those whose frames had come whole come out, and no others; the request
beside it has its whole, right answer or a `ClientError`; both end in time, the next request is
answered, and nothing is left. What goes wrong with one of the two streams is nothing to the other:
it goes on, on the same connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import anyio
import pytest
from anyio.lowlevel import checkpoint
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, Frame, WindowUpdateFrame
from tests.proof.ledger import CrossTalk, Hang, Ledger, TruncatedAsComplete
from tests.proof.test_fault_conversations import PARTS, receive_all
from tests.proof.test_http2_faults import (
    AT_ONCE,
    FAULTS,
    PATIENCE,
    PATIENT,
    Fault,
    Misfortune,
    answer,
    content,
    data,
    fetch,
    fields,
    judge,
    outcome,
    rst,
    turn_of,
    unknown,
)

from anyiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWSTimeout,
    SocketTimeoutError,
    WSMsgType,
)
from anyiohttp.testing import (
    NO_FAULTS,
    HTTP2Peer,
    Leaked,
    MemoryNetwork,
    Peer,
    assert_no_leaks,
)

pytestmark = pytest.mark.anyio

HOST = "peer.example"
#: A stall is waited for; long enough for all that are tried at once to have come so far.
STALL = 0.3
OFFERED = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
#: What a server says first: SETTINGS with five values, that it has seen ours, and the answer to the
#: PING with which the client asks for its settings before the handshake.
BEFORE = 9 + 5 * 6 + 9 + 9 + 8

SAID = b"".join(part for part, _ in PARTS)
#: Where a DATA frame of the WebSocket ends and the next one begins: in the middle of a frame's
#: length, of a message, of a character, and behind two messages.
CUTS = (1, 4, 8, 16, 60, 220, 232, 236)


def talk(stream: int) -> list[Frame]:
    """The WebSocket's frames."""
    pieces = [SAID[start:end] for start, end in zip((0, *CUTS), (*CUTS, len(SAID)), strict=True)]
    frames: list[Frame] = [fields(stream, (":status", "200")), *(data(stream, p) for p in pieces)]
    frames[3] = DataFrame(stream, pieces[2], pad_length=7, flags=["PADDED"])
    frames.insert(4, data(stream, b""))
    return frames


def together(ours: int, theirs: int) -> list[Frame]:
    """Both streams' frames, in turns."""
    talking, answering = talk(ours), answer(theirs, "sibling")
    mixed: list[Frame] = []
    while talking or answering:
        mixed += [*talking[:1], *answering[:1]]
        del talking[:1], answering[:1]
    return mixed


def messages_in(said: int) -> list[object]:
    """The messages that are whole in so many of the WebSocket's bytes."""
    end, messages = 0, []
    for part, message in PARTS:
        end += len(part)
        if end <= said and message is not None:
            messages.append(message)
    return messages


def come_by(position: int) -> tuple[bool, int]:
    """Whether the handshake's answer has come when so many bytes have, and how many of SAID."""
    end, head, said = BEFORE, False, 0
    for each in together(1, 3):
        end += len(each.serialize())
        if end <= position and each.stream_id == 1:
            head = True
            said += len(each.data) if isinstance(each, DataFrame) else 0
    return head, said


TOTAL = BEFORE + sum(len(each.serialize()) for each in together(1, 3))


def edges() -> list[int]:
    """Where frames begin; each edge and its sides."""
    places, end = [], BEFORE
    for each in together(1, 3):
        places += [end - 1, end, end + 1, end + 9]
        end += len(each.serialize())
    return [*places, TOTAL - 1, TOTAL]


async def serve(
    server: HTTP2Peer, say: Callable[[int, int], Awaitable[None]] | None = None
) -> None:
    """Answer whoever asks.

    Args:
        server: speaks.
        say: what is said on their streams to the first WebSocket and the request beside it, once
            both have asked.
    """
    waiting: dict[str, int] = {}
    while True:
        request = await server.request()
        number, path = request.stream_id, dict(request.headers)[":path"][1:]
        if say is not None and path in ("talk", "sibling"):
            waiting[path] = number
            if len(waiting) == 2:
                await say(waiting["talk"], waiting["sibling"])
                say = None
        else:
            await server.send_frames(*(talk(number) if path == "talk" else answer(number, path)))


class Both:
    """A WebSocket and a request beside it, on the session's only connection.

    Args:
        session: its limits hold for the handshake.
        limit: how long a message may take, in seconds.
        timeout: of the request.

    Attributes:
        got: the messages.
        end: how the WebSocket ended.
        sibling: what came of the request.
    """

    def __init__(self, session: ClientSession, limit: float, timeout: ClientTimeout) -> None:
        self._session = session
        self._limits = ClientWSTimeout(limit, ws_close=STALL)
        self._timeout = timeout
        self.got: list[object] = []
        self.end: WSMsgType | Exception | None = None
        self.sibling: bytes | ClientError = b""

    async def run(self) -> None:
        """Have both."""
        assert self._session.connector is not None
        with anyio.move_on_after(2 * PATIENCE) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._converse)
                while not self._session.connector.stats.dialing:
                    await checkpoint()
                self.sibling = await outcome(fetch(self._session, "sibling", self._timeout))
        if scope.cancelled_caught:
            raise Hang(f"nothing after {2 * PATIENCE} s")

    async def _converse(self) -> None:
        try:
            async with self._session.ws_connect(
                f"ws://{HOST}/talk", timeout=self._limits
            ) as websocket:
                self.end = await receive_all(websocket, self.got)
        except ClientError as exc:
            self.end = exc
        else:
            assert websocket.closed


# --- the connection -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_faults_of_the_connection(
    fault: Fault,
    ledger: Ledger,
    exhaustive: bool,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_silent(fault):
        # What swallows everything is found by asking whether the peer is there.
        monkeypatch.setattr("anyiohttp._protocol.http2.connection.PING_TIMEOUT", STALL)
    # Those that are waited for are not tried at every byte.
    inside = range(0, TOTAL, 4 if is_silent(fault) else 1) if exhaustive else range(0, BEFORE, 9)
    chosen = sorted({*inside, *edges()})
    if not exhaustive:
        chosen = [*chosen[turn_of(FAULTS.index(fault), backend) :: 8], TOTAL - 1, TOTAL]

    async def run(position: int) -> None:
        with ledger.trial(
            "HTTP/2: fault at every byte of a conversation",
            fault=fault.name,
            position=position,
            backend=backend,
        ):
            await try_fault(fault, position)

    async with assert_no_leaks(collect=False):
        for start in range(0, len(chosen), AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for position in chosen[start : start + AT_ONCE]:
                    tasks.start_soon(run, position)


def is_silent(fault: Fault) -> bool:
    """Whether more may be waited for: garbage can read as the beginning of an endless frame."""
    return fault.name in ("stall", "garbage", "zeros in place")


async def try_fault(fault: Fault, position: int) -> None:
    spoke = False

    async def script(peer: Peer) -> None:
        server = HTTP2Peer(peer, OFFERED)

        async def say(talking: int, answering: int) -> None:
            nonlocal spoke
            spoke = True
            await server.send_frames(*together(talking, answering))

        await serve(server, None if peer.number else say)

    silent = is_silent(fault)
    head, said = come_by(position)
    async with MemoryNetwork() as network:
        network.listen(HOST, 80, script, faults=lambda n: NO_FAULTS if n else fault.at(position))
        connector = network.connector(http_versions=["h2"], limit=2)
        handshake = ClientTimeout(total=STALL if silent and not head else PATIENCE)
        async with ClientSession(connector=connector, timeout=handshake) as session:
            timeout = ClientTimeout(sock_read=STALL) if silent else PATIENT
            both = Both(session, STALL if silent else PATIENCE, timeout)
            await both.run()
            if not spoke:
                # The connection was given up before (its greeting, or the answer to a PING).
                head, said = False, 0
            judge_messages(fault, both, head=head, said=said)
            if fault.name == "zeros in place" and isinstance(both.sibling, bytes):
                # No frame says that its payload is another's.
                assert len(both.sibling) == len(content("sibling"))
            else:
                judge("sibling", both.sibling, whole=position >= TOTAL)
            stats = connector.stats
            if stats.busy or stats.dialing or stats.waiting:
                raise Leaked([f"{stats}"])
            if silent:
                # It may have come after the answers: then whoever comes next meets it, once.
                await outcome(fetch(session, "late", timeout))
            if await fetch(session, "next") != content("next"):
                raise CrossTalk("the next request")
    if network.open_streams:
        raise Leaked([f"{network.open_streams}"])


def judge_messages(fault: Fault, both: Both, *, head: bool, said: int) -> None:
    if not head and both.end is WSMsgType.CLOSE:
        said = len(SAID)  # nothing had come, and it was asked for again
    expected, seen = messages_in(said), f"got {both.got}, then {both.end!r}"
    if both.got[: len(expected)] != expected:
        raise CrossTalk(f"{seen}, instead of {expected}")
    if "garbage" in fault.name or "zeros" in fault.name:
        return  # what comes after it is whatever the bytes say
    if both.got != expected:
        raise TruncatedAsComplete(f"{seen}, instead of {expected}")
    if said == len(SAID):
        good = both.end is WSMsgType.CLOSE
    elif not head:
        good = isinstance(both.end, ClientError)
    elif fault.name == "stall":
        good = isinstance(both.end, SocketTimeoutError)
    else:
        good = both.end is WSMsgType.CLOSED
    if not good:
        raise TruncatedAsComplete(seen)


# --- one stream -----------------------------------------------------------------------------

#: What ends one of two streams, or says nothing more on it.
MISFORTUNES: dict[str, Misfortune] = {
    "reset: internal error": rst(ErrorCodes.INTERNAL_ERROR),
    "reset: no error": rst(ErrorCodes.NO_ERROR),
    "an early end": lambda stream: [data(stream, b"", end=True)],
    "fields that end it": lambda stream: [fields(stream, ("x", "y"), end=True)],
    "fields in its middle": lambda stream: [fields(stream, ("x", "y"))],
    "an empty frame": lambda stream: [data(stream, b""), rst(ErrorCodes.CANCEL)(stream)[0]],
    "an unknown frame": lambda stream: [unknown(stream), rst(ErrorCodes.CANCEL)(stream)[0]],
    "a window beyond all bounds": lambda stream: [
        WindowUpdateFrame(stream, window_increment=2**31 - 1)
    ],
    "silence": lambda stream: [],
}
#: Who has it.
Victim = Literal["talk", "sibling"]


@pytest.mark.parametrize("victim", ["talk", "sibling"])
@pytest.mark.parametrize("name", MISFORTUNES)
async def test_a_misfortune_of_one_of_both(
    name: str, victim: Victim, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    steps = range(len(talk(1) if victim == "talk" else answer(3, "sibling")))
    if not exhaustive:
        steps = steps[turn_of(list(MISFORTUNES).index(name), backend) % 4 :: 4]

    async def run(step: int) -> None:
        with ledger.trial(
            "HTTP/2: a misfortune beside a conversation",
            misfortune=f"{name} of {victim}",
            place=f"{name} of {victim} after {step} frames",
            backend=backend,
        ):
            await try_misfortune(name, victim, step)

    async with assert_no_leaks(collect=False), anyio.create_task_group() as tasks:
        for step in steps:
            tasks.start_soon(run, step)


async def try_misfortune(name: str, victim: Victim, step: int) -> None:
    async def script(peer: Peer) -> None:
        server = HTTP2Peer(peer, OFFERED)

        async def say(talking: int, answering: int) -> None:
            ours, theirs, number = talk(talking), answer(answering, "sibling"), talking
            if victim == "sibling":
                ours, theirs, number = theirs, ours, answering
            await server.send_frames(*theirs[:3], *ours[:step], *MISFORTUNES[name](number))
            for _ in range(5):
                await checkpoint()
            await server.send_frames(*theirs[3:])

        await serve(server, say)

    alone = name == "silence"
    async with MemoryNetwork() as network:
        listener = network.listen(HOST, 80, script)
        connector = network.connector(http_versions=["h2"], limit=1)
        waits = victim == "talk" and alone
        handshake = ClientTimeout(total=STALL if waits and not step else PATIENCE)
        async with ClientSession(connector=connector, timeout=handshake) as session:
            timeout = ClientTimeout(sock_read=STALL) if victim == "sibling" and alone else PATIENT
            both = Both(session, STALL if waits else PATIENCE, timeout)
            await both.run()
            said = sum(len(each.data) for each in talk(1)[:step] if isinstance(each, DataFrame))
            if victim == "talk":
                judge("sibling", both.sibling, whole=True)
                if both.got != messages_in(said) or both.end is WSMsgType.CLOSE:
                    raise TruncatedAsComplete(f"got {both.got}, then {both.end!r}")
            else:
                judge("sibling", both.sibling, whole=False)
                if both.got != messages_in(len(SAID)) or both.end is not WSMsgType.CLOSE:
                    raise CrossTalk(f"got {both.got}, then {both.end!r}")
            stats = connector.stats
            if stats.busy or stats.dialing or stats.waiting:
                raise Leaked([f"{stats}"])
            if await fetch(session, "next") != content("next"):
                raise CrossTalk("the next request")
        assert listener.connections == 1, "the connection was given up"
    if network.open_streams:
        raise Leaked([f"{network.open_streams}"])
