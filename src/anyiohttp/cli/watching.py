"""What ``--verbose`` can know of a call: when its phases were, and what TLS agreed on.

Knows: tracing, `ssl`, sockets.
Must not know: how it is shown.
Called by: `sending`.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

from .. import ClientSession, TraceConfig
from .timeline import Phase, Timeline

__all__ = ("Watch", "certificate_lines")


#: As `socket.getaddrinfo` has it.
_Address = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class Watch:
    """Watches one call.

    Attributes:
        timeline: of its phases.
        tls: what the last handshake made, be it with a proxy or with the target behind it.
    """

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.tls: ssl.SSLObject | None = None
        self._sockets: list[socket.socket] = []

    def make_socket(self, address: _Address) -> socket.socket:
        """Make a socket for a connector, and remember it."""
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.append(made)
        return made

    def peer(self) -> str | None:
        """Return the address that the last connection leads to; ``None`` if there is none."""
        for each in reversed(self._sockets):
            with suppress(OSError):  # closed, or lost the race for the fastest address
                host, port = each.getpeername()[:2]
                return f"{host} port {port}"
        return None

    def tls_begins(self, tls: ssl.SSLObject) -> None:
        """A handshake is about to begin."""
        self.tls = tls
        self.timeline.begin(Phase.TLS)

    def head_arrived(self) -> None:
        """The head of an answer is there."""
        self.timeline.end(Phase.WAIT)
        self.timeline.begin(Phase.BODY)

    def trace_config(self) -> TraceConfig:
        """Return what tells of the phases.

        What is sent tells before it is: the last piece's turn ends ``send`` and begins ``wait``.
        """
        begin, end = self.timeline.begin, self.timeline.end
        config = TraceConfig()
        config.on_connection_queued_start.append(_told(partial(begin, Phase.QUEUE)))
        config.on_connection_queued_end.append(_told(partial(end, Phase.QUEUE)))
        config.on_dns_resolvehost_start.append(_told(partial(begin, Phase.NAME)))
        config.on_dns_resolvehost_end.append(_told(partial(end, Phase.NAME)))
        config.on_connection_create_start.append(_told(partial(begin, Phase.CONNECT)))
        config.on_connection_create_end.append(
            _told(partial(end, Phase.TLS), partial(end, Phase.CONNECT))
        )
        waits = partial(begin, Phase.WAIT)
        sends = partial(begin, Phase.SEND)
        config.on_request_headers_sent.append(_told(sends, waits))
        config.on_request_chunk_sent.append(_told(partial(end, Phase.SEND), sends, waits))
        return config

    def tls_lines(self) -> list[str]:
        """Return what TLS agreed on; nothing if there was none."""
        tls = self.tls
        if tls is None or tls.version() is None:
            return []
        cipher = tls.cipher()
        protocol = tls.selected_alpn_protocol()
        lines = [
            f"{tls.version()}, {cipher[0] if cipher else 'no cipher'}"
            + (f", ALPN {protocol}" if protocol else "")
            + (", resumed" if tls.session_reused else "")
        ]
        der = tls.getpeercert(binary_form=True)
        return lines if der is None else [*lines, *certificate_lines(tls.getpeercert(), der)]


_Listener = Callable[[ClientSession, SimpleNamespace, object], Awaitable[None]]


def _told(*actions: Callable[[], None]) -> _Listener:
    async def told(session: ClientSession, context: SimpleNamespace, params: object) -> None:
        for action in actions:
            action()

    return told


class WatchedContext(ssl.SSLContext):
    """A client's context that tells of each handshake that is about to begin."""

    watch: Watch

    def wrap_bio(self, *args: object, **kwargs: object) -> ssl.SSLObject:
        made = super().wrap_bio(*args, **kwargs)  # type: ignore[arg-type]
        self.watch.tls_begins(made)
        return made


def certificate_lines(certificate: object, der: bytes) -> list[str]:
    """Return what a certificate says, and the pin for it.

    Args:
        certificate: as `ssl.SSLObject.getpeercert` returns it; empty if it was not verified.
        der: the same in DER form.
    """
    lines = []
    if isinstance(certificate, dict) and certificate:
        names = ", ".join(value for _, value in certificate.get("subjectAltName", ()))
        lines.append(f"certificate for {names or _name(certificate.get('subject'))}")
        until = certificate.get("notAfter", "?")
        lines.append(f"  issued by {_name(certificate.get('issuer'))}, valid until {until}")
    else:
        lines.append("certificate not verified")
    lines.append(f"  sha256:{hashlib.sha256(der).hexdigest()}")
    return lines


def _name(parts: object) -> str:
    """Return the common name of a distinguished name, or its organization."""
    found: dict[str, str] = {}
    if isinstance(parts, tuple):
        found = {key: value for part in parts for key, value in part}
    return found.get("commonName") or found.get("organizationName") or "nobody"
