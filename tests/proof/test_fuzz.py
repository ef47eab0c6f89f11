"""Fuzz: whatever a peer, a proxy, the environment or a caller says, only our errors come out.

The examples are the same each time: `settings` derives them from the tests. What is said is bytes
at random, and valid bytes that were changed a little, which get further.
"""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import brotli
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.proof.ledger import EXHAUSTIVE, LEDGER, CrossTalk, Hang
from yarl import URL

from anyiohttp import (
    BasicAuth,
    ClientError,
    ClientSession,
    ClientTimeout,
    ContentDecodingError,
    CookieJar,
    FormData,
    InvalidRequestError,
    InvalidURL,
    InvalidUrlRedirectClientError,
    NonHttpUrlClientError,
    NonHttpUrlRedirectClientError,
)
from anyiohttp._client.proxies import bypasses_proxy, choose_proxy, proxies_from_environ
from anyiohttp._client.redirects import plan_redirect
from anyiohttp._client.set_cookie import (
    parse_cookie_date,
    parse_response_cookies,
    parse_set_cookies,
)
from anyiohttp._client.urls import authority_of, prepare_url, request_target, same_origin
from anyiohttp._message.codings import MAX_CHUNK, make_decoder
from anyiohttp._message.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
    parse_content_disposition,
)
from anyiohttp._message.links import parse_links
from anyiohttp._message.mimetypes import charset_of, parse_mimetype
from anyiohttp._protocol.base import RequestHead
from anyiohttp._protocol.http1.framing import request_control, request_framing
from anyiohttp._protocol.http1.writing import write_fields, write_head
from anyiohttp.testing import MemoryNetwork, Peer, assert_no_leaks

HOST = "peer.example"
URL_ = f"http://{HOST}/"
PATIENT = ClientTimeout(total=20)
#: No error, but what was asked for cannot be made of the body (documented at `text` and `json`).
NOT_TEXT = ValueError

Given = Callable[[Callable[..., object]], Callable[..., object]]


def examples(exhaustive: int, otherwise: int) -> settings:
    return settings(
        max_examples=exhaustive if EXHAUSTIVE else otherwise,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


OVER_MEMORY = examples(200, 20)
PURE = examples(1000, 100)


# --- what is said ---------------------------------------------------------------------------------

#: What has a meaning somewhere in HTTP, and is put where it has another.
TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\",
    b"\xff",
    b"\xc3\xa9", b"%", b"%00", b"0", b"-1", b"99999999999999999999", b"ffffffffffffffff",
    b"chunked",
    b"identity", b"gzip", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: br\r\n", b"Connection: close\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0",
    b"HTTP/2",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"0\r\n\r\n", b"5;a=b\r\n",
    b"Set-Cookie: a=b; Domain=.example\r\n", b"Location: //[::1\r\n", b"Link: <a>; rel=b\r\n",
    b"Content-Type: text/plain; charset=hex\r\n", b"Content-Disposition: a; b*=c'd'%ff\r\n",
]  # fmt: skip

BODY = b"<own> body of the answer\n"


def _answer(*fields: bytes, body: bytes = BODY, status: bytes = b"200 OK") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 " + status, *fields, length, b"", body])


_CHUNKS = b"5;x=y\r\n<own>\r\n14\r\n body of the answer\n\r\n0\r\nX-End: yes\r\n\r\n"
VALID = [
    _answer(),
    _answer(
        b"Set-Cookie: a=b; Path=/; Expires=Thu, 01 Jan 2032 00:00:00 GMT", b"Link: </a>; rel=b"
    ),
    _answer(
        b"Content-Type: text/html; charset=latin-1", b"Content-Disposition: inline; filename=a"
    ),
    _answer(b"Content-Encoding: gzip", body=gzip.compress(BODY, mtime=0)),
    _answer(b"Content-Encoding: br", body=brotli.compress(BODY)),
    _answer(b"Content-Encoding: zstd", body=zstandard.ZstdCompressor().compress(BODY)),
    _answer(b"Content-Encoding: deflate, gzip", body=gzip.compress(zlib.compress(BODY), mtime=0)),
    _answer(b"Location: /there?a=b#c", status=b"302 Found"),
    _answer(b"Location: http://other.example:8080/x", status=b"307 Temporary Redirect"),
    _answer(b"WWW-Authenticate: Basic realm=x", status=b"401 Unauthorized"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS,
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n" + BODY,
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _answer(),
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n",
]


@st.composite
def changed(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of the originals, with a few places deleted, doubled, replaced or added to."""
    data = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        new = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4), st.just(b"")))
        how = draw(st.sampled_from(["replace", "add", "double", "cut"]))
        if how == "replace":
            data = data[:start] + new + data[end:]
        elif how == "add":
            data = data[:start] + new + data[start:]
        elif how == "double":
            data = data[:end] + data[start:]
        else:
            data = data[:start]
    return data


RESPONSES = st.one_of(
    changed(VALID),
    st.binary(max_size=200),
    st.lists(st.sampled_from(TOKENS), max_size=12).map(b"".join),
    st.lists(st.sampled_from(TOKENS), max_size=12).map(
        lambda parts: VALID[0][:17] + b"".join(parts)
    ),
)


def texts(*words: str, max_size: int = 12) -> st.SearchStrategy[str]:
    """Text of such words, and of anything, as header fields and URLs come to us."""
    characters = st.characters(codec=None, exclude_categories=())
    return st.lists(
        st.one_of(st.sampled_from(words), st.text(characters, max_size=3)), max_size=max_size
    ).map("".join)


# --- through the whole client --------------------------------------------------------------------


@asynccontextmanager
async def talking(
    said: bytes, cuts: list[int], *, closes: bool = True, port: int = 80
) -> AsyncIterator[ClientSession]:
    """A session, and a peer that says one thing in pieces, and answers whoever comes after."""
    pieces = [said[start:end] for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True)]

    async def script(peer: Peer) -> None:
        await peer.receive_head()
        if peer.number:
            await peer.answer(b"<next>")
            return
        await peer.send_pieces(*filter(None, pieces))
        if not closes:
            await peer.stall()

    async with assert_no_leaks(collect=False), MemoryNetwork() as network:
        network.listen(HOST, port, script)
        connector = network.connector(limit=1)
        async with ClientSession(connector=connector, timeout=PATIENT) as session:
            yield session
            stats = connector.stats
            assert (stats.busy, stats.dialing, stats.waiting) == (0, 0, 0), stats


async def use(session: ClientSession, method: str, url: str, **options: object) -> None:
    """Ask, and look at all that an answer has."""
    async with session.request(method, url, **options) as response:  # type: ignore[arg-type]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BadContentDispositionHeader)
            warnings.simplefilter("ignore", BadContentDispositionParam)
            _ = (response.cookies, response.links, response.content_disposition, response.charset)
        _ = (repr(response), response.content_type, response.content_length, response.raw_headers)
        await response.read()
        _ = response.trailers
        await response.text(errors="replace")
        try:
            await response.text()
            await response.json(content_type=None)
        except NOT_TEXT:
            pass


CUTS = st.lists(st.integers(0, 60), max_size=3).map(sorted)


@pytest.mark.anyio
@OVER_MEMORY
@given(said=RESPONSES, cuts=CUTS, method=st.sampled_from(["GET", "GET", "HEAD", "POST"]))
async def test_responses(anyio_backend: object, said: bytes, cuts: list[int], method: str) -> None:
    with LEDGER.trial("fuzz", target="responses", backend=anyio_backend):
        async with talking(said, [min(cut, len(said)) for cut in cuts]) as session:
            with anyio.move_on_after(30) as scope:
                try:
                    await use(session, method, URL_)
                except ClientError as exc:
                    _ = (str(exc), repr(exc))
            if scope.cancelled_caught:
                raise Hang("no end")
            # A redirect may have led here before, or elsewhere; this is a request of its own.
            async with session.get(URL_ + "next", allow_redirects=False) as response:
                if (got := await response.read()) != b"<next>":
                    raise CrossTalk(f"the next request got {got!r}")


CONNECTED = [b"HTTP/1.1 200 Connection established\r\n\r\n", *VALID]


@pytest.mark.anyio
@OVER_MEMORY
@given(said=st.one_of(changed(CONNECTED), st.binary(max_size=60)), cuts=CUTS)
async def test_answers_of_a_proxy(anyio_backend: object, said: bytes, cuts: list[int]) -> None:
    with LEDGER.trial("fuzz", target="answers of a proxy", backend=anyio_backend):
        cuts = [min(cut, len(said)) for cut in cuts]
        async with talking(said, cuts, port=3128) as session:
            with pytest.raises(ClientError):
                await use(session, "GET", "https://other.example/", proxy=f"http://{HOST}:3128")


NAMES = texts("X-A", "Host", "Content-Length", "Transfer-Encoding", "\r\n", ":", " ", max_size=3)
VALUES = texts("a", "chunked", "5", "\r\n", "\r\nX: y", "\n", "\0", " ", "é", "\ud800", max_size=4)


@pytest.mark.anyio
@OVER_MEMORY
@given(
    method=st.one_of(st.sampled_from(["GET", "POST"]), texts("GET", " ", "\r\n", max_size=2)),
    fields=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    body=st.one_of(st.none(), st.binary(max_size=5)),
)
async def test_requests(
    anyio_backend: object, method: str, fields: list[tuple[str, str]], body: bytes | None
) -> None:
    """Refused, or one request that says what was meant."""
    everything: list[Peer] = []

    async def script(peer: Peer) -> None:
        everything.append(peer)
        await peer.receive_head()
        await peer.answer(b"<own>")

    with LEDGER.trial("fuzz", target="requests", backend=anyio_backend):
        async with assert_no_leaks(collect=False), MemoryNetwork() as network:
            network.listen(HOST, 80, script)
            async with ClientSession(connector=network.connector(), timeout=PATIENT) as session:
                try:
                    async with session.request(method, URL_, headers=fields, data=body) as response:
                        await response.read()
                except InvalidRequestError as exc:
                    _ = (str(exc), repr(exc))
                    assert not b"".join(bytes(peer.received) for peer in everything)
                    return
        head = bytes(everything[0].received).partition(b"\r\n\r\n")[0]
        first, *lines = head.split(b"\r\n")
        assert first == f"{method.upper()} / HTTP/1.1".encode()
        assert not re.search(rb"[\0\r\n]", b"".join([first, *lines]))
        for name, value in fields:
            assert f"{name}: {value}".encode() in lines
        own = {name.lower() for name, _ in fields}
        automatic = {"host", "accept", "accept-encoding", "user-agent", "content-type"}
        automatic |= {"content-length", "transfer-encoding"}
        names = [line.partition(b":")[0].decode().lower() for line in lines]
        assert set(names) <= own | automatic


# --- by itself ------------------------------------------------------------------------------------

COOKIE_WORDS = (
    "a", "b", "=", ";", ",", " ", '"', "\\", "; Domain=", "; Path=/", "; Secure", "; Max-Age=",
    "; Expires=", "Thu, 01-Jan-1970 00:00:00 GMT", "99", ":", "Jan", ".com", "example.com",
    "__Host-",
    "\0", "\r\n", "\ud800", "é", "9" * 5000,
)  # fmt: skip


@PURE
@given(st.lists(texts(*COOKIE_WORDS), max_size=4))
def test_set_cookie(fields: list[str]) -> None:
    with LEDGER.trial("fuzz", target="Set-Cookie"):
        parse_set_cookies(fields)
        parse_response_cookies(fields).output()
        url = URL("https://www.example.com/a/b")
        jar = CookieJar()
        jar.update_cookies_from_headers(fields, url)
        header = jar.cookie_header(url)
        jar.filter_cookies(url)
        _ = (len(jar), list(jar), jar.cookies, jar.host_only_cookies)
        assert not re.search(r"[\0-\x08\x0a-\x1f\x7f]", header)
        header.encode("utf-8", "surrogateescape")
        assert jar.cookie_header(URL("https://example.org/a/b")) == ""


@PURE
@given(texts(*COOKIE_WORDS, "12:34:56", "2032", "69", " "))
def test_cookie_dates(text: str) -> None:
    with LEDGER.trial("fuzz", target="cookie dates"):
        assert isinstance(parse_cookie_date(text), float | None)


DISPOSITION_WORDS = (
    "attachment", "inline", "form-data", ";", "=", "filename", "filename*", "filename*0",
    "filename*1*",
    '"', "\\", "'", "utf-8''", "hex''", "idna''", "punycode''", "%ff", "%", " ", "*", "é", "\0",
    "\ud800",
)  # fmt: skip


@PURE
@given(texts(*DISPOSITION_WORDS))
def test_content_disposition(text: str) -> None:
    with LEDGER.trial("fuzz", target="Content-Disposition"), warnings.catch_warnings():
        warnings.simplefilter("ignore", BadContentDispositionHeader)
        warnings.simplefilter("ignore", BadContentDispositionParam)
        kind, parameters = parse_content_disposition(text)
        assert isinstance(kind, str | None)
        assert isinstance(content_disposition_filename(parameters), str | None)


LINK_WORDS = (
    "<", ">", ";", ",", "=", '"', "rel", "rel=next", "http://", "//", "[", "]", "::1", ":", "@",
    "%", "%zz",
    "/", "?", "#", "'", "\\", " ", "é", "\0", "\ud800", "xn--", "99999",
)  # fmt: skip


@PURE
@given(st.lists(texts(*LINK_WORDS), max_size=3))
def test_links(values: list[str]) -> None:
    with LEDGER.trial("fuzz", target="Link"):
        for link in parse_links(values, URL(URL_)).values():
            assert isinstance(link["url"], URL)


@PURE
@given(texts("text/", "html", ";", "=", '"', "charset", "utf-8", "*", "+", "\\", " ", "\ud800"))
def test_media_types(text: str) -> None:
    with LEDGER.trial("fuzz", target="Content-Type"):
        assert parse_mimetype(text).parameters is not None
        assert isinstance(charset_of(text), str | None)


URL_WORDS = (
    "http://", "https://", "ftp://", "//", "/", "\\", "?", "#", "@", ":", ":80", ":0", ":99999",
    "[", "]",
    "[::1]", "[::1%25eth0]", "%", "%41", "%00", "..", ".", "a", "peer.example", "xn--", "xn--zca",
    "é",
    "\u3002", " ", "\t", "\r\n", "\0", "\ud800", "user:pass@", "1.2.3.4", "0x7f.1", "javascript:",
    "data:,",
)  # fmt: skip


def check_silent(exc: Exception, given: str) -> None:
    """What stands as credentials in a URL is not shown."""
    if re.match(r"[^/?#]*//[^/?#@]*user:pass@|[^/?#@]*user:pass@", given):
        assert "user:pass@" not in f"{exc} {exc!r} {exc.args}"


def check_sendable(url: URL, *, empty_query: bool = False) -> None:
    """The URL has no credentials, and can be said in one request line."""
    assert url.raw_user is None
    assert url.raw_password is None
    target = request_target(url, empty_query=empty_query)
    head = RequestHead("GET", url.scheme, authority_of(url), target)
    written = write_head(
        head, write_fields(head), request_framing(head, request_control(head), 0, has_body=False)
    )
    assert written.count(b"\r\n") == 3
    assert written.endswith(b"\r\n\r\n")


@PURE
@given(
    texts(*URL_WORDS).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([301, 302, 303, 307, 308]),
    st.booleans(),
)
def test_redirects(location: bytes, status: int, requote: bool) -> None:
    with LEDGER.trial("fuzz", target="Location"):
        base = URL(URL_ + "a/b?c=d#e")
        try:
            plan = plan_redirect(status, [(b"Location", location)], "POST", base, requote)
        except (InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError) as exc:
            check_silent(exc, location.decode("utf-8", "replace"))
            return
        if plan is None:
            return
        assert plan.url.scheme in ("http", "https")
        assert plan.cross_origin is not same_origin(base, plan.url)
        check_sendable(plan.url, empty_query=plan.empty_query)


@PURE
@given(texts(*URL_WORDS), st.one_of(st.none(), texts("a", "=", "&", "%", "é", "#", "+", " ")))
def test_urls(text: str, params: str | None) -> None:
    with LEDGER.trial("fuzz", target="URLs"):
        try:
            url = prepare_url(text, None, params)
        except (InvalidURL, NonHttpUrlClientError) as exc:
            check_silent(exc, text)
            return
        check_sendable(url.with_user(None))


PROXY_WORDS = (
    "*", ",", " ", ".", "example", ".example", "peer", ":", "80", "/", "8", "10.0.0.0", "::", "[",
    "]",
    "[::1]:80", "/129", "/-1", "%", "@", "é", "xn--", "\0", "\ud800", "9" * 5,
)  # fmt: skip


@PURE
@given(
    texts(*PROXY_WORDS),
    st.sampled_from(
        [
            URL_,
            "https://10.1.2.3:8443/",
            "http://[fe80::1%25eth0]/",
            "http://localhost./",
            "ws://é/",
        ]
    ),
)
def test_no_proxy(no_proxy: str, url: str) -> None:
    with LEDGER.trial("fuzz", target="no_proxy"):
        assert isinstance(bypasses_proxy(URL(url), no_proxy), bool)


@PURE
@given(
    st.dictionaries(
        st.sampled_from(
            ["http_proxy", "HTTP_PROXY", "all_proxy", "no_proxy", "REQUEST_METHOD", "_"]
        ),
        texts(*URL_WORDS, *PROXY_WORDS, "user:pass@", max_size=6),
    )
)
def test_proxies_of_the_environment(environ: dict[str, str]) -> None:
    with LEDGER.trial("fuzz", target="*_proxy"):
        proxies = proxies_from_environ(environ)
        try:
            route = choose_proxy(URL(URL_), proxies)
        except InvalidURL as exc:
            check_silent(exc, next(proxies[name] for name in ("http", "all") if name in proxies))
            return
        if route is not None:
            assert "pass@" not in repr(route)
            assert isinstance(route.authorization, str | None)


@PURE
@given(texts("Basic ", "basic", " ", "dXNlcjpwYXNz", "=", "%", "é", "\ud800", "Og=="))
def test_basic_credentials(text: str) -> None:
    with LEDGER.trial("fuzz", target="Basic credentials"):
        try:
            auth = BasicAuth.decode(text)
        except ValueError:
            return
        assert BasicAuth.decode(auth.encode()) == auth


NAME_WORDS = (
    "a",
    '"',
    "\\",
    "\r\n",
    "\r",
    "\n",
    ";",
    "filename",
    "=",
    "%22",
    "é",
    "\0",
    "\ud800",
    "--b",
)


@PURE
@given(texts(*NAME_WORDS, max_size=4), st.one_of(st.none(), texts(*NAME_WORDS, max_size=4)))
def test_names_of_a_form(name: str, filename: str | None) -> None:
    """Refused, or one part with one line of Content-Disposition."""
    with LEDGER.trial("fuzz", target="names of a form"):
        form = FormData(boundary="b", default_to_multipart=True)
        try:
            form.add_field(name, "value", filename=filename)
            body = form().at_hand
        except InvalidRequestError:
            return
        assert body is not None
        head, _, rest = body.partition(b"\r\n\r\n")
        assert rest == b"value\r\n--b--\r\n"
        lines = head.split(b"\r\n")
        assert len(lines) == 3
        assert lines[0] == b"--b"
        values = re.findall(
            rb'="([^"\r\n\0]*)"', lines[2] if b"isposition" in lines[2] else lines[1]
        )
        assert len(values) == (1 if filename is None else 2)


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@st.composite
def coded_bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """Codings, and a body that was inside them before it was changed."""
    names = draw(st.lists(st.sampled_from(sorted(ENCODE)), min_size=1, max_size=3))
    body = draw(st.binary(max_size=40)) * draw(st.sampled_from([1, 1, 50, 20_000]))
    for name in names:
        body = ENCODE[name](body)
        if draw(st.integers(0, 9)) == 0:
            body = draw(changed([body]))
    return ", ".join(names), draw(st.one_of(st.just(body), changed([body]), st.binary(max_size=30)))


def decoded(coding: str, body: bytes, cuts: list[int]) -> bytes | None:
    """What comes out of it in such pieces; ``None`` if it is refused."""
    decoder = make_decoder(coding)
    assert decoder is not None
    out = []
    try:
        for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
            decoder.feed(body[start:end])
            while not decoder.needs_input:
                chunk = decoder.next_chunk()
                assert len(chunk) <= MAX_CHUNK
                out.append(chunk)
        decoder.finish()
    except ContentDecodingError as exc:
        _ = (str(exc), repr(exc))
        return None
    return b"".join(out)


@PURE
@given(coded_bodies(), st.lists(st.integers(0, 99), max_size=5).map(sorted))
def test_decoders(coded: tuple[str, bytes], cuts: list[int]) -> None:
    """The same however it is cut into pieces."""
    with LEDGER.trial("fuzz", target="content codings"):
        coding, body = coded
        whole = decoded(coding, body, [])
        assert decoded(coding, body, [min(cut, len(body)) for cut in cuts]) == whole
