"""Requests as bytes: a table of them, and all that is refused before a byte is sent."""

from __future__ import annotations

import pytest
from tests.protocol.conversations import request

from anyiohttp._protocol.base import HTTP_10, FieldLines, RequestHead
from anyiohttp._protocol.http1.framing import RequestFraming
from anyiohttp._protocol.http1.writing import LAST_CHUNK, encode_chunk, write_fields, write_head
from anyiohttp.exceptions import InvalidRequestError

NOTHING = RequestFraming(False, 0, None)
FIVE = RequestFraming(False, 5, "Content-Length: 5")


def write(head, framing=NOTHING):
    return write_head(head, write_fields(head), framing)


@pytest.mark.parametrize(
    ("head", "framing", "data"),
    [
        (request(), NOTHING, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
        (
            request("PURGE", authority="[::1]:8080", target="/a?b=%20&c#"[:-1]),
            NOTHING,
            b"PURGE /a?b=%20&c HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        ),
        (
            request("POST", headers=[("X-a", "1"), ("x-A", "2")]),
            FIVE,
            b"POST / HTTP/1.1\r\nHost: example.org\r\nX-a: 1\r\nx-A: 2\r\n"
            b"Content-Length: 5\r\n\r\n",
        ),
        (
            request(headers=[("A", "1"), ("hOst", "other.example"), ("B", "")]),
            NOTHING,
            b"GET / HTTP/1.1\r\nA: 1\r\nhOst: other.example\r\nB: \r\n\r\n",
        ),
        (
            request(headers=[("A", "a\tb"), ("B", "ñ"), ("C", "\x85")]),
            NOTHING,
            "GET / HTTP/1.1\r\nHost: example.org\r\nA: a\tb\r\nB: ñ\r\nC: \x85\r\n\r\n".encode(),
        ),
        (
            request(absolute=True, target="/x"),
            NOTHING,
            b"GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n",
        ),
        (
            request("OPTIONS", target="*"),
            NOTHING,
            b"OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n",
        ),
        (
            request("OPTIONS", target="*", absolute=True),
            NOTHING,
            b"OPTIONS http://example.org HTTP/1.1\r\nHost: example.org\r\n\r\n",
        ),
        (
            request("CONNECT", authority="[::1]:443"),
            NOTHING,
            b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
        ),
        (
            request("POST", expect_continue=True),
            FIVE,
            b"POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n"
            b"Expect: 100-continue\r\n\r\n",
        ),
        (
            request("POST", expect_continue=True, headers=[("expect", "100-continue")]),
            FIVE,
            b"POST / HTTP/1.1\r\nHost: example.org\r\nexpect: 100-continue\r\n"
            b"Content-Length: 5\r\n\r\n",
        ),
        (
            request(expect_continue=True),
            NOTHING,
            b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        ),
        (
            request(version=HTTP_10),
            NOTHING,
            b"GET / HTTP/1.0\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n",
        ),
        (
            request(version=HTTP_10, headers=[("Connection", "close")]),
            NOTHING,
            b"GET / HTTP/1.0\r\nHost: example.org\r\nConnection: close\r\n\r\n",
        ),
    ],
)
def test_heads(head, framing, data):
    assert write(head, framing) == data


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        *[
            ({"method": method}, "invalid method")
            for method in ("", "GE T", "GET\r\n", "GÉT", "GET/", "G\0T", "(")
        ],
        *[
            ({"headers": [(name, SECRET)]}, "invalid header name")
            for name in ("", "a b", "a:", "a\r\nb", "ñ", "a\0", " a", "a\t", "(a)")
        ],
        *[
            ({"headers": [("Fine", "x"), ("Authorization", SECRET + bad)]}, "'Authorization'")
            for bad in ("\r", "\n", "\r\nX: y", "\0", "\x01", "\x7f", "\x1b", "\ud800")
        ],
        *[
            ({"target": f"/{SECRET}{bad}"}, "the request target has")
            for bad in (" ", "\r\n", "\n", "\t", "\0", "ñ", "\x7f", "#x")
        ],
        *[({"target": target}, "begin with") for target in ("", "*", "x", "?x", "http://a/")],
        *[
            ({"authority": authority}, "authority is not")
            for authority in ("", "a b", "a\r\n", "ñ", f"user:{SECRET}@a", "a/b", "a?", "a#", "a\\")
        ],
        ({"method": "CONNECT", "authority": "a b"}, "authority is not"),
        *[({"headers": [("A", value)]}, "'A' is .*, not str") for value in (1, None, b"bytes")],
        ({"headers": [("Host", "a"), ("host", "a")]}, "only one Host"),
        ({"absolute": True, "scheme": "ht tp"}, "invalid scheme"),
    ],
)
def test_refused_by_name_without_showing_values(changes, words):
    method = changes.pop("method", "GET") if "method" in changes else "GET"
    with pytest.raises(InvalidRequestError, match=words) as caught:
        write(request(method, **changes))
    assert SECRET not in str(caught.value)


def test_bytes_that_are_no_text_go_back_as_they_came():
    cookie = b"a=\xff\x80".decode("utf-8", "surrogateescape")
    head = write(request(headers=[("Cookie", cookie)]))
    assert b"\r\nCookie: a=\xff\x80\r\n" in head


@pytest.mark.parametrize("data", [b"x", b"x" * 16, b"x" * 70_000])
def test_chunks(data):
    assert encode_chunk(data) == f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_last_chunk():
    assert LAST_CHUNK == b"0\r\n\r\n"


def test_fields_that_requests_share_are_written_once():
    lines = FieldLines([("Accept", "*/*"), ("Connection", "close")])
    first = write_fields(RequestHead("GET", "http", "a.test", "/", lines))
    assert first.control == {"connection": ["close"]}
    assert first.lines == "Accept: */*\r\nConnection: close\r\n"
    assert write_fields(RequestHead("PUT", "http", "b.test", "/x", lines)) is first
    other = write_fields(RequestHead("GET", "http", "a.test", "/", tuple(lines)))
    assert other == first
    assert other is not first
    extended = lines
    extended += (("Via", "x"),)
    assert type(extended) is tuple, "what is added makes them one request's own"


def test_fields_that_must_not_be_sent_are_refused_each_time():
    lines = FieldLines([("X", "a\nb")])
    for _ in range(2):
        with pytest.raises(InvalidRequestError):
            write_fields(RequestHead("GET", "http", "a.test", "/", lines))
