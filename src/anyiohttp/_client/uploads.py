"""Watching an upload: how far it is, how often it began, how it ended.

Knows: payloads, as something that comes in chunks.
Must not know: where the bytes go.
Called by: `pipeline` wraps a request's body; the user reads `UploadTracker`.
"""

from __future__ import annotations

from collections.abc import Generator

import anyio

from .._message.payloads import CompressedPayload
from .._protocol.base import BodySource, Exchange, InMemory
from ..exceptions import UploadAbortedError

__all__ = ("TrackedBody", "UploadOutcome", "UploadTracker")


class UploadOutcome:
    """How an upload ended; can be asked, and awaited.

    Awaiting it raises what ended the upload, `UploadAbortedError` if it was cut short. A cancelled
    wait changes nothing.
    """

    def __init__(self) -> None:
        self._ended = anyio.Event()
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether the request has come to its end."""
        return self._ended.is_set()

    def exception(self) -> BaseException | None:
        """What ended the upload early; ``None`` if it was sent in full, or is not done."""
        return self._error

    def result(self) -> None:
        """Raise what ended the upload early, if something did.

        Raises:
            RuntimeError: it is not done.
        """
        if not self._ended.is_set():
            raise RuntimeError("the upload is under way")
        if self._error is not None:
            raise self._error

    def settle(self, error: BaseException | None) -> None:
        """Note the end, once."""
        if not self._ended.is_set():
            self._error = error
            self._ended.set()

    def __await__(self) -> Generator[object, None, None]:
        yield from self._ended.wait().__await__()
        if self._error is not None:
            raise self._error


class UploadTracker:
    """Tracks the upload of a single request: pass a fresh one as ``upload_tracker=``.

    Attributes:
        attempts: how often the request was sent out: once more for each resend and redirect.
        bytes_written: bytes of the body's content, before they were compressed, that the current
            attempt has passed on.
        upload_complete: settled when the request has its response, or has failed.
    """

    def __init__(self) -> None:
        self.attempts = 0
        self.bytes_written = 0
        self.upload_complete = UploadOutcome()
        self._bound = False
        self._sent = False
        self._failure: Exception | None = None
        self._handed_over = 0

    def bind(self) -> None:
        """Take the tracker for a request.

        Raises:
            RuntimeError: it tracks another one already.
        """
        if self._bound:
            raise RuntimeError("UploadTracker is already bound to a request")
        self._bound = True

    def begin(self) -> None:
        """Note that an attempt begins."""
        self.attempts += 1
        self.bytes_written = self._handed_over = 0
        self._sent = False
        self._failure = None

    def hand_over(self, count: int) -> None:
        """Note that so many bytes are about to be sent; those before them have been."""
        self.bytes_written += self._handed_over
        self._handed_over = count

    def answered(self, *, sent: bool) -> None:
        """Note that the attempt has its response, and whether the body had been sent."""
        self._sent = sent
        if sent:
            self.hand_over(0)

    async def outlived(self, exchange: Exchange) -> None:
        """Note how an upload has ended that went on beside its response; nothing is awaited."""
        self.answered(sent=exchange.request_sent)
        if exchange.upload_error is not None:
            self.failed(exchange.upload_error)

    def failed(self, error: Exception) -> None:
        """Note that the attempt failed while it had a connection."""
        self._failure = error

    def finish(self, error: BaseException | None) -> None:
        """Note that the request has ended: no further attempt begins.

        What ended it before or after it had a connection was no error of the upload, and a
        cancellation is the caller's own: the outcome is an `UploadAbortedError` then, which has it
        as its cause.

        Args:
            error: what the request failed with; ``None`` if it got its response.
        """
        failure = self._failure
        if error is None and self._sent:
            self.upload_complete.settle(None)
        elif failure is not None and (error is None or error is failure):
            self.upload_complete.settle(failure)
        else:
            aborted = UploadAbortedError("The request body was not fully sent")
            aborted.__cause__ = error
            self.upload_complete.settle(aborted)


class TrackedBody:
    """A request body that tells a tracker how far it is (a `BodySource`).

    Args:
        body: the body.
        tracker: is told.
    """

    def __init__(self, body: BodySource, tracker: UploadTracker) -> None:
        self._body = body
        self._tracker = tracker
        self._seen = 0

    @property
    def size(self) -> int | None:
        """The body's size in bytes, if it is known."""
        return self._body.size

    async def next_chunk(self) -> bytes:
        """Return the body's next chunk; the one before it has been sent by now."""
        self._tracker.hand_over(0)
        body = self._body
        chunk = await body.next_chunk()
        seen = body.taken if isinstance(body, CompressedPayload) else self._seen + len(chunk)
        self._tracker.hand_over(seen - self._seen)
        self._seen = seen
        return chunk

    def take_rest(self) -> bytes | None:
        """Return all that is still to come, if it is in memory."""
        body = self._body
        rest = body.take_rest() if isinstance(body, InMemory) else None
        self._tracker.hand_over(0)
        self._tracker.hand_over(len(rest or b""))
        return rest

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()
