"""HTTP/1.1 on every stream, whatever ALPN said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from anyio.streams.tls import TLSAttribute

from anyiohttp._protocol.base import HTTP_11
from anyiohttp._protocol.opening import open_connection
from anyiohttp.testing.streams import MemoryStream, memory_stream_pair


class Negotiated(MemoryStream):
    """A stream whose ALPN chose ``protocol``."""

    protocol: str | None = None

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {TLSAttribute.alpn_protocol: lambda: self.protocol}


def test_without_tls():
    client, _ = memory_stream_pair()
    connection = open_connection(client)
    assert connection.version == HTTP_11
    assert connection.stream is client


@pytest.mark.parametrize("protocol", [None, "http/1.1", "h2"])
def test_with_alpn(protocol):
    client, _ = memory_stream_pair()
    client.__class__ = Negotiated
    assert isinstance(client, Negotiated)
    client.protocol = protocol
    assert open_connection(client).version == HTTP_11
