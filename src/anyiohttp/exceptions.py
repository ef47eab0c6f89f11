"""Every error this library raises, in one tree.

Knows: the names, the hierarchy and what each error says.
Must not know: anything else of this package (it imports nothing of ours).
Called by: every layer.

The tree (aiohttp's names and bases; ``+`` marks a second, built-in base)::

    ClientError
    ├── ClientConnectionError
    │   ├── ClientConnectionResetError            + ConnectionResetError
    │   ├── ClientOSError                         + OSError
    │   │   └── ClientConnectorError
    │   │       ├── ClientConnectorDNSError
    │   │       ├── ClientProxyConnectionError
    │   │       │   └── ClientSocksProxyError
    │   │       ├── UnixClientConnectorError
    │   │       └── ClientSSLError
    │   │           ├── ClientConnectorSSLError          + ssl.SSLError
    │   │           └── ClientConnectorCertificateError  + ssl.CertificateError
    │   ├── ServerConnectionError
    │   │   ├── ServerDisconnectedError
    │   │   ├── ServerTimeoutError                + TimeoutError
    │   │   │   ├── ConnectionTimeoutError
    │   │   │   └── SocketTimeoutError
    │   │   └── ServerFingerprintMismatch (also named FingerprintMismatch)
    │   ├── RequestBodyError
    │   └── ForeignEventLoopError                 + RuntimeError
    ├── ClientPayloadError
    │   ├── ContentDecodingError
    │   ├── BodySizeMismatchError
    │   ├── BodyTooLargeError
    │   ├── ResponseAbandonedError                + RuntimeError
    │   └── MalformedMultipartError               + ValueError, RuntimeError
    ├── ClientResponseError
    │   ├── ClientHttpProxyError
    │   ├── ContentTypeError
    │   ├── TooManyRedirects
    │   ├── MalformedResponseError
    │   ├── EventSourceError
    │   └── WSServerHandshakeError
    ├── InvalidRequestError                       + ValueError
    │   ├── InvalidBodyError                      + TypeError
    │   └── UnknownCodingError                    + RuntimeError
    ├── InvalidURL                                + ValueError
    │   └── InvalidUrlClientError
    │       └── InvalidUrlRedirectClientError     + RedirectClientError
    ├── RedirectClientError
    ├── NonHttpUrlClientError
    │   └── NonHttpUrlRedirectClientError         + RedirectClientError
    ├── BodyNotReplayableError                    + ClientPayloadError
    ├── StreamConsumedError                       + RuntimeError
    ├── WebSocketError
    ├── WSMessageTypeError                        + TypeError
    ├── UploadAbortedError
    └── DownloadError
        ├── DownloadFileError                     + OSError
        ├── DownloadInterruptedError
        │   └── DownloadTooSlowError              + TimeoutError
        ├── DownloadChangedError
        ├── DownloadMismatchError
        └── DownloadListError                     + ValueError

Which one is raised when:

* the name did not resolve → ``ClientConnectorDNSError``; TCP refused or unreachable →
  ``ClientConnectorError``; TLS failed → ``ClientConnectorSSLError``; the certificate did not
  verify → ``ClientConnectorCertificateError``;
* the proxy could not be reached → ``ClientProxyConnectionError``; it refused CONNECT →
  ``ClientHttpProxyError``; it refused a SOCKS request → ``ClientSocksProxyError``;
* the peer went away before a response → ``ServerDisconnectedError`` or ``ClientOSError``; in the
  middle of a body → ``ClientPayloadError``;
* what sends the request's body (a generator, a file) raised something → ``RequestBodyError``,
  which has that as its ``__cause__``; an ``OSError`` of it → ``ClientOSError``;
* the peer sent something that is not HTTP → ``MalformedResponseError``;
* a limit of ``ClientTimeout`` ran out → one of the ``ServerTimeoutError`` family, which says
  phase, host and seconds;
* the caller asked for something that must not be sent → ``InvalidRequestError`` or ``InvalidURL``;
* a download could not be completed though its requests were well → one of the ``DownloadError``
  family; of a request that failed for good it is the request's own error.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from multidict import CIMultiDictProxy, MultiMapping
from yarl import URL

__all__ = (
    "BodyNotReplayableError",
    "BodySizeMismatchError",
    "BodyTooLargeError",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientHttpProxyError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSocksProxyError",
    "ConnectionTimeoutError",
    "ContentDecodingError",
    "ContentTypeError",
    "DownloadChangedError",
    "DownloadError",
    "DownloadFileError",
    "DownloadInterruptedError",
    "DownloadListError",
    "DownloadMismatchError",
    "DownloadTooSlowError",
    "EventSourceError",
    "FingerprintMismatch",
    "ForeignEventLoopError",
    "InvalidBodyError",
    "InvalidRequestError",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "MalformedMultipartError",
    "MalformedResponseError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "RequestBodyError",
    "ResponseAbandonedError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "StreamConsumedError",
    "TooManyRedirects",
    "UnixClientConnectorError",
    "UnknownCodingError",
    "UploadAbortedError",
    "WSMessageTypeError",
    "WSServerHandshakeError",
    "WebSocketError",
)


class _ConnectionKeyLike(Protocol):
    """What an error needs of a connection key: where it led."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def is_ssl(self) -> bool: ...
    @property
    def ssl(self) -> object: ...


class _RequestInfoLike(Protocol):
    """What an error needs of a request: what was asked for."""

    @property
    def url(self) -> URL: ...
    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> CIMultiDictProxy[str]: ...
    @property
    def real_url(self) -> URL: ...


class ClientError(Exception):
    """Base class of all errors of this library."""


# --- the connection -------------------------------------------------------------------------


class ClientConnectionError(ClientError):
    """The connection could not be made, or failed while it was in use.

    Attributes:
        unanswered: whether it is known that not a byte of a response was seen. The connection
            notes this fact; the policy about sending again (RFC 9110 9.2.2) reads it and never
            guesses it from the error's type.
        unprocessed: whether the peer has said, or cannot but have, done nothing with the request
            (RFC 9113 8.7), so that any method may be sent again.
    """

    unanswered: bool = False
    unprocessed: bool = False


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """The peer reset the connection, or it was already closed when we wrote to it."""


class ForeignEventLoopError(ClientConnectionError, RuntimeError):
    """Something that belongs to one event loop was used from another."""


class ClientOSError(ClientConnectionError, OSError):
    """The operating system reported a failure of the connection."""


class ClientConnectorError(ClientOSError):
    """The connection could not be made.

    Args:
        connection_key: where the connection was to lead (host, port, TLS settings).
        os_error: what the operating system said.
    """

    def __init__(self, connection_key: _ConnectionKeyLike, os_error: OSError) -> None:
        self._conn_key = connection_key
        self._os_error = os_error
        super().__init__(os_error.errno, os_error.strerror or str(os_error))
        self.args = (connection_key, os_error)

    @property
    def os_error(self) -> OSError:
        """What the operating system said."""
        return self._os_error

    @property
    def host(self) -> str:
        """The host the connection was to lead to."""
        return self._conn_key.host

    @property
    def port(self) -> int | None:
        """The port the connection was to lead to."""
        return self._conn_key.port

    @property
    def ssl(self) -> object:
        """The TLS setting in force: a context, a fingerprint or a bool."""
        return self._conn_key.ssl

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        return f"Cannot connect to host {self.host}:{self.port} ssl:{tls} [{self.strerror}]"

    # OSError.__reduce__ would rebuild from (errno, strerror) and lose our arguments.
    __reduce__ = BaseException.__reduce__


class ClientConnectorDNSError(ClientConnectorError):
    """The host name could not be resolved."""


class ClientProxyConnectionError(ClientConnectorError):
    """The connection to the proxy could not be made."""


class ClientSocksProxyError(ClientProxyConnectionError):
    """The SOCKS proxy refused to connect to the host, or does not speak SOCKS.

    Args:
        connection_key: where the connection was to lead.
        os_error: what the proxy said, in the operating system's terms.
        proxy: the proxy's URL, without credentials.
        reply: the code of its refusal; ``None`` if it gave none.
    """

    def __init__(
        self,
        connection_key: _ConnectionKeyLike,
        os_error: OSError,
        proxy: URL,
        reply: int | None = None,
    ) -> None:
        super().__init__(connection_key, os_error)
        self.proxy = proxy
        self.reply = reply
        self.args = (connection_key, os_error, proxy, reply)

    def __str__(self) -> str:
        return f"Cannot connect to host {self.host}:{self.port} by {self.proxy} [{self.strerror}]"


class UnixClientConnectorError(ClientConnectorError):
    """The connection to a unix socket could not be made.

    Args:
        path: the socket's path.
        connection_key: where the connection was to lead.
        os_error: what the operating system said.
    """

    def __init__(self, path: str, connection_key: _ConnectionKeyLike, os_error: OSError) -> None:
        self._path = path
        super().__init__(connection_key, os_error)
        self.args = (path, connection_key, os_error)

    @property
    def path(self) -> str:
        """The path of the socket."""
        return self._path

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        return f"Cannot connect to unix socket {self.path} ssl:{tls} [{self.strerror}]"


class ClientSSLError(ClientConnectorError):
    """TLS could not be set up."""


class ClientConnectorSSLError(ClientSSLError, ssl.SSLError):
    """The TLS handshake failed."""


class ClientConnectorCertificateError(ClientSSLError, ssl.CertificateError):
    """The peer's certificate did not verify.

    Args:
        connection_key: where the connection was to lead.
        certificate_error: what the TLS library said of the certificate.
    """

    def __init__(self, connection_key: _ConnectionKeyLike, certificate_error: Exception) -> None:
        os_error = certificate_error if isinstance(certificate_error, OSError) else OSError()
        super().__init__(connection_key, os_error)
        self._certificate_error = certificate_error
        self.args = (connection_key, certificate_error)

    @property
    def ssl(self) -> bool:
        """Whether the connection was to be TLS (aiohttp's meaning for this error)."""
        return self._conn_key.is_ssl

    @property
    def certificate_error(self) -> Exception:
        """What the TLS library said of the certificate."""
        return self._certificate_error

    def __str__(self) -> str:
        return (
            f"Cannot connect to host {self.host}:{self.port} ssl:{self._conn_key.is_ssl} "
            f"[{type(self._certificate_error).__name__}: {self._certificate_error}]"
        )


class ServerConnectionError(ClientConnectionError):
    """The server, rather than the network, ended the connection."""


class ServerDisconnectedError(ServerConnectionError):
    """The server closed the connection before it sent a complete response head.

    Args:
        message: what was seen, with the host.
    """

    def __init__(self, message: str | None = None) -> None:
        self.message = message if message is not None else "Server disconnected"
        super().__init__(self.message)


class ServerTimeoutError(ServerConnectionError, TimeoutError):
    """A limit of ``ClientTimeout`` ran out.

    Args:
        message: the whole sentence; by default made from the three facts.
        phase: which limit it was: ``pool``, ``connect``, ``sock_connect``, ``send``,
            ``sock_read`` or ``total``.
        host: the host (and port) concerned.
        seconds: the limit that ran out.
    """

    def __init__(
        self,
        message: str = "",
        *,
        phase: str | None = None,
        host: str | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.phase = phase
        self.host = host
        self.seconds = seconds


class ConnectionTimeoutError(ServerTimeoutError):
    """No connection in time (phases ``pool``, ``connect``, ``sock_connect``)."""


class SocketTimeoutError(ServerTimeoutError):
    """The peer took or sent nothing for too long (phases ``send``, ``sock_read``)."""


class ServerFingerprintMismatch(ServerConnectionError):
    """The certificate's digest is not the pinned one; nothing of the request was sent.

    Args:
        expected: the pinned digest.
        got: the digest of the certificate that the peer showed.
        host: the host.
        port: the port.
    """

    def __init__(self, expected: bytes, got: bytes, host: str, port: int | None) -> None:
        self.expected = expected
        self.got = got
        self.host = host
        self.port = port
        super().__init__(expected, got, host, port)

    def __str__(self) -> str:
        return (
            f"certificate of {self.host}:{self.port} has the fingerprint {self.got.hex()}, "
            f"expected {self.expected.hex()}"
        )

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} expected={self.expected!r} got={self.got!r} "
            f"host={self.host!r} port={self.port!r}>"
        )


FingerprintMismatch = ServerFingerprintMismatch


# --- bodies ---------------------------------------------------------------------------------


class RequestBodyError(ClientConnectionError):
    """What the request's body is taken from raised something, which is the ``__cause__``.

    The request was not finished, so that its connection is of no more use. aiohttp has a plain
    `ClientConnectionError` for it.
    """


class ClientPayloadError(ClientError):
    """A body broke off, or its framing or coding is wrong."""


class ContentDecodingError(ClientPayloadError):
    """The body is not what its Content-Encoding says, or is cut short inside it."""


class ResponseAbandonedError(ClientPayloadError, RuntimeError):
    """The session or its connector was closed before all of the body had arrived."""

    @classmethod
    def of(cls, host: str) -> ResponseAbandonedError:
        """Return the error for a body from ``host``."""
        return cls(
            f"Connection closed: session or connector were closed before the body from {host} had "
            "arrived; read it before that"
        )


class BodyTooLargeError(ClientPayloadError):
    """The body is larger, or expands further, than the limits in force allow."""


class MalformedMultipartError(ClientPayloadError, ValueError, RuntimeError):
    """A multipart body is malformed or cut short, or a part is in a coding that is not known.

    aiohttp has both of the built-in errors for it.
    """


class BodySizeMismatchError(ClientPayloadError):
    """The request body turned out to have more or fewer bytes than had been announced."""


class BodyNotReplayableError(ClientPayloadError):
    """The request must be sent again, but its body was consumed and cannot be replayed."""


class StreamConsumedError(ClientError, RuntimeError):
    """The body was already read as a stream, so that it cannot be had again."""


class UploadAbortedError(ClientError):
    """The request body was not sent in full."""


# --- responses ------------------------------------------------------------------------------


class ClientResponseError(ClientError):
    """A response came, and it means failure.

    Args:
        request_info: the request that was answered.
        history: the responses of the redirects before it.
        status: the status code; 0 if there is none.
        message: the reason.
        headers: the response's headers.
    """

    def __init__(
        self,
        request_info: _RequestInfoLike,
        history: Sequence[object] = (),
        *,
        status: int = 0,
        message: str = "",
        headers: MultiMapping[str] | Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(request_info, history)
        self.request_info = request_info
        self.history = history
        self.status = status
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        url = without_credentials(self.request_info.real_url)
        return f"{self.status}, message={self.message!r}, url={str(url)!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


class ContentTypeError(ClientResponseError):
    """The response's content type is not the one asked for."""


class ClientHttpProxyError(ClientResponseError):
    """The proxy refused CONNECT."""


class TooManyRedirects(ClientResponseError):
    """The chain of redirects is longer than ``max_redirects``."""


class MalformedResponseError(ClientResponseError):
    """The peer sent something that is not a valid HTTP response (RFC 9112)."""


class EventSourceError(ClientResponseError):
    """The server did not answer with server-sent events."""


class WSServerHandshakeError(ClientResponseError):
    """The server did not accept the WebSocket handshake."""


# --- WebSockets -----------------------------------------------------------------------------


class WebSocketError(ClientError):
    """The peer broke a rule of WebSockets (RFC 6455); it comes as the data of an ERROR message.

    Args:
        code: the close code that says which (`WSCloseCode`); the peer was told.
        message: what was wrong.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(code, message)

    def __str__(self) -> str:
        return str(self.args[1])


class WSMessageTypeError(ClientError, TypeError):
    """The message received is not of the type that was asked for."""


# --- what the caller asked for --------------------------------------------------------------


class InvalidRequestError(ClientError, ValueError):
    """The method, a header or the target must not be sent; nothing was."""


class InvalidBodyError(InvalidRequestError, TypeError):
    """What was given as a body, or as a piece of one, is of a type that cannot be sent."""


class UnknownCodingError(InvalidRequestError, RuntimeError):
    """A part of a body asks for a coding that there is not."""


class InvalidURL(ClientError, ValueError):
    """The URL is malformed, for example without a host.

    Args:
        url: the URL as given.
        description: what is wrong with it.
    """

    def __init__(self, url: URL | str, description: str | None = None) -> None:
        # Not only hidden where it is shown: whoever logs `args` or `url` should not have it either.
        self._url = url = without_credentials(url)
        self._description = description
        super().__init__(*((url, description) if description else (url,)))

    @property
    def url(self) -> URL | str:
        """The URL as it was given, without credentials."""
        return self._url

    @property
    def description(self) -> str | None:
        """What is wrong with it."""
        return self._description

    def __str__(self) -> str:
        return f"{self._url} - {self._description}" if self._description else str(self._url)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class InvalidUrlClientError(InvalidURL):
    """The URL cannot be requested."""


class RedirectClientError(ClientError):
    """A redirect cannot be followed."""


class NonHttpUrlClientError(ClientError):
    """The URL's scheme is not one this client speaks."""

    def __str__(self) -> str:
        return " ".join(str(without_credentials(arg)) for arg in self.args)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class InvalidUrlRedirectClientError(InvalidUrlClientError, RedirectClientError):
    """A redirect leads to a URL that cannot be requested."""


class NonHttpUrlRedirectClientError(NonHttpUrlClientError, RedirectClientError):
    """A redirect leads to a scheme this client does not speak."""


# --- downloads ------------------------------------------------------------------------------


class DownloadError(ClientError):
    """A download could not be completed. Nothing stands under its final name."""


class DownloadFileError(DownloadError, OSError):
    """The file cannot be written: disk full, no permission, in the way, in use."""


class DownloadInterruptedError(DownloadError):
    """The download broke off again and again; its cause is the last failure.

    Args:
        message: what was tried, how often, and what is there.
        received: how many bytes are kept for the next time.
    """

    def __init__(self, message: str = "", received: int = 0) -> None:
        super().__init__(message, received)
        self.message = message
        self.received = received

    def __str__(self) -> str:
        return self.message


class DownloadTooSlowError(DownloadInterruptedError, TimeoutError):
    """Less came than ``min_speed`` asks for."""


class DownloadChangedError(DownloadError):
    """The file changes on its server while it is downloaded, or mirrors have different ones."""


class DownloadMismatchError(DownloadError):
    """What came is not what was promised: its size or its digest is another. It was deleted."""


class DownloadListError(DownloadError, ValueError):
    """A list of downloads (text or metalink) is malformed, or names a file outside."""


#: Where a password holds what usually ends an authority, or the ``//`` was forgotten.
_PERHAPS_USERINFO = r"(?s)^([^:/?#]*:)?(//)?.*@"
_USERINFO = r"//[^/?#]*@"


def without_credentials(url: object) -> URL | str:
    """Return a URL in a form that can be shown: without credentials, also if it is malformed."""
    if isinstance(url, URL):
        with suppress(ValueError):  # encoded=True lets a malformed authority pass
            if url.raw_user or url.raw_password:
                return url.with_user(None)
            if url.raw_host is not None or "@" not in url.raw_path:
                return url
    text = str(url) if not isinstance(url, URL) else _unchecked(url)
    if "@" not in text:
        return text
    if "@" not in text.partition("//")[0]:
        bare, removed = re.subn(_USERINFO, "//", text, count=1)
        if removed:
            return bare
    return re.sub(_PERHAPS_USERINFO, r"\1\2***@", text)


def _unchecked(url: URL) -> str:
    """Return the text of a URL that may have no text because its authority is malformed."""
    try:
        return str(url)
    except ValueError:
        return f"{url.scheme}://{url.raw_authority}{url.raw_path}"
