"""Server-sent events by the rules of WHATWG HTML 9.2, as tables."""

from __future__ import annotations

import pytest

from anyiohttp._message.event_stream import EventStreamParser, ServerSentEvent
from anyiohttp.exceptions import BodyTooLargeError

Event = ServerSentEvent


def parse(data: bytes, step: int = 0, *, limit: int = 1 << 20) -> list[Event]:
    parser = EventStreamParser(max_event_size=limit)
    step = step or len(data) or 1
    pieces = (data[start : start + step] for start in range(0, len(data), step))
    return [event for piece in pieces for event in parser.feed(piece)]


CASES: dict[str, tuple[bytes, list[Event]]] = {
    # the examples of the specification
    "three messages": (
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        [Event("YHOO\n+2\n10")],
    ),
    "comments and ids": (
        b": test stream\n\ndata: first event\nid: 1\n\n"
        b"data:second event\nid\n\ndata:  third event\n\n",
        [Event("first event", id="1"), Event("second event"), Event(" third event")],
    ),
    "empty data": (b"data\n\ndata\ndata\n\ndata:", [Event(""), Event("\n")]),
    "with and without a space": (b"data:test\n\ndata: test\n\n", [Event("test"), Event("test")]),
    # lines
    "CR": (b"data: a\r\rdata: b\r\r", [Event("a"), Event("b")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event("a"), Event("b")]),
    "mixed": (b"data: a\rdata: b\r\ndata: c\n\r\n", [Event("a\nb\nc")]),
    "no line ends": (
        b"data: a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f\n\n",
        [Event("a\x0bb\x0cc\x1cd\x85e\u2028f")],
    ),
    "a BOM": (b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [Event("b")]),
    "a BOM later": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a")]),
    "no UTF-8": (b"data: \xff\xc3\n\n", [Event("\ufffd\ufffd")]),
    "UTF-8": ("data: ä€𝄞\n\n".encode(), [Event("ä€𝄞")]),
    # fields
    "a type": (b"event: add\ndata: a\n\ndata: b\n\n", [Event("a", "add"), Event("b")]),
    "the last type": (b"event: a\nevent: b\ndata: x\n\n", [Event("x", "b")]),
    "an empty type": (b"event: a\nevent:\ndata: x\n\n", [Event("x")]),
    "a type without data": (b"event: a\n\ndata: x\n\n", [Event("x")]),
    "an id stays": (b"id: 7\ndata: a\n\ndata: b\n\n", [Event("a", id="7"), Event("b", id="7")]),
    "an id without data": (b"id: 7\n\ndata: b\n\n", [Event("b", id="7")]),
    "an id with NUL": (
        b"id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n",
        [Event("a", id="7"), Event("b", id="7")],
    ),
    "retry": (b"retry: 1500\ndata: a\n\ndata: b\n\n", [Event("a", retry=1500), Event("b")]),
    "no retry": (
        b"retry: 1.5\nretry: -1\nretry:\nretry: 1a\nretry: \xd9\xa1\ndata: a\n\n",
        [Event("a")],
    ),
    "unknown fields": (b"date: a\nDATA: b\n data: c\nx\ndata : d\ndata: e\n\n", [Event("e")]),
    "colons": (b"data: a: b:c\n\n", [Event("a: b:c")]),
    "only comments": (b":\n:a\n\n: b\n\n", []),
    # ends
    "an event that is not complete": (b"data: a\n\ndata: b\n", [Event("a")]),
    "a line that is not complete": (b"data: a\n\ndata: b", [Event("a")]),
    "nothing": (b"", []),
    "empty lines": (b"\n\r\n\r\r\n", []),
}


@pytest.mark.parametrize("step", [0, 1, 2, 3])
@pytest.mark.parametrize(("data", "events"), CASES.values(), ids=CASES)
def test_cases(data: bytes, events: list[Event], step: int) -> None:
    assert parse(data, step) == events


def test_what_is_to_be_sent_when_reconnecting() -> None:
    parser = EventStreamParser("5", max_event_size=100)
    assert parser.last_event_id == "5"
    assert parser.feed(b"data: a\n\n") == [Event("a", id="5")]
    assert parser.feed(b"id: 6\nretry: 10\n") == []
    # Only what is complete has been received.
    assert parser.last_event_id == "5"
    assert parser.retry == 10
    assert parser.feed(b"\n") == []
    assert parser.last_event_id == "6"
    assert parser.feed(b"id\n\n") == []
    assert parser.last_event_id == ""


def test_an_enormous_retry() -> None:
    assert parse(b"retry: " + b"9" * 5000 + b"\ndata: a\n\n")[0].retry == 999_999_999_999


def test_json() -> None:
    assert Event('{"a": 1}').json() == {"a": 1}
    assert Event("x").json(loads=str.upper) == "X"


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    "data",
    [
        b"data: " + b"a" * 100,  # a line that does not end
        b"data: " + b"a" * 100 + b"\n\n",
        b"data: 0123456789\n" * 7 + b"\n",
        b"event: " + b"a" * 100 + b"\n",
    ],
)
def test_an_event_is_bounded(data: bytes, step: int) -> None:
    with pytest.raises(BodyTooLargeError, match="100 bytes"):
        parse(data, step, limit=100)
    assert parse(b": comments are none\n\n" * 20 + b"data: a\n\n" * 100, step, limit=100)
