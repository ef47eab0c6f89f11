"""Forms, compared with aiohttp's where it is right."""

from __future__ import annotations

import asyncio
import io
import itertools
import tempfile
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from multidict import CIMultiDict, MultiDict, MultiDictProxy

from anyiohttp._message.formdata import FormData
from anyiohttp._message.payload_base import BLOCK, Payload
from anyiohttp._message.payload_memory import StringPayload
from anyiohttp._message.payload_streams import AsyncIterablePayload
from anyiohttp.exceptions import BodyNotReplayableError, InvalidBodyError, InvalidRequestError

pytestmark = pytest.mark.anyio


async def collect(payload: Payload) -> bytes:
    chunks = []
    while chunk := await payload.next_chunk():
        chunks.append(chunk)
    return b"".join(chunks)


class Collector:
    def __init__(self) -> None:
        self.data = b""

    async def write(self, chunk: bytes) -> None:
        self.data += bytes(chunk)


def fill(form: Any, fields: list[tuple[str, Any, dict[str, Any]]]) -> None:
    for name, value, kwargs in fields:
        form.add_field(name, value() if callable(value) else value, **kwargs)


Fields = list[tuple[str, Any, dict[str, Any]]]


def reference(fields: Fields, kwargs: dict[str, Any]) -> tuple[str, bytes]:
    """What aiohttp makes of the fields, its boundary replaced."""

    async def write() -> tuple[str, bytes]:
        form = aiohttp.FormData(**kwargs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            fill(form, fields)
        payload = form()
        collector = Collector()
        await payload.write(collector)  # type: ignore[arg-type]
        boundary = getattr(payload, "boundary", "no-boundary")
        return (
            payload.content_type.replace(boundary, "B"),
            collector.data.replace(boundary.encode(), b"B"),
        )

    return asyncio.run(write())


def ours(fields: Fields, kwargs: dict[str, Any]) -> tuple[str, bytes]:
    form = FormData(**kwargs, boundary="B")
    fill(form, fields)
    payload = form()
    size = payload.size
    body = anyio.run(collect, payload)
    assert size == len(body)
    return payload.content_type, body


SAME: dict[str, Fields] = {
    "none": [],
    "plain": [("a", "b", {}), ("a", "c d&=é", {}), ("n", 1, {}), ("l", [1, "x"], {})],
    "odd-values": [("n", None, {}), ("t", True, {}), ("f", 1.5, {})],
    "bytes": [("a", b"bytes", {})],
    "bytearray": [("a", bytearray(b"bytes"), {}), ("b", "text", {})],
    "file": [("f", lambda: io.BytesIO(b"file"), {})],
    "named": [("f", lambda: io.BytesIO(b"file"), {"filename": "a.png"})],
    "typed": [
        ("f", lambda: io.BytesIO(b"file"), {"filename": "a.png", "content_type": "image/png"})
    ],
    "text-as-file": [("f", "text", {"filename": "a.txt"})],
    "text-typed": [("f", "é", {"content_type": "text/x; charset=latin1"})],
    "transfer-encoding": [("f", b"data", {"content_transfer_encoding": "base64"})],
    "transfer-encoding-text": [("f", "data", {"content_transfer_encoding": "binary"})],
    "stringio": [("f", lambda: io.StringIO("é"), {})],
    "mixed": [("a", "é", {}), ("f", lambda: io.BytesIO(b"file"), {}), ("z", "z" * 3000, {})],
}


SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "multipart": {"default_to_multipart": True},
    "unquoted": {"quote_fields": False},
    "charset": {"charset": "utf-16"},
}
NOT_COMPARED = {
    ("plain", "multipart"),  # numbers cannot be parts
    ("odd-values", "multipart"),
    ("text-typed", "charset"),  # aiohttp sends another charset than it says
}


@pytest.mark.parametrize(
    ("case", "setting"),
    [pair for pair in itertools.product(SAME, SETTINGS) if pair not in NOT_COMPARED],
)
def test_same_bytes_as_aiohttp(case: str, setting: str) -> None:
    kwargs = SETTINGS[setting]
    assert ours(SAME[case], kwargs) == reference(SAME[case], kwargs)


@pytest.mark.parametrize(
    "fields",
    [
        {"a": "1", "b": "2"},
        [("a", "1"), ("b", "2")],
        (("a", "1"), ("b", "2")),
        [["a", "1"], ["b", "2"]],
        MultiDict([("a", "1"), ("b", "2")]),
        MultiDictProxy(MultiDict([("a", "1"), ("b", "2")])),
        CIMultiDict([("a", "1"), ("b", "2")]),
        [("a", "1"), MultiDict(b="2")],
    ],
)
def test_forms_of_fields(fields: Any) -> None:
    payload = FormData(fields)()
    assert payload.at_hand == b"a=1&b=2" == aiohttp.FormData(fields)().decode().encode()  # type: ignore[attr-defined]
    assert payload.content_type == "application/x-www-form-urlencoded"


def test_empty_form() -> None:
    form = FormData()
    assert not form.is_multipart
    assert form().at_hand == b""
    assert FormData(default_to_multipart=True).is_multipart


def test_urlencoded_charset() -> None:
    payload = FormData({"é": "ü"}, charset="latin1")()
    assert payload.at_hand == b"%E9=%FC"
    assert payload.content_type == "application/x-www-form-urlencoded; charset=latin1"


@pytest.mark.parametrize("charset", ["ascii", "no-such"])
def test_charset_that_does_not_fit(charset: str) -> None:
    with pytest.raises(InvalidRequestError, match="charset"):
        FormData({"a": "é"}, charset=charset)()
    with pytest.raises(InvalidRequestError, match="charset"):
        FormData({"a": "é"}, charset=charset, default_to_multipart=True)()


@pytest.mark.parametrize(
    ("name", "filename", "quoted"),
    [
        ('a"b', None, b'name="a%22b"'),
        ("a\\b%20'", None, b'name="a\\b%20\'"'),
        ("né", 'x "y" é.txt', 'name="né"; filename="x %22y%22 é.txt"'.encode()),
    ],
)
def test_names_are_escaped_as_browsers_do(name: str, filename: str | None, quoted: bytes) -> None:
    form = FormData(default_to_multipart=True)
    form.add_field(name, "v", filename=filename)
    body = form().at_hand
    assert body is not None
    assert b"Content-Disposition: form-data; " + quoted + b"\r\n" in body


def test_unquoted_names() -> None:
    form = FormData(quote_fields=False, default_to_multipart=True)
    form.add_field('a"b\\é', "v")
    assert 'name="a\\"b\\\\é"'.encode() in (form().at_hand or b"")


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("a\0", {}),
        ("a\r\nb", {}),
        ("a", {"filename": "a\nb"}),
        ("a", {"filename": "\0"}),
        ("a", {"content_type": "text/plain\r\nX: 1"}),
        ("a", {"content_type": "text/plain\n"}),
        ("a", {"content_transfer_encoding": "8bit\0"}),
    ],
)
def test_control_characters_are_refused(name: str, kwargs: dict[str, str]) -> None:
    form = FormData()
    with pytest.raises(InvalidRequestError, match="control character"):
        form.add_field(name, "v", **kwargs)


def test_charset_with_control_characters() -> None:
    with pytest.raises(InvalidRequestError):
        FormData(charset="utf-8\r\n")
    with pytest.raises(InvalidRequestError):
        FormData(boundary="\r\n")


@pytest.mark.parametrize(
    "argument", ["name", "content_type", "filename", "content_transfer_encoding"]
)
def test_arguments_must_be_text(argument: str) -> None:
    kwargs: dict[str, Any] = {"name": "n", argument: 1}
    with pytest.raises(InvalidBodyError, match=f"{argument} .* int"):
        FormData().add_field(value="v", **kwargs)


def test_charset_of_a_field_wins() -> None:
    form = FormData(charset="utf-8")
    form.add_field("a", "é", content_type="text/plain; charset=latin1")
    form.add_field("b", "é", content_type="text/plain")
    body = form().at_hand or b""
    assert b"charset=latin1" in body
    assert b"\r\n\r\n\xe9\r\n" in body
    assert "\r\n\r\né\r\n".encode() in body


# --- files and streams ----------------------------------------------------------------------


async def test_open_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (BLOCK + 1))
    form = FormData({"file": path.open("rb")}, boundary="B")
    assert form.is_multipart
    payload = form()
    size = payload.size
    body = await payload.as_bytes()
    assert len(body) == size
    head, rest = body.split(b"\r\n\r\n", 1)
    assert head == (
        b"--B\r\nContent-Type: text/plain\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.txt"'
    )
    assert rest == b"x" * (BLOCK + 1) + b"\r\n--B--\r\n"
    await payload.aclose()
    again = form()
    assert again.consumed  # the file was closed
    with pytest.raises(BodyNotReplayableError, match="closed"):
        await collect(again)


async def test_files_without_pairs(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    payload = FormData(path.open("rb"))()
    assert b'name="a.txt"; filename="a.txt"' in await payload.as_bytes()
    await payload.aclose()
    assert b'name="unknown"; filename="unknown"' in (FormData(io.BytesIO(b"x"))().at_hand or b"")


async def test_other_kinds_of_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"async file")
    with tempfile.NamedTemporaryFile() as named:
        named.write(b"named file")
        named.seek(0)
        async with await anyio.open_file(path, "rb") as file:
            payload = FormData([("n", named), file])()
            body = await payload.as_bytes()
            await payload.aclose()
    assert b"named file" in body
    assert b'name="a.txt"; filename="a.txt"' in body
    assert b"async file" in body


class Reader:
    def __init__(self) -> None:
        self.pieces = [b"from a reader"]

    async def readany(self) -> bytes:
        return self.pieces.pop() if self.pieces else b""


async def test_streams_and_payloads_as_fields() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"from a generator"

    form = FormData([("g", generate()), ("r", Reader()), ("p", StringPayload("a payload"))])
    assert form.is_multipart
    payload = form()
    assert payload.size is None
    assert not payload.replayable
    body = await collect(payload)
    for text in (b"from a generator", b"from a reader", b"a payload"):
        assert b"\r\n\r\n" + text + b"\r\n" in body
    assert b"filename" not in body
    await payload.aclose()
    assert form().consumed


async def test_payload_keeps_its_own_headers_but_for_the_disposition() -> None:
    form = FormData()
    part = StringPayload("x", {"X": "1"}, content_type="a/b")
    form.add_field("n", part, filename="f", content_type="c/d")
    form.add_field("m", StringPayload("y", {"Content-Length": "9"}))
    body = form().at_hand or b""
    assert b"Content-Type: c/d\r\nX: 1\r\n" in body
    assert b"Content-Length" not in body


async def test_form_of_what_is_in_memory_can_be_sent_again_and_at_once() -> None:
    form = FormData([("a", "text"), ("f", io.BytesIO(b"x" * (BLOCK * 2)))])
    one, other = form(), form()
    assert one.content_type == other.content_type
    first = await one.next_chunk()
    assert await other.next_chunk() == first
    rest = [await collect(one), await collect(other)]
    assert rest[0] == rest[1]
    await one.aclose()
    await other.aclose()
    assert await collect(form()) == first + rest[0]
    form.add_field("later", "value")
    assert b'name="later"' in await collect(form())


async def test_kept_stream_can_be_sent_again() -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"kept"

    part = AsyncIterablePayload(generate())
    await part.as_bytes()
    form = FormData([("p", part)])
    for _ in range(2):
        payload = form()
        assert b"kept" in await collect(payload)
        await payload.aclose()


# --- what cannot be sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    ["text", b"bytes", 1, [("a", "b", "c")], ["c"], [1], object(), None, {"a", "b"}],
)
def test_not_a_form(fields: object) -> None:
    with pytest.raises(TypeError):  # aiohttp's
        aiohttp.FormData(fields)  # type: ignore[arg-type]
    with pytest.raises(InvalidBodyError, match="pairs, multidicts and files"):
        FormData(fields)


def test_generators_are_pointed_to_async_ones() -> None:
    with pytest.raises(InvalidBodyError, match="async generator"):
        FormData(x for x in "ab")
    with pytest.raises(InvalidBodyError, match="async generator"):
        FormData({"a": (x for x in "ab")})


def test_values_that_cannot_be_parts() -> None:
    form = FormData({"a": 1}, default_to_multipart=True)
    with pytest.raises(InvalidBodyError, match=r"'a'.* int"):
        form()
