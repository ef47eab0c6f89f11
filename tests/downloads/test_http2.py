"""Downloads over HTTP/2: several segments are several streams of one connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.downloads.origin import Origin, content, sha256

from anyiohttp import ClientSession, Retries
from anyiohttp.testing import Faults, MemoryNetwork, assert_no_leaks

pytestmark = pytest.mark.anyio

DATA = content(5_000_000)


async def test_segments_are_streams(tmp_path: Path) -> None:
    origin = Origin(DATA)
    async with MemoryNetwork() as network:
        listener = network.serve_http2("example.org", origin)
        connector = network.connector(http_versions=("h2",))
        async with ClientSession(connector=connector) as session:
            async with assert_no_leaks(session, network):
                result = await session.download(
                    listener.url / "file", tmp_path / "file", connections=4, digest=sha256(DATA)
                )
            assert (tmp_path / "file").read_bytes() == DATA
            assert listener.connections == 1
            assert listener.requests == len(origin.asked) > 3
            assert result.received == len(DATA)


async def test_a_connection_that_breaks_off_breaks_all_of_them(tmp_path: Path) -> None:
    origin = Origin(DATA)
    async with MemoryNetwork() as network:
        listener = network.serve_http2("example.org", origin)
        listener.faults = lambda number: Faults(end_at=1_000_000 if number < 3 else None)
        connector = network.connector(http_versions=("h2",))
        async with (
            ClientSession(connector=connector) as session,
            assert_no_leaks(session, network),
        ):
            result = await session.download(
                listener.url / "file",
                tmp_path / "file",
                connections=3,
                retries=Retries(attempts=10, backoff=0, progress=1),
                digest=sha256(DATA),
            )
        assert (tmp_path / "file").read_bytes() == DATA
        assert listener.connections == 4
        assert result.failures >= 3
        assert result.received == len(DATA)
