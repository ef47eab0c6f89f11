"""HTTP Basic credentials, and which of those at hand a request carries.

Knows: the Basic scheme (RFC 7617) and the order of its sources.
Must not know: how netrc and the environment are read, redirects, proxies.
Called by: `session`, `pipeline`, `redirects`, `proxies`, `netrc`, and users.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from yarl import URL

from ..exceptions import InvalidRequestError, InvalidUrlClientError
from .urls import strip_credentials

__all__ = ("BasicAuth", "authorization_for", "credentials_from_url", "encode_basic_auth")


def encode_basic_auth(login: str, password: str = "", encoding: str = "utf-8") -> str:
    """Return the value of ``Authorization`` (or ``Proxy-Authorization``) for Basic credentials.

    Args:
        login: the user; must not hold ``:`` (RFC 7617 2).
        password: the password.
        encoding: of both.

    Raises:
        InvalidRequestError: the login holds ``:``, or the encoding cannot express the credentials;
            also a ``ValueError``.
    """
    if ":" in login:
        raise InvalidRequestError('A ":" is not allowed in login (RFC 7617#section-2)')
    try:
        credentials = f"{login}:{password}".encode(encoding)
    except UnicodeEncodeError:
        # The original error holds the password.
        raise InvalidRequestError(
            f"login and password cannot be expressed in {encoding}; give another encoding="
        ) from None
    return "Basic " + base64.b64encode(credentials).decode("ascii")


class _Credentials(NamedTuple):
    login: str
    password: str
    encoding: str


class BasicAuth(_Credentials):
    """Credentials of the Basic scheme, as aiohttp has them.

    Args:
        login: the user; must not hold ``:``.
        password: the password. It is not shown by ``repr``.
        encoding: of both on the wire.

    Raises:
        ValueError: the login holds ``:``, or one of the two is ``None``.
    """

    __slots__ = ()

    def __new__(cls, login: str, password: str = "", encoding: str = "latin1") -> BasicAuth:
        if login is None:
            raise ValueError("None is not allowed as login value")
        if password is None:
            raise ValueError("None is not allowed as password value")
        if ":" in login:
            raise ValueError('A ":" is not allowed in login (RFC 7617#section-2)')
        return super().__new__(cls, login, password, encoding)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(login={self.login!r}, password='***')"

    @classmethod
    def decode(cls, auth_header: str, encoding: str = "latin1") -> BasicAuth:
        """Read the value of an ``Authorization`` field.

        Raises:
            ValueError: it is not of the Basic scheme, or malformed.
        """
        scheme, space, encoded = auth_header.partition(" ")
        if not space:
            raise ValueError("Could not parse authorization header.")
        if scheme.lower() != "basic":
            raise ValueError(f"Unknown authorization method {scheme}")
        try:
            decoded = base64.b64decode(encoded.encode("ascii"), validate=True).decode(encoding)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("Invalid base64 encoding.") from None
        except UnicodeDecodeError:
            raise ValueError(f"Credentials are not encoded in {encoding}.") from None
        login, colon, password = decoded.partition(":")
        if not colon:
            raise ValueError("Invalid credentials.")
        return cls(login, password, encoding)

    @classmethod
    def from_url(cls, url: URL, *, encoding: str = "latin1") -> BasicAuth | None:
        """Take the credentials of a URL; ``None`` if it has none.

        Raises:
            TypeError: ``url`` is not a `URL`.
            ValueError: the user holds ``:``.
        """
        if not isinstance(url, URL):
            raise TypeError("url should be yarl.URL instance")
        _, credentials = strip_credentials(url)
        return None if credentials is None else cls(*credentials, encoding)

    def encode(self) -> str:
        """Return the value of ``Authorization``.

        Raises:
            InvalidRequestError: the encoding cannot express the credentials.
        """
        return encode_basic_auth(self.login, self.password, self.encoding)


def credentials_from_url(url: URL) -> tuple[URL, BasicAuth | None]:
    """Return the URL without credentials, and them.

    They are Latin-1 as in aiohttp where they can be, UTF-8 (RFC 7617 2.1) where they must.

    Raises:
        InvalidUrlClientError: the user holds ``:``.
    """
    bare, credentials = strip_credentials(url)
    if credentials is None:
        return url, None
    try:
        return bare, basic_auth_for(*credentials)
    except ValueError as exc:
        raise InvalidUrlClientError(bare, str(exc)) from None


def basic_auth_for(login: str, password: str) -> BasicAuth:
    """Return credentials that somebody wrote down without an encoding.

    Raises:
        ValueError: the login holds ``:``.
    """
    try:
        f"{login}{password}".encode("latin1")
    except UnicodeEncodeError:
        return BasicAuth(login, password, "utf-8")
    return BasicAuth(login, password)


def authorization_for(
    *,
    request: BasicAuth | None,
    url: BasicAuth | None = None,
    session: BasicAuth | None = None,
    has_header: bool = False,
    redirected: bool = False,
) -> BasicAuth | None:
    """Decide which credentials a hop carries: the request's, the URL's, or the session's.

    Netrc comes after all of these: it is to be asked only if the answer is ``None`` and there is
    no header either.

    Args:
        request: ``auth=`` of the request.
        url: what stood in the URL of this hop.
        session: the session's, if they may go to this origin.
        has_header: whether ``Authorization`` was set by hand, on the session or the request.
        redirected: whether the URL came from a redirect: its credentials win then, since the
            caller cannot know of them.

    Raises:
        TypeError: ``auth`` is not a `BasicAuth`.
        ValueError: two sources that the caller controls contradict each other.
    """
    for auth in (request, session):
        if auth is not None and not isinstance(auth, BasicAuth):
            raise TypeError("BasicAuth() tuple is required instead")
    if redirected:
        return url or (None if has_header else request or session)
    if request is not None and url is not None:
        raise ValueError("Cannot combine AUTH argument with credentials encoded in URL")
    chosen = request or url or session
    if chosen is not None and has_header:
        raise ValueError(
            "Cannot combine AUTHORIZATION header with AUTH argument or credentials encoded in URL"
        )
    return chosen
