"""Names of files, when it is a server, a URL or a list that says them. Pure.

Knows: what a name may do on the systems it may come to.
Must not know: whether such a file exists.
Called by: ``task``, ``lists``, ``metalink``.

What comes out is one harmless component of a path: on POSIX and on Windows, shown in a terminal,
given to a shell's ``*``.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from yarl import URL

__all__ = ("JOURNAL_SUFFIX", "MAX_NAME", "PART_SUFFIX", "relative_path", "safe_name", "url_name")

#: What is put behind a name while its file is not complete.
PART_SUFFIX = ".part"
JOURNAL_SUFFIX = ".part.journal"

#: Bytes of a name: file systems allow 255, and the suffixes need some.
MAX_NAME = 200

#: Names of devices on Windows, whatever extension they have.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r'[<>:"|?*]')
#: What a name must not begin with: hidden files, options of commands, homes.
_BEGINNING = re.compile(r"^[.\-~\s]+")


def safe_name(name: str) -> str | None:
    """Return a name made harmless; ``None`` if nothing is left of it.

    Args:
        name: from a server, a URL or a list.
    """
    name = re.split(r"[/\\]", name)[-1]
    name = unicodedata.normalize("NFC", name)
    # Control characters, marks that turn the direction of text, halves of characters.
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    name = _FORBIDDEN.sub("_", name).rstrip(". ").strip()
    beginning = _BEGINNING.match(name)
    if beginning is not None:
        rest = name[beginning.end() :]
        name = f"_{rest}" if rest else ""
    if not name.strip("_ "):
        return None
    if _DEVICE.fullmatch(name):
        name = f"_{name}"
    # Another download's part must not be replaced in the guise of a file.
    if name.lower().endswith((PART_SUFFIX, JOURNAL_SUFFIX)):
        name += "_"
    return _shortened(name)


def url_name(url: URL) -> str:
    """Return the name that a URL ends with, made harmless; ``download`` if it has none."""
    return safe_name(url.name) or "download"


def relative_path(text: str) -> PurePosixPath:
    """Return a path that a list gives, each component made harmless.

    Raises:
        ValueError: it leads outside (absolute, a drive, ``..``), or names nothing.
    """
    text = text.replace("\\", "/")
    parts = text.split("/")
    if text.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", text):
        raise ValueError(f"{text!r} leads outside of the directory")
    names = [safe_name(part) for part in parts if part not in ("", ".")]
    safe = [name for name in names if name is not None]
    if not safe or len(safe) != len(names):
        raise ValueError(f"{text!r} is no name of a file")
    return PurePosixPath(*safe)


def _shortened(name: str) -> str:
    """Cut a name to `MAX_NAME` bytes, before its extension."""
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = MAX_NAME - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + extension
