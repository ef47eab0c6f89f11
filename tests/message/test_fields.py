from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from anyiohttp._message.content_disposition import ContentDisposition
from anyiohttp._message.fields import HeaderFields, parse_cookies

BASE = URL("http://example.org/a/b")


def fields(*raw: tuple[bytes, bytes]) -> HeaderFields:
    return HeaderFields(raw, BASE, parse_cookies)


def test_headers() -> None:
    some = fields((b"X-One", b"1"), (b"x-one", b"2"), (b"X-Utf", "ä€".encode()))
    assert some.headers["x-ONE"] == "1"
    assert some.headers.getall("X-One") == ["1", "2"]
    assert some.headers["X-Utf"] == "ä€"
    assert some.raw_headers == ((b"X-One", b"1"), (b"x-one", b"2"), (b"X-Utf", "ä€".encode()))
    assert some.headers is some.headers


def test_bytes_that_are_no_utf8_are_not_lost() -> None:
    value = fields((b"X", b"\xe9")).headers["X"]
    assert value.encode("utf-8", "surrogateescape") == b"\xe9"


def test_raw_headers_are_bytes() -> None:
    assert fields((bytearray(b"A"), memoryview(b"b"))).raw_headers == ((b"A", b"b"),)


def test_nothing_there() -> None:
    none = fields()
    assert none.content_type == "application/octet-stream"
    assert none.charset is None
    assert none.content_length is None
    assert none.content_disposition is None
    assert len(none.links) == 0
    assert len(none.cookies) == 0


@pytest.mark.parametrize(
    ("value", "content_type", "charset"),
    [
        (b"text/html", "text/html", None),
        (b"Text/HTML; charset=UTF-8", "text/html", "UTF-8"),
        (b'text/html;charset="utf-8"', "text/html", "utf-8"),
        (b"application/vnd.api+json ; a=b; CharSet=latin1", "application/vnd.api+json", "latin1"),
        (b"text", "application/octet-stream", None),
        (b"", "application/octet-stream", None),
        (b"a/b/c", "application/octet-stream", None),
    ],
)
def test_content_type(value: bytes, content_type: str, charset: str | None) -> None:
    some = fields((b"Content-Type", value))
    assert some.content_type == content_type
    assert some.charset == charset


@pytest.mark.parametrize(
    ("value", "length"),
    [(b"12", 12), (b"0", 0), (b" 7 ", 7), (b"5, 5", 5), (b"x", None), (b"-1", None), (b"", None)],
)
def test_content_length(value: bytes, length: int | None) -> None:
    assert fields((b"content-length", value)).content_length == length


def test_content_disposition() -> None:
    some = fields((b"Content-Disposition", b"attachment; filename*=utf-8''%c3%a4; x=y"))
    disposition = some.content_disposition
    assert disposition == ContentDisposition("attachment", {"filename*": "ä", "x": "y"}, "ä")  # type: ignore[arg-type]
    assert disposition is some.content_disposition
    with pytest.raises(TypeError):
        disposition.parameters["x"] = "z"  # type: ignore[index]


def test_links() -> None:
    some = fields((b"Link", b"<c>; rel=next"), (b"Link", b"</d>; rel=prev"))
    assert some.links["next"]["url"] == URL("http://example.org/a/c")
    assert some.links["prev"]["url"] == URL("http://example.org/d")


def test_cookies() -> None:
    some = fields(
        (b"Set-Cookie", b"a=1; Path=/; HttpOnly"),
        (b"Set-Cookie", b"b@c=2"),
        (b"Set-Cookie", b"c=3"),
    )
    assert some.cookies["a"].value == "1"
    assert some.cookies["a"]["path"] == "/"
    assert some.cookies["c"].value == "3"


def test_cookies_that_http_cookies_refuses() -> None:
    assert list(parse_cookies(["a=1", "b\x07c=\x07", "path=2; c=3"])) == ["a"]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_fails(name: bytes, value: bytes) -> None:
    some = fields(
        (name, value),
        *(
            (known, value)
            for known in (b"Content-Type", b"Content-Length", b"Content-Disposition", b"Link")
        ),
        (b"Set-Cookie", value),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _ = some.content_disposition
    _ = (some.content_type, some.charset, some.content_length, some.links, some.cookies)
