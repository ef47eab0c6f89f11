"""What reads and writes each content coding: zlib, and the optional isal, brotli and zstd. Pure.

Knows: the libraries, and how each says that it has more, has ended, or was given broken data.
Must not know: how codings are stacked, and what follows what.
Called by: ``codings``.

A `Member` is one unit of a coding with an end mark of its own: a gzip member, a zlib stream, a
brotli stream, a zstd frame. Whatever the library, one call of `Member.decode` gives at most
`MAX_CHUNK` bytes. Optional libraries are imported when a body first needs them.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol

from ..exceptions import ContentDecodingError, InvalidRequestError

__all__ = (
    "ACCEPT_ENCODING",
    "CODINGS",
    "MAX_CHUNK",
    "Encoder",
    "Member",
    "accept_encoding",
    "fastest_zlib",
    "make_encoder",
    "set_zlib_backend",
)

#: At most so much comes out of one step.
MAX_CHUNK = 256 * 1024
#: brotli grows its output in blocks and stops after the one that passes its limit; with this one it
#: stays below `MAX_CHUNK`.
_BROTLI_LIMIT = 128 * 1024
#: RFC 9659 3: what every zstd decoder on the web accepts, and what a peer can make us allocate.
_MAX_ZSTD_WINDOW_LOG = 23


class Encoder(Protocol):
    """Writes one content coding."""

    def compress(self, data: bytes, /) -> bytes:
        """Take data in; return what is ready, maybe nothing."""
        ...

    def flush(self) -> bytes:
        """Return the rest, with the end mark. Nothing may follow."""
        ...


# --- libraries ------------------------------------------------------------------------------


# Once a library is imported, `find_spec` costs next to nothing.


def _brotli_name() -> str | None:
    return next((name for name in ("brotli", "brotlicffi") if find_spec(name)), None)


def _zstd_name() -> str | None:
    if sys.version_info >= (3, 14) and find_spec("_zstd"):
        return "compression.zstd"
    return "zstandard" if find_spec("zstandard") else None


def accept_encoding() -> str:
    """Return the codings that can be read here, as a value of ``Accept-Encoding``."""
    optional = (", br" if _brotli_name() else "") + (", zstd" if _zstd_name() else "")
    return "gzip, deflate" + optional


#: `accept_encoding` at the time of import.
ACCEPT_ENCODING = accept_encoding()


def _brotli() -> Any:
    name = _brotli_name()
    return import_module(name) if name else None


def _zstd() -> Any:
    name = _zstd_name()
    return import_module(name) if name else None


@cache
def fastest_zlib() -> Any:
    """Return the fastest library with zlib's interface for reading; zlib itself is the slowest."""
    for package, name in (("isal", "isal.isal_zlib"), ("zlib_ng", "zlib_ng.zlib_ng")):
        if find_spec(package):
            return import_module(name)
    return zlib


_chosen_zlib: Any = None


def set_zlib_backend(lib: ModuleType) -> None:
    """Read gzip and deflate by this library from now on, instead of the fastest one installed.

    Args:
        lib: has zlib's interface: `zlib`, ``isal.isal_zlib``, ``zlib_ng.zlib_ng``.
    """
    global _chosen_zlib
    _chosen_zlib = lib


def _inflating_zlib() -> Any:
    return fastest_zlib() if _chosen_zlib is None else _chosen_zlib


# --- one member: from the start of a coding to its end mark ------------------------------------


class Member(Protocol):
    """Decodes one gzip member, zlib stream, brotli stream or zstd frame."""

    #: What the library raises for broken data.
    errors: tuple[type[Exception], ...]

    @property
    def ended(self) -> bool:
        """Whether the end mark has been seen."""
        ...

    @property
    def pending(self) -> bool:
        """Whether there is more to come without more input."""
        ...

    def decode(self, data: memoryview) -> tuple[bytes, int]:
        """Return what came out and how much of ``data`` was used up."""
        ...


class _ZlibMember:
    """gzip (RFC 1952) or deflate (RFC 1950, RFC 1951)."""

    def __init__(self, wbits: int) -> None:
        library = _inflating_zlib()
        self._zlib = library.decompressobj(wbits)
        self.errors: tuple[type[Exception], ...] = (library.error,)
        self.pending = False

    @property
    def ended(self) -> bool:
        return bool(self._zlib.eof)

    def decode(self, data: memoryview) -> tuple[bytes, int]:
        decoded: bytes = self._zlib.decompress(data, MAX_CHUNK)
        # A full chunk may have left a part of a match inside the library, and in isal of the input,
        # with no input to show for it.
        self.pending = len(decoded) == MAX_CHUNK and not self._zlib.eof
        # At its end zlib may leave an unconsumed tail that it had before: it means nothing then.
        left = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
        return decoded, len(data) - len(left)


class _DeflateMember:
    """deflate as the peer understands it: the first two bytes tell.

    With the zlib wrapper (RFC 1950), as HTTP means it, or bare (RFC 1951), as many servers send it.
    """

    def __init__(self) -> None:
        self._first = b""
        self._member: _ZlibMember | None = None
        self.errors: tuple[type[Exception], ...] = (_inflating_zlib().error,)

    @property
    def ended(self) -> bool:
        return self._member is not None and self._member.ended

    @property
    def pending(self) -> bool:
        return self._member is not None and self._member.pending

    def decode(self, data: memoryview) -> tuple[bytes, int]:
        if self._member is not None:
            return self._member.decode(data)
        held = len(self._first)
        first = self._first + bytes(data)
        if len(first) < 2:
            self._first = first
            return b"", len(data)
        wrapped = first[0] & 0x0F == 8 and int.from_bytes(first[:2], "big") % 31 == 0
        self._member = _ZlibMember(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        decoded, used = self._member.decode(memoryview(first))
        return decoded, used - held


class _BrotliMember:
    """br (RFC 7932). The library keeps input that it has not used up."""

    def __init__(self, brotli: Any) -> None:
        self._brotli = brotli.Decompressor()
        # TypeError: a library before 1.2 that cannot bound its output.
        self.errors: tuple[type[Exception], ...] = (brotli.error, TypeError)
        self.pending = False

    @property
    def ended(self) -> bool:
        return bool(self._brotli.is_finished())

    def decode(self, data: memoryview) -> tuple[bytes, int]:
        # While the library holds input back, it must be given nothing new.
        given = bytes(data) if self._brotli.can_accept_more_data() else b""
        decoded: bytes = self._brotli.process(given, output_buffer_limit=_BROTLI_LIMIT)
        # It may hold output too, and only an empty answer says that it does not.
        self.pending = bool(decoded) and not self._brotli.is_finished()
        return decoded, len(given)


class _StdlibZstdMember:
    """zstd (RFC 8878) with Python's own library."""

    def __init__(self, zstd: Any) -> None:
        options = {zstd.DecompressionParameter.window_log_max: _MAX_ZSTD_WINDOW_LOG}
        self._zstd = zstd.ZstdDecompressor(options=options)
        self.errors: tuple[type[Exception], ...] = (zstd.ZstdError,)

    @property
    def ended(self) -> bool:
        return bool(self._zstd.eof)

    @property
    def pending(self) -> bool:
        return not self._zstd.needs_input and not self._zstd.eof

    def decode(self, data: memoryview) -> tuple[bytes, int]:
        # The library keeps input that it has not used up; what follows the frame comes back.
        given = b"" if self.pending else data
        decoded: bytes = self._zstd.decompress(given, MAX_CHUNK)
        return decoded, len(given) - len(self._zstd.unused_data)


class _ZstandardMember:
    """zstd with the ``zstandard`` library.

    It cannot bound its output, and is therefore given one block at a time.
    """

    def __init__(self, zstandard: Any) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << _MAX_ZSTD_WINDOW_LOG)
        self._zstd = decompressor.decompressobj()
        self._blocks = _ZstdBlocks()
        self.errors: tuple[type[Exception], ...] = (zstandard.ZstdError,)
        self.pending = False

    @property
    def ended(self) -> bool:
        return bool(self._zstd.eof)

    def decode(self, data: memoryview) -> tuple[bytes, int]:
        given = data[: self._blocks.next_end(data)]
        decoded: bytes = self._zstd.decompress(given)
        return decoded, len(given) - len(self._zstd.unused_data)


class _ZstdBlocks:
    """Finds the ends of the blocks of one zstd frame (RFC 8878 3.1.1).

    Each of them decodes to 128 KiB at most. Checks nothing: that is the library's work.
    """

    _MAGIC = 0xFD2FB528

    def __init__(self) -> None:
        self._field = bytearray()  # a field that has to be looked at, as far as it has come
        self._parse: Callable[[int], None] | None = self._parse_magic
        self._width = 4  # of that field
        self._skip = 0  # bytes before that field that need not be looked at

    def next_end(self, data: memoryview) -> int:
        """Return how much of ``data`` belongs to the next step: up to the end of one block."""
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                if not self._skip and self._width == 3:
                    return position
            elif self._parse is None:
                return len(data)
            else:
                self._field.append(data[position])
                position += 1
                if len(self._field) == self._width:
                    value = int.from_bytes(self._field, "little")
                    self._field.clear()
                    self._parse(value)
        return position

    def _parse_magic(self, magic: int) -> None:
        if magic == self._MAGIC:
            self._parse, self._width = self._parse_descriptor, 1
        else:
            # A skippable frame, which gives no output, or no zstd at all.
            self._parse = None

    def _parse_descriptor(self, descriptor: int) -> None:
        single_segment = descriptor >> 5 & 1
        dictionary_id = (0, 1, 2, 4)[descriptor & 3]
        content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
        self._skip = (1 - single_segment) + dictionary_id + content_size
        # With a block header of three bytes next, the end of what is skipped counts as the end of
        # a block; that costs one more step.
        self._parse, self._width = self._parse_block, 3

    def _parse_block(self, header: int) -> None:
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        self._skip = 1 if kind == 1 else size
        if last:
            self._parse = None


# --- beginning a member ---


def _new_brotli() -> Member:
    brotli = _brotli()
    if brotli is None:
        raise ContentDecodingError(
            "Can not decode content-encoding: brotli (br). Please install `Brotli`"
        )
    return _BrotliMember(brotli)


def _new_zstd() -> Member:
    zstd = _zstd()
    if zstd is None:
        raise ContentDecodingError(
            "Can not decode content-encoding: zstandard (zstd). Please install `zstandard`"
        )
    return _ZstandardMember(zstd) if hasattr(zstd, "backend") else _StdlibZstdMember(zstd)


def _new_gzip() -> Member:
    return _ZlibMember(16 + zlib.MAX_WBITS)


#: How to begin a member, and whether several may follow one another.
CODINGS: dict[str, tuple[Callable[[], Member], bool]] = {
    "gzip": (_new_gzip, True),
    "x-gzip": (_new_gzip, True),
    "deflate": (_DeflateMember, False),
    "br": (_new_brotli, False),
    "zstd": (_new_zstd, True),
}


# --- encoding -----------------------------------------------------------------------------------


class _BrotliEncoder:
    """Gives brotli's compressor the names of zlib's."""

    def __init__(self, brotli: Any) -> None:
        compressor = brotli.Compressor()
        self.compress: Callable[[bytes], bytes] = compressor.process
        self.flush: Callable[[], bytes] = compressor.finish


def make_encoder(coding: str) -> Encoder:
    """Make an encoder for a request's body.

    Args:
        coding: ``gzip``, ``deflate`` (with the zlib wrapper; ``raw-deflate`` without), ``br`` or
            ``zstd``.

    Raises:
        InvalidRequestError: the coding is unknown, or its library is not installed.
    """
    if coding in ("gzip", "x-gzip"):
        return zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    if coding == "deflate":
        return zlib.compressobj()
    if coding == "raw-deflate":
        return zlib.compressobj(wbits=-zlib.MAX_WBITS)
    if coding == "br" and (brotli := _brotli()):
        return _BrotliEncoder(brotli)
    if coding == "zstd" and (zstd := _zstd()):
        compressor = zstd.ZstdCompressor()
        encoder: Encoder = compressor.compressobj() if hasattr(zstd, "backend") else compressor
        return encoder
    if coding in CODINGS:
        raise InvalidRequestError(f"Can not encode as {coding}: its library is not installed")
    raise InvalidRequestError(f"Can not encode as {coding!r}: unknown content coding")
