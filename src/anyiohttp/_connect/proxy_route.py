"""How a proxy is reached and greeted, and what a user's URL says of that. Pure.

Knows: schemes of proxies, where their credentials come from.
Must not know: which requests go through one, how it is spoken to.
Called by: `key`, whose part a route is; ``ProxyConnector``; ``_client`` for ``proxy=`` and the
environment.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Protocol, TypeAlias

from yarl import URL

from ..exceptions import InvalidRequestError, InvalidURL
from ..exceptions import without_credentials as shown
from ..typedefs import StrOrURL
from .fingerprint import Fingerprint
from .socks import DEFAULT_PORT, SCHEMES, check_credentials
from .url_syntax import parse_url, problem_of, strip_credentials

__all__ = ("PROXY_SCHEMES", "Credentials", "ProxyRoute", "SSLSetting")

#: Of proxies that can be spoken to.
PROXY_SCHEMES = SCHEMES | {"http", "https"}

#: ``True``: verify by the default context; ``False``: do not verify; a context: as it says;
#: a fingerprint: the certificate must be this one, and is not verified otherwise.
SSLSetting: TypeAlias = SSLContext | bool | Fingerprint

_NO_COLON = 'A ":" (colon) is not allowed in login (RFC 7617#section-2)'


class Credentials(Protocol):
    """A user's name and password; ``BasicAuth`` is one."""

    @property
    def login(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def encoding(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """How to reach a proxy, and how to greet it.

    Args:
        url: scheme, host and port, nothing else; http, https or a scheme of SOCKS (`socks`).
        login: the user's name; ``None`` if the proxy asks for none.
        password: goes with it.
        encoding: of the two, in the header field.
        headers: further fields for the proxy, in order.
        ssl: how to do TLS with an https proxy.

    Raises:
        InvalidURL: the URL is not that of a proxy we can speak to.
        ValueError: the proxy's protocol cannot carry the name, the password or the fields.
    """

    url: URL
    login: str | None = None
    password: str = field(default="", repr=False)
    encoding: str = "latin1"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ssl: SSLSetting = True

    def __post_init__(self) -> None:
        url = self.url
        if url.scheme not in PROXY_SCHEMES:
            raise InvalidURL(url, f"a proxy is one of {', '.join(sorted(PROXY_SCHEMES))}")
        if not url.raw_host:
            raise InvalidURL(url, "a proxy needs a host")
        if url != url.origin():
            raise InvalidURL(url, "a proxy's route is its scheme, host and port only")
        if self.is_socks:
            if self.headers:
                raise ValueError("a SOCKS proxy takes no header fields (proxy_headers)")
            check_credentials(url.scheme, self.login, self.password)
        elif self.login is not None:
            if ":" in self.login:
                raise ValueError(_NO_COLON)
            try:
                f"{self.login}{self.password}".encode(self.encoding)
            except UnicodeEncodeError:  # its message holds the password
                raise InvalidRequestError(
                    f"login and password of the proxy cannot be expressed in {self.encoding}; "
                    "give another encoding="
                ) from None

    @classmethod
    def parse(
        cls,
        proxy: str | URL,
        auth: Credentials | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        ssl: SSLSetting = True,
    ) -> ProxyRoute:
        """Make a route of what a user writes.

        Args:
            proxy: URL, which may hold the credentials.
            auth: the credentials, if the URL does not hold them.
            headers: further fields for the proxy.
            ssl: how to do TLS with an https proxy.

        Raises:
            InvalidURL: the URL is malformed, or not that of a proxy we can speak to.
            ValueError: credentials are given twice, beyond their encoding, or such as the proxy's
                protocol cannot carry.
        """
        url, login, password = _read(proxy)
        by_hand = any(name.lower() == "proxy-authorization" for name, _ in headers)
        if auth is not None and login is not None:
            raise ValueError("Cannot combine proxy_auth with credentials encoded in the URL")
        if by_hand and (auth is not None or login is not None):
            raise ValueError("Cannot combine a Proxy-Authorization header with other credentials")
        if auth is not None:
            return cls(url, auth.login, auth.password, auth.encoding, headers, ssl)
        if login is None:
            return cls(url, headers=headers, ssl=ssl)
        return cls(url, login, password, _encoding_of(login + password), headers, ssl)

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization`` (RFC 7617); ``None`` without credentials."""
        if self.login is None:
            return None
        pair = f"{self.login}:{self.password}".encode(self.encoding)
        return f"Basic {base64.b64encode(pair).decode('ascii')}"

    @property
    def is_socks(self) -> bool:
        """Whether the proxy speaks SOCKS, and carries nothing but tunnels."""
        return self.url.scheme in SCHEMES

    @property
    def port(self) -> int | None:
        """The proxy's port, by default its scheme's."""
        return self.url.port or (DEFAULT_PORT if self.is_socks else None)

    @property
    def is_ssl(self) -> bool:
        """Whether the proxy itself is spoken to over TLS."""
        return self.url.scheme == "https"

    def with_tls_of(self, setting: SSLSetting) -> ProxyRoute:
        """Return the route with a request's TLS setting, as in aiohttp, where it has none itself.

        A fingerprint is the target's alone.
        """
        if not self.is_ssl or self.ssl is not True or isinstance(setting, Fingerprint):
            return self
        return self if setting is True else replace(self, ssl=setting)


def _read(proxy: StrOrURL) -> tuple[URL, str | None, str]:
    """Return the bare URL of a proxy, and user and password.

    Raises:
        InvalidURL: it names no proxy that can be used.
    """
    try:
        url, credentials = strip_credentials(parse_url(proxy))
    except ValueError:
        raise InvalidURL(shown(proxy), "the proxy's URL is malformed") from None
    if url.scheme not in PROXY_SCHEMES:
        scheme = f"scheme {url.scheme!r}" if url.scheme else "URL without a scheme"
        known = ", ".join(sorted(PROXY_SCHEMES))
        raise InvalidURL(shown(url), f"a proxy {scheme} is not supported, only {known}")
    problem = problem_of(url)
    basic = url.scheme not in SCHEMES
    if problem is None and basic and credentials is not None and ":" in credentials[0]:
        problem = _NO_COLON
    if problem is not None:
        raise InvalidURL(shown(url), f"proxy: {problem}")
    login, password = credentials or (None, "")
    return url.origin(), login, password


def _encoding_of(text: str) -> str:
    """Return Latin-1, as aiohttp has it, where it will do, and UTF-8 (RFC 7617 2.1) elsewhere."""
    try:
        text.encode("latin1")
    except UnicodeEncodeError:
        return "utf-8"
    return "latin1"
