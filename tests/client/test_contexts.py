"""What calls return: both forms, and what happens at the end of each."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType

import anyio
import anyio.lowlevel
import pytest

from anyiohttp._client.contexts import RequestContext

pytestmark = pytest.mark.anyio


class Thing:
    """Notes that it was released, and with which exception."""

    def __init__(self) -> None:
        self.released: list[type[BaseException] | None] = []
        self.entered = 0

    async def __aenter__(self) -> Thing:
        self.entered += 1
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.released.append(exc_type)


async def give(thing: Thing) -> Thing:
    await anyio.lowlevel.checkpoint()
    return thing


async def fail() -> Thing:
    await anyio.lowlevel.checkpoint()
    raise LookupError("no")


async def test_awaited() -> None:
    thing = Thing()
    assert await RequestContext(give(thing)) is thing
    assert thing.released == []


async def test_entered() -> None:
    thing = Thing()
    async with RequestContext(give(thing)) as given:
        assert given is thing
        assert thing.entered == 1
        assert thing.released == []
    assert thing.released == [None]


async def test_released_when_the_block_fails() -> None:
    thing = Thing()
    with pytest.raises(KeyError):
        async with RequestContext(give(thing)):
            raise KeyError
    assert thing.released == [KeyError]


async def test_end_of_the_block() -> None:
    thing = Thing()
    seen: list[int] = []

    async def on_exit() -> None:
        seen.append(len(thing.released))

    async with RequestContext(give(thing), on_exit=on_exit):
        assert seen == []
    assert seen == [1]


async def test_end_of_the_block_also_if_the_release_fails() -> None:
    class Stubborn(Thing):
        async def __aexit__(self, *args: object) -> None:
            raise OSError("stuck")

    ended: list[bool] = []

    async def on_exit() -> None:
        ended.append(True)

    with pytest.raises(OSError, match="stuck"):
        async with RequestContext(give(Stubborn()), on_exit=on_exit):
            pass
    assert ended == [True]


@pytest.mark.parametrize("entered", [False, True])
async def test_told_of_a_failure(entered: bool) -> None:
    failures: list[bool] = []
    context = RequestContext(fail(), on_failure=lambda: failures.append(True))
    with pytest.raises(LookupError):
        if entered:
            async with context:
                raise AssertionError
        else:
            await context
    assert failures == [True]


async def test_told_of_a_cancellation() -> None:
    failures: list[bool] = []

    async def wait() -> Thing:
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.CancelScope() as scope:
        scope.cancel()
        await RequestContext(wait(), on_failure=lambda: failures.append(True))
    assert failures == [True]


async def test_success_is_no_failure() -> None:
    failures: list[bool] = []
    thing = Thing()
    assert await RequestContext(give(thing), on_failure=lambda: failures.append(True)) is thing
    assert failures == []


async def test_failure_without_anybody_to_tell() -> None:
    with pytest.raises(LookupError):
        await RequestContext(fail())


@pytest.mark.parametrize("on_failure", [None, list])
async def test_given_up_before_it_was_made(on_failure: type[list[object]] | None) -> None:
    """No "coroutine was never awaited", which would be an error here."""
    context = RequestContext(give(Thing()), on_failure=on_failure)
    context.close()
    with pytest.raises(RuntimeError):
        await context


@pytest.mark.parametrize("on_failure", [None, list])
async def test_driven_by_hand(on_failure: type[list[object]] | None) -> None:
    """As an event loop drives a coroutine."""
    seen: list[BaseException] = []

    class Once:
        def __await__(self) -> Generator[str, str, str]:
            return (yield "waiting")

    async def wait() -> Thing:
        assert await Once() == "go on"
        try:
            await Once()
        except KeyError as exc:
            seen.append(exc)
        return thing

    thing = Thing()
    context = RequestContext(wait(), on_failure=on_failure)
    assert context.send(None) == "waiting"
    assert context.send("go on") == "waiting"
    error = KeyError()
    with pytest.raises(StopIteration) as ended:
        context.throw(error)
    assert ended.value.value is thing
    assert seen == [error]


async def test_started_as_a_task() -> None:
    things: list[Thing] = []

    async def add() -> Thing:
        things.append(await give(Thing()))
        return things[0]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: RequestContext(add()))
    assert len(things) == 1


async def test_cancelled_as_a_task() -> None:
    failures: list[bool] = []

    async def wait() -> Thing:
        await anyio.sleep_forever()
        raise AssertionError

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: RequestContext(wait(), on_failure=lambda: failures.append(True)))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert failures == [True]
