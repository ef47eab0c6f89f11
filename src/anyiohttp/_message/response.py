"""A response: its head in aiohttp's terms, its body, and when its exchange ends.

Knows: what a body may be read as, and how often; what ends an exchange.
Must not know: sessions, connectors, redirects, the HTTP version; it sees only its `Exchange`.
Called by: the session makes one for each final response; users have it.

Who ends the exchange: the peer, when the last byte has arrived; the user, with `release`, `close`
or the end of an ``async with`` block; an error or a cancellation while the body is read; and at
last the garbage collector, with a `ResourceWarning`. After any of them the response holds no
connection.
"""

from __future__ import annotations

import codecs
import json
import re
import warnings
from collections.abc import Awaitable, Callable, Generator, Sequence
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from multidict import CIMultiDictProxy
from yarl import URL

from .._protocol.base import Exchange, HttpVersion
from ..exceptions import (
    ClientConnectionError,
    ClientResponseError,
    ContentDecodingError,
    ContentTypeError,
    StreamConsumedError,
)
from ..typedefs import JSONDecoder
from .codings import Decoder, make_decoder
from .fields import HeaderFields, decode_fields, parse_cookies
from .limits import BodyLimits
from .reader import DEFAULT_LIMIT, StreamReader
from .request_info import RequestInfo
from .sources import ByteSource, DecodedSource, HeldSource, LimitedSource

__all__ = ("ClientResponse", "RequestInfo", "ResponseOptions")

_R = TypeVar("_R", bound="ClientResponse")

_JSON_TYPE = re.compile(r"application/(?:[\w.+-]+?\+)?json")


def _utf8(response: ClientResponse, body: bytes) -> str:
    return "utf-8"


_BODY_LIMITS = BodyLimits()


class ResponseOptions(NamedTuple):
    """How responses are read; the same for many of them.

    Args:
        auto_decompress: whether bodies are taken out of their content codings.
        read_bufsize: the limit of `StreamReader`; a line may be twice as long.
        resolve_charset: names the charset of a body whose response does not.
        parse_cookies: makes cookies of the values of ``Set-Cookie``, each one field.
        body_limits: how large a body may be.
    """

    auto_decompress: bool = True
    read_bufsize: int = DEFAULT_LIMIT
    resolve_charset: Callable[[ClientResponse, bytes], str] = _utf8
    parse_cookies: Callable[[Sequence[str]], SimpleCookie] = parse_cookies
    body_limits: BodyLimits = _BODY_LIMITS


_DEFAULT_OPTIONS = ResponseOptions()


class _Done:
    """Awaitable in form: what was to be done is done."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


_DONE = _Done()


class ClientResponse(HeaderFields):
    """A response whose head has arrived.

    Args:
        method: of the request.
        url: of the request, with its fragment.
        exchange: the body comes from it; the response ends it.
        request_info: what was asked for.
        history: the responses of the redirects before this one.
        options: how the body is read.
        session: kept alive until the exchange has ended.
        on_end: called once, when the exchange has ended.

    Attributes:
        method: of the request.
        status: the status code.
        reason: the reason phrase; maybe empty.
        version: the HTTP version that was spoken.

    As ``async with response:`` it is released at the end of the block.
    """

    method: str
    status: int
    reason: str | None
    version: HttpVersion

    # Set here so that an object whose construction failed can be collected.
    _ended = True
    #: Set where somebody traces.
    _when_read: Callable[[ClientResponse, bytes], Awaitable[None]] | None = None

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        exchange: Exchange,
        request_info: RequestInfo,
        history: tuple[ClientResponse, ...] = (),
        options: ResponseOptions = _DEFAULT_OPTIONS,
        session: object = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        head = exchange.head
        super().__init__(head.headers, url, options.parse_cookies)
        self.method = method
        self.status = head.status
        self.reason = head.reason
        self.version = head.version
        self._url = url
        self._exchange = exchange
        self._request_info = request_info
        self._history = history
        self._options = options
        self._session = session
        self._on_end = on_end
        self._content: StreamReader | None = None
        self._body: bytes | None = None
        self._released = False
        self._in_context = False
        self._ended = False

    def __del__(self, _warnings: Any = warnings) -> None:
        if self._ended:
            return
        if not self.closed:
            _warnings.warn(f"Unclosed response {self!r}", ResourceWarning, 2, self)
        self._end()

    def __repr__(self) -> str:
        reason = (self.reason or "").encode("ascii", "backslashreplace").decode("ascii")
        return f"<{type(self).__name__}({self._url.with_user(None)}) [{self.status} {reason}]>"

    # --- the request ---

    @property
    def url(self) -> URL:
        """The URL that was answered, with its fragment."""
        return self._url

    @property
    def real_url(self) -> URL:
        """The URL as it was asked for."""
        return self._request_info.real_url

    @property
    def host(self) -> str:
        """The URL's host."""
        return self._url.host or ""

    @property
    def request_info(self) -> RequestInfo:
        """What was asked for."""
        return self._request_info

    @property
    def history(self) -> tuple[ClientResponse, ...]:
        """The responses of the redirects before this one, first to last."""
        return self._history

    @history.setter
    def history(self, history: tuple[ClientResponse, ...]) -> None:
        self._history = history

    # --- the head ---

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def has_field(self, name: bytes) -> bool:
        """Whether there is a header field of that name.

        Args:
            name: in lower case.
        """
        return name in self._exchange.head.names

    @property
    def trailers(self) -> CIMultiDictProxy[str]:
        """The fields after the body (RFC 9110 6.5); complete once the body has been read."""
        return decode_fields(self._exchange.trailers)

    def raise_for_status(self) -> None:
        """Raise if the status is 400 or above; outside of ``async with``, release then.

        Raises:
            ClientResponseError: with request, status, reason and headers.
        """
        if self.ok:
            return
        if not self._in_context:
            self.release()
        raise ClientResponseError(
            self._request_info,
            self._history,
            status=self.status,
            message=self.reason or "",
            headers=self.headers,
        )

    # --- the exchange ---

    @property
    def connection(self) -> Exchange | None:
        """The exchange while it lasts; ``None`` from the moment its connection is free again."""
        return None if self.closed else self._exchange

    @property
    def closed(self) -> bool:
        """Whether the exchange has ended: everything has arrived, or it was given up."""
        return self._ended or self._exchange.stream is None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection while it lasts.

        Args:
            name: ``peername``, ``sockname``, ``socket``, ``ssl_object``, ``cipher``, ``peercert``.
            default: what to return if nothing is known.
        """
        from .connection_info import extra_info  # only now: few ask

        return extra_info(self._exchange.stream, name, default)

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Call ``function`` once when the exchange has ended; now, if it has."""
        if self.closed:
            function()
        else:
            self._on_end = function

    def call_when_read(self, function: Callable[[ClientResponse, bytes], Awaitable[None]]) -> None:
        """Await ``function(response, body)`` once `read` has the body; `read` raises its errors."""
        self._when_read = function

    def release(self) -> _Done:
        """Give up what has not been read, and the exchange if it lasts. Safe to call again.

        Done when it returns; awaiting the result does nothing more. The connection is kept for
        others if everything had arrived.
        """
        if not self._released:
            self._released = True
            if self._body is None:
                content = self.content
                if content.exception() is None and not content.consumed:
                    content.set_exception(ClientConnectionError("Connection closed"))
            self._end()
        return _DONE

    def close(self) -> _Done:
        """The same as `release`."""
        return self.release()

    def _end(self) -> None:
        """The exchange has ended or must now."""
        if self._ended:
            return
        self._ended = True
        self._session = None
        on_end, self._on_end = self._on_end, None
        try:
            self._exchange.release()
        finally:
            if on_end is not None:
                on_end()

    async def __aenter__(self: _R) -> _R:
        self._in_context = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._in_context = False
        self.release()

    # --- the body ---

    @property
    def content(self) -> StreamReader:
        """The body as a stream, taken out of its content codings."""
        if self._content is None:
            source: ByteSource = self._exchange
            failure = None
            if self._body is not None:  # by `_take_whole`
                self._content = StreamReader(
                    None, self._options.read_bufsize, source=HeldSource(self._body)
                )
                self._content.read_nowait()
                return self._content
            try:
                source = self._source()
            except ContentDecodingError as exc:
                failure = exc
            limit = self._options.read_bufsize
            self._content = StreamReader(
                None,
                limit,
                source=source,
                on_end=self._end,
                watch=self._exchange.raise_if_overdue,
                chunk_ends=None if self._is_coded() else self._exchange.take_chunk_ends,
            )
            if failure is not None:
                self._content.set_exception(failure)  # for who reads, not for who releases
        return self._content

    def _source(self) -> ByteSource:
        """Return where the body comes from: the exchange, decoded and held to its limits."""
        exchange, limits = self._exchange, self._options.body_limits
        decoder = self._make_decoder()
        if decoder is not None:
            return DecodedSource(exchange, decoder, limits, may_be_empty=exchange.delimited)
        if limits.max_body_size is None:
            return exchange
        # Of a response without a body (to HEAD, 304) the Content-Length is another's.
        return LimitedSource(exchange, limits, None if exchange.complete else self.content_length)

    def _make_decoder(self) -> Decoder | None:
        if self._options.auto_decompress and self._is_coded():
            return make_decoder(", ".join(self.headers.getall("Content-Encoding")))
        return None

    def _is_coded(self) -> bool:
        return b"content-encoding" in self._exchange.head.names

    def _take_whole(self) -> bool:
        """Take the body if all of it is there as it is to be had: most are small."""
        exchange = self._exchange
        if self._content is not None or self._released or not exchange.complete:
            return False
        if self._options.body_limits.max_body_size is not None or self._is_coded():
            return False
        if self._when_read is not None:
            return False
        body = exchange.receive_nowait()
        while body and (more := exchange.receive_nowait()):
            body += more
        self._body = body or b""
        self._end()
        return True

    async def read(self) -> bytes:
        """Return the whole body; the same again when it is called again, until it is released.

        After a part of it was taken from `content`, it is the rest.

        Raises:
            StreamConsumedError: all of it was taken from `content`.
            ClientPayloadError: the body broke off, or its coding is wrong; `BodyTooLargeError`:
                it passes ``max_body_size`` or ``max_decompressed_ratio``.
            ServerTimeoutError: a limit of the call ran out.
            ClientConnectionError: the response was released before.

        Any of them, and a cancellation, ends the exchange.
        """
        if self._released and self._body is not None:
            raise ClientConnectionError("Connection closed")
        if self._body is None and not self._take_whole():
            content = self.content
            if content.consumed:
                raise StreamConsumedError(
                    "the body was already consumed as a stream (response.content)"
                )
            try:
                self._body = await content.read()
                if self._when_read is not None:
                    await self._when_read(self, self._body)
            except BaseException:
                self.close()
                raise
        assert self._body is not None
        return self._body

    def get_encoding(self) -> str:
        """Return the charset that `text` uses: the header's if Python has it, ``utf-8`` for JSON,
        else what the session's ``fallback_charset_resolver`` says.

        Raises:
            RuntimeError: the resolver is needed, and the body has not been read.
        """
        charset = self.charset
        if charset is not None:
            try:
                b"-".decode(charset, "ignore")  # refuses codecs that are no charsets, like "hex"
                return codecs.lookup(charset).name
            except (LookupError, ValueError):
                pass
        if self.content_type in ("application/json", "application/rdap"):
            return "utf-8"  # RFC 8259 8.1, RFC 7483 10.1
        if self._body is None:
            raise RuntimeError("Cannot compute fallback encoding of a not yet read body")
        return self._options.resolve_charset(self, self._body)

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Return the whole body as text.

        Args:
            encoding: the charset; by default `get_encoding`.
            errors: what to do about bytes that are none of it, as in `bytes.decode`.

        Raises:
            UnicodeDecodeError: the body is not of that charset.

        Raises also as `read`; cancellation as there.
        """
        body = await self.read() if self._body is None or not self._released else self._body
        return body.decode(encoding or self.get_encoding(), errors)

    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: JSONDecoder = json.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        """Return the whole body as JSON; ``None`` if it is blank.

        Args:
            encoding: the charset; by default `get_encoding`.
            loads: reads the text.
            content_type: the media type to insist on; ``application/json`` stands for
                ``application/…+json`` too; ``None`` or ``""`` for any.

        Raises:
            ContentTypeError: the response is of another type.
            ValueError: the body is not JSON (`json.JSONDecodeError`), or not of the charset.

        Raises also as `read`; cancellation as there.
        """
        body = await self.read() if self._body is None or not self._released else self._body
        if content_type:
            self._insist_on(content_type)
        stripped = body.strip()
        if not stripped:
            return None
        return loads(stripped.decode(encoding or self.get_encoding()))

    def _insist_on(self, expected: str) -> None:
        actual = self.headers.get("Content-Type", "").lower()
        if expected == "application/json":
            accepted = _JSON_TYPE.match(actual) is not None
        else:
            accepted = expected in actual
        if not accepted:
            raise ContentTypeError(
                self._request_info,
                self._history,
                status=self.status,
                message=f"Attempt to decode JSON with unexpected mimetype: {actual}",
                headers=self.headers,
            )
