"""anyiohttp: an async HTTP client for asyncio, uvloop and trio, with aiohttp's client API."""

__version__ = "0.1.0"
