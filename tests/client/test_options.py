"""Options of a session and of a request, merged."""

from __future__ import annotations

import ssl

import pytest

from anyiohttp import BasicAuth, ClientTimeout, Fingerprint, HttpVersion10
from anyiohttp._client.options import UNSET, RequestKwargs, merged, timeout_from, tls_options
from anyiohttp._client.request import RequestOptions, TLSOptions
from anyiohttp._message.limits import BodyLimits
from anyiohttp._message.response import ResponseOptions
from anyiohttp._net.deadlines import DEFAULT_TIMEOUT
from anyiohttp._protocol.base import MessageLimits

DIGEST = b"x" * 32
#: Say what is sent, so the session takes them before options are merged.
OF_THE_MESSAGE = {
    "params", "data", "json", "cookies", "headers", "skip_auto_headers", "auth",
}  # fmt: skip


def test_nothing_changed_is_nothing_made() -> None:
    defaults = RequestOptions()
    assert merged(defaults, {}) is defaults
    assert merged(defaults, {"timeout": UNSET, "raise_for_status": None}) is defaults
    assert repr(UNSET) == "<default>"


def test_every_option_of_a_request_is_known() -> None:
    values = {
        "timeout": 3, "ssl": True, "fingerprint": DIGEST, "ssl_context": None, "verify_ssl": None,
        "server_hostname": "h", "max_line_size": 1, "max_field_size": 1, "max_headers": 1,
    }  # fmt: skip
    for name in set(RequestKwargs.__annotations__) - OF_THE_MESSAGE:
        merged(RequestOptions(), {name: values.get(name, 1)})


@pytest.mark.parametrize("name", ["Timeout", "verify", "stream", "version"])
def test_unknown_option(name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        merged(RequestOptions(), {name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allow_redirects", False),
        ("max_redirects", 3),
        ("compress", "gzip"),
        ("chunked", True),
        ("expect100", True),
        ("raise_for_status", True),
        ("read_until_eof", False),
        ("middlewares", ()),
        ("trace_request_ctx", {}),
    ],
)
def test_a_request_overrides(name: str, value: object) -> None:
    defaults = RequestOptions(middlewares=(print,), version=HttpVersion10)
    options = merged(defaults, {name: value})
    assert getattr(options, name) == value
    assert getattr(options, name) != getattr(defaults, name)
    assert options.version == HttpVersion10


@pytest.mark.parametrize(
    "name",
    [
        "raise_for_status",
        "read_bufsize",
        "auto_decompress",
        "middlewares",
        "proxy",
        "proxy_auth",
        "proxy_headers",
        "max_line_size",
        "max_field_size",
        "max_headers",
    ],
)
def test_none_means_the_sessions(name: str) -> None:
    defaults = RequestOptions(
        raise_for_status=True,
        reading=ResponseOptions(read_bufsize=7, auto_decompress=False),
        limits=MessageLimits(1, 2, 3),
    )
    assert merged(defaults, {name: None}) == defaults


def test_limits() -> None:
    defaults = RequestOptions(limits=MessageLimits(1, 2, 3))
    assert merged(defaults, {"max_field_size": 9}).limits == MessageLimits(1, 9, 3)
    assert merged(defaults, {"max_headers": 9, "max_line_size": 8}).limits == MessageLimits(8, 2, 9)


def test_reading() -> None:
    body_limits = BodyLimits(1, 2)
    defaults = RequestOptions(reading=ResponseOptions(read_bufsize=7, body_limits=body_limits))
    reading = merged(defaults, {"auto_decompress": False}).reading
    assert reading == ResponseOptions(False, 7, body_limits=body_limits)
    reading = merged(defaults, {"read_bufsize": 8, "max_body_size": 9}).reading
    assert reading == ResponseOptions(True, 8, body_limits=BodyLimits(9, 2))
    # Unlike elsewhere, None is a value: no limit, whatever the session says.
    reading = merged(defaults, {"max_body_size": None, "max_decompressed_ratio": None}).reading
    assert reading.body_limits == BodyLimits(None, None)
    with pytest.raises(ValueError, match="max_body_size must be"):
        merged(defaults, {"max_body_size": -1})


def test_credentials_of_another_proxy() -> None:
    auth, other = BasicAuth("a", "b"), BasicAuth("c", "d")
    defaults = RequestOptions(proxy="http://one:1", proxy_auth=auth)
    assert merged(defaults, {"proxy": "http://one:1"}).proxy_auth == auth
    assert merged(defaults, {"proxy": "http://two:2"}).proxy_auth is None
    assert merged(defaults, {"proxy": "http://two:2", "proxy_auth": other}).proxy_auth == other
    assert merged(defaults, {"proxy_auth": other}).proxy == "http://one:1"
    assert merged(defaults, {"proxy_auth": other}).proxy_auth == other


# --- timeouts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ClientTimeout(total=1, sock_read=2), ClientTimeout(total=1, sock_read=2)),
        (3, ClientTimeout(total=3)),
        (0.5, ClientTimeout(total=0.5)),
        (0, ClientTimeout(total=0)),
        (None, ClientTimeout()),
    ],
)
def test_timeouts(value: object, expected: ClientTimeout) -> None:
    assert timeout_from(value) == expected
    assert merged(RequestOptions(), {"timeout": value}).timeout == expected


def test_timeout_that_is_not_given() -> None:
    assert RequestOptions().timeout == DEFAULT_TIMEOUT
    assert merged(RequestOptions(timeout=ClientTimeout(1)), {"timeout": UNSET}).timeout.total == 1


@pytest.mark.parametrize("value", ["5", True, (1, 2), object])
def test_timeouts_that_are_none(value: object) -> None:
    with pytest.raises(ValueError, match="timeout must be a ClientTimeout"):
        timeout_from(value)


# --- TLS ------------------------------------------------------------------------------------

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ssl": True}, TLSOptions()),
        ({"ssl": None}, TLSOptions()),
        ({"ssl": None, "ssl_context": CONTEXT}, TLSOptions(ssl=CONTEXT)),
        ({"ssl": False}, TLSOptions(ssl=False)),
        ({"ssl": CONTEXT}, TLSOptions(ssl=CONTEXT)),
        ({"ssl": Fingerprint(DIGEST)}, TLSOptions(ssl=Fingerprint(DIGEST))),
        ({"verify_ssl": False}, TLSOptions(ssl=False)),
        ({"verify_ssl": True}, TLSOptions()),
        ({"ssl_context": CONTEXT}, TLSOptions(ssl=CONTEXT)),
        ({"ssl_context": CONTEXT, "verify_ssl": True}, TLSOptions(ssl=CONTEXT)),
        ({"fingerprint": DIGEST}, TLSOptions(pin=Fingerprint(DIGEST))),
        ({"fingerprint": DIGEST, "ssl": False}, TLSOptions(False, Fingerprint(DIGEST))),
        ({"server_hostname": "h"}, TLSOptions(server_hostname="h")),
    ],
)
def test_tls(given: dict[str, object], expected: TLSOptions) -> None:
    assert tls_options(**given) == expected  # type: ignore[arg-type]
    assert merged(RequestOptions(), given).tls == expected


@pytest.mark.parametrize(
    "given",
    [
        {"ssl": False, "verify_ssl": False},
        {"ssl": CONTEXT, "ssl_context": CONTEXT},
        {"ssl": Fingerprint(DIGEST), "fingerprint": DIGEST},
        {"verify_ssl": False, "ssl_context": CONTEXT},
        {"fingerprint": b"too short"},
    ],
)
def test_tls_that_contradicts_itself(given: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        merged(RequestOptions(), given)


@pytest.mark.parametrize("given", ["yes", 1])
def test_tls_of_no_type(given: object) -> None:
    with pytest.raises(TypeError, match="ssl must be"):
        merged(RequestOptions(), {"ssl": given})
