"""Faults come at the byte they are told to, below TLS and inside it."""

from __future__ import annotations

import anyio
import pytest

from anyiohttp._net.tls import TLSStream
from anyiohttp.testing import (
    NO_FAULTS,
    CertificateAuthority,
    Faults,
    MemoryNetwork,
    Peer,
    memory_stream_pair,
)
from anyiohttp.testing.faults import FaultyStream

pytestmark = pytest.mark.anyio

DATA = b"0123456789"


async def read_all(stream) -> tuple[list[bytes], str]:
    """Return the pieces that come, and how they end."""
    pieces = []
    while True:
        try:
            pieces.append(await stream.receive())
        except anyio.EndOfStream:
            return pieces, "end"
        except anyio.BrokenResourceError:
            return pieces, "reset"


async def send_all(data: bytes, faults: Faults, capacity: int = 64 * 1024):
    """Send ``data`` through faults; return what arrives, how it ended and how sending ended."""
    client, peer = memory_stream_pair(capacity)
    stream = FaultyStream(peer, peer, faults)
    outcome = []

    async def send() -> None:
        try:
            await stream.send(data)
            outcome.append("sent")
            peer.end()
        except anyio.BrokenResourceError:
            outcome.append("broken")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        pieces, end = await read_all(client)
    client.abort()
    return pieces, end, *outcome


async def test_no_faults():
    assert not NO_FAULTS
    assert await send_all(DATA, NO_FAULTS) == ([DATA], "end", "sent")


@pytest.mark.parametrize("capacity", [1, 3, 1000])
@pytest.mark.parametrize("position", range(len(DATA) + 1))
async def test_end_and_reset(position: int, capacity: int):
    for faults, how in ((Faults(end_at=position), "end"), (Faults(reset_at=position), "reset")):
        assert faults
        pieces, end, sent = await send_all(DATA, faults, capacity)
        assert (b"".join(pieces), end, sent) == (DATA[:position], how, "broken")


async def test_positions_that_are_not_reached():
    for faults in (Faults(end_at=11), Faults(reset_at=11), Faults(garbage_at=11, stall_at=12)):
        assert await send_all(DATA, faults) == ([DATA], "end", "sent")


async def test_split():
    pieces, *_ = await send_all(DATA, Faults(split=True))
    assert pieces == [DATA[i : i + 1] for i in range(10)]
    pieces, *_ = await send_all(DATA, Faults(split={3, 4, 10, 20}))
    assert pieces == [b"012", b"3", b"456789"]
    pieces, end, _ = await send_all(DATA, Faults(split={3}, end_at=5))
    assert (pieces, end) == ([b"012", b"34"], "end")


async def test_drip_takes_time():
    began = anyio.current_time()
    pieces, *_ = await send_all(DATA, Faults(drip=0.002))
    assert len(pieces) == 10
    assert anyio.current_time() - began >= 0.017


@pytest.mark.parametrize("capacity", [1, 1000])
async def test_garbage(capacity: int):
    pieces, end, _ = await send_all(DATA, Faults(garbage_at=4, garbage=b"<>"), capacity)
    assert (b"".join(pieces), end) == (b"0123<>456789", "end")
    faults = Faults(garbage_at=4, garbage=b"<>", overwrite=True)
    pieces, *_ = await send_all(DATA, faults, capacity)
    assert b"".join(pieces) == b"0123<>6789"
    faults = Faults(garbage_at=4, garbage=b"<>", end_at=4)
    pieces, *_ = await send_all(DATA, faults)
    assert b"".join(pieces) == b"0123<>"
    pieces, *_ = await send_all(DATA, Faults(garbage_at=0, garbage=b"<>"), capacity)
    assert b"".join(pieces) == b"<>" + DATA
    pieces, *_ = await send_all(DATA, Faults(garbage_at=10, garbage=b"<>"))
    assert b"".join(pieces) == DATA + b"<>"


@pytest.mark.parametrize("position", [0, 4, 10])
async def test_stall(position: int):
    client, peer = memory_stream_pair()
    stream = FaultyStream(peer, peer, Faults(stall_at=position))
    sent = []

    async def send() -> None:
        with pytest.raises(anyio.BrokenResourceError):
            for _ in range(2):
                await stream.send(DATA)
                sent.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        received = await client.receive() if position else b""
        await anyio.wait_all_tasks_blocked()
        assert client.quiet
        client.abort()
    assert received == DATA[:position]
    assert len(sent) == (position == 10)


async def test_a_stream_that_waits_takes_no_more():
    _, peer = memory_stream_pair()
    stream = FaultyStream(peer, peer, Faults(stall_at=4))
    assert not stream.try_send(DATA)
    with pytest.raises(anyio.BusyResourceError):
        stream.try_send(DATA)
    assert "4 bytes sent" in repr(stream)
    assert stream.extra_attributes == {}
    assert (stream.encrypted, stream.alpn_protocol) == (False, None)
    await stream.aclose()
    assert peer.closed


async def test_the_next_send_begins_a_piece_of_its_own():
    client, peer = memory_stream_pair()
    stream = FaultyStream(peer, peer, Faults(split={3}))
    assert stream.try_send(b"012")
    assert not stream.try_send(b"345")
    assert client.receive_nowait() == b"012"
    await stream.flush()
    assert client.receive_nowait() == b"345"
    stream.abort()
    assert peer.closed


# --- what the client sends ---


async def test_receiving_ends_and_resets():
    for faults in (Faults(end_at=4), Faults(reset_at=4), Faults(end_at=0), Faults(reset_at=0)):
        client, peer = memory_stream_pair()
        stream = FaultyStream(peer, peer, receiving=faults)
        await client.send(DATA)
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await stream.receive()
        assert peer.closed
        expected = anyio.EndOfStream if faults.reset_at is None else anyio.BrokenResourceError
        with pytest.raises(expected):
            client.receive_nowait()


async def test_receiving_in_pieces():
    client, peer = memory_stream_pair()
    stream = FaultyStream(peer, peer, receiving=Faults(split={3}, drip=0.001))
    await client.send(DATA)
    assert await stream.receive() == b"012"
    assert stream.receive_nowait() == b"3456789"
    plain = FaultyStream(peer, peer, Faults(split=True))
    await client.send(DATA)
    assert plain.receive_nowait() == DATA
    await client.send(DATA)
    assert await plain.receive() == DATA


async def test_a_stalled_receiver_reads_no_more():
    client, peer = memory_stream_pair(capacity=8)
    stream = FaultyStream(peer, peer, receiving=Faults(stall_at=4))
    sent = []

    async def send() -> None:
        with pytest.raises(anyio.ClosedResourceError):
            await client.send(DATA * 2)
            sent.append(True)

    async def receive() -> None:
        assert await stream.receive() == b"0123"
        with pytest.raises(anyio.WouldBlock):
            stream.receive_nowait()
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        tasks.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        assert sent == []
        client.abort()


# --- layers ---


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


async def talk(authority: CertificateAuthority, faults: Faults, upload: Faults = NO_FAULTS):
    """Return what a TLS client receives from a peer, and how it ends."""

    async def script(peer: Peer) -> None:
        await peer.receive_exactly(5)
        await peer.send(DATA)
        await peer.stall()

    async with MemoryNetwork() as network:
        listener = network.listen(
            "example.org", 443, script, tls=authority.server_context("example.org"), faults=faults
        )
        listener.upload_faults = upload
        transport = await network.connect((await network.resolver.resolve("example.org", 443))[0])
        context = authority.client_context()
        stream = TLSStream(transport, context, server_hostname="example.org")
        try:
            await stream.handshake()
            await stream.send(b"hello")
            return await read_all(stream)
        except OSError as exc:
            return [], type(exc).__name__
        except anyio.BrokenResourceError as exc:
            return [], str(exc) or "reset"
        finally:
            transport.abort()


async def test_plaintext_positions(authority):
    faults = Faults(end_at=4, layer="plaintext")
    pieces, end = await talk(authority, faults)
    assert (b"".join(pieces), end) == (b"0123", "end")
    faults = Faults(end_at=4, layer="plaintext", goodbye=False)
    pieces, end = await talk(authority, faults)
    assert (b"".join(pieces), end) == (b"0123", "reset")  # no close_notify: a broken stream
    faults = Faults(split=True, reset_at=4, layer="plaintext")
    pieces, end = await talk(authority, faults)
    assert (pieces, end) == ([b"0", b"1", b"2", b"3"], "reset")
    faults = Faults(garbage_at=4, garbage=b"<>", end_at=10, layer="plaintext")
    pieces, _ = await talk(authority, faults)
    assert b"".join(pieces) == b"0123<>456789"


async def test_wire_positions(authority):
    for position in (0, 1, 50, 500):
        assert await talk(authority, Faults(end_at=position)) != ([], "end")
        pieces, end = await talk(authority, Faults(reset_at=position, split=True))
        assert (pieces, end) == ([], "reset")
    pieces, end = await talk(authority, Faults(garbage_at=1, garbage=b"\0", overwrite=True))
    assert (pieces, end) == ([], "SSLError")


async def test_faults_of_both_directions(authority):
    upload = Faults(end_at=5, layer="plaintext")
    assert await talk(authority, NO_FAULTS, upload) == ([], "reset")
    upload = Faults(split=True, layer="plaintext")
    faults = Faults(end_at=10, layer="plaintext")
    pieces, end = await talk(authority, faults, upload)
    assert (b"".join(pieces), end) == (DATA, "end")
