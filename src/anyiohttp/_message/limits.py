"""How large a body may be, and how far it may expand. Pure.

Knows: the two limits, and when a body passes them.
Must not know: where the bytes come from, how any coding works.
Called by: ``sources`` with every piece of a body; ``response`` and ``_client`` carry the values.

The limits hold while the body is read, piece by piece: what passes one is never handed out, and
whatever the peer sends after it is never asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..exceptions import BodyTooLargeError

__all__ = ("MAX_DECOMPRESSED_RATIO", "BodyLimits")

#: Just below what gzip and deflate reach at best (1032): nothing but a bomb, or megabytes of one
#: and the same byte. br and zstd reach far more.
MAX_DECOMPRESSED_RATIO = 1000.0

#: A body counts as no shorter than this on the wire, in bytes: what is small may expand well, and
#: does no harm. With the default ratio 4 MB are always allowed.
LEAST_ENCODED = 4096


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of one body.

    Args:
        max_body_size: bytes of the body as it is handed out, decoded; ``None`` for no limit.
        max_decompressed_ratio: how many bytes one byte on the wire may become; ``None`` for no
            limit. Inside a stack of codings each step is held to it.

    Raises:
        ValueError: one of them is no such number.
    """

    max_body_size: int | None = None
    max_decompressed_ratio: float | None = MAX_DECOMPRESSED_RATIO

    def __post_init__(self) -> None:
        size, ratio = self.max_body_size, self.max_decompressed_ratio
        if size is not None and not (isinstance(size, int) and size >= 0):
            raise ValueError(f"max_body_size must be a number of bytes or None, not {size!r}")
        if ratio is not None and not (isinstance(ratio, int | float) and ratio > 0):
            raise ValueError(f"max_decompressed_ratio must be above 0 or None, not {ratio!r}")

    def check_announced(self, size: int) -> None:
        """Check what ``Content-Length`` says, before any of it is read.

        Raises:
            BodyTooLargeError: it is more than `max_body_size`.
        """
        limit = self.max_body_size
        if limit is not None and size > limit:
            raise BodyTooLargeError(
                f"a body of {size} bytes was announced, more than max_body_size ({limit} bytes)"
            )

    def check_size(self, size: int) -> None:
        """Check how much has come out so far.

        Raises:
            BodyTooLargeError: it is more than `max_body_size`.
        """
        limit = self.max_body_size
        if limit is not None and size > limit:
            raise BodyTooLargeError(f"the body is larger than max_body_size ({limit} bytes)")

    def check_expansion(self, encoded: int, expanded: int) -> None:
        """Check how much has become of what was received so far.

        Raises:
            BodyTooLargeError: more than `max_decompressed_ratio` allows.
        """
        limit = self.max_decompressed_ratio
        if limit is not None and expanded > limit * max(encoded, LEAST_ENCODED):
            raise BodyTooLargeError(
                f"{encoded} bytes of the body have become {expanded} "
                f"(max_decompressed_ratio is {limit:g})"
            )
