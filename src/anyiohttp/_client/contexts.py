"""What ``session.get(…)`` returns: something to await, and something to enter.

Knows: that a call gives an object which is released at the end of a block.
Must not know: what the object is or how the call is made.
Called by: `session`; the user awaits it or enters it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from anyio import CancelScope, Event, create_task_group
from anyio.abc import TaskGroup

__all__ = ("DONE", "BlockTasks", "RequestContext")


class _Done:
    """Awaitable in form: what was to be done is done."""

    __slots__ = ()

    def __await__(self) -> Generator[object, None, None]:
        yield from ()


DONE = _Done()


class _Releasable(Protocol):
    async def __aenter__(self) -> object: ...
    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Awaitable[object]: ...


R = TypeVar("R", bound=_Releasable, covariant=True)


class BlockTasks:
    """What runs beside the user in an ``async with`` block: the rest of an upload (a `Spawner`)."""

    def __init__(self) -> None:
        self._tasks: TaskGroup | None = None
        self._running: dict[CancelScope, Event] = {}  # and what is set when it has ended
        self._afterwards: list[Callable[[], Awaitable[None]]] = []

    @property
    def open(self) -> bool:
        """Whether the block has been entered."""
        return self._tasks is not None

    @property
    def running(self) -> bool:
        """Whether something was started that has not ended."""
        return bool(self._running)

    def __call__(self, function: Callable[[], Awaitable[None]]) -> None:
        """Start a function."""
        assert self._tasks is not None
        scope = CancelScope()
        self._running[scope] = Event()
        self._tasks.start_soon(self._run, scope, function)

    async def stop(self) -> None:
        """End what is running, and see it end: what it uses may be used by somebody else."""
        for scope, ended in [*self._running.items()]:
            scope.cancel()
            with CancelScope(shield=True):
                await ended.wait()

    def when_done(self, function: Callable[[], Awaitable[None]]) -> None:
        """Have a function awaited when what was started has ended."""
        self._afterwards.append(function)

    async def enter(self) -> None:
        """Begin the block."""
        self._tasks = create_task_group()
        await self._tasks.__aenter__()

    async def exit(self) -> None:
        """End the block, and what runs in it.

        What the block raised is none of the tasks' business: no group wraps it.
        """
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.cancel_scope.cancel()
            try:
                await tasks.__aexit__(None, None, None)
            except BaseExceptionGroup as exc:
                if len(exc.exceptions) == 1:
                    # An interrupt, say, that came while a body was asked for its next piece.
                    raise exc.exceptions[0] from None
                raise

    async def _run(self, scope: CancelScope, function: Callable[[], Awaitable[None]]) -> None:
        try:
            with scope:
                await function()
        finally:
            self._running.pop(scope).set()
            while self._afterwards:
                await self._afterwards.pop(0)()


class RequestContext(Coroutine[object, object, R], Generic[R]):
    """A call that has not been made yet: ``await`` it, or enter it with ``async with``.

    Awaited, it gives the response, which the caller releases by reading or closing it. Entered, it
    gives the response and releases it at the end of the block. It is a coroutine, so that
    ``asyncio.create_task`` and ``task_group.start_soon`` take it, as they take aiohttp's.

    Args:
        call: makes the call.
        on_failure: told if the call fails, cancellation included (synchronous).
        on_exit: awaited at the end of the block, after the response was released.
        block: what the call may leave to run in the block.
    """

    __slots__ = ("_block", "_call", "_coroutine", "_on_exit", "_response")

    def __init__(
        self,
        call: Coroutine[object, object, R],
        *,
        on_failure: Callable[[], object] | None = None,
        on_exit: Callable[[], Awaitable[object]] | None = None,
        block: BlockTasks | None = None,
    ) -> None:
        self._call = call
        self._block = block
        self._coroutine = call if on_failure is None else _telling(call, on_failure)
        self._on_exit = on_exit

    def __await__(self) -> Generator[object, None, R]:
        return self._coroutine.__await__()

    def send(self, value: object) -> object:
        """Go on with the call (``Coroutine.send``)."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> object:
        """Raise an error inside the call (``Coroutine.throw``)."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Give the call up, also before it was made."""
        self._coroutine.close()
        self._call.close()

    async def __aenter__(self) -> R:
        if self._block is not None:
            return await self._enter_with(self._block)
        # Awaited itself, not through `__await__`: what each turn of the loop passes is one less.
        self._response = response = await self._coroutine
        # The response is told that a block will release it.
        await response.__aenter__()
        return response

    async def _enter_with(self, block: BlockTasks) -> R:
        await block.enter()
        try:
            self._response = response = await self._coroutine
            await response.__aenter__()
        except BaseException:
            await block.exit()
            raise
        return response

    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[object]:
        leaving = self._response.__aexit__(exc_type, exc, traceback)
        if self._block is None and self._on_exit is None:
            return leaving
        return self._leave(leaving)

    async def _leave(self, leaving: Awaitable[object]) -> None:
        try:
            await leaving
        finally:
            if self._block is not None:
                await self._block.exit()
            if self._on_exit is not None:
                await self._on_exit()


async def _telling(call: Coroutine[object, object, R], on_failure: Callable[[], object]) -> R:
    try:
        return await call
    except BaseException:
        on_failure()
        raise
