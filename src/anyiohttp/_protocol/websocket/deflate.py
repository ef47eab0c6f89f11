"""permessage-deflate (RFC 7692): what one side compresses and the other expands.

Knows: `websockets`' extension, and what it leaves open.
Must not know: how frames follow each other, streams, anything that waits.
Called by: `handshake` makes one of what was negotiated; `frames` uses it.

The extension of ``websockets`` compresses and negotiates. Expanding is our own, because a peer may
end a message with a final block (RFC 7692 7.2.3.4), after which zlib expands nothing more and says
nothing about it: later messages would come out empty.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CONT, CTRL_OPCODES, Frame

__all__ = ("Deflate",)

#: What every message ends with and none carries (RFC 7692 7.2.1).
_TAIL = b"\x00\x00\xff\xff"
#: The largest window, and no header: that of a peer expands with it, whatever its own is.
_RAW = -zlib.MAX_WBITS
#: How far back compressed data may refer.
_WINDOW = 32 * 1024
#: Final blocks in one frame; each costs a decompressor and a copy of what follows it.
_MOST_FINAL_BLOCKS = 64
#: aiohttp's choice: a WebSocket is for speed.
_SETTINGS: dict[str, Any] = {"level": zlib.Z_BEST_SPEED}


class Deflate(PerMessageDeflate):
    """The negotiated compression of one WebSocket, both ways.

    Args:
        peer_forgets: whether the peer begins each message anew (``server_no_context_takeover``).
        we_forget: whether we do (``client_no_context_takeover``).
        our_bits: the size of our window: ``client_max_window_bits``, 9 to 15.
    """

    def __init__(self, *, peer_forgets: bool, we_forget: bool, our_bits: int) -> None:
        super().__init__(peer_forgets, we_forget, zlib.MAX_WBITS, our_bits, _SETTINGS)
        self._inflater = zlib.decompressobj(_RAW)
        self._expanding = False  # the message under way is compressed

    def once(self, bits: int) -> PerMessageDeflate:
        """Return what compresses the next message, and only that, with a window of its own.

        Args:
            bits: 9 to 15; never more than was negotiated.
        """
        if not self.local_no_context_takeover:
            # The peer's window will hold that message. What we remember lies further back then
            # than we think: it must not be referred to again.
            self.encoder = zlib.compressobj(wbits=-self.local_max_window_bits, **_SETTINGS)
        bits = min(bits, self.local_max_window_bits)
        return PerMessageDeflate(True, True, zlib.MAX_WBITS, bits, _SETTINGS)

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Expand a frame's data.

        Args:
            frame: as it was on the wire.
            max_size: how many bytes may come out of it.

        Raises:
            ProtocolError: it is not what RFC 7692 says.
            PayloadTooBig: more would come out of it.
        """
        if frame.opcode in CTRL_OPCODES:
            return frame
        if frame.opcode is CONT:
            if frame.rsv1:
                raise ProtocolError("a continuation has the bit of a compressed message")
        else:
            self._expanding = frame.rsv1
            if self.remote_no_context_takeover:
                self._inflater = zlib.decompressobj(_RAW)
        if not self._expanding:
            return frame
        data = bytes(frame.data)
        out = self._expand(data + _TAIL if frame.fin else data, max_size)
        return replace(frame, data=out, rsv1=False)

    def _expand(self, data: bytes, max_size: int | None) -> bytes:
        out = bytearray()
        for _ in range(_MOST_FINAL_BLOCKS):
            # One byte of room more than allowed, so that 0 is not taken for "no limit", and that
            # what zlib still holds when it stops at the limit is noticed.
            room = 0 if max_size is None else max_size + 1 - len(out)
            try:
                out += self._inflater.decompress(data, room)
            except zlib.error as exc:
                raise ProtocolError("the compressed data is invalid") from exc
            if max_size is not None and len(out) > max_size:
                raise PayloadTooBig(None, max_size)
            if not self._inflater.eof:
                return bytes(out)
            # A final block: what follows it is another stream with the same window.
            data = self._inflater.unused_data
            self._inflater = zlib.decompressobj(_RAW, zdict=bytes(out[-_WINDOW:]))
            if not data or data == _TAIL:
                return bytes(out)
        raise ProtocolError(f"more than {_MOST_FINAL_BLOCKS} final blocks in a frame")
