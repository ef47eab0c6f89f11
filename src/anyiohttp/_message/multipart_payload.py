"""A part that was received, as a body that is sent on.

Knows: how a part is pulled from where it comes.
Must not know: what is done with it.
Called by: the registry.
"""

from __future__ import annotations

from .body_part import BodyPartReader
from .payload_base import PAYLOAD_REGISTRY, Order, PayloadHeaders
from .payload_streams import StreamPayload
from .sources import ByteSource

__all__ = ("BodyPartReaderPayload",)


class BodyPartReaderPayload(StreamPayload):
    """A part of a multipart body, taken out of its codings; it can be had once.

    ``Content-Disposition`` becomes ``attachment``, with the part's name and file name.
    """

    _source: ByteSource | None = None

    def __init__(
        self,
        value: BodyPartReader,
        headers: PayloadHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
    ) -> None:
        super().__init__(value, headers, content_type, filename, encoding)
        params = {"name": value.name, "filename": value.filename}
        params = {name: text for name, text in params.items() if text is not None}
        if params:
            self.set_content_disposition("attachment", True, **params)  # type: ignore[arg-type]

    @property
    def autoclose(self) -> bool:
        return True

    async def _pull(self) -> bytes | None:
        source = self._source
        if source is None:
            source = self._source = self._value.decoded()
        return await source.receive() or None

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Refuse: a part may be of any size, and can be had once.

        Raises:
            TypeError: always.
        """
        raise TypeError("Unable to read body part as bytes. Use write() to consume.")

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Refuse, as `as_bytes`.

        Raises:
            TypeError: always.
        """
        raise TypeError("Unable to decode.")


PAYLOAD_REGISTRY.register(BodyPartReaderPayload, BodyPartReader, order=Order.try_first)
