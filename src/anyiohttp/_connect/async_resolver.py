"""A resolver that asks name servers itself, by way of aiodns.

Knows: aiodns, c-ares' error codes.
Must not know: what the addresses are for.
Called by: users make one and give it to a connector.

aiodns is for asyncio. It is imported when the first resolver is made.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import current_token

from ..abc import AbstractResolver, ResolveResult
from ..exceptions import ClientConnectionError, ForeignEventLoopError

if TYPE_CHECKING:
    from aiodns import DNSResolver

__all__ = ("AsyncResolver",)

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
#: c-ares' ways to say that there is no such name: ENODATA, ENOTFOUND, EBADNAME, ENONAME.
_NO_SUCH_NAME = frozenset({1, 4, 8, 19})


class AsyncResolver(AbstractResolver):
    """Asks name servers without a thread for each lookup; needs the extra ``dns``, and asyncio.

    It may be used by any number of connectors and event loops. It belongs to whoever made it, who
    closes it.

    Args:
        loop: ignored; aiohttp takes one here.
        nameservers: whom to ask; by default whom the system asks.
        **options: others of ``aiodns.DNSResolver``: ``timeout``, ``tries``, ``domains``, ….

    Raises:
        RuntimeError: aiodns is not installed.
    """

    def __init__(
        self, loop: object = None, nameservers: Sequence[str] | None = None, **options: Any
    ) -> None:
        del loop
        try:
            import aiodns
        except ImportError as exc:
            raise RuntimeError("Resolver requires aiodns library: install anyiohttp[dns]") from exc
        self._aiodns = aiodns
        self._nameservers = nameservers
        self._options = options
        self._resolvers: dict[Any, DNSResolver] = {}
        self._closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        resolver = self._of_this_loop()
        try:
            answer = await resolver.getaddrinfo(
                host, family=family, port=port, type=socket.SOCK_STREAM
            )
        except self._aiodns.error.DNSError as exc:
            code = socket.EAI_AGAIN
            if exc.args and exc.args[0] in _NO_SUCH_NAME:
                code = socket.EAI_NONAME
            text = str(exc.args[1]) if len(exc.args) > 1 else "DNS lookup failed"
            raise socket.gaierror(code, text) from exc
        except ValueError as exc:  # such as UnicodeError
            raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a host name") from exc
        if not answer.nodes:
            raise socket.gaierror(socket.EAI_NONAME, "DNS lookup failed")
        return [
            ResolveResult(
                hostname=host,
                host=_text_of(node.addr),
                port=port,
                family=node.family,
                proto=0,
                flags=_NUMERIC,
            )
            for node in answer.nodes
        ]

    async def close(self) -> None:
        """Give up what is being looked up, in all event loops, and let nothing else begin."""
        self._closed = True
        while self._resolvers:
            await self._resolvers.popitem()[1].close()

    def _of_this_loop(self) -> DNSResolver:
        if self._closed:
            raise ClientConnectionError("the resolver was closed")
        loop: Any = current_token().native_token
        resolver = self._resolvers.get(loop)
        if resolver is None:
            if not hasattr(loop, "create_future"):
                raise ForeignEventLoopError(
                    "AsyncResolver looks names up with aiodns, which needs asyncio; "
                    "on this event loop use ThreadedResolver, the default"
                )
            for ended in [loop for loop in self._resolvers if loop.is_closed()]:
                del self._resolvers[ended]
            resolver = self._aiodns.DNSResolver(self._nameservers, loop, **self._options)
            self._resolvers[loop] = resolver
        return resolver


def _text_of(address: tuple[bytes, int] | tuple[bytes, int, int, int]) -> str:
    """Return an address, with its zone if it has one."""
    text = address[0].decode("ascii")
    return f"{text}%{address[3]}" if len(address) == 4 and address[3] else text
