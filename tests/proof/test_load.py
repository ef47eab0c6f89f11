"""Load with faults: many tasks, few connections, seeded cancellations and faults.

Each request is answered with a body that is its own alone. Nothing is mixed up, nothing is left,
and the second half of the load needs no more memory than the first has left behind.
"""

from __future__ import annotations

import gc
import gzip
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import anyio
import pytest
from tests.proof.ledger import CrossTalk, Hang, Ledger, TruncatedAsComplete
from tests.servers import ScriptedPeer, StartScripted
from yarl import URL

from anyiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from anyiohttp.testing import (
    NO_FAULTS,
    Faults,
    Leaked,
    MemoryNetwork,
    Moment,
    Request,
    Response,
    Send,
    assert_no_leaks,
    cancel_at,
)

pytestmark = pytest.mark.anyio

CLAIM = "load with faults"
SEED = "anyiohttp"

#: Stalls are few: each takes this long, and holds a connection.
TIMEOUT = ClientTimeout(sock_read=1, sock_connect=5)
#: Nothing takes so long unless it hangs.
PATIENCE = 240.0

KINDS = ("length", "chunked", "gzip", "close", "silent")


def content(number: int) -> bytes:
    """The body of request ``number``: one of its own, from some bytes to some hundred."""
    return b"<%d>" % number * (1 + number % 61)


def seeded(*what: object) -> Random:
    return Random(f"{SEED} {what}")


# --- the client's side ----------------------------------------------------------------------


@dataclass
class Load:
    """Requests of many tasks.

    Args:
        session: makes them.
        url: of what answers ``/number/kind``.
        tasks: how many make requests at the same time.
        check: called now and then.
    """

    session: ClientSession
    url: URL
    tasks: int
    check: Callable[[], None] = lambda: None
    outcomes: Counter[str] = field(default_factory=Counter)

    async def run(self, numbers: range) -> None:
        """Make the requests; each task takes the next number when it is done with one."""
        left = iter(numbers)

        async def work() -> None:
            for number in left:
                self.outcomes[await self._one(number)] += 1
                if number % 50 == 0:
                    self.check()

        with anyio.move_on_after(PATIENCE) as scope:
            async with anyio.create_task_group() as tasks:
                for _ in range(self.tasks):
                    tasks.start_soon(work)
        if scope.cancelled_caught:
            raise Hang(f"{self.outcomes} after {PATIENCE} s: {self.session.connector!r}")

    async def _one(self, number: int) -> str:
        random = seeded("request", number)
        fate = random.random()
        try:
            if fate < 0.1:
                return await self._left_early(number, random)
            if fate < 0.3:
                moment = random.choice((Moment.POINT, Moment.TASK, Moment.TASK_WOKEN))
                run = await cancel_at(
                    random.randrange(1, 12), lambda: self._whole(number, random), moment=moment
                )
                return "cancelled" if run.cancelled else "answered"
            return await self._whole(number, random)
        except ClientError:
            return "failed"

    async def _whole(self, number: int, random: Random) -> str:
        async with self._asked(number, random) as response:
            body = await response.read()
            status = response.status
        return judged(number, status, body)

    async def _left_early(self, number: int, random: Random) -> str:
        """Read a part of it and leave."""
        async with self._asked(number, random) as response:
            async for piece in response.content.iter_chunked(16):
                if not content(number).startswith(piece) and b"\0" not in piece:
                    raise CrossTalk(f"request {number} got {piece!r}")
                break
        return "left"

    def _asked(self, number: int, random: Random):  # type: ignore[no-untyped-def]
        url = self.url / str(number) / random.choice(KINDS)
        if random.random() < 0.2:
            return self.session.post(url, data=b"x" * random.randrange(2000))
        return self.session.get(url)


def judged(number: int, status: int, body: bytes) -> str:
    if status == 200 and body == content(number):
        return "answered"
    if b"\0" in body or status != 200:
        return "garbled"  # what the peer has sent, and nobody can tell
    if content(number).startswith(body):
        raise TruncatedAsComplete(f"request {number}: {len(body)} of {len(content(number))}")
    raise CrossTalk(f"request {number} got {body!r}")


def judge(outcomes: Counter[str], requests: int) -> None:
    """The load was one: everything has happened, and most was answered."""
    assert outcomes.total() == requests
    assert outcomes["answered"] > requests / 3, outcomes
    assert all(outcomes[kind] for kind in ("cancelled", "failed", "left")), outcomes


# --- in memory ------------------------------------------------------------------------------


async def answer(request: Request) -> Response:
    """Answer ``/number/kind``."""
    number, kind = request.params
    await request.read()
    body = content(int(number))
    if kind == "chunked":

        async def write(send: Send) -> None:
            for start in range(0, len(body), 100):
                await send(body[start : start + 100])

        return Response(writer=write, trailers=[("X-Number", number)])
    if kind == "gzip":
        return Response(200, gzip.compress(body, 1), [("Content-Encoding", "gzip")])
    return Response(200, body, close=kind == "close", silent_close=kind == "silent")


def fault_of(connection: int) -> Faults:
    """What goes wrong with a connection, if anything does."""
    random = seeded("connection", connection)
    fate, position = random.random(), random.randrange(4000)
    if fate < 0.15:
        return Faults(end_at=position)
    if fate < 0.3:
        return Faults(reset_at=position, split={position // 2})
    if fate < 0.4:
        return Faults(garbage_at=position, garbage=b"\0")
    if fate < 0.41:
        return Faults(stall_at=position)
    if fate < 0.45:
        return Faults(split=set(range(0, 3000, 7)))
    return NO_FAULTS


def resident() -> int:
    """The memory of this process, in bytes; 0 where that cannot be seen."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * 4096


def settled() -> tuple[int, int]:
    """How many objects there are, and how much memory they take."""
    gc.collect()
    return len(gc.get_objects()), resident()


async def test_in_memory(ledger: Ledger, exhaustive: bool, backend: str) -> None:
    requests, tasks, limit = (20_000, 1000, 100) if exhaustive else (1_000, 100, 10)
    with ledger.trial(CLAIM, count=requests, backend=backend, carrier="memory"):
        async with assert_no_leaks(), MemoryNetwork() as network:
            server = network.serve("example.org", {"/{number}/{kind}": answer}, faults=fault_of)
            connector = network.connector(limit=limit)

            def check() -> None:
                stats = connector.stats
                assert stats.busy + stats.idle + stats.dialing <= limit, stats
                assert len(network.open_streams) <= limit, stats

            async with ClientSession(connector=connector, timeout=TIMEOUT) as session:
                load = Load(session, server.url, tasks, check)
                await load.run(range(requests // 2))
                objects, memory = settled()
                await load.run(range(requests // 2, requests))
                more_objects, more_memory = (
                    after - before
                    for after, before in zip(settled(), (objects, memory), strict=True)
                )
                stats = connector.stats
                if stats.busy or stats.dialing or stats.waiting:
                    raise Leaked([repr(stats)])
                # None of the connections that stayed is spoilt.
                for number in range(limit):
                    async with session.get(server.url / str(number) / "length") as response:
                        assert judged(number, response.status, await response.read())
        judge(load.outcomes, requests)
        # Idle connections vary, and each has its objects and its peer's.
        assert more_objects < 100 * limit, more_objects
        assert more_memory < 8 * 2**20, more_memory


# --- over sockets ---------------------------------------------------------------------------


async def serve_badly(peer: ScriptedPeer) -> None:
    """Answer, and sooner or later fail."""
    random = seeded("socket", peer.number)
    while True:
        head, _ = await peer.receive_request()
        number = int(head.split(b"/")[1])
        body = content(number)
        message = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        fate, cut = random.random(), random.randrange(len(message))
        if fate < 0.05:
            await peer.send(message[:cut])
            return None
        if fate < 0.1:
            await peer.send(message[:cut])
            return peer.reset()
        if fate < 0.15:
            await peer.send(message)
            return peer.reset()
        if fate < 0.2:
            await peer.send(message)
            return None
        if fate < 0.25:
            await peer.send_pieces(message[:cut], message[cut:])
        else:
            await peer.send(message)


async def test_over_sockets(
    scripted_server: StartScripted, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    requests, tasks, limit = (4_000, 200, 50) if exhaustive else (300, 50, 10)
    server = await scripted_server(serve_badly)
    with ledger.trial(CLAIM, count=requests, backend=backend, carrier="sockets"):
        async with ClientSession(connector=TCPConnector(limit=limit), timeout=TIMEOUT) as session:
            assert session.connector is not None
            load = Load(session, server.url, tasks)
            await load.run(range(requests))
            stats = session.connector.stats
            if stats.busy or stats.dialing or stats.waiting:
                raise Leaked([repr(stats)])
        judge(load.outcomes, requests)
        # The server sees that all are closed; the sockets of both ends are counted after the test.
        with anyio.fail_after(10):
            await server.wait_for(lambda server: not server.open)
