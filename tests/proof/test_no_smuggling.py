"""No smuggling, no leaking: what is said is one message, and is said to nobody else.

Nothing that a caller writes becomes a line of its own in a request; what a peer sends is one answer
to one request, or an error; credentials and cookies stay with the origin or proxy they are meant
for; and no message, repr or log shows a password.
"""

from __future__ import annotations

import base64
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product

import anyio
import pytest
from tests.proof.ledger import EXHAUSTIVE, CrossTalk, Ledger
from yarl import URL

from anyiohttp import (
    BasicAuth,
    ClientConnectorDNSError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    CookieJar,
    Fingerprint,
    FormData,
    InvalidRequestError,
    InvalidURL,
    MalformedResponseError,
    MultipartWriter,
    ProxyConnector,
)
from anyiohttp._net.tls import TLSStream
from anyiohttp.testing import Address, CertificateAuthority, MemoryNetwork, Peer, assert_no_leaks

pytestmark = pytest.mark.anyio

HOST = "peer.example"
OTHER = "other.example"
PROXY = "proxy.example"
HOSTS = (HOST, OTHER, f"sub.{HOST}", f"{HOST}.evil.example", f"{HOST}.")
URL_ = f"http://{HOST}/"
PATIENT = ClientTimeout(total=20)

Script = Callable[[Peer], Awaitable[None]]


@dataclass
class World:
    """A network, a session with room for one connection, and what the peers have heard.

    Attributes:
        heard: heads of requests, in order, by ``host:port``.
    """

    network: MemoryNetwork
    session: ClientSession
    heard: dict[str, list[bytes]] = field(default_factory=dict)

    def answering(self, name: str, answer: Callable[[str], bytes]) -> Script:
        """A script that answers each request by its path, and notes it."""
        heard = self.heard.setdefault(name, [])

        async def script(peer: Peer) -> None:
            while True:
                head, _ = await peer.receive_request()
                heard.append(head)
                await peer.send(answer(head.split(b" ")[1].decode()))

        return script


@asynccontextmanager
async def world(
    ssl_context: ssl.SSLContext | None = None, **options: object
) -> AsyncIterator[World]:
    async with assert_no_leaks(collect=EXHAUSTIVE), MemoryNetwork() as network:
        connector = network.connector(limit=1, ssl=ssl_context or True)
        options.setdefault("timeout", PATIENT)
        async with ClientSession(connector=connector, **options) as session:  # type: ignore[arg-type]
            yield World(network, session)
            stats = connector.stats
            assert (stats.busy, stats.dialing, stats.waiting) == (0, 0, 0)


def said(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    head = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*head, b"", body])


@pytest.fixture(scope="module")
def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    """The client's context."""
    return authority.client_context()


@pytest.fixture(scope="module")
def proving(authority: CertificateAuthority) -> ssl.SSLContext:
    """The context of a server that is all of the hosts here."""
    return authority.server_context(*(host for host in HOSTS if not host.endswith(".")))


# --- what a caller writes -------------------------------------------------------------------------

#: Each would begin a line of its own, or be taken for one by some server.
INJECTIONS = {
    "CRLF": "x\r\nInjected: yes",
    "LF": "x\nInjected: yes",
    "CR": "x\rInjected: yes",
    "NUL": "x\0Injected: yes",
    "a request": "x\r\n\r\nGET /injected HTTP/1.1\r\nHost: evil\r\n\r\n",
    "VT": "x\x0bInjected: yes",
    "ESC": "x\x1bInjected",
    "DEL": "x\x7fInjected",
    "at the end": "x\r\n",
    "at the start": "\r\nInjected: yes",
}

Attempt = Callable[[ClientSession, str], Awaitable[object]]


def _form(session: ClientSession, **options: str) -> Awaitable[object]:
    form = FormData(default_to_multipart=True)
    form.add_field(**{"name": "field", "value": "text", **options})
    return session.post(URL_, data=form)


def _part(session: ClientSession, headers: dict[str, str]) -> Awaitable[object]:
    writer = MultipartWriter("mixed")
    writer.append("text", headers)
    return session.post(URL_, data=writer)


def _writer(session: ClientSession, *arguments: str) -> Awaitable[object]:
    return session.post(URL_, data=MultipartWriter(*arguments))


def _after_jar(session: ClientSession, cookies: dict[str, str]) -> Awaitable[object]:
    session.cookie_jar.update_cookies(cookies)
    return session.get(URL_)


#: Where the text goes; all must be refused.
REFUSED: dict[str, Attempt] = {
    "method": lambda s, x: s.request(x, URL_),
    "method, appended": lambda s, x: s.request("GET / HTTP/1.1" + x, URL_),
    "header's name": lambda s, x: s.get(URL_, headers={x: "v"}),
    "header's value": lambda s, x: s.get(URL_, headers={"X-A": x}),
    "Host": lambda s, x: s.get(URL_, headers={"Host": x}),
    "Authorization": lambda s, x: s.get(URL_, headers={"Authorization": x}),
    "Content-Type": lambda s, x: s.post(URL_, data=b"x", headers={"Content-Type": x}),
    "Content-Length": lambda s, x: s.post(URL_, data=b"x", headers={"Content-Length": x}),
    "Transfer-Encoding": lambda s, x: s.post(URL_, data=b"x", headers={"Transfer-Encoding": x}),
    "Connection": lambda s, x: s.get(URL_, headers={"Connection": x}),
    "Expect": lambda s, x: s.post(URL_, data=b"x", headers={"Expect": x}),
    "Cookie": lambda s, x: s.get(URL_, headers={"Cookie": x}),
    "cookie's name": lambda s, x: s.get(URL_, cookies={x: "v"}),
    "jar's name": lambda s, x: _after_jar(s, {x: "v"}),
    "compress": lambda s, x: s.post(URL_, data=b"x", compress=x),
    "proxy's header's name": lambda s, x: s.get(
        URL_, proxy=f"http://{HOST}", proxy_headers={x: "v"}
    ),
    "proxy's header's value": lambda s, x: s.get(
        URL_, proxy=f"http://{HOST}", proxy_headers={"X-A": x}
    ),
    "tunnel's header's name": lambda s, x: s.get(
        "https://other.example/", proxy=f"http://{HOST}", proxy_headers={x: "v"}
    ),
    "tunnel's header's value": lambda s, x: s.get(
        "https://other.example/", proxy=f"http://{HOST}", proxy_headers={"X-A": x}
    ),
    "part's content type": lambda s, x: _form(s, content_type=x),
    "part's transfer encoding": lambda s, x: _form(s, content_transfer_encoding=x),
    "form's charset": lambda s, x: s.post(URL_, data=FormData({"a": "b"}, charset=x)),
    "part's header's name": lambda s, x: _part(s, {x: "v"}),
    "part's header's value": lambda s, x: _part(s, {"X-A": x}),
    "boundary": lambda s, x: _writer(s, "mixed", x),
    "subtype": lambda s, x: _writer(s, x),
}
#: Escaped, coded or quoted instead: never a line of its own.
HARMLESS: dict[str, Attempt] = {
    "path, encoded": lambda s, x: s.get(URL(URL_ + x, encoded=True)),
    "query, encoded": lambda s, x: s.get(URL(f"{URL_}?{x}", encoded=True)),
    "host, encoded": lambda s, x: s.get(URL(f"http://{HOST}{x}/", encoded=True)),
    "path": lambda s, x: s.get(URL_ + x),
    "query": lambda s, x: s.get(f"{URL_}?{x}"),
    "fragment": lambda s, x: s.get(f"{URL_}#{x}"),
    "params": lambda s, x: s.get(URL_, params={x: x}),
    "params, text": lambda s, x: s.get(URL_, params=x),
    "host": lambda s, x: s.get(f"http://{HOST}{x}/"),
    "cookie's value": lambda s, x: s.get(URL_, cookies={"a": x}),
    "jar's value": lambda s, x: _after_jar(s, {"a": x}),
    "login": lambda s, x: s.get(URL_, auth=BasicAuth(x.replace(":", ""), "p")),
    "password": lambda s, x: s.get(URL_, auth=BasicAuth("u", x)),
    "user of the URL": lambda s, x: s.get(URL(URL_).with_user(x.replace(":", ""))),
    "proxy's password": lambda s, x: s.get(
        URL_, proxy=f"http://{HOST}", proxy_auth=BasicAuth("u", x)
    ),
    "part's name": lambda s, x: _form(s, name=x),
    "part's file name": lambda s, x: _form(s, filename=x),
    "form's field": lambda s, x: s.post(URL_, data={x: x}),
    "JSON": lambda s, x: s.post(URL_, json={x: x}),
}


@pytest.mark.parametrize("place", [*REFUSED, *HARMLESS])
async def test_header_injection(ledger: Ledger, backend: str, place: str) -> None:
    attempt = REFUSED.get(place) or HARMLESS[place]
    kinds = INJECTIONS if EXHAUSTIVE else ("CRLF", "LF", "NUL", "at the end")
    for kind in kinds:
        text = INJECTIONS[kind]
        everything: list[Peer] = []

        async def script(peer: Peer, everything: list[Peer] = everything) -> None:
            everything.append(peer)
            while True:
                await peer.receive_request()
                await peer.send(said(b"ok"))

        jar = CookieJar(quote_cookie=place != "jar's value")
        async with world(cookie_jar=jar) as w:
            w.network.listen(HOST, 80, script)
            with ledger.trial("header injection", place=place, text=kind, backend=backend):
                refused: Exception | None = None
                try:
                    response = await attempt(w.session, text)
                    assert isinstance(response, ClientResponse)
                    await response.read()
                except (InvalidRequestError, InvalidURL) as exc:
                    refused = exc
                except ClientConnectorDNSError as exc:
                    refused = exc if "host" in place else None  # another, harmless name
                received = b"".join(bytes(peer.received) for peer in everything)
                if place in REFUSED:
                    assert refused is not None, f"{place}: {text!r} went out as {received!r}"
                if refused is not None:
                    assert received == b""
                lines = received.replace(b"\r", b"\n").split(b"\n")
                assert not any(line.startswith((b"Injected", b"GET /inj")) for line in lines)
                assert received.count(b"HTTP/1.1\r\n") <= 1


REQUEST_FRAMINGS: list[dict[str, object]] = [
    {"headers": {"Content-Length": "4", "Transfer-Encoding": "chunked"}},
    {"headers": {"Content-Length": "4"}, "chunked": True},
    {"headers": [("Content-Length", "4"), ("Content-Length", "4")]},
    {"headers": [("Content-Length", "4"), ("content-length", "5")]},
    {"headers": {"Content-Length": "+4"}},
    {"headers": {"Content-Length": "4, 4"}},
    {"headers": {"Content-Length": "0x4"}},
    {"headers": {"Content-Length": "-4"}},
    {"headers": {"Content-Length": "4 4"}},
    {"headers": {"Content-Length": "\u0664"}},
    {"headers": {"Content-Length": ""}},
    {"headers": {"Content-Length": "5"}},  # more than there is
    {"headers": {"Transfer-Encoding": "gzip, chunked"}},
    {"headers": {"Transfer-Encoding": "chunked, identity"}},
    {"headers": {"Transfer-Encoding": "identity"}},
    {"headers": {"Transfer-Encoding": "xchunked"}},
    {"headers": {"Transfer-Encoding": ""}},
    {"headers": [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")]},
    {"headers": [("Host", "a"), ("Host", "b")]},
    {"headers": {"Transfer-Encoding ": "chunked"}},
    {"headers": {"Content-Length:": "4"}},
    {"headers": {"X:Content-Length": "4"}},
    {"headers": {"": "4"}},
]


@pytest.mark.parametrize("number", range(len(REQUEST_FRAMINGS)))
async def test_requests_that_can_be_read_in_two_ways(
    ledger: Ledger, backend: str, number: int
) -> None:
    everything: list[Peer] = []

    async def script(peer: Peer) -> None:
        everything.append(peer)
        await peer.receive_request()
        await peer.send(said(b"ok"))

    async with world() as w:
        w.network.listen(HOST, 80, script)
        with ledger.trial("request framing", case=number, backend=backend):
            with pytest.raises(InvalidRequestError):
                await w.session.post(URL_, data=b"body", **REQUEST_FRAMINGS[number])  # type: ignore[arg-type]
            assert b"".join(bytes(peer.received) for peer in everything) == b""


# --- what a peer sends ----------------------------------------------------------------------------

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<forged>"

#: Fields whose framing can be read in two ways, and a body for each of the two.
CONFLICTS: dict[str, bytes] = {
    "CL and TE": b"Content-Length: 4\r\nTransfer-Encoding: chunked",
    "TE and CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4",
    "CL and identity": b"Content-Length: 4\r\nTransfer-Encoding: identity",
    "two CLs": b"Content-Length: 4\r\nContent-Length: 5",
    "two CLs in one": b"Content-Length: 4, 5",
    "CL, then many": b"Content-Length: 4\r\nContent-Length: 4, 5",
    "CL +": b"Content-Length: +4",
    "CL -": b"Content-Length: -4",
    "CL hex": b"Content-Length: 0x4",
    "CL space": b"Content-Length: 4 4",
    "CL empty": b"Content-Length: ",
    "CL underscore": b"Content-Length: 1_0",
    "CL letters": b"Content-Length: four",
    "CL vertical tab": b"Content-Length: \x0b4",
    "CL too large": b"Content-Length: 99999999999999999999999",
    "CL, arabic": "Content-Length: \u0664".encode(),
    "TE twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "TE chunked, chunked": b"Transfer-Encoding: chunked, chunked",
    "TE gzip, chunked": b"Transfer-Encoding: gzip, chunked",
    "TE chunked, gzip": b"Transfer-Encoding: chunked, gzip",
    "TE chunked, identity, x": b"Transfer-Encoding: chunked, identity, x",
    "TE xchunked": b"Transfer-Encoding: xchunked",
    "TE chunked;a": b"Transfer-Encoding: chunked;a=b",
    "TE vertical tab": b"Transfer-Encoding: \x0bchunked",
    "TE quoted": b'Transfer-Encoding: "chunked"',
    "name and space": b"Transfer-Encoding : chunked",
    "CL name and space": b"Content-Length : 4",
    "no name": b": chunked",
    "no colon": b"Content-Length 4",
    "NUL in a value": b"A: b\0c\r\nContent-Length: 4",
    "NUL in a name": b"A\0: b\r\nContent-Length: 4",
    "CR in a value": b"A: b\rContent-Length: 4\r\nContent-Length: 5",
    "space in a name": b"Content Length: 4\r\nContent-Length: 5",
    "folded into CL": b"Content-Length: 4\r\n 5",
}


@pytest.mark.parametrize("name", CONFLICTS)
async def test_responses_that_can_be_read_in_two_ways(
    ledger: Ledger, backend: str, name: str
) -> None:
    """Refused; and whatever came with them is not the next answer."""
    bodies = (b"4\r\nbody\r\n0\r\n\r\n", b"body", b"")
    for number, body in enumerate(bodies):
        forged = b"HTTP/1.1 200 OK\r\n" + CONFLICTS[name] + b"\r\n\r\n" + body + FORGED

        async def script(peer: Peer, answer: bytes = forged) -> None:
            while True:
                await peer.receive_head()
                await peer.send(answer if peer.number == 0 else said(b"<own>"))

        async with world() as w:
            w.network.listen(HOST, 80, script)
            with ledger.trial("response framing", case=name, body=number, backend=backend):
                with pytest.raises((MalformedResponseError, ClientPayloadError)):
                    async with w.session.get(URL_) as response:
                        raise CrossTalk(f"passed as {await response.read()!r}")
                async with w.session.get(URL_) as response:
                    if (got := await response.read()) != b"<own>":
                        raise CrossTalk(f"the next request got {got!r}")


#: Whole responses, the method they answer, and what they say.
WHOLE: dict[str, tuple[str, bytes, bytes]] = {
    "content-length": ("GET", said(b"<own>"), b"<own>"),
    "equal lengths": (
        "GET",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n<own>",
        b"<own>",
    ),
    "empty": ("GET", said(b""), b""),
    "chunked": (
        "GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<own>\r\n0\r\n\r\n",
        b"<own>",
    ),
    "trailers": (
        "GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<own>\r\n0\r\nA: b\r\n\r\n",
        b"<own>",
    ),
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 56\r\n\r\n", b""),
    "HEAD, chunked": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "204 with a length": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 56\r\n\r\n", b""),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 56\r\n\r\n", b""),
    "1xx first": ("GET", b"HTTP/1.1 103 Early Hints\r\n\r\n" + said(b"<own>"), b"<own>"),
    "error": ("GET", said(b"<own>", status=b"500 Oh"), b"<own>"),
}
EXCESS = {
    "a response": FORGED,
    "one byte": b"x",
    "a line end": b"\r\n",
    "an informational response": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a timeout's notice": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
}
WAYS = ("plain", "TLS", "tunnel")
MOMENTS = ("same packet", "next packet", "when idle")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("way", WAYS)
async def test_bytes_after_a_response(
    ledger: Ledger,
    backend: str,
    trusting: ssl.SSLContext,
    proving: ssl.SSLContext,
    way: str,
    moment: str,
) -> None:
    tls = None if way == "plain" else proving
    excesses = EXCESS if EXHAUSTIVE else {"a response": FORGED}
    for (name, (method, whole, body)), (kind, excess) in product(WHOLE.items(), excesses.items()):
        sent = anyio.Event()
        read = anyio.Event()

        async def script(
            peer: Peer,
            whole: bytes = whole,
            excess: bytes = excess,
            sent: anyio.Event = sent,
            read: anyio.Event = read,
        ) -> None:
            head = await peer.receive_head()
            if b"/next" in head:
                await peer.answer(b"<next>")
                await peer.stall()
                return
            try:
                if moment == "same packet":
                    await peer.send(whole + excess)
                elif moment == "next packet":
                    await peer.send(whole)
                    await peer.send(excess)
                else:
                    await peer.send(whole)
                    await read.wait()
                    await peer.send(excess)
            finally:
                sent.set()  # also if the client has closed before
            # Were the connection used again, its answer would be the forged one.
            if await peer.receive_some():
                raise CrossTalk("the connection was used again")

        async with world(trusting) as w:
            server = w.network.listen(HOST, 443 if tls else 80, script, tls=tls)
            options: dict[str, object] = {}
            if way == "tunnel":
                w.network.proxy(PROXY)
                options["proxy"] = f"http://{PROXY}:3128"
            with ledger.trial(
                "bytes after a response", form=name, way=way, moment=moment, excess=kind,
                backend=backend,
            ):  # fmt: skip
                async with w.session.request(method, server.url, **options) as response:  # type: ignore[arg-type]
                    got = await response.read()
                    if got != body:
                        raise CrossTalk(f"the request got {got!r}")
                read.set()
                await sent.wait()
                if way == "tunnel":
                    await anyio.wait_all_tasks_blocked()  # the proxy passes it on
                async with w.session.get(server.url / "next", **options) as response:  # type: ignore[arg-type]
                    got = await response.read()
                    if got != b"<next>":
                        raise CrossTalk(f"the next request got {got!r}")
                assert server.connections == 2


# --- CONNECT and 101 ------------------------------------------------------------------------------

#: What a proxy answers to CONNECT, and whether that opens the tunnel.
CONNECT_ANSWERS: dict[str, tuple[bytes, bool]] = {
    "200": (b"HTTP/1.1 200 OK\r\n\r\n", True),
    "299": (b"HTTP/1.1 299 Fine\r\n\r\n", True),
    "1.0": (b"HTTP/1.0 200 Connection established\r\n\r\n", True),
    "Content-Length": (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", True),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
    "both": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", True),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", True),
    "1xx first": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", True),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False),
    "a response in the tunnel": (b"HTTP/1.1 200 OK\r\n\r\n" + FORGED, False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    "302": (said(b"", b"Location: http://evil.example/", status=b"302 Found"), False),
    "403 and more": (said(b"no", status=b"403 No") + FORGED, False),
    "407": (said(b"who?", b"Proxy-Authenticate: Basic", status=b"407 Who"), False),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", False),
    "nothing": (b"", False),
}


@pytest.mark.parametrize("name", CONNECT_ANSWERS)
async def test_connect(
    ledger: Ledger, backend: str, trusting: ssl.SSLContext, proving: ssl.SSLContext, name: str
) -> None:
    answer, opens = CONNECT_ANSWERS[name]
    served: list[bytes] = []

    async def proxy(peer: Peer) -> None:
        head = await peer.receive_head()
        assert head.startswith(b"CONNECT peer.example:443 HTTP/1.1\r\n")
        if not answer:
            return
        await peer.send(answer)
        if not opens:
            served.append(await peer.receive_some())
            return
        stream = TLSStream(peer.stream, proving, server_side=True)
        await stream.handshake()
        inside = Peer(stream, peer.transport, 0)
        served.append(await inside.receive_head())
        await inside.answer(b"<own>")
        await peer.stall()

    async with world(trusting) as w:
        w.network.listen(PROXY, 3128, proxy)
        request = w.session.get(f"https://{HOST}/", proxy=f"http://{PROXY}:3128")
        with ledger.trial("CONNECT", answer=name, backend=backend):
            if opens:
                async with request as response:
                    assert await response.read() == b"<own>"
                return
            with pytest.raises(ClientError) as caught:
                await request
            if answer[9:10] in b"34" and answer:
                assert isinstance(caught.value, ClientHttpProxyError)
                assert not served or served == [b""]
            assert not any(b"HTTP/1.1" in data for data in served)  # nothing of the request


@pytest.mark.parametrize("asked", [False, True], ids=["unasked", "asked by hand"])
async def test_an_upgrade_that_nobody_can_use(ledger: Ledger, backend: str, asked: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.receive_head()
        if peer.number:
            await peer.answer(b"<own>")
        else:
            await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + FORGED)

    headers = {"Connection": "upgrade", "Upgrade": "x"} if asked else {}
    async with world() as w:
        w.network.listen(HOST, 80, script)
        with ledger.trial("101", asked=asked, backend=backend):
            with pytest.raises(MalformedResponseError):
                await w.session.get(URL_, headers=headers)
            async with w.session.get(URL_) as response:
                assert await response.read() == b"<own>"


async def test_a_connect_of_the_callers_own(ledger: Ledger, backend: str) -> None:
    """What follows the answer is not HTTP, and is neither a body nor the next answer."""

    async def script(peer: Peer) -> None:
        await peer.receive_head()
        if peer.number:
            await peer.answer(b"<own>")
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + FORGED)

    async with world() as w:
        w.network.listen(HOST, 80, script)
        with ledger.trial("101", asked="CONNECT", backend=backend):
            async with w.session.request("CONNECT", URL_) as response:
                assert await response.read() == b""
            async with w.session.get(URL_) as response:
                assert await response.read() == b"<own>"


# --- where credentials go -------------------------------------------------------------------------

SECRET = "s3cr3t-w0rd"
USER = "someone"
AUTH = BasicAuth(USER, SECRET)
_PLAIN = {"secret": SECRET.encode()}


def _variants(secret: str, user: str = USER) -> tuple[str, ...]:
    """The secret, and Basic credentials with it."""
    coded = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return secret, coded, coded.rstrip("=")


#: How a request is given credentials: options of the session, of the request, and the URL's user.
CARRIERS: dict[str, tuple[dict[str, object], dict[str, object], bool]] = {
    "Authorization": ({}, {"headers": {"Authorization": f"Bearer {SECRET}"}}, False),
    "Authorization, session": ({"headers": {"authorization": f"Bearer {SECRET}"}}, {}, False),
    "auth=": ({}, {"auth": AUTH}, False),
    "auth=, session": ({"auth": AUTH}, {}, False),
    "the URL": ({}, {}, True),
    "Cookie": ({}, {"headers": {"Cookie": f"a={SECRET}"}}, False),
    "Cookie, session": ({"headers": {"COOKIE": f"a={SECRET}"}}, {}, False),
    "cookies=": ({}, {"cookies": {"a": SECRET}}, False),
    "Proxy-Authorization": ({}, {"headers": {"Proxy-Authorization": f"Basic {SECRET}"}}, False),
    "Proxy-Authorization, session": (
        {"headers": {"Proxy-Authorization": f"Basic {SECRET}"}},
        {},
        False,
    ),
    "several": (
        {"headers": {"Cookie": f"b={SECRET}"}},
        {
            "headers": [
                ("Authorization", SECRET),
                ("AUTHORIZATION", SECRET),
                ("Proxy-Authorization", SECRET),
            ],
            "cookies": {"a": SECRET},
        },
        False,
    ),
    "Set-Cookie": ({}, {}, False),  # of the first response: see `_first`
}
SECURE = f"https://{HOST}"
#: From where to where a redirect leads, and whether that is the same origin.
LEADS: dict[str, tuple[str, str, bool]] = {
    "same path": (URL_, "/there", True),
    "relative": (URL_, "there", True),
    "same origin": (URL_, f"http://{HOST}/there", True),
    "default port": (URL_, f"http://{HOST}:80/there", True),
    "case": (URL_, f"HTTP://{HOST.upper()}/there", True),
    "network path": (URL_, f"//{HOST}/there", True),
    "other port": (URL_, f"http://{HOST}:8080/there", False),
    "other host": (URL_, f"http://{OTHER}/there", False),
    "other host, network path": (URL_, f"//{OTHER}/there", False),
    "subdomain": (URL_, f"http://sub.{HOST}/there", False),
    "parent": (f"http://sub.{HOST}/", f"http://{HOST}/there", False),
    "longer name": (URL_, f"http://{HOST}.evil.example/there", False),
    "trailing dot": (URL_, f"http://{HOST}./there", False),
    "http to https": (URL_, f"https://{HOST}/there", False),
    "https to http": (f"{SECURE}/", f"http://{HOST}/there", False),
    "https to http on 443": (f"{SECURE}/", f"http://{HOST}:443/there", False),
    "https to https": (f"{SECURE}/", f"{SECURE}/there", True),
    "https to other": (f"{SECURE}/", f"https://{OTHER}/there", False),
    "user in front": (URL_, f"http://{HOST}@{OTHER}/there", False),
    "other user, other host": (URL_, f"http://u:p@{OTHER}/there", False),
    "backslash": (URL_, f"http://{OTHER}\\@{HOST}/there", False),
    "there and back": (URL_, f"http://{OTHER}/back", False),
}


def _redirecting(where: str, status: int, *, cookie: bool) -> Callable[[str], bytes]:
    def answer(path: str) -> bytes:
        if path == "/there":
            return said(b"there")
        to = f"http://{HOST}/there" if path == "/back" else where
        fields = [b"Location: " + to.encode()]
        if cookie and path != "/back":
            fields.append(f"Set-Cookie: a={SECRET}; Path=/".encode())
        return said(b"", *fields, status=b"%d Go" % status)

    return answer


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_credentials_over_redirects(
    ledger: Ledger,
    backend: str,
    trusting: ssl.SSLContext,
    proving: ssl.SSLContext,
    carrier: str,
) -> None:
    of_session, of_request, in_url = CARRIERS[carrier]
    cases = product(LEADS, (301, 302, 303, 307, 308))
    for number, (lead, status) in enumerate(cases):
        if not EXHAUSTIVE and number % 7:
            continue
        start, where, same = LEADS[lead]
        async with world(trusting, **of_session) as w:
            answer = _redirecting(where, status, cookie=carrier == "Set-Cookie")
            for host in HOSTS:
                for port, tls in ((80, False), (443, True), (8080, False)):
                    script = w.answering(f"{host}:{port}", answer)
                    w.network.listen(host, port, script, tls=proving if tls else None)
            url = URL(start).with_user(USER).with_password(SECRET) if in_url else URL(start)
            with ledger.trial(
                "credentials over redirects", carrier=carrier, lead=lead, status=status,
                backend=backend,
            ):  # fmt: skip
                try:
                    async with w.session.post(url, data=b"x", **of_request) as response:  # type: ignore[arg-type]
                        await response.read()
                except ClientError:
                    assert lead in ("backslash", "https to http on 443", "trailing dot")
                heads = [head for heard in w.heard.values() for head in heard]
                first = [head for head in heads if b" / HTTP" in head.splitlines()[0]]
                rest = [head for head in heads if head not in first]
                assert len(first) == 1
                assert _shows(first[0]) == (carrier != "Set-Cookie")
                for head in rest:
                    # A jar knows its hosts, not their ports (RFC 6265 8.5), nor their schemes.
                    name = head.partition(b"Host: ")[2].split(b"\r\n")[0].split(b":")[0]
                    may = same or (carrier == "Set-Cookie" and name == HOST.encode())
                    if _shows(head) and not may:
                        raise CrossTalk(f"{carrier} went along: {head!r}")
                    if same:
                        assert _shows(head), head


def _shows(head: bytes) -> bool:
    return any(text.encode() in head for text in _variants(SECRET))


async def test_a_secure_cookie_stays_with_tls(
    ledger: Ledger, backend: str, trusting: ssl.SSLContext, proving: ssl.SSLContext
) -> None:
    async with world(trusting) as w:

        def answer(path: str) -> bytes:
            if path == "/there":
                return said(b"there")
            cookie = f"Set-Cookie: a={SECRET}; Secure".encode()
            where = f"Location: http://{HOST}/there".encode()
            return said(b"", cookie, where, status=b"302 Go")

        w.network.listen(HOST, 443, w.answering("secure", answer), tls=proving)
        w.network.listen(HOST, 80, w.answering("plain", answer))
        with ledger.trial("credentials over redirects", carrier="Secure", backend=backend):
            async with w.session.get(f"https://{HOST}/") as response:
                await response.read()
            assert not _shows(b"".join(w.heard["plain"]))
            async with w.session.get(f"https://{HOST}/there") as response:
                await response.read()
            assert _shows(w.heard["secure"][-1])


@pytest.mark.parametrize("how", ["proxy_auth=", "the proxy's URL", "environment", "proxy_headers="])
@pytest.mark.parametrize("lead", ["http to http", "http to https", "https to http", "to bypassed"])
async def test_proxy_credentials_stay_with_the_proxy(
    ledger: Ledger,
    backend: str,
    trusting: ssl.SSLContext,
    proving: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    lead: str,
) -> None:
    credentials = f"{USER}:{SECRET}@" if how in ("the proxy's URL", "environment") else ""
    proxy = f"http://{credentials}{PROXY}:3128"
    options: dict[str, object] = {"proxy": proxy}
    session_options: dict[str, object] = {}
    if how == "environment":
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        if lead == "to bypassed":
            monkeypatch.setenv("no_proxy", OTHER)
        options, session_options = {}, {"trust_env": True}
    elif how == "proxy_auth=":
        options["proxy_auth"] = AUTH
    elif how == "proxy_headers=":
        options["proxy_headers"] = {"Proxy-Authorization": AUTH.encode()}
    if lead == "to bypassed" and how != "environment":
        pytest.skip("only the environment exempts hosts")
    first, then = {
        "http to http": (f"http://{HOST}/", f"http://{OTHER}:8080/there"),
        "http to https": (f"http://{HOST}/", f"https://{HOST}/there"),
        "https to http": (f"https://{HOST}/", f"http://{HOST}/there"),
        "to bypassed": (f"http://{HOST}/", f"http://{OTHER}/there"),
    }[lead]
    async with world(trusting, **session_options) as w:
        answer = _redirecting(then, 307, cookie=False)
        for host in (HOST, OTHER):
            for port in (80, 443, 8080):
                script = w.answering(f"{host}:{port}", answer)
                w.network.listen(host, port, script, tls=proving if port == 443 else None)
        # It passes on what it gets, Proxy-Authorization excepted, if that is right.
        proxy_listener = w.network.proxy(PROXY, auth=(USER, SECRET))
        with ledger.trial("proxy credentials", how=how, lead=lead, backend=backend):
            async with w.session.get(first, **options) as response:  # type: ignore[arg-type]
                assert response.status == 200, response
                assert await response.read() == b"there"
            heads = [head for heard in w.heard.values() for head in heard]
            assert len(heads) == 2
            assert proxy_listener.requests == (1 if lead == "to bypassed" else 2)
            if any(_shows(head) or b"proxy-" in head.lower() for head in heads):
                raise CrossTalk(f"an origin has got the proxy's credentials: {heads!r}")


# --- what is shown --------------------------------------------------------------------------------


def everything_said_by(exc: BaseException) -> Iterator[str]:
    """All texts of an error, and of what it carries."""
    yield "".join(traceback.format_exception(exc))
    seen: set[int] = set()
    todo: list[object] = [exc]
    while todo:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield str(item)
        yield repr(item)
        yield f"{item}"
        if isinstance(item, BaseException):
            todo += [item.args, item.__cause__, *vars(item).values()]
            if not item.__suppress_context__:
                todo.append(item.__context__)
        elif isinstance(item, list | tuple) and not isinstance(item, BasicAuth):
            # A RequestInfo is a tuple whose parts are there to be asked for one by one.
            if type(item) in (list, tuple):
                todo += item
        elif isinstance(item, ClientResponse):
            todo += [item.request_info, item.history]


def check_silent(texts: Sequence[str], secrets: Sequence[str]) -> None:
    for text in texts:
        for secret in secrets:
            assert secret not in text, f"{secret!r} is shown: {text}"


WITH_CREDENTIALS = f"http://{USER}:{SECRET}@"


def _peer_sends(data: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.receive_head()
        await peer.send(data)

    return script


def _speaks(*answers: bytes) -> Script:
    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.receive_some()
            await peer.send(answer)

    return script


async def _speak_first(peer: Peer) -> None:
    await peer.send(b"220 mail.example ESMTP\r\n")


async def _stall(peer: Peer) -> None:
    await peer.stall()


ERROR_CASES: dict[str, tuple[Script | None, dict[str, object]]] = {
    "no name": (None, {"url": f"{WITH_CREDENTIALS}nowhere.example/"}),
    "refused": (None, {"url": f"{WITH_CREDENTIALS}{HOST}:81/"}),
    "disconnected": (_peer_sends(b""), {}),
    "part of a head": (_peer_sends(b"HTTP/1.1 200"), {}),
    "no HTTP": (_peer_sends(b"SSH-2.0\r\n"), {}),
    "bad framing": (_peer_sends(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), {}),
    "part of a body": (_peer_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), {}),
    "bad coding": (_peer_sends(said(b"x", b"Content-Encoding: gzip")), {}),
    "too large": (_peer_sends(said(b"xx")), {"max_body_size": 1}),
    "status": (_peer_sends(said(b"", status=b"401 No")), {"raise_for_status": True}),
    "content type": (_peer_sends(said(b"x", b"Content-Type: text/html")), {}),
    "too many redirects": (
        _peer_sends(said(b"", b"Location: /", status=b"302 Go")),
        {"max_redirects": 1},
    ),
    "redirect to no URL": (
        _peer_sends(said(b"", f"Location: http://u:{SECRET}@:0/".encode(), status=b"302 Go")),
        {},
    ),
    "redirect to no host": (
        _peer_sends(said(b"", f"Location: http://u:{SECRET}@/".encode(), status=b"302 Go")),
        {},
    ),
    "redirect to ftp": (
        _peer_sends(said(b"", f"Location: ftp://u:{SECRET}@h/".encode(), status=b"302 Go")),
        {},
    ),
    "sock_read": (_stall, {"timeout": ClientTimeout(sock_read=0.01)}),
    "total": (_stall, {"timeout": ClientTimeout(total=0.01)}),
    "connect": (
        None,
        {"url": f"{WITH_CREDENTIALS}hole.example/", "timeout": ClientTimeout(connect=0.01)},
    ),
    "bad header": (None, {"headers": {"X-Token": f"{SECRET}\r\n"}}),
    "bad header name": (None, {"headers": {"X Token": SECRET}}),
    "unencodable header": (None, {"headers": {"X-Token": f"{SECRET}\ud800"}}),
    "header that is no text": (None, {"headers": {"X-Token": SECRET.encode()}}),
    "bad cookie": (None, {"cookies": {"a": f"{SECRET}\x01\ud800"}}),
    "auth twice": (None, {"auth": AUTH}),
    "auth and header": (None, {"headers": {"Authorization": SECRET}}),
    "auth beyond its encoding": (
        None,
        {"url": f"http://{HOST}/", "auth": BasicAuth(USER, SECRET + "\u20ac")},
    ),
    "auth that is none": (None, {"url": f"http://{HOST}/", "auth": (USER, SECRET)}),
    "body sent twice": (
        _peer_sends(said(b"", b"Location: /", status=b"307 Go")),
        {"method": "POST", "data": "generator"},
    ),
    "scheme": (None, {"url": f"ftp://{USER}:{SECRET}@{HOST}/"}),
    "no scheme": (None, {"url": f"{USER}:{SECRET}@{HOST}/"}),
    "relative": (None, {"url": f"//{USER}:{SECRET}@{HOST}/"}),
    "bad port": (None, {"url": f"{WITH_CREDENTIALS}{HOST}:x/"}),
    "large port": (None, {"url": f"{WITH_CREDENTIALS}{HOST}:99999/"}),
    "bad host": (None, {"url": f"{WITH_CREDENTIALS}a b/"}),
    "no host": (None, {"url": f"{WITH_CREDENTIALS}/"}),
    "bad IPv6": (None, {"url": f"{WITH_CREDENTIALS}[::x]/"}),
    "bad bracket": (None, {"url": f"{WITH_CREDENTIALS}[/"}),
    "colon in the user": (None, {"url": f"http://a%3Ab:{SECRET}@{HOST}/"}),
    "slash in the password": (None, {"url": f"http://{USER}:/{SECRET}@{HOST}/"}),
    "question mark in the password": (None, {"url": f"http://{USER}:?{SECRET}@:0{HOST}/"}),
    "hash in the password": (None, {"url": f"http://{USER}:#{SECRET}@{HOST}/"}),
    "surrogate": (None, {"url": f"{WITH_CREDENTIALS}\ud800/"}),
    "certificate": (_stall, {"url": f"https://{USER}:{SECRET}@{HOST}/"}),
    "fingerprint": (
        _stall,
        {"url": f"https://{USER}:{SECRET}@{HOST}/", "ssl": Fingerprint(b"x" * 32)},
    ),
    "no TLS": (_speak_first, {"url": f"https://{USER}:{SECRET}@{HOST}:80/"}),
    "proxy refused": (None, {"proxy": f"http://{USER}:{SECRET}@{HOST}:81"}),
    "proxy unknown": (None, {"proxy": f"http://{USER}:{SECRET}@nowhere.example:81"}),
    "proxy's scheme": (None, {"proxy": f"socks://{USER}:{SECRET}@{HOST}:81"}),
    "SOCKS refused": (None, {"proxy": f"socks5://{USER}:{SECRET}@{HOST}:81"}),
    "SOCKS refuses": (
        _speaks(b"\5\2", b"\1\1"),
        {"url": "http://192.0.2.1/", "proxy": f"socks5h://{USER}:{SECRET}@{HOST}:80"},
    ),
    "no SOCKS": (
        _speaks(b"HTTP/1.1 400 No\r\n\r\n"),
        {"url": "http://192.0.2.1/", "proxy": f"socks5h://{USER}:{SECRET}@{HOST}:80"},
    ),
    "proxy auth that SOCKS4 knows not": (None, {"proxy": f"socks4://{USER}:{SECRET}@{HOST}:81"}),
    "proxy's port": (None, {"proxy": f"http://{USER}:{SECRET}@{HOST}:x"}),
    "proxy's host": (None, {"proxy": f"http://{USER}:{SECRET}@:1"}),
    "proxy without scheme": (None, {"proxy": f"{USER}:{SECRET}@{HOST}:1"}),
    "proxy's user": (None, {"proxy": f"http://a%3Ab:{SECRET}@{HOST}:1"}),
    "proxy auth twice": (
        None,
        {"proxy": f"http://{USER}:{SECRET}@{HOST}", "proxy_auth": AUTH},
    ),
    "proxy auth beyond its encoding": (
        None,
        {"proxy": f"http://{HOST}", "proxy_auth": BasicAuth(USER, SECRET + "\u20ac")},
    ),
    "proxy auth that is none": (None, {"proxy": f"http://{HOST}", "proxy_auth": (USER, SECRET)}),
    "proxy says no": (
        _peer_sends(said(b"", status=b"407 Who")),
        {"url": f"https://{OTHER}/", "proxy": f"http://{USER}:{SECRET}@{HOST}"},
    ),
    "proxy says no to a key": (
        _peer_sends(said(b"", status=b"403 No")),
        {
            "url": f"https://{OTHER}/",
            "proxy": f"http://{HOST}",
            "proxy_headers": {"Proxy-Authorization": f"Basic {SECRET}", "X-Key": SECRET},
        },
    ),
    "proxy says nothing": (
        _peer_sends(b""),
        {"url": f"https://{OTHER}/", "proxy": f"http://{USER}:{SECRET}@{HOST}"},
    ),
    "proxy says nonsense": (
        _peer_sends(b"nonsense\r\n\r\n"),
        {
            "url": f"https://{OTHER}/",
            "proxy": f"http://{HOST}",
            "proxy_headers": {"Proxy-Authorization": f"Basic {SECRET}", "X-Key": SECRET},
        },
    ),
    "proxy is late": (
        _stall,
        {
            "url": f"https://{OTHER}/",
            "proxy": f"http://{USER}:{SECRET}@{HOST}",
            "timeout": ClientTimeout(total=0.01),
        },
    ),
}


async def _upload() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize("case", ERROR_CASES)
async def test_errors_never_show_passwords(
    ledger: Ledger,
    backend: str,
    authority: CertificateAuthority,
    caplog: pytest.LogCaptureFixture,
    case: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    script, options = ERROR_CASES[case]
    options = dict(options)
    url = options.pop("url", f"{WITH_CREDENTIALS}{HOST}/")
    method = str(options.pop("method", "GET"))
    if options.get("data") == "generator":
        options["data"] = _upload()
    texts: list[str] = []
    async with world(authority.client_context()) as w:
        context = authority.server_context("wrong.example")
        if script is not None:
            w.network.listen(HOST, 80, script)
            w.network.listen(HOST, 443, script, tls=context)
        w.network.listen(
            "hole.example", 80, _stall, addresses=[Address("192.0.2.9", blackhole=True)]
        )
        with ledger.trial("errors show nothing", case=case, backend=backend):
            with pytest.raises((ClientError, ValueError, TypeError)) as caught:
                async with w.session.request(method, url, **options) as response:  # type: ignore[arg-type]
                    texts += [repr(response), repr(response.request_info), repr(w.session)]
                    await response.json()
            exc = caught.value
            assert isinstance(exc, ClientError) or case.startswith(("auth", "proxy auth")), repr(
                exc
            )
            texts += everything_said_by(exc)
            texts += [record.getMessage() for record in caplog.records]
            texts += [repr(w.session), repr(w.session.connector), str(w.session)]
            check_silent(texts, _variants(SECRET))


@pytest.mark.parametrize(
    "arguments",
    [
        {"proxy": f"http://{USER}:{SECRET}@{HOST}:x"},
        {"proxy": f"socks5://{USER}:{SECRET}@{HOST}"},
        {"proxy": f"socks4://{USER}:{SECRET}@{HOST}"},
        {"proxy": f"socks5://{USER}:{SECRET * 50}@{HOST}"},
        {"proxy": f"http://{USER}:{SECRET}@:1"},
        {"proxy": f"http://{USER}:{SECRET}@[::x]:1"},
        {"proxy": f"http://a%3Ab:{SECRET}@{HOST}"},
        {"proxy": f"http://{USER}:{SECRET}@{HOST}", "proxy_auth": AUTH},
        {"proxy": f"http://{HOST}", "proxy_auth": BasicAuth(USER, SECRET + "\u20ac")},
        {"proxy": f"http://{USER}:{SECRET}%E2%82%AC@{HOST}"},
        {"proxy": f"http://{USER}:{SECRET}@{HOST}"},
    ],
)
async def test_a_proxy_connector_never_shows_passwords(
    ledger: Ledger, backend: str, arguments: dict[str, object]
) -> None:
    with ledger.trial("errors show nothing", case=f"ProxyConnector {arguments}", backend=backend):
        try:
            async with ProxyConnector(**arguments) as connector:  # type: ignore[arg-type]
                texts = [repr(connector), repr(connector.proxy_route), str(connector.proxy_route)]
                key = connector.key_for(URL(f"https://{HOST}"))
                texts += [repr(key), str(key)]
        except (ClientError, ValueError) as exc:
            texts = list(everything_said_by(exc))
        check_silent(texts, _variants(SECRET))


async def test_nothing_that_holds_a_password_shows_it(ledger: Ledger, backend: str) -> None:
    request_texts: list[str] = []

    async def middleware(request, handle):  # type: ignore[no-untyped-def]
        request_texts.extend([repr(request), str(request), repr(request.request_info)])
        return await handle(request)

    async with world(auth=AUTH, middlewares=[middleware]) as w:
        w.network.listen(HOST, 80, w.answering(HOST, lambda path: said(b"ok")))
        with ledger.trial("errors show nothing", case="repr", backend=backend):
            async with w.session.get(URL_) as response:
                await response.read()
            assert _shows(w.heard[HOST][0])
            held = [AUTH, response, response.request_info, w.session, w.session.connector]
            texts = [repr(item) for item in held] + [str(item) for item in held]
            check_silent(texts + request_texts, _variants(SECRET))
