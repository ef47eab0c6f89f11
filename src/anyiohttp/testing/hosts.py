"""Hosts that exist only in memory: their addresses, and who is asked for them.

Knows: names, addresses, what a lookup and an attempt to connect look like.
Must not know: who listens there.
Called by: `network`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anyio.lowlevel import checkpoint

from ..abc import AbstractResolver, ResolveResult

__all__ = ("Address", "MemoryResolver", "resolved")


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a host, and how an attempt to connect to it goes.

    Args:
        host: an IPv4 or IPv6 address.
        refuse: whether it refuses connections.
        blackhole: whether it never answers.
        turns: how many turns of the event loop pass before it answers.
        seconds: how much time passes besides; real time.
    """

    host: str
    refuse: bool = False
    blackhole: bool = False
    turns: int = 1
    seconds: float = 0


class MemoryResolver(AbstractResolver):
    """Answers from a network's hosts.

    Args:
        hosts: the addresses by name.
        turns: how many turns of the event loop a lookup takes.

    Attributes:
        lookups: what was asked so far.
        turns: as given; may be changed.
    """

    def __init__(self, hosts: Mapping[str, Sequence[Address]], turns: int = 1) -> None:
        self.lookups: list[str] = []
        self.turns = turns
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.lookups.append(host)
        for _ in range(self.turns):
            await checkpoint()
        results = [resolved(host, address.host, port) for address in self._hosts.get(host, ())]
        wanted = [result for result in results if family in (socket.AF_UNSPEC, result["family"])]
        if not wanted:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not in this network")
        return wanted

    async def close(self) -> None:
        """Do nothing: there is nothing to give up."""


def resolved(name: str, host: str, port: int) -> ResolveResult:
    """Return an answer of a resolver: ``host`` is the address of ``name``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return ResolveResult(hostname=name, host=host, port=port, family=family, proto=0, flags=0)
