"""What is common to all payloads, and the registry."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from anyiohttp._message.payload_base import (
    BLOCK,
    PAYLOAD_REGISTRY,
    Order,
    Payload,
    PayloadRegistry,
    check_field,
    content_disposition_header,
    get_payload,
    payload_type,
    register_payload,
)
from anyiohttp._message.payload_memory import BytesPayload
from anyiohttp.exceptions import BodyNotReplayableError, InvalidRequestError

pytestmark = pytest.mark.anyio


class Once(Payload):
    """A payload in the smallest form: pieces, to be had once."""

    began = False

    @property
    def replayable(self) -> bool:
        return False

    @property
    def consumed(self) -> bool:
        return self.began

    async def next_chunk(self) -> bytes:
        self.began = True
        return self._value.pop(0) if self._value else b""


class Writer:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    async def write(self, chunk: bytes) -> None:
        self.pieces.append(chunk)


def test_headers_and_properties() -> None:
    payload = Once([], {"X-A": "1"}, filename="a.png", encoding="latin1")
    assert payload.content_type == "image/png"
    assert payload.headers == CIMultiDict({"Content-Type": "image/png", "X-A": "1"})
    assert payload.filename == "a.png"
    assert payload.encoding == "latin1"
    assert payload.size is None
    assert payload.at_hand is None
    assert not payload.autoclose
    assert repr(payload) == "<Once image/png size=None>"
    assert Once([]).content_type == "application/octet-stream"
    assert Once([], content_type="a/b", filename="a.png").content_type == "a/b"
    assert Once([], {"Content-Type": "c/d"}, content_type="a/b").content_type == "c/d"


async def test_write() -> None:
    writer = Writer()
    await Once([b"a", b"b"]).write(writer)
    assert writer.pieces == [b"a", b"b"]


@pytest.mark.parametrize(
    ("length", "pieces"),
    [(None, [b"abc", b"de"]), (0, []), (2, [b"ab"]), (4, [b"abc", b"d"]), (9, [b"abc", b"de"])],
)
async def test_write_with_length(length: int | None, pieces: list[bytes]) -> None:
    writer = Writer()
    await Once([b"abc", b"de"]).write_with_length(writer, length)
    assert writer.pieces == pieces


async def test_a_body_to_be_had_once() -> None:
    payload = Once([b"a", b"b"])
    await payload.rewind()  # nothing was begun
    assert await payload.as_bytes() == b"ab"
    with pytest.raises(BodyNotReplayableError, match="sent before"):
        await payload.rewind()
    with pytest.raises(BodyNotReplayableError):
        await payload.as_bytes()
    with pytest.raises(TypeError, match="as_bytes"):
        payload.decode()
    await payload.close()


@pytest.mark.parametrize(
    ("params", "quote", "expected"),
    [
        ({}, True, "form-data"),
        ({"name": "a b"}, True, 'form-data; name="a b"'),
        ({"name": 'a"b\\c'}, True, 'form-data; name="a%22b\\c"'),
        ({"name": "a\r\nb%"}, True, 'form-data; name="a%0D%0Ab%"'),
        ({"name": "n", "filename": "né 日.txt"}, True, 'form-data; name="n"; filename="né 日.txt"'),
        ({"name": 'a"b\\c'}, False, 'form-data; name="a\\"b\\\\c"'),
    ],
)
def test_content_disposition(params: dict[str, str], quote: bool, expected: str) -> None:
    assert content_disposition_header("form-data", quote, **params) == expected
    payload = Once([])
    payload.set_content_disposition("form-data", quote, **params)
    assert payload.headers["Content-Disposition"] == expected


@pytest.mark.parametrize("text", ["\0", "\x01", "\x7f", "\r", "\n"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_field(text)
    with pytest.raises(InvalidRequestError):
        content_disposition_header("form-data", False, name=text)


def test_content_disposition_wants_tokens() -> None:
    with pytest.raises(InvalidRequestError, match="type"):
        content_disposition_header("form data")
    with pytest.raises(InvalidRequestError, match="parameter"):
        content_disposition_header("x", **{"a b": "c"})


class A: ...


class B(A): ...


class First(Once): ...


class Last(Once): ...


def test_registry_order() -> None:
    registry = PayloadRegistry()
    registry.register(Last, object, order=Order.try_last)
    registry.register(Once, (A, str))
    assert type(registry.get(A())) is Once
    assert type(registry.get(B())) is Once
    assert type(registry.get("x")) is Once
    assert type(registry.get(1)) is Last
    payload = Once([])
    assert registry.get(payload) is payload
    registry.register(First, B, order=Order.try_first)
    assert type(registry.get(B())) is First
    assert type(registry.get(A(), content_type="a/b")) is Once
    with pytest.raises(ValueError, match="order"):
        registry.register(First, B, order="soon")  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="int"):
        PayloadRegistry().get(1)


def test_registering_by_decorator() -> None:
    class Mine: ...

    class Other: ...

    @payload_type(Mine)
    class MinePayload(Once): ...

    register_payload(MinePayload, Other, order=Order.normal)
    assert type(get_payload(Mine())) is MinePayload
    assert type(PAYLOAD_REGISTRY.get(Other())) is MinePayload


def test_the_type_alone() -> None:
    """What a request with nothing but a type to say of its body has in common with others."""
    assert BytesPayload(b"", content_type="text/x").only_type == "text/x"
    assert BytesPayload(b"", content_type="multipart/mixed; boundary=x").only_type is None
    assert BytesPayload(b"", headers={"X-A": "b"}).only_type is None
    seen = BytesPayload(b"")
    assert seen.headers["Content-Type"] == seen.only_type == "application/octet-stream"
    seen.headers["Content-Type"] = "text/y"
    assert seen.only_type == seen.content_type == "text/y"
    del seen.headers["Content-Type"]
    assert seen.only_type is None

    class Named(BytesPayload):
        @property
        def headers(self) -> CIMultiDict[str]:
            return CIMultiDict({"Content-Type": "text/z"})

    assert Named(b"").only_type == "text/z"


def test_what_closing_does_nothing_for() -> None:
    class Noted(BytesPayload):
        async def aclose(self) -> None:
            await super().aclose()

    class NotedByAiohttpsName(BytesPayload):
        async def close(self) -> None:
            await super().close()

    assert BytesPayload(b"x").closes_nothing
    assert not BytesPayload(bytes(BLOCK + 1)).closes_nothing
    assert not Noted(b"x").closes_nothing
    assert not NotedByAiohttpsName(b"x").closes_nothing
