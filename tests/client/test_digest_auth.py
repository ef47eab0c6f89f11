"""`DigestAuthMiddleware` against servers that check what it says."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from io import BytesIO

import anyio
import pytest

import anyiohttp
from anyiohttp import BodyNotReplayableError, ClientResponseError, DigestAuthMiddleware
from anyiohttp._connect.challenges import parse_parameters
from anyiohttp.testing import MemoryNetwork, Request, Response

pytestmark = pytest.mark.anyio

CHALLENGE = 'realm="r", qop="auth,auth-int"'


class Guard:
    """A server that wants Digest, and computes by itself what the answer must be.

    Args:
        challenge: what it asks for, without the nonce.
        uses: how often a nonce is good.
        login: who may pass.
        info: whether it sends ``Authentication-Info``, with a next nonce.
    """

    def __init__(
        self,
        challenge: str = CHALLENGE,
        *,
        uses: int = 1000,
        login: str = "u:r:p",
        info: bool = False,
    ) -> None:
        self.challenge = challenge
        self.uses = uses
        self.login = login
        self.info = info
        self.log: list[str] = []
        self.seen: dict[str, set[int]] = {}

    def refuse(self, note: str, *fields: tuple[str, str]) -> Response:
        self.log.append(note)
        nonce = self.fresh()
        stale = ", stale=true" if note == "stale" else ""
        field = ("WWW-Authenticate", f'Digest {self.challenge}, nonce="{nonce}"{stale}')
        return Response(401, b"who are you?", [*fields, field])

    def fresh(self) -> str:
        nonce = f"nonce{len(self.seen)}"
        self.seen[nonce] = set()
        return nonce

    async def __call__(self, request: Request) -> Response:
        body = await request.read()
        field = request.headers.get("Authorization")
        if field is None:
            return self.refuse("none")
        scheme, _, rest = field.partition(" ")
        assert scheme == "Digest"
        said = parse_parameters(rest)
        assert said["uri"] == request.target
        nonce, count = said["nonce"], int(said.get("nc", "0"), 16)
        if said["response"] != self.expected(request.method, said, body):
            return self.refuse("wrong")
        if len(self.seen[nonce]) >= self.uses:
            return self.refuse("stale")
        assert count == 0 or count not in self.seen[nonce], "a replay"
        self.seen[nonce].add(count)
        self.log.append(said.get("qop", "rfc2069"))
        headers = []
        if self.info:
            headers.append(("Authentication-Info", f'nextnonce="{self.fresh()}"'))
        return Response(200, body or b"welcome", headers)

    def expected(self, method: str, said: dict[str, str], body: bytes) -> str:
        def h(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        a2 = f"{method}:{said['uri']}"
        if said.get("qop") == "auth-int":
            a2 += ":" + hashlib.md5(body).hexdigest()
        middle = said["nonce"]
        if "qop" in said:
            middle += f":{said['nc']}:{said['cnonce']}:{said['qop']}"
        return h(f"{h(self.login)}:{middle}:{h(a2)}")


async def fetch(session: anyiohttp.ClientSession, *args: object, **kwargs: object) -> bytes:
    async with session.request(*args, **kwargs) as response:  # type: ignore[arg-type]
        assert response.status == 200, response.status
        return await response.read()


class World:
    """A guard at a made-up host, and a session with the middleware."""

    def __init__(self, guard: Guard, **options: object) -> None:
        self.guard = guard
        self.network = MemoryNetwork()
        self.options = options
        self.middleware = DigestAuthMiddleware("u", "p")

    async def __aenter__(self) -> anyiohttp.ClientSession:
        await self.network.__aenter__()
        server = self.network.serve("guarded.example", self.guard)
        self.session = anyiohttp.ClientSession(
            server.url,
            connector=self.network.connector(limit=1),
            **{"middlewares": (self.middleware,)} | self.options,  # type: ignore[arg-type]
        )
        return self.session

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()
        await self.network.__aexit__(*error)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("challenge", "qop"),
    [
        (CHALLENGE, "auth-int"),
        ('realm="r", qop=auth', "auth"),
        ("realm=r", "rfc2069"),
        ('realm="r", algorithm=MD5, qop="auth", opaque="o\\"p"', "auth"),
    ],
)
async def test_the_first_request_asks_and_the_next_ones_know(challenge: str, qop: str) -> None:
    guard = Guard(challenge)
    async with World(guard) as session:
        for target in ("a", "a/%7Eb?q=%22&r", "?"):
            assert await fetch(session, "GET", target) == b"welcome"
    assert guard.log == ["none", qop, qop, qop]


async def test_not_preemptive() -> None:
    guard = Guard()
    middleware = DigestAuthMiddleware("u", "p", preemptive=False)
    async with World(guard, middlewares=(middleware,)) as session:
        for _ in range(2):
            await fetch(session, "GET", "a")
    assert guard.log == ["none", "auth-int"] * 2


async def test_a_stale_nonce_is_replaced() -> None:
    guard = Guard(uses=2)
    async with World(guard) as session:
        for _ in range(4):
            await fetch(session, "GET", "a")
    assert guard.log == ["none", "auth-int", "auth-int", "stale", "auth-int", "auth-int"]


async def test_the_next_nonce_is_used() -> None:
    guard = Guard(uses=1, info=True)
    async with World(guard) as session:
        for _ in range(3):
            await fetch(session, "GET", "a")
    assert guard.log == ["none", "auth-int", "auth-int", "auth-int"]


async def test_nonces_that_are_stale_by_the_time_are_given_up() -> None:
    guard = Guard(uses=0)
    async with World(guard) as session, session.get("a") as response:
        assert response.status == 401
    assert guard.log == ["none", "stale", "stale"]


async def test_a_wrong_password_is_said_once() -> None:
    guard = Guard(login="u:r:other")
    async with World(guard) as session:
        for _ in range(2):
            async with session.get("a") as response:
                assert response.status == 401
                assert await response.read() == b"who are you?"
    assert guard.log == ["none", "wrong"] * 2


async def test_counts_are_right_under_concurrency() -> None:
    guard = Guard()
    async with World(guard) as session:
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(fetch, session, "GET", "a")
        await fetch(session, "GET", "a")
    assert guard.log.count("auth-int") == 11
    assert "stale" not in guard.log
    assert "wrong" not in guard.log


# --- bodies -------------------------------------------------------------------------------------


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


async def test_bodies_are_sent_again_and_hashed() -> None:
    guard = Guard()
    async with World(guard) as session:
        assert await fetch(session, "POST", "a", data=b"x" * 1000) == b"x" * 1000
        assert await fetch(session, "POST", "a", data=BytesIO(b"file")) == b"file"
        # No second reading of what cannot be read twice: auth will do.
        assert await fetch(session, "POST", "a", data=pieces()) == b"onetwo"
    assert guard.log == ["none", "auth-int", "auth-int", "auth"]


async def test_a_spent_body_cannot_answer() -> None:
    guard = Guard()
    async with World(guard) as session:
        with pytest.raises(BodyNotReplayableError, match="must be sent again"):
            await session.post("a", data=pieces())
        # The challenge is known now, and the connection free.
        assert await fetch(session, "POST", "a", data=pieces()) == b"onetwo"


async def test_a_server_that_insists_on_hashing() -> None:
    async with World(Guard('realm="r", qop=auth-int')) as session:
        await fetch(session, "GET", "a")
        with pytest.raises(BodyNotReplayableError, match="auth-int"):
            await session.post("a", data=pieces())
        assert await fetch(session, "POST", "a", data=b"body") == b"body"


# --- others -------------------------------------------------------------------------------------


async def test_a_challenge_that_cannot_be_answered() -> None:
    async with World(Guard('realm="r", algorithm=NEW')) as session:
        with pytest.raises(ClientResponseError, match="Unsupported hash algorithm: NEW") as caught:
            await session.get("a")
        assert caught.value.status == 401
        assert caught.value.headers is not None
        assert "NEW" in caught.value.headers["WWW-Authenticate"]
        assert session.connector is not None


async def test_several_challenges_in_several_fields() -> None:
    class Several(Guard):
        def refuse(self, note: str, *fields: tuple[str, str]) -> Response:
            basic = (
                "WWW-Authenticate",
                'Basic realm="x", Digest realm="r", algorithm=NEW, nonce=0',
            )
            return super().refuse(note, basic)

    guard = Several()
    async with World(guard) as session:
        await fetch(session, "GET", "a")
    assert guard.log == ["none", "auth-int"]


@pytest.mark.parametrize("status", [200, 401])
async def test_redirects_across_origins(status: int) -> None:
    """Neither unasked nor asked does another origin get an answer; one that is named does."""
    seen: list[str | None] = []

    async def evil(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(status, b"", [("WWW-Authenticate", "Digest realm=r, nonce=n, qop=auth")])

    class Redirecting(Guard):
        async def __call__(self, request: Request) -> Response:
            if request.target == "/away":
                return Response(302, b"", [("Location", "http://evil.example/")])
            return await super().__call__(request)

    guard = Redirecting()
    world = World(guard)
    async with world as session:
        world.network.serve("evil.example", evil)
        for target in ("/away", "/in", "/away", "http://evil.example/"):
            async with session.get(target) as response:
                assert response.status == (200 if target == "/in" else status)
    assert seen == [None] * 3
    guard = Guard(CHALLENGE + ', domain="/ http://evil.example/"')
    world = World(guard)
    async with world as session:
        world.network.serve("evil.example", guard)
        await fetch(session, "GET", "a")
        await fetch(session, "GET", "http://evil.example/")
    assert guard.log == ["none", "auth-int", "auth-int"]


async def test_what_a_server_cannot_prove_is_not_believed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def lying(request: Request) -> Response:
        if "Authorization" not in request.headers:
            return Response(401, b"", [("WWW-Authenticate", "Digest realm=r, nonce=1, qop=auth")])
        nonces.append(parse_parameters(request.headers["Authorization"])["nonce"])
        return Response(200, b"", [("Authentication-Info", 'rspauth="00", nextnonce="2"')])

    nonces: list[str] = []
    async with World(lying) as session:  # type: ignore[arg-type]
        for _ in range(2):
            await fetch(session, "GET", "a")
    assert nonces == ["1", "1"]
    assert "does not prove" in caplog.text


async def test_each_leg_is_resent_by_itself() -> None:
    """A server that silently ends each connection: an answer is still given to its challenge."""

    class Ending(Guard):
        async def __call__(self, request: Request) -> Response:
            response = await super().__call__(request)
            return Response(response.status, response.body, response.headers, silent_close=True)

    guard = Ending()
    middleware = DigestAuthMiddleware("u", "p", preemptive=False)
    async with World(guard, middlewares=(middleware,)) as session:
        for _ in range(3):
            await fetch(session, "GET", "a")
    assert guard.log == ["none", "auth-int"] * 3


async def test_an_authorization_by_hand_is_replaced_when_it_is_refused() -> None:
    seen: list[str | None] = []

    async def serve(request: Request) -> Response:
        field = request.headers.get("Authorization", "")
        seen.append(field.partition(" ")[0])
        if field.startswith("Digest"):
            return Response(200, b"")
        return Response(401, b"", [("WWW-Authenticate", "Digest realm=r, nonce=1")])

    async with World(serve) as session:  # type: ignore[arg-type]
        await fetch(session, "GET", "a", headers={"Authorization": "Bearer x"})
    assert seen == ["Bearer", "Digest"]
