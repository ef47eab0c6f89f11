"""``h2`` and ``hpack`` as the engine uses them.

Knows: which settings we announce, how much of a field list is decoded.
Must not know: streams, frames.
Called by: ``engine``.
"""

from __future__ import annotations

from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from .streams import FIRST_WINDOW

__all__ = ("MAX_ENDED", "MAX_FIELDS", "MAX_FRAME", "Fields", "new_client")

Fields = Iterable[tuple[bytes, bytes]]

#: Larger frames than every peer must accept: fewer of them for the same data.
MAX_FRAME = 64 * 1024
#: Bytes of a response's fields, decoded, that the decoder takes before it gives up the connection.
#: A request's own limits are lower, unless it raises them.
MAX_FIELDS = 1024 * 1024

#: Of so many streams that are over it is known how they ended: a frame that crosses our reset is
#: passed over. ``h2`` itself keeps 65,536 of them, which is 10 MB for a connection that lasts.
MAX_ENDED = 4096

_CONFIG = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
)


class _Client(H2Connection):
    MAX_CLOSED_STREAMS = MAX_ENDED


def new_client() -> H2Connection:
    """Return a client's side of a connection, with its preface queued."""
    h2 = _Client(_CONFIG)
    h2.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: FIRST_WINDOW,
            SettingCodes.MAX_FRAME_SIZE: MAX_FRAME,
            SettingCodes.MAX_HEADER_LIST_SIZE: MAX_FIELDS,
        },
    )
    h2.max_inbound_frame_size = MAX_FRAME
    h2.initiate_connection()
    return h2
