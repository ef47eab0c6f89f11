"""Whether to try again, and when. Pure; the time is told.

Knows: which failures pass, ``Retry-After``, back-off.
Must not know: how anything is tried.
Called by: ``task``, ``transfer``; `Retries` is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from multidict import MultiMapping

from ..exceptions import (
    BodyTooLargeError,
    ClientConnectionError,
    ClientConnectorError,
    ClientPayloadError,
    ClientResponseError,
    ClientSSLError,
    ContentDecodingError,
    ForeignEventLoopError,
    MalformedResponseError,
    ServerFingerprintMismatch,
)

__all__ = ("Patience", "Retries", "retry_after", "will_pass")

#: Statuses that may be another the next time.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

#: They stay as they are, though their kind may pass.
_LASTING = (
    BodyTooLargeError,
    ClientSSLError,
    ContentDecodingError,
    ForeignEventLoopError,
    ServerFingerprintMismatch,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How patiently a download goes on after failures.

    Args:
        attempts: how many failures in a row are borne, with nothing new between them; with 0 the
            first failure ends it.
        backoff: seconds before the next try after the first of them; twice as long each time.
        max_backoff: seconds at most.
        max_retry_after: the longest ``Retry-After``, in seconds, that is waited for; after a longer
            one the download fails.

    A failure after at least ``progress`` new bytes is followed by a try at once, and the counting
    begins anew.
    """

    attempts: int = 5
    backoff: float = 0.5
    max_backoff: float = 30.0
    max_retry_after: float = 300.0
    progress: int = 64 * 1024

    def __post_init__(self) -> None:
        if self.attempts < 0 or min(self.backoff, self.max_backoff, self.max_retry_after) < 0:
            raise ValueError(f"what is counted in retries is not below 0: {self!r}")


class Patience:
    """How much of it is left.

    Args:
        retries: how much there is.
    """

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._answered = False
        self._in_row = 0
        self._since = 0

    def answered(self) -> None:
        """Note that there was an answer, of any kind."""
        self._answered = True

    def received(self, count: int) -> None:
        """Note that ``count`` new bytes have come."""
        self._since += count
        if self._in_row and self._since >= self._retries.progress:
            self._in_row = 0

    def renew(self) -> None:
        """Begin to count anew: somebody else is asked from now on."""
        self._in_row = self._since = 0

    def is_final(self, error: Exception) -> bool:
        """Return whether it is of no use to try again after a failure, however patiently."""
        # A name that is unknown, a port where nobody listens: not a moment's trouble, unless it
        # has worked before.
        return not will_pass(error) or (
            isinstance(error, ClientConnectorError) and not self._answered
        )

    def failed(self, error: Exception, wait: float | None) -> float | None:
        """Note a failure; return how many seconds to wait before the next try.

        Args:
            error: the failure.
            wait: what ``Retry-After`` said, in seconds.

        Returns:
            The seconds; ``None``: do not try again.
        """
        if self.is_final(error) or not self._retries.attempts:
            return None
        retries = self._retries
        came, self._since = self._since, 0
        if came >= retries.progress:
            self._in_row = 0
            return wait if wait is not None and wait <= retries.max_retry_after else 0.0
        self._in_row += 1
        if self._in_row > retries.attempts:
            return None
        if wait is not None:
            return wait if wait <= retries.max_retry_after else None
        return float(min(retries.backoff * 2 ** min(self._in_row - 1, 30), retries.max_backoff))


def will_pass(error: Exception) -> bool:
    """Return whether a failure may be gone the next time."""
    if isinstance(error, _LASTING):
        return False
    if isinstance(error, ClientResponseError):
        return error.status in _PASSING and not isinstance(error, MalformedResponseError)
    return isinstance(error, ClientConnectionError | ClientPayloadError)


def retry_after(headers: Mapping[str, str] | MultiMapping[str], now: float) -> float | None:
    """Return how many seconds ``Retry-After`` (RFC 9110 10.2.3) asks to wait.

    Args:
        headers: of the response.
        now: in seconds since 1970.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
