"""What stands after the URL."""

from __future__ import annotations

import pytest

from anyiohttp.cli.items import Item, ItemError, Kind, parse_header, parse_item

H, Q, T, J, F = Kind.HEADER, Kind.QUERY, Kind.TEXT, Kind.JSON, Kind.FILE


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("X-A:b", Item(H, "X-A", "b")),
        ("X-A: b ", Item(H, "X-A", "b")),
        ("X-A:", Item(H, "X-A", None)),
        ("X-A;", Item(H, "X-A", "")),
        ("X-URL:http://a/?b==c", Item(H, "X-URL", "http://a/?b==c")),
        ("a==b", Item(Q, "a", "b")),
        ("a==", Item(Q, "a", "")),
        ("a==b=c:d@e", Item(Q, "a", "b=c:d@e")),
        ("a=b", Item(T, "a", "b")),
        ("a=", Item(T, "a", "")),
        ("a= b ", Item(T, "a", " b ")),
        ("a=b==c", Item(T, "a", "b==c")),
        ("a=two\nlines", Item(T, "a", "two\nlines")),
        ("a=b\\=c", Item(T, "a", "b\\=c")),
        ("a:=1", Item(J, "a", "1")),
        ('a:={"b": 1}', Item(J, "a", '{"b": 1}')),
        ("a@b.txt", Item(F, "a", "b.txt")),
        ("a@b.txt;type=text/x", Item(F, "a", "b.txt", "text/x")),
        ("a@b;c.txt", Item(F, "a", "b;c.txt")),
        ("@b.txt", Item(F, "", "b.txt")),
        ("@-", Item(F, "", "-")),
        ("a=@b.txt", Item(Kind.TEXT_OF_FILE, "a", "b.txt")),
        ("a:=@b.json", Item(Kind.JSON_OF_FILE, "a", "b.json")),
        (r"a\:b=c", Item(T, "a:b", "c")),
        (r"a\=b==c", Item(Q, "a=b", "c")),
        (r"a\@b=c", Item(T, "a@b", "c")),
        (r"a\\=b", Item(T, "a\\", "b")),
        (r"C\:\dir=x", Item(T, r"C:\dir", "x")),
        ("é=ü", Item(T, "é", "ü")),
    ],
)
def test_items(text: str, item: Item) -> None:
    assert parse_item(text) == item


@pytest.mark.parametrize("text", ["", "word", ";", "=b", "==b", ":b", ":=1", "a@", "@", "a=@"])
def test_no_items(text: str) -> None:
    with pytest.raises(ItemError) as caught:
        parse_item(text)
    assert repr(text) in str(caught.value)


def test_headers_of_the_option() -> None:
    assert parse_header("X-A: b=c@d") == Item(H, "X-A", "b=c@d")
    assert parse_header("X-A:") == Item(H, "X-A", None)
    for text in ("", "no colon", ": value"):
        with pytest.raises(ItemError):
            parse_header(text)
