"""Fixtures of the tests of cookie jars."""

from __future__ import annotations

import pytest
from tests.client.cookie_jars import Clock

from anyiohttp import CookieJar


@pytest.fixture
def clock() -> Clock:
    """The clock of `jar`."""
    return Clock()


@pytest.fixture
def jar(clock: Clock) -> CookieJar:
    """An empty jar."""
    return CookieJar(clock=clock)
