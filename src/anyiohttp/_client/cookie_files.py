"""Saved cookie jars: JSON files that only their owner can read, if nobody said otherwise.

Knows: the file format, aiohttp's file format (read only), how to replace a file in one step.
Must not know: which cookies a jar takes or sends.
Called by: `cookies`.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from .cookie_store import StoredCookie
from .set_cookie import make_cookie

__all__ = ("read_cookies", "write_cookies")

_FORMAT: Final = "anyiohttp cookies 1"
_CONTROLS = r"[\x00-\x08\x0a-\x1f\x7f]"
# What aiohttp keeps in a cookie's record beside its attributes.
_AIOHTTP_FIELDS = frozenset({"key", "value", "coded_value", "host_only", "expires_timestamp"})


def write_cookies(path: Path, cookies: Iterable[StoredCookie]) -> None:
    """Write ``cookies`` to ``path``; the old file stays whole until the new one is.

    A new file has the mode 0600. One that was there keeps its mode, which somebody has chosen.

    Raises:
        OSError: the file cannot be written.
    """
    records = [
        {
            "name": stored.cookie.name,
            "value": stored.cookie.value,
            "domain": stored.domain,
            "host_only": stored.host_only,
            "path": stored.path,
            "deadline": stored.deadline,
            "attributes": stored.cookie.attributes,
        }
        for stored in cookies
    ]
    text = json.dumps({"format": _FORMAT, "cookies": records}, indent=1)
    # A link stays a link.
    path = path.resolve()
    mode = stat.S_IMODE(path.stat().st_mode) & 0o777 if path.is_file() else None
    # `mkstemp` creates with mode 0600.
    import tempfile  # only now: it takes long to load

    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        if mode is not None:
            Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def read_cookies(path: Path) -> list[StoredCookie]:
    """Read what `write_cookies`, or aiohttp's jar, wrote to ``path``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("format") == _FORMAT:
            return [_checked(record) for record in data["cookies"]]
        return [_checked(record) for record in _from_aiohttp(data)]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as exc:
        raise ValueError(f"{path} is not a file of saved cookies: {exc}") from exc


def _from_aiohttp(data: Any) -> Iterator[dict[str, Any]]:
    """Turn aiohttp 3.14's records, grouped by ``domain|path``, into ours."""
    for place, group in data.items():
        domain, _, path = place.partition("|")
        for saved in group.values():
            yield {
                "name": saved["key"],
                "value": saved["coded_value"],
                "domain": domain,
                "host_only": saved.get("host_only", False),
                # The place has lost a slash at the end that the attribute still has.
                "path": saved.get("path") or path or "/",
                "deadline": saved.get("expires_timestamp"),
                "attributes": [
                    (key, str(text)) for key, text in saved.items() if key not in _AIOHTTP_FIELDS
                ],
            }


def _checked(record: dict[str, Any]) -> StoredCookie:
    name, value = record["name"], record["value"]
    domain, path = record["domain"], record["path"]
    attributes = [(str(key), str(text)) for key, text in record["attributes"]]
    texts = (name, value, domain, path, *(text for pair in attributes for text in pair))
    if not all(isinstance(text, str) and not re.search(_CONTROLS, text) for text in texts):
        raise ValueError("a cookie has a part that is no text, or holds control characters")
    if not name or not path.startswith("/"):
        raise ValueError("a cookie has no name or no path")
    deadline = record["deadline"]
    if deadline is not None and not math.isfinite(deadline):
        raise ValueError("a cookie has a deadline that is no time")
    cookie = make_cookie(name, value, attributes)
    return StoredCookie(cookie, domain, bool(record["host_only"]), path, deadline)
