from __future__ import annotations

import datetime
import random
import socket
import ssl
import warnings
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest
import trustme
from anyio.lowlevel import checkpoint
from anyio.streams.tls import TLSAttribute
from tests.certs.authority import Fingerprints, client_context, server_context
from tests.connect.peers import Peer, address, gone, listening, silent

from anyiohttp._connect.fingerprint import Fingerprint
from anyiohttp._connect.key import ConnectionKey, SSLSetting, Versions
from anyiohttp._connect.tcp import TCPOptions, open_tcp
from anyiohttp._connect.tls import certificate_name, context_for, start_tls
from anyiohttp._connect.tls_sessions import TLSSessions, place_of
from anyiohttp._net.streams import NetworkStream
from anyiohttp._net.tls import SessionSource, TLSStream
from anyiohttp.exceptions import (
    ClientConnectorCertificateError,
    ClientConnectorSSLError,
    ServerFingerprintMismatch,
)
from anyiohttp.testing.streams import memory_stream_pair

pytestmark = pytest.mark.anyio


def key_of(peer: Peer, ssl: SSLSetting, host: str = "localhost", **more: object) -> ConnectionKey:
    return ConnectionKey(host, peer.port, True, ssl, **more)  # type: ignore[arg-type]


async def tcp_to(peer: Peer) -> NetworkStream:
    return await open_tcp([address(peer.port)], TCPOptions())


async def exchange(stream: TLSStream) -> None:
    """Send and receive over the stream, and abort it."""
    await stream.send(b"hello")
    assert await stream.receive() == b"hello"
    stream.abort()


def quiet_pin(digest: bytes) -> Fingerprint:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return Fingerprint(digest)


# --- contexts ---


async def test_default_contexts_are_made_once() -> None:
    verified, unverified = await context_for(True), await context_for(False)
    assert verified.verify_mode is ssl.CERT_REQUIRED
    assert verified.check_hostname
    assert unverified.verify_mode is ssl.CERT_NONE
    assert not unverified.check_hostname
    assert await context_for(True) is verified
    assert await context_for(False) is unverified
    assert await context_for(Fingerprint(b"x" * 32)) is unverified


async def test_a_context_being_made_is_not_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyiohttp._connect.tls._contexts", {})
    found: list[ssl.SSLContext] = []

    async def ask() -> None:
        found.append(await context_for(True))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
    assert len(found) == 5
    assert len(set(map(id, found))) == 1


async def test_a_callers_context_is_used_and_left_alone(
    client_ssl_context: ssl.SSLContext, server_cert: trustme.LeafCert
) -> None:
    assert await context_for(client_ssl_context) is client_ssl_context
    before = (client_ssl_context.verify_mode, client_ssl_context.check_hostname)
    async with listening(context=server_context(server_cert, alpn=("http/1.1",))) as peer:
        stream = await start_tls(await tcp_to(peer), key_of(peer, client_ssl_context))
        assert stream.extra(TLSAttribute.alpn_protocol) is None
        await exchange(stream)
    assert before == (client_ssl_context.verify_mode, client_ssl_context.check_hostname)


@pytest.mark.parametrize(
    ("versions", "chosen"), [(("http/1.1",), "http/1.1"), (("h2", "http/1.1"), "h2")]
)
async def test_our_contexts_offer_what_the_key_says(
    server_cert: trustme.LeafCert, versions: Versions, chosen: str
) -> None:
    async with listening(context=server_context(server_cert, alpn=("h2", "http/1.1"))) as peer:
        key = replace(key_of(peer, False), versions=versions)
        stream = await start_tls(await tcp_to(peer), key)
        assert stream.extra(TLSAttribute.alpn_protocol) == stream.alpn_protocol == chosen
        await exchange(stream)


# --- names ---


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("tls.test.", "tls.test"),
        ("tls.test..", "tls.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("bücher.test.", "xn--bcher-kva.test"),
        ("fe80::1%25eth0", "fe80::1"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
async def test_names_as_certificates_spell_them(host: str, name: str) -> None:
    assert certificate_name(host) == name


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("localhost", "localhost"),
        ("tls.test.", "tls.test"),
        ("a.tls.test", "a.tls.test"),
        ("127.0.0.1", None),
        ("::1", None),
    ],
)
async def test_verified(
    host: str,
    asked: str | None,
    client_ssl_context: ssl.SSLContext,
    server_ssl_context: ssl.SSLContext,
) -> None:
    async with listening(context=server_ssl_context) as peer:
        stream = await start_tls(await tcp_to(peer), key_of(peer, client_ssl_context, host))
        await exchange(stream)
        assert peer.names == [asked]


async def test_a_name_in_unicode_is_asked_for_in_ascii(
    client_ssl_context: ssl.SSLContext, issue_server_cert: Callable[..., trustme.LeafCert]
) -> None:
    cert = issue_server_cert("xn--bcher-kva.test")
    async with listening(context=server_context(cert)) as peer:
        key = key_of(peer, client_ssl_context, "bücher.test")
        await exchange(await start_tls(await tcp_to(peer), key))
        assert peer.names == ["xn--bcher-kva.test"]


async def test_another_server_hostname(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(context=server_ssl_context) as peer:
        key = key_of(peer, client_ssl_context, "elsewhere.test", server_hostname="tls.test")
        await exchange(await start_tls(await tcp_to(peer), key))
        assert peer.names == ["tls.test"]


@pytest.mark.parametrize(
    "host", [".tls.test", "a..test", "x" * 64 + ".test", "..", "\u2100\u2024.\u3002", "ü" * 70]
)
async def test_names_that_tls_cannot_ask_for(
    host: str, client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(context=server_ssl_context) as peer:
        stream = await tcp_to(peer)
        with pytest.raises(ClientConnectorSSLError):
            await start_tls(stream, key_of(peer, client_ssl_context, host))
        assert "closed" in repr(stream)


# --- failures ---


async def rejected(peer: Peer, key: ConnectionKey) -> ClientConnectorCertificateError:
    with pytest.raises(ClientConnectorCertificateError) as caught:
        await start_tls(await tcp_to(peer), key)
    assert (caught.value.host, caught.value.port) == (key.host, peer.port)
    assert isinstance(caught.value.certificate_error, ssl.SSLCertVerificationError)
    assert isinstance(caught.value, ssl.CertificateError)
    await peer.ended.wait()
    assert peer.data == b""
    return caught.value


async def test_unknown_authority(server_ssl_context: ssl.SSLContext) -> None:
    async with listening(context=server_ssl_context) as peer:
        error = await rejected(peer, key_of(peer, True))
        assert "unable to get local issuer certificate" in str(error)


async def test_wrong_host(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(context=server_ssl_context) as peer:
        error = await rejected(peer, key_of(peer, client_ssl_context, "elsewhere.test"))
        assert "elsewhere.test" in str(error)


async def test_wrong_address(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(context=server_ssl_context) as peer:
        await rejected(peer, key_of(peer, client_ssl_context, "127.0.0.2"))


async def test_expired(
    client_ssl_context: ssl.SSLContext, issue_server_cert: Callable[..., trustme.LeafCert]
) -> None:
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    cert = issue_server_cert("localhost", not_after=yesterday)
    async with listening(context=server_context(cert)) as peer:
        error = await rejected(peer, key_of(peer, client_ssl_context))
        assert "expired" in str(error)


async def test_without_verification_anything_goes(
    untrusted_server_ssl_context: ssl.SSLContext,
) -> None:
    async with listening(context=untrusted_server_ssl_context) as peer:
        await exchange(await start_tls(await tcp_to(peer), key_of(peer, False, "elsewhere.test")))


async def test_client_certificate(
    mtls_client_ssl_context: ssl.SSLContext, mtls_server_ssl_context: ssl.SSLContext
) -> None:
    async with listening(context=mtls_server_ssl_context) as peer:
        key = key_of(peer, mtls_client_ssl_context)
        await exchange(await start_tls(await tcp_to(peer), key))
        assert "client" in str(peer.client_certificates[0])


async def test_missing_client_certificate_in_tls_1_2(
    ca: trustme.CA, client_ssl_context: ssl.SSLContext, server_cert: trustme.LeafCert
) -> None:
    """In TLS 1.3 the client has finished before the server says no."""
    context = server_context(server_cert, client_ca=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(context=context) as peer:
        with pytest.raises(ClientConnectorSSLError, match=r"(?i)handshake.failure|alert"):
            await start_tls(await tcp_to(peer), key_of(peer, client_ssl_context))


async def test_no_common_version(
    client_ssl_context: ssl.SSLContext, server_cert: trustme.LeafCert
) -> None:
    context = server_context(server_cert)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    async with listening(context=context) as peer:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ClientConnectorSSLError) as caught:
            await start_tls(await tcp_to(peer), key_of(peer, client))
        assert isinstance(caught.value, ssl.SSLError)
        assert caught.value.port == peer.port


async def test_a_peer_that_does_not_speak_tls() -> None:
    async def plain(stream: NetworkStream) -> None:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.receive()

    async with listening(plain) as peer:
        with pytest.raises(ClientConnectorSSLError, match=r"(?i)wrong.version|packet|unknown"):
            await start_tls(await tcp_to(peer), key_of(peer, False))


async def test_a_peer_that_hangs_up() -> None:
    async with listening(gone) as peer:
        with pytest.raises(ConnectionResetError):
            await start_tls(await tcp_to(peer), key_of(peer, False))


async def test_a_peer_that_listens_and_hangs_up() -> None:
    async def hang_up(stream: NetworkStream) -> None:
        await stream.receive()

    async with listening(hang_up) as peer:
        with pytest.raises(ConnectionResetError, match="without close_notify"):
            await start_tls(await tcp_to(peer), key_of(peer, False))


async def test_a_peer_that_resets() -> None:
    async def reset(stream: NetworkStream) -> None:
        linger = b"\x01\0\0\0\0\0\0\0"
        raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with listening(reset) as peer:
        with pytest.raises(ConnectionResetError) as caught:
            await start_tls(await tcp_to(peer), key_of(peer, False))
        assert caught.value.__cause__ is not caught.value


async def test_a_cancelled_handshake_aborts() -> None:
    async with listening(silent) as peer:
        stream = await tcp_to(peer)
        with anyio.move_on_after(0.05) as scope:
            await start_tls(stream, key_of(peer, False))
        assert scope.cancelled_caught
        assert "closed" in repr(stream)


async def test_cancelled_at_any_moment_leaves_nothing(server_ssl_context: ssl.SSLContext) -> None:
    """The leak guard of the tests counts the sockets."""
    steps = random.Random(11)
    await context_for(False)

    async def connect(peer: Peer) -> None:
        (await start_tls(await tcp_to(peer), key_of(peer, False))).abort()

    async with listening(context=server_ssl_context) as peer:
        for _ in range(40):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connect, peer)
                for _ in range(steps.randrange(25)):
                    await checkpoint()
                tasks.cancel_scope.cancel()


# --- pins ---


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256"])
@pytest.mark.parametrize("besides", [True, False])
async def test_pinned(
    digest: str,
    besides: bool,
    client_ssl_context: ssl.SSLContext,
    server_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
) -> None:
    pin = quiet_pin(getattr(server_fingerprints, digest))
    async with listening(context=server_ssl_context) as peer:
        if besides:
            key = key_of(peer, client_ssl_context, pin=pin)
        else:
            key = key_of(peer, pin, "elsewhere.test")
        await exchange(await start_tls(await tcp_to(peer), key))


@pytest.mark.parametrize("size", [16, 20, 32])
@pytest.mark.parametrize("besides", [True, False])
async def test_pinned_to_another(
    size: int,
    besides: bool,
    client_ssl_context: ssl.SSLContext,
    server_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
) -> None:
    pin = quiet_pin(b"\x01" * size)
    async with listening(silent, context=server_ssl_context) as peer:
        key = (
            key_of(peer, client_ssl_context, pin=pin)
            if besides
            else key_of(peer, pin, "elsewhere.test")
        )
        stream = await tcp_to(peer)
        with pytest.raises(ServerFingerprintMismatch) as caught:
            await start_tls(stream, key)
        assert "closed" in repr(stream)
        await peer.ended.wait()
        assert peer.data == b""
    error = caught.value
    assert (error.host, error.port, error.expected) == (key.host, peer.port, pin.fingerprint)
    assert error.got in (
        server_fingerprints.md5,
        server_fingerprints.sha1,
        server_fingerprints.sha256,
    )


async def test_a_pin_does_not_replace_verification(
    untrusted_server_ssl_context: ssl.SSLContext,
    client_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
) -> None:
    async with listening(context=untrusted_server_ssl_context) as peer:
        pin = Fingerprint(server_fingerprints.sha256)
        await rejected(peer, key_of(peer, client_ssl_context, pin=pin))


async def test_both_pins_are_checked(
    server_ssl_context: ssl.SSLContext, server_fingerprints: Fingerprints
) -> None:
    good, bad = Fingerprint(server_fingerprints.sha256), Fingerprint(b"\x01" * 32)
    async with listening(context=server_ssl_context) as peer:
        for one, other in ((good, bad), (bad, good)):
            with pytest.raises(ServerFingerprintMismatch):
                await start_tls(await tcp_to(peer), key_of(peer, one, pin=other))
        await exchange(await start_tls(await tcp_to(peer), key_of(peer, good, pin=good)))


# --- sessions ---


@pytest.fixture
def sessions() -> TLSSessions:
    return TLSSessions()


async def resumed(peer: Peer, key: ConnectionKey, sessions: TLSSessions) -> bool:
    """Connect, talk, and say whether a session was resumed."""
    stream = await start_tls(await tcp_to(peer), key, sessions)
    await exchange(stream)
    return stream.resumed


def of_version(cert: trustme.LeafCert, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context(cert)
    context.maximum_version = version
    return context


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
async def test_later_connections_resume(
    version: ssl.TLSVersion,
    client_ssl_context: ssl.SSLContext,
    server_cert: trustme.LeafCert,
    sessions: TLSSessions,
) -> None:
    async with listening(context=of_version(server_cert, version)) as peer:
        key = key_of(peer, client_ssl_context)
        assert [await resumed(peer, key, sessions) for _ in range(4)] == [False, True, True, True]
        assert not await resumed(peer, key, TLSSessions())
        without = await start_tls(await tcp_to(peer), key)
        await exchange(without)
        assert not without.resumed


@VERSIONS
async def test_connections_at_once_resume(
    version: ssl.TLSVersion,
    client_ssl_context: ssl.SSLContext,
    server_cert: trustme.LeafCert,
    sessions: TLSSessions,
) -> None:
    outcome: list[bool] = []

    async def connect() -> None:
        outcome.append(await resumed(peer, key, sessions))

    async with listening(context=of_version(server_cert, version)) as peer:
        key = key_of(peer, client_ssl_context)
        await connect()
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(connect)
    assert outcome == [False] + [True] * 10


@VERSIONS
async def test_a_refused_session_falls_back_to_a_full_handshake(
    version: ssl.TLSVersion,
    client_ssl_context: ssl.SSLContext,
    server_cert: trustme.LeafCert,
    sessions: TLSSessions,
) -> None:
    """In memory: the same server with new keys for its tickets."""

    async def connect(context: ssl.SSLContext) -> bool:
        ours, theirs = memory_stream_pair()
        server = TLSStream(theirs, context, server_side=True)

        async def serve() -> None:
            await server.handshake()
            await server.send(await server.receive())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            client = await start_tls(ours, key, sessions)
            await exchange(client)
        return client.resumed

    key = ConnectionKey("localhost", 443, True, client_ssl_context)
    one, other = of_version(server_cert, version), of_version(server_cert, version)
    assert [await connect(context) for context in (one, one, other, other, one)] == [
        False,
        True,
        False,
        True,
        False,
    ]


async def test_sessions_do_not_cross_contexts_names_and_client_certificates(
    ca: trustme.CA,
    client_cert: trustme.LeafCert,
    client_ssl_context: ssl.SSLContext,
    server_ssl_context: ssl.SSLContext,
    server_fingerprints: Fingerprints,
    sessions: TLSSessions,
) -> None:
    pin = Fingerprint(server_fingerprints.sha256)
    async with listening(context=server_ssl_context) as peer:
        for key in (
            key_of(peer, client_ssl_context),
            key_of(peer, client_ssl_context, "tls.test"),
            key_of(peer, client_ssl_context, server_hostname="tls.test"),
            key_of(peer, client_ssl_context, pin=pin),
            key_of(peer, client_context(ca)),
            key_of(peer, client_context(ca, cert=client_cert)),
            key_of(peer, False),
            key_of(peer, pin),
        ):
            assert not await resumed(peer, key, sessions)
            assert await resumed(peer, key, sessions)


async def test_a_session_that_was_not_verified_does_not_spare_verification(
    ca: trustme.CA, untrusted_server_ssl_context: ssl.SSLContext, sessions: TLSSessions
) -> None:
    context = client_context(ca)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with listening(context=untrusted_server_ssl_context) as peer:
        for key in (key_of(peer, False), key_of(peer, context)):
            assert not await resumed(peer, key, sessions)
            assert await resumed(peer, key, sessions)
        context.verify_mode, context.check_hostname = ssl.CERT_REQUIRED, True
        for key in (key_of(peer, True), key_of(peer, context)):
            with pytest.raises(ClientConnectorCertificateError):
                await start_tls(await tcp_to(peer), key, sessions)


async def test_no_session_of_a_connection_that_proved_nothing(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext, sessions: TLSSessions
) -> None:
    async with listening(context=server_ssl_context) as peer:
        for key in (
            key_of(peer, client_ssl_context, "elsewhere.test"),
            key_of(peer, Fingerprint(b"x" * 32)),
            key_of(peer, client_ssl_context, pin=Fingerprint(b"x" * 32)),
        ):
            with pytest.raises((ClientConnectorCertificateError, ServerFingerprintMismatch)):
                await start_tls(await tcp_to(peer), key, sessions)
        key = key_of(peer, client_ssl_context)
        (await start_tls(await tcp_to(peer), key, sessions)).abort()
        assert len(sessions) == 0


@VERSIONS
async def test_no_session_where_the_client_certificate_was_refused(
    version: ssl.TLSVersion,
    ca: trustme.CA,
    client_ssl_context: ssl.SSLContext,
    server_cert: trustme.LeafCert,
    sessions: TLSSessions,
) -> None:
    context = server_context(server_cert, client_ca=ca)
    context.maximum_version = version
    async with listening(context=context) as peer:
        stream = await tcp_to(peer)
        with pytest.raises((ClientConnectorSSLError, OSError)):
            # In TLS 1.3 the client has finished before the server says no.
            await exchange(await start_tls(stream, key_of(peer, client_ssl_context), sessions))
        stream.abort()
        await peer.ended.wait()
    assert len(sessions) == 0


@VERSIONS
async def test_client_certificates_are_resumed(
    version: ssl.TLSVersion,
    ca: trustme.CA,
    mtls_client_ssl_context: ssl.SSLContext,
    server_cert: trustme.LeafCert,
    sessions: TLSSessions,
) -> None:
    context = server_context(server_cert, client_ca=ca)
    context.maximum_version = version
    async with listening(context=context) as peer:
        key = key_of(peer, mtls_client_ssl_context)
        assert [await resumed(peer, key, sessions) for _ in range(2)] == [False, True]
        assert "client" in str(peer.client_certificates[-1])


@VERSIONS
async def test_pins_are_checked_on_a_resumed_connection(
    version: ssl.TLSVersion,
    server_cert: trustme.LeafCert,
    server_fingerprints: Fingerprints,
    sessions: TLSSessions,
) -> None:
    async with listening(context=of_version(server_cert, version)) as peer:
        good = key_of(peer, Fingerprint(server_fingerprints.sha256))
        assert not await resumed(peer, good, sessions)
        assert await resumed(peer, good, sessions)
        # A session that has come to a key with another pin, which must not happen.
        bad = key_of(peer, Fingerprint(b"x" * 32))
        context = await context_for(False)
        source: list[SessionSource] = []
        stream = await start_tls(await tcp_to(peer), good)
        stream.on_session = source.append
        await exchange(stream)
        place = place_of(bad, context)
        assert place is not None
        sessions.put(place, source[0])
        assert sessions.offer(place) is not None
        with pytest.raises(ServerFingerprintMismatch) as caught:
            await start_tls(await tcp_to(peer), bad, sessions)
        assert caught.value.got == server_fingerprints.sha256
        assert sessions.offer(place) is None


async def test_after_a_failure_the_session_is_not_offered_again(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext, sessions: TLSSessions
) -> None:
    """A server that breaks down over the session must not do so for ever."""
    async with listening(context=server_ssl_context) as peer:
        key = key_of(peer, client_ssl_context)
        assert not await resumed(peer, key, sessions)
        ours, theirs = memory_stream_pair()
        theirs.end()
        with pytest.raises(ConnectionResetError):
            await start_tls(ours, key, sessions)
        assert [await resumed(peer, key, sessions) for _ in range(2)] == [False, True]


async def test_contexts_with_handshakes_of_their_own_are_not_resumed(
    ca: trustme.CA, server_ssl_context: ssl.SSLContext, sessions: TLSSessions
) -> None:
    class Own(ssl.SSLContext):
        pass

    own = Own(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(own)
    refusing = client_context(ca)
    refusing.options |= ssl.OP_NO_TICKET
    async with listening(context=server_ssl_context) as peer:
        for context in (own, refusing):
            for _ in range(2):
                assert not await resumed(peer, key_of(peer, context), sessions)
    assert len(sessions) == 0


# --- TLS in TLS ---


async def test_inside_another_tls(
    client_ssl_context: ssl.SSLContext, server_ssl_context: ssl.SSLContext
) -> None:
    async def inner(stream: NetworkStream) -> None:
        secure = TLSStream(stream, server_ssl_context, server_side=True)
        await secure.handshake()
        await secure.send(await secure.receive())
        await secure.receive()

    async with listening(inner, context=server_ssl_context) as peer:
        key = key_of(peer, client_ssl_context)
        outer = await start_tls(await tcp_to(peer), key)
        await exchange(await start_tls(outer, key))
