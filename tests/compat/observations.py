"""What a scenario saw, as plain data that can be compared and printed."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from http.cookies import Morsel, SimpleCookie
from typing import Any

import aiohttp
from tests.compat.differences import NOT_IN_REQUEST_INFO
from yarl import URL

__all__ = ("ATTRIBUTE", "CAUGHT", "Observations", "plain")

#: How the labels of what is observed of an error end.
CAUGHT = ", caught as"
ATTRIBUTE = ", its "

#: Fields whose values follow from a random number.
_BY_CHANCE = frozenset({"sec-websocket-accept"})
#: What programs ask errors for. ``args`` and messages are each library's own.
_ATTRIBUTES = (
    "status",
    "headers",
    "request_info",
    "history",
    "host",
    "port",
    "ssl",
    "errno",
    "url",
    "expected",
    "got",
    "path",
    "partial",
)
#: Names under which a program may catch an error.
_CATCHABLE = frozenset(name for name in dir(builtins) if name[0].isupper()) | frozenset(
    aiohttp.__all__
)


class Observations(dict[str, object]):
    """Observations by label, in order.

    What differs from run to run for no reason of the library's is named: ports.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ports: dict[int, str] = {}

    def name_port(self, port: int | None, name: str) -> None:
        """Let a port be observed by this name."""
        if port is not None:
            self._ports[port] = name

    def add(self, label: str, value: object) -> None:
        """Note a value; each label is used once."""
        label = self._named(label)
        assert label not in self, f"{label!r} was observed before"
        self[label] = self._named(plain(value))

    def add_error(self, label: str, error: BaseException) -> None:
        """Note an error: its name, what it can be caught as, and its attributes."""
        self.add(label, type(error).__name__)
        caught = {cls.__name__ for cls in type(error).__mro__} & _CATCHABLE
        self.add(f"{label}{CAUGHT}", sorted(caught))
        for name in _ATTRIBUTES:
            if hasattr(error, name) and not callable(getattr(error, name)):
                self.add(f"{label}{ATTRIBUTE}{name}", getattr(error, name))

    def _named(self, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self._ports.get(value, value)
        if isinstance(value, str):
            for port, name in self._ports.items():
                value = re.sub(rf"(?<!\d){port}(?!\d)", name, value)
            return value
        if isinstance(value, bytes):
            for port, name in self._ports.items():
                value = re.sub(rb"(?<!\d)%d(?!\d)" % port, name.encode(), value)
            return value
        if isinstance(value, list):
            return [self._named(item) for item in value]
        if isinstance(value, dict):
            return {key: self._named(item) for key, item in value.items()}
        return value


def plain(value: Any) -> object:
    """Return a value as plain data: what a program can tell about it, not of which class it is.

    Raises:
        TypeError: it is not known what a program would ask it for.
    """
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, URL):
        return str(value)
    if isinstance(value, Morsel):
        return [value.key, value.value, {k: v for k, v in value.items() if v}]
    if isinstance(value, SimpleCookie):
        return [plain(morsel) for morsel in value.values()]
    if hasattr(value, "raw_headers"):
        return f"response {value.status} of {value.method} {value.url}"
    if hasattr(value, "real_url"):
        return {
            "url": str(value.url),
            "method": value.method,
            "headers": sorted({name.lower() for name in value.headers} - NOT_IN_REQUEST_INFO),
            "real_url": str(value.real_url),
        }
    if isinstance(value, Mapping | Sequence | set | frozenset):
        return _plain_collection(value)
    if hasattr(value, "wrap_bio"):
        return "an SSL context"
    if hasattr(value, "fingerprint"):
        return ["Fingerprint", value.fingerprint.hex()]
    raise TypeError(f"cannot compare {value!r}")


def _plain_collection(value: Any) -> object:
    if isinstance(value, Mapping):
        if hasattr(value, "getall"):
            return sorted(
                [name.lower(), text]
                for name, text in value.items()
                if name.lower() not in _BY_CHANCE
            )
        return {str(key): plain(item) for key, item in value.items()}
    items = [plain(item) for item in value]
    return items if isinstance(value, Sequence) else sorted(items, key=repr)
