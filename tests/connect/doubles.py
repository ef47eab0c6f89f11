"""Connections that do what the test says, and a dial that makes them."""

from __future__ import annotations

from typing import Any

import anyio

from anyiohttp._connect.key import ConnectionKey
from anyiohttp._net.call import Call
from anyiohttp._net.streams import NetworkStream
from anyiohttp._protocol.base import (
    HTTP_11,
    Body,
    Exchange,
    HTTPConnection,
    HttpVersion,
    RequestHead,
)


class SilentStream(NetworkStream):
    """Carries nothing; only says whether it is encrypted."""

    def __init__(self, *, encrypted: bool) -> None:
        self._encrypted = encrypted

    def receive_nowait(self, max_bytes: int = 0) -> bytes:
        raise anyio.WouldBlock

    async def receive(self, max_bytes: int = 0) -> bytes:
        return await anyio.sleep_forever()

    def try_send(self, data: object) -> bool:
        return True

    async def flush(self) -> None:
        pass

    def abort(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    @property
    def encrypted(self) -> bool:
        return self._encrypted


class ScriptedConnection(HTTPConnection):
    """A connection for tests of the pool: the test plays the exchanges and the peer."""

    def __init__(self, *, places: int = 1, encrypted: bool = False, stuck: bool = False) -> None:
        self.places = places
        self.taken = 0
        self.dead = False  # what a probe will find
        self.probes = 0
        self.aborted = False
        self.said_goodbye = False
        self._stuck = stuck
        self._stream = SilentStream(encrypted=encrypted)

    @property
    def version(self) -> HttpVersion:
        return HTTP_11

    @property
    def capacity(self) -> int:
        return 0 if self.aborted else self.places

    @property
    def in_flight(self) -> int:
        return self.taken

    @property
    def stream(self) -> NetworkStream:
        return self._stream

    def usable(self) -> bool:
        self.probes += 1
        return not self.dead

    def reserve(self) -> None:
        assert self.taken < self.places
        self.taken += 1

    def unreserve(self) -> None:
        self.finish()

    async def exchange(self, head: RequestHead, body: Body, call: Call) -> Exchange:
        self.finish()
        raise ConnectionError("the exchange failed")

    def finish(self) -> None:
        """An exchange, or a place that was not used, has ended."""
        self.taken -= 1
        self.tell()

    def tell(self) -> None:
        """Tell the pool of a change."""
        if self.on_change is not None:
            self.on_change(self)

    def abort(self) -> None:
        self.aborted = True
        self.tell()

    async def aclose(self) -> None:
        if self._stuck:
            await anyio.sleep_forever()
        self.said_goodbye = True
        self.abort()


class Dials:
    """Makes connections; counts them, and can be made to wait or to fail."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.made: list[ScriptedConnection] = []
        self.under_way = 0
        self.gate: anyio.Event | None = None
        self.error: Exception | None = None

    async def __call__(self, key: ConnectionKey, call: Call) -> HTTPConnection:
        self.under_way += 1
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.under_way -= 1
        connection = ScriptedConnection(**self.settings)
        self.made.append(connection)
        return connection
