"""Every coding: whole, in pieces, cut short, broken, followed by something, and expanding a lot."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import random
import sys
import zlib
from collections.abc import Callable
from types import ModuleType

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyiohttp._message import codings
from anyiohttp._message.codings import (
    MAX_CHUNK,
    MAX_CODINGS,
    Decoder,
    accept_encoding,
    make_decoder,
    make_encoder,
)
from anyiohttp.exceptions import ContentDecodingError, InvalidRequestError

Encode = Callable[[bytes], bytes]


def encoded_as(coding: str) -> Encode:
    def encode(data: bytes) -> bytes:
        encoder = make_encoder(coding)
        return encoder.compress(data) + encoder.flush()

    return encode


def bare_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return encoder.compress(data) + encoder.flush()


def gzip_of_three(data: bytes) -> bytes:
    third = len(data) // 3
    return b"".join(map(gzip.compress, (data[:third], data[third : 2 * third], data[2 * third :])))


def zstd_of_two(data: bytes) -> bytes:
    encode = encoded_as("zstd")
    skippable = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
    half = len(data) // 2
    return encode(data[:half]) + skippable + encode(data[half:])


FORMS = {
    "gzip": ("gzip", encoded_as("gzip")),
    "gzip-members": ("x-gzip", gzip_of_three),
    "deflate-wrapped": ("deflate", encoded_as("deflate")),
    "deflate-bare": ("deflate", bare_deflate),
    "br": ("br", encoded_as("br")),
    "zstd": ("zstd", encoded_as("zstd")),
    "zstd-frames": ("zstd", zstd_of_two),
    "stacked": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    "stacked-br-zstd": ("br,zstd", lambda data: encoded_as("zstd")(encoded_as("br")(data))),
}
BODIES = {
    "empty": b"",
    "byte": b"x",
    "text": b"".join(b"line %d of a body\n" % number for number in range(5000)),
    "noise": random.Random(1).randbytes(200_000),
    "zeros": bytes(3_000_000),
}

every_form = pytest.mark.parametrize(("coding", "encode"), FORMS.values(), ids=FORMS)


def decoder_of(coding: str) -> Decoder:
    decoder = make_decoder(coding)
    assert decoder is not None
    return decoder


def drain(decoder: Decoder) -> list[bytes]:
    chunks = []
    while not decoder.needs_input:
        chunk = decoder.next_chunk()
        assert len(chunk) <= MAX_CHUNK
        chunks.append(chunk)
    assert decoder.next_chunk() == b""
    return chunks


def decode(coding: str, data: bytes, size: int | None = None) -> bytes:
    decoder = decoder_of(coding)
    chunks = []
    size = size or len(data) or 1
    for start in range(0, len(data), size):
        decoder.feed(data[start : start + size])
        chunks += drain(decoder)
    decoder.finish()
    assert decoder.bytes_in == len(data)
    assert decoder.bytes_out == sum(map(len, chunks))
    return b"".join(chunks)


@every_form
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("size", [None, 70_000, 997])
def test_whole(coding: str, encode: Encode, body: bytes, size: int | None) -> None:
    assert decode(coding, encode(body), size) == body


@every_form
def test_byte_by_byte(coding: str, encode: Encode) -> None:
    assert decode(coding, encode(BODIES["text"]), 1) == BODIES["text"]


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"gzip-members", "zstd-frames"}))
def test_cut_short_at_any_byte(form: str) -> None:
    coding, encode = FORMS[form]
    whole = encode(b"some words, some words again" * 3)
    for end in range(1, len(whole)):
        with pytest.raises(ContentDecodingError):
            decode(coding, whole[:end])


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_cut_short_anywhere_but_between_members(coding: str) -> None:
    one, two = map(encoded_as(coding), (b"one", b"two"))
    for end in range(1, len(one + two)):
        if end == len(one):
            assert decode(coding, one) == b"one"
            continue
        with pytest.raises(ContentDecodingError):
            decode(coding, (one + two)[:end])


@every_form
def test_broken_at_once(coding: str, encode: Encode) -> None:
    decoder = decoder_of(coding)
    decoder.feed(b"\xff\xfe\xfd\xfc no coding begins like this" * 5)
    with pytest.raises(ContentDecodingError, match="Can not decode content-encoding"):
        drain(decoder)


@every_form
def test_an_empty_body_is_empty(coding: str, encode: Encode) -> None:
    decoder = decoder_of(coding)
    assert decoder.needs_input
    assert decoder.next_chunk() == b""
    decoder.finish()


@every_form
def test_nothing_follows_the_end(coding: str, encode: Encode) -> None:
    whole = encode(BODIES["text"])
    for rest in (b"\x01 rest of something else", b"\0\0\x01\0 rest"):
        with pytest.raises(ContentDecodingError):
            decode(coding, whole + rest)
        with pytest.raises(ContentDecodingError):
            decode(coding, whole + rest, len(whole))


@pytest.mark.parametrize("form", ["gzip", "gzip-members", "zstd", "zstd-frames"])
@pytest.mark.parametrize("size", [None, 1])
def test_zero_bytes_may_pad_members(form: str, size: int | None) -> None:
    coding, encode = FORMS[form]
    padded = encode(b"one") + bytes(3) + encode(b"two") + bytes(700)
    assert decode(coding, padded, size) == b"onetwo"


def test_a_bomb_comes_in_bounded_chunks() -> None:
    bomb = gzip.compress(gzip.compress(bytes(64 * MAX_CHUNK)))
    assert len(bomb) < 1000
    decoder = decoder_of("gzip, gzip")
    decoder.feed(bomb)
    assert sum(map(len, drain(decoder))) == 64 * MAX_CHUNK  # drain checks each
    assert decoder.bytes_expanded == decoder.bytes_out
    decoder.finish()


def test_work_without_result_is_bounded() -> None:
    # Expands a thousandfold, then to nothing at all.
    inner = gzip.compress(b"") * 10_000
    decoder = decoder_of("gzip, gzip")
    decoder.feed(gzip.compress(inner))
    calls = 0
    while not decoder.needs_input:
        assert decoder.next_chunk() == b""
        calls += 1
    decoder.finish()
    assert calls > 10
    assert decoder.bytes_expanded == len(inner)


@pytest.mark.parametrize("size", [None, 1, 5])
def test_zstd_headers_of_all_sizes(size: int | None) -> None:
    zstandard = pytest.importorskip("zstandard")
    for length in (0, 10, 300, 70_000, 400_000):
        body = bytes(range(256)) * (length // 256 + 1)
        for options in (
            {},
            {"write_content_size": False},
            {"write_checksum": True},
            {"level": 19},
        ):
            whole = zstandard.ZstdCompressor(**options).compress(body[:length])
            if size is None or len(whole) < 2000:
                assert decode("zstd", whole, size) == body[:length]


def test_zstd_window_is_bounded() -> None:
    zstandard = pytest.importorskip("zstandard")
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    whole = encoder.compress(bytes(17 * 2**20)) + encoder.flush()
    with pytest.raises(ContentDecodingError):
        decode("zstd", whole)


@pytest.mark.parametrize(
    "value", ["", "identity", "IDENTITY", " , ", "unknown", "gzip, unknown", "aes128gcm"]
)
def test_left_as_it_is(value: str) -> None:
    assert make_decoder(value) is None


@pytest.mark.parametrize("value", ["GZIP", " gzip ", "identity, gzip", "gzip,,"])
def test_spellings(value: str) -> None:
    assert decode(value, gzip.compress(b"x")) == b"x"


def test_too_many_codings() -> None:
    assert make_decoder(", ".join(["gzip"] * MAX_CODINGS)) is not None
    with pytest.raises(ContentDecodingError, match="6 codings, at most 5"):
        make_decoder(", ".join(["gzip"] * (MAX_CODINGS + 1)))


def test_deflate_on_the_wire_has_the_zlib_wrapper() -> None:
    assert zlib.decompress(encoded_as("deflate")(b"x")) == b"x"


def test_unknown_coding_for_a_request() -> None:
    with pytest.raises(InvalidRequestError, match="'rot13'"):
        make_encoder("rot13")


def test_accept_encoding() -> None:
    assert accept_encoding() == "gzip, deflate, br, zstd"
    assert accept_encoding() == codings.ACCEPT_ENCODING


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zstd is Python's own")
def test_zstd_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert "zstd" not in accept_encoding()
    with pytest.raises(InvalidRequestError, match="not installed"):
        make_encoder("zstd")
    with pytest.raises(ContentDecodingError, match="Please install `zstandard`"):
        decode("zstd", b"x")


def test_brotli_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)
    assert accept_encoding().startswith("gzip, deflate, zstd")
    with pytest.raises(InvalidRequestError, match="not installed"):
        make_encoder("br")
    with pytest.raises(ContentDecodingError, match="Please install `Brotli`"):
        decode("br", b"x")


def _with_zlib_of(library: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A fresh copy of the module, where no other replacement for zlib is installed."""
    for name in {"isal", "zlib_ng"} - {library}:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.find_spec("anyiohttp._message.coding_libraries")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("library", ["zlib", "isal", "zlib_ng"])
@pytest.mark.parametrize("form", ["gzip", "deflate-wrapped", "deflate-bare"])
def test_each_zlib_reads_the_same(form: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    module = _with_zlib_of(library, monkeypatch)
    coding, encode = FORMS[form]
    begin, _ = module.CODINGS[coding]
    data = (b"words " * 100 + random.Random(1).randbytes(500)) * 2000
    coded = encode(data)
    for size in (1, 1000, len(coded)):
        member = begin()
        pieces: list[bytes] = []
        rest = b""
        for start in range(0, len(coded), size):
            rest += coded[start : start + size]
            while rest or member.pending:
                decoded, used = member.decode(memoryview(rest))
                assert len(decoded) <= module.MAX_CHUNK
                pieces.append(decoded)
                rest = rest[used:]
        assert member.ended
        assert b"".join(pieces) == data
    member = begin()
    member.decode(memoryview(coded[:-1]))
    assert not member.ended
    member = begin()
    broken = coded[:9] + b"\xff" * 20
    with pytest.raises(member.errors):
        member.decode(memoryview(broken + bytes(1000)))


def test_libraries_are_not_imported_before_they_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("brotli", "brotlicffi", "zstandard", "isal", "zlib_ng"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    name = "anyiohttp._message.coding_libraries"
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert not {"brotli", "brotlicffi", "zstandard", "isal", "zlib_ng"} & set(sys.modules)


@settings(max_examples=60)
@given(
    form=st.sampled_from(sorted(FORMS)),
    position=st.floats(0, 1),
    flip=st.integers(1, 255),
    size=st.sampled_from([None, 1, 50]),
)
def test_a_changed_byte_gives_our_error_or_data(
    form: str, position: float, flip: int, size: int | None
) -> None:
    coding, encode = FORMS[form]
    broken = bytearray(encode(b"words and words and words" * 20))
    broken[int(position * (len(broken) - 1))] ^= flip
    try:
        decode(coding, bytes(broken), size)
    except ContentDecodingError:
        pass


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "br, gzip"]))
def test_noise_gives_our_error_or_data(noise: bytes, coding: str) -> None:
    try:
        decode(coding, noise)
    except ContentDecodingError:
        pass


def test_brotli_in_many_steps() -> None:
    body = bytes(range(256)) * 8192
    assert decode("br", brotli.compress(body, quality=1), 10) == body
