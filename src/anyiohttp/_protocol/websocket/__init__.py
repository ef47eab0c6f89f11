"""WebSocket (RFC 6455) on one byte stream: messages, frames, compression, the handshake's fields.

`messages`, `handshake`, `deflate` and `frames` are pure; `connection` waits for the stream. Frames,
masking, negotiation and permessage-deflate (RFC 7692) are those of the ``websockets`` library,
which only this package imports, and which is loaded with the first WebSocket.
"""
