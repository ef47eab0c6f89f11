"""Aliases of the public API: what a caller may pass where.

Knows: names of types, nothing else.
Must not know: anything else of this package (it imports nothing of ours).
Called by: every layer, and users who annotate their own wrappers.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy, istr
from yarl import URL

__all__ = (
    "AddrInfoType",
    "JSONBytesEncoder",
    "JSONDecoder",
    "JSONEncoder",
    "LooseCookies",
    "LooseHeaders",
    "PathLike",
    "Query",
    "SocketFactoryType",
    "StrOrURL",
)

StrOrURL: TypeAlias = str | URL

LooseHeaders: TypeAlias = (
    Mapping[str, str]
    | Mapping[istr, str]
    | CIMultiDict[str]
    | CIMultiDictProxy[str]
    | Iterable[tuple[str | istr, str]]
)

#: Names with values, ``http.cookies`` morsels, or pairs of both; as aiohttp takes them.
LooseCookies: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]

QueryValue: TypeAlias = str | int | float
Query: TypeAlias = (
    str
    | Mapping[str, QueryValue | Sequence[QueryValue]]
    | MultiDict[str]
    | MultiDictProxy[str]
    | Sequence[tuple[str, QueryValue | Sequence[QueryValue]]]
    | None
)

#: JSON is untyped by nature: any value goes in, any value comes out.
JSONEncoder: TypeAlias = Callable[[Any], str]
JSONBytesEncoder: TypeAlias = Callable[[Any], bytes]
JSONDecoder: TypeAlias = Callable[[str], Any]

PathLike: TypeAlias = str | os.PathLike[str]

#: An entry of ``getaddrinfo``: family, type, protocol, canonical name, socket address.
AddrInfoType: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
#: Makes a socket that will be connected to the address given (``socket_factory=``).
SocketFactoryType: TypeAlias = Callable[[AddrInfoType], socket.socket]
