"""Cancelled at each of its points, a call leaves nothing behind, and the session goes on.

Each scenario is played again and again, its victim cancelled at point 1, 2, 3, … until it completes
untouched: see `anyiohttp.testing.cancel_at` for what a point is, and for the moments. After each:

* the victim ended within `BOUNDS`;
* no place of the pool is taken and nobody waits, and those who played along got their answers;
* as many requests as there are places, and one more, are answered on the same session, each with
  its own answer;
* after closing, no socket or stream, task, generator or warning is left.

The same is done with timeouts that run out at each point.
"""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import anyio
import pytest
import tests.proof.http2_scenarios  # noqa: F401 - they register themselves
from tests.proof.ledger import EXHAUSTIVE, Hang, Ledger
from tests.proof.scenarios import SCENARIOS, Scenario
from tests.proof.stage import Certificates, MemoryWorld, SocketWorld, Stage

from anyiohttp import ServerTimeoutError
from anyiohttp.testing import (
    Bounds,
    CancelledRun,
    CertificateAuthority,
    Leaked,
    Moment,
    assert_no_leaks,
    cancel_at,
    distinct_moments,
)

pytestmark = pytest.mark.anyio

#: Within these a cancelled victim must have ended.
BOUNDS = Bounds(points=25, seconds=2, run_seconds=20)
#: And what comes after it, in seconds.
PATIENCE = 10
#: A victim that has more points than this is a mistake of the scenario.
MOST = 2_000

#: Where scenarios are played.
Place = Literal["memory", "narrow", "sockets"]

BACKENDS = ("asyncio", "uvloop", "trio")

IN_MEMORY = [scenario for scenario in SCENARIOS.values() if scenario.memory]
NARROWED = [scenario for scenario in IN_MEMORY if scenario.narrow]
ON_SOCKETS = [scenario for scenario in SCENARIOS.values() if scenario.sockets]
TIMED = [scenario for scenario in SCENARIOS.values() if scenario.timed]

T = TypeVar("T")
Victim = Callable[[], Awaitable[object]]
Play = Callable[[Stage, Victim], Awaitable[CancelledRun[object] | None]]


@pytest.fixture(scope="session")
def certificates(authority: CertificateAuthority) -> Certificates:
    return Certificates(authority)


def named(scenarios: list[Scenario]) -> list[Any]:
    return [pytest.param(scenario, id=scenario.name) for scenario in scenarios]


# --- one run ------------------------------------------------------------------------------------


async def play_once(
    scenario: Scenario,
    certificates: Certificates,
    play: Play,
    *,
    place: Place = "memory",
) -> CancelledRun[object] | None:
    """Set a stage, let ``play`` deal with the victim, and look at what is left."""
    capacity = scenario.narrow if place == "narrow" else 64 * 1024
    sockets = place == "sockets"
    world = SocketWorld() if sockets else MemoryWorld(scenario.addresses, capacity)
    with no_warnings():
        async with world, anyio.create_task_group() as tasks, assert_no_leaks(collect=False):
            stage = Stage(
                world,
                tasks,
                certificates,
                limit=scenario.limit,
                http2=scenario.http2,
                settings=scenario.settings,
            )
            return await play_on(stage, scenario, play, sockets=sockets)


async def play_on(
    stage: Stage, scenario: Scenario, play: Play, *, sockets: bool
) -> CancelledRun[object] | None:
    async with stage.session:
        victim = await in_time(lambda: scenario.set_up(stage), "what comes before the victim")
        run = await play(stage, victim)
        await in_time(stage.settle, "those who play along")
        check_nothing_held(stage, scenario, sockets=sockets)
        if scenario.closes:
            assert stage.session.closed or (run is not None and run.cancelled)
        if not stage.session.closed:
            await in_time(lambda: probe(stage), "the next requests")
        if scenario.shared and stage.world.connections != 1:
            raise AssertionError(f"{stage.world.connections} connections: one was given up")
    check_closed(stage, scenario, sockets=sockets)
    return run


@contextmanager
def no_warnings() -> Iterator[None]:
    """Take a warning, of an unclosed response say, for a leak."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    if caught:
        raise Leaked([str(warning.message) for warning in caught])


async def in_time(function: Callable[[], Awaitable[T]], what: str) -> T:
    with anyio.move_on_after(PATIENCE):
        return await function()
    raise Hang(f"{what} did not end in {PATIENCE} seconds")


def check_nothing_held(stage: Stage, scenario: Scenario, *, sockets: bool) -> None:
    """See that no place is taken: at once, not after a while."""
    stats = stage.connector.stats
    if stats.busy or stats.dialing or stats.waiting:
        raise Leaked([f"places: {stats}"])
    if stage.generators:
        raise Leaked([f"{stage.generators} generators of bodies are not closed"])
    if scenario.direct and not sockets:
        check_streams(stage, stats.idle)


def check_closed(stage: Stage, scenario: Scenario, *, sockets: bool) -> None:
    stats = stage.connector.stats
    if stats.idle or stats.busy or stats.dialing or stats.waiting:
        raise Leaked([f"places after closing: {stats}"])
    if scenario.direct and not sockets:
        check_streams(stage, 0)


def check_streams(stage: Stage, expected: int) -> None:
    seen = stage.network.stats
    if seen.client_open != expected or seen.dialing:
        raise Leaked([f"{expected} idle connections, but {seen}"])


async def probe(stage: Stage) -> None:
    """Make more requests than there are places; each checks that its answer is its own."""
    async with anyio.create_task_group() as tasks:
        for _ in range(stage.limit + 1):
            tasks.start_soon(stage.fetch)
    await stage.fetch()
    stats = stage.connector.stats
    if stats.busy or stats.dialing or stats.waiting:
        raise Leaked([f"places after the next requests: {stats}"])


def check_garbage() -> None:
    """Collect garbage; an unclosed thing's `ResourceWarning` fails the test that left it."""
    with no_warnings():
        gc.collect()


# --- cancelled ----------------------------------------------------------------------------------


def moments_of(scenario: Scenario, place: Place) -> list[Moment]:
    """Which moments are tried: all of them, or one, which differs between scenarios."""
    # In turns of the event loop, sockets take an unforeseeable number.
    unforeseeable = place == "sockets" or scenario.by_time
    moments = [m for m in distinct_moments() if not (unforeseeable and m is Moment.TURN)]
    if EXHAUSTIVE:
        return moments
    number = list(SCENARIOS).index(scenario.name)
    return moments[number % len(moments) :][:1]


def skip_unless_its_turn(scenario: Scenario, backend: str) -> None:
    """Leave a scenario to another backend, if it is played on one only."""
    turn = list(SCENARIOS).index(scenario.name) % len(BACKENDS)
    if scenario.in_turns and not EXHAUSTIVE and BACKENDS[turn] != backend:
        pytest.skip("not of the slice")


async def cancel_at_each_point(
    scenario: Scenario, certificates: Certificates, ledger: Ledger, backend: str, place: Place
) -> None:
    skip_unless_its_turn(scenario, backend)
    where = {"memory": "", "narrow": ", narrow network", "sockets": ", sockets"}[place]
    for moment in moments_of(scenario, place):
        for number in range(1, MOST):

            async def play(
                stage: Stage, victim: Victim, number: int = number, moment: Moment = moment
            ) -> CancelledRun[object]:
                return await cancel_at(number, victim, moment=moment, bounds=BOUNDS)

            with ledger.trial(
                f"cancel at every await{where}",
                scenario=scenario.name,
                point=(scenario.name, moment, number),
                moment=moment.value,
                backend=backend,
            ):
                run = await play_once(scenario, certificates, play, place=place)
            assert run is not None
            if not run.requested:
                break
        else:
            raise AssertionError(f"{scenario.name} has more than {MOST} points")
        assert number > 1 or moment is Moment.TASK_WOKEN, "the victim has no points at all"
    check_garbage()


@pytest.mark.parametrize("scenario", named(IN_MEMORY))
async def test_cancel_at_every_await(
    scenario: Scenario, certificates: Certificates, ledger: Ledger, backend: str
):
    await cancel_at_each_point(scenario, certificates, ledger, backend, "memory")


@pytest.mark.parametrize("scenario", named(NARROWED))
async def test_cancel_at_every_await_where_all_takes_long(
    scenario: Scenario, certificates: Certificates, ledger: Ledger, backend: str
):
    if not EXHAUSTIVE and NARROWED.index(scenario) % 8:
        pytest.skip("not of the slice")
    await cancel_at_each_point(scenario, certificates, ledger, backend, "narrow")


@pytest.mark.parametrize("scenario", named(ON_SOCKETS))
async def test_cancel_at_every_await_on_sockets(
    scenario: Scenario, certificates: Certificates, ledger: Ledger, backend: str
):
    await cancel_at_each_point(scenario, certificates, ledger, backend, "sockets")


# --- out of time --------------------------------------------------------------------------------


async def _as_coroutine(victim: Victim) -> None:
    await victim()


class Delayed:
    """Drives a victim, and lets time pass at its n-th point until a deadline is over.

    The whole event loop stands still meanwhile, so that it finds the deadline over, and maybe what
    the victim waits for as well, when it goes on.
    """

    def __init__(self, victim: Victim, number: int, until: float) -> None:
        self._victim = victim
        self._number = number
        self._until = until
        self.reached = False

    def __await__(self) -> Generator[Any, Any, None]:
        steps = _as_coroutine(self._victim).__await__()
        answer: Any = None
        error: BaseException | None = None
        points = 0
        while True:
            try:
                trap = steps.send(answer) if error is None else steps.throw(error)
            except StopIteration:
                return
            finally:
                error = None
            points += 1
            if points == self._number:
                self.reached = True
                time.sleep(max(0, self._until - time.monotonic()))
            try:
                answer = yield trap
            except BaseException as exc:
                error = exc


#: How much time a victim has; enough for it to come to any of its points.
TOTAL = 0.03

#: How time runs out: by the call's own limit, by a scope of anyio's, or by asyncio's.
LIMITS = ("ClientTimeout.total", "anyio.fail_after", "asyncio.timeout")


async def run_out_of_time(stage: Stage, victim: Victim, number: int, limit: str) -> bool:
    """Let time run out at the victim's n-th point. Returns whether there was one."""
    delayed = Delayed(victim, number, time.monotonic() + TOTAL + 0.002)
    own = limit == "ClientTimeout.total"
    try:
        if own:
            with stage.in_a_hurry(TOTAL):
                await delayed
        elif limit == "asyncio.timeout":
            async with asyncio.timeout(TOTAL):
                await delayed
        else:
            with anyio.fail_after(TOTAL):
                await delayed
    except TimeoutError as exc:
        if isinstance(exc, ServerTimeoutError) != own:
            raise AssertionError("a limit is taken for another") from exc
    return delayed.reached


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("scenario", named(TIMED))
async def test_timeout_at_every_await(
    scenario: Scenario, limit: str, certificates: Certificates, ledger: Ledger, backend: str
):
    if limit == "asyncio.timeout" and backend == "trio":
        pytest.skip("asyncio only")
    skip_unless_its_turn(scenario, backend)
    if not EXHAUSTIVE and (TIMED.index(scenario) + LIMITS.index(limit)) % 4:
        pytest.skip("not of the slice")
    for number in range(1, MOST):
        reached = False

        async def play(stage: Stage, victim: Victim, number: int = number) -> None:
            nonlocal reached
            reached = await run_out_of_time(stage, victim, number, limit)

        with ledger.trial(
            "time runs out at every await",
            scenario=scenario.name,
            limit=limit,
            point=(scenario.name, number),
            backend=backend,
        ):
            await play_once(scenario, certificates, play)
        if not reached:
            break
    else:
        raise AssertionError(f"{scenario.name} has more than {MOST} points")
    check_garbage()


def test_every_scenario_is_played():
    assert {scenario.name for scenario in (*IN_MEMORY, *ON_SOCKETS)} == set(SCENARIOS)
    assert len(SCENARIOS) >= 25
    assert len(TIMED) >= 8
