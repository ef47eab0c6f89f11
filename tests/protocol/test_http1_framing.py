"""Where messages end and whether connections live on: tables of RFC 9112 6 and 9.3."""

from __future__ import annotations

import pytest
from tests.protocol.conversations import request

from anyiohttp._protocol.base import HTTP_10, HTTP_11, ResponseHead
from anyiohttp._protocol.http1.framing import (
    Delimiter,
    HeardHead,
    ParseError,
    RequestFraming,
    request_control,
    request_framing,
    response_framing,
    usual_framing,
)
from anyiohttp.exceptions import InvalidRequestError

NOTHING = RequestFraming(False, 0, None)
CHUNKS = RequestFraming(True, 0, "Transfer-Encoding: chunked")
ABSENT = object()
CL, TE = "Content-Length", "Transfer-Encoding"


def frame(head, size):
    body = size is not ABSENT
    return request_framing(head, request_control(head), size if body else None, has_body=body)


@pytest.mark.parametrize(
    ("head", "size", "framing"),
    [
        *[(request(m), ABSENT, NOTHING) for m in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")],
        *[(request(m), ABSENT, NOTHING) for m in ("CONNECT", "PROPFIND", "get")],
        *[
            (request(m), ABSENT, RequestFraming(False, 0, "Content-Length: 0"))
            for m in ("POST", "PUT", "PATCH")
        ],
        (request("POST"), 5, RequestFraming(False, 5, "Content-Length: 5")),
        (request("GET"), 5, RequestFraming(False, 5, "Content-Length: 5")),
        (request("POST"), 0, RequestFraming(False, 0, "Content-Length: 0")),
        (request("POST"), None, CHUNKS),
        (request("POST", chunked=True), 5, CHUNKS),
        (request("POST", chunked=True), ABSENT, CHUNKS),
        (request("POST", headers=[("content-length", "5")]), 5, RequestFraming(False, 5, None)),
        (request("POST", headers=[(CL, " 5 ")]), None, RequestFraming(False, 5, None)),
        (request("GET", headers=[(CL, "0")]), ABSENT, NOTHING),
        (request("POST", headers=[(TE, "Chunked")]), 5, RequestFraming(True, 0, None)),
        (
            request("POST", headers=[(TE, "chunked")], chunked=True),
            5,
            RequestFraming(True, 0, None),
        ),
        (request("POST", version=HTTP_10), 5, RequestFraming(False, 5, "Content-Length: 5")),
        (
            request("POST", version=HTTP_10, headers=[(CL, "5")]),
            None,
            RequestFraming(False, 5, None),
        ),
    ],
)
def test_requests(head, size, framing):
    assert frame(head, size) == framing


@pytest.mark.parametrize(
    ("head", "size", "words"),
    [
        (request("POST", headers=[(CL, "5"), (TE, "chunked")]), 5, "exclude each other"),
        (request("POST", headers=[(CL, "5")], chunked=True), 5, "exclude each other"),
        (request("POST", headers=[(TE, "gzip")]), 5, "the only Transfer-Encoding"),
        (request("POST", headers=[(TE, "gzip, chunked")]), 5, "the only Transfer-Encoding"),
        (request("POST", headers=[(TE, "chunked")] * 2), 5, "the only Transfer-Encoding"),
        (request("POST", headers=[(CL, "5"), (CL, "5")]), 5, "one number"),
        (request("POST", headers=[(CL, "5, 5")]), 5, "one number"),
        (request("POST", headers=[(CL, "-5")]), 5, "one number"),
        (request("POST", headers=[(CL, "\u0665")]), 5, "one number"),
        (request("POST", headers=[(CL, "")]), 5, "one number"),
        (request("POST", headers=[(CL, "1" * 20)]), 5, "one number"),
        (request("POST", headers=[(CL, "6")]), 5, "is 6, but the body has 5"),
        (request("POST", headers=[(CL, "6")]), ABSENT, "is 6, but the body has 0"),
        (request("TRACE"), 5, "a TRACE request has no body"),
        (request("CONNECT"), None, "a CONNECT request has no body"),
        (request("POST", version=HTTP_10), None, "HTTP/1.0 needs"),
        (request("POST", version=HTTP_10, chunked=True), 5, "HTTP/1.0 needs"),
    ],
)
def test_requests_refused(head, size, words):
    with pytest.raises(InvalidRequestError, match=words):
        frame(head, size)


def test_has_content():
    assert CHUNKS.has_content
    assert RequestFraming(False, 1, None).has_content
    assert not NOTHING.has_content


def judge(method="GET", status=200, version=HTTP_11, asked=request, **fields):
    head = asked(method)
    headers = [
        (name.replace("_", "-").encode(), one.encode())
        for name, value in fields.items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    answer = ResponseHead(status, "", version, headers)
    control = request_control(head)
    framing = response_framing(head, control, answer)
    # A head that others have had before: with what is usual worked out for it, and without.
    heard = HeardHead(status, "", version, headers)
    assert usual_framing(head, control, heard) == framing
    try:
        usual_framing(request("GET"), {}, heard)
    except ParseError:
        pass
    assert usual_framing(head, control, heard) == framing
    return framing


NONE, LENGTH, CHUNKED, END = Delimiter.NOTHING, Delimiter.LENGTH, Delimiter.CHUNKED, Delimiter.END


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, (END, 0, False)),
        ({"Content_Length": "5"}, (LENGTH, 5, True)),
        ({"content_length": "0"}, (LENGTH, 0, True)),
        ({"Transfer_Encoding": "chunked"}, (CHUNKED, 0, True)),
        ({"transfer_encoding": "CHUNKED"}, (CHUNKED, 0, True)),
        ({"Transfer_Encoding": ["identity", "chunked"]}, (CHUNKED, 0, True)),
        ({"Transfer_Encoding": "identity"}, (END, 0, False)),
        ({"Transfer_Encoding": "chunked", "version": HTTP_10}, (CHUNKED, 0, False)),
        (
            {"Transfer_Encoding": "chunked", "version": HTTP_10, "Connection": "keep-alive"},
            (CHUNKED, 0, False),
        ),
        # no body, whatever the fields say
        ({"method": "HEAD", "Content_Length": "5"}, (NONE, 0, True)),
        ({"method": "HEAD", "Transfer_Encoding": "chunked"}, (NONE, 0, True)),
        (
            {"method": "HEAD", "Content_Length": "5", "Transfer_Encoding": "gzip"},
            (NONE, 0, True),
        ),
        ({"method": "HEAD"}, (NONE, 0, True)),
        ({"status": 304, "Content_Length": "5"}, (NONE, 0, True)),
        ({"status": 304, "Transfer_Encoding": "chunked"}, (NONE, 0, True)),
        ({"status": 204}, (NONE, 0, True)),
        ({"status": 204, "Content_Length": "0"}, (NONE, 0, True)),
        ({"status": 204, "Content_Length": "5"}, (NONE, 0, False)),
        ({"status": 204, "Transfer_Encoding": "chunked"}, (NONE, 0, False)),
        # tunnels
        ({"status": 101}, (Delimiter.TUNNEL, 0, False)),
        ({"method": "CONNECT", "Content_Length": "5"}, (Delimiter.TUNNEL, 0, False)),
        (
            {"method": "CONNECT", "status": 299, "Transfer_Encoding": "x", "Content_Length": "x"},
            (Delimiter.TUNNEL, 0, False),
        ),
        ({"method": "CONNECT", "status": 407, "Content_Length": "5"}, (LENGTH, 5, True)),
        # persistence
        ({"Content_Length": "5", "Connection": "close"}, (LENGTH, 5, False)),
        ({"Content_Length": "5", "Connection": "foo , Close"}, (LENGTH, 5, False)),
        ({"Content_Length": "5", "Connection": ["keep-alive", "close"]}, (LENGTH, 5, False)),
        ({"Content_Length": "5", "Connection": ""}, (LENGTH, 5, True)),
        ({"Content_Length": "5", "Connection": "closed"}, (LENGTH, 5, True)),
        ({"Content_Length": "5", "version": HTTP_10}, (LENGTH, 5, False)),
        (
            {"Content_Length": "5", "version": HTTP_10, "Connection": "Keep-Alive"},
            (LENGTH, 5, True),
        ),
    ],
)
def test_responses(answer, expected):
    assert judge(**answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        {"Content_Length": "5", "Transfer_Encoding": "chunked"},
        {"Content_Length": "5", "Transfer_Encoding": "identity"},
        {"Content_Length": ["5", "5"]},
        {"Content_Length": "x"},
        {"Content_Length": ""},
        {"Content_Length": "1" * 20},
        {"Transfer_Encoding": "gzip"},
        {"Transfer_Encoding": "gzip, chunked"},
        {"Transfer_Encoding": "chunked, gzip"},
        {"Transfer_Encoding": "chunked, chunked"},
        {"Transfer_Encoding": ["chunked", "chunked"]},
        {"Transfer_Encoding": "xchunked"},
        {"Transfer_Encoding": "chunked;q=1"},
    ],
)
def test_responses_refused(answer):
    with pytest.raises(ParseError):
        judge(**answer)


def test_the_request_decides_too():
    def closing(method):
        return request(method, headers=[("Connection", "upgrade, Close")])

    def old(method):
        return request(method, version=HTTP_10)

    def in_a_hurry(method):
        return request(method, read_until_eof=False)

    assert judge(asked=closing, Content_Length="5") == (LENGTH, 5, False)
    assert judge(asked=old, Content_Length="5") == (LENGTH, 5, False)
    assert judge(asked=old, Content_Length="5", Connection="keep-alive") == (LENGTH, 5, True)
    assert judge(asked=in_a_hurry) == (NONE, 0, False)
    assert judge(asked=in_a_hurry, Content_Length="5") == (LENGTH, 5, True)
