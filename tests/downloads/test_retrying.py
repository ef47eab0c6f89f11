"""Which failures are borne, how often, and how long the pauses are."""

from __future__ import annotations

import errno
import ssl

import pytest
from multidict import CIMultiDict
from yarl import URL

import anyiohttp
from anyiohttp import RequestInfo, Retries
from anyiohttp.downloads.retrying import Patience, retry_after, will_pass

INFO = RequestInfo(URL("http://example.org/"), "GET", CIMultiDict())  # type: ignore[arg-type]


class Key:
    host, port, is_ssl, ssl = "example.org", 80, False, True


def status(number: int) -> anyiohttp.ClientResponseError:
    return anyiohttp.ClientResponseError(INFO, status=number)


REFUSED = anyiohttp.ClientConnectorError(Key(), OSError(errno.ECONNREFUSED, "refused"))
BROKEN = anyiohttp.ClientPayloadError("broke off")


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (BROKEN, True),
        (anyiohttp.ServerDisconnectedError(), True),
        (anyiohttp.ClientConnectionResetError(errno.ECONNRESET, "reset"), True),
        (anyiohttp.SocketTimeoutError(), True),
        (anyiohttp.ConnectionTimeoutError(), True),
        (REFUSED, True),
        *[(status(number), True) for number in (408, 425, 429, 500, 502, 503, 504)],
        *[(status(number), False) for number in (400, 401, 403, 404, 410, 416, 501)],
        (anyiohttp.ContentDecodingError("bad gzip"), False),
        (anyiohttp.BodyTooLargeError("too large"), False),
        (anyiohttp.ClientConnectorSSLError(Key(), ssl.SSLError(1, "tls")), False),
        (anyiohttp.ServerFingerprintMismatch(b"", b"", "h", 1), False),
        (anyiohttp.ForeignEventLoopError("loop"), False),
        (anyiohttp.MalformedResponseError(INFO, status=500), False),
        (anyiohttp.TooManyRedirects(INFO), False),
        (anyiohttp.InvalidURL("x"), False),
        (anyiohttp.DownloadFileError(errno.ENOSPC, "full"), False),
        (anyiohttp.DownloadTooSlowError("slow"), False),
        (RuntimeError("a mistake"), False),
    ],
)
def test_which_failures_pass(error: Exception, passes: bool) -> None:
    assert will_pass(error) is passes
    patience = Patience(Retries())
    patience.answered()
    assert (patience.failed(error, None) is not None) is passes


def test_pauses_grow_and_end() -> None:
    patience = Patience(Retries(attempts=7, backoff=0.5, max_backoff=10))
    pauses = [patience.failed(BROKEN, None) for _ in range(9)]
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, None, None]


def test_what_comes_on_the_way_counts() -> None:
    patience = Patience(Retries(attempts=2, backoff=1, progress=100))
    for _ in range(50):  # without end, as long as enough comes
        patience.received(100)
        assert patience.failed(BROKEN, None) == 0
    patience.received(99)
    assert patience.failed(BROKEN, None) == 1
    assert patience.failed(BROKEN, None) == 2
    assert patience.failed(BROKEN, None) is None
    patience.renew()
    assert patience.failed(BROKEN, None) == 1


def test_no_retries() -> None:
    assert Patience(Retries(attempts=0)).failed(BROKEN, None) is None


def test_what_never_was_there_is_not_waited_for() -> None:
    lookup = anyiohttp.ClientConnectorDNSError(Key(), OSError(errno.ENOENT, "no such name"))
    for error in (REFUSED, lookup):
        patience = Patience(Retries(backoff=1))
        assert patience.failed(error, None) is None
        patience.answered()
        assert patience.failed(error, None) == 1


@pytest.mark.parametrize(("wait", "pause"), [(0, 0), (7, 7), (300, 300), (301, None)])
def test_as_long_as_the_server_asks(wait: float, pause: float | None) -> None:
    assert Patience(Retries()).failed(status(503), wait) == pause


def test_after_progress_the_server_is_asked_too() -> None:
    patience = Patience(Retries(progress=1))
    patience.received(1)
    assert patience.failed(status(503), 7) == 7


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 5 ", 5),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:30 -0000", 30),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("9" * 30, 9_999_999_999),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, 1445412480.0) == seconds
    assert retry_after({}, 0) is None


@pytest.mark.parametrize("bad", [{"attempts": -1}, {"backoff": -1}, {"max_retry_after": -1}])
def test_what_is_no_patience(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="below 0"):
        Retries(**bad)
