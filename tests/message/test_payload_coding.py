"""Bodies inside codings."""

from __future__ import annotations

import base64
import binascii
import gzip
import os
import quopri
import zlib
from collections.abc import AsyncIterator, Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._message.payload_base import BLOCK, Payload, get_payload
from anyiohttp._message.payload_coding import (
    TRANSFER_ENCODERS,
    CompressedPayload,
    TransferEncodedPayload,
)
from anyiohttp.exceptions import BodyNotReplayableError, InvalidRequestError

pytestmark = pytest.mark.anyio

DATA = b"some text " * 100_000


def zstd_decompress(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    return bytes(zstandard.ZstdDecompressor().decompressobj().decompress(data))


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd_decompress,
}


async def collect(payload: Payload) -> list[bytes]:
    chunks = []
    while chunk := await payload.next_chunk():
        chunks.append(chunk)
    assert await payload.next_chunk() == b""
    return chunks


async def generate(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("data", [b"", DATA, os.urandom(BLOCK * 2 + 5)], ids=["no", "text", "any"])
async def test_content_codings(coding: str, data: bytes) -> None:
    payload = CompressedPayload(get_payload(data, content_type="a/b", headers={"X": "1"}), coding)
    assert payload.size is None
    assert payload.at_hand is None
    assert payload.content_type == "a/b"
    assert payload.headers["X"] == "1"
    assert payload.coding == coding
    for _ in range(2):
        assert DECODERS[coding](b"".join(await collect(payload))) == data
        assert payload.replayable
        await payload.rewind()
    await payload.next_chunk()
    await payload.rewind()  # in the middle
    assert DECODERS[coding](await payload.as_bytes()) == data
    assert payload.autoclose
    await payload.aclose()
    assert DECODERS[coding](await payload.as_bytes()) == data


@pytest.mark.parametrize("coding", DECODERS)
async def test_pieces_of_any_size(coding: str) -> None:
    pieces = [b"a", DATA, b"b" * (BLOCK + 1), b"c"]
    inner = get_payload(generate(*pieces))
    payload = CompressedPayload(inner, coding.upper())
    assert not payload.replayable
    assert not payload.consumed
    assert not payload.autoclose
    assert DECODERS[coding](b"".join(await collect(payload))) == b"".join(pieces)
    assert payload.consumed
    with pytest.raises(BodyNotReplayableError):
        await payload.rewind()
    await payload.aclose()


def test_unknown_codings() -> None:
    with pytest.raises(InvalidRequestError, match="lzw"):
        CompressedPayload(get_payload(b""), "lzw")
    with pytest.raises(InvalidRequestError, match="7zip"):
        TransferEncodedPayload(get_payload(b""), "7zip")


async def test_base64() -> None:
    for length in range(8):
        payload = TransferEncodedPayload(get_payload(DATA[:length]), "base64")
        assert payload.size == len(base64.b64encode(DATA[:length]))
        assert await payload.as_bytes() == base64.b64encode(DATA[:length])
        assert payload.transfer_encoding == "base64"
    pieces = [b"a", b"bc", b"defg", b"h" * 1000]
    payload = TransferEncodedPayload(get_payload(generate(*pieces)), "base64")
    assert payload.size is None
    assert b"".join(await collect(payload)) == base64.b64encode(b"".join(pieces))
    await payload.aclose()


@given(
    st.lists(
        st.binary() | st.text(alphabet="\r\n =.a\t", max_size=200).map(str.encode),
        max_size=5,
    )
)
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_transfer_encodings_give_back_what_went_in(encoding: str, pieces: list[bytes]) -> None:
    encoder = TRANSFER_ENCODERS[encoding]()
    coded = b"".join([*map(encoder.compress, pieces), encoder.flush()])
    decode = base64.b64decode if encoding == "base64" else binascii.a2b_qp
    assert decode(coded) == b"".join(pieces)
    if encoding == "quoted-printable":
        assert quopri.decodestring(coded) == b"".join(pieces) or b"\r" in coded


async def test_quoted_printable_without_an_end_of_line() -> None:
    data = b"x " * BLOCK
    payload = TransferEncodedPayload(get_payload(data), "quoted-printable")
    assert payload.size is None
    coded = b"".join(await collect(payload))
    assert binascii.a2b_qp(coded) == data
    assert max(map(len, coded.split(b"\n"))) <= 77
