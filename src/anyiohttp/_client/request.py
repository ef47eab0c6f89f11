"""A request on its way through the pipeline: what middlewares see and may change.

Knows: what is asked for, with which options (`RequestOptions`), within which call.
Must not know: connections, and what any step of the pipeline does with it.
Called by: `session` makes one for each request, `pipeline` one more for each hop; middlewares of
users read and change it.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypedDict, Unpack

from multidict import CIMultiDict, CIMultiDictProxy, getversion, istr
from yarl import URL

from .._connect.fingerprint import Fingerprint
from .._connect.key import ProxyRoute
from .._message.payloads import CompressedPayload, Payload, as_sent, make_payload
from .._message.response import ClientResponse, RequestInfo, ResponseOptions
from .._net.call import Call
from .._net.deadlines import DEFAULT_TIMEOUT, ClientTimeout
from .._protocol.base import HTTP_11, Body, HttpVersion, MessageLimits, RequestHead
from ..abc import AbstractCookieJar
from ..typedefs import LooseCookies, LooseHeaders, Query, StrOrURL
from .auth import BasicAuth
from .contexts import DONE, RequestContext
from .proxies import proxy_route
from .request_trace import RequestTrace
from .tls_options import PLAIN_TLS, TLSOptions
from .unset import Unset
from .uploads import TrackedBody, UploadTracker
from .urls import Destination, destination_of, request_target

__all__ = (
    "ClientHandlerType",
    "ClientMiddlewareType",
    "ClientRequest",
    "RaiseForStatus",
    "RequestKwargs",
    "RequestOptions",
)

_EXPECT = istr("Expect")
#: What depends on the body, and is the protocol's to say.
_FRAMING = (istr("Content-Length"), istr("Transfer-Encoding"))
_NONE_SKIPPED: frozenset[str] = frozenset()  # one for all requests

#: Header fields as they go out.
Lines = tuple[tuple[str, str], ...]
RaiseForStatus = bool | Callable[[ClientResponse], Awaitable[None]]
#: Runs a request: the connection itself, or the next middleware around it.
ClientHandlerType = Callable[["ClientRequest"], Awaitable[ClientResponse]]
#: Sees a request and the handler that would run it.
ClientMiddlewareType = Callable[["ClientRequest", ClientHandlerType], Awaitable[ClientResponse]]


class RequestOptions(NamedTuple):
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
    upgrade: bool = False
    proxy: StrOrURL | None = None
    proxy_auth: BasicAuth | None = None
    proxy_headers: LooseHeaders | None = None
    timeout: ClientTimeout = DEFAULT_TIMEOUT
    tls: TLSOptions = PLAIN_TLS
    reading: ResponseOptions = ResponseOptions()
    limits: MessageLimits = MessageLimits()
    middlewares: Sequence[ClientMiddlewareType] = ()
    version: HttpVersion = HTTP_11
    trace_request_ctx: object = None
    upload_tracker: UploadTracker | None = None
    response_class: type[ClientResponse] = ClientResponse


class RequestKwargs(TypedDict, total=False):
    """The options of ``session.request`` and its shortcuts, as aiohttp has them."""

    params: Query
    data: object
    json: object
    cookies: LooseCookies | None
    headers: LooseHeaders | None
    skip_auto_headers: Iterable[str] | None
    auth: BasicAuth | None
    allow_redirects: bool
    max_redirects: int
    compress: str | bool | None
    chunked: bool | None
    expect100: bool
    raise_for_status: RaiseForStatus | None
    read_until_eof: bool
    upgrade: bool  # whether 101 is an answer: its stream is taken over, as by `ws_connect`
    proxy: StrOrURL | None
    proxy_auth: BasicAuth | None
    proxy_headers: LooseHeaders | None
    timeout: ClientTimeout | float | Unset | None
    verify_ssl: bool | None
    fingerprint: bytes | None
    ssl_context: ssl_module.SSLContext | None
    ssl: ssl_module.SSLContext | bool | Fingerprint | None
    server_hostname: str | None
    trace_request_ctx: object
    read_bufsize: int | None
    auto_decompress: bool | None
    max_line_size: int | None
    max_field_size: int | None
    max_headers: int | None
    max_body_size: int | None
    max_decompressed_ratio: float | None
    middlewares: Sequence[ClientMiddlewareType] | None
    upload_tracker: UploadTracker | None


_Call: TypeAlias = RequestContext[ClientResponse]


class RequestMaker(Protocol):
    """What a middleware may want of the session: to make requests of its own.

    They pass the session's middlewares, too; ``middlewares=()`` keeps them out.
    """

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        ...

    @property
    def cookie_jar(self) -> AbstractCookieJar:
        """The session's cookies."""
        ...

    @property
    def headers(self) -> CIMultiDict[str]:
        """The session's header fields."""
        ...

    def request(self, method: str, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a request (`ClientSession.request`)."""
        ...

    def get(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a GET request."""
        ...

    def options(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make an OPTIONS request."""
        ...

    def head(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a HEAD request."""
        ...

    def post(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a POST request."""
        ...

    def put(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a PUT request."""
        ...

    def patch(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a PATCH request."""
        ...

    def delete(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> _Call:
        """Make a DELETE request."""
        ...


class ClientRequest:
    """One request, before it is sent: what a middleware sees and may change.

    A middleware's changes hold for what it sends, not for the next hop of a redirect.

    Attributes:
        method: as it will be sent.
        url: without credentials, with its fragment.
        headers: may be changed until the request is sent, once its hop has begun (`begin_hop`); in
            a middleware they include cookies and authorization.
        lines: the same fields, if they are of the session and shared by many requests.
        payload: what is sent, or ``None``; see `update_body`.
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
        route: the proxy through which it goes, once that is decided.
        absolute: whether its target goes out in absolute form, as that proxy wants it.
        trace: is told what happens to it; ``None`` if nobody traces.
        reused_connection: whether the connection it was sent on had carried another before.
        skipped: names of header fields, in lower case, that are not to be added by themselves.
        replaced: bodies that `update_body` has put others in the place of.
        unchanged: the version of ``headers`` (multidict counts them) as long as they are ``lines``.
    """

    __slots__ = (
        "absolute",
        "auth",
        "call",
        "cookies",
        "crossed_origin",
        "empty_query",
        "headers",
        "lines",
        "method",
        "options",
        "payload",
        "proxy_headers",
        "redirected",
        "replaced",
        "reused_connection",
        "route",
        "session",
        "skipped",
        "trace",
        "unchanged",
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
        self.payload = body
        self.options = options
        self.call = call
        self.session = session
        self.auth = auth
        self.cookies = cookies
        self.lines: Lines | None = None
        self.unchanged = 0
        self.url_auth: BasicAuth | None = None
        self.empty_query = False
        self.redirected = False
        self.crossed_origin = False
        self.absolute = False
        self.route: ProxyRoute | None = None
        self.proxy_headers: CIMultiDict[str] | None = None
        self.skipped = _NONE_SKIPPED
        self.replaced: tuple[Payload, ...] = ()
        self.reused_connection = False
        self.trace: RequestTrace | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.url}>"

    @property
    def request_info(self) -> RequestInfo:
        """What was asked for, as responses and errors carry it."""
        return RequestInfo(self.url, self.method, CIMultiDictProxy(self.headers))

    def begin_hop(self) -> None:
        """Take headers of its own: what is changed from now on is for this hop only."""
        self.headers = headers = self.headers.copy()
        if self.lines is not None:
            self.unchanged = getversion(headers)  # type: ignore[arg-type]

    @property
    def expects_continue(self) -> bool:
        """Whether the body waits for 100 (Continue): by ``expect100=``, or an ``Expect`` field."""
        if self.payload is None:
            return False
        if self.options.expect100:
            return True
        headers = self.headers
        return _EXPECT in headers and headers[_EXPECT].lower() == "100-continue"

    @property
    def response_class(self) -> type[ClientResponse]:
        """What is made of the answer; may be set."""
        return self.options.response_class

    @response_class.setter
    def response_class(self, cls: type[ClientResponse]) -> None:
        self.options = self.options._replace(response_class=cls)

    def drop_expectation(self) -> None:
        """Send the body without waiting from now on."""
        self.options = self.options._replace(expect100=False)
        self.headers.popall(_EXPECT, None)

    # --- the body ---

    @property
    def body(self) -> Payload | Literal[b""]:
        """The body; ``b""`` without one, as in aiohttp."""
        return b"" if self.payload is None else self.payload

    @body.setter
    def body(self, body: object) -> None:
        self.update_body(body)

    def update_body(self, body: object) -> Awaitable[None]:
        """Send another body. Done when it returns; awaiting the result does nothing more.

        The body before it is closed at the end of the call, as the new one is. ``Content-Length``
        follows; other fields that the new body brings along are added where they are not set. A
        body that was compressed gives way to one that is, too.

        Args:
            body: whatever may be given as ``data=``; ``None`` for no body.

        Raises:
            InvalidBodyError: it is of no type that can be sent.
        """
        old, new = self.payload, None if body is None else make_payload(body)
        if new is not None:
            for name, value in new.headers.items():
                if name not in self.headers and name.lower() not in self.skipped:
                    self.headers[name] = value
            if isinstance(old, CompressedPayload) and not isinstance(new, CompressedPayload):
                new = CompressedPayload(new, old.coding)
        for framing in _FRAMING:
            self.headers.popall(framing, None)
        if old is not None:
            self.replaced += (old,)
        self.payload = new
        return DONE

    @property
    def chunked(self) -> bool | None:
        """Whether the body goes out in chunks: asked to, or because its size is not known."""
        payload = self.payload
        if payload is not None and payload.size is None:
            return True
        return self.options.chunked

    @chunked.setter
    def chunked(self, chunked: bool | None) -> None:
        self.options = self.options._replace(chunked=chunked)

    @property
    def compress(self) -> str | None:
        """The content coding that the body is in."""
        return self.payload.coding if isinstance(self.payload, CompressedPayload) else None

    # --- where it goes, and how ---

    @property
    def original_url(self) -> URL:
        """The URL with its fragment."""
        return self.url

    @property
    def host(self) -> str:
        """The URL's host."""
        return self.url.raw_host or ""

    @property
    def port(self) -> int | None:
        """The URL's port, named or by default."""
        return self.url.port

    @property
    def version(self) -> HttpVersion:
        """The version of HTTP that it claims to be."""
        return self.options.version

    @version.setter
    def version(self, version: HttpVersion) -> None:
        self.options = self.options._replace(version=version)

    @property
    def proxy(self) -> URL | None:
        """The URL of the proxy through which it goes; ``None`` without one."""
        return None if self.route is None else self.route.url

    @proxy.setter
    def proxy(self, proxy: StrOrURL | None) -> None:
        self.go_through(None if proxy is None else proxy_route(proxy))

    def go_through(self, route: ProxyRoute | None) -> None:
        """Go through this proxy, or none."""
        self.route = route
        self.proxy_headers = None if route is None else CIMultiDict(route.headers)

    @property
    def final_route(self) -> ProxyRoute | None:
        """The proxy, with `proxy_headers` as they are by now."""
        if self.route is None or self.proxy_headers is None:
            return self.route
        headers = tuple(self.proxy_headers.items())
        return self.route if headers == self.route.headers else replace(self.route, headers=headers)

    @property
    def ssl(self) -> ssl_module.SSLContext | bool | Fingerprint:
        """How TLS is done; ``True`` as the connector says."""
        return self.options.tls.ssl

    @ssl.setter
    def ssl(self, ssl: ssl_module.SSLContext | bool | Fingerprint) -> None:
        self.options = self.options._replace(tls=self.options.tls._replace(ssl=ssl))

    @property
    def server_hostname(self) -> str | None:
        """The name to expect in the certificate, if it is not the URL's host."""
        return self.options.tls.server_hostname

    @server_hostname.setter
    def server_hostname(self, name: str | None) -> None:
        self.options = self.options._replace(tls=self.options.tls._replace(server_hostname=name))

    def is_ssl(self) -> bool:
        """Whether the target is reached over TLS."""
        return self.url.scheme in {"https", "wss"}

    def copy(self) -> ClientRequest:
        """Return the same request with headers of its own, so that a hop leaves no trace on it."""
        twin = type(self)(
            self.method,
            self.url,
            headers=self.headers,
            body=self.payload,
            options=self.options,
            call=self.call,
            session=self.session,
            auth=self.auth,
            cookies=self.cookies,
        )
        twin.begin_hop()
        twin.url_auth = self.url_auth
        twin.empty_query = self.empty_query
        twin.redirected = self.redirected
        twin.crossed_origin = self.crossed_origin
        twin.trace = self.trace
        twin.route = self.route
        headers = self.proxy_headers
        twin.proxy_headers = None if headers is None else headers.copy()
        twin.skipped = self.skipped
        return twin

    def head(self, destination: Destination | None = None) -> RequestHead:
        """Return what is asked for in the terms of the protocol layer; the URL's parts if known."""
        options = self.options
        scheme, authority, target, _, _ = destination or destination_of(self.url)
        if self.empty_query:
            target = request_target(self.url, empty_query=True)
        has_body = self.payload is not None
        chunked, expects = has_body and bool(options.chunked), has_body and self.expects_continue
        what = (self.method, scheme, authority, target, self._wire_headers(), self.absolute)
        how = (options.version, chunked, expects, options.upgrade)
        return RequestHead(*what, *how, options.read_until_eof, options.limits)  # fast by position

    def _wire_headers(self) -> Lines:
        """Return the fields as they go out: those for a forwarding proxy are added only here."""
        fields = self.lines
        if fields is None or getversion(self.headers) != self.unchanged:  # type: ignore[arg-type]
            fields = tuple(self.headers.items())
        proxy = self.route
        if proxy is None or not self.absolute:
            return fields
        fields += proxy.headers
        if proxy.authorization is not None:
            fields += (("Proxy-Authorization", proxy.authorization),)
        return fields

    def wire_body(self) -> Body:
        """Return the body in the terms of the protocol layer."""
        body = self.payload
        tracker = self.options.upload_tracker
        if body is None:
            return None
        source = as_sent(body)
        if tracker is not None:
            return TrackedBody(source, tracker)
        at_hand = body.at_hand if source is body else None
        return source if at_hand is None else at_hand
