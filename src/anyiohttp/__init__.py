"""anyiohttp: an async HTTP client for asyncio, uvloop and trio, with aiohttp's client API.

``import anyiohttp as aiohttp`` is the migration. Everything public is here; modules whose names
begin with an underscore are not.
"""

import importlib
from typing import TYPE_CHECKING

from . import hdrs as hdrs
from . import payload as payload
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
from ._message.chain_map import ChainMapProxy
from ._message.coding_libraries import set_zlib_backend
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
    ClientSocksProxyError,
    ClientSSLError,
    ConnectionTimeoutError,
    ContentDecodingError,
    ContentTypeError,
    DownloadChangedError,
    DownloadError,
    DownloadFileError,
    DownloadInterruptedError,
    DownloadListError,
    DownloadMismatchError,
    DownloadTooSlowError,
    EventSourceError,
    FingerprintMismatch,
    ForeignEventLoopError,
    InvalidBodyError,
    InvalidRequestError,
    InvalidURL,
    InvalidUrlClientError,
    InvalidUrlRedirectClientError,
    MalformedMultipartError,
    MalformedResponseError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
    RedirectClientError,
    RequestBodyError,
    ResponseAbandonedError,
    ServerConnectionError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    SocketTimeoutError,
    StreamConsumedError,
    TooManyRedirects,
    UnixClientConnectorError,
    UnknownCodingError,
    UploadAbortedError,
    WebSocketError,
    WSMessageTypeError,
    WSServerHandshakeError,
)
from .typedefs import AddrInfoType, SocketFactoryType

if TYPE_CHECKING:
    from . import multipart as multipart
    from . import resolver as resolver
    from . import tracing as tracing
    from ._client.conversation import ClientWSTimeout
    from ._client.digest_auth import DigestAuthMiddleware
    from ._client.sse import EventSource, SSEKwargs
    from ._client.tracing import (
        TraceAttemptEndParams,
        TraceAttemptExceptionParams,
        TraceAttemptStartParams,
        TraceConfig,
        TraceConnectionCreateEndParams,
        TraceConnectionCreateStartParams,
        TraceConnectionQueuedEndParams,
        TraceConnectionQueuedStartParams,
        TraceConnectionReuseconnParams,
        TraceDnsCacheHitParams,
        TraceDnsCacheMissParams,
        TraceDnsResolveHostEndParams,
        TraceDnsResolveHostStartParams,
        TraceRequestChunkSentParams,
        TraceRequestEndParams,
        TraceRequestExceptionParams,
        TraceRequestHeadersSentParams,
        TraceRequestRedirectParams,
        TraceRequestStartParams,
        TraceResponseChunkReceivedParams,
    )
    from ._client.websocket import ClientWebSocketResponse
    from ._client.websocket_connect import WebSocketContext, WSConnectKwargs
    from ._connect.async_resolver import AsyncResolver
    from ._message.body_part import BodyPartReader
    from ._message.content_disposition import (
        BadContentDispositionHeader,
        BadContentDispositionParam,
        content_disposition_filename,
        parse_content_disposition,
    )
    from ._message.etags import ETag
    from ._message.event_stream import ServerSentEvent
    from ._message.multipart_reader import MultipartReader
    from ._protocol.websocket.messages import WSCloseCode, WSMessage, WSMessageTextBytes, WSMsgType
    from .downloads import (
        DownloadBatch,
        DownloadItem,
        DownloadKwargs,
        DownloadOutcome,
        DownloadResult,
        Progress,
        RateLimit,
        Retries,
        SegmentProgress,
        download,
        download_all,
        parse_download_list,
    )

__all__ = (
    "PAYLOAD_REGISTRY",
    "AddrInfoType",
    "AsyncIterablePayload",
    "AsyncResolver",
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "BaseConnector",
    "BasicAuth",
    "BodyNotReplayableError",
    "BodyPartReader",
    "BodySizeMismatchError",
    "BodyTooLargeError",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "ChainMapProxy",
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
    "ClientSocksProxyError",
    "ClientTimeout",
    "ClientWSTimeout",
    "ClientWebSocketResponse",
    "ConnectionTimeoutError",
    "ContentDecodingError",
    "ContentTypeError",
    "CookieJar",
    "DefaultResolver",
    "DigestAuthMiddleware",
    "DownloadBatch",
    "DownloadChangedError",
    "DownloadError",
    "DownloadFileError",
    "DownloadInterruptedError",
    "DownloadItem",
    "DownloadKwargs",
    "DownloadListError",
    "DownloadMismatchError",
    "DownloadOutcome",
    "DownloadResult",
    "DownloadTooSlowError",
    "DummyCookieJar",
    "ETag",
    "EventSource",
    "EventSourceError",
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
    "MalformedMultipartError",
    "MalformedResponseError",
    "MultipartReader",
    "MultipartWriter",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "Payload",
    "Progress",
    "ProxyConnector",
    "RateLimit",
    "RedirectClientError",
    "RequestBodyError",
    "RequestContext",
    "RequestInfo",
    "RequestKwargs",
    "ResponseAbandonedError",
    "Retries",
    "SSEKwargs",
    "SegmentProgress",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerSentEvent",
    "ServerTimeoutError",
    "SocketFactoryType",
    "SocketTimeoutError",
    "StreamConsumedError",
    "StreamReader",
    "StringIOPayload",
    "StringPayload",
    "TCPConnector",
    "TextIOPayload",
    "ThreadedResolver",
    "TooManyRedirects",
    "TraceAttemptEndParams",
    "TraceAttemptExceptionParams",
    "TraceAttemptStartParams",
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
    "UnixClientConnectorError",
    "UnixConnector",
    "UnknownCodingError",
    "UploadAbortedError",
    "UploadTracker",
    "WSCloseCode",
    "WSConnectKwargs",
    "WSMessage",
    "WSMessageTextBytes",
    "WSMessageTypeError",
    "WSMsgType",
    "WSServerHandshakeError",
    "WebSocketContext",
    "WebSocketError",
    "__version__",
    "content_disposition_filename",
    "download",
    "download_all",
    "encode_basic_auth",
    "get_payload",
    "hdrs",
    "parse_content_disposition",
    "parse_download_list",
    "payload_type",
    "request",
    "set_zlib_backend",
)

HttpVersion10 = HTTP_10
HttpVersion11 = HTTP_11

#: What is loaded when somebody asks for it: who downloads nothing does not pay for
#: downloads, who opens no WebSocket not for theirs.
_LAZY = {
    "ClientWSTimeout": "._client.conversation",
    "EventSource": "._client.sse",
    "SSEKwargs": "._client.sse",
    "ClientWebSocketResponse": "._client.websocket",
    "WebSocketContext": "._client.websocket_connect",
    "WSConnectKwargs": "._client.websocket_connect",
    "AsyncResolver": "._connect.async_resolver",
    "BadContentDispositionHeader": "._message.content_disposition",
    "BadContentDispositionParam": "._message.content_disposition",
    "content_disposition_filename": "._message.content_disposition",
    "parse_content_disposition": "._message.content_disposition",
    "ETag": "._message.etags",
    "ServerSentEvent": "._message.event_stream",
    "WSCloseCode": "._protocol.websocket.messages",
    "WSMessage": "._protocol.websocket.messages",
    "WSMessageTextBytes": "._protocol.websocket.messages",
    "WSMsgType": "._protocol.websocket.messages",
    "BodyPartReader": ".multipart",
    "MultipartReader": ".multipart",
    "multipart": ".multipart",
    "resolver": ".resolver",
    "tracing": ".tracing",
    "DigestAuthMiddleware": "._client.digest_auth",
    **{name: "._client.tracing" for name in __all__ if name.startswith("Trace")},
    "DownloadBatch": ".downloads",
    "DownloadItem": ".downloads",
    "DownloadKwargs": ".downloads",
    "DownloadOutcome": ".downloads",
    "DownloadResult": ".downloads",
    "Progress": ".downloads",
    "RateLimit": ".downloads",
    "Retries": ".downloads",
    "SegmentProgress": ".downloads",
    "download": ".downloads",
    "download_all": ".downloads",
    "parse_download_list": ".downloads",
}


def __getattr__(name: str) -> object:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = importlib.import_module(module, __name__)
    if module != f".{name}":
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
