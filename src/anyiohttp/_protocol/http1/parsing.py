"""From bytes to the head of a response.

Knows: httptools, its limits, and RFC 9112 sections 2 to 5 where it is stricter than we may be.
Must not know: streams, how bodies are framed, what becomes of the connection.
Called by: ``connection`` feeds a `ResponseParser`; ``bodies`` uses `Section` for trailers.

httptools (llhttp) checks the grammar. Three things it does not do are done here.

* **Limits.** It would read a head without end. `Section` collects the bytes of a head, measures
  lines and fields as they come and cuts what is too long as soon as it is, not at the end.
* **Where the head ends.** It does not know the request's method and says nothing of how far it
  read. It therefore gets exactly the head, once, and never a body.
* **Tolerance.** A user agent takes a bare LF as the end of a line (RFC 9112 2.2), unfolds folded
  lines (5.2) and takes equal Content-Lengths as one (6.3). Such heads are rare: they are mended,
  and then judged by the same strict rules as all others.

Only `ParseError` comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from ..base import HTTP_10, HTTP_11, MessageLimits
from .framing import HeardHead, ParseError

__all__ = ("ParseError", "ResponseParser", "Section", "parse_section")

#: More informational responses than any server sends before the final one.
MAX_INFORMATIONAL = 32

#: CR and LF before a status line, left over from a body that was too long by an empty line.
MAX_BLANK = 32

#: White space round a field's value does not count, but has an end.
MAX_WHITESPACE = 1024

_OPENING = b"HTTP/1."
_VERSIONS = {b"HTTP/1.1": HTTP_11, b"HTTP/1.0": HTTP_10}
_REASON_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class ResponseParser:
    """Reads informational heads and the final one.

    Args:
        limits: how much is accepted.
        upgrade: whether 101 is a final response that was asked for.

    Attributes:
        head: the final head, once it is there.
        rest: the bytes that followed it.
        started: whether a byte of a response was seen.
        continued: whether 100 was seen.
    """

    # What is the same for almost all responses stands here and is not set for each.
    _section: Section | None = None
    _opening = b""
    _blank = 0
    _informational = 0
    head: HeardHead | None = None
    rest = b""
    started = False
    continued = False

    def __init__(self, limits: MessageLimits, *, upgrade: bool = False) -> None:
        self._limits = limits
        self._upgrade = upgrade

    def feed(self, data: bytes) -> None:
        """Take bytes; `head` is set once they have made up the final head.

        Raises:
            ParseError: this is not a response, or it passes a limit.
        """
        if self.head is not None:
            self.rest += data
            return
        self.started = True
        while data:
            found = self._next_section(data)
            if found is None:
                return
            section, data = found
            head = _known_heads.get(section)
            if head is None or len(head.headers) > self._limits.max_headers:
                head = parse_section(section, self._limits)
                _remember(section, head)
            if head.status >= 200 or head.status == 101:
                if head.status == 101 and not self._upgrade:
                    raise ParseError("101 although no upgrade was asked for")
                self.head = head
                self.rest = data
                return
            self._note_informational(head.status)

    def _next_section(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the next head and what follows it; ``None`` if it has not ended."""
        section = self._section
        if section is None:
            if self._opening or data[:7] != _OPENING:
                data = self._open(self._opening + data)
                if not data:
                    return None
            # Almost all come whole, and are too short to be too long.
            end = _end_of_section(data, 0)
            limits = self._limits
            if 0 < end <= limits.max_line_size and end <= limits.max_field_size:
                return data[:end], data[end:]
            section = self._section = Section(limits)
        found = section.feed(data)
        if found is not None:
            self._section = None
        return found

    def _note_informational(self, status: int) -> None:
        self._informational += 1
        if self._informational > MAX_INFORMATIONAL:
            raise ParseError(f"more than {MAX_INFORMATIONAL} informational responses")
        if status == 100:
            self.continued = True

    def _open(self, data: bytes) -> bytes:
        """Return ``data`` from the status line on, ``b""`` if too little is there to tell.

        What cannot become a status line is refused at its first wrong byte.
        """
        self._opening = b""
        if data[:7] == _OPENING:
            return data
        stripped = data.lstrip(b"\r\n")
        self._blank += len(data) - len(stripped)
        if self._blank > MAX_BLANK:
            raise ParseError("empty lines instead of a response")
        if stripped[:7] == _OPENING:
            return stripped
        if not _OPENING.startswith(stripped):
            raise ParseError(f"not an HTTP/1 response: it begins with {stripped[:16]!r}")
        self._opening = stripped
        return b""


#: Heads that came lately, by their bytes. A server that is asked often answers with the same head
#: again and again, within a second to the byte, and then none of it need be judged anew.
_known_heads: dict[bytes, HeardHead] = {}
MOST_KNOWN = 64

#: Longer heads are not kept: all of them together are to stay small.
_LONGEST_KNOWN = 2048
#: What may be somebody's secret is not kept for longer than its response.
_SECRETIVE = (b"cookie", b"auth", b"token", b"secret", b"location")


def _remember(section: bytes, head: HeardHead) -> None:
    if len(section) > _LONGEST_KNOWN:
        return
    lowered = section.lower()
    if any(word in lowered for word in _SECRETIVE):
        return
    if len(_known_heads) >= MOST_KNOWN and section not in _known_heads:
        del _known_heads[next(iter(_known_heads))]  # the one that came first
    _known_heads[section] = head


class Section:
    """Collects a first line and fields up to the empty line that ends them, within limits.

    Args:
        limits: how long the first line and each field may be, and how many there may be.
        start: bytes that come before those that are fed.
    """

    __slots__ = ("_buffer", "_ended_lines", "_limits", "_line_start", "_scanned")

    def __init__(self, limits: MessageLimits, start: bytes = b"") -> None:
        self._limits = limits
        self._buffer = bytearray(start) if start else None
        self._line_start = 0
        self._scanned = 0
        self._ended_lines = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the section with its empty line, and what follows; ``None`` if it has not ended.

        Raises:
            ParseError: a limit is passed.
        """
        buffer = self._buffer
        if buffer is None:
            end = _end_of_section(data, 0)
            if end:
                self._check(data, end)
                return data[:end], data[end:]
            buffer = self._buffer = bytearray(data)
        else:
            # "\n\r" may have been the last two bytes so far.
            start = max(0, len(buffer) - 2)
            buffer += data
            end = _end_of_section(buffer, start)
            if end:
                self._check(buffer, end)
                return bytes(buffer[:end]), bytes(buffer[end:])
        self._walk(buffer, len(buffer))
        return None

    def _check(self, buffer: bytes | bytearray, end: int) -> None:
        """Check a section that has ended."""
        if end > self._limits.max_line_size or end > self._limits.max_field_size:
            self._walk(buffer, end - 2)  # without the empty line

    def _walk(self, buffer: bytes | bytearray, end: int) -> None:
        """Measure the lines up to ``end`` that were not measured yet, the unfinished one too."""
        while (newline := buffer.find(b"\n", self._scanned, end)) >= 0:
            following = buffer[newline + 1 : newline + 2]
            if not following:
                break  # whether the field goes on is not known yet
            self._scanned = newline + 1
            if following in (b" ", b"\t") and self._ended_lines:
                continue  # a folded line belongs to the field before it
            self._measure(buffer, newline)
            self._line_start = newline + 1
            self._ended_lines += 1
            if self._ended_lines > self._limits.max_headers and following not in (b"\r", b"\n"):
                raise ParseError(f"more than {self._limits.max_headers} header fields")
        self._measure(buffer, end)

    def _measure(self, buffer: bytes | bytearray, end: int) -> None:
        limits = self._limits
        limit = limits.max_field_size if self._ended_lines else limits.max_line_size
        if end - self._line_start <= limit:
            return
        line = bytes(buffer[self._line_start : end])
        if self._ended_lines:
            name, _, value = line.partition(b":")
            size = len(name) + len(value.strip(b" \t\r\n"))
            what = "header field"
        else:
            size = len(line.rstrip(b"\r\n"))
            what = "status line"
        if size > limit or len(line) > limit + MAX_WHITESPACE:
            raise ParseError(f"a {what} is longer than {limit} bytes")


def _end_of_section(buffer: bytes | bytearray, start: int) -> int:
    """Return where the first empty line ends; 0 if there is none yet."""
    crlf = buffer.find(b"\n\r\n", start)
    # Only an earlier bare LF can end it before; it must not hide behind a CRLF in the body.
    bare = buffer.find(b"\n\n", start, crlf + 1) if crlf >= 0 else buffer.find(b"\n\n", start)
    if bare >= 0:
        return bare + 2
    return crlf + 3 if crlf >= 0 else 0


# --- httptools ------------------------------------------------------------------------------


class _Sink:
    """What httptools calls back."""

    # httptools asks for all of these, and an attribute that is missing takes it longer.
    on_message_begin = on_url = on_body = on_message_complete = on_status = None
    on_chunk_header = on_chunk_complete = None

    reason = b"OK"

    headers: list[tuple[bytes, bytes]]
    incomplete: list[bool]
    on_headers_complete: Callable[[], bool]

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))


class _SinkWithReason(_Sink):
    """The same where the reason phrase is not the usual one."""

    reason = b""

    def on_status(self, reason: bytes) -> None:  # type: ignore[override]
        self.reason = reason


def parse_section(section: bytes, limits: MessageLimits) -> HeardHead:
    """Parse a whole head, from the status line to the empty line.

    Raises:
        ParseError: it is not one.
    """
    sink = _Sink() if section[12:17] == b" OK\r\n" else _SinkWithReason()
    parser = _parser_into(sink)
    # At the end of a line. (``in`` would first try whether this is a number, by an exception.)
    blank = section.find(b" \r") >= 0 or section.find(b"\t\r") >= 0
    try:
        parser.feed_data(section)
    except (HttpParserError, HttpParserUpgrade):
        # After the last header this is only httptools' way to say "upgrade".
        if sink.incomplete:
            sink = _SinkWithReason()
            parser = _parse_mended(section, sink)
            blank = True
    if sink.incomplete:
        raise ParseError("the head is incomplete")
    headers = sink.headers
    if len(headers) > limits.max_headers:
        raise ParseError(f"more than {limits.max_headers} header fields")
    if blank:
        headers = [(name, value.rstrip(b" \t")) for name, value in headers]
    status = parser.get_status_code()
    version = _VERSIONS.get(section[:8])
    if version is None or status < 100:
        raise ParseError(f"invalid status line: {section[:32]!r}")
    return HeardHead(status, _reason(sink.reason), version, tuple(headers))


def _reason(phrase: bytes) -> str:
    if phrase == b"OK":
        return "OK"
    if _REASON_CONTROLS.search(phrase):
        raise ParseError("the reason phrase has a control character")
    return phrase.decode("utf-8", "surrogateescape")


def _parser_into(sink: _Sink) -> HttpResponseParser:
    # Set here, because a method ``__init__`` takes twice as long, for each response.
    sink.headers = []
    sink.incomplete = [True]
    sink.on_headers_complete = sink.incomplete.pop  # nothing of ours is called faster
    return HttpResponseParser(sink)


def _parse_mended(section: bytes, sink: _Sink) -> HttpResponseParser:
    parser = _parser_into(sink)
    # Which of both counts, or that neither does, is for ``framing`` to say: it knows the method.
    parser.set_dangerous_leniencies(lenient_chunked_length=True)
    try:
        parser.feed_data(_mended(section))
    except HttpParserError as exc:
        if sink.incomplete:
            raise ParseError(str(exc)) from None
    except HttpParserUpgrade:
        pass
    return parser


def _mended(section: bytes) -> bytes:
    """Return a head with CRLF after each line, folded lines joined, equal lengths merged."""
    first, *lines = [line.removesuffix(b"\r") for line in section.split(b"\n")[:-2]]
    fields: list[bytes] = []
    for line in lines:
        if fields and line[:1] in (b" ", b"\t"):
            fields[-1] = fields[-1].rstrip(b" \t") + b" " + line.strip(b" \t")
        else:
            fields.append(line)
    return b"\r\n".join([first, *_with_one_length(fields), b"", b""])


def _with_one_length(fields: list[bytes]) -> list[bytes]:
    """Merge Content-Lengths that all say the same (RFC 9112 6.3 rule 5)."""
    kept: list[bytes] = []
    values: set[bytes] = set()
    place = 0
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            place = place if values else len(kept)
            values.update(part.strip(b" \t") for part in value.split(b","))
        else:
            kept.append(field)
    if len(values) != 1:
        return fields
    kept.insert(place, b"Content-Length: " + values.pop())
    return kept
