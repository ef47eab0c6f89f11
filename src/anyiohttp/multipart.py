"""Multipart bodies, under the name of aiohttp's module for them.

Knows: nothing of its own.
Must not know: anything that is done.
Called by: users.
"""

from __future__ import annotations

from ._message.body_part import BodyPartReader
from ._message.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
    parse_content_disposition,
)
from ._message.multipart import MultipartWriter
from ._message.multipart_payload import BodyPartReaderPayload
from ._message.multipart_reader import MultipartReader, MultipartResponseWrapper

__all__ = (
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "BodyPartReader",
    "BodyPartReaderPayload",
    "MultipartReader",
    "MultipartResponseWrapper",
    "MultipartWriter",
    "content_disposition_filename",
    "parse_content_disposition",
)
