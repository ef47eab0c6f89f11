"""HTTP/2: faults of the connection at every byte, and of one stream beside another.

A connection that ends, is reset, stalls or turns to garbage anywhere, at the edges of frames and
inside them, gives the whole, right answer or a `ClientError`; the next request gets its own answer,
on another connection; nothing is left. What goes wrong with one stream alone, at each frame of its
answer, is that stream's misfortune: the one beside it is answered, on the same connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import pytest
from anyio.lowlevel import checkpoint
from h2.errors import ErrorCodes
from hpack import Encoder
from hyperframe.frame import (
    AltSvcFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
    WindowUpdateFrame,
)
from tests.proof.ledger import CrossTalk, Hang, Ledger, TruncatedAsComplete

from anyiohttp import ClientError, ClientSession, ClientTimeout, ServerTimeoutError
from anyiohttp.testing import (
    NO_FAULTS,
    Faults,
    HTTP2Peer,
    Leaked,
    MemoryNetwork,
    Peer,
    assert_no_leaks,
)

pytestmark = pytest.mark.anyio

HOST = "peer.example"
PATIENCE = 10.0
PATIENT = ClientTimeout(total=PATIENCE)
#: A stall is waited for.
STALL = 0.1
AT_ONCE = 20


def content(path: str) -> bytes:
    return b"<%b> is what was asked for" % path.encode()


async def fetch(session: ClientSession, path: str, timeout: ClientTimeout = PATIENT) -> bytes:
    async with session.get(f"http://{HOST}/{path}", timeout=timeout) as response:
        body = await response.read()
    if response.status != 200:
        raise CrossTalk(f"status {response.status}")
    return body


async def outcome(call: Awaitable[bytes]) -> bytes | ClientError:
    with anyio.move_on_after(2 * PATIENCE):
        try:
            return await call
        except ClientError as exc:
            return exc
    raise Hang("the call did not end")


# --- frames of an answer --------------------------------------------------------------------


def fields(stream: int, *pairs: tuple[str, str], end: bool = False) -> HeadersFrame:
    """A header block that uses no table, so that it can come in any order."""
    encoder = Encoder()
    encoder.header_table_size = 0
    block = encoder.encode([(name, value, True) for name, value in pairs], huffman=False)
    frame = HeadersFrame(stream, block.removeprefix(b"\x20"), flags=["END_HEADERS"])
    if end:
        frame.flags.add("END_STREAM")
    return frame


def data(stream: int, piece: bytes, *, end: bool = False) -> DataFrame:
    return DataFrame(stream, piece, flags=["END_STREAM"] if end else [])


def answer(stream: int, path: str) -> list[Frame]:
    """An answer with all that one may have."""
    body = content(path)
    padded = DataFrame(stream, body[9:15], pad_length=5, flags=["PADDED"])
    return [
        fields(stream, (":status", "103"), ("link", "</a>")),
        fields(stream, (":status", "200"), ("content-length", str(len(body))), ("x-a", "b")),
        data(stream, body[:9]),
        padded,
        data(stream, b""),
        data(stream, body[15:]),
        fields(stream, ("x-end", "yes"), end=True),
    ]


def serialized(frames: list[Frame]) -> bytes:
    return b"".join(frame.serialize() for frame in frames)


# --- the connection -------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    name: str
    at: Callable[[int], Faults]


FAULTS = [
    Fault("end", lambda position: Faults(end_at=position)),
    Fault("reset", lambda position: Faults(reset_at=position)),
    Fault("stall", lambda position: Faults(stall_at=position)),
    Fault("garbage", lambda position: Faults(garbage_at=position)),
    Fault("zeros in place", lambda p: Faults(garbage_at=p, garbage=bytes(9), overwrite=True)),
    Fault("end, byte by byte", lambda position: Faults(end_at=position, split=True)),
]


class Origin:
    """Answers the first two requests in one breath, so that each byte has its place."""

    async def __call__(self, peer: Peer) -> None:
        server = HTTP2Peer(peer)
        if not peer.number:
            streams = {}
            for _ in range(2):
                request = await server.request()
                streams[dict(request.headers)[":path"][1:]] = request.stream_id
            ours = answer(streams["victim"], "victim")
            theirs = answer(streams["sibling"], "sibling")
            mixed = [frame for pair in zip(ours, theirs, strict=True) for frame in pair]
            await server.send_frames(*mixed)
        while True:
            request = await server.request()
            path = dict(request.headers)[":path"][1:]
            await server.send_frames(*answer(request.stream_id, path))


def edges() -> list[int]:
    """Where frames begin, counted from the first byte of an answer; each edge and its sides."""
    places = []
    position = 0
    for pair in zip(answer(1, "victim"), answer(3, "sibling"), strict=True):
        for frame in pair:
            places += [position - 1, position, position + 1, position + 9]
            position += len(frame.serialize())
    return [place for place in places if place >= 0] + [position]


#: What a server says before its first answer: SETTINGS with seven values, and that it has seen
#: ours.
GREETING = 9 + 7 * 6 + 9


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_faults_of_the_connection(
    fault: Fault,
    ledger: Ledger,
    exhaustive: bool,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What swallows everything is found by asking whether the peer is there.
    monkeypatch.setattr("anyiohttp._protocol.http2.connection.PING_TIMEOUT", STALL)
    total = edges()[-1]
    inside = set(range(GREETING + total + 1)) if exhaustive else set(range(0, GREETING, 7))
    chosen = sorted(inside | {GREETING + place for place in edges()})
    if not exhaustive:
        chosen = chosen[turn_of(FAULTS.index(fault), backend) :: 6]

    async def run(position: int) -> None:
        with ledger.trial(
            "HTTP/2: fault at every byte", fault=fault.name, position=position, backend=backend
        ):
            await try_fault(fault, position, GREETING + total)

    async with assert_no_leaks(collect=False):
        for start in range(0, len(chosen), AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for position in chosen[start : start + AT_ONCE]:
                    tasks.start_soon(run, position)


def turn_of(number: int, backend: str) -> int:
    """What is tried differs between cases and backends, and is the same every time."""
    return (number + 2 * ("asyncio", "uvloop", "trio").index(backend)) % 6


async def try_fault(fault: Fault, position: int, total: int) -> None:
    stalled = fault.name == "stall"
    # Garbage may read as the beginning of a frame that never ends.
    silent = stalled or fault.name in ("garbage", "zeros in place")
    timeout = ClientTimeout(sock_read=STALL) if silent else PATIENT
    got: dict[str, bytes | ClientError] = {}
    async with MemoryNetwork() as network:
        network.listen(HOST, 80, Origin(), faults=lambda n: NO_FAULTS if n else fault.at(position))
        connector = network.connector(http_versions=["h2"], limit=2)
        async with ClientSession(connector=connector) as session:

            async def ask(path: str) -> None:
                got[path] = await outcome(fetch(session, path, timeout))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, "victim")
                tasks.start_soon(ask, "sibling")
            for path, result in got.items():
                if fault.name == "zeros in place" and isinstance(result, bytes):
                    # No frame says that its payload is another's.
                    assert len(result) == len(content(path))
                    continue
                judge(path, result, whole=position >= total)
            stats = connector.stats
            if stats.busy or stats.dialing or stats.waiting:
                raise Leaked([f"{stats}"])
            for _ in range(10):
                await checkpoint()
            if silent:
                # It may have come after the answers: then whoever comes next meets it, once.
                late = await outcome(fetch(session, "late", timeout))
                judge("late", late, whole=False)
            if await fetch(session, "next") != content("next"):
                raise CrossTalk("the next request")
    if network.open_streams:
        raise Leaked([f"{network.open_streams}"])


def judge(path: str, result: bytes | ClientError, *, whole: bool) -> None:
    if isinstance(result, ClientError):
        if whole:
            raise AssertionError("nothing was missing") from result
        return
    if result != content(path):
        if content(path).startswith(result):
            raise TruncatedAsComplete(f"{result!r}")
        raise CrossTalk(f"{path} got {result!r}")


# --- one stream -----------------------------------------------------------------------------

Misfortune = Callable[[int], list[Frame]]


def rst(code: ErrorCodes) -> Misfortune:
    return lambda stream: [RstStreamFrame(stream, error_code=code)]


def unknown(stream: int) -> Frame:
    frame = ExtensionFrame(0xEE, stream, body=b"whatever")
    frame.body_len = 8
    return frame


MISFORTUNES: dict[str, Misfortune] = {
    "reset: internal error": rst(ErrorCodes.INTERNAL_ERROR),
    "reset: refused": rst(ErrorCodes.REFUSED_STREAM),
    "reset: no error": rst(ErrorCodes.NO_ERROR),
    "an early end": lambda stream: [data(stream, b"", end=True)],
    "more than its length, and an end": lambda stream: [data(stream, b"x" * 500, end=True)],
    "fields in upper case": lambda stream: [fields(stream, (":status", "200"), ("X-A", "b"))],
    "fields with a line break": lambda stream: [
        fields(stream, (":status", "200"), ("x", "a\nb: c"))
    ],
    "fields of the connection": lambda stream: [
        fields(stream, (":status", "200"), ("connection", "close"))
    ],
    "no status": lambda stream: [fields(stream, ("x", "y"))],
    "a status that is none": lambda stream: [fields(stream, (":status", "9"))],
    "101": lambda stream: [fields(stream, (":status", "101"))],
    "a length that is none": lambda stream: [
        fields(stream, (":status", "200"), ("content-length", "x"))
    ],
    "too many fields": lambda stream: [
        fields(stream, (":status", "200"), *((f"x-{n}", "y") for n in range(200)))
    ],
    "a field too large": lambda stream: [fields(stream, (":status", "200"), ("x", "y" * 9000))],
    "a window beyond all bounds": lambda stream: [
        WindowUpdateFrame(stream, window_increment=2**31 - 1)
    ],
    "silence": lambda stream: [],
}
#: What comes between frames and means nothing to us.
NOISE: dict[str, Misfortune] = {
    "PRIORITY": lambda stream: [PriorityFrame(stream, stream_weight=5)],
    "ALTSVC": lambda stream: [AltSvcFrame(0, origin=b"a.example", field=b'h2=":1"')],
    "an unknown frame": lambda stream: [unknown(stream)],
    "an unknown frame of the connection": lambda stream: [unknown(0)],
}
CASES = {**MISFORTUNES, **NOISE}
#: How many frames of the answer come before.
STEPS = len(answer(1, ""))


@pytest.mark.parametrize("name", CASES)
async def test_a_misfortune_of_one_stream(
    name: str, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    steps = range(STEPS + 1)
    if not exhaustive:
        steps = steps[turn_of(list(CASES).index(name), backend) % 3 :: 3]
    async with assert_no_leaks(collect=False):
        for step in steps:
            place = f"{name} after {step} frames"
            with ledger.trial(
                "HTTP/2: a stream's misfortune", misfortune=name, place=place, backend=backend
            ):
                await try_misfortune(name, step)


async def try_misfortune(name: str, step: int) -> None:
    asked: list[str] = []

    async def script(peer: Peer) -> None:
        server = HTTP2Peer(peer)
        streams: dict[str, int] = {}
        while len(streams) < 2:
            request = await server.request()
            path = dict(request.headers)[":path"][1:]
            asked.append(path)
            streams[path] = request.stream_id
        ours = answer(streams["victim"], "victim")
        theirs = answer(streams["sibling"], "sibling")
        await server.send_frames(*theirs[:3], *ours[:step], *CASES[name](streams["victim"]))
        if name in NOISE:
            await server.send_frames(*ours[step:])
        for _ in range(5):
            await checkpoint()
        await server.send_frames(*theirs[3:])
        while True:
            request = await server.request()
            path = dict(request.headers)[":path"][1:]
            asked.append(path)
            await server.send_frames(*answer(request.stream_id, path))

    silent = name == "silence" and step < STEPS
    timeout = ClientTimeout(sock_read=STALL) if silent else PATIENT
    got: dict[str, bytes | ClientError] = {}
    async with MemoryNetwork() as network:
        listener = network.listen(HOST, 80, script)
        connector = network.connector(http_versions=["h2"])
        async with ClientSession(connector=connector) as session:

            async def ask(path: str, timeout: ClientTimeout = PATIENT) -> None:
                got[path] = await outcome(fetch(session, path, timeout))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, "victim", timeout)
                tasks.start_soon(ask, "sibling")
            whole = name in NOISE or step == STEPS or asked.count("victim") > 1
            judge("victim", got["victim"], whole=whole)
            judge("sibling", got["sibling"], whole=True)
            if silent and not isinstance(got["victim"], ServerTimeoutError):
                raise Hang(f"{got['victim']!r}")
            stats = connector.stats
            if stats.busy or stats.dialing or stats.waiting:
                raise Leaked([f"{stats}"])
            if await fetch(session, "next") != content("next"):
                raise CrossTalk("the next request")
        assert listener.connections == 1, "the connection was given up"
    if network.open_streams:
        raise Leaked([f"{network.open_streams}"])
