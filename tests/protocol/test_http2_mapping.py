"""Requests as fields, and fields as responses."""

from __future__ import annotations

from typing import Any

import pytest
from hpack import NeverIndexedHeaderTuple

from anyiohttp._protocol.base import HTTP_20, MessageLimits, RequestHead, ResponseHead
from anyiohttp._protocol.http2.mapping import (
    MalformedError,
    plan_request,
    response_head,
    response_length,
    response_status,
    trailer_fields,
)
from anyiohttp.exceptions import InvalidRequestError

PSEUDO = [
    (b":method", b"GET"),
    (b":authority", b"a.example"),
    (b":scheme", b"https"),
    (b":path", b"/p?q"),
]


def a_request(method: str = "GET", *headers: tuple[str, str], **traits: Any) -> RequestHead:
    authority = traits.pop("authority", "a.example")
    target = traits.pop("target", "/p?q")
    return RequestHead(method, "https", authority, target, headers, **traits)


def said(*headers: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    fields = plan_request(a_request("GET", *headers), 0, has_body=False).fields
    assert [tuple(field) for field in fields[:1]] == PSEUDO[:1]
    return [tuple(field) for field in fields if field[0][:1] != b":"]


# --- requests ---


def test_a_plain_request():
    plan = plan_request(a_request(), 0, has_body=False)
    assert [tuple(field) for field in plan.fields] == PSEUDO
    assert plan.length == 0
    assert not plan.tunnel


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ([("Accept", "*/*"), ("X-A", " b ")], [(b"accept", b"*/*"), (b"x-a", b"b")]),
        ([("X-A", "")], [(b"x-a", b"")]),
        ([("X-A", "b"), ("x-a", "c")], [(b"x-a", b"b"), (b"x-a", b"c")]),
        ([("X-A", "bücher")], [(b"x-a", "bücher".encode())]),
        ([("X-A", "b\udcff")], [(b"x-a", b"b\xff")]),
        # What only speaks of a connection is left out, and what it speaks of.
        ([("Connection", "close")], []),
        ([("Connection", "keep-alive, X-Own"), ("X-Own", "1"), ("X-A", "b")], [(b"x-a", b"b")]),
        ([("Keep-Alive", "5"), ("Proxy-Connection", "close")], []),
        ([("Transfer-Encoding", "chunked"), ("Upgrade", "h2c"), ("HTTP2-Settings", "x")], []),
        ([("TE", "trailers, gzip")], [(b"te", b"trailers")]),
        ([("TE", "gzip")], []),
        # Cookies in pieces.
        (
            [("Cookie", "a=1; b=2"), ("Cookie", "c=3")],
            [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"cookie", b"c=3")],
        ),
    ],
)
def test_fields(headers: list[tuple[str, str]], fields: list[tuple[bytes, bytes]]):
    assert said(*headers) == fields


def test_a_connection_field_names_nothing_that_matters():
    headers = [("Connection", "cookie, authorization, te"), ("Cookie", "a=b"), ("TE", "trailers")]
    assert said(*headers) == [(b"cookie", b"a=b"), (b"te", b"trailers")]


def test_secrets_are_never_put_in_a_table():
    headers = (
        ("Authorization", "Basic x"),
        ("Proxy-Authorization", "Basic y"),
        ("Cookie", "short=1; long=" + "x" * 30),
        ("Accept", "*/*"),
    )
    fields = plan_request(a_request("GET", *headers), 0, has_body=False).fields
    never = [tuple(field) for field in fields if isinstance(field, NeverIndexedHeaderTuple)]
    assert never == [
        (b"authorization", b"Basic x"),
        (b"proxy-authorization", b"Basic y"),
        (b"cookie", b"short=1"),
    ]


def test_the_host_becomes_the_authority():
    fields = plan_request(a_request("GET", ("Host", "b.example:81")), 0, has_body=False).fields
    assert (b":authority", b"b.example:81") in [tuple(field) for field in fields]
    assert all(name != b"host" for name, _ in fields)


@pytest.mark.parametrize(
    ("method", "headers", "size", "has_body", "length", "field"),
    [
        ("GET", [], 0, False, 0, None),
        ("POST", [], 0, False, 0, b"0"),
        ("PUT", [], 0, False, 0, b"0"),
        ("POST", [], 5, True, 5, b"5"),
        ("GET", [], 5, True, 5, b"5"),
        ("POST", [], None, True, None, None),
        ("POST", [("Content-Length", "3")], None, True, 3, b"3"),
        ("POST", [("Content-Length", "3")], 5, True, 3, b"3"),
        ("POST", [("Content-Length", "0")], 0, False, 0, b"0"),
    ],
)
def test_lengths(
    method: str,
    headers: list[tuple[str, str]],
    size: int | None,
    has_body: bool,
    length: int | None,
    field: bytes | None,
):
    plan = plan_request(a_request(method, *headers), size, has_body=has_body)
    assert plan.length == length
    assert dict(plan.fields).get(b"content-length") == field


def test_expect():
    head = a_request("POST", expect_continue=True)
    assert (b"expect", b"100-continue") in plan_request(head, 5, has_body=True).fields
    head = a_request("POST", ("Expect", "100-continue"), expect_continue=True)
    fields = plan_request(head, 5, has_body=True).fields
    assert [name for name, _ in fields].count(b"expect") == 1
    head = a_request("GET", expect_continue=True)
    assert b"expect" not in dict(plan_request(head, 0, has_body=False).fields)


def test_connect():
    plan = plan_request(a_request("CONNECT", target=""), 0, has_body=False)
    assert [tuple(f) for f in plan.fields] == [
        (b":method", b"CONNECT"),
        (b":authority", b"a.example"),
    ]
    assert plan.tunnel


def test_extended_connect():
    head = a_request("CONNECT", ("Sec-WebSocket-Version", "13"), protocol="websocket")
    plan = plan_request(head, 0, has_body=False)
    assert [tuple(field) for field in plan.fields] == [
        (b":method", b"CONNECT"),
        (b":authority", b"a.example"),
        (b":scheme", b"https"),
        (b":path", b"/p?q"),
        (b":protocol", b"websocket"),
        (b"sec-websocket-version", b"13"),
    ]
    assert plan.tunnel


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (a_request("GET", ("Bad Name", "x")), "invalid header name"),
        (a_request("GET", ("", "x")), "invalid header name"),
        (a_request("GET", (":path", "/")), "invalid header name"),
        (a_request("GET", ("X-A", "b\r\nc: d")), "control character"),
        (a_request("GET", ("X-A", "b\x00")), "control character"),
        (a_request("GET", ("X-A", "\ud800")), "cannot be encoded"),
        (a_request("GET", ("X-A", 5)), "is int, not str"),  # type: ignore[arg-type]
        (a_request("GET", ("Host", "a"), ("Host", "b")), "only one Host"),
        (a_request("GET", ("Host", "a/b")), "the authority is not a host"),
        (a_request("GE T"), "invalid method"),
        (a_request(authority="a b"), "the authority is not a host"),
        (a_request(target="p"), "must begin with '/'"),
        (a_request(target="*"), "must begin with '/'"),
        (a_request(target="/a b"), "a space"),
        (a_request(target="/a#b"), "a fragment"),
        (a_request(target="/ä"), "non-ASCII"),
        (a_request("POST", ("Content-Length", "x")), "must be one number"),
        (a_request("POST", ("Content-Length", "1"), ("Content-Length", "1")), "must be one number"),
        (a_request("POST", ("Content-Length", "5")), "but the body has 0 bytes"),
    ],
)
def test_what_must_not_be_sent(head: RequestHead, reason: str):
    with pytest.raises(InvalidRequestError, match=reason):
        plan_request(head, 0, has_body=False)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_without_a_body(method: str):
    with pytest.raises(InvalidRequestError, match="has no body"):
        plan_request(a_request(method), 5, has_body=True)


def test_options_of_the_server():
    fields = plan_request(a_request("OPTIONS", target="*"), 0, has_body=False).fields
    assert (b":path", b"*") in fields


# --- responses ---


@pytest.mark.parametrize(
    ("fields", "status"),
    [([(b":status", b"200")], 200), ([(b":status", b"100"), (b"a", b"b")], 100)],
)
def test_statuses(fields: list[tuple[bytes, bytes]], status: int):
    assert response_status(fields) == status


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"a", b"b")],
        [(b"a", b"b"), (b":status", b"200")],
        [(b":status", b"20")],
        [(b":status", b"2000")],
        [(b":status", b"abc")],
        [(b":status", b"099")],
        [(b":status", b"")],
    ],
)
def test_no_status(fields: list[tuple[bytes, bytes]]):
    with pytest.raises(MalformedError, match="status"):
        response_status(fields)


def test_heads():
    fields = [(b":status", b"200"), (b"x-a", b" b\t"), (b"x-a", b"\xff")]
    head = response_head(200, fields, MessageLimits())
    assert head == ResponseHead(200, "", HTTP_20, [(b"x-a", b"b"), (b"x-a", b"\xff")])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([(b"X-A", b"b")], "an invalid header field name"),
        ([(b"", b"b")], "an invalid header field name"),
        ([(b":path", b"/")], "an invalid header field name"),
        ([(b":status", b"200")], "an invalid header field name"),
        ([(b"a b", b"c")], "an invalid header field name"),
        ([(b"connection", b"close")], "an invalid header field name"),
        ([(b"transfer-encoding", b"chunked")], "an invalid header field name"),
        ([(b"upgrade", b"x")], "an invalid header field name"),
        ([(b"a", b"b\r\nc: d")], "a control character"),
        ([(b"a", b"b\x00")], "a control character"),
        ([(b"a", b"b" * 100)], "a header field of more than 100 bytes"),
        ([(b"a", b"b")] * 4, "more than 3 header fields"),
    ],
)
def test_malformed_heads(fields: list[tuple[bytes, bytes]], reason: str):
    limits = MessageLimits(max_field_size=100, max_headers=3)
    with pytest.raises(MalformedError, match=reason):
        response_head(200, [(b":status", b"200"), *fields], limits)
    with pytest.raises(MalformedError, match=reason.replace("header", "trailer")):
        trailer_fields(fields, limits)


def test_limits_have_exact_edges():
    limits = MessageLimits(max_field_size=100, max_headers=3)
    fields = [(b"a", b"b" * 99)] * 3
    assert response_head(200, [(b":status", b"200"), *fields], limits).headers == fields


@pytest.mark.parametrize(
    ("method", "status", "lengths", "expected"),
    [
        ("GET", 200, [], (None, False)),
        ("GET", 200, [b"5"], (5, False)),
        ("GET", 200, [b"5", b"5"], (5, False)),
        ("GET", 200, [b"0"], (0, False)),
        ("HEAD", 200, [b"5"], (None, True)),
        ("GET", 304, [b"5"], (None, True)),
        ("GET", 204, [], (None, True)),
        ("CONNECT", 200, [b"5"], (None, False)),
        ("CONNECT", 404, [b"5"], (5, False)),
    ],
)
def test_lengths_of_responses(
    method: str, status: int, lengths: list[bytes], expected: tuple[int | None, bool]
):
    headers = [(b"content-length", length) for length in lengths]
    assert response_length(method, ResponseHead(status, "", HTTP_20, headers)) == expected


@pytest.mark.parametrize("lengths", [[b"x"], [b"-1"], [b""], [b"5", b"6"], [b"9" * 20], [b"+5"]])
def test_lengths_that_are_none(lengths: list[bytes]):
    headers = [(b"content-length", length) for length in lengths]
    with pytest.raises(MalformedError, match="Content-Length"):
        response_length("GET", ResponseHead(200, "", HTTP_20, headers))
