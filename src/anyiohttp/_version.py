"""The version of this library: read by packaging, by ``User-Agent`` and by users."""

__version__ = "0.1.0"
