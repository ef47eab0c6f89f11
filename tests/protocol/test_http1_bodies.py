"""Bodies: tables of bytes and what they mean, split anywhere; what is wrong or endless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._protocol.base import MessageLimits
from anyiohttp._protocol.http1.bodies import MAX_EXTENSIONS, FramedBody, body_for
from anyiohttp._protocol.http1.framing import Delimiter, ParseError, ResponseFraming

LIMITS = MessageLimits()


def make(delimiter: Delimiter, length: int = 0, limits: MessageLimits = LIMITS) -> FramedBody:
    return body_for(ResponseFraming(delimiter, length, keep_alive=True), limits)


def chunked(limits: MessageLimits = LIMITS) -> FramedBody:
    return make(Delimiter.CHUNKED, limits=limits)


CHUNKED = [
    (b"0\r\n\r\n", b"", []),
    (b"000\r\n\r\n", b"", []),
    (b"3\r\nabc\r\n0\r\n\r\n", b"abc", []),
    (b"3\r\nabc\r\n002\r\nde\r\n0\r\n\r\n", b"abcde", []),
    (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, []),
    (b"3;a=b\r\nabc\r\n0;c\r\n\r\n", b"abc", []),
    (b'3 ;a="x;y"\r\nabc\r\n0\r\n\r\n', b"abc", []),
    (b"3 \r\nabc\r\n0 \t\r\n\r\n", b"abc", []),
    (b"5\r\n\r\n0\r\n\r\n0\r\n\r\n", b"\r\n0\r\n", []),
    (b"1\r\na\r\n0\r\nT: 1\r\nt: 2\r\n\r\n", b"a", [(b"T", b"1"), (b"t", b"2")]),
    (b"1\r\na\r\n0\r\nX-Empty:\r\n\r\n", b"a", [(b"X-Empty", b"")]),
    (b"0\r\nT: 1\r\n 2\r\n\r\n", b"", [(b"T", b"1 2")]),
]


@pytest.mark.parametrize(("data", "content", "trailers"), CHUNKED)
def test_chunked(data, content, trailers):
    for position in range(len(data) + 1):
        body = chunked()
        got = body.feed(data[:position]) + body.feed(data[position:])
        assert (got, list(body.trailers)) == (content, trailers)
        assert body.complete
        assert not body.excess
        body.end()


@pytest.mark.parametrize(("data", "content", "trailers"), CHUNKED)
def test_chunked_byte_by_byte(data, content, trailers):
    body = chunked()
    got = b"".join(body.feed(data[i : i + 1]) for i in range(len(data)))
    assert (got, list(body.trailers), body.complete) == (content, trailers, True)


@pytest.mark.parametrize(("data", "content", "trailers"), CHUNKED)
def test_chunked_with_excess(data, content, trailers):
    for split in (len(data) - 1, len(data), len(data) + 1):
        whole = data + b"\r\nHTTP/1.1 200 OK\r\n\r\n"
        body = chunked()
        assert body.feed(whole[:split]) + body.feed(whole[split:]) == content
        assert body.complete
        assert body.excess


@pytest.mark.parametrize(("data", "content", "trailers"), CHUNKED)
def test_chunked_cut_short(data, content, trailers):
    for position in range(len(data)):
        body = chunked()
        body.feed(data[:position])
        assert not body.complete
        with pytest.raises(ParseError, match="before the last one"):
            body.end()


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b";\r\nabc\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na",
        b"0x1\r\na",
        b"1_0\r\n",
        b" 1\r\na",
        b"1 1\r\na",
        b"3\nabc\n0\n\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\r0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n",
        b"3;a\0b\r\nabc\r\n",
        b'3;a="\r\n"\r\nabc\r\n',
        b"ffffffffffffffff\r\n",
        b"1" + b"0" * 15 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nA: \0\r\n\r\n",
        b"0\r\n A: 1\r\n\r\n",
    ],
)
def test_wrong_chunks(data):
    for position in range(len(data)):
        body = chunked()
        with pytest.raises(ParseError):
            body.feed(data[:position])
            body.feed(data[position:])


def test_a_wrong_size_line_is_refused_before_it_ends():
    body = chunked()
    with pytest.raises(ParseError, match="size line b'<htm'"):
        body.feed(b"<htm")


def test_extensions_are_bounded():
    spare = MAX_EXTENSIONS + 18
    ok = b"1;" + b"a" * (spare - 3) + b"\r\nx\r\n"
    assert chunked().feed(ok) == b"x"
    with pytest.raises(ParseError, match="extensions"):
        chunked().feed(b"1;" + b"a" * (spare - 2) + b"\r\nx\r\n")
    body = chunked()
    body.feed(ok)
    with pytest.raises(ParseError, match="extensions"):
        body.feed(b"1;" + b"a" * 18 + b"\r\nx\r\n")


@pytest.mark.parametrize("start", [b"1;", b"0", b'1;a="'])
def test_size_lines_without_end_are_cut(start):
    body = chunked()
    body.feed(start)
    fed = 0
    with pytest.raises(ParseError, match="extensions"):
        while True:
            body.feed(b"0" * 100)
            fed += 100
            assert fed < MAX_EXTENSIONS + 200


def test_trailers_are_limited_as_headers_are():
    fields = b"".join(b"A%d: x\r\n" % i for i in range(128))
    body = chunked()
    body.feed(b"0\r\n" + fields + b"\r\n")
    assert len(body.trailers) == 128
    for pieces in ([b"0\r\n" + fields + b"B: x\r\n\r\n"], [b"0\r\n", fields, b"B: x\r\n", b"\r\n"]):
        body = chunked()
        with pytest.raises(ParseError, match="128"):
            for piece in pieces:
                body.feed(piece)
    body = chunked()
    body.feed(b"0\r\nA: ")
    with pytest.raises(ParseError, match="8190"):
        body.feed(b"x" * 8190)


def test_length():
    data = b"0123456789"
    for position in range(len(data) + 1):
        body = make(Delimiter.LENGTH, 10)
        assert body.feed(data[:position]) == data[:position]
        assert body.complete == (position == 10)
        if position < 10:
            with pytest.raises(ParseError, match=f"after {position} of 10 bytes"):
                body.end()
        assert body.feed(data[position:]) == data[position:]
        assert body.complete
        assert not body.excess
        body.end()


def test_length_zero_is_complete():
    body = make(Delimiter.LENGTH, 0)
    assert body.complete
    assert body.feed(b"x") == b""
    assert body.excess


def test_length_with_excess():
    body = make(Delimiter.LENGTH, 3)
    assert body.feed(b"abcdef") == b"abc"
    assert body.excess
    assert body.feed(b"g") == b""


def test_until_the_end():
    body = make(Delimiter.END)
    assert body.feed(b"abc") == b"abc"
    assert not body.complete
    body.end()
    assert body.complete


def test_nothing():
    body = make(Delimiter.NOTHING)
    assert body.complete
    assert body.feed(b"") == b""
    assert not body.excess
    assert body.feed(b"x") == b""
    assert body.excess
    body.end()
    assert list(body.trailers) == []


def test_tunnel_has_no_body():
    assert make(Delimiter.TUNNEL).complete


_FRAGMENTS = [
    *[data for data, *_ in CHUNKED],
    *[b"3\r\nabc\r\n", b"0\r\n", b"\r", b"\n", b"\r\n", b"3", b";x", b"T: 1\r\n", b"\0"],
]


def outcome(*pieces: bytes) -> object:
    body = chunked(MessageLimits(max_line_size=100, max_field_size=20, max_headers=2))
    try:
        content = b"".join([body.feed(piece) for piece in pieces])
    except ParseError:
        return "refused"
    return (content, body.complete, body.excess, list(body.trailers))


@given(st.lists(st.sampled_from(_FRAGMENTS) | st.binary(max_size=5), max_size=6), st.data())
def test_whatever_comes_is_read_or_refused_however_it_is_split(fragments, data):
    whole = b"".join(fragments)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert outcome(*pieces) == outcome(whole)


# --- where chunks end -----------------------------------------------------------------------

THREE_CHUNKS = b"3\r\nabc\r\n1\r\nd\r\n02;x=y\r\nef\r\n0\r\nT: 1\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 100])
def test_where_chunks_end(size: int) -> None:
    """Each end is told once, however the bytes come, and also if it comes without data."""
    body, ends, given = chunked(), [], 0
    for start in range(0, len(THREE_CHUNKS), size):
        given += len(body.feed(THREE_CHUNKS[start : start + size]))
        found = body.take_chunk_ends()
        assert all(end <= given for end in found)
        ends += found
    assert ends == [3, 4, 6]
    assert body.take_chunk_ends() == []


def test_ends_that_nobody_asks_for_are_not_kept() -> None:
    body = chunked()
    for _ in range(1000):
        body.feed(b"1\r\na\r\n")
    assert len(body.take_chunk_ends()) <= 2
    for _ in range(1000):
        body.feed(b"1\r\na")
        body.feed(b"\r\n1\r\nb\r")
        body.feed(b"\n")
    assert body.take_chunk_ends() == [3000]


def test_other_bodies_have_no_chunks() -> None:
    for body in (make(Delimiter.LENGTH, 3), make(Delimiter.END), make(Delimiter.NOTHING)):
        if not body.complete:
            body.feed(b"abc")
        assert body.take_chunk_ends() == ()
