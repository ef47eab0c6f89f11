"""Redirects."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from yarl import URL


def _to(stage: Stage, target: object, status: int = 302) -> URL:
    return stage.url / "redirect-to" % {"url": str(target), "status": str(status)}


@scenario
async def methods_and_bodies(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for status in (301, 302, 303, 307, 308):
            for method in ("GET", "POST", "PUT", "HEAD", "DELETE"):
                data = b"body" if method in ("POST", "PUT") else None
                url = _to(stage, "/echo", status)
                async with session.request(method, url, data=data) as response:
                    label = f"{status} {method}"
                    stage.saw(label, [response.status, response.method, len(response.history)])
                    if method != "HEAD":
                        stage.saw(f"{label} body", (await response.json())["body"])


@scenario
async def history(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stage.url / "redirect" / "3") as response:
            stage.saw("url", response.url)
            stage.saw("real_url", response.real_url)
            stage.saw("history", response.history)
            stage.saw("urls", [hop.url for hop in response.history])
            stage.saw("request's url", response.request_info.url)
        stage.saw("connections", stage.server.counts.connections)


@scenario
async def not_followed(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stage.url / "redirect" / "1", allow_redirects=False) as response:
            stage.saw("get", [response.status, response.headers["Location"]])
            stage.saw("history", response.history)
        async with session.head(stage.url / "redirect" / "1") as response:
            stage.saw("head", response.status)
        async with session.head(stage.url / "redirect" / "1", allow_redirects=True) as response:
            stage.saw("head that follows", response.status)
        async with session.get(stage.url / "status" / "302") as response:
            stage.saw("no Location", response.status)
        async with session.get(_to(stage, "/get", 300)) as response:
            stage.saw("300", response.status)


@scenario
async def too_many(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        await stage.fails("default", session.get(stage.url / "redirect" / "11"))
        await stage.fails("two", session.get(stage.url / "redirect" / "3", max_redirects=2))
        async with session.get(stage.url / "redirect" / "9") as response:
            stage.saw("nine", len(response.history))
        async with session.get(stage.url / "redirect" / "2", max_redirects=3) as response:
            stage.saw("two of three", len(response.history))


@scenario
async def locations(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for location in (
            "/get?a=b c",
            "get",
            "./status/../get",
            f"//127.0.0.1:{stage.url.port}/get",
            f"http://127.0.0.1:{stage.url.port}/get#there",
            "?url=/get",
            "http:/get",
            "/get?x=%2F",
            "/get?ü",
        ):
            await _follow(aiohttp, stage, location, session.get(_to(stage, location)))


async def _follow(aiohttp: Any, stage: Stage, label: str, action: Any) -> None:
    try:
        async with action as response:
            stage.saw(f"<{label}>", response.url)
            stage.saw(f"<{label}> status", response.status)
    except aiohttp.ClientError as exc:
        stage.observations.add_error(f"<{label}>", exc)


@scenario
async def locations_that_lead_nowhere(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for location in (
            "ftp://example.org/",
            "http://",
            "http://[::1",
            "http://localhost:99999/",
            "mailto:me@example.org",
            "http:///get",
        ):
            await stage.fails(f"<{location}>", session.get(_to(stage, location)))


@scenario
async def fragments_and_params(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(_to(stage, "/get").with_fragment("part")) as response:
            stage.saw("fragment kept", response.url)
        async with session.get(_to(stage, "/get#new").with_fragment("part")) as response:
            stage.saw("fragment replaced", response.url)
        params = {"url": "/get", "extra": "1"}
        async with session.get(stage.url / "redirect-to", params=params) as response:
            stage.saw("params dropped", response.url)


@scenario
async def credentials_stay_where_they_belong(aiohttp: Any, stage: Stage) -> None:
    auth = aiohttp.BasicAuth("user", "pass")
    other = stage.local / "get"
    async with aiohttp.ClientSession() as session:
        async with session.get(_to(stage, "/get"), auth=auth) as response:
            stage.saw("same origin", response.status)
        async with session.get(_to(stage, other), auth=auth) as response:
            stage.saw("auth", response.status)
        headers = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Other": "kept"}
        async with session.get(_to(stage, other), headers=headers) as response:
            stage.saw("headers", response.status)
        async with session.get(_to(stage, "/get"), headers=headers) as response:
            stage.saw("headers to the same origin", response.status)
        async with session.get(_to(stage, other), cookies={"a": "b"}) as response:
            stage.saw("cookies", response.status)
        in_url = stage.url.with_user("u").with_password("p") / "get"
        async with session.get(_to(stage, in_url)) as response:
            stage.saw("in Location", response.url)


@scenario
async def credentials_of_the_session(aiohttp: Any, stage: Stage) -> None:
    other = stage.local / "get"
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth("user", "pass")) as session:
        async with session.get(_to(stage, other)) as response:
            stage.saw("other origin", response.status)
    headers = {"Authorization": "Bearer x", "X-Other": "kept"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(_to(stage, other)) as response:
            stage.saw("header", response.status)


@scenario
async def bodies_that_are_sent_again(aiohttp: Any, stage: Stage) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"once"

    path = stage.directory / "file"
    path.write_bytes(b"from a file")
    async with aiohttp.ClientSession() as session:
        url = _to(stage, "/echo", 307)
        for name, data in {
            "bytes": b"bytes",
            "str": "text",
            "form": {"a": "b"},
            "BytesIO": io.BytesIO(b"stream"),
        }.items():
            async with session.post(url, data=data) as response:
                stage.saw(name, (await response.json())["body"])
        with path.open("rb") as file:
            async with session.post(url, data=file) as response:
                stage.saw("file", (await response.json())["body"])
        await stage.fails("generator", session.post(url, data=generate()))
        async with session.post(_to(stage, "/echo", 303), data=generate()) as response:
            stage.saw("generator and 303", (await response.json())["body"])
