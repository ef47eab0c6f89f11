"""TLS over any `NetworkStream`, itself one.

Knows: OpenSSL through ``ssl.MemoryBIO``; records, handshake, close_notify.
Must not know: which contexts, host names and pins apply (``_connect/tls``), or what is sent.
Called by: ``_connect/tls``; by the loopback server and `anyiohttp.testing` for the server's side.

anyio's ``TLSStream`` has no synchronous try, so a pooled connection could not tell a TLS 1.3
session ticket (harmless) from an end (fatal) at check-out; it also passes on no session. This one
does both, over the same two memory buffers, and stacks on itself for TLS inside TLS.

Sessions are had from a `SessionSource`, once application data has come: a TLS 1.3 server sends its
tickets after the handshake, and only then has it accepted ours. The source outlives the connection
and is asked when a session is needed: Python copies a session by encoding and parsing it, which
costs a quarter of a handshake.

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

from .failures import NETWORK_FAILURES
from .streams import MAX_READ, NOTHING, DeadlinePassed, NetworkStream, SendStalled

__all__ = ("SessionSource", "TLSStream")

#: What one record holds at most (RFC 8446 5.1), and so what one read of OpenSSL returns at most.
_RECORD = 16 * 1024
#: What is read at a time: with the record of which a part is there already, it does not decrypt to
#: more than `MAX_READ`, so that nothing is left over for a read of its own.
_WIRE_READ = MAX_READ - _RECORD
#: What is encrypted at a time. OpenSSL's buffers never get smaller: an idle connection would keep
#: more than was ever written to it at once.
_PLAIN_WRITE = 128 * 1024

#: What a last word to the peer may end in, which does not matter then.
_UNSAID: tuple[type[Exception], ...] = (*NETWORK_FAILURES, anyio.BusyResourceError)


class SessionSource:
    """Where to have the session of a connection that was good, also after its end.

    Args:
        tls: the connection, past its handshake.
        offered: the session that it was to resume.
    """

    __slots__ = ("_failed", "_offered", "_tls")

    def __init__(self, tls: ssl.SSLObject, offered: ssl.SSLSession | None) -> None:
        self._tls = tls
        self._offered = offered
        self._failed = False

    @property
    def session(self) -> ssl.SSLSession | None:
        """The newest session; ``None`` if there is none that can be resumed.

        A TLS 1.3 session that was offered already counts as none: a ticket is not to be used
        again (RFC 8446 C.4). A lifetime of zero means to forget it at once (RFC 8446 4.6.1).
        """
        session = None if self._failed else self._tls.session
        if session is None or not session.id:
            return None
        spent = session == self._offered or not session.ticket_lifetime_hint
        return None if spent and self._tls.version() == "TLSv1.3" else session

    @property
    def certificate_ends(self) -> float:
        """When the peer's certificate expires, as by ``time.time``; infinity if not verified."""
        certificate = self._tls.getpeercert(False)
        end = (certificate or {}).get("notAfter")
        return ssl.cert_time_to_seconds(end) if isinstance(end, str) else math.inf

    def fail(self) -> None:
        """The connection has failed: its session is not to be resumed (RFC 5246 7.2.2)."""
        self._failed = True


class TLSStream(NetworkStream):
    """A TLS connection over another stream, which it owns.

    Args:
        transport: carries the records.
        context: TLS settings.
        server_hostname: the name to send (SNI) and, if the context says so, to verify.
        server_side: whether we are the server.
        session: a session of the same context and server, to be resumed if the server agrees.

    Attributes:
        on_session: called once, when the first application data has come, with where to have the
            session.

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
        self._read = self._tls.read
        self._server_side = server_side
        self._session = session
        self._source: SessionSource | None = None
        self.on_session: Callable[[SessionSource], None] | None = None
        self._more = False  # there may be something to decrypt before the transport is read
        self._kept = b""  # was in the hands of a wait that was cancelled
        self._ended = False  # the peer has said goodbye
        self._plain = NOTHING  # is still to be encrypted
        self._unflushed = False  # the transport holds records that it has not sent
        self._flushing: anyio.Lock | None = None  # made when first needed

    def __repr__(self) -> str:
        return f"<TLSStream {self._tls.version()} over {self._transport!r}>"

    @property
    def resumed(self) -> bool:
        """Whether the peer agreed to resume the session that was offered."""
        return bool(self._tls.session_reused)

    async def handshake(self, *, hold_last: bool = False) -> None:
        """Do the TLS handshake.

        Args:
            hold_last: keep our last message until something is sent or waited for, so that both go
                in one packet. For who speaks first: the peer waits for it.

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
                with suppress(*_UNSAID):
                    self._flush_nowait()
                raise
            else:
                self._more = True  # the peer's first data may have come with its last message
                if not hold_last:
                    await self._flush_records()
                return

    # --- receiving ---

    @property
    def silent(self) -> bool:
        # Of a record that has come in part, the rest is still to come.
        return not self._more and self._transport.silent

    def receive_nowait(self, max_bytes: int = MAX_READ) -> bytes:
        while True:
            if self._more:
                data = self._decrypt(max_bytes)
                if data:
                    return data
            self._fill_nowait()

    async def receive(self, max_bytes: int = MAX_READ) -> bytes:
        return await self.receive_before(math.inf, max_bytes)

    async def receive_before(self, deadline: float, max_bytes: int = MAX_READ) -> bytes:
        if self._more:
            # Check before, yield after: what has been decrypted must not be lost.
            await checkpoint_if_cancelled()
            if deadline != math.inf and anyio.current_time() >= deadline:
                raise DeadlinePassed
            data = self._decrypt(max_bytes)
            if data:
                try:
                    await cancel_shielded_checkpoint()
                except BaseException:  # asyncio's own cancellation passes through the shield
                    self._kept = data + self._kept
                    self._more = True
                    raise
                return data
        while True:
            if self._outgoing.pending:
                await self._flush_records()
            await self._fill(deadline)
            data = self._decrypt(max_bytes)
            if data:
                return data

    def _decrypt(self, max_bytes: int) -> bytes:
        """Return what can be decrypted of several records; ``b""`` if more must be read.

        A read that finds nothing costs an exception. It is spared where it is known that nothing
        is left: OpenSSL takes from the buffer only the record that it decrypts.
        """
        if self._kept:
            data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
            return data
        room = min(max_bytes, _RECORD)
        data = self._decrypt_record(room)
        if not data:
            self._more = self._ended  # every read finds the end
            if self._ended:
                raise anyio.EndOfStream
            return data
        if self.on_session is not None:
            self._tell_of_session(self.on_session)
        if self._incoming.pending or (len(data) == room and self._tls.pending()):
            self._more = True
            return self._decrypt_further(data, max_bytes)
        self._more = False
        return data

    def _decrypt_further(self, data: bytes, max_bytes: int) -> bytes:
        """Return ``data`` and what else can be decrypted without reading the transport."""
        read = self._read  # records are many: not by `_decrypt_record`
        parts = [data]
        left = max_bytes - len(data)
        try:
            while left > 0:
                part = read(min(left, _RECORD))
                if not part:
                    raise ssl.SSLZeroReturnError
                parts.append(part)
                left -= len(part)
                if not (self._incoming.pending or self._tls.pending()):
                    self._more = False
                    break
        except ssl.SSLWantReadError:
            self._more = False
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLError:
            pass  # the next read will say so again
        return b"".join(parts)

    def _decrypt_record(self, max_bytes: int) -> bytes:
        """Return what can be decrypted of one record; ``b""`` if that is nothing, or the end."""
        if self._ended:
            return b""
        try:
            data = self._read(max_bytes)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            data = b""
        except ssl.SSLError:
            if self._source is not None:
                self._source.fail()
            raise
        self._ended = not data
        return data

    def _tell_of_session(self, callback: Callable[[SessionSource], None]) -> None:
        self.on_session = None
        self._source = SessionSource(self._tls, self._session)
        self._session = None
        callback(self._source)

    async def _fill(self, deadline: float = math.inf) -> None:
        try:
            self._incoming.write(await self._transport.receive_before(deadline, _WIRE_READ))
        except anyio.EndOfStream:
            raise _ended_without_goodbye() from None
        except SendStalled:
            self._unflushed = True
            raise

    def _fill_nowait(self) -> None:
        try:
            self._incoming.write(self._transport.receive_nowait(_WIRE_READ))
        except anyio.EndOfStream:
            raise _ended_without_goodbye() from None
        self._more = True

    # --- sending ---

    def try_send(self, data: bytes | bytearray | memoryview) -> bool:
        if self._plain or len(data) > _PLAIN_WRITE:
            # Behind what a cancelled flush has left.
            self._plain = memoryview(b"".join((self._plain, data)) if self._plain else data)
        elif data:
            self._tls.write(data)
        return self._flush_nowait()

    def send_soon(self, data: bytes) -> bool:
        # Not where there may be something to decrypt: it would be returned without a look at the
        # transport, which says whether all could be sent.
        if self._more or self._plain or len(data) > _PLAIN_WRITE:
            return self.try_send(data)
        self._tls.write(data)
        if not self._unflushed:
            self._unflushed = not self._transport.send_soon(self._outgoing.read())
        return not self._unflushed

    @property
    def held(self) -> bool:
        return self._transport.held

    def _flush_nowait(self) -> bool:
        if self._unflushed:
            return False
        if self._outgoing.pending:
            self._unflushed = not self._transport.try_send(self._outgoing.read())
        while self._plain and not self._unflushed:
            count = self._tls.write(self._plain[:_PLAIN_WRITE])
            self._plain = self._plain[count:] or NOTHING
            self._unflushed = not self._transport.try_send(self._outgoing.read())
        return not self._unflushed

    async def flush(self) -> None:
        await self._flush_records()

    async def _flush_records(self) -> None:
        if self._flush_nowait():
            return
        # Reading makes records, too (a key update is answered), while somebody else may be sending.
        if self._flushing is None:
            self._flushing = anyio.Lock()
        async with self._flushing:
            while not self._flush_nowait():
                await self._transport.flush()
                self._unflushed = False

    # --- ending ---

    def abort(self) -> None:
        self._plain = NOTHING
        self._transport.abort()

    async def aclose(self) -> None:
        """Say goodbye (close_notify) without waiting for the peer's, and close the transport.

        Never raises for what the network does. A cancellation closes the transport at once.
        """
        self._plain = NOTHING
        try:
            self._tls.unwrap()
        except (ssl.SSLError, ValueError, OSError):
            pass  # WantRead: sent, unanswered; all else: nothing left to say.
        try:
            self._flush_nowait()
        except _UNSAID:
            pass
        await self._transport.aclose()

    @property
    def encrypted(self) -> bool:
        return True

    @property
    def alpn_protocol(self) -> str | None:
        return self._tls.selected_alpn_protocol()

    @property
    def peer_certificate(self) -> bytes | None:
        """What the peer has shown, in DER form; ``None`` if nothing."""
        return self._tls.getpeercert(True)

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        from anyio.streams.tls import TLSAttribute  # only now: few ask

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
