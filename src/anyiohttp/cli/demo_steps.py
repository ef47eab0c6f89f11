"""The steps of the demonstration: each uses the client as a program would and checks what it saw.

Knows: the public API, the loopback server's paths.
Must not know: which backend runs, how steps are told.
Called by: `demo`.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio

from .. import (
    BasicAuth,
    ClientSession,
    ClientTimeout,
    Fingerprint,
    FingerprintMismatch,
    FormData,
    TCPConnector,
    UnixConnector,
    WSCloseCode,
)
from .loopback import LoopbackServer

__all__ = ("STEPS", "Stage")

_MIB = 2**20


class Wrong(Exception):
    """What was seen is not what should have been."""


@dataclass(frozen=True)
class Stage:
    """What the steps share.

    Attributes:
        server: the loopback server.
        tls: a client's context that trusts it.
        certificate: the server's certificate in DER form.
        credentials: the user and password its proxy wants.
        directory: for files.
    """

    server: LoopbackServer
    tls: ssl.SSLContext
    certificate: bytes
    credentials: tuple[str, str]
    directory: Path


Step = Callable[[Stage], Awaitable[str]]


def expect(got: object, wanted: object) -> None:
    """Refuse anything but what is wanted."""
    if got != wanted:
        raise Wrong(f"got {got!r}, wanted {wanted!r}")


async def get(stage: Stage) -> str:
    """A GET, in both ways to write it."""
    async with ClientSession() as session:
        async with session.get(stage.server.url / "json") as response:
            expect(response.status, 200)
            expect((await response.json())["text"], "grüß dich")
        again = await session.get(stage.server.url / "json")
        expect(await again.json(), await response.json())
        return f"{response.status} {response.reason}, {response.content_type}, twice"


async def query(stage: Stage) -> str:
    """Parameters, merged with the URL's own."""
    async with ClientSession(headers={"X-Demo": "yes"}) as session:
        url = stage.server.url / "get" % {"a": "1"}
        async with session.get(url, params=[("b", "2"), ("b", "ä &")]) as response:
            told = await response.json()
        expect(told["query"], [["a", "1"], ["b", "2"], ["b", "ä &"]])
        expect(dict(told["headers"])["X-Demo"], "yes")
        return str(response.url.relative())


async def json(stage: Stage) -> str:
    """JSON sent and echoed."""
    async with (
        ClientSession() as session,
        session.post(stage.server.url / "echo", json={"numbers": [1, 2]}) as response,
    ):
        told = await response.json()
        expect(told["body"], '{"numbers": [1, 2]}')
        content_type = dict(told["headers"])["Content-Type"]
        expect(content_type, "application/json")
        return f"{told['method']} {told['body']} as {content_type}"


async def form(stage: Stage) -> str:
    """A form, as browsers send it."""
    fields = [("name", "Zoë"), ("tag", "a"), ("tag", "b")]
    async with (
        ClientSession() as session,
        session.post(stage.server.url / "form", data=FormData(fields)) as response,
    ):
        told = await response.json()
        expect(told["fields"], [list(pair) for pair in fields])
        return f"{len(fields)} fields came back as sent"


async def multipart(stage: Stage) -> str:
    """A file in a multipart form."""
    content = bytes(range(256)) * 4096
    path = anyio.Path(stage.directory / "upload.bin")
    await path.write_bytes(content)
    with Path(path).open("rb") as file:  # noqa: ASYNC230 - opening is all that happens here
        data = FormData()
        data.add_field("comment", "a file follows")
        data.add_field("file", file, filename="upload.bin", content_type="image/x-demo")
        async with (
            ClientSession() as session,
            session.post(stage.server.url / "upload", data=data) as response,
        ):
            told = await response.json()
    part = told["parts"][1]
    expect(part["filename"], "upload.bin")
    expect(part["content_type"], "image/x-demo")
    expect(part["sha256"], hashlib.sha256(content).hexdigest())
    return f"{part['filename']}: {part['size']:,} bytes, digest right"


async def download(stage: Stage) -> str:
    """A body read as it arrives."""
    wanted, size, started = 64 * _MIB, 0, time.perf_counter()
    async with (
        ClientSession() as session,
        session.get(stage.server.url / "stream" / str(wanted)) as response,
    ):
        async for data in response.content.iter_any():
            size += len(data)
    expect(size, wanted)
    return f"{size // _MIB} MiB at {size / _MIB / (time.perf_counter() - started):,.0f} MiB/s"


async def upload(stage: Stage) -> str:
    """A body of unknown size, sent as it is made."""
    digest = hashlib.sha256()

    async def blocks() -> AsyncIterator[bytes]:
        for number in range(256):
            block = number.to_bytes(1, "big") * 65536
            digest.update(block)
            yield block

    async with (
        ClientSession() as session,
        session.put(stage.server.url / "upload", data=blocks()) as response,
    ):
        told = await response.json()
    expect(told["size"], 16 * _MIB)
    expect(told["sha256"], digest.hexdigest())
    return f"{told['size'] // _MIB} MiB in chunks, digest right"


async def chained(stage: Stage) -> str:
    """One response's body sent as another request's."""
    size = 8 * _MIB
    async with (
        ClientSession() as session,
        session.get(stage.server.url / "stream" / str(size)) as source,
        session.post(stage.server.url / "upload", data=source.content) as response,
    ):
        told = await response.json()
    expect(told["size"], size)
    expect(told["sha256"], hashlib.sha256(bytes(range(256)) * (size // 256)).hexdigest())
    return f"{size // _MIB} MiB from GET into POST, digest right"


async def cookies(stage: Stage) -> str:
    """Cookies set on the way through redirects."""
    async with ClientSession(base_url=stage.server.url) as session:
        # The jar keeps no cookies of IP addresses unless told to; localhost is a name.
        url = stage.server.url.with_host("localhost") / "cookies/set" % {"a": "1", "b": "2"}
        async with session.get(url) as response:
            told = await response.json()
        expect(sorted(told), [["a", "1"], ["b", "2"]])
        hops = [str(hop.url.relative()) for hop in response.history]
        expect(hops, ["/cookies/set?a=1&b=2", "/cookies/set?b=2"])
        return f"{len(hops)} redirects, then Cookie: " + "; ".join("=".join(pair) for pair in told)


async def compressed(stage: Stage) -> str:
    """Content codings, both ways."""
    async with ClientSession() as session:
        url = stage.server.url / "gzip" % {"size": str(_MIB)}
        async with session.get(url) as response:
            expect(len(await response.read()), _MIB)
            wire = int(response.headers["Content-Length"])
        body = b"words " * 1000
        async with session.post(stage.server.url / "echo", data=body, compress="gzip") as response:
            told = await response.json()
        expect(told["body"], body.decode())
        expect(dict(told["headers"])["Content-Encoding"], "gzip")
    return f"1 MiB came as {wire:,} bytes; {len(body):,} bytes went gzip-coded"


async def own_ca(stage: Stage) -> str:
    """TLS, verified with a certificate authority of our own."""
    async with (
        ClientSession(connector=TCPConnector(ssl_context=stage.tls)) as session,
        session.get(stage.server.tls_url / "get") as response,
    ):
        expect((await response.json())["secure"], True)
        return f"{response.status} from {response.url.origin()}"


async def good_pin(stage: Stage) -> str:
    """A pinned certificate instead of an authority."""
    digest = hashlib.sha256(stage.certificate).digest()
    async with (
        ClientSession() as session,
        session.get(stage.server.tls_url / "get", ssl=Fingerprint(digest)) as response,
    ):
        expect(response.status, 200)
        return f"sha256 {digest.hex()[:16]}… matches"


async def bad_pin(stage: Stage) -> str:
    """A pin that does not match: refused before a byte of the request is sent."""
    before = stage.server.counts.requests
    async with ClientSession() as session:
        try:
            await session.get(stage.server.tls_url / "get", ssl=Fingerprint(b"\0" * 32))
        except FingerprintMismatch as exc:
            expect(exc.got, hashlib.sha256(stage.certificate).digest())
            expect(stage.server.counts.requests, before)
            return f"{type(exc).__name__} for {exc.host}:{exc.port}, nothing sent"
    raise Wrong("a wrong certificate was accepted")


async def proxy(stage: Stage) -> str:
    """A tunnel through a proxy that asks for credentials, and the same through TLS in TLS."""
    counts = stage.server.proxy_counts
    auth = BasicAuth(*stage.credentials)
    before = counts.tunnels, counts.forwarded
    async with ClientSession(connector=TCPConnector(ssl_context=stage.tls)) as session:
        for through in (stage.server.proxy_url, stage.server.tls_proxy_url):
            url = stage.server.tls_url / "get"
            async with session.get(url, proxy=through, proxy_auth=auth) as response:
                told = await response.json()
            expect(told["secure"], True)
            expect("Proxy-Authorization" in dict(told["headers"]), False)
        plain = stage.server.url / "get"
        async with session.get(plain, proxy=stage.server.proxy_url, proxy_auth=auth) as response:
            expect((response.status, response.headers.get("Via")), (200, "1.1 loopback"))
    expect((counts.tunnels - before[0], counts.forwarded - before[1]), (2, 1))
    return "CONNECT through http and https proxies, and one request forwarded"


async def unix_socket(stage: Stage) -> str:
    """A server on a unix socket."""
    if stage.server.unix_path is None:
        return "not on this system"
    path = str(stage.server.unix_path)
    async with (
        ClientSession(connector=UnixConnector(path)) as session,
        session.get("http://localhost/get") as response,
    ):
        expect(response.status, 200)
        return f"{response.status} over {path}"


async def timeout(stage: Stage) -> str:
    """A server that never answers; the connection goes with the call."""
    counts = stage.server.counts
    started = time.perf_counter()
    async with ClientSession(timeout=ClientTimeout(total=0.2)) as session:
        try:
            await session.get(stage.server.url / "slow")
        except TimeoutError as exc:
            seconds = time.perf_counter() - started
            if seconds > 2:
                raise Wrong(f"it took {seconds:.1f} s") from exc
            await counts.wait_for(lambda counts: counts.open == 0)
            return f"{type(exc).__name__}: {exc}"
    raise Wrong("no timeout")


async def pool_limit(stage: Stage) -> str:
    """Ten requests at once over two connections."""
    counts = stage.server.counts
    await counts.wait_for(lambda counts: counts.open == 0)
    connections, requests = counts.connections, counts.requests

    url = stage.server.url / "drip" % {"n": "3", "delay": "0.01"}
    async with ClientSession(connector=TCPConnector(limit=2)) as session:

        async def fetch() -> None:
            async with session.get(url) as response:
                expect(await response.text(), "***")

        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(fetch)
    expect((counts.requests - requests, counts.connections - connections), (10, 2))
    return "10 requests over 2 connections"


async def websocket(stage: Stage) -> str:
    """Messages both ways, and the closing handshake."""
    async with (
        ClientSession() as session,
        session.ws_connect(stage.server.url / "websocket", heartbeat=10) as socket,
    ):
        await socket.send_str("grüß dich")
        expect(await socket.receive_str(), "grüß dich")
        await socket.send_json({"a": 1})
        expect(await socket.receive_json(), {"a": 1})
        await socket.send_bytes(bytes(_MIB))
        expect(await socket.receive_bytes(), bytes(_MIB))
        await socket.close()
    expect(socket.close_code, WSCloseCode.OK)
    return f"3 messages came back, closed with {socket.close_code}"


async def events(stage: Stage) -> str:
    """Server-sent events over two connections, the second one from where the first ended."""
    connections = stage.server.counts.requests
    async with ClientSession() as session, session.sse(stage.server.url / "events") as stream:
        seen = [event async for event in stream]
    expect([event.data for event in seen], [f"event {number}" for number in range(1, 7)])
    expect(stage.server.counts.requests - connections, 3)
    return f"{len(seen)} events, reconnected after event {seen[2].id}, ended by 204"


STEPS: tuple[tuple[str, Step], ...] = (
    ("get", get),
    ("query", query),
    ("JSON", json),
    ("form", form),
    ("multipart upload", multipart),
    ("streamed download", download),
    ("streamed upload", upload),
    ("get chained into post", chained),
    ("cookies through redirects", cookies),
    ("gzip", compressed),
    ("TLS with our own CA", own_ca),
    ("good fingerprint", good_pin),
    ("bad fingerprint", bad_pin),
    ("proxy", proxy),
    ("unix socket", unix_socket),
    ("timeout", timeout),
    ("pool limit", pool_limit),
    ("WebSocket", websocket),
    ("server-sent events", events),
)
