"""The error tree against aiohttp's, and what errors say, show and survive."""

from __future__ import annotations

import copy
import errno
import inspect
import pickle
import re
import ssl
from dataclasses import dataclass

import aiohttp
import aiohttp.client_exceptions
import pytest
from multidict import CIMultiDict
from yarl import URL

import anyiohttp
from anyiohttp import exceptions


@dataclass(frozen=True)
class Key:
    """Where a connection was to lead."""

    host: str = "example.org"
    port: int | None = 443
    is_ssl: bool = True
    ssl: object = True


@dataclass(frozen=True)
class Info:
    """What was asked for."""

    url: URL
    method: str = "GET"
    headers: CIMultiDict[str] | None = None

    @property
    def real_url(self) -> URL:
        """As it was given."""
        return self.url


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


# --- the tree ---


def _of_aiohttp() -> list[str]:
    module = aiohttp.client_exceptions
    return sorted(
        name
        for name, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Exception) and value.__module__ == module.__name__
    )


@pytest.mark.parametrize("name", [n for n in _of_aiohttp() if n != "WSMessageTypeError"])
def test_names_and_bases_are_aiohttps(name: str) -> None:
    theirs = getattr(aiohttp.client_exceptions, name)
    ours = getattr(exceptions, name)
    assert [base.__name__ for base in ours.__mro__] == [base.__name__ for base in theirs.__mro__]
    assert getattr(anyiohttp, name) is ours
    assert ours.__doc__


def test_every_public_error_is_ours_and_exported() -> None:
    for name in exceptions.__all__:
        error = getattr(exceptions, name)
        assert issubclass(error, exceptions.ClientError) or name == "ClientError"
        assert getattr(anyiohttp, name) is error
        assert name in anyiohttp.__all__


def test_the_docstring_draws_the_whole_tree() -> None:
    drawn = exceptions.__doc__ or ""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = [(-1, "ClientError")]
    for match in re.finditer(r"^(.*)[├└]── (\w+)", drawn, re.MULTILINE):
        depth, name = len(match[1]), match[2]
        while path[-1][0] >= depth:
            path.pop()
        found[name] = path[-1][1]
        path.append((depth, name))
    assert set(found) == set(exceptions.__all__) - {"ClientError", "FingerprintMismatch"}
    for name, parent in found.items():
        assert issubclass(getattr(exceptions, name), getattr(exceptions, parent)), name


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ServerTimeoutError", TimeoutError),
        ("ConnectionTimeoutError", OSError),
        ("ClientOSError", OSError),
        ("ClientConnectionResetError", ConnectionResetError),
        ("ClientConnectorSSLError", ssl.SSLError),
        ("ClientConnectorCertificateError", ssl.CertificateError),
        ("InvalidURL", ValueError),
        ("InvalidRequestError", ValueError),
        ("InvalidBodyError", TypeError),
        ("UnknownCodingError", RuntimeError),
        ("MalformedMultipartError", ValueError),
        ("MalformedMultipartError", RuntimeError),
        ("StreamConsumedError", RuntimeError),
        ("ResponseAbandonedError", RuntimeError),
        ("WSMessageTypeError", TypeError),
        ("DownloadFileError", OSError),
        ("DownloadTooSlowError", TimeoutError),
        ("DownloadListError", ValueError),
        ("BodyNotReplayableError", exceptions.ClientPayloadError),
        ("ContentDecodingError", exceptions.ClientPayloadError),
        ("MalformedResponseError", exceptions.ClientResponseError),
    ],
)
def test_second_bases(name: str, base: type[Exception]) -> None:
    assert issubclass(getattr(exceptions, name), base)


def test_the_mismatch_has_two_names() -> None:
    assert anyiohttp.FingerprintMismatch is anyiohttp.ServerFingerprintMismatch


# --- what they hold, say, survive ---


def _samples() -> dict[str, exceptions.ClientError]:
    key, info = Key(), Info(URL("https://user:secret@example.org/path"))
    certificate = ssl.SSLCertVerificationError(1, "verify failed")
    samples: list[exceptions.ClientError] = [
        exceptions.ClientError("text"),
        exceptions.ClientConnectionError("text"),
        exceptions.ClientConnectionResetError(errno.ECONNRESET, "reset"),
        exceptions.ClientOSError(errno.EPIPE, "broken"),
        exceptions.ForeignEventLoopError("another loop"),
        exceptions.ServerConnectionError("text"),
        exceptions.ServerDisconnectedError(),
        exceptions.ServerTimeoutError("late", phase="total", host="example.org:443", seconds=1.5),
        exceptions.ConnectionTimeoutError("late", phase="pool", host="a:1", seconds=2),
        exceptions.SocketTimeoutError("late", phase="send", host="a:1", seconds=2),
        exceptions.ServerFingerprintMismatch(b"\x01\xff", b"\x02\xfe", "example.org", 443),
        exceptions.ClientPayloadError("text"),
        exceptions.ContentDecodingError("text"),
        exceptions.BodyTooLargeError("text"),
        exceptions.ResponseAbandonedError.of("example.org:443"),
        exceptions.BodySizeMismatchError("text"),
        exceptions.MalformedMultipartError("text"),
        exceptions.BodyNotReplayableError("text"),
        exceptions.StreamConsumedError("text"),
        exceptions.UploadAbortedError("text"),
        exceptions.RequestBodyError("text"),
        exceptions.WebSocketError(1002, "text"),
        exceptions.WSMessageTypeError("text"),
        exceptions.InvalidRequestError("text"),
        exceptions.InvalidBodyError("text"),
        exceptions.UnknownCodingError("text"),
        exceptions.InvalidURL("http://user:secret@[", "no host"),
        exceptions.InvalidUrlClientError(URL("http://user:secret@example.org/")),
        exceptions.InvalidUrlRedirectClientError("http://user:secret@/", "no host"),
        exceptions.RedirectClientError("text"),
        exceptions.NonHttpUrlClientError(URL("ftp://user:secret@example.org/")),
        exceptions.NonHttpUrlRedirectClientError("ftp://user:secret@example.org/"),
        exceptions.UnixClientConnectorError("/run/x", key, REFUSED),
        exceptions.DownloadError("text"),
        exceptions.DownloadFileError(errno.ENOSPC, "No space left on device", "/x/y"),
        exceptions.DownloadInterruptedError("broke off", 17),
        exceptions.DownloadTooSlowError("too slow", 17),
        exceptions.DownloadChangedError("text"),
        exceptions.DownloadMismatchError("text"),
        exceptions.DownloadListError("text"),
        exceptions.ClientSocksProxyError(key, REFUSED, URL("socks5://p.example"), 5),
    ]
    connector_errors = (
        exceptions.ClientConnectorError,
        exceptions.ClientConnectorDNSError,
        exceptions.ClientProxyConnectionError,
        exceptions.ClientSSLError,
        exceptions.ClientConnectorSSLError,
    )
    samples += [error(key, REFUSED) for error in connector_errors]
    samples.append(exceptions.ClientConnectorCertificateError(key, certificate))
    for response_error in (
        exceptions.ClientResponseError,
        exceptions.ContentTypeError,
        exceptions.ClientHttpProxyError,
        exceptions.TooManyRedirects,
        exceptions.MalformedResponseError,
        exceptions.EventSourceError,
        exceptions.WSServerHandshakeError,
    ):
        headers = CIMultiDict({"X": "y"})
        samples.append(response_error(info, (), status=418, message="teapot", headers=headers))
    return {type(sample).__name__: sample for sample in samples}


SAMPLES = _samples()


def test_the_samples_are_complete() -> None:
    assert set(SAMPLES) == set(exceptions.__all__) - {"FingerprintMismatch"}


def _held(error: BaseException) -> dict[str, str]:
    """Everything an error shows by its public attributes; errors are compared by what they show."""
    values = {name: getattr(error, name, None) for name in dir(error) if not name.startswith("_")}
    return {name: repr(value) for name, value in values.items() if not callable(value)}


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", SAMPLES)
def test_errors_survive_pickling(name: str, protocol: int) -> None:
    error = SAMPLES[name]
    twin = pickle.loads(pickle.dumps(error, protocol))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert _held(twin) == _held(error)


@pytest.mark.parametrize("name", SAMPLES)
def test_errors_survive_copying(name: str) -> None:
    error = SAMPLES[name]
    for twin in (copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert _held(twin) == _held(error)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_message_shows_a_password(name: str) -> None:
    error = SAMPLES[name]
    assert "secret" not in str(error)
    assert "secret" not in repr(error)
    assert str(error)


@pytest.mark.parametrize(
    "name",
    ["ClientConnectorError", "ClientConnectorDNSError", "ClientProxyConnectionError"],
)
def test_connector_errors_say_what_aiohttps_say(name: str) -> None:
    theirs = getattr(aiohttp, name)(Key(), REFUSED)
    ours = SAMPLES[name]
    assert isinstance(ours, exceptions.ClientConnectorError)
    assert str(ours) == str(theirs)
    for attribute in ("host", "port", "ssl", "os_error", "errno", "strerror", "args"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute


def test_connector_errors_of_special_kinds() -> None:
    unix = SAMPLES["UnixClientConnectorError"]
    assert isinstance(unix, exceptions.UnixClientConnectorError)
    assert unix.path == "/run/x"
    theirs = aiohttp.client_exceptions.UnixClientConnectorError("/run/x", Key(), REFUSED)  # type: ignore[arg-type]
    assert str(unix) == str(theirs)
    certificate = SAMPLES["ClientConnectorCertificateError"]
    assert isinstance(certificate, exceptions.ClientConnectorCertificateError)
    assert isinstance(certificate.certificate_error, ssl.SSLCertVerificationError)
    assert "verify failed" in str(certificate)
    assert (certificate.host, certificate.port) == ("example.org", 443)
    plain = exceptions.ClientConnectorCertificateError(Key(), ValueError("odd"))
    assert "odd" in str(plain)


def test_response_errors_say_what_aiohttps_say() -> None:
    info = Info(URL("http://example.org/#x"))
    ours = exceptions.ClientResponseError(info, (), status=404, message="Not Found")  # type: ignore[arg-type]
    theirs = aiohttp.ClientResponseError(info, (), status=404, message="Not Found")  # type: ignore[arg-type]
    assert str(ours) == str(theirs)
    for attribute in ("request_info", "history", "status", "message", "headers", "args"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    assert repr(ours) == f"ClientResponseError({ours})"


def test_url_errors_say_what_aiohttps_say() -> None:
    for args in (("http://[",), ("http://[", "no host"), (URL("//x"), "no scheme")):
        ours, theirs = exceptions.InvalidURL(*args), aiohttp.InvalidURL(*args)  # type: ignore[arg-type]
        assert str(ours) == str(theirs)
        assert repr(ours) == repr(theirs)
        assert (ours.url, ours.description) == (theirs.url, theirs.description)
    assert str(exceptions.InvalidURL("a@b")) == "***@b"  # that may have been a token


def test_disconnection() -> None:
    assert exceptions.ServerDisconnectedError().message == "Server disconnected"
    assert exceptions.ServerDisconnectedError("gone").message == "gone"


def test_a_timeout_says_phase_host_and_seconds() -> None:
    error = SAMPLES["ServerTimeoutError"]
    assert isinstance(error, exceptions.ServerTimeoutError)
    assert (error.phase, error.host, error.seconds) == ("total", "example.org:443", 1.5)
    bare = exceptions.ServerTimeoutError()
    assert (bare.phase, bare.host, bare.seconds) == (None, None, None)


def test_a_mismatch_says_both_digests() -> None:
    error = SAMPLES["ServerFingerprintMismatch"]
    theirs = aiohttp.ServerFingerprintMismatch(b"\x01\xff", b"\x02\xfe", "example.org", 443)
    assert repr(error) == repr(theirs)
    assert "01ff" in str(error)
    assert "02fe" in str(error)
    assert "example.org:443" in str(error)
