"""TLS over any stream: records, session tickets, ends with and without goodbye, TLS inside TLS."""

from __future__ import annotations

import math
import random
import socket
import ssl
import time
from collections.abc import Iterator

import anyio
import pytest
import trustme
from anyio.streams.tls import TLSAttribute
from tests.certs.authority import der

from anyiohttp._net.streams import SocketStream
from anyiohttp._net.tls import SessionSource, TLSStream
from anyiohttp.testing.streams import memory_stream_pair

pytestmark = pytest.mark.anyio

Sockets = tuple[SocketStream, SocketStream]
Ends = tuple[TLSStream, TLSStream]


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    client, server = map(SocketStream, ends)
    yield client, server
    client.abort()
    server.abort()


@pytest.fixture
def ends(
    sockets: Sockets, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> Ends:
    client, server = sockets
    return (
        TLSStream(client, client_ssl_context, server_hostname="localhost"),
        TLSStream(server, server_ssl_context, server_side=True),
    )


async def shake(*ends: TLSStream) -> None:
    async with anyio.create_task_group() as tasks:
        for end in ends:
            tasks.start_soon(end.handshake)


async def test_there_and_back(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await client.send(b"ping")
    assert await server.receive() == b"ping"
    await server.send(b"pong")
    assert await client.receive(2) == b"po"
    assert await client.receive() == b"ng"
    assert client.extra(TLSAttribute.tls_version) == "TLSv1.3"
    assert client.extra(TLSAttribute.peer_certificate_binary) == client.peer_certificate
    assert client.peer_certificate
    assert client.encrypted
    assert client.alpn_protocol is None
    assert client.extra(TLSAttribute.server_side) is False
    assert "TLSv1.3" in repr(client)


async def test_several_records_come_out_of_one_receive(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    data = bytes(100_000)
    got = b""
    sizes = []

    async def send() -> None:
        await server.send(data)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        while len(got) < len(data):
            part = await client.receive()
            sizes.append(len(part))
            got += part
    assert got == data
    assert max(sizes) > 16_384  # more than one record


async def test_a_session_ticket_does_not_break_the_quiet(ends: Ends) -> None:
    client, _ = ends
    await shake(*ends)
    # TLS 1.3 servers send tickets after the handshake: bytes on the socket, none for us.
    assert client.quiet
    assert client.quiet


async def test_data_breaks_the_quiet(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"!")
    assert not client.quiet


async def test_a_goodbye_is_an_end(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"last words")
    await server.aclose()
    assert await client.receive() == b"last words"
    with pytest.raises(anyio.EndOfStream):
        await client.receive()
    assert not client.quiet


async def test_an_end_without_goodbye_is_a_break(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"cut h")
    server.abort()
    assert await client.receive() == b"cut h"
    with pytest.raises(anyio.BrokenResourceError, match="without close_notify"):
        await client.receive()
    assert not client.quiet


async def test_an_end_in_the_handshake_is_a_break(ends: Ends) -> None:
    client, server = ends
    server.abort()
    with pytest.raises((anyio.BrokenResourceError, OSError)):
        await client.handshake()


async def test_garbage_in_the_handshake(sockets: Sockets, ends: Ends) -> None:
    client, _ = ends
    await sockets[1].send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        await client.handshake()


async def test_garbage_after_data_comes_after_the_data(sockets: Sockets, ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    await server.send(b"fine")
    await sockets[1].send(b"not a record at all")
    assert await client.receive() == b"fine"
    with pytest.raises(ssl.SSLError):
        await client.receive()


async def test_an_untrusted_peer_hears_why(
    sockets: Sockets,
    client_ssl_context: ssl.SSLContext,
    untrusted_server_ssl_context: ssl.SSLContext,
) -> None:
    client = TLSStream(sockets[0], client_ssl_context, server_hostname="localhost")
    server = TLSStream(sockets[1], untrusted_server_ssl_context, server_side=True)
    outcome: list[Exception] = []

    async def serve() -> None:
        try:
            await server.handshake()
            await server.receive()
        except ssl.SSLError as exc:
            outcome.append(exc)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        with pytest.raises(ssl.SSLCertVerificationError):
            await client.handshake()
    assert "alert" in str(outcome[0]).lower()


async def test_more_than_the_socket_takes_is_flushed(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    data = bytes(2_000_000)
    got = 0
    assert not client.try_send(data)

    async def drain() -> None:
        nonlocal got
        while got < len(data):
            got += len(await server.receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain)
        await client.flush()
    assert got == len(data)


async def test_tls_inside_tls(
    ends: Ends, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    await shake(*ends)
    inner_client = TLSStream(ends[0], client_ssl_context, server_hostname="localhost")
    inner_server = TLSStream(ends[1], server_ssl_context, server_side=True)
    await shake(inner_client, inner_server)
    await inner_client.send(b"ping")
    assert await inner_server.receive() == b"ping"
    assert inner_client.quiet
    await inner_server.aclose()
    with pytest.raises(anyio.EndOfStream):
        await inner_client.receive()
    await inner_client.aclose()


# --- sessions ---

VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def joined(
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    session: ssl.SSLSession | None = None,
) -> tuple[TLSStream, TLSStream, list[SessionSource]]:
    """Two ends in memory, and where the client's end tells of its session."""
    there, back = memory_stream_pair()
    client = TLSStream(there, client_context, server_hostname="localhost", session=session)
    sources: list[SessionSource] = []
    client.on_session = sources.append
    return client, TLSStream(back, server_context, server_side=True), sources


def server_context(cert: trustme.LeafCert, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    context.maximum_version = version
    return context


@VERSIONS
async def test_a_session_is_resumed(
    version: ssl.TLSVersion, client_ssl_context: ssl.SSLContext, server_cert: trustme.LeafCert
) -> None:
    context = server_context(server_cert, version)
    session: ssl.SSLSession | None = None
    for resumed in (False, True, True):
        client, server, sources = joined(client_ssl_context, context, session)
        await shake(client, server)
        assert not sources  # not before application data
        await server.send(b"x")
        assert await client.receive() == b"x"
        await server.send(b"y")
        assert await client.receive() == b"y"
        assert client.resumed is resumed
        assert client.extra(TLSAttribute.peer_certificate_binary) == der(server_cert)
        client.abort()  # the source outlives it
        (source,) = sources
        session = source.session
        assert session is not None
        assert time.time() < source.certificate_ends < math.inf


@VERSIONS
async def test_without_verification_no_certificate_ends(
    version: ssl.TLSVersion, server_cert: trustme.LeafCert
) -> None:
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    client, server, sources = joined(careless, server_context(server_cert, version))
    await shake(client, server)
    await server.send(b"x")
    await client.receive()
    assert sources[0].session is not None
    assert sources[0].certificate_ends == math.inf


async def test_a_session_is_told_of_by_the_nowait_read_too(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    client, server, sources = joined(client_ssl_context, server_ssl_context)
    await shake(client, server)
    assert client.quiet  # the tickets have come, but no data
    assert not sources
    await server.send(b"x")
    assert client.receive_nowait() == b"x"
    assert sources[0].session is not None


async def test_a_ticket_that_comes_late_is_found(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    client, server, _ = joined(client_ssl_context, server_ssl_context)
    await shake(client, server)
    source = SessionSource(client.extra(TLSAttribute.ssl_object), None)
    assert source.session is None
    assert client.quiet
    assert source.session is not None


async def test_a_server_without_tickets_has_no_session(
    client_ssl_context: ssl.SSLContext, server_cert: trustme.LeafCert
) -> None:
    context = server_context(server_cert, ssl.TLSVersion.TLSv1_3)
    context.num_tickets = 0
    client, server, sources = joined(client_ssl_context, context)
    await shake(client, server)
    await server.send(b"x")
    await client.receive()
    assert sources[0].session is None


@VERSIONS
async def test_a_session_that_was_not_renewed(
    version: ssl.TLSVersion, client_ssl_context: ssl.SSLContext, server_cert: trustme.LeafCert
) -> None:
    context = server_context(server_cert, version)
    client, server, sources = joined(client_ssl_context, context)
    await shake(client, server)
    await server.send(b"x")
    await client.receive()
    if version is ssl.TLSVersion.TLSv1_3:
        context.num_tickets = 0
    client, server, more = joined(client_ssl_context, context, sources[0].session)
    await shake(client, server)
    await server.send(b"x")
    await client.receive()
    assert client.resumed
    # A TLS 1.3 ticket was used up with it; a TLS 1.2 session is good as long as it lives.
    assert (more[0].session is None) is (version is ssl.TLSVersion.TLSv1_3)


async def test_a_connection_that_fails_takes_its_session_with_it(
    sockets: Sockets, ends: Ends
) -> None:
    client, server = ends
    sources: list[SessionSource] = []
    client.on_session = sources.append
    await shake(*ends)
    await server.send(b"fine")
    assert await client.receive() == b"fine"
    assert sources[0].session is not None
    await sockets[1].send(b"not a record at all")
    with pytest.raises(ssl.SSLError):
        await client.receive()
    assert sources[0].session is None


async def test_a_session_cut_short_is_still_good(ends: Ends) -> None:
    client, server = ends
    sources: list[SessionSource] = []
    client.on_session = sources.append
    await shake(*ends)
    await server.send(b"cut h")
    server.abort()
    assert await client.receive() == b"cut h"
    with pytest.raises(anyio.BrokenResourceError):
        await client.receive()
    assert sources[0].session is not None


@VERSIONS
@pytest.mark.parametrize("again", [False, True])
async def test_the_last_message_waits_for_the_first_data(
    version: ssl.TLSVersion,
    again: bool,
    client_ssl_context: ssl.SSLContext,
    server_cert: trustme.LeafCert,
) -> None:
    context = server_context(server_cert, version)
    session = None
    for _ in range(1 + again):
        client, server, sources = joined(client_ssl_context, context, session)
        told = anyio.Event()

        async def serve(server: TLSStream = server, told: anyio.Event = told) -> None:
            await server.handshake()
            told.set()
            assert await server.receive() == b"ping"
            await server.send(b"pong")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            await client.handshake(hold_last=True)
            await anyio.wait_all_tasks_blocked()
            # In TLS 1.2 it is the server that finishes a full handshake.
            server_last = version is ssl.TLSVersion.TLSv1_2 and session is None
            assert told.is_set() is server_last
            await client.send(b"ping")
            assert await client.receive() == b"pong"
        session = sources[0].session


async def test_the_last_message_goes_before_a_wait(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    client, server, _ = joined(client_ssl_context, server_ssl_context)

    async def serve() -> None:
        await server.handshake()
        await server.send(b"welcome")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await client.handshake(hold_last=True)
        assert await client.receive() == b"welcome"


# --- records and what is spared ---


class Counting(ssl.SSLObject):
    """Counts the reads."""

    reads = 0

    def read(self, size: int = 1024, buffer: object = None) -> bytes:  # type: ignore[override]
        self.reads += 1
        return super().read(size)


async def test_a_small_message_takes_one_read(
    ca: trustme.CA, server_ssl_context: ssl.SSLContext
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    context.sslobject_class = Counting
    client, server, _ = joined(context, server_ssl_context)
    await shake(client, server)
    assert client.quiet
    tls = client.extra(TLSAttribute.ssl_object)
    for _ in range(3):
        before = tls.reads
        await server.send(b"small")
        assert await client.receive() == b"small"
        assert tls.reads == before + 1


@pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 32_768, 50_000])
@pytest.mark.parametrize("at_once", [1, 1000, 16_384, 16_385, 262_144])
async def test_records_are_read_in_any_measure(
    size: int, at_once: int, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    if size // at_once > 1000:
        size //= 10
    client, server, _ = joined(client_ssl_context, server_ssl_context)
    await shake(client, server)
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.send, data)
        got = b""
        while len(got) < size:
            part = await client.receive(at_once)
            assert 0 < len(part) <= at_once
            got += part
    assert got == data
    await server.aclose()
    for _ in range(2):
        with pytest.raises(anyio.EndOfStream):
            await client.receive(at_once)
        with pytest.raises(anyio.EndOfStream):
            client.receive_nowait(at_once)


async def test_a_goodbye_with_the_last_data_is_noticed_at_once(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    assert client.quiet
    await server.send(b"last words")
    await server.aclose()
    assert await client.receive() == b"last words"
    assert not client.silent
    assert not client.quiet
    with pytest.raises(anyio.EndOfStream):
        client.receive_nowait()


async def test_part_of_a_record_is_silence(sockets: Sockets, ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    assert client.quiet
    inner = memory_stream_pair()
    whole = TLSStream(inner[0], ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server_hostname="x")
    assert not whole.silent  # a stream in memory does not say
    await sockets[1].send(b"\x17\x03\x03")  # the start of a record's head
    assert not client.silent
    assert client.quiet
    assert client.silent
    server.abort()
    assert not client.quiet


async def test_closing_a_broken_connection_raises_nothing(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    server.abort()
    await client.aclose()
    await client.aclose()


async def test_closing_before_the_handshake_raises_nothing(ends: Ends) -> None:
    await ends[0].aclose()


async def test_closing_raises_nothing_whatever_carries_it(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    """A stream in memory says otherwise than a socket that the peer has gone."""
    ends = memory_stream_pair()
    client = TLSStream(ends[0], client_ssl_context, server_hostname="localhost")
    server = TLSStream(ends[1], server_ssl_context, server_side=True)
    await shake(client, server)
    server.abort()
    await client.aclose()


async def test_a_cancelled_flush_goes_on_with_the_next(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    data = bytes(range(256)) * 40_000
    assert not client.try_send(data)
    with anyio.move_on_after(0.01):
        await client.flush()
    got = bytearray()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.flush)
        while len(got) < len(data):
            got += await server.receive()
    assert client.try_send(b"more")
    assert got == data
    assert await server.receive() == b"more"


class Weighed(SocketStream):
    """A socket that knows the largest piece it was given."""

    largest = 0

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        self.largest = max(self.largest, len(data))
        return super().try_send(data)


async def received(stream: TLSStream, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        got += await stream.receive()
    return bytes(got)


async def test_much_is_encrypted_bit_by_bit(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    """OpenSSL's buffers keep for ever the size that they had once."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    transport = Weighed(ours)
    client = TLSStream(transport, client_ssl_context, server_hostname="localhost")
    server = TLSStream(SocketStream(theirs), server_ssl_context, server_side=True)
    await shake(client, server)
    data = bytearray(random.Random(1).randbytes(3_000_001))
    got = b""

    async def receive() -> None:
        nonlocal got
        got = await received(server, len(data))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        await client.send(data)
    assert got == data
    data.clear()  # refused while anybody has a view of it
    assert transport.largest < 140_000
    await client.aclose()
    await server.aclose()


async def test_what_follows_a_cancelled_flush_is_in_order(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    large = random.Random(2).randbytes(2_000_000)
    assert not client.try_send(large)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await client.flush()
    assert not client.try_send(b"small")
    assert not client.send_soon(b"soon")
    assert not client.try_send(large)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.flush)
        got = await received(server, 2 * len(large) + 9)
    assert got == large + b"small" + b"soon" + large


async def test_closing_drops_what_could_not_be_sent(ends: Ends) -> None:
    client, server = ends
    await shake(*ends)
    assert not client.try_send(bytes(2_000_000))
    await client.aclose()
    with pytest.raises((anyio.BrokenResourceError, OSError)):  # cut, which no peer takes for an end
        await received(server, 2_000_000)
