"""Heads: tables of bytes and what they mean, limits with their exact edges, and splits anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._protocol.base import HTTP_10, HTTP_11, MessageLimits
from anyiohttp._protocol.http1.parsing import (
    MAX_BLANK,
    MAX_INFORMATIONAL,
    MAX_WHITESPACE,
    MOST_KNOWN,
    ParseError,
    ResponseParser,
)

LIMITS = MessageLimits()
OK = b"HTTP/1.1 200 OK\r\n"


def parse(*pieces: bytes, limits: MessageLimits = LIMITS, upgrade: bool = False) -> ResponseParser:
    parser = ResponseParser(limits, upgrade=upgrade)
    for piece in pieces:
        parser.feed(piece)
    return parser


HEADS = [
    (OK + b"\r\n", 200, "OK", []),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, "No Content", []),
    (b"HTTP/1.1 200\r\n\r\n", 200, "", []),
    (b"HTTP/1.1 200 \r\n\r\n", 200, "", []),
    (b"HTTP/1.1 999 Odd\r\n\r\n", 999, "Odd", []),
    ("HTTP/1.1 404 Niño\r\n\r\n".encode(), 404, "Niño", []),
    (b"HTTP/1.1 200 \xff\r\n\r\n", 200, "\udcff", []),
    (OK + b"X-oDD: a\r\nA:b\r\n\r\n", 200, "OK", [(b"X-oDD", b"a"), (b"A", b"b")]),
    (OK + b"A:\r\nB:  \r\n\r\n", 200, "OK", [(b"A", b""), (b"B", b"")]),
    (OK + b"A:  b \t \r\n\r\n", 200, "OK", [(b"A", b"b")]),
    (OK + b"A: \xff\xfe\r\n\r\n", 200, "OK", [(b"A", b"\xff\xfe")]),
    (OK + b"A: 1\r\na: 2\r\n\r\n", 200, "OK", [(b"A", b"1"), (b"a", b"2")]),
    # folded lines
    (OK + b"A: 1\r\n 2\r\n\t 3\r\nB: 4\r\n\r\n", 200, "OK", [(b"A", b"1 2 3"), (b"B", b"4")]),
    # bare LF, alone and mixed
    (b"HTTP/1.1 200 OK\nA: 1\n\n", 200, "OK", [(b"A", b"1")]),
    (b"HTTP/1.1 200 OK\nA: 1\r\n\n", 200, "OK", [(b"A", b"1")]),
    (b"HTTP/1.1 200 OK\r\nA: 1\n\r\n", 200, "OK", [(b"A", b"1")]),
    # equal Content-Lengths
    (OK + b"Content-Length: 5, 5\r\n\r\n", 200, "OK", [(b"Content-Length", b"5")]),
    (
        OK + b"A: 1\r\nContent-Length: 5\r\nB: 2\r\ncontent-length: 5\r\n\r\n",
        200,
        "OK",
        [(b"A", b"1"), (b"Content-Length", b"5"), (b"B", b"2")],
    ),
    # for ``framing`` to judge
    (
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        200,
        "OK",
        [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")],
    ),
    (b"\r\n\r\n" + OK + b"\r\n", 200, "OK", []),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n", 200, "OK", []),
    (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102\r\n\r\n"
        + OK
        + b"A: 1\r\n\r\n",
        200,
        "OK",
        [(b"A", b"1")],
    ),
]


@pytest.mark.parametrize(("data", "status", "reason", "headers"), HEADS)
def test_heads(data, status, reason, headers):
    head = parse(data).head
    assert head is not None
    assert (head.status, head.reason, head.version) == (status, reason, HTTP_11)
    assert list(head.headers) == headers


@pytest.mark.parametrize(("data", "status", "reason", "headers"), HEADS)
def test_heads_split_anywhere(data, status, reason, headers):
    for position in range(len(data) + 1):
        parser = parse(data[:position], data[position:] + b"body")
        assert parser.head == parse(data).head
        assert parser.rest == b"body"


@pytest.mark.parametrize(("data", "status", "reason", "headers"), HEADS)
def test_heads_byte_by_byte(data, status, reason, headers):
    parser = parse(*[data[i : i + 1] for i in range(len(data))])
    assert parser.head == parse(data).head
    assert parser.rest == b""


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (OK + b"Content-Length: 3\r\n\r\n", True),
        (OK + b"A: " + b"a" * 3000 + b"\r\n\r\n", False),
        (OK + b"Set-Cookie: a=b\r\n\r\n", False),
        (OK + b"set-COOKIE: a=b\r\n\r\n", False),
        (OK + b"X-Auth-Key: a\r\n\r\n", False),
        (OK + b"X-CSRF-Token: a\r\n\r\n", False),
        (OK + b"Location: /reset?code=a\r\n\r\n", False),
    ],
)
def test_a_head_that_comes_again_is_judged_once_unless_it_is_long_or_secret(data, kept):
    first, again = parse(data).head, parse(data[:9], data[9:]).head
    assert first == again
    assert (first is again) == kept
    assert first is not None
    assert type(first.headers) is tuple  # nobody can change it for others


def test_a_head_that_was_accepted_once_is_not_if_the_limits_are_others():
    data = OK + b"A: 1\r\nB: 2\r\n\r\n"
    assert parse(data).head is parse(data).head
    for limits in (
        MessageLimits(max_headers=1),
        MessageLimits(max_line_size=5),
        MessageLimits(max_field_size=1),
    ):
        with pytest.raises(ParseError):
            parse(data, limits=limits)
    assert parse(data, limits=MessageLimits(max_headers=2)).head == parse(data).head


def test_only_so_many_heads_are_kept():
    first = parse(OK + b"Known: 0\r\n\r\n").head
    later = [parse(OK + b"Known: %d\r\n\r\n" % number).head for number in range(1, MOST_KNOWN + 1)]
    for number in range(2, MOST_KNOWN + 1):
        assert parse(OK + b"Known: %d\r\n\r\n" % number).head is later[number - 1]
    assert parse(OK + b"Known: 0\r\n\r\n").head is not first


def test_version_1_0():
    head = parse(b"HTTP/1.0 200 OK\r\n\r\n").head
    assert head is not None
    assert head.version == HTTP_10


def test_what_follows_the_head_is_kept():
    parser = parse(OK + b"\r\nabc")
    assert parser.rest == b"abc"
    parser.feed(b"def")
    assert parser.rest == b"abcdef"


def test_a_bare_empty_line_ends_the_head_before_a_later_crlf():
    parser = parse(b"HTTP/1.1 200 OK\nContent-Length: 9\n\nab\r\n\r\ncd")
    assert parser.rest == b"ab\r\n\r\ncd"


def test_state_of_hearing():
    parser = parse()
    assert (parser.started, parser.continued) == (False, False)
    parser.feed(b"H")
    assert (parser.started, parser.continued) == (True, False)
    parser.feed(b"TTP/1.1 102 Processing\r\n\r\n")
    assert not parser.continued
    parser.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert parser.continued
    assert parser.head is None


MALFORMED = [
    b"garbage",
    b"ICY 200 OK\r\n\r\n",
    b"http/1.1 200 OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/0.9 200 OK\r\n\r\n",
    b"HTTP/1.2 200 OK\r\n\r\n",
    b"HTTP/1.10 200 OK\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x15\x03\x03\x00\x02\x02\x46",
    b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    b"<html></html>",
    b"220 mail.example.org ESMTP\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 a\0b\r\n\r\n",
    b"HTTP/1.1 200 a\x01b\r\n\r\n",
    b"HTTP/1.1 200 OK\rA: 1\r\n\r\n",
    OK + b"A: a\0b\r\n\r\n",
    OK + b"A: a\x01b\r\n\r\n",
    OK + b"A: a\rb\r\n\r\n",
    OK + b"A: a\r\rb: c\r\n\r\n",
    OK + b"A : b\r\n\r\n",
    OK + b": b\r\n\r\n",
    OK + b"\xff: b\r\n\r\n",
    OK + b"no colon\r\n\r\n",
    OK + b" A: folded onto nothing\r\n\r\n",
    OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    OK + b"Content-Length: 5, 6\r\n\r\n",
    OK + b"Content-Length: 5,\r\n\r\n",
    OK + b"Content-Length: +5\r\n\r\n",
    OK + b"Content-Length: -5\r\n\r\n",
    OK + b"Content-Length: 5 5\r\n\r\n",
    OK + b"Content-Length: 0x5\r\n\r\n",
    OK + b"Content-Length:\r\n\r\n",
    OK + b"Content-Length: 99999999999999999999\r\n\r\n",
    OK + b"Transfer-Encoding:\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed(data):
    with pytest.raises(ParseError):
        parse(data)


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_split_anywhere(data):
    for position in range(1, len(data)):
        with pytest.raises(ParseError):
            parse(data[:position], data[position:])


@pytest.mark.parametrize(
    "headers", [b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"A: 1\r\n 2\r\n"]
)
def test_101_if_asked_for(headers):
    parser = parse(b"HTTP/1.1 101 Go\r\n" + headers + b"\r\n\x81\x00", upgrade=True)
    assert parser.head is not None
    assert parser.head.status == 101
    assert parser.rest == b"\x81\x00"


def test_a_mended_head_that_upgrades():
    data = b"HTTP/1.1 101 Go\nUpgrade: websocket\nConnection: Upgrade\n\nxyz"
    parser = parse(data, upgrade=True)
    assert parser.head is not None
    assert parser.rest == b"xyz"


def test_garbage_is_refused_at_its_first_byte():
    with pytest.raises(ParseError, match="begins with b'x'"):
        parse(b"HTT"[:0], b"x")
    with pytest.raises(ParseError, match="begins with b'HTx'"):
        parse(b"HT", b"x")


def test_empty_lines_before_the_status_line_are_bounded():
    assert parse(b"\r\n" * (MAX_BLANK // 2) + OK + b"\r\n").head is not None
    for pieces in ([b"\r\n" * MAX_BLANK], [b"\n"] * (MAX_BLANK + 1)):
        with pytest.raises(ParseError, match="empty lines"):
            parse(*pieces)


def test_informational_responses_are_bounded():
    one = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    assert parse(one * MAX_INFORMATIONAL + OK + b"\r\n").head is not None
    with pytest.raises(ParseError, match="informational"):
        parse(one * (MAX_INFORMATIONAL + 1))


# --- limits ---------------------------------------------------------------------------------


def both_ways(data: bytes, limits: MessageLimits = LIMITS) -> None:
    """Whole, and in small pieces: the limits are the same."""
    parse(data, limits=limits)
    parse(*[data[i : i + 100] for i in range(0, len(data), 100)], limits=limits)
    parse(data[:-1], data[-1:], limits=limits)


def refused_both_ways(data: bytes, limits: MessageLimits = LIMITS) -> None:
    with pytest.raises(ParseError):
        parse(data, limits=limits)
    with pytest.raises(ParseError):
        parse(*[data[i : i + 100] for i in range(0, len(data), 100)], limits=limits)
    with pytest.raises(ParseError):
        parse(data[:-1], data[-1:], limits=limits)


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("limits", [LIMITS, MessageLimits(max_line_size=100)])
def test_status_line_limit(newline, limits):
    line = b"HTTP/1.1 200 ".ljust(limits.max_line_size, b"x")
    both_ways(line + newline * 2, limits)
    refused_both_ways(line + b"x" + newline * 2, limits)


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("limits", [LIMITS, MessageLimits(max_field_size=100)])
@pytest.mark.parametrize("after", [b"", b"B: c"])
def test_field_limit(newline, limits, after):
    rest = newline + (after + newline if after else b"") + newline
    value = b"x" * (limits.max_field_size - 4)
    start = b"HTTP/1.1 200 OK" + newline
    both_ways(start + b"Name:  " + value + b"  " + rest, limits)
    refused_both_ways(start + b"Name: x" + value + rest, limits)


def test_a_folded_field_counts_as_one():
    limits = MessageLimits(max_field_size=100)
    refused_both_ways(OK + b"A: " + b"x" * 60 + b"\r\n " + b"y" * 60 + b"\r\n\r\n", limits)
    parser = parse(OK + b"A: " + b"x" * 40 + b"\r\n " + b"y" * 40 + b"\r\n\r\n", limits=limits)
    assert parser.head is not None


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("size", [1, 100])
def test_number_of_fields(newline, size):
    fields = b"".join(b"A%d: " % i + b"x" * size + newline for i in range(128))
    start = b"HTTP/1.1 200 OK" + newline
    both_ways(start + fields + newline + b"body")
    refused_both_ways(start + fields + b"B: x" + newline * 2)


def test_limits_below_the_defaults_count_too():
    limits = MessageLimits(max_headers=1)
    both_ways(OK + b"A: 1\r\n\r\n", limits)
    refused_both_ways(OK + b"A: 1\r\nB: 2\r\n\r\n", limits)


ENDLESS = [b"x", b"A: x\r\n", b" folded\r\n", b": \r\n", b"\t"]


@pytest.mark.parametrize("piece", ENDLESS)
@pytest.mark.parametrize("start", [b"HTTP/1.1 200 ", OK, OK + b"A: "])
def test_heads_without_end_are_cut(start, piece):
    parser = ResponseParser(LIMITS)
    parser.feed(start)
    fed = 0
    with pytest.raises(ParseError):
        while True:
            parser.feed(piece)
            fed += len(piece)
            assert fed <= 2 * LIMITS.max_line_size + MAX_WHITESPACE + 128 * len(piece)


def test_an_endless_line_is_cut_as_soon_as_the_limit_is_passed():
    parser = ResponseParser(LIMITS)
    parser.feed(OK + b"Name: " + b"x" * (8190 - 4))
    with pytest.raises(ParseError, match="longer than 8190 bytes"):
        parser.feed(b"x")


def test_white_space_has_an_end_too():
    refused_both_ways(OK + b"A:" + b" " * 20_000 + b"b\r\n\r\n")


# --- anything -------------------------------------------------------------------------------

_FRAGMENTS = [
    *[data for data, *_ in HEADS],
    *MALFORMED,
    *[b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\0", b"HTTP/1.1 200 OK", b"A: b", b"x" * 90],
]


def outcome(*pieces: bytes) -> object:
    limits = MessageLimits(max_line_size=100, max_field_size=100, max_headers=4)
    try:
        parser = parse(*pieces, limits=limits)
    except ParseError:
        return "refused"
    return (parser.head, parser.rest, parser.continued)


@given(st.lists(st.sampled_from(_FRAGMENTS) | st.binary(max_size=5), max_size=6), st.data())
def test_whatever_comes_is_a_head_or_refused_however_it_is_split(fragments, data):
    whole = b"".join(fragments)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert outcome(*pieces) == outcome(whole)
