"""The exit status: which kind of failure has which number.

Knows: the public errors, and statuses.
Must not know: how a command failed.
Called by: `running`; the help lists the table.
"""

from __future__ import annotations

from enum import IntEnum

from .. import (
    BodyNotReplayableError,
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientProxyConnectionError,
    ClientResponseError,
    ClientSSLError,
    DownloadFileError,
    DownloadInterruptedError,
    DownloadListError,
    DownloadMismatchError,
    DownloadTooSlowError,
    EventSourceError,
    InvalidRequestError,
    InvalidURL,
    MalformedResponseError,
    NonHttpUrlClientError,
    RedirectClientError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
    ServerTimeoutError,
    TooManyRedirects,
    WSServerHandshakeError,
)

__all__ = ("MEANINGS", "ExitCode", "exit_code_of", "exit_code_of_status")


class ExitCode(IntEnum):
    """The exit statuses."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NAME = 3
    CLIENT_STATUS = 4
    SERVER_STATUS = 5
    CONNECT = 6
    TLS = 7
    TIMEOUT = 8
    PROXY = 9
    BROKEN = 10
    REDIRECT = 11
    DIGEST = 12
    FILE = 13
    REFUSED = 14
    INTERRUPTED = 130
    PIPE = 141


#: What each of them means.
MEANINGS = {
    ExitCode.OK: "done; the answer's status is below 400",
    ExitCode.FAILURE: "a failure that has no number of its own",
    ExitCode.USAGE: "the command line, the URL or the request is not valid; nothing was sent",
    ExitCode.NAME: "the host's name was not found",
    ExitCode.CLIENT_STATUS: "the server answered 400 to 499",
    ExitCode.SERVER_STATUS: "the server answered 500 or more",
    ExitCode.CONNECT: "no connection: refused, unreachable, or lost before an answer came",
    ExitCode.TLS: "TLS failed: the certificate, the pin or the handshake",
    ExitCode.TIMEOUT: "a time limit ran out",
    ExitCode.PROXY: "the proxy could not be reached, or refused",
    ExitCode.BROKEN: "the answer is damaged or broke off, or a WebSocket was closed for a failure",
    ExitCode.REDIRECT: "too many redirects, or one that leads nowhere",
    ExitCode.DIGEST: "a download is not what its digest or size says",
    ExitCode.FILE: "a file could not be read or written",
    ExitCode.REFUSED: "the server did not accept the WebSocket or the stream of events",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.PIPE: "whoever read the output has gone",
}

#: The first that fits counts.
_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (DownloadMismatchError, ExitCode.DIGEST),
    (DownloadFileError, ExitCode.FILE),
    (DownloadListError, ExitCode.USAGE),
    (DownloadTooSlowError, ExitCode.TIMEOUT),
    (ServerTimeoutError, ExitCode.TIMEOUT),
    (ClientConnectorDNSError, ExitCode.NAME),
    (ClientProxyConnectionError, ExitCode.PROXY),
    (ClientHttpProxyError, ExitCode.PROXY),
    (ServerFingerprintMismatch, ExitCode.TLS),
    (ClientSSLError, ExitCode.TLS),
    (TooManyRedirects, ExitCode.REDIRECT),
    (RedirectClientError, ExitCode.REDIRECT),
    (MalformedResponseError, ExitCode.BROKEN),
    (WSServerHandshakeError, ExitCode.REFUSED),
    (EventSourceError, ExitCode.REFUSED),
    (ServerDisconnectedError, ExitCode.CONNECT),
    (ClientConnectionError, ExitCode.CONNECT),
    (BodyNotReplayableError, ExitCode.REDIRECT),
    (ClientPayloadError, ExitCode.BROKEN),
    (InvalidRequestError, ExitCode.USAGE),
    (InvalidURL, ExitCode.USAGE),
    (NonHttpUrlClientError, ExitCode.USAGE),
    (ClientError, ExitCode.FAILURE),
    (TimeoutError, ExitCode.TIMEOUT),
    (BrokenPipeError, ExitCode.PIPE),
    (OSError, ExitCode.FILE),
    (ValueError, ExitCode.USAGE),
)


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit status for an error.

    A refusal has that of its status, and a download that was given up that of its last failure.
    """
    if type(error) is ClientResponseError and error.status:
        return exit_code_of_status(error.status) or ExitCode.FAILURE
    if type(error) is DownloadInterruptedError and error.__cause__ is not None:
        return exit_code_of(error.__cause__)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILURE


def exit_code_of_status(status: int) -> ExitCode:
    """Return the exit status for the status of a response."""
    if status < 400:
        return ExitCode.OK
    return ExitCode.CLIENT_STATUS if status < 500 else ExitCode.SERVER_STATUS
