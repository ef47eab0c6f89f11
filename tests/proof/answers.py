"""Response forms as bytes, what goes wrong with them, and an independent reader of them.

A form answers each path with a body that names the path, so that an answer that belongs to another
request shows itself. `said` reads bytes as RFC 9112 does, in the plainest way: whatever the client
hands out of bytes that were tampered with must be what the bytes say.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass

from anyiohttp.testing import Faults

__all__ = ("FAULTS", "FORMS", "Fault", "Form", "Said", "content", "said", "tampered")

#: A status, and a body out of its codings.
Said = tuple[int, bytes]


def content(path: str) -> bytes:
    """The body that answers ``path``."""
    return b"<%b> is what was asked for" % path.encode()


# --- forms ----------------------------------------------------------------------------------


def with_length(path: str) -> bytes:
    body = content(path)
    return b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked(path: str) -> bytes:
    body = content(path)
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n"
        b"9;ext=1\r\n%b\r\n%X\r\n%b\r\n0\r\nX-End: yes\r\nX-Two: 2\r\n\r\n"
        % (body[:9], len(body) - 9, body[9:])
    )


def until_end(path: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + content(path)


def _zipped(path: str) -> bytes:
    """Two members, as of a file that was appended to."""
    body = content(path)
    return gzip.compress(body[:20], mtime=0) + gzip.compress(body[20:], mtime=0)


def gzip_with_length(path: str) -> bytes:
    body = _zipped(path)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def gzip_chunked(path: str) -> bytes:
    body = _zipped(path)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"11\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:17], len(body) - 17, body[17:])
    )


def gzip_until_end(path: str) -> bytes:
    # One member: an end between two would be an end of the body like any other.
    body = gzip.compress(content(path), mtime=0)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body


def informational_first(path: str) -> bytes:
    return (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        + with_length(path)
    )


def redirect(path: str) -> bytes:
    if path != "victim":
        return with_length(path)
    head = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\n"
    return head + b"gone"


def no_body(path: str) -> bytes:
    if path != "victim":
        return with_length(path)
    return b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Form:
    """A form of response.

    Args:
        name: what it is called.
        answer: what is sent for a path.
        ends: whether the connection's end is the body's.
        checked: whether the body's own coding says where it ends.
        kept: whether the connection has carried another exchange before.
        final: the path that is answered last.
        status: of the right answer.
        body: of the right answer.
    """

    name: str
    answer: Callable[[str], bytes]
    ends: bool = False
    checked: bool = False
    kept: bool = False
    final: str = "victim"
    status: int = 200
    body: bytes = content("victim")

    @property
    def sent(self) -> bytes:
        """All that answers the victim, if nothing goes wrong."""
        first = self.answer("victim")
        return first if self.final == "victim" else first + self.answer(self.final)

    @property
    def right(self) -> Said:
        """The right answer."""
        return self.status, self.body

    @property
    def skipped(self) -> int:
        """How many bytes the connection carries before."""
        return len(self.answer("before")) if self.kept else 0

    @property
    def boundary(self) -> int:
        """Where the last response begins."""
        return 0 if self.final == "victim" else len(self.answer("victim"))

    @property
    def head_ends(self) -> int:
        """Where the last response's head ends."""
        return self.sent.index(b"\r\n\r\n", self.boundary) + 4


FORMS = (
    Form("content-length", with_length),
    Form("content-length, kept", with_length, kept=True),
    Form("chunked, trailers", chunked),
    Form("chunked, kept", chunked, kept=True),
    Form("until the end", until_end, ends=True),
    Form("gzip, content-length", gzip_with_length, checked=True),
    Form("gzip, chunked", gzip_chunked, checked=True),
    Form("gzip, until the end", gzip_until_end, ends=True, checked=True),
    Form("1xx first", informational_first),
    Form("redirect", redirect, final="there", body=content("there")),
    Form("no content", no_body, status=204, body=b""),
)


# --- faults ---------------------------------------------------------------------------------

FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<forged>"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, wherever that is.

    Args:
        name: what it is called.
        at: the faults at a position.
        garbage: what is sent there.
        overwrite: whether that stands in place of other bytes.
        bytewise: whether what comes before it comes in single bytes.
    """

    name: str
    at: Callable[[int], Faults]
    garbage: bytes = b""
    overwrite: bool = False
    bytewise: bool = False


def _garbage(name: str, garbage: bytes, *, overwrite: bool = False) -> Fault:
    def at(position: int) -> Faults:
        return Faults(garbage_at=position, garbage=garbage, overwrite=overwrite)

    return Fault(name, at, garbage, overwrite)


FAULTS = (
    Fault("end", lambda k: Faults(end_at=k)),
    Fault("end, byte by byte", lambda k: Faults(end_at=k), bytewise=True),
    Fault("reset", lambda k: Faults(reset_at=k)),
    Fault("stall", lambda k: Faults(stall_at=k)),
    _garbage("a NUL between", b"\0"),
    _garbage("a line end between", b"\r\n"),
    _garbage("a forged response between", FORGED),
    _garbage("bytes overwritten", b"\xff\xfe", overwrite=True),
    _garbage("a digit overwritten", b"9", overwrite=True),
)


def tampered(sent: bytes, fault: Fault, position: int) -> bytes:
    """What arrives of ``sent`` with the fault's garbage."""
    rest = sent[position + len(fault.garbage) * fault.overwrite :]
    return sent[:position] + fault.garbage + rest


# --- what bytes say -------------------------------------------------------------------------

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\0]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0]*?)[ \t]*")


def said(raw: bytes) -> Said:
    """Read the first final response that begins ``raw``, and ends with it if nothing else does.

    Raises:
        ValueError: it is none, or not all of it is there.
    """
    status, fields, rest = 0, {}, raw
    while status < 200:
        status, fields, rest = _head(rest.lstrip(b"\r\n"))
    if status in (204, 304):
        return status, b""
    codings, lengths = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if codings is not None and lengths is not None:
        raise ValueError("two framings")
    if codings is not None:
        if codings != {b"chunked"}:
            raise ValueError("an unknown transfer coding")
        body = _chunks(rest)
    elif lengths is not None:
        (length,) = lengths  # equal ones count as one
        body = rest[: int(length)]
        if len(body) < int(length):
            raise ValueError("a part")
    else:
        body = rest
    if fields.get(b"content-encoding") == {b"gzip"}:
        body = _unzipped(body)
    return status, body


def _head(raw: bytes) -> tuple[int, dict[bytes, set[bytes]], bytes]:
    head, *rest = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)
    if not rest:
        raise ValueError("no end of the head")
    first, *lines = re.split(rb"\r?\n", re.sub(rb"\r?\n[ \t]+", b" ", head))
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise ValueError(f"no status line: {first!r}")
    fields: dict[bytes, set[bytes]] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise ValueError(f"no field: {line!r}")
        fields.setdefault(field[1].lower(), set()).add(field[2].lower())
    return int(status[1]), fields, rest[0]


def _chunks(raw: bytes) -> bytes:
    body = b""
    while True:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line.partition(b";")[0].strip(), 16)
        if not size:
            break
        body += raw[:size]
        if raw[size : size + 2] != b"\r\n":
            raise ValueError("no end of the chunk")
        raw = raw[size + 2 :]
    if not raw.startswith(b"\r\n"):
        _head(b"HTTP/1.1 200 OK\r\n" + raw)
    return body


def _unzipped(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError) as exc:
        raise ValueError("broken gzip") from exc
