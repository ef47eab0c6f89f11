"""Bodies in memory."""

from __future__ import annotations

import array
import io
import json
import math
from collections.abc import Callable

import pytest

from anyiohttp._message.payload_base import BLOCK, BodyWriter, Payload, get_payload
from anyiohttp._message.payload_memory import (
    BytesIOPayload,
    BytesPayload,
    JsonBytesPayload,
    JsonPayload,
    StringIOPayload,
    StringPayload,
)
from anyiohttp.exceptions import BodySizeMismatchError, InvalidBodyError, InvalidRequestError

pytestmark = pytest.mark.anyio


async def collect(payload: Payload) -> list[bytes]:
    chunks = []
    while chunk := await payload.next_chunk():
        chunks.append(chunk)
    assert await payload.next_chunk() == b""
    return chunks


SMALL: dict[str, Callable[[], object]] = {
    "bytes": lambda: b"abc",
    "bytearray": lambda: bytearray(b"abc"),
    "memoryview": lambda: memoryview(b"abc"),
    "strided": lambda: memoryview(b"a_b_c")[::2],
    "BytesIO": lambda: io.BytesIO(b"abc"),
    "str": lambda: "abc",
    "StringIO": lambda: io.StringIO("abc"),
}


@pytest.mark.parametrize("kind", SMALL)
async def test_small_bodies(kind: str) -> None:
    payload = get_payload(SMALL[kind]())
    assert payload.size == 3
    assert payload.at_hand == b"abc"
    for _ in range(2):
        assert await collect(payload) == [b"abc"]
        await payload.rewind()
    assert await payload.next_chunk() == b"abc"
    await payload.aclose()  # after that it can be sent once more
    assert await collect(payload) == [b"abc"]
    assert await payload.as_bytes() == b"abc"
    assert payload.decode() == "abc"
    assert payload.replayable
    assert payload.autoclose
    assert not payload.consumed


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
async def test_large_bodies_come_in_blocks(kind: type) -> None:
    data = bytes(range(256)) * 4096 + b"end"
    payload = get_payload(kind(data))
    assert payload.size == len(data)
    assert payload.at_hand is None
    chunks = await collect(payload)
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= BLOCK


@pytest.mark.parametrize("value", [b"", "", io.BytesIO()], ids=["bytes", "str", "BytesIO"])
async def test_empty_bodies(value: object) -> None:
    payload = get_payload(value)
    assert payload.size == 0
    assert payload.at_hand == b""
    assert await collect(payload) == []


async def test_memoryview_of_wide_items_counts_bytes() -> None:
    payload = BytesPayload(memoryview(array.array("i", [1, 2, 3])))
    assert payload.size == 12
    assert payload.at_hand == array.array("i", [1, 2, 3]).tobytes()


async def test_bytes_are_not_copied() -> None:
    data = b"x" * 100
    assert BytesPayload(data).at_hand is data


async def test_bytearray_stays_resizable_but_must_not_shrink() -> None:
    value = bytearray(b"x" * 10)
    payload = BytesPayload(value)
    del value[5:]
    assert payload.at_hand is None
    with pytest.raises(BodySizeMismatchError, match="shrank"):
        await payload.next_chunk()


def test_bytes_payload_wants_bytes() -> None:
    with pytest.raises(InvalidBodyError, match="str") as caught:
        BytesPayload("text")  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("encoding", "content_type", "sent", "said"),
    [
        (None, None, "é".encode(), "text/plain; charset=utf-8"),
        ("latin1", None, b"\xe9", "text/plain; charset=latin1"),
        (None, "text/x; charset=latin1", b"\xe9", "text/x; charset=latin1"),
        (None, "text/x", "é".encode(), "text/x"),
        ("utf-16", "text/x", "é".encode("utf-16"), "text/x"),
    ],
)
async def test_charsets(
    encoding: str | None, content_type: str | None, sent: bytes, said: str
) -> None:
    for value, kind in (("é", StringPayload), (io.StringIO("é"), StringIOPayload)):
        payload = kind(value, encoding=encoding, content_type=content_type)
        assert payload.at_hand == sent
        assert payload.content_type == said
        assert payload.encoding is not None


def test_text_that_cannot_be_encoded() -> None:
    with pytest.raises(InvalidRequestError, match="charset"):
        StringPayload("é", encoding="ascii")
    with pytest.raises(InvalidRequestError, match="charset"):
        StringPayload("\ud800")
    with pytest.raises(InvalidRequestError, match="unknown charset"):
        StringPayload("a", encoding="no-such")


async def test_files_in_memory_start_at_their_position() -> None:
    file = io.BytesIO(b"abcdef")
    file.seek(2)
    payload = BytesIOPayload(file)
    assert payload.size == 4
    assert await collect(payload) == [b"cdef"]
    assert file.tell() == 2  # so that the same object can be sent again
    text = io.StringIO("abc")
    text.read(1)
    assert StringIOPayload(text).at_hand == b"bc"
    file.seek(100)
    assert BytesIOPayload(file).size == 0


async def test_bytesio_serves_several_bodies_at_once() -> None:
    data = b"x" * (BLOCK + 10)
    file = io.BytesIO(data)
    one, other = BytesIOPayload(file), BytesIOPayload(file)
    chunks = [await one.next_chunk(), await other.next_chunk(), await one.next_chunk()]
    assert [len(chunk) for chunk in chunks] == [BLOCK, BLOCK, 10]


async def test_the_rest_of_a_body() -> None:
    data = bytes(range(256)) * 2000
    payload = BytesPayload(data)
    assert await payload.next_chunk() == data[:BLOCK]
    assert payload.take_rest() == data[BLOCK:]
    assert await payload.next_chunk() == b""
    await payload.rewind()
    assert payload.take_rest() == data
    file = io.BytesIO(data)
    shrunk = BytesIOPayload(file)
    file.truncate(10)
    assert shrunk.take_rest() is None


async def test_who_changes_the_pieces_of_a_body_gets_them_all() -> None:
    class Shouting(BytesPayload):
        async def next_chunk(self) -> bytes:
            return (await super().next_chunk()).upper()

    assert Shouting(b"x" * BLOCK).take_rest() is None


class Loud(BytesPayload):
    async def next_chunk(self) -> bytes:
        return (await super().next_chunk()).upper()


class Writing(BytesPayload):
    async def write(self, writer: BodyWriter) -> None:
        while chunk := await self.next_chunk():
            await writer.write(chunk)


def test_a_small_body_that_a_subclass_hands_out_is_asked_for_it_and_closed() -> None:
    assert BytesPayload(b"abc").at_hand == b"abc"
    assert BytesPayload(b"abc").closes_nothing
    assert Loud(b"abc").at_hand is None
    assert not Loud(b"abc").closes_nothing
    assert not Writing(b"abc").closes_nothing, "its next use would begin where this one ended"


async def test_closed_bytesio() -> None:
    file = io.BytesIO(b"abc")
    payload = BytesIOPayload(file)
    file.close()
    with pytest.raises(BodySizeMismatchError):
        await payload.next_chunk()
    with pytest.raises(InvalidRequestError, match="closed"):
        BytesIOPayload(file)


def test_json() -> None:
    payload = JsonPayload({"a": "é"})
    assert payload.at_hand == json.dumps({"a": "é"}).encode()
    assert payload.content_type == "application/json"
    assert payload.encoding == "utf-8"
    odd = JsonPayload([1], dumps=lambda _: "é", encoding="latin1", content_type="a/b")
    assert (odd.at_hand, odd.content_type) == (b"\xe9", "a/b")
    raw = JsonBytesPayload([1], lambda value: b"%d" % math.prod(value), headers={"X": "1"})
    assert raw.at_hand == b"1"
    assert raw.headers == {"Content-Type": "application/json", "X": "1"}
