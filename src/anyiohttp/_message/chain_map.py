"""Several mappings seen as one, for reading.

Knows: mappings.
Must not know: what is in them.
Called by: users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ("ChainMapProxy",)


class ChainMapProxy(Mapping[Any, Any]):
    """Several mappings seen as one, for reading only; the first one that has a key wins.

    Unlike ``collections.ChainMap`` it cannot be inherited from, as in aiohttp.

    Args:
        maps: the mappings.
    """

    __slots__ = ("_maps",)

    def __init__(self, maps: Iterable[Mapping[Any, Any]]) -> None:
        self._maps = tuple(maps)

    def __init_subclass__(cls) -> None:
        raise TypeError(f"Inheritance class {cls.__name__} from ChainMapProxy is forbidden")

    def __getitem__(self, key: Any) -> Any:
        for mapping in self._maps:
            if key in mapping:
                return mapping[key]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(key in mapping for mapping in self._maps)

    def __iter__(self) -> Iterator[Any]:
        return iter(dict.fromkeys(key for mapping in reversed(self._maps) for key in mapping))

    def __len__(self) -> int:
        return len(set().union(*self._maps))

    def __bool__(self) -> bool:
        return any(self._maps)

    def __repr__(self) -> str:
        return f"ChainMapProxy({', '.join(map(repr, self._maps))})"
