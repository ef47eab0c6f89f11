"""An option that was not given, where ``None`` has a meaning.

Knows: that there is such a thing.
Must not know: which options there are.
Called by: `request`, `options`, `session`.
"""

from __future__ import annotations

from typing import Final

__all__ = ("UNSET", "Unset")


class Unset:
    """Marks an argument that was not given where ``None`` has a meaning."""

    def __repr__(self) -> str:
        return "<default>"


UNSET: Final = Unset()
