"""The steps between a user's call and the exchange on a connection, listed once.

Knows: the order of the steps and what each must leave true.
Must not know: bytes, sockets, HTTP versions. Decisions are pure functions in the modules beside:
`redirects`, `auth`, `cookies`, `proxies`, `retries`.
Called by: `session`, which builds one pipeline for its life.

What a step is, is said in `steps`. From the outside in:

1. `Settle` closes the body, whatever happened, and tells the upload's tracker: the one place.
2. `Trace` (in `trace_steps`) tells the listeners of the start and the end, where there are any.
3. `RaiseForStatusStep` turns 4xx and 5xx into errors if asked to.
4. `FollowRedirects` runs the rest once for each hop, on a copy of the request.
5. `Authorize` decides about ``Authorization``.
6. `SendCookies` asks the jar before, and feeds it after.
7. `ChooseProxy` decides through which proxy the hop goes.
8. `DropExpectation` sends once more without ``Expect`` when the server refuses to be asked.
9. `RunMiddlewares`: the user's own steps, which see the request as it will be sent.
10. `Resend` (in `resending`) sends once more when a kept connection turns out to be dead.
11. `TraceAttempt` (likewise) tells the listeners of each attempt, where there are any.
12. `Send`: lease a connection, exchange, make the response.

Cancellation passes through every step. A step that holds a response it will not return closes it
before it lets an exception out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from anyio import CancelScope, current_time, to_thread
from multidict import CIMultiDict, istr
from yarl import URL

from .._message.response import ClientResponse
from .._protocol.base import HTTP_11, Body, Exchange, HttpVersion, RequestHead
from ..abc import AbstractCookieJar
from ..exceptions import TooManyRedirects
from .auth import BasicAuth, authorization_for
from .cookies import merge_cookie_header
from .extended_connect import as_extended_connect, lease_for_websocket
from .middlewares import rewind
from .netrc import netrc_auth
from .proxies import environment_proxy, proxy_route
from .redirects import REDIRECTS, plan_redirect
from .request import ClientRequest, RequestOptions
from .request_trace import TracedBody
from .steps import Handler, OptionalStep
from .tls_options import PLAIN_TLS
from .uploads import UploadTracker
from .urls import destination_of, same_origin

if TYPE_CHECKING:
    from .._connect.connectors import BaseConnector
    from .._connect.key import ConnectionKey

__all__ = (
    "Authorize",
    "ChooseProxy",
    "DropExpectation",
    "FollowRedirects",
    "RaiseForStatusStep",
    "Send",
    "SendCookies",
    "Settle",
)

_AUTHORIZATION = istr("Authorization")
_CONNECTION = istr("Connection")
_CONTENT_LENGTH = istr("Content-Length")
_COOKIE = istr("Cookie")
_EXPECT = istr("Expect")
_HOST = istr("Host")
_TRANSFER_ENCODING = istr("Transfer-Encoding")
_UPGRADE = istr("Upgrade")


class Settle(OptionalStep):
    """Close the body and settle the upload's tracker, however the call ends."""

    def applies(self, options: RequestOptions, *, has_body: bool) -> bool:
        return has_body or options.upload_tracker is not None

    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        body = request.payload
        if request.options.upload_tracker is None and (body is None or body.closes_nothing):
            return handle(request)
        return self._settled(request, handle)

    async def _settled(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        spawn = request.call.spawn
        try:
            response = await handle(request)
        except BaseException as exc:
            if spawn is not None and spawn.running:
                # The body is in use until the block has ended what runs in it.
                spawn.when_done(partial(self._settle, request, exc))
            else:
                await self._settle(request, exc)
            raise
        if spawn is not None and spawn.running:
            spawn.when_done(partial(self._settle, request, None))
            return response
        try:
            await self._settle(request, None)
        except BaseException:
            response.close()
            raise
        return response

    async def _settle(self, request: ClientRequest, error: BaseException | None) -> None:
        tracker = request.options.upload_tracker
        if tracker is not None:
            tracker.finish(error)
        body = request.payload
        if body is None:
            return
        if body.at_hand is not None:
            await body.close()  # what is in memory is closed without waiting
            return
        # A cancelled call must still let go of files and generators.
        with CancelScope(shield=True, deadline=current_time() + _CLOSE_BODY_SECONDS):
            await body.close()


#: A generator's clean-up may await; it may not hold a cancelled call for longer than this.
_CLOSE_BODY_SECONDS = 5.0


class RaiseForStatusStep(OptionalStep):
    """Turn 4xx and 5xx into errors, if the request or the session asks for it."""

    def applies(self, options: RequestOptions, *, has_body: bool) -> bool:
        return options.raise_for_status is not False

    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        if request.options.raise_for_status is False:
            return handle(request)
        return self._checked(request, handle)

    async def _checked(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        response = await handle(request)
        check = request.options.raise_for_status
        try:
            if check is True:
                response.raise_for_status()
            elif check:
                await check(response)
        except BaseException:
            response.close()
            raise
        return response


class FollowRedirects:
    """Run the rest once for each hop of a redirect chain.

    Args:
        requote: whether ``Location`` is quoted anew (``requote_redirect_url``).
    """

    def __init__(self, requote: bool = True) -> None:
        self.requote = requote

    async def __call__(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        given = request.headers
        if not request.expects_continue:
            # Nobody leaves a trace on it but among the headers.
            request.begin_hop()
            response = await handle(request)
        else:
            response = await handle(request.copy())
        if response.status not in REDIRECTS or not request.options.allow_redirects:
            return response
        request.headers = given
        return await self._follow(request, response, handle)

    async def _follow(
        self, request: ClientRequest, response: ClientResponse, handle: Handler
    ) -> ClientResponse:
        history: list[ClientResponse] = []
        while True:
            try:
                following = await self._next_hop(request, response, history)
            except BaseException:
                response.close()
                raise
            if following is None:
                response.history = tuple(history)
                return response
            request = following
            response = await handle(request.copy())

    async def _next_hop(
        self, request: ClientRequest, response: ClientResponse, history: list[ClientResponse]
    ) -> ClientRequest | None:
        """Return the request that a redirect asks for; ``None`` if the response is final."""
        if response.status not in REDIRECTS:
            return None
        trace = request.trace
        if trace is not None:
            await trace.redirected(response)
        plan = plan_redirect(
            response.status, response.raw_headers, request.method, request.url, self.requote
        )
        if plan is None:
            return None
        history.append(response)
        limit = request.options.max_redirects
        if limit and len(history) >= limit:
            raise TooManyRedirects(
                history[0].request_info,
                tuple(history),
                status=response.status,
                message=f"more than {limit} redirects",
                headers=response.headers,
            )
        response.release()
        following = request.copy()
        following.method = plan.method
        following.url = plan.url
        for name in plan.drop_headers:
            following.headers.popall(name, None)
        if plan.keep_body:
            await rewind(request)
        else:
            following.payload = None
        if plan.auth is not None or plan.cross_origin:
            following.url_auth = plan.auth
        following.empty_query = plan.empty_query
        following.redirected = True
        if plan.cross_origin:
            following.crossed_origin = True
            following.auth = None
            following.cookies = None
        if trace is not None:
            trace.at_hop(plan.method, plan.url, plan.drop_headers)
        return following


class Authorize:
    """Decide which ``Authorization`` a hop carries.

    Args:
        auth: the session's.
        base_url: the only origin that ``auth`` is for, if the session has a base URL.
        trust_env: whether netrc is asked.
    """

    def __init__(self, auth: BasicAuth | None, base_url: URL | None, trust_env: bool) -> None:
        self._auth = auth
        self._base_url = base_url
        self._trust_env = trust_env
        self._has_own = auth is not None or trust_env

    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        if request.auth is None and request.url_auth is None and not self._has_own:
            return handle(request)
        has_header = _AUTHORIZATION in request.headers
        auth = authorization_for(
            request=request.auth,
            url=request.url_auth,
            session=self._auth if self._is_for(request) else None,
            has_header=has_header,
            redirected=request.redirected,
        )
        if auth is not None:
            request.headers[_AUTHORIZATION] = auth.encode()
        elif self._trust_env and not has_header:
            return self._by_netrc(request, handle)
        return handle(request)

    async def _by_netrc(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        auth = await to_thread.run_sync(netrc_auth, request.url.raw_host or "")
        if auth is not None:
            request.headers[_AUTHORIZATION] = auth.encode()
        return await handle(request)

    def _is_for(self, request: ClientRequest) -> bool:
        """Tell whether the session's credentials may go to the request's origin."""
        if request.crossed_origin:
            return False
        return self._base_url is None or same_origin(self._base_url, request.url)


class SendCookies:
    """Send what the jar holds for the hop's URL, and give the jar what comes back.

    Args:
        jar: the session's jar.
    """

    def __init__(self, jar: AbstractCookieJar) -> None:
        self.jar = jar

    async def __call__(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        jar = self.jar
        stored = jar.cookie_header(request.url) if len(jar) else ""
        if stored or request.cookies:
            by_hand = "; ".join(request.headers.getall(_COOKIE, ()))
            merged = merge_cookie_header(stored, request.cookies, by_hand, url=request.url, jar=jar)
            if merged:
                request.headers[_COOKIE] = merged
        response = await handle(request)
        if response.has_field(b"set-cookie"):
            jar.update_cookies_from_headers(response.field_values(b"set-cookie"), response.url)
        return response


class ChooseProxy(OptionalStep):
    """Decide through which proxy a hop goes: the request's, the session's or the environment's.

    Args:
        trust_env: whether the environment is asked.
    """

    def __init__(self, trust_env: bool) -> None:
        self._trust_env = trust_env

    def applies(self, options: RequestOptions, *, has_body: bool) -> bool:
        return self._trust_env or options.proxy is not None

    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        options = request.options
        if options.proxy is not None:
            request.go_through(
                proxy_route(options.proxy, options.proxy_auth, options.proxy_headers)
            )
        elif self._trust_env:
            return self._by_environment(request, handle)
        return handle(request)

    async def _by_environment(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        request.go_through(await to_thread.run_sync(environment_proxy, request.url))
        return await handle(request)


class DropExpectation(OptionalStep):
    """Send once more without ``Expect`` when the server answers 417 (RFC 9110 10.1.1).

    The user gets the 417 if the body was begun meanwhile and cannot be had again.
    """

    def applies(self, options: RequestOptions, *, has_body: bool) -> bool:
        return has_body or bool(options.middlewares)

    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        if not request.expects_continue and not request.options.middlewares:
            return handle(request)
        return self._once_more(request, handle)

    async def _once_more(self, request: ClientRequest, handle: Handler) -> ClientResponse:
        response = await handle(request)
        body = request.payload
        if response.status != _EXPECTATION_FAILED or not request.expects_continue:
            return response
        if body is None or body.consumed:
            return response
        response.release()
        await rewind(request)
        request.drop_expectation()
        return await handle(request)


_EXPECTATION_FAILED = 417


class Send:
    """Lease a connection, exchange, make the response: the innermost handler.

    Args:
        connector: where connections come from.
        make_response: makes the response from what was asked for and the exchange.
    """

    def __init__(
        self,
        connector: BaseConnector,
        make_response: Callable[[ClientRequest, Exchange], ClientResponse],
    ) -> None:
        self._connector = connector
        self._make_response = make_response
        self._keys: dict[tuple[str, str | None, int | None], ConnectionKey] = {}

    async def __call__(self, request: ClientRequest) -> ClientResponse:
        call = request.call
        url = request.url
        destination = destination_of(url)
        call.host = destination.host
        key = self._key_for(request, destination.origin)
        request.route = key.proxy
        request.absolute = key.proxy is not None and not key.tunnel
        if self._connector.force_close and _CONNECTION not in request.headers:
            request.headers[_CONNECTION] = "close"  # RFC 9112 9.6: the peer should know
        head = request.head(destination)
        tracker = request.options.upload_tracker
        if tracker is not None:
            tracker.begin()
        connector = self._connector
        lease = None
        if head.upgrade and request.headers[_UPGRADE].lower() == "websocket":
            shared = self._key_for(request, destination.origin, http1=False)
            lease = await lease_for_websocket(connector, shared, call)
            if lease is not None and lease.connection.multiplexes:
                head = as_extended_connect(head)
        if lease is None:
            lease = connector.acquire_nowait(key, call) or await connector.acquire(key, call)
        request.reused_connection = lease.reused
        body: Body = None
        try:
            body = request.wire_body()
            if request.trace is not None:
                body = await _tell_of_sending(request, head, body, lease.connection.version)
            exchange = await lease.exchange(head, body, call)
        except BaseException as exc:
            lease.release()
            _attempt_failed(tracker, body, exc)
            raise
        if tracker is not None:
            tracker.answered(sent=exchange.request_sent)
            if call.spawn is not None and call.spawn.running:
                call.spawn.when_done(partial(tracker.outlived, exchange))
        response = self._make_response(request, exchange)
        if request.trace is not None:
            response.call_when_read(request.trace.received)
        return response

    def _key_for(
        self,
        request: ClientRequest,
        origin: tuple[str, str | None, int | None],
        http1: bool | None = None,
    ) -> ConnectionKey:
        """Return the key of the connections that can carry a request."""
        url = request.url
        tls = request.options.tls
        route = request.final_route
        # Another protocol can only be gone over to from HTTP/1.1 (RFC 9113 8.6).
        if http1 is None:
            http1 = request.options.version < HTTP_11 or _UPGRADE in request.headers
        if tls is not PLAIN_TLS or route is not None or http1:
            return self._connector.key_for(
                url,
                ssl=tls.ssl,
                pin=tls.pin,
                server_hostname=tls.server_hostname,
                proxy=route,
                http1=http1,
            )
        # What most requests ask for; the same key each time is also found faster in the pool.
        key = self._keys.get(origin)
        if key is None:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            key = self._keys[origin] = self._connector.key_for(url)
        return key


def _attempt_failed(tracker: UploadTracker | None, body: Body, error: BaseException) -> None:
    """Note what an attempt failed with; what a listener raised is raised as it was."""
    if tracker is not None and isinstance(error, Exception):
        tracker.failed(error)
    if isinstance(body, TracedBody):
        body.raise_listeners_own(error)


async def _tell_of_sending(
    request: ClientRequest, head: RequestHead, body: Body, version: HttpVersion
) -> Body:
    """Tell that a head is about to be sent, and return a body that tells of its chunks."""
    trace, payload = request.trace, request.payload
    assert trace is not None
    url = request.url.with_fragment(None)
    fields = CIMultiDict(head.headers)
    if _HOST not in fields:
        fields = CIMultiDict([(_HOST, head.authority), *head.headers])
    if head.expect_continue:
        fields.setdefault(_EXPECT, "100-continue")
    if payload is not None and _CONTENT_LENGTH not in fields:
        if payload.size is not None and not head.chunked:
            fields[_CONTENT_LENGTH] = str(payload.size)
        elif version == head.version == HTTP_11:
            fields[_TRANSFER_ENCODING] = "chunked"
    await trace.notify("request_headers_sent", method=head.method, url=url, headers=fields)
    if not body:
        return body
    if isinstance(body, bytes) and not head.expect_continue:
        # At hand, so that head and body can go out together.
        await trace.notify("request_chunk_sent", method=head.method, url=url, chunk=body)
        return body
    assert payload is not None
    source = payload if isinstance(body, bytes) else body
    return TracedBody(source, trace, head.method, url)


_MOST_KEYS = 10_000
