"""A list of functions that are told of an event, one after the other.

Knows: that the list is closed before the first event.
Must not know: which events there are.
Called by: `tracing`, one signal for each event; users append their functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableSequence
from typing import Any, Generic, TypeAlias, TypeVar, overload

__all__ = ("EventSignal", "Signal")

P = TypeVar("P")
F = TypeVar("F", bound="Callable[..., Awaitable[object]]")

#: Takes the session, the context of the traced request and the event's parameters. The first two
#: are of the user's own making (a subclass of the session, what the context's factory returns).
Receiver: TypeAlias = Callable[[Any, Any, P], Awaitable[object]]


class Signal(MutableSequence[Receiver[P]], Generic[P]):
    """Receivers of one event, in the order in which they are called; a list until it is frozen.

    As a decorator it appends the function: ``@config.on_request_start``.

    Args:
        owner: whose signal it is, for its ``repr``.
    """

    __slots__ = ("_owner", "_receivers", "frozen")

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._receivers: list[Receiver[P]] | tuple[Receiver[P], ...] = []
        #: Whether the list can no longer be changed.
        self.frozen = False

    def __repr__(self) -> str:
        return f"<Signal owner={self._owner!r}, frozen={self.frozen}, {list(self)!r}>"

    def __call__(self, receiver: F) -> F:
        self.append(receiver)
        return receiver

    def freeze(self) -> None:
        """Close the list. Only a frozen signal can be sent; it can be frozen twice."""
        self.frozen = True
        self._receivers = tuple(self._receivers)

    async def send(self, session: object, context: object, params: P) -> None:
        """Await each receiver in turn; the first that raises ends it.

        Raises:
            RuntimeError: the signal is not frozen.
            BaseException: what a receiver raised.
        """
        if not self.frozen:
            raise RuntimeError("Cannot send non-frozen signal.")
        for receiver in self._receivers:
            await receiver(session, context, params)

    # --- a list ---

    def __len__(self) -> int:
        return len(self._receivers)

    @overload
    def __getitem__(self, index: int) -> Receiver[P]: ...
    @overload
    def __getitem__(self, index: slice) -> MutableSequence[Receiver[P]]: ...
    def __getitem__(self, index: int | slice) -> Receiver[P] | MutableSequence[Receiver[P]]:
        if isinstance(index, slice):
            return list(self._receivers[index])
        return self._receivers[index]

    @overload
    def __setitem__(self, index: int, value: Receiver[P]) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Receiver[P]]) -> None: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        self._open_list()[index] = value

    def __delitem__(self, index: int | slice) -> None:
        del self._open_list()[index]

    def insert(self, index: int, value: Receiver[P]) -> None:
        """Insert a receiver before ``index``.

        Raises:
            RuntimeError: the signal is frozen.
        """
        self._open_list().insert(index, value)

    def _open_list(self) -> list[Receiver[P]]:
        if isinstance(self._receivers, tuple):
            raise RuntimeError("Cannot modify frozen list.")
        return self._receivers


class EventSignal(Signal[P]):
    """A signal that knows what its event tells.

    Args:
        owner: whose signal it is.
        params: makes the event's parameters of their values.
    """

    __slots__ = ("params",)

    def __init__(self, owner: object, params: Callable[..., P]) -> None:
        super().__init__(owner)
        self.params = params
