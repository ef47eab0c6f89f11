"""What the tests of downloads have besides."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Files of at most 100,000 bytes: what a full disk says, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
