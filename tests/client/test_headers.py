"""Which header fields go out by themselves, and how the user's are merged."""

from __future__ import annotations

import sys

import pytest
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

import anyiohttp
from anyiohttp._client.headers import DefaultHeaders, content_encoding
from anyiohttp._message.payloads import make_payload

AUTOMATIC = ["Accept", "Accept-Encoding", "User-Agent"]


def merged(own: object, headers: object = None, skip: object = None) -> list[tuple[str, str]]:
    """The fields that are not automatic."""
    result = DefaultHeaders(own, None).merged(headers, skip)
    return [(name, value) for name, value in result.items() if name not in AUTOMATIC]


def test_automatic_fields() -> None:
    fields = DefaultHeaders(None, None).merged(None, None)
    assert list(fields) == AUTOMATIC
    assert fields["Accept"] == "*/*"
    assert fields["Accept-Encoding"].startswith("gzip, deflate")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert fields["User-Agent"] == f"anyiohttp/{anyiohttp.__version__} Python/{version}"


@pytest.mark.parametrize("name", AUTOMATIC)
@pytest.mark.parametrize("spelt", [str.lower, str.upper, str])
def test_automatic_fields_left_out(name: str, spelt: type[str]) -> None:
    by_session = DefaultHeaders(None, [spelt(name)])
    by_request = DefaultHeaders(None, None)
    for fields in (by_session.merged(None, None), by_request.merged(None, [spelt(name)])):
        assert list(fields) == [other for other in AUTOMATIC if other != name]
    # The request did not change the session, and adds to what the session leaves out.
    assert list(by_request.merged(None, None)) == AUTOMATIC
    assert list(by_session.merged(None, AUTOMATIC)) == []


@pytest.mark.parametrize("name", AUTOMATIC)
def test_the_users_own_replace_automatic_ones(name: str) -> None:
    assert DefaultHeaders({name.lower(): "mine"}, None).merged(None, None).getall(name) == ["mine"]
    assert DefaultHeaders(None, None).merged({name.lower(): "mine"}, None).getall(name) == ["mine"]
    # One that is skipped as automatic goes out if the user sets it.
    assert DefaultHeaders(None, [name]).merged({name: "mine"}, None)[name] == "mine"


@pytest.mark.parametrize(
    ("own", "headers", "expected"),
    [
        (None, None, []),
        ({"A": "1"}, None, [("A", "1")]),
        (None, {"A": "1"}, [("A", "1")]),
        ({"A": "1"}, {"B": "2"}, [("A", "1"), ("B", "2")]),
        ({"A": "1"}, {"a": "2"}, [("a", "2")]),
        ({"A": "1"}, [("a", "2"), ("A", "3")], [("a", "2"), ("A", "3")]),
        ([("A", "1"), ("A", "2")], None, [("A", "1"), ("A", "2")]),
        ([("A", "1"), ("A", "2")], {"A": "3"}, [("A", "3")]),
        ([("A", "1")], MultiDict([("B", "2"), ("B", "3")]), [("A", "1"), ("B", "2"), ("B", "3")]),
        (None, CIMultiDictProxy(CIMultiDict(A="1")), [("A", "1")]),
        (None, {"A": ""}, [("A", "")]),
    ],
)
def test_merging(own: object, headers: object, expected: list[tuple[str, str]]) -> None:
    assert merged(own, headers) == expected
    assert merged(own, headers, ["X-Any"]) == expected


def test_the_sessions_fields_may_change_at_any_time() -> None:
    defaults = DefaultHeaders({"A": "1"}, None)
    first = defaults.merged(None, None)
    first["A"] = "changed by a request"
    assert defaults.merged(None, None)["A"] == "1"
    defaults.own["A"] = "2"
    assert defaults.merged(None, None)["A"] == "2"
    assert defaults.merged({"B": "1"}, None)["A"] == "2"
    defaults.own["User-Agent"] = "mine"
    assert defaults.merged(None, None).getall("User-Agent") == ["mine"]
    del defaults.own["User-Agent"]
    assert defaults.merged(None, None)["User-Agent"].startswith("anyiohttp/")


def test_fields_of_a_body() -> None:
    defaults = DefaultHeaders(None, None)
    body = make_payload("text")
    fields: CIMultiDict[str] = CIMultiDict()
    defaults.describe_body(fields, body, None)
    assert fields == CIMultiDict({"Content-Type": "text/plain; charset=utf-8"})
    fields = CIMultiDict({"content-type": "mine"})
    defaults.describe_body(fields, body, None)
    assert fields == CIMultiDict({"content-type": "mine"})


@pytest.mark.parametrize(
    ("session", "request_"), [(["content-type"], None), (None, ["Content-TYPE"])]
)
def test_fields_of_a_body_left_out(session: list[str] | None, request_: list[str] | None) -> None:
    fields: CIMultiDict[str] = CIMultiDict()
    DefaultHeaders(None, session).describe_body(fields, make_payload("text"), request_)
    assert not fields


def test_content_encoding() -> None:
    assert content_encoding({}, None) is None
    assert content_encoding({}, False) is None
    assert content_encoding({}, True) == "deflate"
    assert content_encoding({}, "gzip") == "gzip"
    fields = CIMultiDict({"content-encoding": "gzip"})
    assert content_encoding(fields, None) is None
    with pytest.raises(ValueError, match="Content-Encoding"):
        content_encoding(fields, "gzip")
