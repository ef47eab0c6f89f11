"""Against nginx: a process that is killed in its middle, and one that goes on with it.

One backend has to do here: what is killed is the process. ``nox -s downloads_proof`` has them all.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.downloads.nginx import file_server
from tests.downloads.proof import MIB, command, complete, hash_of, killed, make_file

SIZE = 24 * MIB


@pytest.mark.integration
def test_killed_and_resumed(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    with file_server(rate="8m") as server:
        digest = make_file(server.directory / "file.bin", SIZE)
        words = command("trio", server.url / "slow" / "file.bin", target, 3, digest)
        had = killed(words, tmp_path / "file.bin.part", 0.3, SIZE)
        assert not target.exists()
        result = complete(words)
    assert hash_of(target) == digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.bin"]
    assert result["resumed"] == had >= 0.3 * SIZE
    assert result["received"] == SIZE - result["resumed"]
