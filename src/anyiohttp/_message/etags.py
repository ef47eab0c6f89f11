"""Entity tags, as a value (RFC 9110 8.8.3).

Knows: that a tag is weak or strong.
Must not know: header fields.
Called by: users.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("ETag",)


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag.

    Args:
        value: without its quotes.
        is_weak: whether it promises less than the same bytes (``W/``).
    """

    value: str
    is_weak: bool = False
