"""Connectors: limits, names, unix sockets, shared by sessions."""

import socket

import anyiohttp
from anyiohttp.abc import AbstractResolver, ResolveResult


# --8<-- [start:limits]
def limited() -> anyiohttp.TCPConnector:
    return anyiohttp.TCPConnector(
        limit=50,  # connections in all, idle ones too
        limit_per_host=6,
        keepalive_timeout=30,  # seconds that an idle one is kept
    )


# --8<-- [end:limits]


# --8<-- [start:shared]
async def shared(url: str) -> None:
    """Two sessions with cookies of their own, over the same connections."""
    async with anyiohttp.TCPConnector() as connector:
        for _ in range(2):
            async with anyiohttp.ClientSession(
                connector=connector, connector_owner=False
            ) as session:
                async with session.get(f"{url}/get") as response:
                    assert response.status == 200
        assert connector.stats.idle == 1


# --8<-- [end:shared]


# --8<-- [start:resolver]
class FixedResolver(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


async def resolved(port: int) -> None:
    connector = anyiohttp.TCPConnector(resolver=FixedResolver())
    async with anyiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"http://any.example:{port}/get") as response:
            assert dict((await response.json())["headers"])["Host"] == f"any.example:{port}"


# --8<-- [end:resolver]


# --8<-- [start:unix]
async def unix_socket(path: str) -> None:
    async with anyiohttp.ClientSession(connector=anyiohttp.UnixConnector(path)) as session:
        async with session.get("http://localhost/get") as response:
            assert response.status == 200


# --8<-- [end:unix]


async def main(url: str, port: int, unix_path: str) -> None:
    async with anyiohttp.ClientSession(connector=limited()) as session:
        async with session.get(f"{url}/get") as response:
            assert response.status == 200
    await shared(url)
    await resolved(port)
    await unix_socket(unix_path)
