"""Credentials: basic, bearer, digest."""

import hashlib
import re

import anyiohttp
from anyiohttp.testing import MemoryNetwork, Request, Response


# --8<-- [start:basic]
async def basic(url: str) -> None:
    auth = anyiohttp.BasicAuth("user", "secret")
    async with anyiohttp.ClientSession() as session:
        async with session.get(f"{url}/basic-auth/user/secret", auth=auth) as response:
            assert response.status == 200


# --8<-- [end:basic]


# --8<-- [start:bearer]
async def bearer(url: str) -> None:
    headers = {"Authorization": "Bearer T0KEN"}
    async with anyiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{url}/headers") as response:
            assert ["Authorization", "Bearer T0KEN"] in await response.json()


# --8<-- [end:bearer]


# --8<-- [start:digest]
async def digest(session: anyiohttp.ClientSession, url: str) -> int:
    digest_auth = anyiohttp.DigestAuthMiddleware("user", "secret")
    async with session.get(url, middlewares=[digest_auth]) as response:
        return response.status


# --8<-- [end:digest]


async def _wants_digest(request: Request) -> Response:
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get("Authorization", "")))

    def hexed(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    if given:
        secret = hexed("user", "here", "secret")
        middle = (given["nonce"], given["nc"], given["cnonce"], "auth")
        if given["response"] == hexed(secret, *middle, hexed(request.method, given["uri"])):
            return Response(200)
    challenge = 'Digest realm="here", nonce="n", qop="auth", algorithm=SHA-256'
    return Response(401, headers=[("WWW-Authenticate", challenge)])


async def main(url: str) -> None:
    await basic(url)
    await bearer(url)
    async with MemoryNetwork() as network:
        server = network.serve("example.org", _wants_digest)
        async with anyiohttp.ClientSession(connector=network.connector()) as session:
            assert await digest(session, str(server.url)) == 200
