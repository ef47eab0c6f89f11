"""Which version of HTTP a stream speaks: what ALPN chose, or what is known."""

from __future__ import annotations

import pytest

from anyiohttp._protocol.base import HTTP_11, HTTP_20
from anyiohttp._protocol.opening import open_connection
from anyiohttp.testing.streams import MemoryStream, memory_stream_pair


class Negotiated(MemoryStream):
    """A stream whose ALPN chose ``protocol``."""

    protocol: str | None = None

    @property
    def encrypted(self) -> bool:
        return True

    @property
    def alpn_protocol(self) -> str | None:
        return self.protocol


def negotiated(protocol: str | None) -> Negotiated:
    client, _ = memory_stream_pair()
    client.__class__ = Negotiated
    assert isinstance(client, Negotiated)
    client.protocol = protocol
    return client


def test_without_tls():
    client, _ = memory_stream_pair()
    connection = open_connection(client)
    assert connection.version == HTTP_11
    assert connection.stream is client


BOTH, HTTP_1, HTTP_2 = ("h2", "http/1.1"), ("http/1.1",), ("h2",)


@pytest.mark.parametrize(
    ("protocol", "versions", "spoken"),
    [
        (None, BOTH, HTTP_11),
        (None, HTTP_1, HTTP_11),
        ("http/1.1", BOTH, HTTP_11),
        ("http/1.1", HTTP_1, HTTP_11),
        ("something else", BOTH, HTTP_11),
        ("h2", BOTH, HTTP_20),
        ("h2", HTTP_2, HTTP_20),
    ],
)
def test_with_alpn(protocol, versions, spoken):
    assert open_connection(negotiated(protocol), versions).version == spoken


@pytest.mark.parametrize(
    ("protocol", "versions", "reason"),
    [
        (None, HTTP_2, "does not speak HTTP/2"),
        ("h2", HTTP_1, "your TLS context offered HTTP/2"),
    ],
)
def test_what_cannot_be_spoken_is_refused(protocol, versions, reason):
    with pytest.raises(OSError, match=reason):
        open_connection(negotiated(protocol), versions)


def test_prior_knowledge_without_tls():
    client, _ = memory_stream_pair()
    assert open_connection(client, HTTP_2).version == HTTP_20
    assert open_connection(client, BOTH).version == HTTP_11
