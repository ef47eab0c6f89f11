"""One request's view of the stream: sending, hearing, and whether anything was heard.

Knows: the stream, the call's limits, the parser that is fed with what is heard.
Must not know: how bodies are framed, what the response means.
Called by: ``connection`` and ``upload``, until the final head is there.

Whether a request may be sent again turns on one fact, noted here on the error itself: whether not
a byte of a response was seen (`ClientConnectionError.unanswered`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import anyio

from ..._net.call import Call
from ..._net.deadlines import Phase
from ..._net.streams import NetworkStream
from ..._net.transfer import flush, receive, receive_nowait, send, send_nowait, send_soon
from ...exceptions import (
    ClientConnectionError,
    ClientError,
    ServerDisconnectedError,
    ServerTimeoutError,
)
from .parsing import ParseError, ResponseParser

__all__ = ("Sending", "Wire")

#: How long ``100 Continue`` is waited for. RFC 9110 10.1.1: not indefinitely; curl's choice.
CONTINUE_TIMEOUT = 1.0


class Sending(Protocol):
    """A body that is sent by another task, as those see it who listen meanwhile (`OwnedUpload`).

    Attributes:
        on_failure: called, synchronously, when the body has failed and can never be finished.
    """

    on_failure: Callable[[], None] | None

    @property
    def under_way(self) -> bool:
        """Whether the task has not ended yet."""
        ...

    @property
    def sent(self) -> bool:
        """Whether all of the body was sent."""
        ...

    @property
    def error(self) -> Exception | None:
        """What makes the whole exchange fail: of the body itself, or a limit that ran out."""
        ...

    @property
    def failure(self) -> Exception | None:
        """What ended it early; ``None`` if it was sent, is under way, or was stopped."""
        ...

    def cancel(self) -> None:
        """Have the sending end soon, without waiting for it."""
        ...

    async def stop(self) -> None:
        """End the sending, and see it end: the body may be closed, or sent again."""
        ...

    async def hear(self) -> bytes | None:
        """Wait for bytes of the response while the body is being sent.

        Returns:
            What has come, ``b""`` at the end of the stream; ``None`` if the sending has ended
            meanwhile, so that other limits apply from now on.

        Raises:
            ClientConnectionError: the connection failed, or the total ran out.
        """
        ...


class Wire:
    """The stream, for the time between a request's first byte and the final head's last.

    Args:
        stream: carries the exchange.
        call: whose limits apply.
        parser: is fed with what is heard.

    Attributes:
        used: whether sending began, so that the connection is no longer as it was.
        failure: what `say_nowait` failed with.
        upload: sends the body, if a task other than the caller's does.
    """

    used = False
    upload: Sending | None = None
    failure: ClientConnectionError | None = None

    def __init__(self, stream: NetworkStream, call: Call, parser: ResponseParser) -> None:
        self.stream = stream
        self.call = call
        self.parser = parser

    @property
    def answered(self) -> bool:
        """Whether the final head is there."""
        return self.parser.head is not None

    async def say(self, data: bytes) -> bool:
        """Send all of ``data`` while nobody hears.

        Returns:
            Whether it went. If not, the connection failed, but the final response had arrived
            before (a refusal followed by a reset, for example).

        Raises:
            ClientConnectionError: the connection failed, or a limit ran out.
        """
        return self.say_nowait(data) or await self.say_rest()

    def say_nowait(self, data: bytes) -> bool:
        """Send as much of ``data`` as takes no waiting; return whether that was all.

        If not, `say_rest` goes on, also where it failed.
        """
        self.used = True
        try:
            return send_nowait(self.stream, data, self.call)
        except ClientConnectionError as exc:
            self.failure = exc
            return False

    def say_soon(self, data: bytes) -> bool:
        """Send ``data`` at the end of the event loop's turn; for who calls `receive` next.

        That raises `SendStalled` if not all went; `say_rest` goes on then, as after ``False``.
        """
        self.used = True
        try:
            return send_soon(self.stream, data, self.call)
        except ClientConnectionError as exc:
            self.failure = exc
            return False

    async def say_rest(self) -> bool:
        """Send what `say_nowait` could not. Returns and raises as `say`."""
        try:
            if self.failure is not None:
                raise self.failure
            await flush(self.stream, self.call)
        except ClientConnectionError as exc:
            self.raise_unless_answered(exc)
            return False
        return True

    async def send(self, data: bytes) -> None:
        """Send all of ``data``, whoever hears.

        Raises:
            ClientConnectionError: the connection failed, or a limit ran out. Give it to
                `raise_unless_answered` once nobody hears any more.
        """
        self.used = True
        await send(self.stream, data, self.call)

    async def flush(self) -> None:
        """Send what `say_nowait` could not.

        Raises: as `send`.
        """
        await flush(self.stream, self.call)

    def raise_unless_answered(self, failure: Exception) -> None:
        """Raise what the exchange failed with, unless the final response has arrived all the same.

        Nobody may be hearing: bytes would be taken out of turn.
        """
        if not self.answered and isinstance(failure, ClientConnectionError):
            self._hear_what_has_arrived()
        if self.answered:
            return
        if isinstance(failure, ClientConnectionError):
            timed_out = isinstance(failure, ServerTimeoutError)
            failure.unanswered = not (self.parser.started or timed_out)
        raise failure

    async def hear(self, phase: Phase = Phase.SOCK_READ) -> None:
        """Wait for bytes and feed the parser.

        Raises:
            ClientConnectionError: the connection failed or ended, or a limit ran out.
            ParseError: what came is not a response.

        A cancellation loses nothing that has arrived.
        """
        try:
            data = await receive(self.stream, self.call, phase)
        except ClientConnectionError as exc:
            self.failed(exc)
            raise
        self.heard(data)

    def heard(self, data: bytes) -> None:
        """Feed the parser with what `receive` has returned. Raises as `hear`."""
        parser = self.parser
        if not data:
            seen = "in the middle of a response's head" if parser.started else "without a word"
            failure = ServerDisconnectedError(f"{self.call.host} closed the connection {seen}")
            self.failed(failure)
            raise failure
        parser.feed(data)

    def raise_if_unasked(self) -> None:
        """Refuse what the peer has said before anything of the request went to it.

        Raises:
            ServerDisconnectedError: it has.
        """
        if self.stream.held:
            failure = ServerDisconnectedError(f"{self.call.host} spoke before it was asked")
            self.failed(failure)
            raise failure

    def failed(self, failure: ClientConnectionError) -> None:
        """Note on a failure whether it came before any byte of a response."""
        if not isinstance(failure, ServerTimeoutError):
            failure.unanswered = not self.parser.started

    async def await_continue(self) -> None:
        """Wait for 100, for a final response, or until a bounded time is over."""
        parser = self.parser
        with anyio.move_on_after(CONTINUE_TIMEOUT):
            while parser.head is None and not parser.continued:
                await self.hear(Phase.TOTAL)

    def _hear_what_has_arrived(self) -> None:
        try:
            while not self.answered and (data := receive_nowait(self.stream, self.call)):
                self.parser.feed(data)
        except (ClientError, ParseError):
            pass  # what failed before is what will be reported
