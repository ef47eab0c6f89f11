"""Sessions as the command line wants them.

Knows: the public API, files of certificates.
Must not know: the options' syntax, what is requested.
Called by: the commands.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from multidict import CIMultiDict

from .. import (
    BaseConnector,
    BasicAuth,
    ClientMiddlewareType,
    ClientSession,
    ClientTimeout,
    DigestAuthMiddleware,
    Fingerprint,
    HttpVersion,
    HttpVersion10,
    HttpVersion11,
    RequestKwargs,
    TCPConnector,
    UnixConnector,
)
from ..abc import AbstractCookieJar
from .plan import Auth, AuthKind, Destination
from .settings import ConnectionSettings
from .watching import Watch, WatchedContext

__all__ = (
    "CertificateError",
    "auth_arguments",
    "destination_arguments",
    "open_session",
    "timeout_of",
    "tls_arguments",
)

#: Seconds, where the command line says nothing.
_CONNECT = 30.0
_READ = 60.0


class CertificateError(OSError):
    """A file of certificates or keys cannot be used."""


def open_session(
    settings: ConnectionSettings,
    *,
    limit_per_host: int = 0,
    cookie_jar: AbstractCookieJar | None = None,
    endless: bool = False,
    watch: Watch | None = None,
    middlewares: Sequence[ClientMiddlewareType] = (),
) -> ClientSession:
    """Return a session that reaches servers as it was asked.

    Args:
        settings: how servers are reached.
        limit_per_host: how many connections there may be to one server; 0 for any number.
        cookie_jar: keeps the cookies.
        endless: whether the server may be silent for any time.
        watch: is told of the phases of calls.
        middlewares: of every request.

    Raises:
        ValueError: two settings contradict each other.
    """
    proxy_auth = settings.proxy_auth
    return ClientSession(
        connector=_connector(settings, limit_per_host, watch),
        cookie_jar=cookie_jar,
        timeout=timeout_of(settings, endless=endless),
        trust_env=settings.trust_env,
        version=_version(settings),
        proxy=settings.proxy,
        proxy_auth=None if proxy_auth is None else _basic(proxy_auth),
        middlewares=middlewares,
        trace_configs=None if watch is None else [watch.trace_config()],
    )


def _basic(credentials: str) -> BasicAuth:
    user, _, password = credentials.partition(":")
    return BasicAuth(user, password, "utf-8")


def _connector(
    settings: ConnectionSettings, limit_per_host: int, watch: Watch | None
) -> BaseConnector:
    if settings.unix_socket is not None:
        if settings.proxy is not None:
            raise ValueError("--unix-socket and --proxy exclude each other")
        return UnixConnector(
            settings.unix_socket,
            limit_per_host=limit_per_host,
            http_versions=_protocols(settings),
        )
    return TCPConnector(
        http_versions=_protocols(settings),
        limit_per_host=limit_per_host,
        socket_factory=None if watch is None else watch.make_socket,
    )


def _protocols(settings: ConnectionSettings) -> list[str]:
    """Return the versions of HTTP that may be spoken, by their names in ALPN."""
    if settings.http is None:
        return ["h2", "http/1.1"]
    return ["h2"] if settings.http == "2" else ["http/1.1"]


def _version(settings: ConnectionSettings) -> HttpVersion:
    return HttpVersion10 if settings.http == "1.0" else HttpVersion11


def timeout_of(settings: ConnectionSettings, *, endless: bool = False) -> ClientTimeout:
    """Return the limits of calls; ``endless`` if the server may be silent for any time."""
    read = settings.read_timeout
    if read is None and not endless:
        read = _READ
    connect = settings.connect_timeout
    return ClientTimeout(
        total=settings.timeout,
        sock_connect=_CONNECT if connect is None else connect,
        sock_read=read,
    )


def tls_arguments(settings: ConnectionSettings, watch: Watch | None = None) -> RequestKwargs:
    """Return how a request says what TLS is to be like.

    A pin is asked for beside verification, or with ``insecure`` in place of it.

    Args:
        settings: what was asked for.
        watch: is told of handshakes.

    Raises:
        CertificateError: a file cannot be used.
    """
    arguments: RequestKwargs = {}
    if settings.server_name is not None:
        arguments["server_hostname"] = settings.server_name
    own_context = watch or settings.cert or settings.ca or settings.tls_min
    if own_context:
        arguments["ssl"] = _context(settings, watch)
    elif settings.insecure:
        arguments["ssl"] = False if settings.pin is None else Fingerprint(settings.pin)
    if settings.pin is not None and (own_context or not settings.insecure):
        arguments["fingerprint"] = settings.pin
    return arguments


def auth_arguments(auth: Auth | None, headers: CIMultiDict[str]) -> RequestKwargs:
    """Return how a request shows credentials; a token is added to its headers."""
    if auth is None:
        return {}
    if auth.kind is AuthKind.BASIC:
        return {"auth": BasicAuth(auth.user, auth.password, "utf-8")}
    if auth.kind is AuthKind.DIGEST:
        return {"middlewares": [DigestAuthMiddleware(auth.user, auth.password)]}
    headers["Authorization"] = f"Bearer {auth.password}"
    return {}


def destination_arguments(
    destination: Destination, settings: ConnectionSettings
) -> tuple[RequestKwargs, Sequence[ClientMiddlewareType]]:
    """Return how a conversation is begun with a destination, and the middlewares for its session.

    Raises:
        CertificateError: as `tls_arguments`.
    """
    headers = CIMultiDict(destination.headers)
    shown = auth_arguments(destination.auth, headers)
    middlewares = shown.pop("middlewares", None) or ()
    return {"headers": headers, **tls_arguments(settings), **shown}, middlewares


_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _context(settings: ConnectionSettings, watch: Watch | None) -> ssl.SSLContext:
    """Return a context as `ssl.create_default_context` makes it, with what was asked for."""
    if watch is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.watch = watch
    context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0)
    context.verify_flags |= getattr(ssl, "VERIFY_X509_STRICT", 0)
    context.set_alpn_protocols(_protocols(settings))
    _trust(context, settings.ca)
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.tls_min is not None:
        context.minimum_version = _VERSIONS[settings.tls_min]
    if settings.cert is not None:
        try:
            context.load_cert_chain(settings.cert, settings.key)
        except OSError as exc:
            files = " and ".join(filter(None, (settings.cert, settings.key)))
            raise CertificateError(f"no certificate with its key in {files}: {exc}") from exc
    return context


def _trust(context: ssl.SSLContext, authorities: str | None) -> None:
    if authorities is None:
        context.load_default_certs()
        return
    is_directory = authorities.endswith("/")
    try:
        context.load_verify_locations(
            cafile=None if is_directory else authorities,
            capath=authorities if is_directory else None,
        )
    except OSError as exc:
        raise CertificateError(f"no authorities' certificates in {authorities}: {exc}") from exc
