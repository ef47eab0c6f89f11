"""anyiohttp: an async HTTP client for asyncio, uvloop and trio, with aiohttp's client API.

``import anyiohttp as aiohttp`` is the migration. Everything public is here; modules whose names
begin with an underscore are not.
"""

from ._client.auth import BasicAuth, encode_basic_auth
from ._client.contexts import RequestContext
from ._client.cookies import CookieJar, DummyCookieJar
from ._client.one_shot import request
from ._client.options import RequestKwargs
from ._client.request import ClientHandlerType, ClientMiddlewareType, ClientRequest
from ._client.session import ClientSession
from ._client.uploads import UploadTracker
from ._connect.connectors import BaseConnector, ProxyConnector, TCPConnector, UnixConnector
from ._connect.fingerprint import Fingerprint
from ._connect.resolver import DefaultResolver, ThreadedResolver
from ._message.formdata import FormData
from ._message.multipart import MultipartWriter
from ._message.payloads import (
    PAYLOAD_REGISTRY,
    AsyncIterablePayload,
    BufferedReaderPayload,
    BytesIOPayload,
    BytesPayload,
    IOBasePayload,
    JsonPayload,
    Payload,
    StringIOPayload,
    StringPayload,
    TextIOPayload,
    get_payload,
    payload_type,
)
from ._message.reader import StreamReader
from ._message.response import ClientResponse, RequestInfo
from ._net.deadlines import ClientTimeout
from ._protocol.base import HTTP_10, HTTP_11, HttpVersion
from ._version import __version__
from .exceptions import (
    BodyNotReplayableError,
    BodySizeMismatchError,
    BodyTooLargeError,
    ClientConnectionError,
    ClientConnectionResetError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ClientOSError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponseError,
    ClientSSLError,
    ConnectionTimeoutError,
    ContentDecodingError,
    ContentTypeError,
    FingerprintMismatch,
    ForeignEventLoopError,
    InvalidBodyError,
    InvalidRequestError,
    InvalidURL,
    InvalidUrlClientError,
    InvalidUrlRedirectClientError,
    MalformedResponseError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
    RedirectClientError,
    ServerConnectionError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    SocketTimeoutError,
    StreamConsumedError,
    TooManyRedirects,
    UnixClientConnectorError,
    UploadAbortedError,
    WSServerHandshakeError,
)

__all__ = (
    "PAYLOAD_REGISTRY",
    "AsyncIterablePayload",
    "BaseConnector",
    "BasicAuth",
    "BodyNotReplayableError",
    "BodySizeMismatchError",
    "BodyTooLargeError",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientHandlerType",
    "ClientHttpProxyError",
    "ClientMiddlewareType",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSession",
    "ClientTimeout",
    "ConnectionTimeoutError",
    "ContentDecodingError",
    "ContentTypeError",
    "CookieJar",
    "DefaultResolver",
    "DummyCookieJar",
    "Fingerprint",
    "FingerprintMismatch",
    "ForeignEventLoopError",
    "FormData",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "IOBasePayload",
    "InvalidBodyError",
    "InvalidRequestError",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "JsonPayload",
    "MalformedResponseError",
    "MultipartWriter",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "Payload",
    "ProxyConnector",
    "RedirectClientError",
    "RequestContext",
    "RequestInfo",
    "RequestKwargs",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "StreamConsumedError",
    "StreamReader",
    "StringIOPayload",
    "StringPayload",
    "TCPConnector",
    "TextIOPayload",
    "ThreadedResolver",
    "TooManyRedirects",
    "UnixClientConnectorError",
    "UnixConnector",
    "UploadAbortedError",
    "UploadTracker",
    "WSServerHandshakeError",
    "__version__",
    "encode_basic_auth",
    "get_payload",
    "payload_type",
    "request",
)

HttpVersion10 = HTTP_10
HttpVersion11 = HTTP_11
