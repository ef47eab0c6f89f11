"""The journal beside a part file: what of it is there, also after a crash. Pure.

Knows: its format, which of its claims hold after a crash.
Must not know: files (``files`` writes and reads it).
Called by: ``files``.

A journal is text, one record a line, appended to as blocks are written::

    anyiohttp-download 1 {"boot": …, "size": …, "url": …, "validator": …} 5f3a…
    W 0 1048576 81d2…        this range was written
    S 0c44…                  everything above is on the disk

Each line ends with a checksum over itself and all lines before it. Reading stops at the first line
that is torn or wrong; what was said before it still holds. What was written but not synced is in
the system's memory: a process that dies leaves it there, a machine that stops takes it along. So it
counts only for as long as the machine has not been started anew, which ``boot`` tells.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from dataclasses import asdict, dataclass, field, fields

from yarl import URL

from .spans import Spans

__all__ = ("Identity", "JournalWriter", "Recorded", "decode", "url_key")

_MAGIC = "anyiohttp-download 1"
_RECORD = re.compile(rb"S|W (\d{1,19}) (\d{1,19})")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which version of which file a part file holds.

    Args:
        url: the `url_key` of where it comes from.
        size: of the whole; ``None`` if it is not known.
        validator: the strong validator; ``None`` if there is none.
        digest: what the whole must have, if it was told.
        modified: ``Last-Modified``, for the file's time stamp.
    """

    url: str
    size: int | None = None
    validator: str | None = None
    digest: str | None = None
    modified: str | None = None


@dataclass(slots=True)
class Recorded:
    """What a journal says.

    Args:
        identity: whose bytes these are.
        written: which are there.
        synced: which of them are on the disk.
    """

    identity: Identity
    written: Spans = field(default_factory=Spans)
    synced: Spans = field(default_factory=Spans)


class JournalWriter:
    """Makes the lines of a journal, each of which depends on all before it."""

    __slots__ = ("_checksum", "lines")

    def __init__(self) -> None:
        self._checksum = 0
        self.lines = 0

    def begin(self, recorded: Recorded, boot: str) -> bytes:
        """Return the beginning of a journal that says what is known already."""
        self._checksum = self.lines = 0
        facts = json.dumps({"boot": boot, **asdict(recorded.identity)}, sort_keys=True)
        parts = [self._line(f"{_MAGIC} {facts}")]
        parts += [self.wrote(start, end) for start, end in recorded.synced]
        if recorded.synced:
            parts.append(self.synced())
        if recorded.written != recorded.synced:
            parts += [self.wrote(start, end) for start, end in recorded.written]
        return b"".join(parts)

    def wrote(self, start: int, end: int) -> bytes:
        """Return the record that a range was written."""
        return self._line(f"W {start} {end}")

    def synced(self) -> bytes:
        """Return the record that everything written is on the disk."""
        return self._line("S")

    def _line(self, text: str) -> bytes:
        line, self._checksum = _sealed(text.encode(), self._checksum)
        self.lines += 1
        return line


def decode(data: bytes, boot: str) -> Recorded | None:
    """Return what a journal says; ``None`` if it is none, or one of another version.

    Args:
        data: the journal.
        boot: what tells this start of the machine from others; ``""`` if nothing does.
    """
    lines = data.split(b"\n")
    texts, checksum = [], 0
    for line in lines[:-1]:  # the last one has no end: it is empty, or torn
        text = line.rpartition(b" ")[0]
        sealed, checksum = _sealed(text, checksum)
        if sealed != line + b"\n":
            break
        texts.append(text)
    if not texts:
        return None
    facts = _facts(texts[0])
    if facts is None:
        return None
    recorded = Recorded(facts[0])
    for text in texts[1:]:
        match = _RECORD.fullmatch(text)
        if match is None:
            break
        if text == b"S":
            recorded.synced = recorded.written.copy()
        else:
            recorded.written.add(int(match[1]), int(match[2]))
    if not boot or facts[1] != boot:
        recorded.written = recorded.synced.copy()
    return recorded


def url_key(url: URL) -> str:
    """Return what stands for a URL in a journal, which is no place for the secrets of one."""
    bare = url.with_user(None).with_fragment(None) if url.is_absolute() else url
    return hashlib.sha256(str(bare).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _sealed(text: bytes, checksum: int) -> tuple[bytes, int]:
    checksum = zlib.crc32(text + b"\n", checksum)
    return b"%b %08x\n" % (text, checksum), checksum


def _facts(line: bytes) -> tuple[Identity, str] | None:
    magic, brace, rest = line.partition(b" {")
    if magic.decode("ascii", "replace") != _MAGIC:
        return None
    try:
        facts = json.loads(brace + rest)
        boot = facts.pop("boot")
        known = {each.name for each in fields(Identity)}
        return Identity(**{name: facts[name] for name in known}), str(boot)
    except (ValueError, KeyError, AttributeError):
        return None
