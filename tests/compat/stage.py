"""What a scenario plays on: servers that note what they are asked, and a list of observations."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from tests.certs.authority import Fingerprints
from tests.compat.observations import Observations
from tests.servers import Script, ScriptedPeer, ScriptedServer
from yarl import URL

from anyiohttp.cli.loopback import Handler, LoopbackServer, Request, Response, serve
from anyiohttp.cli.loopback.handlers import ROUTES

__all__ = ("Stage", "Trust", "stage")

#: The fields whose values differ by nature.
_BOUNDARY = re.compile(r'boundary="?([0-9A-Za-z_-]{16,})"?')
_OWN_AGENT = re.compile(r"Python/\S+ aiohttp/\S+|anyiohttp/\S+ Python/\S+")


@dataclass(frozen=True)
class Trust:
    """Certificates for the stage.

    Attributes:
        server: a server's context.
        client: a client's context that trusts it.
        pins: the digests of the server's certificate.
    """

    server: ssl.SSLContext
    client: ssl.SSLContext
    pins: Fingerprints


class Stage:
    """Servers, files and observations of one scenario under one library.

    Attributes:
        server: the loopback server; every request to it is observed.
        url: its plain endpoint, by address.
        local: the same, by the name localhost.
        tls_url: its TLS endpoint, by name.
        proxy_url, tls_proxy_url: the proxy.
        trust: certificates and contexts.
        directory: for files.
    """

    def __init__(self, trust: Trust, directory: Path) -> None:
        self.trust = trust
        self.directory = directory
        self.observations = Observations()
        self.requests = 0
        self._stack = AsyncExitStack()
        self._scripted: list[ScriptedServer] = []

    async def open(self, stack: AsyncExitStack) -> None:
        """Start the servers."""
        self._stack = stack
        routes = {path: partial(self._observed, handler) for path, handler in ROUTES.items()}
        self.server: LoopbackServer = await stack.enter_async_context(
            serve(tls=self.trust.server, unix_path=self.directory / "unix", routes=routes)
        )
        self.url = self.server.url
        self.local = self.server.url.with_host("localhost")
        self.tls_url = self.server.tls_url.with_host("localhost")
        self.proxy_url = self.server.proxy_url
        self.tls_proxy_url = self.server.tls_proxy_url
        for name in ("url", "tls_url", "proxy_url", "tls_proxy_url"):
            self.observations.name_port(getattr(self.server, name).port, name.upper())

    # --- observing ---

    def saw(self, label: str, value: object) -> None:
        """Note an answer."""
        self.observations.add(label, value)

    async def fails(self, label: str, action: Awaitable[Any]) -> None:
        """Note how ``action`` fails, or that it does not."""
        try:
            result = await action
        except Exception as exc:
            self.observations.add_error(label, exc)
        else:
            self.saw(label, "no error")
            if hasattr(result, "release"):
                result.release()

    def refuses(self, label: str, function: Any, *args: Any, **kwargs: Any) -> None:
        """Note how a call fails, or that it does not."""
        try:
            function(*args, **kwargs)
        except Exception as exc:
            self.observations.add_error(label, exc)
        else:
            self.saw(label, "no error")

    async def head_of(self, response: Any) -> None:
        """Note what there is to know of a response without its body."""
        self.saw("status", response.status)
        self.saw("reason", response.reason)
        self.saw("url", response.url)
        self.saw("headers", response.headers)

    # --- servers ---

    async def scripted(self, script: Script, *, name: str = "SCRIPTED", **options: Any) -> URL:
        """Start a server that a script speaks for on each connection, and return its URL."""
        server = ScriptedServer(script, **options)
        self._scripted.append(server)
        self.observations.name_port(server.port, name)
        tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(server.run)
        return server.url.with_path("/")

    async def answering(self, reply: bytes, *, keep: bool = False, **options: Any) -> URL:
        """Start a server that answers each connection's first request with these bytes.

        Args:
            reply: the whole response.
            keep: answer further requests on the connection; otherwise it is closed.
            **options: of `ScriptedServer`.
        """

        async def script(peer: ScriptedPeer) -> None:
            while True:
                head, _ = await peer.receive_request()
                self._note_head(head)
                await peer.send(reply)
                if not keep:
                    return

        return await self.scripted(script, **options)

    def free_port(self, name: str = "FREE") -> int:
        """Return a port of 127.0.0.1 on which nobody listens."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        self.observations.name_port(port, name)
        return port

    def raise_errors(self) -> None:
        """Raise what scripts of servers raised."""
        for server in self._scripted:
            server.raise_errors()

    # --- what servers saw ---

    def _note_head(self, head: bytes) -> None:
        first, *lines = head.decode("latin1").split("\r\n")[:-2]
        fields = [tuple(line.split(": ", 1)) for line in lines]
        self._note(first.rpartition(" ")[0], fields, None)

    async def _observed(self, handler: Handler, request: Request) -> Response:
        body = bytearray()
        receive = request.receive

        async def receive_and_note() -> bytes:
            data = await receive()
            body.extend(data)
            return data

        request.receive = receive_and_note  # type: ignore[method-assign]
        line = f"{request.method} {request.target}"
        number = self._note(line, list(request.headers.items()), request.secure)
        response = await handler(request)
        if body and request.body_ended:
            self._note_body(number, bytes(body), request.headers.get("Content-Type", ""))
        return response

    def _note(self, line: str, fields: list[Any], secure: bool | None) -> int:
        self.requests += 1
        number = self.requests
        self.saw(f"request {number}", line)
        if secure:
            self.saw(f"request {number} came over", "TLS")
        seen: dict[str, list[str]] = {}
        for name, value in fields:
            name = name.lower()
            if name == "accept-encoding":
                # What is offered beyond these depends on what is installed.
                value = value.replace(", br", "").replace(", zstd", "")
            if name == "user-agent" and _OWN_AGENT.fullmatch(value):
                continue
            if match := _BOUNDARY.search(value):
                value = value.replace(match[1], "BOUNDARY")
            if name == "sec-websocket-key":
                value = f"{len(value)} characters"  # by chance
            if name == "cookie":
                # Only cookies of one name have an order (RFC 6265 5.4), which no field here has.
                value = "; ".join(sorted(value.split("; ")))
            seen.setdefault(name, []).append(value)
        for name, values in seen.items():
            self.saw(f"request {number} {name}", values)
        return number

    def _note_body(self, number: int, body: bytes, content_type: str) -> None:
        if match := _BOUNDARY.search(content_type):
            body = body.replace(match[1].encode(), b"BOUNDARY")
        noted: object = body
        if len(body) > 4096:
            noted = {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        self.saw(f"request {number} body", noted)


@asynccontextmanager
async def stage(trust: Trust, directory: Path) -> AsyncIterator[Stage]:
    """Start the servers for one scenario; whatever is open is aborted at the end."""
    it = Stage(trust, directory)
    async with AsyncExitStack() as stack:
        await it.open(stack)
        yield it
    it.raise_errors()
