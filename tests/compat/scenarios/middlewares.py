"""What middlewares see and do, and digest as one of them."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import io
import re
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer


def _noting(stage: Stage, name: str) -> Any:
    async def note(request: Any, handler: Any) -> Any:
        stage.saw(f"{name} in {len(stage.observations)}", request.method)
        response = await handler(request)
        stage.saw(f"{name} out {len(stage.observations)}", response.status)
        return response

    return note


@scenario
async def order(aiohttp: Any, stage: Stage) -> None:
    middlewares = (_noting(stage, "outer"), _noting(stage, "inner"))
    async with aiohttp.ClientSession(middlewares=middlewares) as session:
        async with session.get(stage.url / "get") as response:
            stage.saw("status", response.status)


@scenario
async def those_of_the_request(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(middlewares=(_noting(stage, "session"),)) as session:
        for name, kwargs in {
            "none": {"middlewares": None},
            "empty": {"middlewares": ()},
            "own": {"middlewares": [_noting(stage, "own")]},
        }.items():
            async with session.get(stage.url / "get", **kwargs) as response:
                stage.saw(name, response.status)


@scenario
async def what_a_request_shows(aiohttp: Any, stage: Stage) -> None:
    async def look(request: Any, handler: Any) -> Any:
        stage.saw(f"method {request.method}", request.method)
        for name in ("original_url", "host", "port", "version", "chunked", "compress", "proxy"):
            stage.saw(f"{name} of {request.method}", getattr(request, name))
        for name in ("ssl", "server_hostname", "proxy_headers"):
            stage.saw(f"{name} of {request.method}", getattr(request, name))
        stage.saw(f"body of {request.method}", bool(request.body))
        stage.saw(f"tls of {request.method}", request.is_ssl())
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(look,)) as session:
        url = (stage.url / "echo").with_fragment("part")
        async with session.get(url) as response:
            await response.read()
        async with session.post(url, data=b"x" * 100, compress="gzip") as response:
            await response.read()
        async with session.put(url, data=b"x", chunked=True) as response:
            await response.read()


@scenario
async def what_it_changes(aiohttp: Any, stage: Stage) -> None:
    async def change(request: Any, handler: Any) -> Any:
        request.method = "PUT"
        request.headers["X-Added"] = "1"
        request.headers.pop("X-Gone", None)
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(change,)) as session:
        url = stage.url / "echo"
        async with session.post(url, data=b"x", headers={"X-Gone": "1"}) as response:
            stage.saw("status", response.status)
            stage.saw("method", response.method)


@scenario
async def another_body(aiohttp: Any, stage: Stage) -> None:
    bodies = {
        "bytes": b"new bytes",
        "text": "new text",
        "form": {"a": "b"},
        "file": io.BytesIO(b"file"),
        "none": None,
    }
    for name, body in bodies.items():

        async def change(request: Any, handler: Any, body: object = body) -> Any:
            await request.update_body(body)
            return await handler(request)

        async with aiohttp.ClientSession(middlewares=(change,)) as session:
            async with session.post(stage.url / "echo", json={"old": 1}) as response:
                stage.saw(name, response.status)


@scenario
async def a_second_try(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        for status in (b"503 Later", b"200 OK"):
            _, body = await peer.receive_request()
            stage.saw(f"body before {status.decode()}", body)
            await peer.answer(b"", status=status)

    async def retry(request: Any, handler: Any) -> Any:
        for _ in range(3):
            response = await handler(request)
            if response.status != 503:
                return response
            response.release()
        return response

    url = await stage.scripted(script)
    async with aiohttp.ClientSession(middlewares=(retry,)) as session:
        async with session.post(url, data=b"the same") as response:
            stage.saw("status", response.status)


@scenario
async def refusing(aiohttp: Any, stage: Stage) -> None:
    async def refuse(request: Any, handler: Any) -> Any:
        raise aiohttp.ClientError("not there")

    async with aiohttp.ClientSession(middlewares=(refuse,)) as session:
        await stage.fails("refused", session.get("http://nowhere.invalid/"))
        await stage.fails("not refused", session.get(stage.url / "get", middlewares=()))


@scenario
async def each_hop(aiohttp: Any, stage: Stage) -> None:
    async def note(request: Any, handler: Any) -> Any:
        stage.saw(f"hop {stage.requests}", request.url.path)
        request.headers["X-Hop"] = str(stage.requests)
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(note,)) as session:
        async with session.get(stage.url / "redirect/2") as response:
            stage.saw("history", len(response.history))


@scenario
async def requests_of_its_own(aiohttp: Any, stage: Stage) -> None:
    async def token(request: Any, handler: Any) -> Any:
        async with request.session.get(stage.url / "get", middlewares=()) as response:
            request.headers["X-Token"] = str(response.status)
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(token,)) as session:
        async with session.get(stage.url / "headers") as response:
            stage.saw("status", response.status)


# --- digest -------------------------------------------------------------------------------------

_RANDOM = re.compile(rb'(cnonce|response)="[0-9a-f]+"')


def _guard(stage: Stage, *challenges: bytes, good: bool = True, info: bytes = b"") -> Any:
    """A server that asks for digest, and notes what it is told but for what is random."""

    async def script(peer: ScriptedPeer) -> None:
        while True:
            head, body = await peer.receive_request()
            stage.requests += 1
            lines = head.split(b"\r\n")
            told = [line for line in lines if line.lower().startswith(b"authorization:")]
            fields: list[bytes] = []
            if told:
                text = _RANDOM.sub(rb"\1", told[0].partition(b" Digest ")[2])
                fields = sorted(text.split(b", "))
            stage.saw(f"told {stage.requests}", (lines[0], fields, body))
            if told and good:
                await peer.answer(b"welcome", *([info] if info else []))
            else:
                await peer.answer(
                    b"who?",
                    *(b"WWW-Authenticate: " + challenge for challenge in challenges),
                    status=b"401 Who",
                )

    return script


async def _ask(aiohttp: Any, stage: Stage, *challenges: bytes, **options: Any) -> None:
    url = await stage.scripted(_guard(stage, *challenges, **options))
    middleware = aiohttp.DigestAuthMiddleware("user", "pass word")
    async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
        for number in range(2):
            async with session.get(url / "a b?c=%22d") as response:
                stage.saw(f"status {number}", response.status)
                stage.saw(f"body {number}", await response.read())


@scenario
async def digest_md5(aiohttp: Any, stage: Stage) -> None:
    await _ask(
        aiohttp, stage, b'Digest realm="r", nonce="n", qop="auth", opaque="o", algorithm=MD5'
    )


@scenario
async def digest_sha256_and_the_body(aiohttp: Any, stage: Stage) -> None:
    await _ask(
        aiohttp, stage, b'Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256'
    )


@scenario
async def digest_of_rfc_2069(aiohttp: Any, stage: Stage) -> None:
    await _ask(aiohttp, stage, b'Digest realm="r", nonce="n"')


@scenario
async def digest_and_other_schemes(aiohttp: Any, stage: Stage) -> None:
    await _ask(aiohttp, stage, b'Digest realm="r", nonce="n", qop="auth", Basic realm="b"')


@scenario
async def no_digest(aiohttp: Any, stage: Stage) -> None:
    await _ask(aiohttp, stage, b'Basic realm="b"')


@scenario
async def digest_that_is_refused(aiohttp: Any, stage: Stage) -> None:
    url = await stage.scripted(_guard(stage, b'Digest realm="r", nonce="n"', good=False))
    middleware = aiohttp.DigestAuthMiddleware("user", "wrong")
    async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
        async with session.get(url) as response:
            stage.saw("status", response.status)
            stage.saw("body", await response.read())


@scenario
async def digest_not_in_advance(aiohttp: Any, stage: Stage) -> None:
    url = await stage.scripted(_guard(stage, b'Digest realm="r", nonce="n", qop=auth'))
    middleware = aiohttp.DigestAuthMiddleware("user", "pass", preemptive=False)
    async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
        for number in range(2):
            async with session.post(url, data=b"body") as response:
                stage.saw(f"status {number}", response.status)


@scenario
async def digest_that_cannot_be_answered(aiohttp: Any, stage: Stage) -> None:
    for name, challenge in {
        "algorithm": b'Digest realm="r", nonce="n", algorithm=MD4',
        "qop": b'Digest realm="r", nonce="n", qop=conf',
        "nonce": b'Digest realm="r"',
        "empty nonce": b'Digest realm="r", nonce=""',
        "realm": b'Digest nonce="n"',
    }.items():
        url = await stage.scripted(_guard(stage, challenge), name=name.upper())
        middleware = aiohttp.DigestAuthMiddleware("user", "pass")
        async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
            await stage.fails(name, session.get(url))


@scenario
async def digest_credentials_that_cannot_be(aiohttp: Any, stage: Stage) -> None:
    for name, pair in {
        "login": (None, "p"),
        "password": ("u", None),
        "colon": ("a:b", "p"),
    }.items():
        stage.refuses(name, aiohttp.DigestAuthMiddleware, *pair)
