"""What an answer to a range request is, and which validators are strong."""

from __future__ import annotations

import pytest

from anyiohttp.downloads.ranges import (
    Answer,
    Asked,
    Kind,
    is_coded,
    judge,
    modified_at,
    strong_validator,
)

OLD, NEW = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:59 GMT"
LATER = "Wed, 21 Oct 2015 07:29:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ETag": '"abc"'}, '"abc"'),
        ({"ETag": '""'}, '""'),
        ({"ETag": '"ü"'}, '"ü"'),
        ({"ETag": 'W/"abc"'}, None),
        ({"ETag": 'w/"abc"'}, None),
        ({"ETag": "abc"}, None),
        ({"ETag": '"a"b"'}, None),
        ({"ETag": '"a", "b"'}, None),
        ({"ETag": 'W/"abc"', "Last-Modified": OLD, "Date": LATER}, None),
        ({"Last-Modified": OLD, "Date": LATER}, OLD),
        ({"Last-Modified": NEW, "Date": LATER}, None),
        ({"Last-Modified": LATER, "Date": OLD}, None),
        ({"Last-Modified": OLD}, None),
        ({"Last-Modified": "yesterday", "Date": LATER}, None),
        ({"Last-Modified": OLD, "Date": "today"}, None),
        ({}, None),
    ],
)
def test_strong_validators(headers: dict[str, str], expected: str | None) -> None:
    assert strong_validator(headers) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(), {}),
        (Asked(0, None, True), {"Range": "bytes=0-"}),
        (Asked(5, 10, True), {"Range": "bytes=5-9"}),
        (Asked(5, None, True, '"a"'), {"Range": "bytes=5-", "If-Range": '"a"'}),
    ],
)
def test_fields_of_a_request(asked: Asked, expected: dict[str, str]) -> None:
    assert asked.headers() == expected


RANGED = Asked(10, 20, True, '"a"', 100)
OPEN = Asked(10, None, True)


@pytest.mark.parametrize(
    ("asked", "status", "headers", "expected"),
    [
        # all of it
        (Asked(), 200, {"Content-Length": "100"}, Answer(Kind.WHOLE, 0, 100, 100)),
        (Asked(), 200, {}, Answer(Kind.WHOLE)),
        (Asked(), 203, {"Content-Length": "0"}, Answer(Kind.WHOLE, 0, 0, 0)),
        (RANGED, 200, {"Content-Length": "7"}, Answer(Kind.WHOLE, 0, 7, 7)),
        (Asked(), 200, {"Content-Length": "9", "Content-Encoding": "gzip"}, Answer(Kind.WHOLE)),
        # a part
        (RANGED, 206, {"Content-Range": "bytes 10-19/100"}, Answer(Kind.PART, 10, 20, 100)),
        (RANGED, 206, {"Content-Range": "BYTES 10 - 14 / 100"}, Answer(Kind.PART, 10, 15, 100)),
        (OPEN, 206, {"Content-Range": "bytes 10-99/*"}, Answer(Kind.PART, 10, 100, None)),
        (
            RANGED,
            206,
            {"Content-Range": "bytes 10-19/100", "ETag": '"a"', "Content-Length": "10"},
            Answer(Kind.PART, 10, 20, 100),
        ),
        # of another version
        (RANGED, 206, {"Content-Range": "bytes 10-19/101"}, Answer(Kind.CHANGED, 10, 20, 101)),
        (
            RANGED,
            206,
            {"Content-Range": "bytes 10-19/100", "ETag": '"b"'},
            Answer(Kind.CHANGED, 10, 20, 100),
        ),
        (
            Asked(10, 20, True, OLD, 100),
            206,
            {"Content-Range": "bytes 10-19/100", "Last-Modified": NEW},
            Answer(Kind.CHANGED, 10, 20, 100),
        ),
        # nothing
        (RANGED, 416, {"Content-Range": "bytes */7"}, Answer(Kind.PAST_END, size=7)),
        (RANGED, 416, {"Content-Range": "bytes */*"}, Answer(Kind.PAST_END)),
        (RANGED, 416, {}, Answer(Kind.PAST_END)),
        (Asked(), 416, {}, Answer(Kind.REFUSED)),
        (Asked(), 304, {}, Answer(Kind.UNMODIFIED)),
        (Asked(), 404, {}, Answer(Kind.REFUSED)),
        (Asked(), 204, {}, Answer(Kind.REFUSED)),
        (Asked(), 302, {}, Answer(Kind.REFUSED)),
        (RANGED, 503, {}, Answer(Kind.REFUSED)),
    ],
)
def test_answers(asked: Asked, status: int, headers: dict[str, str], expected: Answer) -> None:
    assert judge(asked, status, headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Range": "bytes 0-9/100"},  # not what was asked for
        {"Content-Range": "bytes 11-19/100"},
        {"Content-Range": "bytes 10-20/100"},  # more than was asked for
        {"Content-Range": "bytes 19-10/100"},
        {"Content-Range": "bytes 10-19/15"},  # beyond its own end
        {"Content-Range": "bytes */100"},
        {"Content-Range": "lines 10-19/100"},
        {"Content-Range": "bytes 10-19"},
        {"Content-Range": "bytes -10-19/100"},
        {"Content-Range": "bytes 10-99999999999999999999/100"},
        {"Content-Range": "bytes 10-19/100", "Content-Length": "9"},
        {"Content-Range": "bytes 10-19/100", "Content-Encoding": "gzip"},
        {"Content-Type": "multipart/byteranges; boundary=x"},
    ],
)
def test_parts_that_are_none(headers: dict[str, str]) -> None:
    answer = judge(RANGED, 206, headers)
    assert answer.kind is Kind.UNFIT
    assert answer.reason


def test_a_part_that_nobody_asked_for() -> None:
    assert judge(Asked(), 206, {"Content-Range": "bytes 0-9/10"}).kind is Kind.UNFIT


@pytest.mark.parametrize(
    ("coding", "coded"),
    [("", False), ("identity", False), (" Identity ", False), ("gzip", True), ("br, gzip", True)],
)
def test_codings(coding: str, coded: bool) -> None:
    assert is_coded({"Content-Encoding": coding}) is coded
    assert is_coded({}) is False


def test_time_stamps() -> None:
    assert modified_at({"Last-Modified": OLD}) == 1445412480
    for value in ("", "soon", "Wed, 99 Oct 2015 07:28:00 GMT"):
        assert modified_at({"Last-Modified": value}) is None
