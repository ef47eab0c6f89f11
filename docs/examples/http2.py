"""HTTP/2: many calls over one connection."""

import anyio

import anyiohttp
from anyiohttp.testing import CertificateAuthority, MemoryNetwork, Request, Response


# --8<-- [start:many]
async def many(session: anyiohttp.ClientSession, url: str) -> set[str]:
    versions = set()

    async def fetch(number: int) -> None:
        async with session.get(f"{url}/{number}") as response:
            await response.read()
            versions.add(f"{response.version.major}.{response.version.minor}")

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(fetch, number)
    return versions


# --8<-- [end:many]


# --8<-- [start:versions]
def only_http1() -> anyiohttp.TCPConnector:
    return anyiohttp.TCPConnector(http_versions=["http/1.1"])


def prior_knowledge() -> anyiohttp.TCPConnector:
    # Nothing else is spoken, also without TLS: for servers of which that is known.
    return anyiohttp.TCPConnector(http_versions=["h2"])


# --8<-- [end:versions]


async def hello(request: Request) -> Response:
    return Response(200, b"hello")


async def main(url: str) -> None:
    authority = CertificateAuthority()
    alpn = ("h2", "http/1.1")
    async with MemoryNetwork() as network:
        server = network.serve_http2(
            "example.org", hello, tls=authority.server_context("example.org", alpn=alpn)
        )
        context = authority.client_context()
        context.set_alpn_protocols(list(alpn))
        async with anyiohttp.ClientSession(connector=network.connector(ssl=context)) as session:
            assert await many(session, str(server.url.origin())) == {"2.0"}
        assert server.connections == 1
    async with anyiohttp.ClientSession(connector=only_http1()) as session:
        async with session.get(f"{url}/get") as response:
            assert response.version == (1, 1)
    await prior_knowledge().close()
