"""Timeouts and cancellation, end to end: every phase, every kind of limit, nothing left."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import pytest
import trio
from tests.servers import Script, ScriptedPeer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.abc import AbstractResolver, ResolveResult
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio

SHORT = 0.03
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def silent(peer: ScriptedPeer) -> None:
    """Take whatever comes and say nothing."""
    await peer.wait_closed()


async def deaf(peer: ScriptedPeer) -> None:
    """Take nothing."""
    await anyio.sleep_forever()


async def half_a_body(peer: ScriptedPeer) -> None:
    await peer.receive_head()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await peer.wait_closed()


def then_good(script: Script) -> Script:
    """The script on the first connection, a good answer on every other."""

    async def run(peer: ScriptedPeer) -> None:
        if peer.number == 0:
            await script(peer)
            return
        await peer.receive_request()
        await peer.send(OK)

    return run


def one_at_a_time(**options: object) -> anyiohttp.ClientSession:
    connector = anyiohttp.TCPConnector(limit=1)
    return anyiohttp.ClientSession(connector=connector, **options)  # type: ignore[arg-type]


async def is_usable(session: anyiohttp.ClientSession, url: URL) -> None:
    """See that the session can make a request at once: its only slot is free."""
    with anyio.fail_after(2):
        async with session.get(url, timeout=anyiohttp.ClientTimeout(pool=0.01)) as r:
            assert r.status == 200
            await r.read()


@contextmanager
def black_hole() -> Iterator[URL]:
    """A listener whose backlog is full: the kernel answers no SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket()
                fillers.append(filler)
                filler.setblocking(False)
                filler.connect_ex(address)
            yield URL(f"http://127.0.0.1:{address[1]}")
        finally:
            for filler in fillers:
                filler.close()


@contextmanager
def times_out(
    kind: type[anyiohttp.ServerTimeoutError], phase: str, host: str, seconds: float = SHORT
) -> Iterator[None]:
    """Expect the error of one phase, which says all there is to know."""
    with pytest.raises(kind) as caught:
        yield
    error = caught.value
    assert type(error) is kind
    assert (error.phase, error.host, error.seconds) == (phase, host, seconds)
    assert isinstance(error, TimeoutError)
    assert isinstance(error, asyncio.TimeoutError)
    assert isinstance(error, anyiohttp.ClientConnectionError)
    for word in (phase, host, f"{seconds:g} s"):
        assert word in str(error)


def host_of(url: URL) -> str:
    return f"{url.host}:{url.port}"


# --- the phases ---


@pytest.mark.parametrize("phase", ["pool", "connect", "total"])
async def test_waiting_for_a_free_connection(loopback: LoopbackServer, phase: str) -> None:
    timeout = anyiohttp.ClientTimeout(**{phase: SHORT})
    kind = anyiohttp.ServerTimeoutError if phase == "total" else anyiohttp.ConnectionTimeoutError
    async with one_at_a_time() as session:
        async with session.get(loopback.url / f"stream/{2**24}"):
            with times_out(kind, phase, host_of(loopback.url)):
                await session.get(loopback.url / "get", timeout=timeout)
        await is_usable(session, loopback.url / "get")


async def test_sock_connect_does_not_run_in_the_queue(loopback: LoopbackServer) -> None:
    timeout = anyiohttp.ClientTimeout(sock_connect=SHORT)
    async with one_at_a_time() as session:
        first = await session.get(loopback.url / f"stream/{2**24}")

        async def wait_in_line() -> None:
            async with session.get(loopback.url / "get", timeout=timeout) as r:
                assert r.status == 200

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_in_line)
            await anyio.sleep(2 * SHORT)
            first.release()


@pytest.mark.parametrize("phase", ["sock_connect", "connect", "total"])
async def test_connecting(loopback: LoopbackServer, phase: str) -> None:
    timeout = anyiohttp.ClientTimeout(**{phase: SHORT})
    kind = anyiohttp.ServerTimeoutError if phase == "total" else anyiohttp.ConnectionTimeoutError
    with black_hole() as url:
        async with one_at_a_time() as session:
            with times_out(kind, phase, host_of(url)):
                await session.get(url, timeout=timeout)
            await is_usable(session, loopback.url / "get")


async def test_a_lookup_that_takes_too_long(loopback: LoopbackServer) -> None:
    class Slow(AbstractResolver):
        ended = False

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            try:
                await anyio.sleep_forever()
            finally:
                self.ended = True
            return []

        async def close(self) -> None:
            pass

    resolver = Slow()
    connector = anyiohttp.TCPConnector(resolver=resolver, limit=1)
    timeout = anyiohttp.ClientTimeout(sock_connect=SHORT)
    async with anyiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        with times_out(anyiohttp.ConnectionTimeoutError, "sock_connect", "slow.test:80"):
            await session.get("http://slow.test/")
        assert resolver.ended
        await is_usable(session, loopback.url / "get")


async def test_a_tls_handshake_that_takes_too_long(
    scripted_server: StartScripted, client_ssl_context: ssl.SSLContext, loopback: LoopbackServer
) -> None:
    server = await scripted_server(silent)
    url = server.url.with_scheme("https")
    timeout = anyiohttp.ClientTimeout(sock_connect=SHORT)
    async with one_at_a_time(timeout=timeout) as session:
        with times_out(anyiohttp.ConnectionTimeoutError, "sock_connect", host_of(url)):
            await session.get(url, ssl=client_ssl_context)
        await server.wait_for(lambda server: server.connections == 1 and not server.open)
        await is_usable(session, loopback.url / "get")


async def test_a_proxy_that_does_not_answer_connect(
    scripted_server: StartScripted, loopback: LoopbackServer
) -> None:
    proxy = await scripted_server(silent)
    timeout = anyiohttp.ClientTimeout(sock_connect=SHORT)
    async with one_at_a_time(timeout=timeout) as session:
        with pytest.raises(anyiohttp.ConnectionTimeoutError, match="sock_connect"):
            await session.get("https://target.test/", proxy=proxy.url)
        await proxy.wait_for(lambda server: server.connections == 1 and not server.open)
        await is_usable(session, loopback.url / "get")


@pytest.mark.parametrize("body", ["bytes", "generator"])
@pytest.mark.parametrize("phase", ["send", "total"])
async def test_sending(scripted_server: StartScripted, phase: str, body: str) -> None:
    async def generate() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 2**16

    server = await scripted_server(then_good(deaf))
    timeout = anyiohttp.ClientTimeout(**{phase: SHORT})
    kind = anyiohttp.ServerTimeoutError if phase == "total" else anyiohttp.SocketTimeoutError
    data: object = b"x" * 2**25 if body == "bytes" else generate()
    async with one_at_a_time() as session:
        with times_out(kind, phase, host_of(server.url)):
            await session.post(server.url, data=data, timeout=timeout)
        await is_usable(session, server.url)


@pytest.mark.parametrize("phase", ["sock_read", "total"])
async def test_waiting_for_the_head(scripted_server: StartScripted, phase: str) -> None:
    server = await scripted_server(then_good(silent))
    timeout = anyiohttp.ClientTimeout(**{phase: SHORT})
    kind = anyiohttp.ServerTimeoutError if phase == "total" else anyiohttp.SocketTimeoutError
    async with one_at_a_time() as session:
        with times_out(kind, phase, host_of(server.url)):
            await session.get(server.url, timeout=timeout)
        await is_usable(session, server.url)


@pytest.mark.parametrize("phase", ["sock_read", "total"])
@pytest.mark.parametrize("read", ["read", "content", "lines"])
async def test_between_reads_of_the_body(
    scripted_server: StartScripted, phase: str, read: str
) -> None:
    seconds = 5 * SHORT  # the head needs some of it
    server = await scripted_server(then_good(half_a_body))
    timeout = anyiohttp.ClientTimeout(**{phase: seconds})
    kind = anyiohttp.ServerTimeoutError if phase == "total" else anyiohttp.SocketTimeoutError
    async with one_at_a_time() as session:
        async with session.get(server.url, timeout=timeout) as r:
            with times_out(kind, phase, host_of(server.url), seconds):
                if read == "read":
                    await r.read()
                elif read == "content":
                    assert await r.content.readexactly(4) == b"half"
                    await r.content.readany()
                else:
                    async for _ in r.content:
                        pass
            assert r.closed
        await is_usable(session, server.url)


async def test_sock_read_starts_anew_with_each_read(loopback: LoopbackServer) -> None:
    timeout = anyiohttp.ClientTimeout(sock_read=0.08)
    async with (
        anyiohttp.ClientSession(timeout=timeout) as session,
        session.get(loopback.url / "drip", params={"n": "5", "delay": "0.02"}) as r,
    ):
        assert await r.read() == b"*****"


async def test_total_runs_while_data_keeps_coming(loopback: LoopbackServer) -> None:
    timeout = anyiohttp.ClientTimeout(total=0.1, sock_read=5)
    async with one_at_a_time() as session:
        async with session.get(
            loopback.url / "drip", params={"n": "1000", "delay": "0.005"}, timeout=timeout
        ) as r:
            with times_out(
                anyiohttp.ServerTimeoutError, "total", host_of(loopback.url), seconds=0.1
            ):
                await r.read()
        await is_usable(session, loopback.url / "get")


async def test_total_runs_while_what_is_at_hand_is_read(scripted_server: StartScripted) -> None:
    async def a_thousand_of_two(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"*" * 1000)
        await peer.wait_closed()

    server = await scripted_server(then_good(a_thousand_of_two))
    timeout = anyiohttp.ClientTimeout(total=0.3)
    async with one_at_a_time() as session:
        async with session.get(server.url, timeout=timeout) as r:
            assert await r.content.read(1) == b"*"
            deadline = time.monotonic() + 0.3
            while time.monotonic() <= deadline:
                await anyio.sleep(0.05)
            with times_out(anyiohttp.ServerTimeoutError, "total", host_of(server.url), seconds=0.3):
                for _ in range(100):
                    await r.content.read(1)
            assert r.closed
            with pytest.raises(anyiohttp.ServerTimeoutError):
                await r.content.read(1)
        await is_usable(session, server.url)


async def test_what_has_arrived_can_be_read_after_the_total(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession() as session:
        timeout = anyiohttp.ClientTimeout(total=0.3)
        async with session.get(loopback.url / "get", timeout=timeout) as r:
            assert len(await r.content.read(1)) == 1
            assert r.closed  # all of it is here
            deadline = time.monotonic() + 0.3
            while time.monotonic() <= deadline:
                await anyio.sleep(0.05)
            got = [await r.content.read(1) for _ in range(r.content.total_bytes - 1)]
    assert b"".join(got).endswith(b"}")


async def test_total_is_for_the_whole_chain_of_redirects(scripted_server: StartScripted) -> None:
    hops: list[bytes] = []

    async def script(peer: ScriptedPeer) -> None:
        while True:
            hops.append(await peer.receive_head())
            await anyio.sleep(0.04)  # the server's time; less than the limit
            await peer.answer(b"", b"Location: /again", status=b"302 Found")

    server = await scripted_server(script)
    async with one_at_a_time(timeout=0.1) as session:
        with times_out(anyiohttp.ServerTimeoutError, "total", host_of(server.url), seconds=0.1):
            await session.get(server.url)
    assert 2 <= len(hops) <= 4


async def test_sock_read_does_not_run_while_a_body_is_sent(loopback: LoopbackServer) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"first"
        await anyio.sleep(0.1)
        yield b"last"

    timeout = anyiohttp.ClientTimeout(sock_read=0.05)
    async with (
        anyiohttp.ClientSession(timeout=timeout) as session,
        session.post(loopback.url / "upload", data=generate()) as r,
    ):
        assert (await r.json())["size"] == 9


async def test_no_timer_runs_on_an_idle_connection(loopback: LoopbackServer) -> None:
    timeout = anyiohttp.ClientTimeout(sock_read=SHORT, total=SHORT * 1.5)
    async with one_at_a_time(timeout=timeout) as session:
        for _ in range(2):
            async with session.get(loopback.url / "get") as r:
                await r.read()
            await anyio.sleep(SHORT * 2)
    assert loopback.counts.connections == 1


# --- how limits are given ---


async def test_defaults() -> None:
    async with anyiohttp.ClientSession() as session:
        assert session.timeout == anyiohttp.ClientTimeout(total=300, sock_connect=30)
    async with anyiohttp.ClientSession(timeout=7) as session:
        assert session.timeout == anyiohttp.ClientTimeout(total=7)
    async with anyiohttp.ClientSession(timeout=None) as session:
        assert session.timeout == anyiohttp.ClientTimeout()
    with pytest.raises(ValueError, match="timeout"):
        anyiohttp.ClientSession(timeout="soon")  # type: ignore[arg-type]


@pytest.mark.parametrize("of", ["session", "request", "both"])
@pytest.mark.parametrize("form", ["number", "object"])
async def test_a_limit_of_the_session_or_the_request(
    scripted_server: StartScripted, of: str, form: str
) -> None:
    server = await scripted_server(silent)
    limit = SHORT if form == "number" else anyiohttp.ClientTimeout(total=SHORT)
    session_options = {"session": {"timeout": limit}, "request": {}, "both": {"timeout": 100}}[of]
    options = {} if of == "session" else {"timeout": limit}
    async with anyiohttp.ClientSession(**session_options) as session:  # type: ignore[arg-type]
        with times_out(anyiohttp.ServerTimeoutError, "total", host_of(server.url)):
            await session.get(server.url, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "unlimited", [None, 0, anyiohttp.ClientTimeout(), anyiohttp.ClientTimeout(total=0, sock_read=0)]
)
async def test_no_limit(loopback: LoopbackServer, unlimited: object) -> None:
    async with (
        anyiohttp.ClientSession(base_url=loopback.url, timeout=0.01) as session,
        session.get("drip?n=4&delay=0.01", timeout=unlimited) as r,  # type: ignore[arg-type]
    ):
        assert await r.read() == b"****"


async def test_a_bad_limit_is_refused(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="timeout"):
            await session.get(loopback.url, timeout="soon")  # type: ignore[arg-type]
    assert loopback.counts.connections == 0


async def test_a_one_shot_request(scripted_server: StartScripted) -> None:
    server = await scripted_server(silent)
    with times_out(anyiohttp.ServerTimeoutError, "total", host_of(server.url)):
        await anyiohttp.request("GET", server.url, timeout=SHORT)


async def test_a_timeout_does_not_disturb_others(scripted_server: StartScripted) -> None:
    go_on = anyio.Event()

    async def script(peer: ScriptedPeer) -> None:
        head = await peer.receive_head()
        if b"/never" in head:
            await peer.wait_closed()
            return
        await go_on.wait()
        await peer.send(OK)

    server = await scripted_server(script)
    bodies: list[bytes] = []
    async with anyiohttp.ClientSession() as session, anyio.create_task_group() as tasks:

        async def patient() -> None:
            async with session.get(server.url) as r:
                bodies.append(await r.read())

        tasks.start_soon(patient)
        with pytest.raises(anyiohttp.ServerTimeoutError):
            await session.get(server.url / "never", timeout=SHORT)
        go_on.set()
    assert bodies == [b"ok"]


# --- cancelled from outside ---


async def _fail_after(function: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(TimeoutError) as caught, anyio.fail_after(SHORT):
        await function()
    assert not isinstance(caught.value, anyiohttp.ClientError)


async def _move_on_after(function: Callable[[], Awaitable[object]]) -> None:
    with anyio.move_on_after(SHORT) as scope:
        await function()
    assert scope.cancelled_caught


async def _cancel_by_group(function: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(function)
        # Anything may have become ready in the kernel; it is under way for certain.
        for _ in range(20):
            await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


async def _wait_for(function: Callable[[], Awaitable[object]]) -> None:
    async def run() -> None:
        await function()

    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(run(), SHORT)
    assert not isinstance(caught.value, anyiohttp.ClientError)


async def _asyncio_timeout(function: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(SHORT):
            await function()
    assert not isinstance(caught.value, anyiohttp.ClientError)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def _task_cancel(function: Callable[[], Awaitable[object]]) -> None:
    async def run() -> None:
        await function()

    task = asyncio.ensure_future(run())
    for _ in range(20):
        await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _trio_fail_after(function: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(trio.TooSlowError), trio.fail_after(SHORT):
        await function()


async def _trio_move_on_after(function: Callable[[], Awaitable[object]]) -> None:
    with trio.move_on_after(SHORT) as scope:
        await function()
    assert scope.cancelled_caught


BOTH = [_fail_after, _move_on_after, _cancel_by_group]
ASYNCIO = [_wait_for, _asyncio_timeout, _task_cancel]
TRIO = [_trio_fail_after, _trio_move_on_after]

Limit = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


@pytest.fixture(params=[*BOTH, *ASYNCIO, *TRIO], ids=lambda limit: limit.__name__[1:])
def limit(request: pytest.FixtureRequest, anyio_backend: tuple[str, object]) -> Limit:
    """A way of stopping something from outside."""
    name = anyio_backend[0]
    chosen: Limit = request.param
    if (chosen in ASYNCIO and name != "asyncio") or (chosen in TRIO and name != "trio"):
        pytest.skip(f"not for {name}")
    return chosen


@pytest.mark.parametrize("way", ["await", "block"])
async def test_cancelled_while_waiting_for_the_head(
    scripted_server: StartScripted, limit: Limit, way: str
) -> None:
    server = await scripted_server(then_good(silent))
    async with one_at_a_time() as session:

        async def call() -> None:
            if way == "await":
                await session.get(server.url)
            else:
                async with session.get(server.url):
                    pytest.fail("it never answers")

        await limit(call)
        await is_usable(session, server.url)
    assert server.connections == 2


async def test_cancelled_while_reading_the_body(
    scripted_server: StartScripted, limit: Limit
) -> None:
    server = await scripted_server(then_good(half_a_body))
    async with one_at_a_time() as session:

        async def call() -> None:
            async with session.get(server.url) as r:
                await r.read()

        await limit(call)
        await is_usable(session, server.url)


async def test_cancelled_while_sending(scripted_server: StartScripted, limit: Limit) -> None:
    started = anyio.Event()
    closed: list[bool] = []

    async def generate() -> AsyncIterator[bytes]:
        started.set()
        try:
            while True:
                yield b"x" * 2**16
        finally:
            closed.append(True)

    server = await scripted_server(then_good(deaf))
    async with one_at_a_time() as session:
        await limit(lambda: session.post(server.url, data=generate()))
        assert closed == [True] * started.is_set()
        await is_usable(session, server.url)


async def test_cancelled_while_the_body_is_awaited(
    scripted_server: StartScripted, limit: Limit
) -> None:
    started = anyio.Event()
    closed: list[bool] = []

    async def generate() -> AsyncIterator[bytes]:
        started.set()
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    server = await scripted_server(then_good(silent))
    async with one_at_a_time() as session:
        await limit(lambda: session.post(server.url, data=generate()))
        assert closed == [True] * started.is_set()
        await is_usable(session, server.url)


async def test_cancelled_while_connecting(loopback: LoopbackServer, limit: Limit) -> None:
    with black_hole() as url:
        async with one_at_a_time() as session:
            await limit(lambda: session.get(url))
            await is_usable(session, loopback.url / "get")


async def test_cancelled_in_the_handshake(
    scripted_server: StartScripted,
    client_ssl_context: ssl.SSLContext,
    loopback: LoopbackServer,
    limit: Limit,
) -> None:
    server = await scripted_server(silent)
    url = server.url.with_scheme("https")
    async with one_at_a_time() as session:
        await limit(lambda: session.get(url, ssl=client_ssl_context))
        await is_usable(session, loopback.url / "get")
        await server.wait_for(lambda server: server.open == 0)


async def test_cancelled_in_the_queue(loopback: LoopbackServer, limit: Limit) -> None:
    async with one_at_a_time() as session:
        async with session.get(loopback.url / f"stream/{2**24}"):
            await limit(lambda: session.get(loopback.url / "get"))
        await is_usable(session, loopback.url / "get")


async def test_cancelled_in_a_chain_of_redirects(
    scripted_server: StartScripted, limit: Limit
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        head = await peer.receive_head()
        if b"/first" in head:
            await peer.answer(b"", b"Location: /second", status=b"302 Found")
            await silent(peer)
        await peer.send(OK)

    server = await scripted_server(script)
    async with one_at_a_time() as session:
        await limit(lambda: session.get(server.url / "first"))
        await is_usable(session, server.url)


async def test_a_limit_around_a_call_that_is_in_time(loopback: LoopbackServer) -> None:
    async with one_at_a_time() as session:
        for _ in range(3):
            with anyio.fail_after(5):
                async with session.get(loopback.url / "get") as r:
                    assert (await r.json())["method"] == "GET"
    assert loopback.counts.connections == 1


async def test_cancelled_before_it_began(loopback: LoopbackServer) -> None:
    async with one_at_a_time() as session:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.get(loopback.url / "get")
        assert scope.cancelled_caught
        await is_usable(session, loopback.url / "get")


async def test_our_limit_inside_of_anothers(scripted_server: StartScripted) -> None:
    server = await scripted_server(then_good(silent))
    async with one_at_a_time() as session:
        with anyio.fail_after(5) as scope:
            with times_out(anyiohttp.ServerTimeoutError, "total", host_of(server.url)):
                await session.get(server.url, timeout=SHORT)
            # It was ours that ran out: nothing of it is left on the task.
            await anyio.lowlevel.checkpoint()
        assert not scope.cancelled_caught
        await is_usable(session, server.url)


async def test_many_cancelled_waiters_leave_the_pool_whole(loopback: LoopbackServer) -> None:
    connector = anyiohttp.TCPConnector(limit=2)
    async with anyiohttp.ClientSession(connector=connector) as session:
        holders = [await session.get(loopback.url / f"stream/{2**24}") for _ in range(2)]
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(session.get, loopback.url / "get")
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        for holder in holders:
            holder.close()
        statuses: list[int] = []

        async def get() -> None:
            async with session.get(loopback.url / "get") as r:
                statuses.append(r.status)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(get)
    assert statuses == [200] * 8
