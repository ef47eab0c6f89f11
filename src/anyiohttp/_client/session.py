"""`ClientSession`: the interface for making requests.

Knows: the public options; which pipeline a call goes through.
Must not know: any policy (the steps of `pipeline`), any byte, any socket.
Called by: users.

A session holds a connector, a cookie jar and defaults. It holds no task, no cancel scope and no
timer: it may be opened, used and closed by any task.
"""

from __future__ import annotations

import json as json_module
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, Unpack

from multidict import CIMultiDict

from .._connect.connectors import BaseConnector, TCPConnector
from .._message.limits import MAX_DECOMPRESSED_RATIO, BodyLimits
from .._message.payloads import JsonBytesPayload, JsonPayload, Payload
from .._message.reader import DEFAULT_LIMIT
from .._message.response import ClientResponse, ResponseOptions
from .._net.deadlines import DEFAULT_TIMEOUT, ClientTimeout
from .._protocol.base import HTTP_11, Exchange, HttpVersion, MessageLimits
from ..abc import AbstractCookieJar
from ..typedefs import (
    JSONBytesEncoder,
    JSONEncoder,
    LooseCookies,
    LooseHeaders,
    PathLike,
    Query,
    StrOrURL,
)
from .auth import BasicAuth
from .contexts import BlockTasks, RequestContext
from .conversing import OpensConversations
from .cookies import CookieJar
from .headers import DefaultHeaders
from .middlewares import RunMiddlewares
from .options import UNSET, RequestKwargs, timeout_from
from .pipeline import (
    Authorize,
    ChooseProxy,
    DropExpectation,
    FollowRedirects,
    RaiseForStatusStep,
    Send,
    SendCookies,
    Settle,
)
from .preparation import Preparation
from .request import ClientMiddlewareType, ClientRequest, RaiseForStatus, RequestOptions
from .request_trace import RequestTrace
from .resending import Resend
from .set_cookie import parse_response_cookies
from .steps import Handler, Step, build_pipeline, needed_steps
from .trace_steps import Trace, TraceAttempt
from .unset import Unset
from .urls import check_base_url

if TYPE_CHECKING:
    from ..downloads import DownloadKwargs, DownloadResult
    from .tracing import TraceConfig
    from .websocket import ClientWebSocketResponse

__all__ = ("ClientSession",)

Self = TypeVar("Self", bound="ClientSession")

#: A body at hand of no more than this goes out together with its head.
_GOES_AT_ONCE = 64 * 1024


class ClientSession(OpensConversations):
    """A set of defaults, a cookie jar and a pool of connections to make requests with.

    Use it with ``async with``, or close it with `close`. It may be used by any number of tasks at a
    time, on asyncio, uvloop and trio. A request that is cancelled at any moment leaves nothing
    behind, and the session stays usable.

    Args:
        base_url: what relative URLs are joined to; its path ends with ``/``.
        connector: where connections come from; by default a `TCPConnector` of its own.
        cookies: put into the jar.
        headers: sent with every request.
        proxy: the proxy of every request that names no other.
        proxy_auth: the credentials for ``proxy``.
        skip_auto_headers: names of automatic header fields that are not to be sent.
        auth: sent to ``base_url``'s origin, or without a base URL to whatever URL is requested;
            never to where a redirect leads.
        params: the query that every request's own is merged with.
        json_serialize: makes text of what is given as ``json=``.
        json_serialize_bytes: makes bytes of it instead.
        request_class: a subclass of `ClientRequest` to be made instead.
        response_class: a subclass of `ClientResponse` to be made instead.
        ws_response_class: a subclass of `ClientWebSocketResponse` to be made instead.
        version: ``HttpVersion10`` or ``HttpVersion11``.
        cookie_jar: keeps cookies; `DummyCookieJar` to keep none.
        connector_owner: whether closing the session closes the connector.
        raise_for_status: ``True``, or an async function of the response, to turn answers into
            errors.
        timeout: limits in seconds; by default 300 in all and 30 to connect.
        auto_decompress: whether bodies are decoded by their ``Content-Encoding``.
        trust_env: whether proxies and credentials of the environment (``http_proxy``, netrc, …)
            are used.
        requote_redirect_url: whether ``Location`` is quoted anew.
        read_bufsize: half of how many bytes a line of a body may have (`StreamReader`'s limit).
        max_line_size: bytes of a response's status line.
        max_field_size: bytes of a response's header field.
        max_headers: number of a response's header fields.
        max_body_size: bytes of a response's body, decoded; by default any number.
        max_decompressed_ratio: how many bytes of a body one byte on the wire may become; ``None``
            for any number. Bodies up to 4096 times this are never refused for it.
        fallback_charset_resolver: finds the charset of a body whose header does not say it, from
            the response and the body.
        middlewares: the user's own steps round every request, the first one outermost.
        trace_configs: are told what happens to every request, in this order; frozen from now on.
        loop: accepted for aiohttp's sake; the running event loop is used whatever it says.
    """

    # For __del__, should __init__ fail.
    _connector: BaseConnector | None = None

    def __init__(
        self,
        base_url: StrOrURL | None = None,
        *,
        connector: BaseConnector | None = None,
        loop: object = None,
        cookies: LooseCookies | None = None,
        headers: LooseHeaders | None = None,
        proxy: StrOrURL | None = None,
        proxy_auth: BasicAuth | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        auth: BasicAuth | None = None,
        params: Query = None,
        json_serialize: JSONEncoder = json_module.dumps,
        json_serialize_bytes: JSONBytesEncoder | None = None,
        request_class: type[ClientRequest] = ClientRequest,
        response_class: type[ClientResponse] = ClientResponse,
        ws_response_class: type[ClientWebSocketResponse[bool]] | None = None,
        version: HttpVersion = HTTP_11,
        cookie_jar: AbstractCookieJar | None = None,
        connector_owner: bool = True,
        raise_for_status: RaiseForStatus | None = False,
        timeout: ClientTimeout | float | Unset | None = UNSET,
        auto_decompress: bool = True,
        trust_env: bool = False,
        requote_redirect_url: bool = True,
        read_bufsize: int = DEFAULT_LIMIT,
        max_line_size: int = 8190,
        max_field_size: int = 8190,
        max_headers: int = 128,
        max_body_size: int | None = None,
        max_decompressed_ratio: float | None = MAX_DECOMPRESSED_RATIO,
        fallback_charset_resolver: Callable[[ClientResponse, bytes], str] = lambda r, b: "utf-8",
        middlewares: Sequence[ClientMiddlewareType] = (),
        trace_configs: list[TraceConfig] | None = None,
    ) -> None:
        self._base_url = check_base_url(base_url)
        limits = BodyLimits(max_body_size, max_decompressed_ratio)
        reading = ResponseOptions(
            auto_decompress, read_bufsize, fallback_charset_resolver, parse_response_cookies, limits
        )
        options = RequestOptions(
            raise_for_status=raise_for_status or False,  # aiohttp takes None, too
            proxy=proxy,
            proxy_auth=proxy_auth,
            timeout=DEFAULT_TIMEOUT if timeout is UNSET else timeout_from(timeout),
            reading=reading,
            limits=MessageLimits(max_line_size, max_field_size, max_headers),
            middlewares=tuple(middlewares),
            version=HTTP_11 if version == HTTP_11 else HttpVersion(*version),
            response_class=response_class,
        )
        self._json_serialize = json_serialize
        make_json: Callable[[object], Payload] = partial(JsonPayload, dumps=json_serialize)
        if json_serialize_bytes is not None:
            make_json = partial(JsonBytesPayload, dumps=json_serialize_bytes)
        self._preparation = Preparation(
            self._base_url,
            options,
            DefaultHeaders(headers, skip_auto_headers),
            params,
            make_json,
            request_class,
        )
        self._auth = auth
        self._ws_response_class = ws_response_class
        self._trust_env = trust_env
        self._redirects = FollowRedirects(requote_redirect_url)
        self._cookie_jar = CookieJar() if cookie_jar is None else cookie_jar
        if cookies:
            self._cookie_jar.update_cookies(cookies)
        self._connector_owner = connector_owner
        self._connector = TCPConnector() if connector is None else connector
        self._trace_configs = [] if trace_configs is None else trace_configs
        for config in self._trace_configs:
            config.freeze()
        self._build_pipelines(self._connector)

    def _build_pipelines(self, connector: BaseConnector) -> None:
        """Make what carries requests out: those with the session's options, all, traced ones."""
        steps: tuple[Step, ...] = (
            Settle(),
            RaiseForStatusStep(),
            self._redirects,
            Authorize(self._auth, self._base_url, self._trust_env),
            SendCookies(self._cookie_jar),
            ChooseProxy(self._trust_env and connector.takes_proxy),
            DropExpectation(),
            RunMiddlewares(),
            Resend(),
        )
        send = Send(connector, self._make_response)
        options = self._preparation.options
        self._handle_usual: dict[bool, Handler] = {
            has_body: build_pipeline(needed_steps(steps, options, has_body=has_body), send)
            for has_body in (False, True)
        }
        self._handle = build_pipeline(steps, send)
        traced = (steps[0], Trace(), *steps[1:], TraceAttempt())
        self._handle_traced = build_pipeline(traced, send)

    # --- requests ---

    def request(
        self, method: str, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a request; ``await`` it, or enter it with ``async with``.

        Args:
            method: any token (RFC 9110 9.1); letters are put in upper case.
            url: what is requested; relative to the session's ``base_url`` if there is one.
            **kwargs: `RequestKwargs`: ``params``, ``data`` or ``json``, ``cookies``, ``headers``,
                ``auth``, ``timeout``, ``allow_redirects`` and so on.

        Raises:
            InvalidURL, NonHttpUrlClientError: the URL cannot be requested.
            InvalidRequestError: the method or a header field must not be sent.
            ClientConnectionError: no connection, or it failed; its subclasses say how.
            ServerTimeoutError: a limit of ``timeout`` ran out.
            ClientResponseError: with ``raise_for_status``, an answer of 400 or more.
            TooManyRedirects: the chain is longer than ``max_redirects``.
            ValueError: two options contradict each other.

        A cancelled request leaves no connection, pool slot or open file behind.
        """
        return self._in_context(method, url, kwargs)

    def get(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> RequestContext[ClientResponse]:
        """Make a GET request (see `request`)."""
        return RequestContext(self._request("GET", url, **kwargs))

    def options(
        self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make an OPTIONS request (see `request`)."""
        return self._in_context("OPTIONS", url, kwargs)

    def head(
        self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a HEAD request; redirects are not followed unless asked (see `request`)."""
        kwargs.setdefault("allow_redirects", False)
        return RequestContext(self._request("HEAD", url, **kwargs))

    def post(
        self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a POST request (see `request`)."""
        return self._in_context("POST", url, kwargs)

    def put(self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]) -> RequestContext[ClientResponse]:
        """Make a PUT request (see `request`)."""
        return self._in_context("PUT", url, kwargs)

    def patch(
        self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a PATCH request (see `request`)."""
        return self._in_context("PATCH", url, kwargs)

    def delete(
        self, url: StrOrURL, **kwargs: Unpack[RequestKwargs]
    ) -> RequestContext[ClientResponse]:
        """Make a DELETE request (see `request`)."""
        return self._in_context("DELETE", url, kwargs)

    def _in_context(
        self, method: str, url: StrOrURL, kwargs: RequestKwargs
    ) -> RequestContext[ClientResponse]:
        """Return a call; if its body may outlive the response's head, its block can own that."""
        data = kwargs.get("data")
        if data is None or (isinstance(data, bytes | str) and len(data) <= _GOES_AT_ONCE):
            return RequestContext(self._request(method, url, **kwargs))
        block = BlockTasks()
        return RequestContext(self._request(method, url, block, **kwargs), block=block)

    async def _request(
        self,
        method: str,
        url: StrOrURL,
        block: BlockTasks | None = None,
        **kwargs: Unpack[RequestKwargs],
    ) -> ClientResponse:
        tracker = kwargs.get("upload_tracker")
        if tracker is None and not self._trace_configs:
            connector = self._connector
            if connector is None or connector.closed:
                self._raise_if_closed()
            request = self._preparation.request(self, method, url, **kwargs)
            if block is not None and block.open:
                request.call.spawn = block
            if request.options is self._preparation.options:
                return await self._handle_usual[request.payload is not None](request)
            return await self._handle(request)
        if tracker is not None:
            tracker.bind()
        try:
            self._raise_if_closed()
            if headers := kwargs.get("headers"):
                kwargs["headers"] = headers = CIMultiDict(headers)  # an iterator must do twice
            request = self._preparation.request(self, method, url, **kwargs)
        except Exception as exc:
            if tracker is not None:
                tracker.finish(exc)  # somebody may be waiting for it
            raise
        if block is not None and block.open:
            request.call.spawn = block
        if not self._trace_configs:
            return await self._handle(request)
        fields = self._preparation.headers.users(headers)
        context = request.options.trace_request_ctx
        request.trace = RequestTrace(self, self._trace_configs, context, fields)
        request.call.observer = request.trace
        return await self._handle_traced(request)

    def _raise_if_closed(self) -> None:
        if self.closed:
            raise RuntimeError("Session is closed")

    def _make_response(self, request: ClientRequest, exchange: Exchange) -> ClientResponse:
        return request.options.response_class(
            request.method,
            request.url,
            exchange=exchange,
            request_info=request.request_info,
            options=request.options.reading,
            session=self,
        )

    async def download(
        self, url: StrOrURL, path: PathLike | None = None, **options: Unpack[DownloadKwargs]
    ) -> DownloadResult:
        """Download a file: resumable, over several connections, verified (see `download`).

        Args:
            url: what to download.
            path: the file, or a directory; by default the working directory.
            **options: `DownloadKwargs`: ``connections``, ``digest``, ``progress`` and so on.

        Raises and cancellation: as `anyiohttp.download`.
        """
        # What is built on sessions is no part of them, and is loaded by who downloads.
        from ..downloads import download

        return await download(self, url, path, **options)

    # --- life ---

    async def close(self) -> None:
        """Close the connector, if the session owns it; it can be called twice.

        Cancellation: the connections are closed all the same.
        """
        connector, self._connector = self._connector, None
        if connector is not None and self._connector_owner and not connector.closed:
            await connector.close()

    def detach(self) -> None:
        """Let go of the connector without closing it; the session counts as closed."""
        self._connector = None

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # pragma: no cover - __enter__ has raised
        pass

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self.closed:
            _warn(f"Unclosed client session {self!r}", ResourceWarning, source=self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else repr(self._connector)
        return f"<{type(self).__name__} {state}>"

    # --- what it holds ---

    @property
    def closed(self) -> bool:
        """Whether the session, or its connector, was closed."""
        return self._connector is None or self._connector.closed

    @property
    def connector(self) -> BaseConnector | None:
        """Where connections come from; ``None`` once the session was closed."""
        return self._connector

    @property
    def connector_owner(self) -> bool:
        """Whether closing the session closes the connector."""
        return self._connector_owner

    @property
    def cookie_jar(self) -> AbstractCookieJar:
        """The cookies."""
        return self._cookie_jar

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields sent with every request; changes take effect with the next one."""
        return self._preparation.headers.own

    @property
    def skip_auto_headers(self) -> frozenset[str]:
        """Names of automatic header fields that are not sent."""
        return self._preparation.headers.skipped

    @property
    def auth(self) -> BasicAuth | None:
        """The session's credentials."""
        return self._auth

    @property
    def timeout(self) -> ClientTimeout:
        """The limits of requests that set none of their own."""
        return self._preparation.options.timeout

    @property
    def version(self) -> HttpVersion:
        """The HTTP version of requests."""
        return self._preparation.options.version

    @property
    def json_serialize(self) -> JSONEncoder:
        """Makes text of what is given as ``json=``."""
        return self._json_serialize

    @property
    def raise_for_status(self) -> RaiseForStatus:
        """Whether, or how, answers are turned into errors."""
        return self._preparation.options.raise_for_status

    @property
    def auto_decompress(self) -> bool:
        """Whether bodies are decoded by their ``Content-Encoding``."""
        return self._preparation.options.reading.auto_decompress

    @property
    def trust_env(self) -> bool:
        """Whether proxies and credentials of the environment are used."""
        return self._trust_env

    @property
    def trace_configs(self) -> list[TraceConfig]:
        """Who is told what happens to every request."""
        return self._trace_configs

    @property
    def requote_redirect_url(self) -> bool:
        """Whether ``Location`` is quoted anew; may be set."""
        return self._redirects.requote

    @requote_redirect_url.setter
    def requote_redirect_url(self, requote: bool) -> None:
        self._redirects.requote = requote
