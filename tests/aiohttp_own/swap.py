"""A pytest plugin: aiohttp's tests see our client where they ask for aiohttp's.

aiohttp's server, its test utilities and what these are made of stay as they are: each module of
them was imported before and keeps the names that it has. Only what the tests themselves import is
exchanged: the names of ``aiohttp``, and the modules of its client, which are made anew of our
public names. A name that we do not have is a `Missing`, which fails as soon as it is used, so that
no test can pass by testing aiohttp.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import types
from collections.abc import Awaitable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.http_websocket
import aiohttp.pytest_plugin
import aiohttp.test_utils
import aiohttp.web
import pytest
from aiohttp import payload as their_payload
from tests.aiohttp_own.expectations import Expectation

import anyiohttp

__all__ = ("Missing", "swap")

#: Modules of aiohttp that hold its client. Others are shared with the server, or are the server.
CLIENT_MODULES = (
    "abc",
    "client",
    "client_exceptions",
    "client_middleware_digest_auth",
    "client_middlewares",
    "client_proto",
    "client_reqrep",
    "client_ws",
    "connector",
    "cookiejar",
    "_cookie_helpers",
    "formdata",
    "hdrs",
    "helpers",
    "http",
    "multipart",
    "payload",
    "resolver",
    "streams",
    "tracing",
    "typedefs",
)
#: What those modules hold that is no part of a client, or is a fact about the machine.
SHARED = frozenset(
    {
        ("helpers", "DEFAULT_CHUNK_SIZE"),
        ("helpers", "IS_MACOS"),
        ("helpers", "IS_WINDOWS"),
        ("abc", "AbstractStreamWriter"),
        ("http", "WS_KEY"),
        ("payload", "_CLOSE_FUTURES"),
        ("typedefs", "Handler"),
    }
)


class Missing:
    """A name of aiohttp's that we do not have. It may be mentioned while tests are collected."""

    running = False

    def __init__(self, name: str) -> None:
        self.__name = name

    def __repr__(self) -> str:
        return f"<{self.__name}, which is not there>"

    def __use(self, *args: object, **kwargs: object) -> Any:
        if Missing.running:
            raise AssertionError(f"{self.__name} is not there")
        return self

    __call__ = __getitem__ = __add__ = __sub__ = __mul__ = __floordiv__ = __lt__ = __gt__ = __use
    __radd__ = __rsub__ = __rmul__ = __contains__ = __enter__ = __use

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__use()

    def __iter__(self) -> Iterator[Any]:
        self.__use()
        return iter(())

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        self.__use()
        return ()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not count."""
    names = Path(os.environ.get("ANYIOHTTP_DESELECTED", os.devnull)).read_text().split()
    left_out = [Expectation("private", name, "see there") for name in names]
    kept = [item for item in items if not any(each.matches(item.nodeid) for each in left_out)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def pytest_collection_finish() -> None:
    """From here on, what is missing is missed."""
    Missing.running = True


def ours(module: str, name: str) -> Any:
    """Return what we have under the name that is ``name`` in aiohttp's module ``module``."""
    if hasattr(anyiohttp, name):
        return getattr(anyiohttp, name)
    try:
        return getattr(importlib.import_module(f"anyiohttp.{module}"), name)
    except (ImportError, AttributeError):
        return Missing(f"aiohttp.{module}.{name}")


def swap() -> None:
    """Put our names where tests look for aiohttp's."""
    for name in CLIENT_MODULES:
        theirs = importlib.import_module(f"aiohttp.{name}")
        twin = types.ModuleType(theirs.__name__, theirs.__doc__)
        for attribute, value in vars(theirs).items():
            if attribute.startswith("__"):
                continue
            origin = getattr(value, "__module__", None) or "aiohttp"
            foreign = isinstance(value, types.ModuleType) or not origin.startswith("aiohttp")
            if foreign or (name, attribute) in SHARED:
                setattr(twin, attribute, value)
            else:
                setattr(twin, attribute, ours(name, attribute))
        sys.modules[theirs.__name__] = twin
        setattr(aiohttp, name, twin)
    for name in aiohttp.__all__:
        if name in ("GunicornUVLoopWebWorker", "GunicornWebWorker"):
            continue
        if not isinstance(getattr(aiohttp, name), types.ModuleType):
            setattr(aiohttp, name, ours("__init__", name))
    share("WSMsgType")
    share("WSCloseCode")
    utils = aiohttp.test_utils
    utils.ClientSession = anyiohttp.ClientSession  # type: ignore[misc,assignment]
    for name, kept_in in (("request", "_responses"), ("ws_connect", "_websockets")):
        setattr(utils.TestClient, f"_{name}", _through_session(name, kept_in))
    for name in ("_RequestContextManager", "_WSRequestContextManager"):
        setattr(utils, name, lambda context: context)


def share(name: str) -> None:
    """Let both sides have one enumeration: tests ask ``is`` of what the server received, too."""
    theirs, mine = getattr(aiohttp.http_websocket, name), getattr(anyiohttp, name)
    assert {each.name: each.value for each in mine} == {each.name: each.value for each in theirs}
    replaced = {id(mine): theirs}
    for module in [*sys.modules.values()]:
        if not module.__name__.startswith("anyiohttp"):
            continue
        for key, value in [*vars(module).items()]:
            if isinstance(value, anyiohttp.WSMessage) and isinstance(value.type, mine):
                replaced.setdefault(id(value), value._replace(type=theirs(value.type)))
            if id(value) in replaced:
                setattr(module, key, replaced[id(value)])
    setattr(aiohttp, name, theirs)
    setattr(sys.modules["aiohttp.http"], name, theirs)


class SavedContext(Coroutine[Any, Any, Any]):
    """What a session's call returns, for aiohttp's test client, which closes what it gave.

    The test client would await the call inside a context of its own; what `async with` means for
    a call is the session's business.
    """

    def __init__(self, context: Any, saved: list[Any]) -> None:
        self._context = context
        self._saved = saved
        self._coroutine = self._save(context)

    async def _save(self, giving: Awaitable[Any]) -> Any:
        given = await giving
        self._saved.append(given)
        return given

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()
        self._context.close()

    async def __aenter__(self) -> Any:
        self._coroutine.close()
        return await self._save(self._context.__aenter__())

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)


def _through_session(name: str, kept_in: str) -> Any:
    def call(client: Any, *args: Any, **kwargs: Any) -> SavedContext:
        *first, path = args
        context = getattr(client.session, name)(*first, client.make_url(path), **kwargs)
        return SavedContext(context, getattr(client, kept_in))

    return call


class OurBody(their_payload.Payload):
    """One of our payloads as the body of a response of aiohttp's server."""

    _value: anyiohttp.Payload

    def __init__(self, value: anyiohttp.Payload, **kwargs: Any) -> None:
        super().__init__(value, **kwargs)
        self._size = value.size
        self._headers.update(value.headers)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("our bodies are sent, not decoded")

    async def write(self, writer: Any) -> None:
        await self._value.write(writer)


their_payload.PAYLOAD_REGISTRY.register(OurBody, anyiohttp.Payload)
functools.cache(swap)()
