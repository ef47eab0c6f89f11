"""Resolvers, under the name of aiohttp's module for them.

Knows: nothing of its own.
Must not know: anything that is done.
Called by: users.
"""

from __future__ import annotations

from ._connect.async_resolver import AsyncResolver
from ._connect.resolver import DefaultResolver, ThreadedResolver

__all__ = ("AsyncResolver", "DefaultResolver", "ThreadedResolver")
