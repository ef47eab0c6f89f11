"""`TraceConfig` and what its signals tell, under the name of aiohttp's module for them.

Knows: nothing of its own.
Must not know: anything that is done.
Called by: users.
"""

from __future__ import annotations

from ._client import tracing as _tracing
from ._client.signals import Signal as Signal
from ._client.tracing import *  # noqa: F403 - it lists what it has for others

__all__ = ["Signal"]
__all__ += _tracing.__all__
