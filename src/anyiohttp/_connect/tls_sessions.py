"""TLS sessions kept to be resumed: whose they are, and how long they are good for.

Knows: what makes sessions not interchangeable; their lifetimes.
Must not know: connections, handshakes, who dials.
Called by: `dialing` makes the stores, `tls` puts sessions in and offers them.

A session belongs to everything that makes a connection what it is: the whole `ConnectionKey` (host,
port, name, pin, proxy and the credentials for it), the context with its ALPN and its client
certificate, and how that context verifies at this moment. Resuming skips the certificate's
verification, so what is offered must have been verified in the same way for the same name.

* A context that does its own handshakes (one of a subclass) is not resumed: it may verify after the
  handshake, and a resumed one shows no chain. Nor is one with ``OP_NO_TICKET``: that is how to turn
  resumption off.
* A context must not be given another client certificate while its connections live: like a kept
  connection, a resumed session is still that of the first one. Use another context.
* RFC 8446 C.4 would have a ticket used once, lest a watcher tell that two connections have one
  client. One address that connects to another twice in ten seconds has told that itself, and each
  new ticket costs a quarter of a handshake (`SessionSource`). So a ticket serves for ten seconds
  and then gives way to the newest one. A server that takes each ticket only once is noticed by its
  refusal, and is offered each only once from then on.
* Where Python loses memory each time that it is asked for a session (`Askings`), it is asked
  seldom, and a ticket serves for longer.
"""

from __future__ import annotations

import math
import ssl
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from .._net.tls import SessionSource
from .key import ConnectionKey

__all__ = ("Place", "TLSSessions", "place_of")

#: How many keys have sessions, those used last. A session source takes about 25 KB.
MAX_KEYS = 256
#: How many contexts: one for each request, made by a user, must not all be kept.
MAX_CONTEXTS = 8
#: Whether ``SSLObject.session`` loses the copy that it makes, 7 KB (python/cpython#116810).
LOSES_MEMORY = sys.version_info < (3, 12, 8) or (3, 13) <= sys.version_info < (3, 13, 1)
#: For how long one ticket is offered, in seconds from when it first was.
SERVES_FOR = 600.0 if LOSES_MEMORY else 10.0
#: For how long a session is good at most, whatever the server says: what was revoked, or is no
#: longer trusted, must come to light.
MAX_AGE = 24 * 3600.0


class Place(NamedTuple):
    """Whose sessions: a key and its context, and how that verifies at the time of the handshake."""

    key: ConnectionKey
    context: ssl.SSLContext
    verify_mode: int
    check_hostname: bool
    verify_flags: int


def place_of(key: ConnectionKey, context: ssl.SSLContext) -> Place | None:
    """Return where the sessions of such connections are kept; ``None`` if they are not."""
    if type(context) is not ssl.SSLContext or context.sslobject_class is not ssl.SSLObject:
        return None
    # Whose settings are numbers: enums take their time.
    plain: Any = super(ssl.SSLContext, context)
    if plain.options & _NO_TICKET:
        return None
    return Place(key, context, plain.verify_mode, context.check_hostname, plain.verify_flags)


_NO_TICKET = int(ssl.OP_NO_TICKET)


class _Kept:
    """What is kept for one place.

    Attributes:
        source: where the newest session is to be had, until it was had.
        session: what is on offer.
        until: for how long.
        single_use: whether the server takes a ticket only once.
        taken: whether the server has taken the one on offer.
    """

    __slots__ = ("session", "single_use", "source", "taken", "until")

    def __init__(self) -> None:
        self.source: SessionSource | None = None
        self.session: ssl.SSLSession | None = None
        self.until = -math.inf
        self.single_use = False
        self.taken = False

    def withdraw(self) -> None:
        """Offer the session no more."""
        self.session, self.until, self.taken = None, -math.inf, False


class Askings:
    """How often Python may be asked for a session, where each time costs memory for good.

    Args:
        most: so often at once.
        seconds: after so many there is one more.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._left = float(most)
        self._seen = 0.0

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        earned = max(0.0, now - self._seen) / self._seconds
        self._left = min(self._most, self._left + earned)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


#: Those of the process, whose memory it is: 3 MB, and then 10 MB a day at most.
_ASKINGS = Askings(500, 60.0) if LOSES_MEMORY else None


class TLSSessions:
    """The sessions of one dialer's connections to targets, or of those to proxies.

    Args:
        clock: the time in seconds since the epoch.
        askings: what Python may be asked; by default without a bound where that costs nothing.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, askings: Askings | None = _ASKINGS
    ) -> None:
        self._clock = clock
        self._askings = askings
        self._contexts: OrderedDict[ssl.SSLContext, OrderedDict[Place, _Kept]] = OrderedDict()
        self._closed = False

    def __len__(self) -> int:
        return sum(map(len, self._contexts.values()))

    def offer(self, place: Place) -> ssl.SSLSession | None:
        """Return a session to resume on a new connection, if there is one.

        Tell what becomes of it: `taken`, `refused` or `failed`.
        """
        kept = self._find(place)
        if kept is None:
            return None
        now = self._clock()
        if now >= kept.until:
            self._renew(kept, now)
        session = kept.session
        if kept.single_use:
            kept.withdraw()
        return session

    def taken(self, place: Place, session: ssl.SSLSession) -> None:
        """The server has resumed the session."""
        kept = self._find(place)
        if kept is not None and kept.session is session:
            kept.taken = True

    def refused(self, place: Place, session: ssl.SSLSession) -> None:
        """The server has not resumed the session; the handshake was a full one."""
        kept = self._find(place)
        if kept is not None and kept.session is session:
            kept.single_use = kept.taken
            kept.withdraw()

    def failed(self, place: Place, session: ssl.SSLSession) -> None:
        """The connection failed: whatever it was, the next one does without this session."""
        kept = self._find(place)
        if kept is not None and kept.session is session:
            kept.withdraw()

    def put(self, place: Place, source: SessionSource) -> None:
        """Keep the session of a connection that has proved good."""
        if self._closed:
            return
        places = self._contexts.setdefault(place.context, OrderedDict())
        self._contexts.move_to_end(place.context)
        kept = places.setdefault(place, _Kept())
        places.move_to_end(place)
        kept.source = source
        while len(self._contexts) > MAX_CONTEXTS:
            self._contexts.popitem(last=False)
        while len(self) > MAX_KEYS:
            oldest = next(iter(self._contexts))
            self._contexts[oldest].popitem(last=False)
            if not self._contexts[oldest]:
                del self._contexts[oldest]

    def clear(self) -> None:
        """Forget everything, and keep nothing from now on."""
        self._closed = True
        self._contexts.clear()

    def _find(self, place: Place) -> _Kept | None:
        places = self._contexts.get(place.context)
        kept = None if places is None else places.get(place)
        if places is not None and kept is not None:
            places.move_to_end(place)
            self._contexts.move_to_end(place.context)
        return kept

    def _renew(self, kept: _Kept, now: float) -> None:
        """Put the newest session on offer, or none."""
        kept.withdraw()
        if kept.source is None or not (self._askings is None or self._askings.take(now)):
            return
        source, kept.source = kept.source, None
        session = source.session
        if session is None:
            return
        lifetime = session.ticket_lifetime_hint or session.timeout
        end = min(session.time + min(lifetime, MAX_AGE), source.certificate_ends)
        if now < end:
            kept.session = session
            kept.until = min(now + SERVES_FOR, end)
