"""What programs put in the place of the library's own: classes, functions, resolvers."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import json
import socket
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage


@scenario
async def response_class(aiohttp: Any, stage: Stage) -> None:
    class Mine(aiohttp.ClientResponse):  # type: ignore[misc]
        async def shout(self) -> str:
            return str(await self.text()).upper()

    async with aiohttp.ClientSession(response_class=Mine) as session:
        async with session.get(stage.url / "json") as response:
            stage.saw("own", isinstance(response, Mine))
            stage.saw("shouted", await response.shout())


@scenario
async def request_class(aiohttp: Any, stage: Stage) -> None:
    class Mine(aiohttp.ClientRequest):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.headers["X-Mine"] = f"{self.method} {self.url.path}"

    async with aiohttp.ClientSession(request_class=Mine) as session:
        async with session.get(stage.url / "redirect" / "1") as response:
            stage.saw("status", response.status)
        async with session.post(stage.url / "echo", data=b"x") as response:
            stage.saw("body", (await response.json())["body"])


@scenario
async def json_serialize_bytes(aiohttp: Any, stage: Stage) -> None:
    def dumps(value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    async with aiohttp.ClientSession(json_serialize_bytes=dumps) as session:
        async with session.post(stage.url / "echo", json={"a": [1]}) as response:
            stage.saw("body", (await response.json())["body"])


@scenario
async def raise_for_status_of_a_request(aiohttp: Any, stage: Stage) -> None:
    async def check(response: Any) -> None:
        stage.saw(f"checked {response.status}", response.ok)
        if response.status == 418:
            raise LookupError

    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for status in (404, 418):
            url = stage.url / "status" / str(status)
            await stage.fails(f"{status}", session.get(url, raise_for_status=check))
        async with session.get(stage.url / "status" / "200", raise_for_status=None) as response:
            stage.saw("status", response.status)
    async with aiohttp.ClientSession(raise_for_status=None) as session:
        async with session.get(stage.url / "status" / "404") as response:
            stage.saw("none", response.status)


@scenario
async def auto_decompress_of_a_request(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for name, kwargs in {"session": {}, "request": {"auto_decompress": True}}.items():
            async with session.get(stage.url / "gzip" % {"size": "100"}, **kwargs) as response:
                stage.saw(name, (await response.read())[:2] == b"\x1f\x8b")


@scenario
async def limits_of_a_request(aiohttp: Any, stage: Stage) -> None:
    long = b"x" * 100
    url = await stage.answering(
        b"HTTP/1.1 200 " + long + b"\r\nX-A: " + long + b"\r\nContent-Length: 0\r\n\r\n"
    )
    async with aiohttp.ClientSession() as session:
        for name, kwargs in {
            "none": {},
            "line": {"max_line_size": 50},
            "field": {"max_field_size": 50},
            "headers": {"max_headers": 1},
        }.items():
            await stage.fails(name, session.get(url, **kwargs))


@scenario
async def read_until_eof(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
    async with aiohttp.ClientSession() as session:
        for name, kwargs in {"yes": {}, "no": {"read_until_eof": False}}.items():
            async with session.get(url, **kwargs) as response:
                stage.saw(name, await response.read())


@scenario
async def server_hostname(aiohttp: Any, stage: Stage) -> None:
    url = stage.tls_url.with_host("127.0.0.1") / "get"
    async with aiohttp.ClientSession() as session:
        for name in ("localhost", "example.org"):
            await stage.fails(name, session.get(url, ssl=stage.trust.client, server_hostname=name))


@scenario
async def who_owns_the_connector(aiohttp: Any, stage: Stage) -> None:
    connector = aiohttp.TCPConnector(limit=7, limit_per_host=3, force_close=True)
    for name in ("limit", "limit_per_host", "force_close", "closed"):
        stage.saw(name, getattr(connector, name))
    async with aiohttp.ClientSession(connector=connector, connector_owner=False) as session:
        stage.saw("owner", session.connector_owner)
    stage.saw("closed with the session", [session.closed, connector.closed])
    session = aiohttp.ClientSession(connector=connector)
    session.detach()
    stage.saw("detached", [session.closed, session.connector, connector.closed])
    await connector.close()
    stage.saw("closed by hand", connector.closed)


@scenario
async def what_is_known_of_a_connection(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stage.url / "drip") as response:
            stage.saw("connected", response.connection is not None)
            await response.read()
            stage.saw("no more", response.connection)
            stage.saw("closed", response.closed)


def _resolver(aiohttp: Any, stage: Stage, answers: dict[str, str]) -> Any:
    class Resolver(aiohttp.abc.AbstractResolver):  # type: ignore[misc]
        asked = 0

        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
            type(self).asked += 1
            stage.saw(f"asked {self.asked}", [host, port])
            if host not in answers:
                raise OSError(None, "no such name")
            entry = {"hostname": host, "host": answers[host], "port": port}
            return [entry | {"family": socket.AF_INET, "proto": 0, "flags": 0}]

        async def close(self) -> None:
            stage.saw("resolver", "closed")

    return Resolver()


@scenario
async def a_resolver(aiohttp: Any, stage: Stage) -> None:
    resolver = _resolver(aiohttp, stage, {"example.org": "127.0.0.1"})
    connector = aiohttp.TCPConnector(resolver=resolver, force_close=True)
    url = stage.url.with_host("example.org") / "get"
    async with aiohttp.ClientSession(connector=connector) as session:
        for number in range(2):
            async with session.get(url) as response:
                stage.saw(f"status {number}", response.status)
        connector.clear_dns_cache()
        async with session.get(url) as response:
            stage.saw("after clearing", response.status)
        connector.clear_dns_cache("example.org", url.port)
        async with session.get(url) as response:
            stage.saw("after clearing one", response.status)
        stage.refuses("half", connector.clear_dns_cache, "example.org")
        await stage.fails("unknown", session.get(url.with_host("example.com")))
        async with session.get(stage.url / "get") as response:
            stage.saw("an address", response.status)


@scenario
async def a_resolver_without_a_cache(aiohttp: Any, stage: Stage) -> None:
    resolver = _resolver(aiohttp, stage, {"example.org": "127.0.0.1"})
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        for number in range(2):
            async with session.get(stage.url.with_host("example.org") / "get") as response:
                stage.saw(f"status {number}", response.status)


@scenario
async def a_resolver_that_answers_nonsense(aiohttp: Any, stage: Stage) -> None:
    resolver = _resolver(aiohttp, stage, {"example.org": "no address"})
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with aiohttp.ClientSession(connector=connector) as session:
        await stage.fails("nonsense", session.get(stage.url.with_host("example.org") / "get"))
