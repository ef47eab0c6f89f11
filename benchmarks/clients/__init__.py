"""The clients, one module each, behind one small interface."""

from __future__ import annotations

from importlib import import_module

from .base import Client

#: Name, module, backends. The floor is the bare anyio stream.
CLIENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "anyiohttp": ("ours", ("asyncio", "uvloop", "trio")),
    "aiohttp": ("aiohttp_client", ("asyncio", "uvloop")),
    "httpx2": ("httpx2_client", ("asyncio", "trio")),
    "pyreqwest": ("pyreqwest_client", ("asyncio",)),
    "floor": ("floor", ("asyncio", "uvloop", "trio")),
}


def load(name: str) -> type[Client]:
    """Import a client, and none of the others."""
    found: type[Client] = import_module(f".{CLIENTS[name][0]}", __name__).CLIENT
    return found
