"""The logger of the client, had when there is something to say.

Knows: its name.
Must not know: what is said.
Called by: what has to be said and is nothing to be raised: cookies, traces, the netrc file.

``logging`` takes as long to load as three of our own modules, and most programs hear nothing of us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

__all__ = ("client_logger",)


def client_logger() -> Logger:
    """Return the logger ``anyiohttp.client``."""
    import logging

    return logging.getLogger("anyiohttp.client")
