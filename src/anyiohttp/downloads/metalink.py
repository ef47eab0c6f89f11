"""Metalink 4 (RFC 5854): files with their mirrors, hashes and sizes. Pure.

Knows: the format.
Must not know: where the text came from, what is done with it.
Called by: ``lists``.

The text may come from anywhere, so it is read without document types: no entities are declared,
nothing is expanded, nothing is fetched. Names are reduced to what stays inside a directory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from ..exceptions import DownloadListError

__all__ = ("MAX_SIZE", "MetalinkFile", "parse_metalink")

_NAMESPACE = "urn:ietf:params:xml:ns:metalink"
#: Bytes of a metalink.
MAX_SIZE = 16 * 1024 * 1024
_MAX_DEPTH = 16


@dataclass(slots=True)
class MetalinkFile:
    """A file of a metalink, as it says itself.

    Args:
        name: the name, not checked.
        size: in bytes, if it is told.
        urls: with their priorities; the lowest number is preferred.
        hashes: of the whole file: algorithm and hexadecimal value.
    """

    name: str
    size: int | None = None
    urls: list[tuple[int, str]] = field(default_factory=list)
    hashes: list[tuple[str, str]] = field(default_factory=list)


def parse_metalink(data: bytes) -> list[MetalinkFile]:
    """Read a metalink.

    Raises:
        DownloadListError: it is not one, is too large, or declares a document type.
    """
    if len(data) > MAX_SIZE:
        raise DownloadListError(f"the metalink has {len(data)} bytes; at most {MAX_SIZE} are read")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as exc:
        raise DownloadListError(f"not a metalink: {exc}") from None
    if not reader.files:
        raise DownloadListError("not a metalink, or one without files (RFC 5854)")
    return reader.files


class _Reader:
    """Takes what the parser finds."""

    def __init__(self) -> None:
        self.files: list[MetalinkFile] = []
        self._path: list[str] = []
        self._attributes: dict[str, str] = {}
        self._text: list[str] = []

    def refuse(self, *_: object) -> None:
        raise DownloadListError("the metalink declares a document type, which none needs")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        self._path.append(local if namespace == _NAMESPACE else name + "?")
        if len(self._path) > _MAX_DEPTH:
            raise DownloadListError("the metalink is nested too deeply")
        self._attributes = attributes
        self._text.clear()
        if self._path == ["metalink", "file"]:
            self.files.append(MetalinkFile(attributes.get("name", "")))

    def text(self, data: str) -> None:
        self._text.append(data)

    def end(self, name: str) -> None:
        if len(self._path) == 3 and self._path[:2] == ["metalink", "file"]:
            self._take(self._path[2], "".join(self._text).strip())
        self._path.pop()
        self._text.clear()

    def _take(self, name: str, text: str) -> None:
        file = self.files[-1]
        if name == "url":
            priority = self._attributes.get("priority", "")
            file.urls.append((int(priority) if _is_number(priority) else 999_999, text))
        elif name == "hash":
            file.hashes.append((self._attributes.get("type", ""), text))
        elif name == "size" and _is_number(text):
            file.size = int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
