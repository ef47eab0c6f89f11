"""The choice of a body for what was given as ``data=``."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import MultiDict

from anyiohttp._message import payloads
from anyiohttp._message.payloads import (
    AsyncIterablePayload,
    BufferedReaderPayload,
    BytesIOPayload,
    BytesPayload,
    FormData,
    MultipartWriter,
    Order,
    Payload,
    StringIOPayload,
    StringPayload,
    TextIOPayload,
    make_payload,
    payload_type,
)
from anyiohttp.exceptions import BodyNotReplayableError, ClientError, InvalidBodyError

pytestmark = pytest.mark.anyio


async def generate() -> AsyncIterator[bytes]:
    yield b"a"


def test_aiohttps_names() -> None:
    theirs = {name for name in aiohttp.payload.__all__ if name in aiohttp.__all__}
    assert theirs <= set(payloads.__all__)


@pytest.mark.parametrize(
    ("data", "kind", "content_type", "body"),
    [
        (b"x", BytesPayload, "application/octet-stream", b"x"),
        ("é", StringPayload, "text/plain; charset=utf-8", "é".encode()),
        (io.BytesIO(b"x"), BytesIOPayload, "application/octet-stream", b"x"),
        (io.StringIO("x"), StringIOPayload, "text/plain; charset=utf-8", b"x"),
        ({"a": "b"}, BytesPayload, "application/x-www-form-urlencoded", b"a=b"),
        ([("a", 1), ("a", 2)], BytesPayload, "application/x-www-form-urlencoded", b"a=1&a=2"),
        (MultiDict(a="b"), BytesPayload, "application/x-www-form-urlencoded", b"a=b"),
        (FormData({"a": "b"}), BytesPayload, "application/x-www-form-urlencoded", b"a=b"),
        ({}, BytesPayload, "application/x-www-form-urlencoded", b""),
    ],
)
def test_kinds(data: object, kind: type, content_type: str, body: bytes) -> None:
    payload = make_payload(data)
    assert type(payload) is kind
    assert payload.content_type == content_type
    assert payload.headers.keys() == {"Content-Type"}
    assert payload.at_hand == body


def test_encoding() -> None:
    payload = make_payload("é", encoding="latin1")
    assert payload.at_hand == b"\xe9"


async def test_files_have_no_disposition(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    for mode, kind in (("rb", BufferedReaderPayload), ("r", TextIOPayload)):
        payload = make_payload(path.open(mode))
        assert type(payload) is kind
        assert payload.headers.keys() == {"Content-Type"}
        await payload.aclose()


async def test_payloads_are_taken_as_they_are() -> None:
    payload = make_payload(generate())
    assert type(payload) is AsyncIterablePayload
    assert make_payload(payload) is payload
    await payload.next_chunk()
    with pytest.raises(BodyNotReplayableError, match="sent before"):
        make_payload(payload)
    await payload.aclose()
    writer = MultipartWriter()
    assert make_payload(writer) is writer


async def test_form_with_a_file_that_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    form = FormData({"f": path.open("rb")})
    payload = make_payload(form)
    await payload.aclose()
    with pytest.raises(BodyNotReplayableError, match="closed"):
        make_payload(form)


@pytest.mark.parametrize("data", [1, object(), [1], {"a", "b"}, Path("x")])
def test_what_cannot_be_sent(data: Any) -> None:
    with pytest.raises(InvalidBodyError, match=f"{type(data).__name__} cannot be sent") as caught:
        make_payload(data)
    assert isinstance(caught.value, (ClientError, TypeError, ValueError))


def test_generators() -> None:
    with pytest.raises(InvalidBodyError, match="write an async generator"):
        make_payload(x for x in [b"a"])


def test_users_own_kinds() -> None:
    class Thing: ...

    @payload_type(Thing, order=Order.try_first)
    class ThingPayload(BytesPayload):
        def __init__(self, value: Thing, **kwargs: Any) -> None:
            super().__init__(b"thing", **kwargs)

    payload = make_payload(Thing())
    assert isinstance(payload, Payload)
    assert payload.at_hand == b"thing"
