"""What is said to a SOCKS proxy, and what its answers mean: bytes in, bytes out.

Knows: SOCKS4, its extension 4a, SOCKS5 (RFC 1928) with user names and passwords (RFC 1929).
Must not know: streams, who waits, how the proxy was reached.
Called by: `socks_tunnels` says and hears it; `key` asks which schemes there are.

::

    scheme     speaks    who finds the target's addresses
    socks4     SOCKS4    we do; IPv4 only
    socks4a    SOCKS4a   the proxy
    socks5     SOCKS5    we do
    socks5h    SOCKS5    the proxy

A `Handshake` says how many bytes it wants next, and it never wants more than the proxy must send
before it hears from us: what follows its answer is the target's.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Generator
from typing import TypeAlias

__all__ = (
    "DEFAULT_PORT",
    "SCHEMES",
    "Handshake",
    "SocksError",
    "check_credentials",
    "resolves_names",
)

SCHEMES = frozenset({"socks4", "socks4a", "socks5", "socks5h"})
DEFAULT_PORT = 1080

_CONNECT = 1
_NO_AUTHENTICATION, _USER_AND_PASSWORD, _NOTHING_ACCEPTABLE = 0x00, 0x02, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4

#: RFC 1928 6.
_REPLIES_5 = {
    1: (errno.EIO, "general failure"),
    2: (errno.EACCES, "not allowed by the proxy's rules"),
    3: (errno.ENETUNREACH, "network unreachable"),
    4: (errno.EHOSTUNREACH, "host unreachable"),
    5: (errno.ECONNREFUSED, "connection refused"),
    6: (errno.ETIMEDOUT, "TTL expired"),
    7: (errno.EOPNOTSUPP, "the proxy does not do CONNECT"),
    8: (errno.EAFNOSUPPORT, "the proxy does not know this type of address"),
}
#: After which of these another address of the same host may do.
_OF_THE_ADDRESS_5 = frozenset({1, 3, 4, 5, 6, 8})

_GRANTED_4 = 90
_REPLIES_4 = {
    91: (errno.ECONNREFUSED, "request rejected or failed"),
    92: (errno.EACCES, "the proxy cannot ask this machine who the user is (identd)"),
    93: (errno.EACCES, "this machine (identd) says that the user is another"),
}
_OF_THE_ADDRESS_4 = frozenset({91})

#: What to send, and how many bytes to hear before the next step.
_Steps: TypeAlias = Generator[tuple[bytes, int], bytes, None]
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class SocksError(OSError):
    """The proxy refused, or does not speak SOCKS.

    Attributes:
        reply: the code of its refusal; ``None`` if it gave none.
        of_the_address: whether another address of the same host may do.
    """

    def __init__(
        self, number: int, text: str, *, reply: int | None = None, of_the_address: bool = False
    ) -> None:
        super().__init__(number, text)
        self.reply = reply
        self.of_the_address = of_the_address


def resolves_names(scheme: str) -> bool:
    """Whether the proxy is asked for names, and not only for addresses."""
    return scheme in ("socks4a", "socks5h")


def check_credentials(scheme: str, login: str | None, password: str) -> None:
    """See that a scheme can carry a name and a password.

    Raises:
        ValueError: it cannot.
    """
    if login is None:
        return
    if scheme in ("socks4", "socks4a"):
        if password:
            raise ValueError("SOCKS4 knows a user's name but no passwords; use socks5")
        if "\0" in login:
            raise ValueError("a user's name in SOCKS4 cannot hold NUL")
        return
    if not 1 <= len(login.encode()) <= 255:
        raise ValueError("a user's name in SOCKS5 has 1 to 255 bytes (RFC 1929)")
    if len(password.encode()) > 255:
        raise ValueError("a password in SOCKS5 has at most 255 bytes (RFC 1929)")


class Handshake:
    """One request to a SOCKS proxy.

    Args:
        scheme: one of `SCHEMES`.
        host: the target: an address, or a name if the scheme `resolves_names`.
        port: its port.
        login: the user's name; ``None`` without credentials.
        password: goes with it.

    Attributes:
        outgoing: what is to be sent before anything is heard.
        missing: how many bytes are to be heard next, at most; 0 when the proxy has agreed.

    Raises:
        SocksError: the target cannot be expressed.
    """

    def __init__(
        self, scheme: str, host: str, port: int, login: str | None = None, password: str = ""
    ) -> None:
        if scheme in ("socks4", "socks4a"):
            self._steps = _socks4(_request_4(host, port, login or ""))
        else:
            credentials = None if login is None else (login.encode(), password.encode())
            self._steps = _socks5(_request_5(host, port), credentials)
        self._heard = b""
        self.outgoing, self.missing = next(self._steps)

    def feed(self, data: bytes) -> bytes:
        """Take what was heard, at most `missing` bytes, and return what is to be sent now.

        Raises:
            SocksError: the proxy refused, or what it says is not SOCKS.
        """
        self._heard += data
        self.missing -= len(data)
        if self.missing:
            return b""
        heard, self._heard = self._heard, b""
        try:
            outgoing, self.missing = self._steps.send(heard)
        except StopIteration:
            return b""
        return outgoing


# --- SOCKS4 and 4a ------------------------------------------------------------------------------


def _request_4(host: str, port: int, login: str) -> bytes:
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        raise SocksError(errno.EAFNOSUPPORT, "SOCKS4 reaches IPv4 addresses only; use socks5")
    head = bytes([4, _CONNECT]) + port.to_bytes(2)
    user = login.encode() + b"\0"
    if address is not None:
        return head + address.packed + user
    # An address that cannot be one says that a name follows.
    return head + b"\0\0\0\1" + user + _name(host) + b"\0"


def _socks4(request: bytes) -> _Steps:
    answer = yield request, 8
    if answer[0] != 0:
        raise _not_socks("SOCKS4", answer)
    if answer[1] != _GRANTED_4:
        raise _refusal(answer[1], _REPLIES_4, _OF_THE_ADDRESS_4)


# --- SOCKS5 -------------------------------------------------------------------------------------


def _request_5(host: str, port: int) -> bytes:
    address = _address(host)
    if address is None:
        name = _name(host)
        where = bytes([_NAME, len(name)]) + name
    else:
        where = bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed
    return bytes([5, _CONNECT, 0]) + where + port.to_bytes(2)


def _socks5(request: bytes, credentials: tuple[bytes, bytes] | None) -> _Steps:
    methods = (
        [_NO_AUTHENTICATION] if credentials is None else [_NO_AUTHENTICATION, _USER_AND_PASSWORD]
    )
    version, method = yield bytes([5, len(methods), *methods]), 2
    if version != 5:
        raise _not_socks("SOCKS5", bytes([version, method]))
    if method == _NOTHING_ACCEPTABLE:
        wants = "wants credentials" if credentials is None else "takes no user names and passwords"
        raise SocksError(errno.EACCES, f"the proxy {wants}", reply=method)
    if method not in methods:
        raise SocksError(errno.EPROTO, f"the proxy chose method {method}, which was not offered")
    if method == _USER_AND_PASSWORD:
        assert credentials is not None
        yield from _authenticate(*credentials)
    version, reply = yield request, 2
    if version != 5:
        raise _not_socks("SOCKS5", bytes([version, reply]))
    if reply:
        raise _refusal(reply, _REPLIES_5, _OF_THE_ADDRESS_5)
    yield from _hear_bound_address()


def _authenticate(login: bytes, password: bytes) -> _Steps:
    pair = bytes([len(login)]) + login + bytes([len(password)]) + password
    version, status = yield b"\1" + pair, 2
    if status:
        text = "the proxy refused the user name and password"
        raise SocksError(errno.EACCES, text, reply=status)
    if version != 1:
        raise _not_socks("SOCKS5", bytes([version, status]))


def _hear_bound_address() -> _Steps:
    """Hear from which address the proxy connects, which nobody asked for."""
    _, kind = yield b"", 2
    if kind == _NAME:
        (length,) = yield b"", 1
    elif kind in (_IPV4, _IPV6):
        length = 4 if kind == _IPV4 else 16
    else:
        raise SocksError(errno.EPROTO, f"the proxy answers with an address of unknown type {kind}")
    yield b"", length + 2


# --- both ---------------------------------------------------------------------------------------


def _address(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _name(host: str) -> bytes:
    name = host.encode()
    if not (1 <= len(name) <= 255 and name.isascii()) or b"\0" in name:
        raise SocksError(errno.EINVAL, "the host's name cannot be given to a SOCKS proxy")
    return name


def _refusal(
    reply: int, texts: dict[int, tuple[int, str]], of_the_address: frozenset[int]
) -> SocksError:
    number, text = texts.get(reply, (errno.EIO, "refused for a reason that is not assigned"))
    return SocksError(
        number,
        f"{text} (reply {reply})",
        reply=reply,
        of_the_address=reply in of_the_address,
    )


def _not_socks(version: str, heard: bytes) -> SocksError:
    text = f"the proxy does not speak {version}"
    if heard.startswith(b"HT"):
        text += ", but HTTP; is it an http:// proxy?"
    return SocksError(errno.EPROTO, text)
