"""A request on its way through the pipeline: what middlewares see and may change.

Knows: what is asked for, with which options (`RequestOptions`), within which call.
Must not know: connections, and what any step of the pipeline does with it.
Called by: `session` makes one for each request, `pipeline` one more for each hop; middlewares of
users read and change it.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL

from .._connect.fingerprint import Fingerprint
from .._connect.key import ProxyRoute
from .._message.payloads import CompressedPayload, Payload, make_payload
from .._message.response import ClientResponse, RequestInfo, ResponseOptions
from .._net.call import Call
from .._net.deadlines import DEFAULT_TIMEOUT, ClientTimeout
from .._protocol.base import HTTP_11, Body, HttpVersion, MessageLimits, RequestHead
from ..abc import AbstractCookieJar
from ..typedefs import LooseCookies, LooseHeaders, StrOrURL
from .auth import BasicAuth
from .contexts import RequestContext
from .request_trace import RequestTrace
from .uploads import TrackedBody, UploadTracker, close_replaced
from .urls import authority_of, http_scheme, request_target

__all__ = (
    "ClientHandlerType",
    "ClientMiddlewareType",
    "ClientRequest",
    "RaiseForStatus",
    "RequestOptions",
    "TLSOptions",
)

_EXPECT = istr("Expect")
#: What depends on the body, and is the protocol's to say.
_FRAMING = (istr("Content-Length"), istr("Transfer-Encoding"))

RaiseForStatus = bool | Callable[[ClientResponse], Awaitable[None]]
#: Runs a request: the connection itself, or the next middleware around it.
ClientHandlerType = Callable[["ClientRequest"], Awaitable[ClientResponse]]
#: Sees a request and the handler that would run it.
ClientMiddlewareType = Callable[["ClientRequest", ClientHandlerType], Awaitable[ClientResponse]]


@dataclass(frozen=True, slots=True)
class TLSOptions:
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


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Everything that decides how one request is carried out, besides what it says.

    A session holds one with its defaults; a request that changes nothing shares it.
    """

    allow_redirects: bool = True
    max_redirects: int = 10
    compress: str | bool | None = None
    chunked: bool | None = None
    expect100: bool = False
    raise_for_status: RaiseForStatus = False
    read_until_eof: bool = True
    proxy: StrOrURL | None = None
    proxy_auth: BasicAuth | None = None
    proxy_headers: LooseHeaders | None = None
    timeout: ClientTimeout = DEFAULT_TIMEOUT
    tls: TLSOptions = TLSOptions()
    reading: ResponseOptions = field(default_factory=ResponseOptions)
    limits: MessageLimits = field(default_factory=MessageLimits)
    middlewares: Sequence[ClientMiddlewareType] = ()
    version: HttpVersion = HTTP_11
    trace_request_ctx: object = None
    upload_tracker: UploadTracker | None = None
    response_class: type[ClientResponse] = ClientResponse


class RequestMaker(Protocol):
    """What a middleware may want of the session: to make requests of its own."""

    @property
    def cookie_jar(self) -> AbstractCookieJar:
        """The session's cookies."""
        ...

    def request(self, method: str, url: StrOrURL) -> RequestContext[ClientResponse]:
        """Make a request (`ClientSession.request`)."""
        ...


class ClientRequest:
    """One request, before it is sent.

    Attributes:
        method: as it will be sent.
        url: without credentials, with its fragment.
        headers: may be changed until the request is sent; in a middleware they include cookies
            and authorization.
        body: what is sent, or ``None``.
        options: how it is carried out.
        call: the limits and the clock it shares with all other hops of the same call.
        session: the session that makes it.
        auth: ``auth=`` of the request.
        url_auth: what stood as credentials in the URL of this hop.
        cookies: ``cookies=`` of the request.
        empty_query: whether the URL ends in a ``?`` with nothing behind it.
        redirected: whether a redirect led here.
        crossed_origin: whether a redirect has led away from the origin the user named; from then
            on no credential of the session or the request is sent.
        proxy: through which it goes, once that is decided.
        absolute: whether its target goes out in absolute form, as that proxy wants it.
        trace: is told what happens to it; ``None`` if nobody traces.
        reused_connection: whether the connection it was sent on had carried another before.
    """

    __slots__ = (
        "absolute",
        "auth",
        "body",
        "call",
        "cookies",
        "crossed_origin",
        "empty_query",
        "headers",
        "method",
        "options",
        "proxy",
        "redirected",
        "reused_connection",
        "session",
        "trace",
        "url",
        "url_auth",
    )

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        headers: CIMultiDict[str],
        body: Payload | None,
        options: RequestOptions,
        call: Call,
        session: RequestMaker,
        auth: BasicAuth | None = None,
        cookies: LooseCookies | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.options = options
        self.call = call
        self.session = session
        self.auth = auth
        self.cookies = cookies
        self.url_auth: BasicAuth | None = None
        self.empty_query = False
        self.redirected = False
        self.crossed_origin = False
        self.absolute = False
        self.proxy: ProxyRoute | None = None
        self.reused_connection = False
        self.trace: RequestTrace | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.url}>"

    @property
    def request_info(self) -> RequestInfo:
        """What was asked for, as responses and errors carry it."""
        headers = CIMultiDictProxy(self.headers)
        return RequestInfo(self.url, self.method, headers, self.url)

    @property
    def expects_continue(self) -> bool:
        """Whether the body waits for 100 (Continue): by ``expect100=``, or an ``Expect`` field."""
        if self.body is None:
            return False
        return self.options.expect100 or self.headers.get(_EXPECT, "").lower() == "100-continue"

    @property
    def original_url(self) -> URL:
        """The same as ``url`` (aiohttp's name for the URL with its fragment)."""
        return self.url

    @property
    def version(self) -> HttpVersion:
        """The HTTP version that is asked for."""
        return self.options.version

    @property
    def chunked(self) -> bool | None:
        """Whether the body goes out in chunks; ``None`` leaves it to the body."""
        return self.options.chunked

    @property
    def compress(self) -> str | None:
        """The content coding that the body is put into."""
        return "deflate" if self.options.compress is True else self.options.compress or None

    @property
    def ssl(self) -> ssl_module.SSLContext | bool | Fingerprint:
        """How TLS is to be done; ``True`` leaves it to the connector."""
        return self.options.tls.ssl

    @property
    def server_hostname(self) -> str | None:
        """The name to send and verify instead of the URL's host."""
        return self.options.tls.server_hostname

    @property
    def response_class(self) -> type[ClientResponse]:
        """What is made of the answer; may be set."""
        return self.options.response_class

    @response_class.setter
    def response_class(self, cls: type[ClientResponse]) -> None:
        self.options = replace(self.options, response_class=cls)

    def update_body(self, body: object) -> Coroutine[object, object, None]:
        """Send another body, and close the one before when the result is awaited.

        Header fields that the new body brings along are added where the request has none; those
        that said how long the old one was are gone.

        Args:
            body: whatever may be given as ``data=``; ``None`` for no body.

        Raises:
            InvalidBodyError: it cannot be sent.
        """
        old = self.body
        self.body = new = None if body is None else make_payload(body)
        for framing in _FRAMING:
            self.headers.popall(framing, None)
        if new is not None:
            for name, value in new.headers.items():
                self.headers.setdefault(name, value)
            if self.compress is not None and new is not old:
                self.body = new = CompressedPayload(new, self.compress)
        return close_replaced(old, new)

    def drop_expectation(self) -> None:
        """Send the body without waiting from now on."""
        self.options = replace(self.options, expect100=False)
        self.headers.popall(_EXPECT, None)

    def is_ssl(self) -> bool:
        """Whether the target is reached over TLS."""
        return self.url.scheme in {"https", "wss"}

    def copy(self) -> ClientRequest:
        """Return the same request with headers of its own, so that a hop leaves no trace on it."""
        twin = type(self)(
            self.method,
            self.url,
            headers=self.headers.copy(),
            body=self.body,
            options=self.options,
            call=self.call,
            session=self.session,
            auth=self.auth,
            cookies=self.cookies,
        )
        twin.url_auth = self.url_auth
        twin.empty_query = self.empty_query
        twin.redirected = self.redirected
        twin.crossed_origin = self.crossed_origin
        twin.trace = self.trace
        twin.proxy = self.proxy
        return twin

    def head(self) -> RequestHead:
        """Return what is asked for in the terms of the protocol layer."""
        options = self.options
        url = self.url
        return RequestHead(
            method=self.method,
            scheme=http_scheme(url.scheme),
            authority=authority_of(url),
            target=request_target(url, empty_query=self.empty_query),
            headers=self._wire_headers(),
            absolute=self.absolute,
            version=options.version,
            chunked=bool(options.chunked) and self.body is not None,
            expect_continue=self.expects_continue,
            upgrade=False,
            read_until_eof=options.read_until_eof,
            limits=options.limits,
        )

    def _wire_headers(self) -> tuple[tuple[str, str], ...]:
        """Return the fields as they go out: those for a forwarding proxy are added only here."""
        fields = tuple(self.headers.items())
        proxy = self.proxy
        if proxy is None or not self.absolute:
            return fields
        fields += proxy.headers
        authorization = proxy.authorization
        if authorization is not None:
            fields += (("Proxy-Authorization", authorization),)
        return fields

    def wire_body(self) -> Body:
        """Return the body in the terms of the protocol layer."""
        body = self.body
        tracker = self.options.upload_tracker
        if body is None:
            return None
        if tracker is not None:
            return TrackedBody(body, tracker)
        return body if body.at_hand is None else body.at_hand
