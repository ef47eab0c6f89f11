"""Which failure has which exit status."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

import anyiohttp
from anyiohttp import (
    ClientError,
    ClientResponseError,
    DownloadInterruptedError,
    RequestInfo,
)
from anyiohttp.cli.exit_codes import MEANINGS, ExitCode, exit_code_of, exit_code_of_status

#: Every error of the library by its exit status.
KINDS = {
    ExitCode.FAILURE: {
        "ClientError",
        "DownloadChangedError",
        "DownloadError",
        "DownloadInterruptedError",
        "ContentTypeError",
        "StreamConsumedError",
        "UploadAbortedError",
    },
    ExitCode.USAGE: {
        "DownloadListError",
        "InvalidBodyError",
        "InvalidRequestError",
        "InvalidURL",
        "InvalidUrlClientError",
        "NonHttpUrlClientError",
    },
    ExitCode.NAME: {"ClientConnectorDNSError"},
    ExitCode.CONNECT: {
        "ClientConnectionError",
        "ClientConnectionResetError",
        "ClientConnectorError",
        "ClientOSError",
        "ForeignEventLoopError",
        "ServerConnectionError",
        "ServerDisconnectedError",
        "UnixClientConnectorError",
    },
    ExitCode.TLS: {
        "ClientConnectorCertificateError",
        "ClientConnectorSSLError",
        "ClientSSLError",
        "FingerprintMismatch",
        "ServerFingerprintMismatch",
    },
    ExitCode.TIMEOUT: {
        "ConnectionTimeoutError",
        "DownloadTooSlowError",
        "ServerTimeoutError",
        "SocketTimeoutError",
    },
    ExitCode.PROXY: {"ClientHttpProxyError", "ClientProxyConnectionError"},
    ExitCode.BROKEN: {
        "BodySizeMismatchError",
        "BodyTooLargeError",
        "ClientPayloadError",
        "ContentDecodingError",
        "MalformedResponseError",
    },
    ExitCode.REDIRECT: {
        "BodyNotReplayableError",
        "InvalidUrlRedirectClientError",
        "NonHttpUrlRedirectClientError",
        "RedirectClientError",
        "TooManyRedirects",
    },
    ExitCode.DIGEST: {"DownloadMismatchError"},
    ExitCode.FILE: {"DownloadFileError"},
    ExitCode.REFUSED: {"EventSourceError", "WSServerHandshakeError"},
}


ROWS = [(name, code) for code, names in KINDS.items() for name in sorted(names)]


@pytest.mark.parametrize(("name", "code"), ROWS)
def test_errors(name: str, code: ExitCode) -> None:
    kind = getattr(anyiohttp, name)
    assert issubclass(kind, ClientError)
    assert exit_code_of(kind.__new__(kind)) is code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (TimeoutError(), ExitCode.TIMEOUT),
        (BrokenPipeError(), ExitCode.PIPE),
        (FileNotFoundError(), ExitCode.FILE),
        (ValueError(), ExitCode.USAGE),
        (ZeroDivisionError(), ExitCode.FAILURE),
    ],
)
def test_other_errors(error: BaseException, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def refusal(status: int) -> ClientResponseError:
    request = RequestInfo(URL("http://a/"), "GET", CIMultiDictProxy(CIMultiDict()))
    return ClientResponseError(request, status=status)


def test_a_refusal_has_that_of_its_status() -> None:
    codes = [exit_code_of(refusal(status)) for status in (0, 200, 404, 503)]
    assert codes == [ExitCode.FAILURE, ExitCode.FAILURE, 4, 5]


def test_a_download_that_was_given_up_has_that_of_its_last_failure() -> None:
    error = DownloadInterruptedError("given up")
    error.__cause__ = refusal(503)
    assert exit_code_of(error) is ExitCode.SERVER_STATUS
    assert exit_code_of(DownloadInterruptedError("given up")) is ExitCode.FAILURE


def test_statuses() -> None:
    codes = [exit_code_of_status(status) for status in (101, 200, 304, 404, 499, 500, 599)]
    assert codes == [0, 0, 0, 4, 4, 5, 5]


def test_each_has_a_meaning() -> None:
    assert list(MEANINGS) == list(ExitCode)
    assert len(set(MEANINGS.values())) == len(ExitCode)
