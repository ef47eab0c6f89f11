"""What ``--offline`` prints is, byte for byte, what goes out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import pytest

from anyiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from anyiohttp.cli.main import main
from anyiohttp.cli.wire import request_lines
from anyiohttp.testing import MemoryNetwork, Peer

CASES: list[tuple[str, dict[str, object]]] = [
    ("GET", {}),
    ("GET", {"params": {"q": "a b"}, "headers": {"X-A": "b", "User-Agent": ""}}),
    ("HEAD", {}),
    ("OPTIONS", {"headers": {"Host": "other"}}),
    ("POST", {}),
    ("POST", {"data": b"abc"}),
    ("PUT", {"data": {"a": "b"}}),
    ("PATCH", {"json": {"a": 1}, "headers": {"Content-Length": "8"}}),
    ("POST", {"data": b"abc", "chunked": True}),
    ("POST", {"data": b"abc", "expect100": True}),
    ("DELETE", {"cookies": {"a": "b"}, "skip_auto_headers": ["Accept"]}),
    ("GET", {"proxy": "http://proxy.example:3128"}),
]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(("method", "arguments"), CASES)
def test_lines_are_those_sent(method: str, arguments: dict[str, object], backend: str) -> None:
    sent, told = anyio.run(partial(_sent_and_told, method, arguments), backend=backend)
    assert "\r\n".join([*told, "", ""]).encode() == sent


async def _sent_and_told(method: str, arguments: dict[str, object]) -> tuple[bytes, list[str]]:
    heads: list[bytes] = []
    told: list[str] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.receive_head())
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def tell(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        told.extend(request_lines(request))  # by now the connector has had its say
        return response

    async with MemoryNetwork() as network:
        listener = network.listen("example.org", 8000, script)
        network.listen("proxy.example", 3128, script)
        async with ClientSession(connector=network.connector()) as session:
            request = session.request(method, listener.url / "a", middlewares=[tell], **arguments)  # type: ignore[arg-type]
            (await request).release()
    return heads[0], told


def test_offline(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "f").write_bytes(b"\x00\xff")
    url = "https://nobody.invalid/a?b"

    def offline(*arguments: str) -> bytes:
        assert main([*arguments, "--offline"]) == 0
        return capfdbinary.readouterr().out

    head, _, body = offline("post", url, "c==d", "X-A:b", "e=f", "-a", "u:p").partition(b"\n\n")
    assert head.startswith(b"POST /a?b&c=d HTTP/1.1\nHost: nobody.invalid\nX-A: b\n")
    assert b"\nAuthorization: Basic dTpw\n" in head
    assert head.endswith(b"\nContent-Length: 10")
    assert body == b'{"e": "f"}'
    assert offline("put", url, f"@{tmp_path / 'f'}").endswith(b"Content-Length: 2\n\n\x00\xff")
    head = offline("get", url, "Accept:", "User-Agent;", "--http", "1.0")
    assert head.startswith(b"GET /a?b HTTP/1.0\n")
    assert b"\nUser-Agent: \n" in head
    assert b"Accept:" not in head
    proxy = ("--proxy", "http://p:3128", "--proxy-auth", "u:p")
    head = offline("get", "http://a.org/b", *proxy)
    assert head.startswith(b"GET http://a.org/b HTTP/1.1\nHost: a.org\n")
    assert b"\nProxy-Authorization: Basic dTpw\n" in head
    assert offline("get", "https://a.org/b", *proxy).startswith(b"GET /b HTTP/1.1\n")
