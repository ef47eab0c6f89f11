"""Content codings (RFC 9110 8.4.1): gzip, deflate, br, zstd, and stacks of them. Pure.

Knows: how codings are stacked, what may follow an end mark, how much work one step is.
Must not know: the libraries behind a coding; where the bytes come from, who waits for them.
Called by: ``sources`` (bodies of responses), ``payloads`` (bodies of requests), the session
(`ACCEPT_ENCODING`).

Three rules hold for every coding:

* **Bounded.** One step takes at most `PIECE` bytes in and gives about `MAX_CHUNK` bytes out,
  whatever the input expands to; what is left waits for the next step.
* **Complete or error.** Each coding has an end mark of its own. A body that stops before it is an
  error in `Decoder.finish`, however well its transfer framing ended. A body of no bytes at all
  (HEAD, 304, ``Content-Length: 0``) is empty, not cut short.
* **Nothing behind the end.** gzip members and zstd frames may follow one another, and zero bytes
  may pad them (as tapes and ``gzip -d`` have it); anything else there is an error.

The chain is pulled from its inner end, so that a stack of bombs expands one step at a time.
"""

from __future__ import annotations

from ..exceptions import ContentDecodingError
from .coding_libraries import (
    ACCEPT_ENCODING,
    CODINGS,
    MAX_CHUNK,
    Encoder,
    Member,
    accept_encoding,
    make_encoder,
)

__all__ = (
    "ACCEPT_ENCODING",
    "MAX_CHUNK",
    "MAX_CODINGS",
    "Decoder",
    "Encoder",
    "accept_encoding",
    "make_decoder",
    "make_encoder",
)

#: How much one step takes in. What a library leaves over of it is copied: keep that small.
PIECE = 64 * 1024
#: More codings than this in one body are an attack: nobody stacks more than two.
MAX_CODINGS = 5
#: Steps that `Decoder.next_chunk` takes without result before it lets its caller breathe.
_STEPS = 32


class _Stage:
    """One coding of a stack, with the input that it has not used up yet."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._new_member, self._repeats = CODINGS[coding]
        self._member: Member | None = None
        self._some_ended = False
        self._input = b""
        self._position = 0
        self.bytes_out = 0

    @property
    def needs_input(self) -> bool:
        if self._position < len(self._input):
            return False
        return self._member is None or not self._member.pending

    def feed(self, data: bytes) -> None:
        rest = self._input[self._position :]
        self._input = rest + data if rest else data
        self._position = 0

    def step(self) -> bytes:
        """Decode one bounded step; ``b""`` does not mean that more input is needed."""
        member = self._member
        if member is None:
            member = self._begin()
            if member is None:
                return b""
        piece = memoryview(self._input)[self._position : self._position + PIECE]
        try:
            decoded, used = member.decode(piece)
        except member.errors as exc:
            raise ContentDecodingError(
                f"Can not decode content-encoding: {self._coding}: {exc}"
            ) from exc
        self._position += used
        self.bytes_out += len(decoded)
        if member.ended:
            self._member = None
            self._some_ended = True
        return decoded

    def _begin(self) -> Member | None:
        """Begin a member; none if only padding is left."""
        if self._some_ended and self._repeats:
            rest = self._input[self._position :].lstrip(b"\0")
            self._position = len(self._input) - len(rest)
        if self._position == len(self._input):
            return None
        if self._some_ended and not self._repeats:
            raise ContentDecodingError(
                f"Can not decode content-encoding: {self._coding}: data after the end"
            )
        self._member = self._new_member()
        return self._member

    def finish(self) -> None:
        if self._member is not None:
            raise ContentDecodingError(
                f"Can not decode content-encoding: {self._coding}: the body is cut short"
            )


class Decoder:
    """Takes a body out of its content codings, a bounded chunk at a time.

    Args:
        codings: names, in the order in which they were applied; all known, at least one.

    Attributes:
        bytes_in: how much was fed.

    Feed it while `needs_input`, call `next_chunk` until it does, `finish` when the body ends.
    """

    def __init__(self, codings: list[str]) -> None:
        self._stages = [_Stage(coding) for coding in reversed(codings)]
        self.bytes_in = 0

    @property
    def bytes_out(self) -> int:
        """How much came out."""
        return self._stages[-1].bytes_out

    @property
    def bytes_expanded(self) -> int:
        """How much came out of the coding that gave most: a bomb may be inside a stack."""
        return max(stage.bytes_out for stage in self._stages)

    @property
    def needs_input(self) -> bool:
        """Whether `next_chunk` can give nothing before more is fed."""
        return all(stage.needs_input for stage in self._stages)

    def feed(self, data: bytes) -> None:
        """Take in coded bytes; they are decoded when `next_chunk` asks for them."""
        self.bytes_in += len(data)
        self._stages[0].feed(data)

    def next_chunk(self) -> bytes:
        """Return decoded bytes, about `MAX_CHUNK` at most.

        ``b""`` means that more input is needed or, if `needs_input` is false, that much work has
        given nothing yet: let others run, and call again.

        Raises:
            ContentDecodingError: the data is broken, or its library is not installed.
        """
        last = len(self._stages) - 1
        for _ in range(_STEPS):
            # The innermost coding that still has something; it feeds the one after it.
            index = last
            while index >= 0 and self._stages[index].needs_input:
                index -= 1
            if index < 0:
                return b""
            decoded = self._stages[index].step()
            if not decoded:
                continue
            if index == last:
                return decoded
            self._stages[index + 1].feed(decoded)
        return b""

    def finish(self) -> None:
        """Check that every coding has reached its end mark. Call it once `needs_input` is true.

        Raises:
            ContentDecodingError: one has not.
        """
        if self.bytes_in:
            for stage in self._stages:
                stage.finish()


def make_decoder(content_encoding: str) -> Decoder | None:
    """Make the decoder for a value of ``Content-Encoding``.

    Args:
        content_encoding: the value; several fields joined by commas.

    Returns:
        The decoder; ``None`` if the body is to be left as it is, because nothing was applied to it
        or a coding is unknown.

    Raises:
        ContentDecodingError: there are more than `MAX_CODINGS` codings.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    codings = [name for name in names if name and name != "identity"]
    if not codings or not all(coding in CODINGS for coding in codings):
        return None
    if len(codings) > MAX_CODINGS:
        raise ContentDecodingError(
            f"Can not decode content-encoding: {len(codings)} codings, at most {MAX_CODINGS}"
        )
    return Decoder(codings)
