"""TLS over any `NetworkStream`, itself one.

Knows: OpenSSL through ``ssl.MemoryBIO``; records, handshake, close_notify.
Must not know: which contexts, host names and pins apply (``_connect/tls``), or what is sent.
Called by: ``_connect/tls``; by the loopback server and `anyiohttp.testing` for the server's side.

anyio's ``TLSStream`` has no synchronous try, so a pooled connection could not tell a TLS 1.3
session ticket (harmless) from an end (fatal) at check-out; it also passes on no session. This one
does both, over the same two memory buffers, and stacks on itself for TLS inside TLS.

An end of the transport without close_notify (RFC 8446 6.1) is `anyio.BrokenResourceError`, not
`anyio.EndOfStream`: a body that lasts until the connection ends must not be cut by an attacker.
The transport is only asked for more once OpenSSL has used up what it had, so an end seen there
always is one without goodbye, whatever ``OP_IGNORE_UNEXPECTED_EOF`` says.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled
from anyio.streams.tls import TLSAttribute

from .streams import MAX_READ, DeadlinePassed, NetworkStream

__all__ = ("TLSStream",)


class TLSStream(NetworkStream):
    """A TLS connection over another stream, which it owns.

    Args:
        transport: carries the records.
        context: TLS settings.
        server_hostname: the name to send (SNI) and, if the context says so, to verify.
        server_side: whether we are the server.
        session: a session of the same context and server, to be resumed.

    Call `handshake` before anything else.
    """

    def __init__(
        self,
        transport: NetworkStream,
        context: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
        server_side: bool = False,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            session=session,
        )
        self._server_side = server_side
        self._ended = False  # the peer has said goodbye
        self._unflushed = False  # the transport holds records that it has not sent
        self._flushing = anyio.Lock()

    def __repr__(self) -> str:
        return f"<TLSStream {self._tls.version()} over {self._transport!r}>"

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session as it stands now, for a later connection to resume."""
        return self._tls.session

    async def handshake(self) -> None:
        """Do the TLS handshake.

        Raises:
            ssl.SSLError: it failed; the stream is of no use any more.

        A cancelled handshake leaves the stream unusable: abort it.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush_records()
                await self._fill()
            except ssl.SSLError:
                # The alert that tells the peer why; whether it arrives does not matter.
                with suppress(OSError, anyio.BusyResourceError, anyio.ClosedResourceError):
                    self._flush_nowait()
                raise
            else:
                await self._flush_records()
                return

    # --- receiving ---

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        while True:
            data = self._decrypt(max_bytes)
            if data:
                return data
            self._fill_nowait()

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        return await self.receive_before(math.inf, max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if self._tls.pending() or self._incoming.pending or self._ended:
            # Check before, yield after: what has been decrypted must not be lost.
            await checkpoint_if_cancelled()
            if deadline != math.inf and anyio.current_time() >= deadline:
                raise DeadlinePassed
            data = self._decrypt(max_bytes)
            if data:
                await cancel_shielded_checkpoint()
                return data
        while True:
            if self._outgoing.pending:
                await self._flush_records()
            await self._fill(deadline)
            data = self._decrypt(max_bytes)
            if data:
                return data

    def _decrypt(self, max_bytes: int) -> bytes:
        """Return what can be decrypted of several records; ``b""`` if more must be read."""
        parts: list[bytes] = []
        size = 0
        while size < max_bytes and not self._ended:
            try:
                part = self._tls.read(max_bytes - size)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                part = b""
            except ssl.SSLError:
                if parts:
                    break
                raise
            if not part:
                self._ended = True
                break
            parts.append(part)
            size += len(part)
        if not parts and self._ended:
            raise anyio.EndOfStream
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _fill(self, deadline: float = math.inf) -> None:
        try:
            self._incoming.write(await self._transport.receive_before(deadline))
        except anyio.EndOfStream:
            raise _ended_without_goodbye() from None

    def _fill_nowait(self) -> None:
        try:
            self._incoming.write(self._transport.receive_nowait())
        except anyio.EndOfStream:
            raise _ended_without_goodbye() from None

    # --- sending ---

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        if data:
            self._tls.write(data)
        return self._flush_nowait()

    def _flush_nowait(self) -> bool:
        if self._unflushed:
            return False
        if self._outgoing.pending:
            self._unflushed = not self._transport.try_send(self._outgoing.read())
        return not self._unflushed

    async def flush(self) -> None:
        await self._flush_records()

    async def _flush_records(self) -> None:
        if self._flush_nowait():
            return
        # Reading makes records, too (a key update is answered), while somebody else may be sending.
        async with self._flushing:
            while not self._flush_nowait():
                await self._transport.flush()
                self._unflushed = False

    # --- ending ---

    def abort(self) -> None:
        self._transport.abort()

    async def aclose(self) -> None:
        """Say goodbye (close_notify) without waiting for the peer's, and close the transport.

        Never raises for what the network does. A cancellation closes the transport at once.
        """
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError, OSError):
            pass  # WantRead: sent, unanswered; all else: nothing left to say.
        try:
            self._flush_nowait()
        except (OSError, anyio.ClosedResourceError, anyio.BusyResourceError):
            pass
        await self._transport.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        keys: Any = TLSAttribute  # by their annotations, some would be unhashable
        own: dict[Any, Callable[[], Any]] = {
            keys.alpn_protocol: self._tls.selected_alpn_protocol,
            keys.cipher: self._tls.cipher,
            keys.peer_certificate: lambda: self._tls.getpeercert(False),
            keys.peer_certificate_binary: lambda: self._tls.getpeercert(True),
            keys.server_side: lambda: self._server_side,
            keys.ssl_object: lambda: self._tls,
            keys.standard_compatible: lambda: True,
            keys.tls_version: self._tls.version,
        }
        return {**self._transport.extra_attributes, **own}


def _ended_without_goodbye() -> anyio.BrokenResourceError:
    return anyio.BrokenResourceError("the peer closed the TLS connection without close_notify")
