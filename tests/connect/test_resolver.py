from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint
from tests.connect.peers import ScriptedResolver, address

import anyiohttp
from anyiohttp._connect.resolver import (
    DefaultResolver,
    DNSCache,
    ThreadedResolver,
    _lookup_limiter,
    as_literal,
    is_odd_ipv4,
    without_zone,
)
from anyiohttp.abc import AbstractResolver, ResolveResult

pytestmark = pytest.mark.anyio

ANY = socket.AF_UNSPEC


# --- literals ---


@pytest.mark.parametrize(
    ("host", "expected", "family"),
    [
        ("127.0.0.1", "127.0.0.1", socket.AF_INET),
        ("::1", "::1", socket.AF_INET6),
        ("2001:DB8::1", "2001:db8::1", socket.AF_INET6),
        ("fe80::1%eth0", "fe80::1%eth0", socket.AF_INET6),
        ("fe80::1%25eth0", "fe80::1%eth0", socket.AF_INET6),
        ("fe80::1%25", "fe80::1%25", socket.AF_INET6),
    ],
)
async def test_literals(host: str, expected: str, family: int) -> None:
    found = as_literal(host, 80)
    assert found is not None
    assert (found["hostname"], found["host"], found["port"]) == (host, expected, 80)
    assert found["family"] == family


@pytest.mark.parametrize("host", ["localhost", "", "host1", "1.2.3", "a:b", "127.0.0.1.", "::1%"])
async def test_names_are_no_literals(host: str) -> None:
    assert as_literal(host, 80) is None


@pytest.mark.parametrize(
    ("host", "odd"),
    [
        ("127.1", True),
        ("2130706433", True),
        ("017700000001", True),
        ("0x7f000001", True),
        ("0x7f.1", True),
        ("127.0.0.0x", True),
        ("127.0.0.01", True),
        ("127.0.0.256", True),
        ("127.0.0.1.", True),
        ("1.2.3.4.5", True),
        ("a.1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:1.2.3.4", False),
        ("host1", False),
        ("1.a", False),
        ("0xg", False),
        ("x.0xyz", False),
        ("localhost", False),
        ("", False),
    ],
)
async def test_addresses_in_older_forms(host: str, odd: bool) -> None:
    assert is_odd_ipv4(host) is odd


async def test_zone_is_taken_off() -> None:
    assert without_zone("fe80::1%eth0") == "fe80::1"
    assert without_zone("host%test") == "host%test"


# --- the system's resolver ---


async def test_asks_the_system() -> None:
    assert DefaultResolver is ThreadedResolver is anyiohttp.resolver.ThreadedResolver
    resolver = ThreadedResolver()
    answers = await resolver.resolve("localhost", 8080, socket.AF_INET)
    assert answers[0]["host"].startswith("127.")
    assert (answers[0]["hostname"], answers[0]["port"]) == ("localhost", 8080)
    await resolver.close()


Answer = Callable[..., Any]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[tuple[Any, ...]]]:
    """Let a function stand in for the operating system's ``getaddrinfo``."""

    def install(answer: Answer) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def getaddrinfo(*args: Any) -> Any:
            if args[0] in ("127.0.0.1", "::1", None):  # the event loop's own
                return original(*args)
            asked.append(args)
            return answer(*args)

        original = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return install


async def test_zones_and_odd_answers(system: Callable[[Answer], Any]) -> None:
    tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    system(
        lambda *_: [
            (socket.AF_INET6, *tcp, ("fe80::1", 80, 0, 3)),
            (socket.AF_INET6, *tcp, ("fe80::2%3", 80, 0, 3)),
            (socket.AF_INET6, *tcp, ("::2", 80, 0, 0)),
            (socket.AF_INET6, *tcp, (10, b"a Python without IPv6")),
            (socket.AF_UNIX, *tcp, ("/path",)),
            (socket.AF_INET, *tcp, ("192.0.2.1", 80)),
        ]
    )
    answers = await ThreadedResolver().resolve("host.test", 80)
    assert [a["host"] for a in answers] == ["fe80::1%3", "fe80::2%3", "::2", "192.0.2.1"]


async def test_localhost_is_found_without_a_network(system: Callable[[Answer], Any]) -> None:
    def answer(_host: str, _port: int, _family: int, kind: int, _proto: int, flags: int) -> Any:
        if flags & socket.AI_ADDRCONFIG:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, kind, 6, "", ("127.0.0.1", 80))]

    asked = system(answer)
    answers = await ThreadedResolver().resolve("LocalHost.", 80)
    assert [a["host"] for a in answers] == ["127.0.0.1"]
    assert len(asked) == 2
    with pytest.raises(socket.gaierror):
        await ThreadedResolver().resolve("host.test", 80)


@pytest.mark.parametrize("host", ["a..b.test", "x" * 64 + ".test", "a\0b"])
async def test_impossible_names_are_not_found(host: str) -> None:
    with pytest.raises(socket.gaierror, match=r"not a host name|not known|No address"):
        await ThreadedResolver().resolve(host, 80)


async def test_a_cancelled_lookup_returns_at_once(system: Callable[[Answer], Any]) -> None:
    started, answer_now = threading.Event(), threading.Event()

    def answer(*_: Any) -> Any:
        started.set()
        answer_now.wait(20)
        return []

    system(answer)
    try:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ThreadedResolver().resolve, "slow.test", 80)
                await anyio.to_thread.run_sync(started.wait)
                tasks.cancel_scope.cancel()
    finally:
        answer_now.set()


async def test_lookups_do_not_hold_the_threads_of_others(system: Callable[[Answer], Any]) -> None:
    answer_now = threading.Event()

    def answer(*_: Any) -> Any:
        answer_now.wait(20)
        return []

    asked = system(answer)
    default = anyio.to_thread.current_default_thread_limiter()
    default.total_tokens = 2
    try:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for number in range(4):
                    tasks.start_soon(ThreadedResolver().resolve, f"slow{number}.test", 80)
                while len(asked) < 4:
                    await checkpoint()
                assert await anyio.to_thread.run_sync(lambda: "free") == "free"
                answer_now.set()
    finally:
        answer_now.set()
        default.total_tokens = 40


async def test_lookups_do_not_wait_for_the_threads_of_others() -> None:
    """With all of anyio's threads held by files, say, a name is still found."""
    default = anyio.to_thread.current_default_thread_limiter()
    default.total_tokens = 1
    held = threading.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, held.wait, 20)
            while not default.borrowed_tokens:
                await checkpoint()
            with anyio.fail_after(10):
                assert await ThreadedResolver().resolve("localhost", 80)
            held.set()
    finally:
        held.set()
        default.total_tokens = 40


async def test_lookups_that_were_given_up_are_not_without_number(
    system: Callable[[Answer], Any],
) -> None:
    """A name server that does not answer holds so many threads and no more (cpython #112169)."""
    limiter = _lookup_limiter()
    assert limiter.total_tokens == 64
    limiter.total_tokens = 3
    answer_now = threading.Event()

    def answer(*_: Any) -> Any:
        answer_now.wait(20)
        return []

    asked = system(answer)
    try:
        for number in range(6):
            with anyio.move_on_after(0.01):
                await ThreadedResolver().resolve(f"slow{number}.test", 80)
        assert len(asked) <= 3
        answer_now.set()
        with anyio.fail_after(10):
            assert await ThreadedResolver().resolve("late.test", 80) == []
    finally:
        answer_now.set()
        limiter.total_tokens = 64


# --- the cache ---


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class HeldResolver(AbstractResolver):
    """Answers when told to."""

    def __init__(self) -> None:
        self.lookups: list[tuple[anyio.Event, list[ResolveResult] | Exception]] = []
        self.cancelled = 0

    async def resolve(self, host: str, port: int = 0, family: int = ANY) -> list[ResolveResult]:
        place = len(self.lookups)
        told = anyio.Event()
        self.lookups.append((told, []))
        try:
            await told.wait()
        except BaseException:
            self.cancelled += 1
            raise
        outcome = self.lookups[place][1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def tell(self, place: int, outcome: list[ResolveResult] | Exception) -> None:
        event, _ = self.lookups[place]
        self.lookups[place] = (event, outcome)
        event.set()

    async def close(self) -> None:
        pass


class Caller:
    """A task that asks, and what became of it."""

    def __init__(self, cache: DNSCache, host: str = "host.test") -> None:
        self.cache = cache
        self.host = host
        self.scope = anyio.CancelScope()
        self.outcome: object = None

    async def __call__(self) -> None:
        with self.scope:
            try:
                self.outcome = hosts(await self.cache.resolve(self.host, 80, ANY))
            except OSError as exc:
                self.outcome = exc
                return
        if self.scope.cancelled_caught:
            self.outcome = "cancelled"


def hosts(answers: list[ResolveResult]) -> list[str]:
    return [answer["host"] for answer in answers]


def answers_of(*names: str) -> list[ResolveResult]:
    return [address(80, name) for name in names]


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await checkpoint()


@pytest.fixture
def settle() -> Callable[[], Awaitable[None]]:
    """Let every task that can run do so."""

    async def wait() -> None:
        await anyio.wait_all_tasks_blocked()

    return wait


async def test_answers_are_kept_and_rotated() -> None:
    resolver, clock = ScriptedResolver(*answers_of("a", "b", "c")), Clock()
    cache = DNSCache(resolver, ttl=10, clock=clock)
    seen = ["".join(hosts(await cache.resolve("host.test", 80, ANY))) for _ in range(4)]
    assert seen == ["abc", "bca", "cab", "abc"]
    assert len(resolver.asked) == 1
    clock.now += 9.9
    await cache.resolve("host.test", 80, ANY)
    assert len(resolver.asked) == 1
    clock.now += 0.1
    await cache.resolve("host.test", 80, ANY)
    assert len(resolver.asked) == 2


async def test_a_callers_list_is_its_own() -> None:
    cache = DNSCache(ScriptedResolver(*answers_of("a", "b")))
    (await cache.resolve("host.test", 80, ANY)).clear()
    assert hosts(await cache.resolve("host.test", 80, ANY)) == ["b", "a"]


async def test_without_a_ttl_answers_stay() -> None:
    resolver, clock = ScriptedResolver(*answers_of("a")), Clock()
    cache = DNSCache(resolver, ttl=None, clock=clock)
    await cache.resolve("host.test", 80, ANY)
    clock.now += 1e9
    await cache.resolve("host.test", 80, ANY)
    assert len(resolver.asked) == 1


@pytest.mark.parametrize("shared", [True, False])
async def test_with_a_ttl_of_zero_nothing_is_kept(shared: bool) -> None:
    resolver = ScriptedResolver(*answers_of("a"))
    cache = DNSCache(resolver, ttl=0, shared=shared)
    for _ in range(2):
        assert hosts(await cache.resolve("host.test", 80, ANY)) == ["a"]
    assert len(resolver.asked) == 2


async def test_host_port_and_family_are_told_apart() -> None:
    resolver = ScriptedResolver(*answers_of("a"))
    cache = DNSCache(resolver)
    keys = [("a", 80, ANY), ("a", 81, ANY), ("b", 80, ANY), ("a", 80, socket.AF_INET)]
    for key in keys * 2:
        await cache.resolve(*key)
    assert resolver.asked == keys


@pytest.mark.parametrize(
    ("cleared", "asked_again"),
    [((), 4), (("a", None), 2), (("a", 80), 1), ((None, 81), 2), (("c", None), 0)],
)
async def test_clearing(cleared: tuple[Any, ...], asked_again: int) -> None:
    resolver = ScriptedResolver(*answers_of("x"))
    cache = DNSCache(resolver)
    keys = [("a", 80), ("a", 81), ("b", 80), ("b", 81)]
    for host, port in keys:
        await cache.resolve(host, port, ANY)
    cache.clear(*cleared)
    for host, port in keys:
        await cache.resolve(host, port, ANY)
    assert len(resolver.asked) == 4 + asked_again


async def test_the_host_unused_for_longest_makes_place() -> None:
    resolver = ScriptedResolver(*answers_of("x"))
    cache = DNSCache(resolver)
    for number in range(1000):
        await cache.resolve(f"h{number}", 80, ANY)
    await cache.resolve("h0", 80, ANY)
    await cache.resolve("new", 80, ANY)
    resolver.asked.clear()
    await cache.resolve("h0", 80, ANY)
    await cache.resolve("h1", 80, ANY)
    assert [host for host, _, _ in resolver.asked] == ["h1"]


async def test_no_address_is_an_error() -> None:
    with pytest.raises(socket.gaierror, match=r"no address for host\.test"):
        await DNSCache(ScriptedResolver()).resolve("host.test", 80, ANY)


async def test_a_failure_is_not_kept() -> None:
    resolver = ScriptedResolver(error=OSError("down"))
    cache = DNSCache(resolver)
    with pytest.raises(OSError, match="down"):
        await cache.resolve("host.test", 80, ANY)
    resolver.error, resolver.answers = None, answers_of("a")
    assert hosts(await cache.resolve("host.test", 80, ANY)) == ["a"]


async def test_concurrent_callers_share_a_lookup(settle: Callable[[], Awaitable[None]]) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    callers = [Caller(cache) for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for caller in callers:
            tasks.start_soon(caller)
        await settle()
        assert len(resolver.lookups) == 1
        resolver.tell(0, answers_of("a"))
    assert [caller.outcome for caller in callers] == [["a"]] * 5
    assert len(resolver.lookups) == 1


async def test_a_failure_goes_to_all(settle: Callable[[], Awaitable[None]]) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    callers = [Caller(cache) for _ in range(3)]
    failure = socket.gaierror(socket.EAI_AGAIN, "later")
    async with anyio.create_task_group() as tasks:
        for caller in callers:
            tasks.start_soon(caller)
        await settle()
        resolver.tell(0, failure)
    assert [caller.outcome for caller in callers] == [failure] * 3
    assert len(resolver.lookups) == 1


async def test_a_cancelled_leader_is_followed(settle: Callable[[], Awaitable[None]]) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    callers = [Caller(cache) for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        for caller in callers:
            tasks.start_soon(caller)
            await settle()
        callers[0].scope.cancel()
        await settle()
        assert len(resolver.lookups) == 2
        assert resolver.cancelled == 1
        resolver.tell(1, answers_of("a"))
    assert [caller.outcome for caller in callers] == ["cancelled", ["a"], ["a"], ["a"]]


async def test_a_cancelled_waiter_disturbs_nobody(settle: Callable[[], Awaitable[None]]) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    callers = [Caller(cache) for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for caller in callers:
            tasks.start_soon(caller)
            await settle()
        callers[1].scope.cancel()
        await settle()
        assert resolver.cancelled == 0
        resolver.tell(0, answers_of("a"))
    assert [caller.outcome for caller in callers] == [["a"], "cancelled", ["a"]]
    assert len(resolver.lookups) == 1


async def test_all_cancelled_leaves_nothing(settle: Callable[[], Awaitable[None]]) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(Caller(cache))
        await settle()
        tasks.cancel_scope.cancel()
    caller = Caller(cache)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(caller)
        await settle()
        resolver.tell(len(resolver.lookups) - 1, answers_of("a"))
    assert caller.outcome == ["a"]


async def test_a_lookup_that_was_cleared_is_not_kept(
    settle: Callable[[], Awaitable[None]],
) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    early, late = Caller(cache), Caller(cache)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(early)
        await settle()
        cache.clear("host.test")
        tasks.start_soon(late)
        await settle()
        resolver.tell(0, answers_of("old"))
        await settle()
        resolver.tell(1, answers_of("new"))
    assert (early.outcome, late.outcome) == (["old"], ["new"])
    assert hosts(await cache.resolve("host.test", 80, ANY)) == ["new"]


async def test_lookups_of_another_event_loop_are_not_waited_for(
    anyio_backend: tuple[str, dict[str, object]], settle: Callable[[], Awaitable[None]]
) -> None:
    resolver = HeldResolver()
    cache = DNSCache(resolver)
    here = Caller(cache)

    async def there() -> list[ResolveResult]:
        async with anyio.create_task_group() as tasks:
            caller = Caller(cache)
            tasks.start_soon(caller)
            await until(lambda: len(resolver.lookups) == 2)
            resolver.tell(1, answers_of("there"))
        assert caller.outcome == ["there"]
        return await cache.resolve("host.test", 80, ANY)

    def run() -> list[ResolveResult]:
        return anyio.run(there, backend=anyio_backend[0])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(here)
        await settle()
        assert hosts(await anyio.to_thread.run_sync(run)) == ["there"]
        resolver.tell(0, answers_of("here"))
    assert here.outcome == ["here"]
