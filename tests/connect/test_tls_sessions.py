"""TLS sessions that are kept: whose they are, for how long they serve, how many there are."""

from __future__ import annotations

import gc
import ssl
import time
import weakref

import pytest
import trustme
from tests.certs.authority import client_context, server_context
from yarl import URL

from anyiohttp._connect import tls_sessions
from anyiohttp._connect.fingerprint import Fingerprint
from anyiohttp._connect.key import ConnectionKey, ProxyRoute
from anyiohttp._connect.tls_sessions import Askings, Place, TLSSessions, place_of
from anyiohttp._net.tls import SessionSource

KEY = ConnectionKey("localhost", 443, True)


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Lasting(SessionSource):
    """A source whose certificate expires when told."""

    ends = 0.0

    @property
    def certificate_ends(self) -> float:
        return self.ends


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> TLSSessions:
    return TLSSessions(clock, None)


@pytest.fixture
def place(client_ssl_context: ssl.SSLContext) -> Place:
    return the_place(KEY, client_ssl_context)


def the_place(key: ConnectionKey, context: ssl.SSLContext) -> Place:
    place = place_of(key, context)
    assert place is not None
    return place


def connected(
    client: ssl.SSLContext, server: ssl.SSLContext, *, say: bytes = b"x"
) -> ssl.SSLObject:
    """A client's end whose handshake is done and that has read ``say``."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(incoming, outgoing, server_hostname="localhost")
    theirs = server.wrap_bio(outgoing, incoming, server_side=True)
    for end in (ours, theirs, ours, theirs, ours):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
    theirs.write(say)
    assert ours.read() == say
    return ours


@pytest.fixture
def source(place: Place, server_ssl_context: ssl.SSLContext) -> SessionSource:
    return SessionSource(connected(place.context, server_ssl_context), None)


def another(source: SessionSource, place: Place, server: ssl.SSLContext) -> SessionSource:
    return SessionSource(connected(place.context, server), source.session)


# --- whose ---


def test_what_was_put_is_offered(
    sessions: TLSSessions, place: Place, source: SessionSource
) -> None:
    assert sessions.offer(place) is None
    sessions.put(place, source)
    assert sessions.offer(place) == source.session
    assert sessions.offer(the_place(KEY, place.context)) == source.session


@pytest.mark.parametrize(
    "key",
    [
        ConnectionKey("localhost", 444, True),
        ConnectionKey("tls.test", 443, True),
        ConnectionKey("localhost", 443, True, server_hostname="tls.test"),
        ConnectionKey("localhost", 443, True, False),
        ConnectionKey("localhost", 443, True, Fingerprint(b"x" * 32)),
        ConnectionKey("localhost", 443, True, pin=Fingerprint(b"x" * 32)),
        ConnectionKey("localhost", 443, True, proxy=ProxyRoute(URL("http://a")), tunnel=True),
    ],
)
def test_another_key_is_offered_nothing(
    key: ConnectionKey, sessions: TLSSessions, place: Place, source: SessionSource
) -> None:
    sessions.put(place, source)
    assert sessions.offer(the_place(key, place.context)) is None


def test_another_login_at_the_proxy_is_offered_nothing(
    sessions: TLSSessions, place: Place, source: SessionSource
) -> None:
    def through(login: str) -> Place:
        route = ProxyRoute(URL("http://a"), login)
        return the_place(
            ConnectionKey("localhost", 443, True, proxy=route, tunnel=True), place.context
        )

    sessions.put(through("one"), source)
    assert sessions.offer(through("other")) is None
    assert sessions.offer(through("one")) is not None


def test_another_context_is_offered_nothing(
    ca: trustme.CA,
    client_cert: trustme.LeafCert,
    sessions: TLSSessions,
    place: Place,
    source: SessionSource,
) -> None:
    sessions.put(place, source)
    assert sessions.offer(the_place(KEY, client_context(ca))) is None
    assert sessions.offer(the_place(KEY, client_context(ca, cert=client_cert))) is None


def test_a_context_that_has_changed_how_it_verifies_is_offered_nothing(
    ca: trustme.CA, sessions: TLSSessions, server_ssl_context: ssl.SSLContext
) -> None:
    context = client_context(ca)
    context.check_hostname = False
    before = the_place(KEY, context)
    sessions.put(before, SessionSource(connected(context, server_ssl_context), None))
    context.check_hostname = True
    assert sessions.offer(the_place(KEY, context)) is None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    assert sessions.offer(the_place(KEY, context)) is None
    context.verify_flags &= ~ssl.VERIFY_CRL_CHECK_LEAF
    assert sessions.offer(the_place(KEY, context)) is not None


class OwnContext(ssl.SSLContext):
    """May verify in its own way, after the handshake."""


class OwnObject(ssl.SSLObject):
    """Likewise."""


def test_contexts_that_are_not_resumed(ca: trustme.CA) -> None:
    assert place_of(KEY, OwnContext(ssl.PROTOCOL_TLS_CLIENT)) is None
    context = client_context(ca)
    context.sslobject_class = OwnObject
    assert place_of(KEY, context) is None
    context = client_context(ca)
    context.options |= ssl.OP_NO_TICKET
    assert place_of(KEY, context) is None


# --- for how long ---


def test_one_session_serves_for_a_while_and_gives_way_to_the_newest(
    sessions: TLSSessions,
    clock: Clock,
    place: Place,
    source: SessionSource,
    server_ssl_context: ssl.SSLContext,
) -> None:
    newer = another(source, place, server_ssl_context)
    newest = another(source, place, server_ssl_context)
    sessions.put(place, source)
    first = sessions.offer(place)
    assert first == source.session
    sessions.put(place, newer)
    sessions.put(place, newest)
    clock.now += tls_sessions.SERVES_FOR - 0.1
    assert sessions.offer(place) is first
    clock.now += 0.2
    assert sessions.offer(place) == newest.session
    clock.now += tls_sessions.SERVES_FOR
    assert sessions.offer(place) is None  # nothing newer has come


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("tickets", [True, False])
def test_a_session_past_its_lifetime_is_not_offered(
    version: ssl.TLSVersion,
    tickets: bool,
    sessions: TLSSessions,
    clock: Clock,
    place: Place,
    server_cert: trustme.LeafCert,
) -> None:
    server = server_context(server_cert)
    server.maximum_version = version
    if not tickets:
        server.options |= ssl.OP_NO_TICKET  # in TLS 1.2: session identifiers, without a lifetime
    source = SessionSource(connected(place.context, server), None)
    session = source.session
    assert session is not None
    sessions.put(place, source)
    clock.now = session.time + session.timeout + 1
    assert sessions.offer(place) is None
    sessions.put(place, source)
    clock.now = session.time + session.timeout - 1
    assert sessions.offer(place) is not None
    clock.now += 2
    assert sessions.offer(place) is None


def test_no_session_is_offered_after_a_day(
    monkeypatch: pytest.MonkeyPatch,
    sessions: TLSSessions,
    clock: Clock,
    place: Place,
    source: SessionSource,
) -> None:
    monkeypatch.setattr(tls_sessions, "MAX_AGE", 60.0)  # the test server's tickets last two hours
    sessions.put(place, source)
    clock.now += 61
    assert sessions.offer(place) is None


def test_no_session_outlives_the_certificate(
    sessions: TLSSessions, clock: Clock, place: Place, server_ssl_context: ssl.SSLContext
) -> None:
    source = Lasting(connected(place.context, server_ssl_context), None)
    source.ends = clock.now + 5
    sessions.put(place, source)
    assert sessions.offer(place) is not None
    clock.now += 6
    assert sessions.offer(place) is None
    sessions.put(place, source)
    assert sessions.offer(place) is None


def test_where_it_costs_memory_python_is_asked_seldom(
    clock: Clock, place: Place, source: SessionSource
) -> None:
    sessions = TLSSessions(clock, Askings(2, 60.0))
    offered = []
    for _ in range(4):
        sessions.put(place, source)
        session = sessions.offer(place)
        offered.append(session is not None)
        if session is not None:
            sessions.failed(place, session)
    assert offered == [True, True, False, False]
    clock.now += 61
    session = sessions.offer(place)  # of the source that was kept meanwhile
    assert session is not None
    sessions.failed(place, session)
    sessions.put(place, source)
    assert sessions.offer(place) is None


def test_a_source_without_a_session_offers_nothing(
    sessions: TLSSessions, place: Place, source: SessionSource
) -> None:
    source.fail()
    sessions.put(place, source)
    assert sessions.offer(place) is None


# --- what becomes of an offer ---


def test_a_failed_session_is_not_offered_again(
    sessions: TLSSessions, place: Place, source: SessionSource, server_ssl_context: ssl.SSLContext
) -> None:
    sessions.put(place, source)
    session = sessions.offer(place)
    assert session is not None
    sessions.put(place, another(source, place, server_ssl_context))
    sessions.failed(place, session)
    newer = sessions.offer(place)
    assert newer is not None
    assert newer != session
    sessions.failed(place, session)  # of another dial, told late
    assert sessions.offer(place) is newer
    sessions.failed(place, newer)
    assert sessions.offer(place) is None


def test_a_server_that_takes_a_ticket_once_is_offered_each_once(
    sessions: TLSSessions, place: Place, source: SessionSource, server_ssl_context: ssl.SSLContext
) -> None:
    def renew() -> None:
        sessions.put(place, another(source, place, server_ssl_context))

    sessions.put(place, source)
    session = sessions.offer(place)
    assert session is not None
    sessions.taken(place, session)
    assert sessions.offer(place) is session
    sessions.refused(place, session)
    sessions.refused(place, session)  # told twice
    sessions.taken(place, session)
    for _ in range(2):
        renew()
        assert sessions.offer(place) is not None
        assert sessions.offer(place) is None


def test_a_server_that_refuses_at_once_may_have_lost_its_keys(
    sessions: TLSSessions, place: Place, source: SessionSource, server_ssl_context: ssl.SSLContext
) -> None:
    sessions.put(place, source)
    session = sessions.offer(place)
    assert session is not None
    sessions.refused(place, session)
    assert sessions.offer(place) is None
    sessions.put(place, another(source, place, server_ssl_context))
    assert sessions.offer(place) is sessions.offer(place) is not None


def test_what_became_of_an_offer_may_be_told_when_all_is_forgotten(
    sessions: TLSSessions, place: Place, source: SessionSource
) -> None:
    sessions.put(place, source)
    session = sessions.offer(place)
    assert session is not None
    sessions.clear()
    sessions.taken(place, session)
    sessions.refused(place, session)
    sessions.failed(place, session)
    sessions.put(place, source)
    assert sessions.offer(place) is None
    assert len(sessions) == 0


# --- how many ---


def test_the_keys_used_last_are_kept(
    monkeypatch: pytest.MonkeyPatch, sessions: TLSSessions, place: Place, source: SessionSource
) -> None:
    monkeypatch.setattr(tls_sessions, "MAX_KEYS", 3)
    places = [place._replace(key=ConnectionKey("localhost", port, True)) for port in range(5)]
    for one in places[:3]:
        sessions.put(one, source)
    assert sessions.offer(places[0]) is not None
    sessions.put(places[3], source)
    assert len(sessions) == 3
    assert [sessions.offer(one) is not None for one in places] == [True, False, True, True, False]


def test_few_contexts_are_kept(
    monkeypatch: pytest.MonkeyPatch,
    ca: trustme.CA,
    sessions: TLSSessions,
    server_ssl_context: ssl.SSLContext,
) -> None:
    """One made for each request, and a store of authorities with each, must not pile up."""
    alive = []
    for _ in range(tls_sessions.MAX_CONTEXTS + 3):
        context = client_context(ca)
        alive.append(weakref.ref(context))
        sessions.put(
            the_place(KEY, context), SessionSource(connected(context, server_ssl_context), None)
        )
    del context
    gc.collect()
    assert [ref() is not None for ref in alive] == [False] * 3 + [True] * tls_sessions.MAX_CONTEXTS
    assert len(sessions) == tls_sessions.MAX_CONTEXTS
    monkeypatch.setattr(tls_sessions, "MAX_KEYS", 2)
    context = client_context(ca)
    source = SessionSource(connected(context, server_ssl_context), None)
    sessions.put(the_place(KEY, context), source)
    gc.collect()
    assert len(sessions) == 2
    assert [ref() is not None for ref in alive[-2:]] == [False, True]
