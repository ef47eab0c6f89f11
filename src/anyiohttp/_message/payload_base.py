"""What every request body is, and how the body for a given object is found.

Knows: size, headers and replaying of a body; the registry of body types.
Must not know: any particular kind of body, connections, transfer framing.
Called by: the kinds of payloads; ``_client`` by way of `payloads`; users who write their own kind.
"""

from __future__ import annotations

import enum
import re
from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import chain
from typing import Any, Protocol, TypeAlias, TypeVar

from multidict import CIMultiDict

from ..exceptions import BodyNotReplayableError, InvalidRequestError
from .mimetypes import OCTET_STREAM, guess_content_type
from .pushing import PushedChunks, WrittenBody, writes_itself

__all__ = (
    "BLOCK",
    "FILE_BLOCK",
    "PAYLOAD_REGISTRY",
    "BodyWriter",
    "Order",
    "Payload",
    "PayloadRegistry",
    "as_sent",
    "check_field",
    "content_disposition_header",
    "get_payload",
    "payload_type",
    "register_payload",
)

#: Bytes that are read, compressed or handed out at a time.
BLOCK = 256 * 1024

#: Bytes that are read from a file at a time: the way to a worker thread and back costs as much as
#: reading a quarter of them.
FILE_BLOCK = 1024 * 1024

PayloadHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: WHATWG, "multipart/form-data": these three in a name or file name, and nothing more.
_WHATWG_ESCAPES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}
_QUOTED_STRING_ESCAPES = {ord("\\"): r"\\", ord('"'): r"\""}


class BodyWriter(Protocol):
    """What `Payload.write` writes to."""

    async def write(self, chunk: bytes, /) -> object:
        """Take a piece of the body."""
        ...


def check_field(text: str) -> str:
    """Return ``text`` if it may stand in a header field.

    Raises:
        InvalidRequestError: it holds CR, LF, NUL or another control character (RFC 9110 5.5).
    """
    if _CONTROLS.search(text) is not None:
        raise InvalidRequestError(f"control character in a header field of a body: {text!r}")
    return text


def content_disposition_header(disptype: str, quote_fields: bool = True, **params: str) -> str:
    """Make the value of ``Content-Disposition`` for a part of a body (RFC 7578 4.2).

    Args:
        disptype: ``form-data``, ``attachment``, ``inline`` or another token.
        quote_fields: escape as browsers do (WHATWG): ``"``, CR and LF as ``%22``, ``%0D`` and
            ``%0A``, everything else as it is, in UTF-8. If false, ``"`` and the backslash get a
            backslash before them (RFC 2183), and CR and LF are refused.
        **params: ``name``, ``filename`` and the like.

    Raises:
        InvalidRequestError: the type or a parameter's name is not a token, or a value holds
            control characters that are not escaped.
    """
    if _TOKEN.fullmatch(disptype) is None:
        raise InvalidRequestError(f"bad content disposition type {disptype!r}")
    value = disptype
    escapes = _WHATWG_ESCAPES if quote_fields else _QUOTED_STRING_ESCAPES
    for name, text in params.items():
        if _TOKEN.fullmatch(name) is None:
            raise InvalidRequestError(f"bad content disposition parameter {name!r}={text!r}")
        value += f'; {name}="{check_field(text.translate(escapes))}"'
    return value


class Payload(ABC):  # noqa: B024 - a kind has one of two methods
    """A request body: it knows its size, its headers and whether it can be sent again.

    A kind of payload implements `next_chunk`, `replayable`, `consumed` and, where it can, `rewind`.
    Or it is one of aiohttp's, which implement `write` (from the start each time it is called),
    `decode` and maybe `close`; as there, ``_consumed`` says that it cannot be written again.

    The order of use is: any number of passes, each a row of `next_chunk` calls, with `rewind`
    between them; then `aclose`.
    After `aclose` a body in memory is at its start again and can be sent once more; a file is
    closed (as aiohttp closes it) and an iterator is spent.

    A payload serves one request at a time.

    Args:
        value: what is sent.
        headers: of the body; in a multipart body they stand before the part.
        content_type: by default guessed from ``filename``, else ``application/octet-stream``.
        filename: the name that the receiver sees.
        encoding: the charset that text is sent in.
    """

    _default_content_type: str = OCTET_STREAM
    _consumed: bool = False
    _pushed: PushedChunks | None = None

    def __init__(
        self,
        value: Any,
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self._value = value
        self._filename = filename
        self._encoding = encoding
        self._size: int | None = None
        if content_type is None:
            content_type = self._default_content_type
            if filename is not None:
                content_type = guess_content_type(filename, content_type)
        self._given_type = content_type
        if headers:
            self._headers.update(headers)

    @property
    def size(self) -> int | None:
        """Bytes of the whole body, from its start; ``None`` if that is not known."""
        return self._size

    @cached_property
    def _headers(self) -> CIMultiDict[str]:
        return CIMultiDict({"Content-Type": self._given_type})

    @property
    def only_type(self) -> str | None:
        """The media type if that is all there is to say of the body, and it says no more."""
        if "_headers" not in self.__dict__ and type(self).headers is Payload.headers:
            found = self._given_type  # nobody has looked at them
        else:
            found = self.headers.get("Content-Type", "boundary=")
            if len(self.headers) > 1:
                return None
        return None if "boundary=" in found else found

    @property
    def headers(self) -> CIMultiDict[str]:
        """The body's own header fields, ``Content-Type`` among them."""
        return self._headers

    @property
    def content_type(self) -> str:
        """The media type, with parameters."""
        return self.headers["Content-Type"]

    @property
    def filename(self) -> str | None:
        """The name that the receiver sees, if the body has one."""
        return self._filename

    @property
    def encoding(self) -> str | None:
        """The charset of text."""
        return self._encoding

    @property
    def replayable(self) -> bool:
        """Whether `rewind` works, now: a seekable file is replayable until it is closed."""
        return not self.consumed

    @property
    def consumed(self) -> bool:
        """Whether the body was begun or closed and cannot be had again."""
        return self._consumed

    @property
    def at_hand(self) -> bytes | None:
        """The whole body, if it is small and in memory; a fast path that disturbs nothing."""
        return None

    @property
    def autoclose(self) -> bool:
        """Whether nothing needs to be closed (aiohttp's word)."""
        return False

    @property
    def closes_nothing(self) -> bool:
        """Whether `aclose` will have nothing to do once a request has sent it."""
        return False

    async def next_chunk(self) -> bytes:
        """Return the next piece; ``b""`` at the end, and only there.

        Raises:
            BodySizeMismatchError: there are more or fewer bytes than `size` said.
            BodyNotReplayableError: the body was spent before.
            InvalidBodyError: an iterator gave something other than bytes.
            ClientPayloadError: a file could not be read.

        A cancelled call leaves the body usable only for `rewind` and `aclose`.
        """
        if type(self).write is Payload.write:
            raise TypeError(f"{type(self).__name__} has neither next_chunk() nor write()")
        if self._pushed is None:
            self._pushed = PushedChunks(self.write)
        return await self._pushed.next_chunk()

    async def rewind(self) -> None:
        """Go back to the start.

        Raises:
            BodyNotReplayableError: the body was begun and cannot be had again.

        After a cancelled call, it can be called again.
        """
        if self.consumed:
            raise BodyNotReplayableError(
                f"{type(self).__name__} was sent before and cannot be sent again; use bytes, an "
                "open seekable file or a fresh iterator"
            )
        self._stop_pushing()

    def _stop_pushing(self) -> None:
        if self._pushed is not None:
            self._pushed.close()
            self._pushed = None

    async def aclose(self) -> None:
        """Give up what the body holds. Any number of times; safe in a cancelled scope."""
        self._stop_pushing()
        if type(self).close is not Payload.close:
            await self.close()

    async def close(self) -> None:
        """Do the same as `aclose`; aiohttp's name."""
        if type(self).aclose is not Payload.aclose:
            await self.aclose()

    def set_content_disposition(
        self, disptype: str, quote_fields: bool = True, **params: str
    ) -> None:
        """Set ``Content-Disposition``; the arguments are `content_disposition_header`'s."""
        self.headers["Content-Disposition"] = content_disposition_header(
            disptype, quote_fields, **params
        )

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text, without waiting and without moving on in it.

        Raises:
            TypeError: the body is not in memory.
        """
        raise TypeError(f"{type(self).__name__} is not in memory: use as_bytes()")

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the whole body, and go back to its start if it can be replayed.

        Args:
            encoding: for kinds that have a `decode` and no `next_chunk`, if they have no `encoding`
                of their own; others ignore it. The two parameters are aiohttp's.
            errors: likewise.

        Raises and cancellation: as `rewind` and `next_chunk`.
        """
        if type(self).next_chunk is Payload.next_chunk and type(self).decode is not Payload.decode:
            charset = self._encoding or encoding  # one of aiohttp's kinds
            return self.decode(charset, errors).encode(charset, errors)
        await self.rewind()
        chunks = []
        while chunk := await self.next_chunk():
            chunks.append(chunk)
        if self.replayable:
            await self.rewind()
        return b"".join(chunks)

    async def write(self, writer: BodyWriter) -> None:
        """Write the body to ``writer``, from its start.

        Raises and cancellation: as `rewind`, `next_chunk`, and the writer.
        """
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: BodyWriter, content_length: int | None) -> None:
        """Write the body to ``writer``, from its start, but no more than ``content_length`` bytes.

        Raises and cancellation: as `write`.
        """
        await self.rewind()
        while content_length is None or content_length > 0:
            chunk = await self.next_chunk()
            if not chunk:
                break
            if content_length is not None:
                chunk = chunk[:content_length]
                content_length -= len(chunk)
            await writer.write(chunk)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.content_type} size={self.size}>"


def as_sent(payload: Payload) -> Payload | WrittenBody:
    """Return what gives the chunks of a payload: itself, unless a user has put a `write` over it.

    That one is run once for each body that is returned, from its start.
    """
    if type(payload).write is Payload.write or not writes_itself(type(payload)):
        return payload
    return WrittenBody(payload)


PayloadFactory: TypeAlias = Callable[..., Payload]
_Entry: TypeAlias = tuple[PayloadFactory, Any]
_Factory = TypeVar("_Factory", bound=PayloadFactory)


class Order(enum.StrEnum):
    """When a registered type is tried: before, among or after the others."""

    normal = "normal"
    try_first = "try_first"
    try_last = "try_last"


class PayloadRegistry:
    """Finds the kind of payload for an object, by ``isinstance`` in the order of registration.

    A type's exact match among the ``normal`` ones is found first; after those of ``try_first``.
    """

    def __init__(self) -> None:
        self._first: list[_Entry] = []
        self._normal: list[_Entry] = []
        self._last: list[_Entry] = []
        self._exact: dict[type, PayloadFactory] = {}

    def get(self, data: object, *args: object, **kwargs: object) -> Payload:
        """Return the payload for ``data``; a payload is its own.

        Args:
            data: what is to be sent.
            *args: passed on to the kind of payload.
            **kwargs: passed on to the kind of payload (``content_type=``, ``headers=`` …).

        Raises:
            LookupError: no registered type fits.
        """
        for factory, types in self._first:
            if isinstance(data, types):
                return factory(data, *args, **kwargs)
        exact = self._exact.get(type(data))
        if exact is not None:
            return exact(data, *args, **kwargs)
        if isinstance(data, Payload):
            return data
        for factory, types in chain(self._normal, self._last):
            if isinstance(data, types):
                return factory(data, *args, **kwargs)
        raise LookupError(f"{type(data).__name__} cannot be sent as a body")

    def register(
        self,
        factory: PayloadFactory,
        type: type | tuple[type, ...],  # noqa: A002 - aiohttp's name
        *,
        order: Order = Order.normal,
    ) -> None:
        """Register a kind of payload for one type or several."""
        if order is Order.try_first:
            self._first.append((factory, type))
        elif order is Order.normal:
            self._normal.append((factory, type))
            for each in type if isinstance(type, tuple) else (type,):
                self._exact[each] = factory
        elif order is Order.try_last:
            self._last.append((factory, type))
        else:
            raise ValueError(f"unknown order {order!r}")


PAYLOAD_REGISTRY = PayloadRegistry()


def get_payload(data: object, *args: object, **kwargs: object) -> Payload:
    """Return the payload for ``data``; see `PayloadRegistry.get`."""
    return PAYLOAD_REGISTRY.get(data, *args, **kwargs)


def register_payload(
    factory: PayloadFactory,
    type: type | tuple[type, ...],  # noqa: A002 - aiohttp's name
    *,
    order: Order = Order.normal,
) -> None:
    """Register a kind of payload; see `PayloadRegistry.register`."""
    PAYLOAD_REGISTRY.register(factory, type, order=order)


class payload_type:  # noqa: N801 - aiohttp's name
    """A class decorator that registers a kind of payload for ``type``."""

    def __init__(
        self,
        type: type | tuple[type, ...],  # noqa: A002 - aiohttp's name
        *,
        order: Order = Order.normal,
    ) -> None:
        self.type = type
        self.order = order

    def __call__(self, factory: _Factory) -> _Factory:
        register_payload(factory, self.type, order=self.order)
        return factory
