"""One request of a download: made, judged, and held as long as its body is read.

Knows: the session, which fields ask for what, how many connections a host may have.
Must not know: files, which part is needed when.
Called by: ``task``, ``transfer``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import anyio
from yarl import URL

from .. import ClientResponse, ClientSession
from ..exceptions import ClientResponseError
from .options import Job
from .ranges import Answer, Asked, judge
from .sources import Source

__all__ = ("HostSlots", "Opened", "Requests", "refusal")


class HostSlots:
    """How many connections each host may have; shared by the downloads of a batch.

    Args:
        per_host: how many; ``None``: any number.
    """

    def __init__(self, per_host: int | None = None) -> None:
        self._per_host = per_host
        self._hosts: dict[tuple[str | None, int | None], anyio.CapacityLimiter] = {}

    async def acquire(self, url: URL) -> Slot:
        """Wait until the host may have one more. Cancelled, nothing is held."""
        if self._per_host is None:
            return Slot(None)
        limiter = self._hosts.setdefault(
            (url.host, url.port), anyio.CapacityLimiter(self._per_host)
        )
        slot = Slot(limiter)
        await limiter.acquire_on_behalf_of(slot)
        return slot


class Slot:
    """Leave to have one connection.

    Args:
        limiter: gave it, if there is one.
    """

    __slots__ = ("_limiter",)

    def __init__(self, limiter: anyio.CapacityLimiter | None) -> None:
        self._limiter = limiter

    def release(self) -> None:
        """Give it back; safe to call again."""
        limiter, self._limiter = self._limiter, None
        if limiter is not None:
            limiter.release_on_behalf_of(self)


class Opened:
    """A response whose body is to be read.

    Args:
        response: the response.
        answer: what it is.
        asked: what was asked for.
        source: who was asked.
        slot: is given back with it.
    """

    def __init__(
        self, response: ClientResponse, answer: Answer, asked: Asked, source: Source, slot: Slot
    ) -> None:
        self.response = response
        self.answer = answer
        self.asked = asked
        self.source = source
        self._slot = slot
        self._closed = False

    def close(self) -> None:
        """End it; safe to call again. The connection is kept if all has been read."""
        if not self._closed:
            self._closed = True
            self.response.release()
            self._slot.release()


class Requests:
    """Makes the requests of one download.

    Args:
        session: makes them.
        job: says how.
        hosts: say how many at a time.

    Attributes:
        latency: seconds, at best, from a request to the head of its response.
    """

    def __init__(self, session: ClientSession, job: Job, hosts: HostSlots) -> None:
        self.latency = math.inf
        self._session = session
        self._job = job
        self._hosts = hosts

    async def open(
        self, source: Source, asked: Asked, more: Mapping[str, str] | None = None
    ) -> Opened:
        """Ask for a part of the file, or for all of it.

        Args:
            source: whom.
            asked: what for.
            more: fields to send with it.

        Raises as `ClientSession.get`; cancelled, nothing is held.
        """
        headers = self._job.headers.copy()
        headers.update(asked.headers())
        headers.update(more or {})
        if asked.ranged or "Accept-Encoding" not in headers:
            headers["Accept-Encoding"] = "identity"  # ranges and sizes are those of the file itself
        request = self._job.request.copy()
        request["headers"] = headers
        request["raise_for_status"] = False
        slot = await self._hosts.acquire(source.url)
        began = time.monotonic()
        try:
            response = await self._session.get(source.url, **request)
        except BaseException:
            slot.release()
            raise
        self.latency = min(self.latency, time.monotonic() - began)
        answer = judge(asked, response.status, response.headers)
        return Opened(response, answer, asked, source, slot)


def refusal(response: ClientResponse) -> ClientResponseError:
    """Make the error for a response that is none of what was asked for."""
    return ClientResponseError(
        response.request_info,
        response.history,
        status=response.status,
        message=response.reason or "",
        headers=response.headers,
    )
