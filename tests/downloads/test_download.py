"""One download over a network in memory: what is fetched, continued, checked and named."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.downloads.origin import MODIFIED_AT, Origin, Stage, content, sha256

from anyiohttp import Retries

pytestmark = pytest.mark.anyio

#: Failures are followed by a try at once.
AT_ONCE = Retries(attempts=5, backoff=0)


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
async def test_a_file(tmp_path: Path, size: int, connections: int) -> None:
    data = content(size)
    async with Stage(Origin(data)) as stage:
        result = await stage.session.download(
            stage.url, tmp_path / "file", connections=connections, digest=sha256(data)
        )
    assert (tmp_path / "file").read_bytes() == data
    assert (tmp_path / "file").stat().st_mtime == MODIFIED_AT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (result.size, result.received, result.resumed) == (size, size, 0)
    assert result.verified == (sha256(data),)
    assert result.etag == '"v1"'
    assert all(each.headers["Accept-Encoding"] == "identity" for each in stage.origin.asked)
