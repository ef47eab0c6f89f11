"""Bodies that are files: read in worker threads, in big blocks, and closed when they were sent.

Knows: positions and sizes of files, which reads may take for ever, what is read in which thread.
Must not know: who sends the bytes.
Called by: the registry; ``formdata`` asks `is_file` and `guess_filename`.

A file is sent from the position it has when it is given as a body. Its size is known if it is a
regular file opened in binary mode, or a ``SpooledTemporaryFile``. A file opened as text, at its
beginning, in the charset in which it is to be sent goes out as it is on disk, line ends included,
so its size is known too. A decompressing file (gzip), a pipe and any other text file are of unknown
size.

As in aiohttp 3.14, the body closes the file when it was sent, whether that succeeded or not;
redirects and resends before that go back to the starting position. ``BytesIO`` and ``StringIO`` are
not closed (they are `payload_memory`).

Cancellation: reading a block of a regular file is waited for. A pipe or a device may never give
one, so its thread is left alone and closes the file itself when it comes back: no thread ever reads
a file that was closed under it, and none is waited for without a bound.

Memory: a plain file is read into memory of the event loop's thread, the same for all of its blocks.
What worker threads allocate comes from arenas of their own, up to eight for each core, and glibc
keeps the free end of an arena (``malloc_trim`` passes it over, too) up to twice the size of the
largest block that the program has ever freed: after one body of 8 MB that is 16 MB in each.
"""

from __future__ import annotations

import codecs
import inspect
import io
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from typing import IO, Any, TypeGuard, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

from ..exceptions import (
    BodyNotReplayableError,
    BodySizeMismatchError,
    ClientError,
    ClientPayloadError,
    InvalidBodyError,
    InvalidRequestError,
)
from .payload_base import FILE_BLOCK, PAYLOAD_REGISTRY, Order, Payload, PayloadHeaders
from .payload_memory import encode_text, text_encoder, text_settings

__all__ = (
    "BufferedReaderPayload",
    "IOBasePayload",
    "TextIOPayload",
    "guess_filename",
    "is_file",
)

_T = TypeVar("_T")


def is_file(value: object) -> bool:
    """Whether ``value`` is a file, or an object that acts like one (``NamedTemporaryFile``)."""
    if isinstance(value, io.IOBase):
        return True
    read = getattr(value, "read", None)
    return (
        callable(read)
        and not inspect.iscoroutinefunction(read)
        and hasattr(value, "readline")
        and hasattr(value, "closed")
    )


def is_closed(file: object) -> bool:
    """Whether a file says that it is closed; what only acts like one may not say anything."""
    return getattr(file, "closed", False) is True


def guess_filename(value: object, default: str | None = None) -> str | None:
    """Return the last part of a file's own name, if it has one that is a path."""
    name = getattr(value, "name", None)
    if isinstance(name, str) and name and name[0] != "<" and name[-1] != ">":
        return PurePath(name).name
    return default


class _FileType(type):
    """Lets ``isinstance`` ask the object itself: wrappers delegate what they do not have."""

    def __instancecheck__(cls, instance: object) -> bool:
        return is_file(instance)


class _File(metaclass=_FileType):
    """Whatever `is_file`."""


class _ThreadsideFile:
    """A file that worker threads use one at a time and that is closed when none does.

    All of its methods are synchronous; `use` is called in worker threads only.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._in_use = False
        self._to_close = False

    @property
    def given_up(self) -> bool:
        """Whether the file is closed, or will be as soon as nobody reads it."""
        return self._to_close or is_closed(self.file)

    def use(self, function: Callable[[Any], _T]) -> _T:
        """Call ``function`` with the file; close it afterwards if that was asked for meanwhile."""
        with self._lock:
            if self.given_up:
                raise BodyNotReplayableError("the file was closed before it was sent")
            if self._in_use:
                raise InvalidRequestError("a read of the file given as a body was cancelled")
            self._in_use = True
        try:
            return function(self.file)
        except ClientError:
            raise
        except Exception as exc:  # whatever a file of the caller's may raise (zlib, Unicode …)
            raise ClientPayloadError(f"{self.file!r} cannot be read: {exc}") from exc
        finally:
            with self._lock:
                self._in_use = False
                if self._to_close:
                    self._close()

    def give_up(self) -> None:
        """Ask for the file to be closed; the thread that reads it now does so itself."""
        self._to_close = True

    def close(self) -> None:
        """Close the file now, unless a thread reads it, which will."""
        with self._lock:
            self._to_close = True
            if not self._in_use:
                self._close()

    def _close(self) -> None:
        close = getattr(self.file, "close", None)  # what only acts like a file may have none
        if close is not None:
            close()


def _binary_raw(file: Any) -> io.FileIO | None:
    """Return the file of the operating system below a binary file without any translation."""
    inner = getattr(file, "file", file)  # NamedTemporaryFile
    raw = getattr(inner, "raw", inner) if isinstance(inner, io.BufferedIOBase) else inner
    return raw if isinstance(raw, io.FileIO) else None


def _descriptor(file: Any) -> int | None:
    """Return the descriptor below any file; that of a gzip file is the compressed file's."""
    if hasattr(file, "rollover"):  # SpooledTemporaryFile would write itself to the disk
        return None
    try:
        return int(file.fileno())
    except (AttributeError, OSError):
        return None


def _start_of(file: Any) -> int | None:
    """Return the current position; ``None`` if there is no going back to it."""
    try:
        return int(file.tell()) if file.seekable() else None
    except (AttributeError, OSError):
        return None  # among others: text whose lines are being iterated over


def _size_of(file: Any, start: int) -> int | None:
    """Return how many bytes there are from ``start`` on, if that is easily and reliably known."""
    if hasattr(file, "rollover") and "b" in str(getattr(file, "mode", "b")):
        end = int(file.seek(0, io.SEEK_END) or file.tell())
        file.seek(start)
        return max(0, end - start)
    raw = _binary_raw(file)
    if raw is None:
        return None
    if raw.writable():
        file.flush()
    status = os.fstat(raw.fileno())
    if not stat.S_ISREG(status.st_mode):
        return None
    if status.st_size <= start and hasattr(os, "pread") and raw.readable():
        # /proc and the like: files of size 0 that have something to say
        return None if os.pread(raw.fileno(), 1, start) else 0
    return max(0, status.st_size - start)


def _fills_memory(file: Any) -> bool:
    """Whether a file gives by ``readinto`` what it gives by ``read``.

    That is known of Python's own kinds alone: others, and what is derived from these, may count or
    change in ``read`` what they give.
    """
    kind = type(file)
    if kind.__module__ == "tempfile":
        return hasattr(file, "readinto") and "b" in str(getattr(file, "mode", "b"))
    return kind in (io.BufferedReader, io.BufferedRandom, io.FileIO)


class IOBasePayload(Payload):
    """A file, from its current position to its end.

    Args:
        value: the file; closed by `aclose`.
        disposition: the type of the ``Content-Disposition`` that is set if the file has a name;
            ``None`` to set none.
        headers: of the body.
        content_type: by default guessed from the name.
        filename: by default the last part of the file's own name.
        encoding: the charset for a file that gives text.

    Raises:
        InvalidRequestError: the file is closed.
    """

    def __init__(
        self,
        value: IO[Any],
        disposition: str | None = "attachment",
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if is_closed(value):
            raise InvalidRequestError(
                f"the file {getattr(value, 'name', value)!r} given as a body is closed; "
                "a file is closed once it was sent"
            )
        if filename is None:
            filename = guess_filename(value)
        super().__init__(value, headers, content_type, filename, encoding)
        if filename is not None and disposition and "Content-Disposition" not in self.headers:
            self.set_content_disposition(disposition, filename=filename)
        descriptor = _descriptor(value)
        #: Whether a read may take for ever: a terminal, a pipe, a socket.
        self._endless = descriptor is not None and not stat.S_ISREG(os.fstat(descriptor).st_mode)
        #: Whether it is read into memory of ours.
        self._plain = not self._endless and _fills_memory(value)
        self._start = None if self._endless else _start_of(value)
        self._size = None if self._start is None else _size_of(value, self._start)
        #: Whether a text file goes out as it is on disk, since that is what was asked for.
        self._as_on_disk = False
        self._shared = _ThreadsideFile(value)
        self._begun = False
        self._ended = False
        self._given = 0
        self._encoder: codecs.IncrementalEncoder | None = None
        #: Where the next block of a plain file goes.
        self._memory: io.BytesIO | None = None

    @property
    def replayable(self) -> bool:
        return self._start is not None and not self._shared.given_up

    @property
    def consumed(self) -> bool:
        return self._shared.given_up or (self._begun and not self.replayable)

    async def next_chunk(self) -> bytes:
        if self._ended:
            return b""
        if self._plain:
            chunk = await self._next_in_memory()
        else:
            chunk = await to_thread.run_sync(
                self._shared.use, self._read_block, abandon_on_cancel=self._endless
            )
        self._begun = True
        self._given += len(chunk)
        if self._size is not None and self._given != self._size:
            self._check_size(self._size, chunk)
        self._ended = not chunk or self._given == self._size
        if self._ended:
            self._memory = None
        return chunk

    def _source(self, file: Any) -> Any:
        """Return what is read: the file, or the one below text that goes out as it is on disk."""
        return file.buffer if self._as_on_disk else file

    async def _next_in_memory(self) -> bytes:
        """Read the next block into memory of this thread.

        The chunk is that memory, not a copy. ``BytesIO`` sees to it that a chunk never changes: if
        anybody still has it, or a view of it, what is filled next is another piece of memory. That
        costs a copy, so whoever sends chunks lets go of one before asking for the next.
        """
        amount = self._amount()
        memory = self._memory
        if memory is None or amount > FILE_BLOCK:
            memory = io.BytesIO(bytes(amount))
        # A thread that this task could not wait for may fill it long after: it is nobody's then.
        self._memory = None
        block = memory.getbuffer()
        size = len(block)
        try:
            count = await to_thread.run_sync(self._shared.use, partial(self._read_into, block))
        finally:
            # Memory must not be collected before its views: it may be in one cycle with them.
            with suppress(BufferError):  # the thread fills it still, and lets go of it then
                block.release()
        if count == size:
            self._memory = memory
        else:
            memory.truncate(count)
        return memory.getvalue()

    def _amount(self) -> int:
        """Return how much to ask a file for."""
        if self._size is not None and self._size - self._given <= FILE_BLOCK:
            return self._size - self._given + 1  # one more, to notice a file that grew
        return FILE_BLOCK

    def _check_size(self, size: int, chunk: bytes) -> None:
        """Refuse what would make ``Content-Length`` a lie: it is how requests are smuggled."""
        if self._given > size or not chunk:
            raise BodySizeMismatchError(
                f"{self._value!r} had {size} bytes when it was given as a body and now has "
                + ("more" if self._given > size else f"only {self._given}")
            )

    def _begin(self, file: Any) -> None:
        if not self._begun:
            self._begun = True
            if self._start is not None:
                file.seek(self._start)

    def _read_into(self, block: memoryview, file: Any) -> int:
        """Read the next block into memory; runs in a worker thread."""
        with block:
            self._begin(file)
            count = self._source(file).readinto(block)
        if not isinstance(count, int):
            raise InvalidBodyError(f"readinto() of the file given as a body gave {count!r}")
        return count

    def _read_block(self, file: Any) -> bytes:
        """Read the next block; runs in a worker thread."""
        self._begin(file)
        file = self._source(file)
        amount = self._amount()
        read = getattr(file, "read1", file.read) if self._endless else file.read
        while True:
            data = read(amount)
            if isinstance(data, str):
                final = not data
                data = self._encode(data, final)
                if not data and not final:
                    continue  # a stateful charset may hold a character back
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise InvalidBodyError(
                    f"read() of the file given as a body gave {type(data).__name__}, not bytes"
                )
            return bytes(data)

    def _encode(self, text: str, final: bool) -> bytes:
        if self._encoder is None:
            self._encoder = text_encoder(self._encoding or "utf-8")
        return encode_text(text, self._encoder, final)

    async def rewind(self) -> None:
        await super().rewind()
        # The next read seeks; the file must not be touched in the event loop's thread.
        self._begun = self._ended = False
        self._given = 0
        self._encoder = self._memory = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the file as text, and go back in it. It is read here and now, which may block.

        Raises:
            TypeError: it cannot be read twice.
        """
        if self._start is None or self._begun:
            raise TypeError("the file cannot be read without being used up: use as_bytes()")
        start = self._start

        def read(file: Any) -> str:
            file.seek(start)
            data = file.read()
            file.seek(start)
            return data if isinstance(data, str) else bytes(data).decode(encoding, errors)

        return self._shared.use(read)

    async def aclose(self) -> None:
        self._memory = None
        self._shared.give_up()
        try:
            # A limiter of its own: closing must not queue behind reads of stuck pipes.
            with CancelScope(shield=True):
                await to_thread.run_sync(self._shared.close, limiter=CapacityLimiter(1))
        except BaseException:
            self._shared.close()
            raise


def _is_encoded_in(file: IO[str], encoding: str) -> TypeGuard[io.TextIOWrapper]:
    """Whether a file opened for text is in the charset that it is to be sent in."""
    if type(file) is not io.TextIOWrapper or file.errors != "strict":
        return False
    try:
        return codecs.lookup(file.encoding).name == codecs.lookup(encoding).name
    except LookupError:
        return False  # told by whoever encodes


class BufferedReaderPayload(IOBasePayload):
    """A file opened in binary mode."""


class TextIOPayload(IOBasePayload):
    """A file opened in text mode, whatever charset it is itself in.

    It is sent in ``encoding``, else in the charset of ``content_type``, else in UTF-8.
    """

    def __init__(
        self,
        value: IO[str],
        disposition: str | None = "attachment",
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        encoding, content_type = text_settings(encoding, content_type)
        super().__init__(value, disposition, headers, content_type, filename, encoding)
        if self._start == 0 and _is_encoded_in(value, encoding):
            value.flush()
            self._size = _size_of(value.buffer, 0)
            self._as_on_disk = self._size is not None
            self._plain = self._as_on_disk and _fills_memory(value.buffer)


PAYLOAD_REGISTRY.register(TextIOPayload, (io.TextIOWrapper, io.TextIOBase))
PAYLOAD_REGISTRY.register(BufferedReaderPayload, (io.BufferedReader, io.BufferedRandom))
PAYLOAD_REGISTRY.register(IOBasePayload, io.IOBase)
PAYLOAD_REGISTRY.register(IOBasePayload, _File, order=Order.try_last)
