"""How a request wants TLS to be done.

Knows: what may be said about TLS with a request.
Must not know: how TLS is done.
Called by: `options` makes them; `request` carries them; `pipeline` asks for a connection by them.
"""

from __future__ import annotations

import ssl as ssl_module
from typing import NamedTuple

from .._connect.fingerprint import Fingerprint

__all__ = ("PLAIN_TLS", "TLSOptions")


class TLSOptions(NamedTuple):
    """How a request wants TLS to be done, where it differs from its connector.

    Args:
        ssl: aiohttp's meaning: ``True`` as the connector says, ``False`` no verification, a
            context, or a `Fingerprint` instead of verification.
        pin: a fingerprint in addition to verification.
        server_hostname: the name to send and verify instead of the URL's host.
    """

    ssl: ssl_module.SSLContext | bool | Fingerprint = True
    pin: Fingerprint | None = None
    server_hostname: str | None = None


#: Of a request that says nothing of TLS.
PLAIN_TLS = TLSOptions()
