"""A certificate authority for tests.

Knows: trustme, which it needs when it is used, not when it is imported.
Must not know: connections.
Called by: tests, for the contexts of a peer and of the client that trusts it.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

__all__ = ("CertificateAuthority",)


class CertificateAuthority:
    """Issues certificates that only its own clients trust; needs ``trustme`` to be installed.

    Making one takes milliseconds, because of its key: make one for all tests.
    """

    def __init__(self) -> None:
        import trustme

        self._authority: trustme.CA = trustme.CA()

    def server_context(self, *hosts: str, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return the context of a server that proves to be these hosts.

        Args:
            *hosts: names and addresses; ``*.name`` for all names one level below.
            alpn: protocols to choose from.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*hosts).configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def client_context(self, *, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority, and no other.

        Args:
            alpn: protocols to offer; ``("h2", "http/1.1")`` for HTTP/2.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self._authority.configure_trust(context)
        return context
