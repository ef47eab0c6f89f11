"""A file server in memory for the tests of downloads: ranges, validators, faults, and a ledger."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from anyiohttp import ClientSession
from anyiohttp.testing import Faults, Listener, MemoryNetwork, Request, Response

MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"
#: `MODIFIED` in seconds since 1970.
MODIFIED_AT = 1445412480


def content(size: int, seed: int = 1) -> bytes:
    """Bytes of which no part is like another."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Asked:
    """What one request asked for, and what was answered."""

    path: str
    range: str | None
    if_range: str | None
    status: int
    headers: dict[str, str]


@dataclass
class Origin:
    """Answers GET for one file, as a good server does unless it is told otherwise.

    Attributes:
        data: the file.
        etag: its ETag; ``None`` for none.
        modified: its Last-Modified; ``None`` for none.
        ranges: whether ranges are obeyed.
        more: header fields in addition.
        chunked: whether the size is not said.
        before: called with each request; what it returns is answered instead.
        asked: what was asked for, in order.
    """

    data: bytes
    etag: str | None = '"v1"'
    modified: str | None = MODIFIED
    ranges: bool = True
    more: Sequence[tuple[str, str]] = ()
    chunked: bool = False
    before: Callable[[Request], Response | None] | None = None
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        response = self.before(request) if self.before is not None else None
        response = response or self._answer(request)
        headers = request.headers
        self.asked.append(
            Asked(
                request.path,
                headers.get("Range"),
                headers.get("If-Range"),
                response.status,
                dict(headers),
            )
        )
        return response

    def _answer(self, request: Request) -> Response:
        fields = [("Date", "Thu, 22 Oct 2015 07:28:00 GMT"), *self.more]
        if self.etag is not None:
            fields.append(("ETag", self.etag))
        if self.modified is not None:
            fields.append(("Last-Modified", self.modified))
        if self._is_known(request):
            return Response(304, b"", fields)
        asked = request.headers.get("Range")
        validator = request.headers.get("If-Range")
        if asked is None or not self.ranges or validator not in (None, self.etag, self.modified):
            return self._response(200, self.data, fields)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
        assert match is not None
        size = len(self.data)
        start, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if start >= size:
            return Response(416, b"", [*fields, ("Content-Range", f"bytes */{size}")])
        fields.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
        return self._response(206, self.data[start:end], fields)

    def _is_known(self, request: Request) -> bool:
        known = request.headers.get("If-None-Match")
        if known is not None:
            return known == self.etag
        return (
            self.modified is not None and request.headers.get("If-Modified-Since") == self.modified
        )

    def _response(self, status: int, data: bytes, fields: list[tuple[str, str]]) -> Response:
        if not self.chunked:
            return Response(status, data, fields)

        async def write(send: Callable[[bytes], object]) -> None:
            for start in range(0, len(data), 1000):
                await send(data[start : start + 1000])  # type: ignore[misc]

        return Response(status, b"", fields, writer=write)  # type: ignore[arg-type]

    @property
    def ranges_asked(self) -> list[str | None]:
        return [each.range for each in self.asked]


class Stage:
    """A network with an origin at ``example.org``, and a session that reaches it."""

    def __init__(self, origin: Origin, **settings: object) -> None:
        self.origin = origin
        self.network = MemoryNetwork()
        self.listener: Listener
        self.session: ClientSession

    async def __aenter__(self) -> Stage:
        await self.network.__aenter__()
        self.listener = self.network.serve("example.org", self.origin)
        self.session = ClientSession(connector=self.network.connector())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.session.close()
        await self.network.__aexit__(*exc_info)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        return str(self.listener.url / "file.bin")

    def break_off(self, positions: Sequence[int]) -> None:
        """Let connection n end after ``positions[n]`` bytes of the wire; those beyond, not."""

        def plan(number: int) -> Faults:
            return Faults(end_at=positions[number]) if number < len(positions) else Faults()

        self.listener.faults = plan

    def break_off_at_random(self, seed: int, least: int, most: int) -> None:
        """Let each connection end after a random number of bytes, the same for the same seed."""

        def plan(number: int) -> Faults:
            return Faults(end_at=random.Random(seed * 10_007 + number).randint(least, most))

        self.listener.faults = plan
