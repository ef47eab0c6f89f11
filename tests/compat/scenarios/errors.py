"""Errors as classes: what catches what, and what they are made of."""

from __future__ import annotations

import builtins
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage

_NAMES = (
    "ClientError",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientOSError",
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "ClientProxyConnectionError",
    "ClientSSLError",
    "ClientConnectorSSLError",
    "ClientConnectorCertificateError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
    "ConnectionTimeoutError",
    "SocketTimeoutError",
    "ServerFingerprintMismatch",
    "ClientPayloadError",
    "ClientResponseError",
    "ClientHttpProxyError",
    "ContentTypeError",
    "TooManyRedirects",
    "WSServerHandshakeError",
    "InvalidURL",
    "InvalidUrlClientError",
    "RedirectClientError",
    "NonHttpUrlClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlRedirectClientError",
    "UploadAbortedError",
)


@scenario
async def hierarchy(aiohttp: Any, stage: Stage) -> None:
    known = {*_NAMES, *dir(builtins), "SSLError", "SSLCertVerificationError"} - {"object"}
    for name in _NAMES:
        bases = [cls.__name__ for cls in getattr(aiohttp, name).__mro__]
        stage.saw(f"{name}, caught as", sorted(known.intersection(bases)))


@scenario
async def made_by_hand(aiohttp: Any, stage: Stage) -> None:
    info = aiohttp.RequestInfo("http://a/", "GET", {}, "http://a/")
    error = aiohttp.ClientResponseError(info, (), status=404, message="gone", headers={"a": "b"})
    stage.observations.add_error("response", error)
    stage.saw("message", error.message)
    stage.saw("str", str(error))
    stage.saw("disconnected", aiohttp.ServerDisconnectedError().message)
    stage.saw("disconnected, told", aiohttp.ServerDisconnectedError("why").message)
    url = aiohttp.InvalidURL("http://", "no host")
    stage.saw("url", [url.url, url.description, str(url), url.args])
    pin = aiohttp.ServerFingerprintMismatch(b"a", b"b", "host", 443)
    stage.saw("pin", [pin.expected, pin.got, pin.host, pin.port, pin.args, repr(pin)])


@scenario
async def public_names(aiohttp: Any, stage: Stage) -> None:
    for name in [
        "BaseConnector",
        "BasicAuth",
        "BytesPayload",
        "ClientRequest",
        "ClientResponse",
        "ClientSession",
        "ClientTimeout",
        "CookieJar",
        "DummyCookieJar",
        "Fingerprint",
        "FormData",
        "HttpVersion",
        "HttpVersion10",
        "HttpVersion11",
        "JsonPayload",
        "MultipartWriter",
        "PAYLOAD_REGISTRY",
        "Payload",
        "RequestInfo",
        "StreamReader",
        "StringPayload",
        "TCPConnector",
        "UnixConnector",
        "get_payload",
        "payload_type",
        "request",
        "abc",
        "typedefs",
    ]:
        stage.saw(name, hasattr(aiohttp, name))
