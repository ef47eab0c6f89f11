from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from anyiohttp._message.links import parse_links

BASE = URL("http://example.org/a/b?q=1")


def test_none() -> None:
    assert len(parse_links([], BASE)) == 0


def test_relation_and_parameters() -> None:
    links = parse_links(['<http://x.org/next>; rel=next; title="a, b; c"; media=print'], BASE)
    link = links["next"]
    assert dict(link) == {
        "rel": "next",
        "title": "a, b; c",
        "media": "print",
        "url": URL("http://x.org/next"),
    }


def test_relative_targets() -> None:
    links = parse_links(["</c>; rel=up", "<?page=2>; rel=next, <d>; rel=down"], BASE)
    assert links["up"]["url"] == URL("http://example.org/c")
    assert links["next"]["url"] == URL("http://example.org/a/b?page=2")
    assert links["down"]["url"] == URL("http://example.org/a/d")


def test_without_relation_the_target_is_the_key() -> None:
    links = parse_links(["<http://x.org/,>"], BASE)
    assert links["http://x.org/,"]["url"] == URL("http://x.org/,")


def test_several_of_one_relation_and_several_values() -> None:
    links = parse_links(["<a>; rel=item, <b>; rel=item; rel=other"], BASE)
    assert [str(link["url"]) for link in links.getall("item")] == [
        "http://example.org/a/a",
        "http://example.org/a/b",
    ]
    assert links.getall("item")[1].getall("rel") == ["item", "other"]


@pytest.mark.parametrize(
    ("parameter", "name", "value"),
    [
        ("REL=next", "rel", "next"),
        ("rel = next", "rel", "next"),
        ("rel='next'", "rel", "next"),
        (r'title="say \"hi\""', "title", 'say "hi"'),
        ("title*=UTF-8''%e2%82%ac", "title*", "UTF-8''%e2%82%ac"),
        ("title=", "title", ""),
    ],
)
def test_forms_of_parameters(parameter: str, name: str, value: str) -> None:
    (link,) = parse_links([f"<x>; {parameter}"], BASE).values()
    assert link[name] == value


@pytest.mark.parametrize("parameter", ["crossorigin", "=x", "a b=c", ""])
def test_malformed_parameters_are_left_out(parameter: str) -> None:
    (link,) = parse_links([f"<x>; {parameter}"], BASE).values()
    assert set(link) == {"url"}


@pytest.mark.parametrize(
    "value", ["", "x", "x>; rel=next", "<x; rel=next", "<http://[bad>; rel=next", ","]
)
def test_what_is_no_link_is_left_out(value: str) -> None:
    assert len(parse_links([value], BASE)) == 0
    assert set(parse_links([value, "<ok>; rel=ok"], BASE)) == {"ok"}


@given(st.lists(st.text(max_size=60), max_size=3))
def test_nothing_fails(values: list[str]) -> None:
    parse_links(values, BASE)
