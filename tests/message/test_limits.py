"""How large a body may be, and how far it may expand."""

from __future__ import annotations

import pytest

from anyiohttp import BodyTooLargeError
from anyiohttp._message.limits import LEAST_ENCODED, BodyLimits


@pytest.mark.parametrize("size", [-1, 1.5, "9", b"9"])
def test_sizes_that_are_none(size: int) -> None:
    with pytest.raises(ValueError, match="max_body_size must be a number of bytes or None"):
        BodyLimits(size)


@pytest.mark.parametrize("ratio", [0, -1, float("nan"), "9"])
def test_ratios_that_are_none(ratio: float) -> None:
    with pytest.raises(ValueError, match="max_decompressed_ratio must be above 0 or None"):
        BodyLimits(max_decompressed_ratio=ratio)


def test_size() -> None:
    limits = BodyLimits(10)
    limits.check_size(10)
    limits.check_announced(10)
    with pytest.raises(BodyTooLargeError, match=r"larger than max_body_size \(10 bytes\)"):
        limits.check_size(11)
    with pytest.raises(BodyTooLargeError, match=r"11 bytes was announced.*max_body_size \(10 "):
        limits.check_announced(11)
    with pytest.raises(BodyTooLargeError):
        BodyLimits(0).check_size(1)


def test_ratio() -> None:
    limits = BodyLimits(max_decompressed_ratio=2.5)
    limits.check_expansion(0, int(2.5 * LEAST_ENCODED))
    limits.check_expansion(10_000, 25_000)
    with pytest.raises(BodyTooLargeError, match=r"max_decompressed_ratio is 2\.5"):
        limits.check_expansion(1, int(2.5 * LEAST_ENCODED) + 1)
    with pytest.raises(BodyTooLargeError, match="10000 bytes of the body have become 25001"):
        limits.check_expansion(10_000, 25_001)


def test_no_limits() -> None:
    limits = BodyLimits(None, None)
    limits.check_size(10**12)
    limits.check_announced(10**12)
    limits.check_expansion(1, 10**12)
