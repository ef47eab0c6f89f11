"""What the codings of a part have made of it, undone (RFC 2045 6; RFC 9110 8.4). Pure.

Knows: ``Content-Transfer-Encoding`` piece by piece, which ``Content-Encoding`` a part may have.
Must not know: where a part comes from, how a content coding works.
Called by: ``multipart_reader``.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Protocol

from ..exceptions import MalformedMultipartError
from .codings import Decoder, make_decoder

__all__ = ("TransferDecoder", "content_decoder", "transfer_decoder", "whole_quartets")

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
#: What quoted-printable may hold back of a line.
_MAX_LINE = 64 * 1024


class TransferDecoder(Protocol):
    """Undoes a transfer encoding."""

    def decode(self, data: bytes) -> bytes:
        """Return what there is by now."""
        ...

    def finish(self) -> bytes:
        """Return the rest.

        Raises:
            MalformedMultipartError: the data stops where they cannot.
        """
        ...


class _Plain:
    def decode(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Base64:
    def __init__(self) -> None:
        self._rest = b""

    def decode(self, data: bytes) -> bytes:
        data = self._rest + data.translate(None, _NOT_BASE64)
        whole = len(data) - len(data) % 4
        self._rest = data[whole:]
        return _from_base64(data[:whole])

    def finish(self) -> bytes:
        return _from_base64(self._rest)


def _from_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error as exc:
        raise MalformedMultipartError(f"the base64 of a part is broken: {exc}") from exc


class _QuotedPrintable:
    """Line by line: what becomes of a space or of ``=`` depends on whether the line ends there."""

    def __init__(self) -> None:
        self._rest = b""

    def decode(self, data: bytes) -> bytes:
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        if len(data) - end > _MAX_LINE:
            # No line is so long: hold back only what may be half of something.
            end = len(data.rstrip(b" \t\r"))
            if b"=" in data[max(0, end - 2) : end]:
                end = data.rindex(b"=", 0, end)
            end = end or len(data)
        self._rest = data[end:]
        return binascii.a2b_qp(data[:end])

    def finish(self) -> bytes:
        return binascii.a2b_qp(self._rest)


def transfer_decoder(headers: Mapping[str, str]) -> TransferDecoder:
    """Return what undoes a part's transfer encoding.

    Raises:
        MalformedMultipartError: it is unknown.
    """
    encoding = headers.get("Content-Transfer-Encoding", "").strip().lower()
    if encoding in ("", "binary", "8bit", "7bit"):
        return _Plain()
    if encoding == "base64":
        return _Base64()
    if encoding == "quoted-printable":
        return _QuotedPrintable()
    raise MalformedMultipartError(f"unknown content transfer encoding: {encoding}")


def content_decoder(headers: Mapping[str, str]) -> Decoder | None:
    """Return what undoes a part's content codings; ``None`` if it has none.

    Raises:
        MalformedMultipartError: one is unknown.
        ContentDecodingError: there are too many.
    """
    encoding = headers.get("Content-Encoding", "")
    decoder = make_decoder(encoding)
    if decoder is None and encoding.replace(",", " ").lower().split() not in ([], ["identity"]):
        raise MalformedMultipartError(f"unknown content encoding: {encoding.lower()}")
    return decoder


def whole_quartets(data: bytes | bytearray) -> int:
    """Return how much of base64 can be decoded by itself: up to its last whole quartet.

    0 if there is no whole one.
    """
    left = len(data.translate(None, _NOT_BASE64)) % 4
    end = len(data)
    while left:
        end -= 1
        left -= data[end] in _BASE64
    return end
