"""The errors under the name of the module that aiohttp documents for them.

Knows: nothing of its own; the errors are `anyiohttp.exceptions`.
Must not know: anything else.
Called by: programs that were written for aiohttp: ``from anyiohttp.client_exceptions import …``.
"""

from __future__ import annotations

from .exceptions import *  # noqa: F403 - all of them, and nothing else
from .exceptions import __all__ as __all__
