"""Where parts begin and end, and their heads."""

from __future__ import annotations

import time

import pytest

from anyiohttp import MalformedMultipartError
from anyiohttp._message.multipart_parsing import Delimiter, parse_boundary, parse_part_headers

CASES: list[tuple[bytes, bool, tuple[int, bool]]] = [
    # what there is, whether that is all; how much of it is data, whether a delimiter follows
    (b"", False, (0, False)),
    (b"data", False, (4, False)),
    (b"data\r\n--b\r\n", False, (4, True)),
    (b"data\r\n--b\n", False, (4, True)),
    (b"data\r\n--b--\r\n", False, (4, True)),
    (b"data\r\n--b \t \r\nrest", False, (4, True)),
    (b"data\r\n--b-- \r\n", False, (4, True)),
    # at the beginning of a line
    (b"--b\r\n", False, (0, True)),
    (b"--b--\r\n", False, (0, True)),
    (b"\r\n--b\r\n", False, (0, True)),
    (b"\r\n\r\n--b\r\n", False, (2, True)),
    # not yet to be told
    (b"data\r", False, (4, False)),
    (b"data\r\n-", False, (4, False)),
    (b"data\r\n--b", False, (4, False)),
    (b"data\r\n--b ", False, (4, False)),
    (b"data\r\n--b-", False, (4, False)),
    (b"data\r\n--b--", False, (4, False)),
    (b"data\r\n--b\r", False, (4, False)),
    (b"-", False, (0, False)),
    (b"--b", False, (0, False)),
    (b"\r\r\r\n", False, (2, False)),
    # and then there is no more
    (b"data\r", True, (5, False)),
    (b"data\r\n--", True, (8, False)),
    (b"data\r\n--b", True, (4, True)),
    (b"data\r\n--b--", True, (4, True)),
    (b"data\r\n--b-", True, (10, False)),
    (b"--", True, (2, False)),
    # what only looks like one
    (b"data\r\n--bc\r\n", False, (10, False)),
    (b"data\r\n--b-c\r\n--b\r\n", False, (11, True)),
    (b"data\r\n--b--c\r\n--b\r\n", False, (12, True)),
    (b"data\n--b\r\n", False, (8, False)),
    (b"data--b\r\n", False, (7, False)),
    (b"--bb\r\n--b\r\n", False, (4, True)),
    (b"\r\n--\r\n--b\r\n", False, (4, True)),
    (b"data\r\n--b" + b" " * 300 + b"\r\n", False, (309, False)),
]


@pytest.mark.parametrize(("data", "ended", "expected"), CASES)
def test_finding(data: bytes, ended: bool, expected: tuple[int, bool]):
    assert Delimiter(b"--b").find(bytearray(data), ended=ended, at_line=True) == expected


@pytest.mark.parametrize(("data", "ended", "expected"), [case for case in CASES if case[2][1]])
def test_each_byte_by_itself(data: bytes, ended: bool, expected: tuple[int, bool]):
    """What is known of the beginning stays so, and nothing of the delimiter is taken for data."""
    delimiter, buffer, known = Delimiter(b"--b"), bytearray(), 0
    for byte in data:
        buffer.append(byte)
        known, found = delimiter.find(buffer, known, at_line=known == 0)
        assert known <= expected[0]
        if found:
            break
    else:
        assert ended
        known, found = delimiter.find(buffer, known, ended=True, at_line=known == 0)
    assert (known, found) == expected
    del buffer[:known]
    last = b"--b--" in buffer
    assert delimiter.take(buffer) == last
    assert not buffer


def test_taking():
    buffer = bytearray(b"\r\n--b \r\nX: 1\r\n")
    assert Delimiter(b"--b").take(buffer) is False
    assert buffer == b"X: 1\r\n"
    buffer = bytearray(b"--b--")
    assert Delimiter(b"--b").take(buffer) is True
    assert buffer == b""


@pytest.mark.parametrize(
    "data", [b"\r", b"\r\n", b"\r\n--", b"\r\n--b ", b"\r\n--b-", b"\r\n--bc", b"-", b"x"]
)
def test_it_is_linear(data: bytes):
    delimiter, buffer = Delimiter(b"--b"), bytearray(data * (300_000 // len(data)))
    begun = time.process_time()
    delimiter.find(buffer)
    delimiter.find(buffer, ended=True)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("multipart/mixed; boundary=b", ("mixed", b"--b")),
        ('Multipart/Form-Data; charset=x; BOUNDARY="a b"', ("form-data", b"--a b")),
        ("multipart/x+y;boundary=':'", ("x+y", b"--':'")),
        ('multipart/mixed; boundary="' + "b" * 70 + '"', ("mixed", b"--" + b"b" * 70)),
    ],
)
def test_boundaries(content_type: str, expected: tuple[str, bytes]):
    assert parse_boundary(content_type) == expected


@pytest.mark.parametrize(
    ("content_type", "match"),
    [
        ("", "expected"),
        ("text/plain; boundary=b", "expected"),
        ("multipart/mixed", "boundary missed"),
        ('multipart/mixed; boundary=""', "boundary missed"),
        ("multipart/mixed; boundary=" + "b" * 71, "too long"),
    ],
)
def test_no_boundaries(content_type: str, match: str):
    with pytest.raises(MalformedMultipartError, match=match):
        parse_boundary(content_type)


def test_heads():
    headers = parse_part_headers(
        [
            b"Content-Type: text/plain;",
            b"\t charset=utf-8 ",
            b"X-A:",
            b"x-a:  b:c ",
            b"Y: \xc3\xbc\xff",
        ]
    )
    assert list(headers.items()) == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-A", ""),
        ("x-a", "b:c"),
        ("Y", "ü\udcff"),
    ]
    assert headers["CONTENT-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "lines",
    [
        [b"no colon"],
        [b": x"],
        [b"a b: x"],
        [b"\xff: x"],
        [b" x"],
        [b"a: \0"],
        [b"a: b\rc"],
        [b"a : x"],
    ],
)
def test_malformed_heads(lines: list[bytes]):
    with pytest.raises(MalformedMultipartError):
        parse_part_headers(lines)
