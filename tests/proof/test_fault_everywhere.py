"""Fault at every byte: the peer ends, resets, stalls or sends garbage at each position.

Whatever goes wrong and wherever: what comes out is the whole, right answer or a `ClientError`, in
the time that was set; the next request on the same session, with room for one connection, gets its
own answer; nothing is left.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio
import pytest
from anyio.lowlevel import checkpoint
from tests.proof.answers import (
    FAULTS,
    FORGED,
    FORMS,
    Fault,
    Form,
    Said,
    content,
    said,
    tampered,
    until_end,
    with_length,
)
from tests.proof.ledger import CrossTalk, Hang, Ledger, TruncatedAsComplete
from yarl import URL

from anyiohttp import (
    ClientError,
    ClientHttpProxyError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ServerTimeoutError,
)
from anyiohttp._net.tls import TLSStream
from anyiohttp.testing import (
    NO_FAULTS,
    CertificateAuthority,
    Faults,
    Leaked,
    Listener,
    MemoryNetwork,
    Peer,
    assert_no_leaks,
)

pytestmark = pytest.mark.anyio

# Garbage is collected after each test by the guard of tests/conftest.py.
CLAIM = "fault at every byte"
HOST = "peer.example"

#: Nothing takes so long unless it hangs.
PATIENCE = 10.0
PATIENT = ClientTimeout(total=PATIENCE)

Outcome = Said | ClientError


# --- one trial ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Args:
        network: where.
        session: makes the requests; has room for one connection.
        url: of the victim.
        options: of its requests.
        timeout: of the victim.
    """

    network: MemoryNetwork
    session: ClientSession
    url: URL
    options: dict[str, object]
    timeout: ClientTimeout = PATIENT

    async def fetch(self, path: str, number: int = 0, timeout: ClientTimeout = PATIENT) -> Said:
        url = self.url.with_path(path)
        async with self.session.get(url, timeout=timeout, **self.options) as response:  # type: ignore[arg-type]
            return response.status, await READERS[number % len(READERS)](response)

    async def victim(self, position: int) -> Outcome:
        """What became of the request that meets the fault, read in one way or another."""
        limit = self.timeout.sock_read or self.timeout.total or 0
        with anyio.move_on_after(limit + PATIENCE):
            try:
                return await self.fetch("victim", position, self.timeout)
            except ClientError as exc:
                return exc
        raise Hang(f"nothing after {limit + PATIENCE} s")

    async def check_next(self) -> None:
        """The place is free, and the next request gets its own answer."""
        assert self.session.connector is not None
        stats = self.session.connector.stats
        if stats.busy or stats.dialing or stats.waiting:
            raise Leaked([f"{stats}"])
        answer = await self.fetch("next")
        if answer != (200, content("next")):
            raise CrossTalk(f"the next request got {answer}")

    async def check_late(self, *, strict: bool = True) -> None:
        """The fault came after a whole answer: whoever comes next meets it, once.

        Args:
            strict: whether it is known that the fault has happened.
        """
        try:
            answer = await self.fetch("late", timeout=ClientTimeout(sock_read=STALL))
        except ClientError as exc:
            if strict and not isinstance(exc, ServerTimeoutError):
                raise
            return
        if strict or answer != (200, content("late")):
            raise CrossTalk(f"a connection that had stalled gave {answer}")


async def _read_whole(response: ClientResponse) -> bytes:
    return await response.read()


async def _read_pieces(response: ClientResponse) -> bytes:
    return b"".join([piece async for piece in response.content.iter_chunked(7)])


async def _read_lines(response: ClientResponse) -> bytes:
    return b"".join([line async for line in response.content])


READERS: tuple[Callable[[ClientResponse], Awaitable[bytes]], ...] = (
    _read_whole,
    _read_pieces,
    _read_lines,
)


async def each(
    positions: Sequence[int], at_once: int, run: Callable[[int], Awaitable[None]]
) -> None:
    """Run for each position; several at once where they mostly wait."""

    async def noted(position: int) -> None:
        try:
            await run(position)
        except Exception as exc:
            exc.add_note(f"at byte {position}")
            raise

    for start in range(0, len(positions), at_once):
        if at_once == 1:
            await noted(positions[start])
            continue
        async with anyio.create_task_group() as tasks:
            for position in positions[start : start + at_once]:
                tasks.start_soon(noted, position)


def sample(total: int, step: int, index: int, *edges: int) -> list[int]:
    """Every position if ``step`` is 1; else some, others for each ``index``, and the edges."""
    return sorted({*range(index % step, total + 1, step), *edges})


# --- plain ----------------------------------------------------------------------------------

#: A stall is waited for. Twenty at once share the time and leave it long enough to be no other's.
STALL = 0.1
STALLS_AT_ONCE = 20

#: So many turns of the event loop take a byte from a peer to the client's end.
TURNS = 10


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
async def test_responses(
    form: Form, fault: Fault, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    total = len(form.sent)
    step = 1 if exhaustive else 40
    edges = (0, form.boundary, form.head_ends - 1, form.head_ends, total - 1, total)
    positions = sample(total, step, FAULTS.index(fault), *edges)
    at_once = STALLS_AT_ONCE if fault.name == "stall" else 1

    async def run(position: int) -> None:
        place = f"{form.name}:{position}"
        with ledger.trial(CLAIM, form=form.name, fault=fault.name, position=place, backend=backend):
            await try_response(form, fault, position)

    async with assert_no_leaks(collect=False):
        await each(positions, at_once, run)


async def try_response(form: Form, fault: Fault, position: int) -> None:
    asked: list[str] = []

    async def script(peer: Peer) -> None:
        # What garbage makes of a body may last until the end: let it come after the answer that
        # has been tampered with.
        last = "victim" if position < form.boundary else form.final
        while True:
            path = (await peer.receive_head()).split(b" ")[1].decode("latin-1")[1:]
            asked.append(path)
            await peer.send(form.answer(path))
            if form.ends and fault.name == "stall" and path == "victim":
                await peer.stall()
            if form.ends or (fault.garbage and not peer.number and path == last):
                return

    stalled = fault.name == "stall" and not (position == total_of(form) and not form.ends)
    async with MemoryNetwork() as network:
        faults = replace(fault.at(form.skipped + position), split=_pieces(form, fault, position))
        listener = network.listen(
            HOST, 80, script, faults=lambda number: NO_FAULTS if number else faults
        )
        async with ClientSession(connector=network.connector(limit=1)) as session:
            trial = Trial(network, session, listener.url, {}, _limit(position, stalled))
            if form.kept:
                assert await trial.fetch("before") == (200, content("before"))
            outcome = await trial.victim(position)
            listener.faults = NO_FAULTS  # should the victim not have come so far as to connect
            if fault.garbage:
                judge_garbage(form, fault, position, outcome, asked)
            else:
                judge_break(form, fault, position, outcome)
            if fault.name == "stall" and not isinstance(outcome, ClientError):
                await trial.check_late(strict=position >= total_of(form))
            # What the client is to find spoilt must have arrived: bytes that come when the next
            # request has been sent look like its answer to anybody.
            for _ in range(TURNS):
                await checkpoint()
            await trial.check_next()
        check_closed(network)


def _pieces(form: Form, fault: Fault, position: int) -> range:
    """Single bytes of the response in which the fault is, for half of the positions with garbage.

    Not of a redirect before it: what has not arrived of that is given up, with its connection.
    """
    if not (fault.bytewise or (fault.garbage and position % 2)):
        return range(0)
    first = form.boundary if position >= form.boundary else 0
    return range(form.skipped + first + 1, form.skipped + total_of(form))


def total_of(form: Form) -> int:
    return len(form.sent)


def _limit(position: int, stalled: bool, seconds: float = STALL) -> ClientTimeout:
    """Either limit must end a stall."""
    if not stalled:
        return PATIENT
    if position % 2:
        return ClientTimeout(total=seconds)
    return ClientTimeout(sock_read=seconds, sock_connect=seconds)


def check_closed(network: MemoryNetwork) -> None:
    if network.open_streams:
        raise Leaked([f"{network.open_streams}"])


def judge_break(form: Form, fault: Fault, position: int, outcome: Outcome) -> None:
    """The response broke off at ``position``, or right after it."""
    total = total_of(form)
    whole = position >= total and (not form.ends or fault.name.startswith("end"))
    # A kept connection that has died without a word of an answer: the request is sent once more.
    again = fault.name != "stall" and (
        (form.kept and position == 0) or (form.boundary and position == form.boundary)
    )
    # Of a redirect the head is enough: the next hop has a connection of its own then.
    if form.boundary:
        again = again or form.sent.index(b"\r\n\r\n") + 4 <= position < form.boundary
    if isinstance(outcome, ClientError):
        if fault.name == "stall" and not isinstance(outcome, ServerTimeoutError):
            raise AssertionError("a stall must end by a limit") from outcome
        if fault.name != "stall" and isinstance(outcome, ServerTimeoutError):
            raise Hang("the end was not noticed") from outcome
        if whole or (again and fault.name != "stall"):
            raise AssertionError("nothing was missing") from outcome
        return
    if whole or again:
        if outcome != form.right:
            raise CrossTalk(f"got {outcome}")
        return
    # Without TLS or a coding nobody can tell this end from the right one.
    untold = form.ends and not form.checked and fault.name.startswith("end")
    if (
        untold
        and position >= form.head_ends
        and outcome == (200, form.sent[form.head_ends : position])
    ):
        return
    raise TruncatedAsComplete(f"{position} of {total} bytes gave {outcome}")


def judge_garbage(
    form: Form, fault: Fault, position: int, outcome: Outcome, asked: list[str]
) -> None:
    """What the bytes say, or an error."""
    if isinstance(outcome, ServerTimeoutError):
        raise Hang("the end was not noticed") from outcome
    raw = tampered(form.sent, fault, position)
    if isinstance(outcome, ClientError):
        if position >= total_of(form) and not form.ends:
            raise AssertionError("the answer was whole") from outcome
        return
    allowed = [_said_or_none(raw)]
    if position < form.boundary:
        # What was led elsewhere has come there.
        allowed += [_said_or_none(form.answer(path)) for path in asked]
        allowed.append(_said_or_none(tampered(form.answer("victim"), fault, position)))
    else:
        allowed.append(_said_or_none(raw[form.boundary :]))
    if (form.kept and position == 0) or (form.boundary and position == form.boundary):
        allowed.append(form.right)  # the connection was found spoilt and left
    if outcome not in allowed:
        raise CrossTalk(f"{raw!r} gave {outcome}")


def _said_or_none(raw: bytes) -> Said | None:
    try:
        return said(raw)
    except ValueError:
        return None


# --- what comes after the end ---------------------------------------------------------------


@pytest.mark.parametrize("form", [form for form in FORMS if not form.ends], ids=lambda f: f.name)
async def test_what_follows_a_response_is_never_the_next_one(
    form: Form, ledger: Ledger, backend: str
) -> None:
    """The connection stays open, and bytes that nobody asked for come after the answer."""

    async def script(peer: Peer) -> None:
        while True:
            path = (await peer.receive_head()).split(b" ")[1].decode()[1:]
            await peer.send(form.answer(path))

    for garbage in (FORGED, b"\r\n", b"\0", b"H"):
        for split in (False, True):
            faults = Faults(garbage_at=form.skipped + len(form.sent), garbage=garbage, split=split)
            with ledger.trial(CLAIM, form=form.name, fault="bytes after it", backend=backend):
                async with MemoryNetwork() as network:
                    listener = network.listen(HOST, 80, script, faults=faults)
                    async with ClientSession(connector=network.connector(limit=1)) as session:
                        trial = Trial(network, session, listener.url, {})
                        if form.kept:
                            await trial.fetch("before")
                        assert await trial.victim(0) == form.right
                        listener.faults = NO_FAULTS
                        await trial.check_next()
                        assert listener.connections == 2
                    check_closed(network)


# --- uploads --------------------------------------------------------------------------------


class Pieces:
    """An upload of unknown size, chunked."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        await checkpoint()
        return b"piece %d;" % self._left


BEGUN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("kind", ["end", "reset", "stall"])
@pytest.mark.parametrize("form", ["bytes", "streamed", "answered early"])
async def test_uploads(
    kind: str, form: str, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    """The peer leaves, or reads no more, after each byte of the request.

    "Answered early" means that the body goes on beside the beginning of the answer.
    """
    received: list[Peer] = []

    async def script(peer: Peer) -> None:
        received.append(peer)
        while True:
            head = await peer.receive_head()
            name = head.split(b" ")[1].decode()[1:]
            if form != "answered early" or name != "victim":
                await peer.receive_body(head)
                await peer.send(with_length(name))
                continue
            body = content(name)
            await peer.send(BEGUN + b"%x\r\n%b\r\n" % (10, body[:10]))
            await peer.receive_body(head)
            await peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 10, body[10:]))

    async def attempt(faults: Faults, limit: ClientTimeout) -> Outcome:
        async with MemoryNetwork() as network:
            listener = network.listen(HOST, 80, script)
            listener.upload_faults = lambda number: NO_FAULTS if number else faults
            async with ClientSession(connector=network.connector(limit=1)) as session:
                trial = Trial(network, session, listener.url, {})
                outcome: Outcome
                try:
                    data = b"x" * 50 if form == "bytes" else Pieces(5)
                    url = listener.url / "victim"
                    async with session.post(url, data=data, timeout=limit) as response:
                        outcome = response.status, await response.read()
                except ClientError as exc:
                    outcome = exc
                listener.upload_faults = NO_FAULTS
                if faults.stall_at is not None and not isinstance(outcome, ClientError):
                    await trial.check_late()
                await trial.check_next()
            check_closed(network)
        return outcome

    right = 200, content("victim")
    assert await attempt(NO_FAULTS, PATIENT) == right
    total = received[0].received.index(b"GET /next")

    async def run(position: int) -> None:
        place = f"upload, {form}:{position}"
        with ledger.trial(
            CLAIM, form=f"upload, {form}", fault=kind, position=place, backend=backend
        ):
            faults = Faults(**{f"{kind}_at": position})  # type: ignore[arg-type]
            outcome = await attempt(faults, _limit(position, kind == "stall"))
            if isinstance(outcome, ClientError):
                assert isinstance(outcome, ServerTimeoutError) == (kind == "stall")
            else:
                # All of it was read, and the answer is not what is spoilt.
                assert outcome == right, outcome
                assert position >= total, position

    positions = sample(total, 1 if exhaustive else 30, 0, total - 1, total)
    async with assert_no_leaks(collect=False):
        await each(positions, STALLS_AT_ONCE if kind == "stall" else 1, run)


# --- TLS and tunnels ------------------------------------------------------------------------

STALL_TLS = 0.3

#: Sizes of signatures vary by some bytes from one handshake to the next.
JITTER = 24

WIRE_FAULTS = (
    Fault("end", lambda k: Faults(end_at=k)),
    Fault("reset", lambda k: Faults(reset_at=k)),
    Fault("stall", lambda k: Faults(stall_at=k)),
    Fault("a NUL between", lambda k: Faults(garbage_at=k, garbage=b"\0"), b"\0"),
    Fault(
        "bytes overwritten",
        lambda k: Faults(garbage_at=k, garbage=b"\xa5\x5a", overwrite=True),
        b"\xa5\x5a",
        overwrite=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Secured:
    """Contexts of both ends."""

    client: ssl.SSLContext
    server: ssl.SSLContext


@pytest.fixture(scope="session")
def secured(authority: CertificateAuthority) -> Secured:
    return Secured(authority.client_context(), authority.server_context(HOST))


def flight(secured: Secured, data: bytes) -> int:
    """How many bytes a server sends to shake hands, send ``data`` and say goodbye."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = secured.client.wrap_bio(to_client, to_server, server_hostname=HOST)
    server = secured.server.wrap_bio(to_server, to_client, server_side=True)
    # A memory buffer forgets what was read: pass it on by hand, and count.
    count = 0
    outgoing = ssl.MemoryBIO()
    server = secured.server.wrap_bio(to_server, outgoing, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
            passed = outgoing.read()
            count += len(passed)
            to_client.write(passed)
    server.write(data)
    try:
        server.unwrap()
    except ssl.SSLWantReadError:
        pass
    return count + len(outgoing.read())


async def answer_paths(peer: Peer, answer: Callable[[str], bytes], ends: bool) -> None:
    while True:
        path = (await peer.receive_head()).split(b" ")[1].decode("latin-1")[1:]
        await peer.send(answer(path))
        if ends:
            return


@pytest.mark.parametrize("fault", WIRE_FAULTS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("ends", [False, True], ids=["content-length", "until the end"])
async def test_tls_below(
    fault: Fault, ends: bool, secured: Secured, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    """At each byte of the handshake and of the records."""
    answer = until_end if ends else with_length
    form = f"TLS, {'until the end' if ends else 'content-length'}"

    async def script(peer: Peer) -> None:
        await answer_paths(peer, answer, ends)

    waits = fault.name == "stall" or bool(fault.garbage)
    handshake, total = flight(secured, b""), flight(secured, answer("victim"))

    async def run(position: int) -> None:
        place = f"{form}:{position}"
        with ledger.trial(CLAIM, form=form, fault=fault.name, position=place, backend=backend):
            async with MemoryNetwork() as network:
                listener = network.listen(HOST, 443, script, tls=secured.server)
                faults = fault.at(position)
                listener.faults = lambda number: NO_FAULTS if number else faults
                await try_secure(network, listener, secured, {}, fault, position, total)

    # The handshake is the same for both.
    first = handshake - JITTER if ends else 0
    index = WIRE_FAULTS.index(fault)
    positions = sample(total + JITTER, 1 if exhaustive else 150, index, total - JITTER)
    async with assert_no_leaks(collect=False):
        at_once = STALLS_AT_ONCE if waits else 1
        await each([k for k in positions if k >= first], at_once, run)


async def try_secure(
    network: MemoryNetwork,
    listener: Listener,
    secured: Secured,
    options: dict[str, object],
    fault: Fault,
    position: int,
    total: int,
) -> None:
    stalled = fault.name == "stall"
    connector = network.connector(limit=1, ssl=secured.client)
    url = URL.build(scheme="https", host=HOST)
    async with ClientSession(connector=connector) as session:
        # A length that was tampered with makes TLS wait for more than comes.
        timeout = _limit(position, stalled or bool(fault.garbage), STALL_TLS)
        trial = Trial(network, session, url, options, timeout)
        outcome = await trial.victim(position)
        listener.faults = NO_FAULTS
        if isinstance(outcome, ClientError):
            timed_out = isinstance(outcome, ServerTimeoutError)
            # A goodbye that stalls is not waited for by who says it.
            if timed_out != stalled and not fault.garbage and position < total - JITTER - GOODBYE:
                raise Hang(f"{outcome!r}") from outcome
        elif outcome != (200, content("victim")):
            raise TruncatedAsComplete(f"{position} of {total} bytes gave {outcome}")
        elif position < total - JITTER - GOODBYE and not fault.garbage:
            raise TruncatedAsComplete(f"{position} of {total} bytes were enough")
        if (stalled or fault.garbage) and not isinstance(outcome, ClientError):
            # What goes wrong after the answer, if anything does, meets whoever comes next, once:
            # a part of a record says nothing yet, and cannot be read as anything else.
            await trial.check_late(strict=False)
        await trial.check_next()
    check_closed(network)


#: The size of a close_notify: what comes before it may be a whole response.
GOODBYE = 24


@pytest.mark.parametrize("goodbye", [True, False], ids=["goodbye", "no goodbye"])
async def test_tls_inside(
    goodbye: bool, secured: Secured, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    """A body until the end is whole only if the end was announced, at each byte inside of TLS."""
    sent = until_end("victim")
    head_ends = sent.index(b"\r\n\r\n") + 4

    async def script(peer: Peer) -> None:
        await answer_paths(peer, until_end, True)

    form, fault = "TLS, until the end", f"end {'with' if goodbye else 'without'} goodbye"
    async with assert_no_leaks(collect=False):
        for position in sample(len(sent), 1 if exhaustive else 20, 0, head_ends, len(sent)):
            place = f"{form}, inside:{position}"
            faults = Faults(end_at=position, layer="plaintext", goodbye=goodbye)
            with ledger.trial(CLAIM, form=form, fault=fault, position=place, backend=backend):
                async with MemoryNetwork() as network:
                    listener = network.listen(HOST, 443, script, tls=secured.server)
                    listener.faults = lambda number, faults=faults: NO_FAULTS if number else faults
                    connector = network.connector(limit=1, ssl=secured.client)
                    async with ClientSession(connector=connector) as session:
                        trial = Trial(network, session, listener.url, {})
                        outcome = await trial.victim(position)
                        if goodbye and position >= head_ends:
                            assert outcome == (200, sent[head_ends:position])
                        elif not isinstance(outcome, ClientError):
                            raise TruncatedAsComplete(f"{position} bytes gave {outcome}")
                        await trial.check_next()


ACCEPTED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\nContent-Length: 3\r\n\r\n"
REFUSED = b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 3\r\n\r\nno!"


@pytest.mark.parametrize("fault", [*WIRE_FAULTS, *FAULTS[5:8]], ids=lambda fault: fault.name)
@pytest.mark.parametrize("refused", [False, True], ids=["accepted", "refused"])
async def test_connect(
    fault: Fault, refused: bool, secured: Secured, ledger: Ledger, exhaustive: bool, backend: str
) -> None:
    """At each byte of a proxy's answer to CONNECT, and on into the tunnel."""
    answer = REFUSED if refused else ACCEPTED
    form = f"CONNECT, {'refused' if refused else 'accepted'}"

    async def script(peer: Peer) -> None:
        assert (await peer.receive_head()).startswith(b"CONNECT peer.example:443 ")
        if refused and not peer.number:
            await peer.send(REFUSED)
            return
        await peer.send(ACCEPTED)
        tunnel = TLSStream(peer.stream, secured.server, server_side=True)
        await tunnel.handshake()
        await answer_paths(Peer(tunnel, peer.transport, peer.number), with_length, False)

    waits = fault.name == "stall" or bool(fault.garbage)
    total = len(answer) if refused else len(answer) + flight(secured, with_length("victim"))

    async def run(position: int) -> None:
        place = f"{form}:{position}"
        with ledger.trial(CLAIM, form=form, fault=fault.name, position=place, backend=backend):
            async with MemoryNetwork() as network:
                faults = fault.at(position)
                network.listen(HOST, 443, script)
                proxy = network.listen(
                    "proxy.example", 3128, script, faults=lambda n: NO_FAULTS if n else faults
                )
                if refused:
                    await _try_refused(network, proxy, secured, fault, position)
                else:
                    options: dict[str, object] = {"proxy": proxy.url}
                    await try_secure(network, proxy, secured, options, fault, position, total)

    # Inside the tunnel it is `test_tls_below` again: some positions will do.
    within = range(len(answer) + 1, total, 50 if exhaustive else 400)
    index = FAULTS.index(fault) if fault in FAULTS else WIRE_FAULTS.index(fault)
    positions = sample(len(answer), 1 if exhaustive else 25, index, *within)
    async with assert_no_leaks(collect=False):
        at_once = STALLS_AT_ONCE if waits else 1
        await each(positions, at_once, run)


async def _try_refused(
    network: MemoryNetwork,
    proxy: Listener,
    secured: Secured,
    fault: Fault,
    position: int,
) -> None:
    options: dict[str, object] = {"proxy": proxy.url}
    stalled = fault.name == "stall"
    connector = network.connector(limit=1, ssl=secured.client)
    async with ClientSession(connector=connector) as session:
        # A length that was tampered with makes TLS wait for more than comes.
        timeout = _limit(position, stalled or bool(fault.garbage), STALL_TLS)
        url = URL.build(scheme="https", host=HOST)
        trial = Trial(network, session, url, options, timeout)
        outcome = await trial.victim(position)
        proxy.faults = NO_FAULTS
        assert isinstance(outcome, ClientError), outcome
        if not fault.garbage and position >= REFUSED.index(b"\r\n\r\n") + 4:
            assert isinstance(outcome, ClientHttpProxyError)
            assert outcome.status == 407
        await trial.check_next()
    check_closed(network)
