"""How a server is reached, as the command line says it.

Knows: the options' names and types.
Must not know: click, sessions, what an option does.
Called by: `sessions` makes sessions of it, `curl` renders it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ("ConnectionSettings", "PinError", "RateError", "parse_pin", "parse_rate")


class PinError(ValueError):
    """A pin cannot be read."""


class RateError(ValueError):
    """A rate cannot be read."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How a server is reached. The defaults are those of the command line.

    Args:
        http: the HTTP version to speak: ``1.0``, ``1.1``, ``2``; ``None`` for what both can.
        proxy: through whom.
        proxy_auth: ``user:password`` for it.
        trust_env: whether proxies and credentials of the environment (netrc) are used.
        unix_socket: the path of the socket to connect to, whatever the URL's host.
        cert: a file with the client's certificate.
        key: a file with its private key, if that is not in the same file.
        ca: a file or directory of the authorities to trust instead of the system's.
        insecure: do not verify certificates.
        pin: the SHA-256 that the server's certificate must have.
        server_name: the name to expect in it.
        tls_min: the lowest version of TLS: ``1.2`` or ``1.3``.
        timeout: seconds for the whole call.
        connect_timeout: seconds to connect.
        read_timeout: seconds between two pieces from the server.
    """

    http: str | None = None
    proxy: str | None = None
    proxy_auth: str | None = None
    trust_env: bool = True
    unix_socket: str | None = None
    cert: str | None = None
    key: str | None = None
    ca: str | None = None
    insecure: bool = False
    pin: bytes | None = None
    server_name: str | None = None
    tls_min: str | None = None
    timeout: float | None = None
    connect_timeout: float | None = None
    read_timeout: float | None = None


def parse_pin(text: str) -> bytes:
    """Return the digest of ``sha256:HEX``; the hex digits may have colons between them.

    Raises:
        PinError: it is none.
    """
    name, colon, digits = text.partition(":")
    if not colon or name.lower() != "sha256":
        raise PinError(f"{text!r} is not sha256:… (64 hex digits of the certificate's digest)")
    try:
        digest = bytes.fromhex(digits.replace(":", ""))
    except ValueError as exc:
        raise PinError(f"the pin {text!r} has more than hex digits") from exc
    if len(digest) != 32:
        raise PinError(f"the pin {text!r} has {2 * len(digest)} hex digits, not 64")
    return digest


_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?(?:/s)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_rate(text: str) -> float:
    """Return the bytes per second of ``500K``, ``1.5M``, ``2G`` or a plain number.

    Raises:
        RateError: it is none, or 0.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    if not rate:
        raise RateError(f"{text!r} is no rate: use 500K, 1.5M, 2G or a number of bytes a second")
    return rate
