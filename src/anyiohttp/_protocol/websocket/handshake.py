"""The fields of the opening handshake (RFC 6455 4, RFC 7692 7.1).

Knows: which fields a client sends, and what the answer must say.
Must not know: requests, responses, how either is carried (HTTP/1.1's Upgrade or, by RFC 8441, an
HTTP/2 stream).
Called by: ``_client.websocket``.

`offer` says what to send; `Offer.accepted` reads the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from multidict import CIMultiDictProxy
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.headers import build_extension, parse_connection, parse_extension
from websockets.typing import ExtensionHeader
from websockets.utils import accept_key, generate_key

from .deflate import Deflate

__all__ = ("Accepted", "HandshakeRefused", "Offer")


class HandshakeRefused(Exception):
    """The answer is not that of a server that speaks WebSocket as it was asked to."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What both sides have agreed on.

    Args:
        protocol: one of those that were offered, or none.
        deflate: the compression, or none.
    """

    protocol: str | None
    deflate: Deflate | None


class Offer:
    """What a client offers with one handshake.

    Args:
        protocols: subprotocols, the one it likes best first.
        compress: the size of the server's window in bits, 9 to 15; 0 for no compression.

    Raises:
        ValueError: there is no such window.
    """

    def __init__(self, protocols: Iterable[str] = (), compress: int = 0) -> None:
        if compress and not 9 <= compress <= 15:
            raise ValueError("Compress wbits must between 9 and 15, zlib does not support wbits=8")
        self.protocols = tuple(protocols)
        self.compress = compress
        self.key = generate_key()

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields that make a request a handshake."""
        fields = [("Sec-WebSocket-Key", self.key)]
        if self.protocols:
            fields.append(("Sec-WebSocket-Protocol", ",".join(self.protocols)))
        if self.compress:
            bits = self.compress if self.compress < 15 else None
            factory = ClientPerMessageDeflateFactory(server_max_window_bits=bits)
            offered: list[ExtensionHeader] = [(factory.name, list(factory.get_request_params()))]
            fields.append(("Sec-WebSocket-Extensions", build_extension(offered)))
        return fields

    def accepted(
        self, status: int, headers: CIMultiDictProxy[str], *, http2: bool = False
    ) -> Accepted:
        """Return what an answer agrees to.

        Args:
            status: of the response.
            headers: of the response.
            http2: whether it came on a stream of HTTP/2, where a 200 is all there is to it.

        Raises:
            HandshakeRefused: the answer is none, or agrees to what was not offered.
        """
        if http2:
            if not 200 <= status < 300:
                raise HandshakeRefused("Invalid response status")
            return self._agreed(headers)
        if status != 101:
            raise HandshakeRefused("Invalid response status")
        if headers.get("Upgrade", "").lower() != "websocket":
            raise HandshakeRefused("Invalid upgrade header")
        if "upgrade" not in _options(headers.getall("Connection", ())):
            raise HandshakeRefused("Invalid connection header")
        if headers.getall("Sec-WebSocket-Accept", []) != [accept_key(self.key)]:
            raise HandshakeRefused("Invalid challenge response")
        return self._agreed(headers)

    def _agreed(self, headers: CIMultiDictProxy[str]) -> Accepted:
        return Accepted(
            self._protocol(headers.getall("Sec-WebSocket-Protocol", ())),
            self._deflate(headers.getall("Sec-WebSocket-Extensions", ())),
        )

    def _protocol(self, values: Sequence[str]) -> str | None:
        """Return the first of the server's that was offered; as aiohttp, tolerate others."""
        for name in ",".join(values).split(","):
            if name.strip() in self.protocols:
                return name.strip()
        return None

    def _deflate(self, values: Sequence[str]) -> Deflate | None:
        deflate = None
        # Whether the server keeps to the window that it was asked for does not matter to us.
        factory = ClientPerMessageDeflateFactory()
        for name, parameters in _extensions(values):
            if name != factory.name or not self.compress or deflate is not None:
                raise HandshakeRefused(f"the server uses an extension that was not offered: {name}")
            try:
                agreed = factory.process_response_params(parameters, [])
            except InvalidHandshake as exc:
                raise HandshakeRefused(f"the server's {name} cannot be used: {exc}") from exc
            deflate = Deflate(
                peer_forgets=agreed.remote_no_context_takeover,
                we_forget=agreed.local_no_context_takeover,
                our_bits=agreed.local_max_window_bits,
            )
        return deflate


def _options(values: Sequence[str]) -> set[str]:
    try:
        return {option.lower() for value in values for option in parse_connection(value)}
    except InvalidHandshake:
        return set()


def _extensions(values: Sequence[str]) -> list[ExtensionHeader]:
    try:
        return [item for value in values for item in parse_extension(value)]
    except InvalidHandshake as exc:
        raise HandshakeRefused(f"the server's list of extensions cannot be read: {exc}") from exc
