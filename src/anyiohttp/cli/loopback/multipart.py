"""Reading multipart bodies piece by piece (RFC 2046, section 5.1; RFC 7578).

Knows: boundaries, part headers.
Must not know: where the bytes come from and what becomes of them.
Called by: `handlers`.
"""

from __future__ import annotations

import hashlib
from email.message import EmailMessage
from email.parser import HeaderParser
from email.policy import HTTP

__all__ = ("MultipartReader", "Part")


class Part:
    """One part: its headers' content, and a digest of its body, which is not kept."""

    def __init__(self, head: bytes) -> None:
        message = HeaderParser(policy=HTTP).parsestr(head.decode("utf-8", "replace"))
        assert isinstance(message, EmailMessage)
        name = message.get_param("name", header="content-disposition")
        self.name = name if isinstance(name, str) else None
        self.filename: str | None = message.get_filename()
        self.content_type: str | None = message.get("content-type")
        self.size = 0
        self.value = b""
        self._digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Take a piece of the body; the first kilobyte is kept as ``value``."""
        self.size += len(data)
        self._digest.update(data)
        if len(self.value) < 1024:
            self.value += data[: 1024 - len(self.value)]

    @property
    def sha256(self) -> str:
        """The digest of the body so far, in hexadecimal."""
        return self._digest.hexdigest()


class MultipartReader:
    """Takes a multipart body piece by piece; `parts` holds what came so far.

    Raises:
        ValueError: the boundary is missing.
    """

    def __init__(self, content_type: str) -> None:
        message = EmailMessage(policy=HTTP)
        message["Content-Type"] = content_type
        boundary = message.get_boundary()
        if not boundary:
            raise ValueError(f"no boundary in {content_type!r}")
        self._delimiter = b"\r\n--" + boundary.encode()
        # The first delimiter may stand at the very beginning.
        self._buffer = bytearray(b"\r\n")
        self._state = self._skip_preamble
        self.parts: list[Part] = []
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take a piece of the body.

        Raises:
            ValueError: what follows a delimiter is neither a part nor the end.
        """
        self._buffer += data
        while not self.ended and self._state():
            pass

    def _skip_preamble(self) -> bool:
        return self._to_delimiter(None)

    def _read_part(self) -> bool:
        return self._to_delimiter(self.parts[-1])

    def _to_delimiter(self, part: Part | None) -> bool:
        end = self._buffer.find(self._delimiter)
        # What may be the beginning of a delimiter stays until more has come.
        usable = end if end >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        if part is not None:
            part.add(bytes(self._buffer[:usable]))
        del self._buffer[:usable]
        if end < 0:
            return False
        del self._buffer[: len(self._delimiter)]
        self._state = self._read_after_delimiter
        return True

    def _read_after_delimiter(self) -> bool:
        if len(self._buffer) < 2:
            return False
        if self._buffer.startswith(b"--"):
            self.ended = True
        elif not self._buffer.startswith(b"\r\n"):
            raise ValueError(f"{bytes(self._buffer[:2])!r} after a boundary")
        self._state = self._read_head
        return True

    def _read_head(self) -> bool:
        # The line end after the delimiter is still there, so that an empty head is found too.
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.parts.append(Part(bytes(self._buffer[2:end])))
        del self._buffer[: end + 4]
        self._state = self._read_part
        return True
