"""``h2`` as the engine uses it: which settings we announce, which fields it gets to see.

Knows: ``h2`` and ``hpack``, and where they are stricter than a client of many streams can afford.
Must not know: streams, frames.
Called by: ``engine``.

``h2`` ends the connection when the fields of one response are wrong. So it is shown only their
status, by a decoder that keeps the rest for `mapping`: what is wrong with them is the misfortune of
that stream alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hpack import Decoder, HeaderTuple

from ..base import RawHeaders
from .streams import FIRST_WINDOW

__all__ = ("MAX_FIELDS", "MAX_FRAME", "FieldDecoder", "Fields", "new_client")

Fields = Iterable[tuple[bytes, bytes]]

#: Larger frames than every peer must accept: fewer of them for the same data.
MAX_FRAME = 64 * 1024
#: Bytes of a response's fields, decoded, that the decoder takes before it gives up the connection.
#: A request's own limits are lower, unless it raises them.
MAX_FIELDS = 1024 * 1024

_CONFIG = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
)


class FieldDecoder(Decoder):
    """Keeps the fields and shows only the status.

    Attributes:
        fields: those of the last block.
    """

    def __init__(self) -> None:
        super().__init__(MAX_FIELDS)
        self.fields: RawHeaders = ()

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        """Decode a block; return its status, if it has one."""
        fields = list(super().decode(data, raw=True))
        self.fields = fields
        return fields[:1] if fields and fields[0][0] == b":status" else []


def new_client() -> tuple[H2Connection, FieldDecoder]:
    """Return a client's side of a connection, with its preface queued, and what keeps fields."""
    h2 = H2Connection(_CONFIG)
    decoder = h2.decoder = FieldDecoder()
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
    return h2, decoder
