"""TLS for a connection being made: which context, which name, which pin, which session.

Knows: what aiohttp's ``ssl=`` settings mean, names as certificates spell them.
Must not know: how the stream was made, HTTP beyond its ALPN name.
Called by: `dialing`, once for the target and once for a proxy spoken to over https.

A context that the caller made is used as it is and never changed: others may use it, too, for
whom HTTP/2 would be Greek. It offers HTTP/2 if its maker had it do so
(``context.set_alpn_protocols(["h2", "http/1.1"])``), and HTTP/1.1 is spoken otherwise. Ours are
made once for the process, when first needed, in a worker thread: reading the system's authorities
takes tens of milliseconds.

A session of an earlier connection is offered, where there is one; if the server refuses it, the
handshake is a full one. Pins are checked on a resumed connection as on any other, against the
certificate that the session holds. A session is kept once application data has come from the
server: never that of a failed handshake, of a wrong pin, of a client certificate that the server
did not accept.
"""

from __future__ import annotations

import ssl
import threading
from functools import partial

import anyio
from yarl import URL

from .._net.failures import NETWORK_FAILURES, as_os_error
from .._net.streams import NetworkStream
from .._net.tls import TLSStream
from ..exceptions import ClientConnectorCertificateError, ClientConnectorSSLError
from .fingerprint import Fingerprint
from .key import ConnectionKey, SSLSetting, Versions
from .resolver import without_zone
from .tls_sessions import TLSSessions, place_of

__all__ = ("certificate_name", "context_for", "start_tls")

_contexts: dict[tuple[bool, Versions], ssl.SSLContext] = {}
_making = threading.Lock()


async def context_for(setting: SSLSetting, versions: Versions = ("http/1.1",)) -> ssl.SSLContext:
    """Return the context that ``setting`` asks for.

    Args:
        setting: ``True``: the system's authorities; ``False`` or a fingerprint: no verification;
            a context: itself.
        versions: of HTTP, to be offered by ALPN. A caller's context offers what it was told to.
    """
    if isinstance(setting, ssl.SSLContext):
        return setting
    verified = setting is True
    context = _contexts.get((verified, versions))
    if context is None:
        context = await anyio.to_thread.run_sync(
            _own_context, verified, versions, abandon_on_cancel=True
        )
    return context


def _own_context(verified: bool, versions: Versions) -> ssl.SSLContext:
    with _making:
        context = _contexts.get((verified, versions))
        if context is None:
            context = ssl.create_default_context()
            if not verified:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(versions)
            _contexts[verified, versions] = context
        return context


def certificate_name(host: str) -> str:
    """Return ``host`` as certificates spell it: A-labels, no trailing dot, no IPv6 zone."""
    name = without_zone(host).rstrip(".")
    if name.isascii():
        return name
    return URL.build(scheme="https", host=name).raw_host or name


async def start_tls(
    stream: NetworkStream, key: ConnectionKey, sessions: TLSSessions | None = None
) -> TLSStream:
    """Put TLS on ``stream``, verify the peer, check the pins.

    Args:
        stream: a connection to the peer, which belongs to the returned stream from now on.
        key: whom to expect there, and by which settings.
        sessions: where to find one to resume, and to keep this one; none to do neither.

    Raises:
        ClientConnectorCertificateError: the certificate did not verify.
        ClientConnectorSSLError: TLS failed otherwise, or the name is none TLS can ask for.
        ServerFingerprintMismatch: the certificate is not the pinned one. Nothing but the handshake
            was sent.
        OSError: the connection broke during the handshake.

    On any exception, cancellation included, the stream is aborted.
    """
    try:
        context = await context_for(key.ssl, key.versions)
        place = None if sessions is None else place_of(key, context)
        if sessions is None or place is None:
            return await _secured(stream, key, context)
        session = sessions.offer(place)
        try:
            secure = await _secured(stream, key, context, session)
        except BaseException:
            if session is not None:
                sessions.failed(place, session)
            raise
        if session is not None:
            (sessions.taken if secure.resumed else sessions.refused)(place, session)
        secure.on_session = partial(sessions.put, place)
        return secure
    except BaseException as exc:
        stream.abort()
        _raise_as_ours(exc, key)
        raise


async def _secured(
    stream: NetworkStream,
    key: ConnectionKey,
    context: ssl.SSLContext,
    session: ssl.SSLSession | None = None,
) -> TLSStream:
    name = certificate_name(key.server_hostname or key.host)
    secure = TLSStream(stream, context, server_hostname=name, session=session)
    await secure.handshake(hold_last=True)
    _check_pins(secure, key)
    return secure


def _check_pins(stream: TLSStream, key: ConnectionKey) -> None:
    pins = [pin for pin in (key.ssl, key.pin) if isinstance(pin, Fingerprint)]
    if not pins:
        return
    der = stream.peer_certificate
    for pin in pins:
        pin.check(der, key.host, key.port)


def _raise_as_ours(exc: BaseException, key: ConnectionKey) -> None:
    """Raise our error for a failed handshake; return if ``exc`` is to go on as it is."""
    if isinstance(exc, ssl.CertificateError):
        raise ClientConnectorCertificateError(key, exc) from exc
    if isinstance(exc, ssl.SSLError):
        raise ClientConnectorSSLError(key, exc) from exc
    if isinstance(exc, NETWORK_FAILURES) and not isinstance(exc, OSError):
        raise as_os_error(exc) from exc
    if isinstance(exc, ValueError):  # what ``ssl`` says of names it cannot send
        raise ClientConnectorSSLError(key, ssl.SSLError(0, str(exc))) from exc
