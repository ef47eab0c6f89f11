"""From items and options to a plan."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from yarl import URL

from anyiohttp.cli.items import parse_item
from anyiohttp.cli.plan import (
    Auth,
    AuthKind,
    Body,
    BodyForm,
    FileBody,
    MultipartBody,
    Part,
    PlanError,
    RequestPlan,
    TextBody,
    full_url,
    plan_body,
    plan_headers,
    plan_query,
    plan_url,
)
from anyiohttp.cli.settings import PinError, parse_pin

FILES = {"t": "text\n", "j": " [1.10]\n", "bad": "{"}


def body(
    items: Sequence[str], form: BodyForm | None = None, data: str | None = None
) -> Body | None:
    return plan_body(map(parse_item, items), form=form, data=data, read=FILES.__getitem__)


JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("items", "form", "data", "wanted"),
    [
        ([], None, None, None),
        (["X:y", "a==b"], None, None, None),
        ([], BodyForm.JSON, None, TextBody("{}", JSON)),
        ([], BodyForm.FORM, None, None),
        (["a=b", "n:=1.10"], None, None, TextBody('{"a": "b", "n": 1.10}', JSON)),
        (['a"=é\n'], None, None, TextBody('{"a\\"": "é\\n"}', JSON)),
        (["a=@t", "b:=@j"], None, None, TextBody('{"a": "text\\n", "b": [1.10]}', JSON)),
        (["a=b c", "a=ä&"], BodyForm.FORM, None, TextBody("a=b+c&a=%C3%A4%26", FORM)),
        (["a=b"], BodyForm.MULTIPART, None, MultipartBody((Part("a", "b"),))),
        (
            ["a=b", "f@x.png;type=image/x"],
            None,
            None,
            MultipartBody((Part("a", "b"), Part("f", path="x.png", content_type="image/x"))),
        ),
        (["f@x"], BodyForm.FORM, None, MultipartBody((Part("f", path="x"),))),
        (["@x.json"], None, None, FileBody("x.json", JSON)),
        (["@x.json;type=a/b"], None, None, FileBody("x.json", "a/b")),
        (["@-"], None, None, FileBody("-", "application/octet-stream")),
        ([], None, "text", TextBody("text", "text/plain; charset=utf-8")),
        ([], None, "@x.json", FileBody("x.json", JSON)),
        ([], None, "@-", FileBody("-")),
    ],
)
def test_bodies(
    items: Sequence[str], form: BodyForm | None, data: str | None, wanted: Body | None
) -> None:
    assert body(items, form, data) == wanted


@pytest.mark.parametrize(
    ("items", "form", "data", "said"),
    [
        (["@a", "@b"], None, None, "once"),
        (["@a"], None, "text", "once"),
        (["@a", "b=c"], None, None, "beside"),
        (["b=c"], None, "text", "beside"),
        ([], BodyForm.FORM, "text", "--form"),
        (["f@x"], BodyForm.JSON, None, "not for JSON"),
        (["a:=1"], BodyForm.FORM, None, "JSON is not for a form"),
        (["a:=1", "f@x"], None, None, "JSON is not for a form"),
        (["a:=nope"], None, None, "value of a is not JSON"),
        (["a:=@bad"], None, None, "value of a is not JSON"),
    ],
)
def test_contradictions(
    items: Sequence[str], form: BodyForm | None, data: str | None, said: str
) -> None:
    with pytest.raises(PlanError, match=said):
        body(items, form, data)


def test_headers_and_query() -> None:
    items = [parse_item(text) for text in ("A:1", "a:2", "User-Agent:", "E;", "q==1", "q==2")]
    assert plan_headers(items) == ((("A", "1"), ("a", "2"), ("E", "")), ("User-Agent",))
    assert plan_query(items) == (("q", "1"), ("q", "2"))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a.org", "http://a.org"),
        ("https://a.org/b?c#d", "https://a.org/b?c#d"),
        ("a.org/b", "https://a.org/b"),
        ("a.org:8000", "https://a.org:8000"),
        (":8000", "http://localhost:8000"),
        (":/a", "http://localhost/a"),
        (":8000/a?b", "http://localhost:8000/a?b"),
        ("localhost:8000", "http://localhost:8000"),
        ("LOCALHOST/a", "http://LOCALHOST/a"),
        ("localhost.example.org", "https://localhost.example.org"),
        ("127.0.0.1:1/", "http://127.0.0.1:1/"),
        ("127.0.0.1.nip.io", "https://127.0.0.1.nip.io"),
        ("[::1]:80/a", "http://[::1]:80/a"),
        ("[2001:db8::1]/a", "https://[2001:db8::1]/a"),
        ("grüße.example", "https://grüße.example"),
    ],
)
def test_short_urls(text: str, url: str) -> None:
    assert full_url(text) == url
    assert plan_url(text) == URL(url)


@pytest.mark.parametrize("text", ["", "http://", "http://a:b:c", "/path", "http://[::1"])
def test_no_urls(text: str) -> None:
    with pytest.raises(PlanError, match="is no URL"):
        plan_url(text)


def test_schemes_of_websockets() -> None:
    assert full_url("a.org", secure="wss", plain="ws") == "wss://a.org"
    assert full_url(":1/a", secure="wss", plain="ws") == "ws://localhost:1/a"


def test_what_follows() -> None:
    url = URL("http://a/")
    assert RequestPlan("GET", url).follows
    assert not RequestPlan("HEAD", url).follows
    assert RequestPlan("HEAD", url, follow=True).follows
    assert not RequestPlan("GET", url, follow=False).follows


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(RequestPlan("GET", URL(), auth=Auth(AuthKind.BASIC, "u", "secret")))


def test_pins() -> None:
    assert parse_pin(f"sha256:{'0F' * 32}") == b"\x0f" * 32
    assert parse_pin("SHA256:" + ":".join(["0f"] * 32)) == b"\x0f" * 32
    for text in ("", "0f" * 32, "md5:0f", "sha256:0f", f"sha256:{'0g' * 32}"):
        with pytest.raises(PinError):
            parse_pin(text)
