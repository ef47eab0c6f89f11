"""Every public name of aiohttp's client is here, or it is written down why it is not."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

import aiohttp
import pytest

import anyiohttp
from anyiohttp import client_exceptions, hdrs, http

_INTERNAL = "a part of aiohttp's machinery that its documentation does not name"
_DEPRECATED = "aiohttp has deprecated it"
_SERVER = "of the server"

#: Names of ``aiohttp.__all__`` that are missing, with the reason.
MISSING = {
    "DataQueue": _INTERNAL,
    "EMPTY_PAYLOAD": _INTERNAL,
    "EofStream": _INTERNAL,
    "FlowControlDataQueue": _INTERNAL,
    "GunicornUVLoopWebWorker": _SERVER,
    "GunicornWebWorker": _SERVER,
    "NamedPipeConnector": "named pipes need Windows' proactor event loop, which is asyncio's alone",
    "streamer": _DEPRECATED,
}

#: Public attributes of classes that are missing.
MISSING_ATTRIBUTES = {
    "BaseConnector": {
        "allowed_protocol_schema_set": _INTERNAL,
        "connect": "gives a connection of aiohttp's own kind",
    },
    "ClientRequest": dict.fromkeys(
        [
            "ALL_METHODS",
            "DEFAULT_HEADERS",
            "GET_METHODS",
            "POST_METHODS",
            "close",
            "connection_key",
            "response",
            "send",
            "skip_auto_headers",
            "terminate",
            "update_auth",
            "update_auto_headers",
            "update_body_from_data",
            "update_content_encoding",
            "update_cookies",
            "update_expect_continue",
            "update_headers",
            "update_host",
            "update_proxy",
            "update_transfer_encoding",
            "update_version",
            "write_bytes",
        ],
        _INTERNAL,
    ),
    "ClientResponse": {
        "ATTRS": _INTERNAL,
        "output_size": _DEPRECATED,
        "start": _INTERNAL,
        "upload_complete": _DEPRECATED,
        "url_obj": _DEPRECATED,
        "wait_for_close": _INTERNAL,
    },
    "ClientResponseError": {"code": _DEPRECATED},
    "ClientSession": {"ATTRS": _INTERNAL, "loop": _DEPRECATED},
    "CookieJar": dict.fromkeys(
        [
            "DATE_DAY_OF_MONTH_RE",
            "DATE_HMS_TIME_RE",
            "DATE_MONTH_RE",
            "DATE_TOKENS_RE",
            "DATE_YEAR_RE",
            "MAX_TIME",
            "SUB_MAX_TIME",
        ],
        _INTERNAL,
    ),
    "Fingerprint": {"HASHFUNC_BY_DIGESTLEN": _INTERNAL},
    "StreamReader": {
        "begin_http_chunk_receiving": _INTERNAL,
        "end_http_chunk_receiving": _INTERNAL,
        "on_eof": _INTERNAL,
        "set_read_chunk_size": _INTERNAL,
        "total_compressed_bytes": "total_raw_bytes is its public name",
        "wait_eof": _INTERNAL,
    },
}

_NOT_MADE = "programs do not make one; a subclass passes on what it gets"

#: Parameters of constructors that are missing.
MISSING_PARAMETERS = {
    "ClientRequest": _NOT_MADE,
    "ClientResponse": _NOT_MADE,
    "ClientWebSocketResponse": _NOT_MADE,
    "ClientResponseError code": _DEPRECATED,
    "ClientSession conn_timeout": _DEPRECATED,
    "ClientSession read_timeout": _DEPRECATED,
    "ClientSession ssl_shutdown_timeout": _DEPRECATED,
}


def _classes() -> Iterator[tuple[str, type, type]]:
    for name in aiohttp.__all__:
        if name in MISSING:
            continue
        theirs, ours = getattr(aiohttp, name), getattr(anyiohttp, name)
        if inspect.isclass(theirs):
            yield name, theirs, ours


def test_every_name_is_there_or_missing_for_a_reason() -> None:
    missing = {name for name in aiohttp.__all__ if not hasattr(anyiohttp, name)}
    assert missing == set(MISSING)
    assert set(aiohttp.__all__) - missing <= set(anyiohttp.__all__)


def _reasons(cls: type, table: dict[str, dict[str, str]]) -> set[str]:
    return {attribute for base in cls.__mro__ for attribute in table.get(base.__name__, ())}


@pytest.mark.parametrize(("name", "theirs", "ours"), list(_classes()))
def test_every_attribute_is_there_or_missing_for_a_reason(
    name: str, theirs: type, ours: type
) -> None:
    public = {each for each in dir(theirs) if not each.startswith("_")}
    # Attributes that only instances have are not among these.
    made = {each for base in ours.__mro__ for each in getattr(base, "__annotations__", {})}
    missing = public - set(dir(ours)) - made - _SET_WHEN_MADE.get(name, set())
    known = _reasons(theirs, MISSING_ATTRIBUTES) | set(MISSING_ATTRIBUTES.get(name, ()))
    assert missing <= known
    assert set(MISSING_ATTRIBUTES.get(name, ())) <= missing


_SET_WHEN_MADE = {
    "ClientResponse": {"reason", "status", "version"},
    "TraceConfig": {name for name in dir(aiohttp.TraceConfig) if name.startswith("on_")},
    "UploadTracker": {"bytes_written"},
}


def test_every_parameter_is_there_or_missing_for_a_reason() -> None:
    missing = set()
    for name, theirs, ours in _classes():
        lost = _parameters(theirs) - _parameters(ours)
        if name in MISSING_PARAMETERS:
            assert lost, name
            missing.add(name)
        else:
            base = (
                "ClientResponseError" if issubclass(theirs, aiohttp.ClientResponseError) else name
            )
            missing |= {f"{base} {parameter}" for parameter in lost}
    assert missing == set(MISSING_PARAMETERS)


def _parameters(cls: type) -> set[str]:
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):  # made in C, or an enumeration
        return set()
    return set(signature.parameters) - {"args", "kwargs"}


def test_header_names() -> None:
    names = [name for name in dir(aiohttp.hdrs) if name[0].isupper() and name != "Final"]
    assert [name for name in names if not hasattr(hdrs, name)] == []
    for name in names:
        assert getattr(hdrs, name) == getattr(aiohttp.hdrs, name), name
        assert type(getattr(hdrs, name)) in (type(getattr(aiohttp.hdrs, name)), frozenset), name


def test_modules_that_programs_import_from() -> None:
    for name in aiohttp.client_exceptions.__all__:
        if name != "ClientMessageError":
            assert getattr(client_exceptions, name) is getattr(anyiohttp, name, None), name
    assert http.RESPONSES[404] == aiohttp.http.RESPONSES[404]
    assert http.HttpVersion11 is anyiohttp.HttpVersion11
    assert http.SERVER_SOFTWARE.startswith("anyiohttp/")
    for module in ("abc", "multipart", "payload", "typedefs"):
        assert import_module(f"anyiohttp.{module}").__all__, module
