"""Lists of downloads in files: text, one URL a line, or metalink 4. Pure.

Knows: the formats, what a list may name.
Must not know: where the text came from.
Called by: users, the command line.
"""

from __future__ import annotations

import shlex

from yarl import URL

from ..exceptions import DownloadListError
from .digests import Digest, parse_digest, strongest
from .items import DownloadItem
from .metalink import MetalinkFile, parse_metalink
from .naming import relative_path
from .options import DownloadKwargs

__all__ = ("parse_download_list",)


def parse_download_list(data: str | bytes) -> list[DownloadItem]:
    r"""Read a list of downloads: text, or metalink 4 (RFC 5854), whichever it is.

    Text has one URL a line. Behind it, in any order, may stand the name of the file and a digest,
    with spaces between; a name with spaces stands in quotes. ``#`` begins a comment::

        https://example.org/a.iso
        https://example.org/b.iso  images/b.iso  sha256:9f86d081…
        https://example.org/c      "the third.txt"

    A metalink names each file, its mirrors (http and https ones are used, in the order of their
    priorities), its size and its hashes, of which the strongest is checked.

    Args:
        data: what is in the file.

    Raises:
        DownloadListError: it is malformed, or names a file outside of the directory; says where.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return [_item_of(file) for file in parse_metalink(raw)]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DownloadListError(f"neither text in UTF-8 nor a metalink: {exc}") from None
    items = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            item = _item_of_line(line)
        except ValueError as exc:
            raise DownloadListError(f"line {number}: {exc}") from None
        if item is not None:
            items.append(item)
    return items


def _item_of_line(line: str) -> DownloadItem | None:
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    # A URL may have quotes and number signs in it: it ends with the first space.
    first, *rest = line.split(maxsplit=1)
    url = _http_url(first)
    if url is None:
        raise ValueError(f"{first!r} is no http or https URL")
    name, options = None, DownloadKwargs()
    for word in shlex.split(rest[0], comments=True) if rest else ():
        digest = _digest(word)
        if digest is not None:
            if "digest" in options:
                raise ValueError("two digests")
            options["digest"] = str(digest)
        elif name is None:
            name = relative_path(word)
        else:
            raise ValueError(f"a URL, a name and a digest are all that is read, not {word!r} too")
    return DownloadItem(url, name, options)


def _digest(word: str) -> Digest | None:
    algorithm, separator, _ = word.replace("=", ":", 1).partition(":")
    if not separator or "/" in algorithm or "." in algorithm:
        return None
    return parse_digest(word)


def _item_of(file: MetalinkFile) -> DownloadItem:
    try:
        name = relative_path(file.name)
    except ValueError as exc:
        raise DownloadListError(f"metalink: {exc}") from None
    ordered = (text for _, text in sorted(file.urls, key=lambda pair: pair[0]))
    urls = [url for url in map(_http_url, ordered) if url is not None]
    if not urls:
        raise DownloadListError(f"metalink: {file.name!r} has no http or https URL")
    options = DownloadKwargs()
    if len(urls) > 1:
        options["mirrors"] = urls[1:]
    if file.size is not None:
        options["size"] = file.size
    digests = strongest(_known_hashes(file))
    if digests:
        options["digest"] = str(digests[0])
    return DownloadItem(urls[0], name, options)


def _known_hashes(file: MetalinkFile) -> list[Digest]:
    found = []
    for algorithm, value in file.hashes:
        try:
            found.append(parse_digest(f"{algorithm}:{value}", "metalink"))
        except ValueError:
            continue  # an algorithm that is not known here
    return found


def _http_url(text: str) -> URL | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None
