"""The response over a scripted exchange: one that plays a peer, byte for byte."""

from __future__ import annotations

import gc
import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from anyiohttp._message.response import ClientResponse, RequestInfo, ResponseOptions
from anyiohttp._net.streams import NetworkStream
from anyiohttp._protocol.base import HTTP_11, Exchange, RawHeaders, ResponseHead
from anyiohttp.exceptions import (
    ClientConnectionError,
    ClientPayloadError,
    ClientResponseError,
    ContentDecodingError,
    ContentTypeError,
    StreamConsumedError,
)

pytestmark = pytest.mark.anyio

URL_ = URL("http://user:secret@example.org/path?q=1#part")
CLEAN = "http://example.org/path?q=1#part"


class PeerStream(NetworkStream):
    """A stream that only knows its peer's name."""

    async def receive(self, max_bytes: int = 0) -> bytes:
        raise NotImplementedError

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        raise NotImplementedError

    async def flush(self) -> None:
        raise NotImplementedError

    def receive_nowait(self, max_bytes: int = 0) -> bytes:
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    @property
    def extra_attributes(self) -> dict[Any, Callable[[], Any]]:
        return {SocketAttribute.remote_address: lambda: ("192.0.2.1", 80)}


class ScriptedExchange(Exchange):
    """Gives the pieces in turn; raises those that are errors; stalls on ``None``."""

    def __init__(
        self,
        pieces: Iterable[bytes | Exception | None] = (),
        *,
        status: int = 200,
        headers: RawHeaders = (),
        trailers: RawHeaders = (),
        arrived: bool = False,
        reason: str = "OK",
    ) -> None:
        self._head = ResponseHead(status, reason, HTTP_11, headers)
        self.pieces = list(pieces)
        self._trailers = trailers
        self._complete = arrived
        self._stream: NetworkStream | None = None if arrived else PeerStream()
        self.released = False

    @property
    def head(self) -> ResponseHead:
        return self._head

    @property
    def trailers(self) -> RawHeaders:
        return self._trailers

    @property
    def complete(self) -> bool:
        return self._complete

    @property
    def stream(self) -> NetworkStream | None:
        return self._stream

    async def receive(self) -> bytes:
        await checkpoint()
        if self.pieces and self.pieces[0] is None:
            try:
                await anyio.sleep_forever()
            finally:
                self.release()
        data = self.receive_nowait()
        assert data is not None
        return data

    def receive_nowait(self) -> bytes | None:
        if self.released and not self._complete:
            raise ClientConnectionError("the exchange was released")
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            self._stream = None
            raise piece
        if not self.pieces:
            self._complete = True
            self._stream = None
        return piece

    def release(self) -> None:
        self.released = True
        self._stream = None

    def upgrade(self) -> NetworkStream:
        stream = self._stream
        assert stream is not None
        self._stream = None
        return stream


def fields(**values: str) -> RawHeaders:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


def info(url: URL = URL_) -> RequestInfo:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": "Basic secret"}))
    return RequestInfo(url.with_fragment(None), "GET", headers, url)


def respond(
    *pieces: bytes | Exception | None,
    headers: RawHeaders = (),
    options: ResponseOptions | None = None,
    on_end: Callable[[], None] | None = None,
    method: str = "GET",
    **head: Any,
) -> tuple[ClientResponse, ScriptedExchange]:
    exchange = ScriptedExchange(pieces, headers=headers, **head)
    response = ClientResponse(
        method,
        URL_,
        exchange=exchange,
        request_info=info(),
        options=options or ResponseOptions(),
        on_end=on_end,
    )
    return response, exchange


# --- the head -------------------------------------------------------------------------------


async def test_head() -> None:
    first, _ = respond(arrived=True, status=302)
    exchange = ScriptedExchange(status=201, reason="Made", headers=fields(X_A="b"), arrived=True)
    response = ClientResponse(
        "POST", URL_, exchange=exchange, request_info=info(), history=(first,), session=object()
    )
    assert response.method == "POST"
    assert response.status == 201
    assert response.reason == "Made"
    assert response.version == (1, 1)
    assert response.url == response.real_url == URL_
    assert response.url.fragment == "part"
    assert response.host == "example.org"
    assert response.history == (first,)
    assert response.request_info.method == "GET"
    assert response.headers["x-a"] == "b"
    assert response.ok
    assert response.closed
    assert response.connection is None


async def test_nothing_shows_passwords() -> None:
    response, _ = respond(arrived=True, reason="No \N{BULLET}", status=500)
    assert repr(response) == f"<ClientResponse({CLEAN}) [500 No \\u2022]>"
    with pytest.raises(ClientResponseError) as caught:
        response.raise_for_status()
    for text in (str(caught.value), repr(caught.value), repr(caught.value.args)):
        assert "secret" not in text


async def test_request_info() -> None:
    headers: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
    some = RequestInfo(URL("http://a/"), "GET", headers)
    assert some.real_url == URL("http://a/")
    assert some == RequestInfo(URL("http://a/"), "GET", headers, URL("http://a/"))
    assert some._replace(method="PUT").method == "PUT"
    assert repr(info()) == "<RequestInfo GET http://example.org/path?q=1>"


async def test_cookies_by_the_given_function() -> None:
    from http.cookies import SimpleCookie

    options = ResponseOptions(parse_cookies=lambda values: SimpleCookie({"got": "+".join(values)}))
    headers = [(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]
    response, _ = respond(arrived=True, headers=headers, options=options)
    assert response.cookies["got"].value == "a=1+b=2"


async def test_trailers() -> None:
    response, _ = respond(b"x", trailers=[(b"X-Sum", b"1")])
    await response.read()
    assert response.trailers["x-sum"] == "1"


@pytest.mark.parametrize("inside", [False, True])
async def test_raise_for_status(inside: bool) -> None:
    good, _ = respond(arrived=True, status=399)
    good.raise_for_status()
    response, exchange = respond(b"x", None, status=404, reason="Not Found", headers=fields(A="b"))
    if inside:
        await response.__aenter__()
    with pytest.raises(ClientResponseError, match="404, message='Not Found'") as caught:
        response.raise_for_status()
    assert caught.value.status == 404
    assert caught.value.headers is not None
    assert caught.value.headers["a"] == "b"
    assert exchange.released is not inside
    response.release()


# --- the body ---------------------------------------------------------------------------------


async def test_read() -> None:
    response, _ = respond(b"ab", b"cd")
    assert not response.closed
    assert response.connection is not None
    assert await response.read() == b"abcd"
    assert await response.read() == b"abcd"
    assert response.closed
    assert response.connection is None


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)]
)
async def test_an_empty_body_is_no_broken_gzip(method: str, status: int) -> None:
    response, _ = respond(
        method=method, status=status, arrived=True, headers=fields(Content_Encoding="gzip")
    )
    assert await response.read() == b""
    assert await response.text() == ""


async def test_an_empty_body_that_nobody_announced_is_broken_gzip() -> None:
    response, exchange = respond(headers=fields(Content_Encoding="gzip"))
    exchange.delimited = False  # it lasts until the connection ends
    with pytest.raises(ContentDecodingError, match="cut short before its first byte"):
        await response.read()
    assert response.closed


async def test_decompression() -> None:
    body = gzip.compress(b"first") + gzip.compress(b"second")
    headers = fields(content_encoding="GZip")
    response, _ = respond(body[:9], body[9:], headers=headers)
    assert await response.read() == b"firstsecond"
    assert response.headers["Content-Encoding"] == "GZip"
    assert response.content.total_raw_bytes == len(body)
    response, _ = respond(body, headers=headers, options=ResponseOptions(auto_decompress=False))
    assert await response.read() == body


async def test_codings_of_several_fields() -> None:
    headers = [(b"Content-Encoding", b"deflate"), (b"Content-Encoding", b"gzip")]
    response, _ = respond(gzip.compress(zlib.compress(b"x")), headers=headers)
    assert await response.read() == b"x"


async def test_unknown_codings_are_left_alone() -> None:
    response, _ = respond(b"raw", headers=fields(Content_Encoding="gzip, magic"))
    assert await response.read() == b"raw"


async def test_too_many_codings_fail_who_reads_not_who_releases() -> None:
    headers = fields(Content_Encoding=", ".join(["gzip"] * 6))
    response, exchange = respond(b"x", None, headers=headers)
    with pytest.raises(ContentDecodingError, match="6 codings"):
        await response.read()
    assert exchange.released
    response, exchange = respond(b"x", None, headers=headers)
    response.release()
    assert exchange.released


async def test_broken_and_cut_codings() -> None:
    for body in (gzip.compress(b"words")[:-1], b"no gzip at all"):
        response, exchange = respond(body, None, headers=fields(Content_Encoding="gzip"))
        exchange.pieces.pop()
        with pytest.raises(ContentDecodingError):
            await response.read()
        assert response.closed
        with pytest.raises(ContentDecodingError):
            await response.read()


async def test_a_broken_coding_ends_the_exchange() -> None:
    response, exchange = respond(b"no gzip", b"more", headers=fields(Content_Encoding="gzip"))
    with pytest.raises(ContentDecodingError):
        await response.content.readany()
    assert exchange.released


async def test_a_body_that_breaks_off() -> None:
    ends: list[str] = []
    response, exchange = respond(
        b"ab", ClientPayloadError("cut"), on_end=lambda: ends.append("end")
    )
    with pytest.raises(ClientPayloadError, match="cut"):
        await response.read()
    assert exchange.released
    assert ends == ["end"]
    with pytest.raises(ClientPayloadError, match="cut"):
        await response.text()


@pytest.mark.parametrize("how", ["read", "stream"])
async def test_cancellation_ends_the_exchange(how: str) -> None:
    ends: list[str] = []
    response, exchange = respond(b"ab", None, on_end=lambda: ends.append("end"))
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(response.read if how == "read" else response.content.read)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert exchange.released
    assert response.closed
    assert ends == ["end"]
    with pytest.raises(ClientConnectionError):
        await response.read()


async def test_consumed_as_a_stream() -> None:
    response, _ = respond(b"ab", b"cd")
    assert [piece async for piece in response.content.iter_any()] == [b"ab", b"cd"]
    for read in (response.read, response.text, response.json):
        with pytest.raises(StreamConsumedError, match="already consumed"):
            await read()
    assert await response.content.read() == b""
    response.release()
    with pytest.raises(StreamConsumedError):
        await response.read()


async def test_read_after_a_part_gives_the_rest() -> None:
    response, _ = respond(b"ab", b"cd")
    assert await response.content.read(1) == b"a"
    assert await response.read() == b"bcd"


async def test_read_bufsize() -> None:
    response, _ = respond(b"x" * 100, options=ResponseOptions(read_bufsize=10))
    with pytest.raises(ValueError, match="within 20 bytes"):
        await response.content.readline()
    assert len(await response.read()) == 100


# --- text and JSON ----------------------------------------------------------------------------


def answer(charset: str) -> Callable[[ClientResponse, bytes], str]:
    return lambda response, body: charset


@pytest.mark.parametrize(
    ("content_type", "fallback", "body", "text"),
    [
        ("text/plain; charset=latin1", "utf-8", b"\xe4", "ä"),
        ("text/plain; charset=nonsense", "latin1", b"\xe4", "ä"),
        ("text/plain; charset=hex", "latin1", b"\xe4", "ä"),
        ("text/plain; charset=undefined", "latin1", b"\xe4", "ä"),
        ("text/plain; charset=a\0b", "latin1", b"\xe4", "ä"),
        ("text/plain", "latin1", b"\xe4", "ä"),
        ("text/plain", "utf-8", "ä".encode(), "ä"),
        ("application/json", "latin1", "ä".encode(), "ä"),
        ("application/rdap", "latin1", "ä".encode(), "ä"),
        ("application/json; charset=latin1", "utf-8", b"\xe4", "ä"),
    ],
)
async def test_text(content_type: str, fallback: str, body: bytes, text: str) -> None:
    options = ResponseOptions(resolve_charset=answer(fallback))
    response, _ = respond(body, headers=fields(Content_Type=content_type), options=options)
    assert await response.text() == text


async def test_text_by_the_caller() -> None:
    response, _ = respond(b"\xe4", headers=fields(Content_Type="text/plain; charset=utf-8"))
    assert await response.text("latin1") == "ä"
    assert await response.text(errors="replace") == "\N{REPLACEMENT CHARACTER}"
    with pytest.raises(UnicodeDecodeError):
        await response.text()


async def test_get_encoding() -> None:
    response, _ = respond(b"x")
    with pytest.raises(RuntimeError, match="not yet read"):
        response.get_encoding()
    await response.read()
    assert response.get_encoding() == "utf-8"
    response, _ = respond(arrived=True, headers=fields(Content_Type="text/plain; charset=UTF8"))
    assert response.get_encoding() == "utf-8"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "application/vnd.api.v1+json",
    ],
)
async def test_json(content_type: str) -> None:
    response, _ = respond(b' {"a": ', b"[1]}\n", headers=fields(Content_Type=content_type))
    assert await response.json() == {"a": [1]}


async def test_json_options() -> None:
    response, _ = respond("\xe4".encode("latin1"), headers=fields(Content_Type="text/x-my"))
    assert await response.json(encoding="latin1", loads=str.upper, content_type="text/x-my") == "Ä"
    assert await response.json(encoding="latin1", loads=str, content_type=None) == "ä"
    with pytest.raises(ContentTypeError, match="unexpected mimetype: text/x-my") as caught:
        await response.json()
    assert caught.value.status == 200
    with pytest.raises(ContentTypeError):
        await response.json(content_type="text/y")


async def test_json_that_is_none() -> None:
    response, _ = respond(b" \n", headers=fields(Content_Type="application/json"))
    assert await response.json() is None
    response, _ = respond(b"{", headers=fields(Content_Type="application/json"))
    with pytest.raises(json.JSONDecodeError):
        await response.json()


# --- the end ----------------------------------------------------------------------------------


async def test_release_by_the_block() -> None:
    ends: list[str] = []
    response, exchange = respond(b"ab", b"cd", on_end=lambda: ends.append("end"))
    async with response as entered:
        assert entered is response
        assert not response.closed
    assert exchange.released
    assert response.closed
    assert ends == ["end"]
    with pytest.raises(ClientConnectionError, match="Connection closed"):
        await response.read()
    with pytest.raises(ClientConnectionError, match="Connection closed"):
        await response.content.readany()


async def test_a_body_that_had_arrived_is_gone_after_the_block_too() -> None:
    response, _ = respond(b"ab", arrived=True)
    async with response:
        pass
    with pytest.raises(ClientConnectionError, match="Connection closed"):
        await response.text()


async def test_a_body_read_inside_stays() -> None:
    response, _ = respond(b"ab")
    async with response:
        assert await response.read() == await response.read() == b"ab"
    assert await response.text() == "ab"
    with pytest.raises(ClientConnectionError, match="Connection closed"):
        await response.read()


@pytest.mark.parametrize("name", ["release", "close"])
async def test_release_is_done_at_once_and_awaitable_in_form(name: str) -> None:
    ends: list[str] = []
    response, exchange = respond(b"ab", None, on_end=lambda: ends.append("end"))
    done = getattr(response, name)()
    assert exchange.released
    with anyio.CancelScope() as scope:
        scope.cancel()
        await done
        await getattr(response, name)()
    assert not scope.cancelled_caught
    assert ends == ["end"]


async def test_release_wakes_a_reader_of_another_task() -> None:
    response, exchange = respond(b"ab", ClientConnectionError("the exchange was released"))
    await response.content.readany()
    with pytest.raises(ClientConnectionError):
        await response.content.readany()
    response.release()
    with pytest.raises(ClientConnectionError, match="was released"):
        await response.read()
    assert exchange.released


async def test_the_end_is_told_even_if_release_fails() -> None:
    class Failing(ScriptedExchange):
        def release(self) -> None:
            super().release()
            raise OSError("abort failed")

    ends: list[str] = []
    response = ClientResponse(
        "GET",
        URL_,
        exchange=Failing([b"x"]),
        request_info=info(),
        on_end=lambda: ends.append("end"),
    )
    with pytest.raises(OSError, match="abort failed"):
        response.release()
    assert ends == ["end"]


async def test_call_at_end() -> None:
    ends: list[str] = []
    response, _ = respond(b"ab", b"cd")
    response.call_at_end(lambda: ends.append("end"))
    assert await response.content.readany() == b"ab"
    assert ends == []
    await response.read()
    assert ends == ["end"]
    response.call_at_end(lambda: ends.append("at once"))
    assert ends == ["end", "at once"]


async def test_history_can_be_set_afterwards() -> None:
    response, _ = respond(arrived=True)
    first, _ = respond(arrived=True, status=302)
    response.history = (first,)
    assert response.history == (first,)


async def test_get_extra_info() -> None:
    response, _ = respond(b"x", b"y")
    assert response.get_extra_info("peername") == ("192.0.2.1", 80)
    assert response.get_extra_info("cipher") is None
    assert response.get_extra_info("cipher", 1) == 1
    assert response.get_extra_info("unknown", 2) == 2
    response.release()
    assert response.get_extra_info("peername", 3) == 3


async def test_an_unclosed_response_is_released_with_a_warning() -> None:
    ends: list[str] = []
    response, exchange = respond(b"x", None, on_end=lambda: ends.append("end"))
    assert response.content.total_bytes == 0  # from here on they know each other
    del response
    with pytest.warns(ResourceWarning, match="Unclosed response <ClientResponse"):
        gc.collect()
    assert exchange.released
    assert ends == ["end"]


async def test_a_response_that_had_arrived_is_collected_in_silence() -> None:
    ends: list[str] = []
    response, _ = respond(b"x", arrived=True, on_end=lambda: ends.append("end"))
    del response
    gc.collect()
    assert ends == ["end"]


async def test_an_upgraded_response_is_collected_in_silence() -> None:
    response, exchange = respond(status=101)
    stream = exchange.upgrade()
    assert response.closed
    del response
    gc.collect()
    assert isinstance(stream, PeerStream)


async def test_the_stream_alone_keeps_the_exchange() -> None:
    response, exchange = respond(b"ab", b"cd")
    content = response.content
    del response
    gc.collect()
    assert not exchange.released
    assert await content.read() == b"abcd"


async def test_a_response_that_could_not_be_made_is_collected_in_silence() -> None:
    with pytest.raises(AttributeError):
        ClientResponse("GET", URL_, exchange=None, request_info=info())  # type: ignore[arg-type]
    gc.collect()


async def test_subclass() -> None:
    class Mine(ClientResponse):
        async def read(self) -> bytes:
            return (await super().read()).upper()

    mine = Mine("GET", URL_, exchange=ScriptedExchange([b"ab"]), request_info=info())
    assert await mine.text() == "AB"
    assert repr(mine).startswith("<Mine(")
