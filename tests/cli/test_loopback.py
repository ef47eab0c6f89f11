"""The loopback server, asked in raw HTTP: no client of ours is involved."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import ssl
import struct
import zlib
from base64 import b64encode

import anyio
import pytest
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream
from yarl import URL

from anyiohttp.cli.loopback import LoopbackServer, Request, Response, serve
from anyiohttp.cli.loopback.handlers import pattern
from anyiohttp.cli.loopback.multipart import MultipartReader

pytestmark = pytest.mark.anyio


async def talk(stream: ByteStream, data: bytes) -> bytes:
    """Send ``data`` and return all that comes until the server closes."""
    await stream.send(data)
    parts = []
    try:
        while True:
            parts.append(await stream.receive())
    except anyio.EndOfStream:
        return b"".join(parts)


async def connect(url: URL) -> ByteStream:
    assert url.host is not None
    assert url.port is not None
    return await anyio.connect_tcp(url.host, url.port)


async def ask(
    url: URL, target: str, *fields: str, method: str = "GET", body: bytes = b""
) -> tuple[bytes, bytes]:
    """Send one request on a connection of its own. Returns the response's head and body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: loopback", "Connection: close", *fields]
    if body and not any(field.startswith("Transfer-Encoding") for field in fields):
        lines.append(f"Content-Length: {len(body)}")
    async with await connect(url) as stream:
        answer = await talk(stream, "\r\n".join([*lines, "", ""]).encode() + body)
    head, _, content = answer.partition(b"\r\n\r\n")
    return head, content


async def test_tells_what_was_asked(loopback: LoopbackServer) -> None:
    head, body = await ask(loopback.url, "/get?a=1&a=2&b=%20", "X-One: 1")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    told = json.loads(body)
    assert told["method"] == "GET"
    assert told["query"] == [["a", "1"], ["a", "2"], ["b", " "]]
    assert ["X-One", "1"] in told["headers"]
    assert told["secure"] is False
    assert json.loads((await ask(loopback.url, "/headers", "X-Two: 2"))[1])[2] == ["X-Two", "2"]
    assert json.loads((await ask(loopback.url, "/json"))[1])["text"] == "grüß dich"
    assert loopback.counts.requests == 3


async def test_echo_decodes_and_reports_trailers(loopback: LoopbackServer) -> None:
    for coding, data in (("gzip", gzip.compress(b"hi")), ("deflate", zlib.compress(b"hi"))):
        _, body = await ask(
            loopback.url, "/echo", f"Content-Encoding: {coding}", method="POST", body=data
        )
        assert json.loads(body)["body"] == "hi"
    chunks = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    _, body = await ask(
        loopback.url, "/echo", "Transfer-Encoding: chunked", method="PUT", body=chunks
    )
    told = json.loads(body)
    assert (told["method"], told["body"], told["size"]) == ("PUT", "abcde", 5)
    assert told["trailers"] == [["X-Sum", "5"]]


MULTIPART = (
    b"preamble\r\n--b\r\nContent-Disposition: form-data; name=text\r\n\r\nwords\r\n"
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="\xc3\xa4.bin"\r\n'
    b"Content-Type: image/png\r\n\r\n" + b"\r\n--x" * 1000 + b"\r\n--b\r\n\r\n\r\n--b--\r\nepilogue"
)


async def test_forms(loopback: LoopbackServer) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    _, body = await ask(loopback.url, "/form", form, method="POST", body=b"a=1&b=&a=%C3%A4")
    assert json.loads(body)["fields"] == [["a", "1"], ["b", ""], ["a", "ä"]]
    multipart = "Content-Type: multipart/form-data; boundary=b"
    _, body = await ask(loopback.url, "/form", multipart, method="POST", body=MULTIPART)
    told = json.loads(body)
    assert told["complete"] is True
    assert told["fields"][0] == ["text", "words"]


async def test_upload(loopback: LoopbackServer) -> None:
    multipart = 'Content-Type: multipart/form-data; boundary="b"'
    _, body = await ask(loopback.url, "/upload", multipart, method="POST", body=MULTIPART)
    told = json.loads(body)
    assert told["size"] == len(MULTIPART)
    file = told["parts"][1]
    assert (file["name"], file["filename"], file["content_type"]) == ("f", "ä.bin", "image/png")
    assert file["size"] == 5000
    assert file["sha256"] == hashlib.sha256(b"\r\n--x" * 1000).hexdigest()
    data = pattern(200_000)
    _, body = await ask(loopback.url, "/upload", method="POST", body=data)
    assert json.loads(body) == {"size": 200_000, "sha256": hashlib.sha256(data).hexdigest()}


def test_multipart_split_anywhere() -> None:
    for step in (1, 2, 3, 7, 64):
        reader = MultipartReader("multipart/form-data; boundary=b")
        for i in range(0, len(MULTIPART), step):
            reader.feed(MULTIPART[i : i + step])
        assert reader.ended
        assert [part.size for part in reader.parts] == [5, 5000, 0]
        assert [part.name for part in reader.parts] == ["text", "f", None]
    with pytest.raises(ValueError, match="no boundary"):
        MultipartReader("multipart/form-data")
    with pytest.raises(ValueError, match="after a boundary"):
        MultipartReader("multipart/form-data; boundary=b").feed(b"--bad")


async def test_streams(loopback: LoopbackServer) -> None:
    head, body = await ask(loopback.url, "/stream/150000")
    assert b"Content-Length: 150000" in head
    assert body == pattern(150_000)
    head, body = await ask(loopback.url, "/stream/5?chunked")
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"5\r\n\x00\x01\x02\x03\x04\r\n0\r\n\r\n"
    head, body = await ask(loopback.url, "/chunked")
    assert body.startswith(b"4\r\none\n\r\n")
    assert b"\r\n0\r\nX-Checksum: " in body
    assert (await ask(loopback.url, "/drip?n=3&delay=0"))[1] == b"***"


async def test_codings(loopback: LoopbackServer) -> None:
    head, body = await ask(loopback.url, "/gzip")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(body))["path"] == "/gzip"
    head, body = await ask(loopback.url, "/deflate?size=1000")
    assert zlib.decompress(body) == pattern(1000)


async def test_cookies_and_redirects(loopback: LoopbackServer) -> None:
    head, _ = await ask(loopback.url, "/cookies/set?a=1&b=2")
    assert b"302 Found" in head
    assert b"Set-Cookie: a=1; Path=/" in head
    assert b"Location: /cookies/set?b=2" in head
    head, _ = await ask(loopback.url, "/cookies/set?b=2")
    assert b"Location: /cookies\r\n" in head
    assert b"Location: /cookies\r\n" in (await ask(loopback.url, "/cookies/set"))[0]
    _, body = await ask(loopback.url, "/cookies", "Cookie: a=1; b=2=3")
    assert json.loads(body) == [["a", "1"], ["b", "2=3"]]
    assert b"Location: /redirect/1\r\n" in (await ask(loopback.url, "/redirect/2"))[0]
    assert b"Location: /get\r\n" in (await ask(loopback.url, "/redirect/1"))[0]
    head, _ = await ask(loopback.url, "/redirect-to?url=http://x/y&status=308")
    assert head.startswith(b"HTTP/1.1 308 ")
    assert b"Location: http://x/y\r\n" in head


async def test_statuses(loopback: LoopbackServer) -> None:
    assert (await ask(loopback.url, "/status/418"))[1] == b"418\n"
    assert (await ask(loopback.url, "/status/599"))[0].startswith(b"HTTP/1.1 599 \r\n")
    head, body = await ask(loopback.url, "/status/204")
    assert body == b""
    assert b"Content-Length" not in head
    head, body = await ask(loopback.url, "/stream/9", method="HEAD")
    assert body == b""
    assert b"Content-Length: 9" in head
    assert (await ask(loopback.url, "/nowhere"))[0].startswith(b"HTTP/1.1 404 Not Found")


async def test_basic_auth(loopback: LoopbackServer) -> None:
    head, _ = await ask(loopback.url, "/basic-auth/me/se%20cret")
    assert b"401 Unauthorized" in head
    assert b'WWW-Authenticate: Basic realm="loopback"' in head
    credentials = b64encode(b"me:se cret").decode()
    _, body = await ask(
        loopback.url, "/basic-auth/me/se%20cret", f"Authorization: Basic {credentials}"
    )
    assert json.loads(body) == {"user": "me"}


async def test_expect_continue(loopback: LoopbackServer) -> None:
    head = b"POST /expect-continue%b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    head += b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
    async with await connect(loopback.url) as stream:
        await stream.send(head % b"")
        assert await stream.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        answer = await talk(stream, b"hi")
        assert answer.endswith(b'{"expected": true, "continued": true, "size": 2}')
    async with await connect(loopback.url) as stream:
        assert (await talk(stream, head % b"?refuse")).startswith(b"HTTP/1.1 417 ")


async def test_early_answer_is_not_lost(loopback: LoopbackServer) -> None:
    async with await connect(loopback.url) as stream:
        await stream.send(
            b"POST /early-413 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"
        )
        answer = await stream.receive()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close" in answer


async def test_slow_ends_with_the_client(loopback: LoopbackServer) -> None:
    async with await connect(loopback.url) as stream:
        await stream.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await loopback.counts.wait_for(lambda counts: counts.requests == 1)
        assert loopback.counts.open == 1
    await loopback.counts.wait_for(lambda counts: counts.open == 0)
    assert repr(loopback.counts).startswith("<Counts connections=1 open=0 requests=1 ")


async def test_slow_ends_with_a_reset(loopback: LoopbackServer) -> None:
    async with await connect(loopback.url) as stream:
        await stream.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await loopback.counts.wait_for(lambda counts: counts.requests == 1)
        await stream.send(b"more")
        sock = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await anyio.aclose_forcefully(stream)
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_persistence(loopback: LoopbackServer) -> None:
    get = b"GET /status/200 HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST /status/200 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    close = b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n"
    async with await connect(loopback.url) as stream:
        answer = await talk(stream, get + post + close)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.endswith(b"goodbye\n")
    assert b"Connection" not in answer
    assert loopback.counts.connections == 1
    assert loopback.counts.requests == 3


async def test_http_1_0(loopback: LoopbackServer) -> None:
    async with await connect(loopback.url) as stream:
        answer = await talk(
            stream,
            b"GET /status/200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            b"GET /stream/3?chunked HTTP/1.0\r\n\r\n",
        )
    assert b"Connection: keep-alive" in answer
    assert b"chunked" not in answer
    assert answer.endswith(b"Connection: close\r\n\r\n\x00\x01\x02")


@pytest.mark.parametrize(
    "message",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 150_000,
    ],
)
async def test_malformed_requests(loopback: LoopbackServer, message: bytes) -> None:
    async with await connect(loopback.url) as stream:
        await stream.send(message)
        assert (await stream.receive()).startswith(b"HTTP/1.1 400 Bad Request")


async def test_client_stops_in_the_middle(loopback: LoopbackServer) -> None:
    post = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
    for part in (
        b"POST /ec",
        post + b"Content-Length: 9\r\n\r\nabc",
        post + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        post + b"Transfer-Encoding: chunked\r\n\r\n3\r",
    ):
        async with await connect(loopback.url) as stream:
            await stream.send(part)
            await stream.send_eof()
            assert (await stream.receive()).startswith(b"HTTP/1.1 400 ")


async def test_own_routes_and_failing_handlers(caplog: pytest.LogCaptureFixture) -> None:
    async def mine(request: Request) -> Response:
        return Response(299, b"mine", reason="Mine")

    async def failing(request: Request) -> Response:
        raise LookupError("no")

    async with serve(routes={"/mine": mine, "/failing": failing}) as server:
        assert (await ask(server.url, "/mine"))[0].startswith(b"HTTP/1.1 299 Mine\r\n")
        head, body = await ask(server.url, "/failing")
        assert head.startswith(b"HTTP/1.1 500 ")
        assert body == b"LookupError('no')\n"
    assert "a handler failed" in caplog.text


async def test_failures_of_the_block_are_not_wrapped() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with serve() as server, await connect(server.url):
            raise LookupError("mine")
    with anyio.CancelScope() as scope:
        async with serve() as server, await connect(server.url):
            scope.cancel()
            await anyio.sleep(1)
    assert scope.cancelled_caught


async def test_more_unwanted_body_than_is_worth_reading(loopback: LoopbackServer) -> None:
    async with await connect(loopback.url) as stream:
        await stream.send(
            b"POST /get HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 200_000
        )
        assert b"Connection: close" in await stream.receive()


async def test_tls(loopback: LoopbackServer, client_ssl_context: ssl.SSLContext) -> None:
    async with await connect(loopback.tls_url) as raw:
        stream = await TLSStream.wrap(raw, hostname="127.0.0.1", ssl_context=client_ssl_context)
        answer = await talk(stream, b"GET /get HTTP/1.0\r\n\r\n")
        assert answer.endswith(b'"secure": true}')
    async with await connect(loopback.tls_url) as raw:
        await raw.send(b"not TLS")
        await loopback.counts.wait_for(lambda counts: counts.tls_failures == 1)


async def test_unix_socket(loopback: LoopbackServer) -> None:
    assert loopback.unix_path is not None
    async with await anyio.connect_unix(loopback.unix_path) as stream:
        assert b"200 OK" in await talk(stream, b"GET /get HTTP/1.0\r\n\r\n")


# --- proxy ---


async def test_forwards(loopback: LoopbackServer) -> None:
    proxy = loopback.proxy_url
    head, body = await ask(proxy, f"{loopback.url}get?a=b", "X-Kept: 1", "TE: gzip")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Via: 1.1 loopback" in head
    told = json.loads(_unchunk(body))
    assert told["target"] == "/get?a=b"
    assert ["X-Kept", "1"] in told["headers"]
    assert "TE" not in dict(told["headers"])
    for fields in ((), ("Transfer-Encoding: chunked",)):
        data = b"2\r\nhi\r\n0\r\n\r\n" if fields else b"hi"
        _, body = await ask(proxy, f"{loopback.url}echo", *fields, method="POST", body=data)
        assert json.loads(_unchunk(body))["body"] == "hi"
    assert _unchunk((await ask(proxy, f"{loopback.url}stream/9?chunked"))[1]) == pattern(9)
    assert (await ask(proxy, f"{loopback.url}get", method="HEAD"))[1] == b""
    assert loopback.proxy_counts.forwarded == 5


async def test_forwards_interim_and_endless_responses(loopback: LoopbackServer) -> None:
    async def odd(request: Request) -> Response:
        async def takeover(stream: ByteStream, early: bytes) -> None:
            await stream.send(b"HTTP/1.1 200\r\n\r\nuntil the end")

        return Response(103, takeover=takeover)

    async with serve(routes={"/odd": odd}) as server:
        head, body = await ask(server.proxy_url, f"{server.url}odd")
    assert head.startswith(b"HTTP/1.1 200")
    assert _unchunk(body) == b"until the end"


async def test_refuses_what_it_cannot_forward(loopback: LoopbackServer) -> None:
    proxy = loopback.proxy_url
    assert b" 400 " in (await ask(proxy, "/get"))[0]
    assert b" 400 " in (await ask(proxy, "nowhere", method="CONNECT"))[0]
    nobody = URL(f"http://127.0.0.1:{_free_port()}/")
    assert b" 502 " in (await ask(proxy, str(nobody)))[0]
    assert b" 502 " in (await ask(proxy, f"127.0.0.1:{nobody.port}", method="CONNECT"))[0]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_tunnels(loopback: LoopbackServer, client_ssl_context: ssl.SSLContext) -> None:
    target = f"127.0.0.1:{loopback.tls_url.port}"
    connect_head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    async with await connect(loopback.proxy_url) as raw:
        await raw.send(connect_head)
        assert await raw.receive() == b"HTTP/1.1 200 Connection established\r\n\r\n"
        stream = await TLSStream.wrap(raw, hostname="127.0.0.1", ssl_context=client_ssl_context)
        assert (await talk(stream, b"GET /get HTTP/1.0\r\n\r\n")).endswith(b'"secure": true}')
    assert loopback.proxy_counts.tunnels == 1
    await loopback.proxy_counts.wait_for(lambda counts: counts.open == 0)
    # To a plain target, with the first bytes close behind the CONNECT.
    target = f"127.0.0.1:{loopback.url.port}"
    connect_head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    async with await connect(loopback.proxy_url) as raw:
        assert b"200 OK" in await talk(raw, connect_head + b"GET /get HTTP/1.0\r\n\r\n")


async def test_proxy_over_tls(loopback: LoopbackServer, client_ssl_context: ssl.SSLContext) -> None:
    target = f"127.0.0.1:{loopback.tls_url.port}"
    async with await connect(loopback.tls_proxy_url) as raw:
        outer = await TLSStream.wrap(raw, hostname="127.0.0.1", ssl_context=client_ssl_context)
        await outer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert b" 200 " in await outer.receive()
        inner = await TLSStream.wrap(outer, hostname="127.0.0.1", ssl_context=client_ssl_context)
        assert b"200 OK" in await talk(inner, b"GET /get HTTP/1.0\r\n\r\n")


async def test_proxy_credentials() -> None:
    async with serve(proxy_auth=("me", "secret")) as server:
        head, _ = await ask(server.proxy_url, f"{server.url}get")
        assert head.startswith(b"HTTP/1.1 407 ")
        assert b"Proxy-Authenticate: Basic" in head
        good = f"Proxy-Authorization: Basic {b64encode(b'me:secret').decode()}"
        head, body = await ask(server.proxy_url, f"{server.url}get", good)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert "Proxy-Authorization" not in dict(json.loads(_unchunk(body))["headers"])
        assert server.proxy_counts.refused == 1


def _unchunk(body: bytes) -> bytes:
    data = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return data
        data += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
